//! Decides what happens to a restore. Pure: no IO crate is imported here, time comes in as `now`, randomness from outside.
//!
//! Read [`plan`] for what is decided, [`progress`] for what is written down, [`pass`] for the order of effects; what they
//! talk about is in [`facts`] (Azure's words), [`record`] (the object's words) and [`ids`]; [`ports`] is what they need
//! from the world. [`choose`], [`request`], [`retry`] and [`pace`] are tables that they read.

pub mod choose;
pub mod facts;
pub mod ids;
pub mod pace;
pub mod pass;
pub mod plan;
pub mod ports;
pub mod progress;
pub mod record;
pub mod request;
pub mod retry;
