//! Decides what happens to a restore. Pure: no IO crate is imported here, time comes in as `now`, randomness from outside.
//!
//! What is decided: [`plan`] (the next step), [`look`] (what a listing of jobs decides, from the [`evidence`]), [`claiming`] (what forbids a trigger), [`release`]
//! (when a claim may go), [`item_lock`] (whose turn it is to write over a VM), [`suitability`] (what cannot work, before anything is sent); [`questions`] are what several of them ask.
//! What is written down: [`progress`] and [`following`] fold what happened into the record; [`standstill`] and [`warnings`] say
//! more about a job that does not go on, or has not done everything. The order of effects: [`pass`].
//! What they talk about: [`facts`] and [`jobs`] (Azure's words), [`record`], [`attempt`] and [`note`] (the object's words),
//! [`ids`]; [`ports`] is what they need from the world. [`choose`], [`request`], [`options`], [`retry`] and [`pace`] are their tables.

mod adoption;
pub mod attempt;
pub mod choose;
pub mod claiming;
mod entries;
pub mod evidence;
pub mod facts;
pub mod following;
pub mod ids;
pub mod item_lock;
pub mod jobs;
pub mod look;
pub mod note;
pub mod options;
pub mod pace;
pub mod pass;
pub mod plan;
pub mod ports;
pub mod progress;
pub mod questions;
pub mod record;
pub mod release;
pub mod request;
pub mod retry;
pub mod standstill;
pub mod suitability;
pub mod warnings;

#[cfg(test)]
mod exploration;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod words_tests;
