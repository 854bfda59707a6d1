//! A process makes a call: the answer, and what the pass makes of it.

use super::azure::Says;
use super::azure::Sent;
use super::checks::Checks;
use super::moves::Goes;
use super::passes::{Due, Passes, Stage, Step};
use super::state::{Flight, State};
use super::words::{Answer, Call, Fault};

/// A process makes its next call, which goes like this; then it goes on to the call after it.
pub fn step(
    passes: &mut Passes,
    checks: &mut Checks,
    state: &mut State,
    (place, mut goes): ((usize, usize), Goes),
) {
    if state.seat(place).flight.is_none() {
        let node = passes.begin(state.root(place));
        let seat = state.seat_mut(place);
        seat.due = None;
        seat.memory = 0;
        seat.flight = Some(Flight {
            node,
            idle: 0,
            stale: 0,
        });
    }
    loop {
        let flight = state.seat(place).flight.expect("a pass is under way");
        let answer = answer(passes, checks, state, (place, flight, goes));
        let step = Step {
            idle: flight.idle,
            skew: state.process(place.0).skew,
            fresh: super::names::fresh(state.named_claims(passes, place.1)),
            answer,
        };
        let node = passes.go_on(flight.node, step);
        let seat = state.seat_mut(place);
        match passes.node(node).stage {
            Stage::Asks(call) => {
                let stale = seat.flight.map_or(0, |flight| flight.stale);
                seat.flight = Some(Flight {
                    node,
                    idle: 0,
                    stale,
                });
                goes = Goes::Well;
                if !call.follows_at_once() {
                    return;
                }
            }
            Stage::Over { due, memory } => {
                seat.flight = None;
                seat.memory = memory;
                let due = match due {
                    Due::Never => None,
                    Due::In(ticks) => Some(ticks),
                };
                seat.due = seat.due.into_iter().chain(due).min();
                return;
            }
        }
    }
}

fn answer(
    passes: &mut Passes,
    checks: &mut Checks,
    state: &mut State,
    (place, flight, goes): ((usize, usize), Flight, Goes),
) -> Answer {
    let call = state.call(passes, place);
    match (call, goes) {
        (_, Goes::LostBefore) => Answer::NotStored(Fault::Lost),
        (_, Goes::Fails) => Answer::NotRead,
        (Call::Trigger(attempt, boot_left, wall_left), goes) => {
            let azure = match goes {
                Goes::Azure(says, lag) => (says, lag),
                _ => (Says::Accepted, 0),
            };
            let sent = Sent {
                attempt,
                boot_left,
                wall_left,
            };
            state.trigger(passes, checks, (place, &flight), sent, azure)
        }
        (Call::Operation(operation), _) => state.read_operation(operation),
        (Call::Job(job), _) => state.read_job(job),
        (Call::Jobs(need), goes) => {
            state.list(passes, (place, &flight), need, goes == Goes::Forgets)
        }
        (call, goes) => {
            let answer = state.store(passes, checks, place.1, (&flight, call));
            match goes {
                Goes::LostAfter => Answer::NotStored(Fault::Lost),
                _ => answer,
            }
        }
    }
}
