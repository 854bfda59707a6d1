//! Decides what happens to a restore. Pure: no IO crate is imported here, time comes in as `now`, randomness from outside.

pub mod facts;
pub mod ids;
pub mod ports;
pub mod record;
pub mod request;
