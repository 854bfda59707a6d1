//! The integration tests: one binary, one real control plane, a namespace for each test.

mod admission;
mod api_use;
mod bad_input;
mod cluster_faults;
mod control_plane;
mod crash;
mod emulator;
mod exactly_once;
mod manifests;
mod process;
mod recovery_points;
mod replay;
mod restore_types;
mod restores;
mod secrets;
mod shapes;
mod support;
