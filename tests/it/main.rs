//! The integration tests: one binary, one real control plane, a namespace for each test.

mod admission;
mod control_plane;
mod emulator;
mod identity;
mod manifests;
mod replay;
mod restore;
mod support;
