//! Recorded answers of the real Azure, played to the whole controller on the real API server.
//!
//! A recording holds what some other client asked and what Azure answered. The controller asks other things in
//! another order, so the [`player`] gives what was recorded where it fits, makes up the *reads* that the recording
//! lacks from its ids and job bodies, and lists everything that it made up. It never makes up an effect: a *write*
//! that was not recorded fails.
//!
//! * [`recording`]: the file, and what can be read from it;
//! * [`player`]: which answer a request gets (no IO, no clock);
//! * [`job_history`]: the restore's job over time;
//! * [`made_up`]: bodies of reads that nobody recorded;
//! * [`restore_body`]: the request that was sent beside the one that was recorded;
//! * [`server`]: HTTPS, tokens, time;
//! * [`verdict`]: the final status beside what was recorded;
//! * [`runner`]: one scenario after the other, a line each.

pub mod job_history;
pub mod made_up;
pub mod player;
pub mod recording;
pub mod restore_body;
pub mod runner;
pub mod server;
pub mod verdict;

pub use recording::Recording;
pub use runner::{Outcome, Settings, run_all, run_one, summary};
