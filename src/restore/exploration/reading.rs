//! What the deciding side reads of a state.

use super::super::item_lock::{HolderState, state_of};
use super::super::record::Run;
use super::passes::Passes;
use super::real;
use super::state::State;

/// The object as the deciding side reads it.
pub fn read(passes: &Passes, state: &State, run: usize) -> Option<Run> {
    Some(passes.run(state.view(run)?, 0))
}

/// What the live object of a holder says about it.
pub fn holder_state(passes: &Passes, state: &State, run: u8) -> HolderState {
    match read(passes, state, usize::from(run)) {
        Some(read) => state_of(&read, &real::holder(run)),
        None => HolderState::Gone,
    }
}
