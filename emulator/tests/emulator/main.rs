//! The emulator over real sockets: what it does as Azure, and what it does for tests.

mod access;
mod faults;
mod lists;
mod points;
mod process;
mod recordings;
mod restore;
mod rights;
mod shapes;
mod support;
mod types;
mod versions;
