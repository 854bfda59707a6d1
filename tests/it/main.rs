//! The integration tests: one binary, one real control plane, a namespace for each test.

mod admission;
mod control_plane;
mod crash;
mod emulator;
mod manifests;
mod replay;
mod support;
