//! The Azure side of restoring a VM from Azure Backup, on loopback.
//!
//! `server` takes requests, `gateway` leads each one through counting, faults, tokens, versions, throttling and roles,
//! `azure` answers it from the `scenario` (what exists) and the `world` (what has happened). `progress` says what a job
//! looks like at an instant; the `clock` says what the instant is. `admin` is for tests.

#![expect(
    clippy::result_large_err,
    reason = "a refusal is an answer like any other, made once per request"
)]

mod access;
mod admin;
mod answers;
mod azure;
mod clock;
mod faults;
mod gateway;
mod http;
mod ledger;
mod operation;
mod progress;
mod scenario;
mod server;
mod throttle;
mod tls;
mod token;
mod wire;
mod world;

pub use scenario::{BUILT_IN, Scenario, ScenarioError};
pub use server::{Emulator, Ready, Settings, StartError};
pub use tls::TlsError;
