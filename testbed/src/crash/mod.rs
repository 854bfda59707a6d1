//! The crash matrix: the controller is killed at every boundary of a restore, and each time the restore must come out right.
//!
//! A boundary is one request of the controller: (side, method, route, ordinal). The side is Kubernetes, where a
//! [`Proxy`](crate::proxy::Proxy) stands before the real API server, or Azure, where the emulator plays that part itself.
//! Watches and events are no boundaries. `matrix` first records the happy path, which gives the list; then it makes
//! two runs for each boundary, each in a `world` of its own:
//!
//! * **before**: SIGKILL while the request waits to be forwarded. The server never sees it;
//! * **after**: SIGKILL when the request has had its effect and the answer has not been given.
//!
//! The controller is started again and left alone. The `verdict` asks for one job in the ledger and for the same final
//! status as that of the happy path.
//!
//! There are other paths than the happy one (`path`), and the controller can be killed once more while it recovers from a
//! crash: at each `standpoint` that a first crash can leave behind.

mod boundary;
mod machine;
mod matrix;
mod path;
mod standpoint;
mod table;
mod verdict;
mod world;

pub use boundary::{Boundary, Crash, Side};
pub use matrix::{Matrix, Recording, RunResult, Settings};
pub use path::Path;
pub use standpoint::Standpoint;
pub use table::{line, lines, summary};
