//! Calm weather: whether everything comes to rest, and says what it waits for.

use super::super::record::{AttemptState, Mark, Phase};
use super::seats::{Goes, State};
use super::world::Fixed;

/// Nothing goes wrong any more, every process gets its turn, and time goes on: everything must end, or say whom it waits for.
pub fn calm(fixed: &Fixed, mut state: State) -> Result<(), String> {
    let end = state.world.tick + 40;
    let mut steps = 0_u32;
    // What rests is left alone for a while longer, so that it could still turn out not to.
    let mut resting = 0;
    while state.world.tick < end && resting < 4 {
        while !state.world.posts.is_empty() {
            state.world.carry_out(fixed, 0);
        }
        for index in 0..state.seats.len() {
            while state.can_step(index) {
                state.step(fixed, index, Goes::Well);
                steps += 1;
                if let Some(wrong) = &state.world.violation {
                    return Err(format!("in calm weather: {wrong}"));
                }
                if steps > 4_000 {
                    return Err("in calm weather: passes without end".to_owned());
                }
            }
        }
        let quiet = |index| !state.can_step(index);
        if (0..state.seats.len()).all(quiet) {
            state.world.tick += 1;
            resting = if rests(&state) { resting + 1 } else { 0 };
        }
    }
    for run in &state.world.runs {
        let Some(object) = &run.object else { continue };
        let record = &object.record;
        let blocked = record.phase == Phase::Blocked;
        if record.end.is_none() && !blocked {
            return Err(format!(
                "no end and not blocked: {:?} {:?}",
                record.phase, record.note
            ));
        }
        let way_out = record.note.message.contains("abandon:");
        if (blocked && record.is_blocked_on_a_claim() || object.deleting) && !way_out {
            return Err(format!("waits, and says not for what: {:?}", record.note));
        }
        let keeps = record.attempts.iter().any(|attempt| {
            attempt.state == AttemptState::Adopted
                || attempt.accepted
                    && attempt.job.is_none()
                    && attempt.state != AttemptState::OperationFailed
        });
        if record.end.is_some() && object.mark != Mark::None && fixed.bounds.ids_filled && !keeps {
            return Err(format!("ended, and keeps its claim: {:?}", record.attempts));
        }
    }
    Ok(())
}

/// Whether nothing but a person changes anything any more.
fn rests(state: &State) -> bool {
    state.world.runs.iter().all(|run| {
        run.object.as_ref().is_none_or(|object| {
            object.record.phase == Phase::Blocked
                || object.record.end.is_some() && object.mark == Mark::None
        })
    })
}
