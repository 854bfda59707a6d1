//! Calm weather: nothing goes wrong any more, every process gets its turn, and time goes on. Everything must come to rest.

use super::checks::{Checks, rests};
use super::moves::{Goes, Move, act};
use super::passes::Passes;
use super::search::Reached;
use super::state::{State, small};
use super::words::Stands;

/// From which states calm weather is known to lead to rest.
#[derive(Debug, Default)]
pub struct Calm {
    known: Vec<u64>,
    pub rests: usize,
}

impl Calm {
    fn knows(&self, number: u32) -> bool {
        let place = number as usize;
        let bits = self.known.get(place / 64);
        bits.is_some_and(|bits| bits & (1 << (place % 64)) != 0)
    }

    fn learn(&mut self, number: u32) {
        let place = number as usize;
        if self.known.len() <= place / 64 {
            self.known.resize(place / 64 + 1, 0);
        }
        self.known[place / 64] |= 1 << (place % 64);
    }
}

/// What happens next in calm weather.
fn next(passes: &Passes, state: &State) -> Move {
    if !state.vault {
        return Move::FindVault;
    }
    if let Some((process, run)) = state.places().find(|place| state.seat(*place).asleep) {
        return Move::Wake(small(process), small(run));
    }
    let mut runs = state.runs.iter().enumerate();
    let suspended = runs.find(|(_, run)| run.controls.suspend && run.object.is_some());
    if let Some((run, _)) = suspended {
        return Move::Suspend(small(run), false);
    }
    if !state.posts.is_empty() {
        return Move::Effect(0);
    }
    let mut jobs = state.jobs.iter();
    if let Some(place) = jobs.position(|job| job.stands == Stands::Runs) {
        return Move::Finish(small(place), false);
    }
    // Whoever is at work goes on: calm weather interrupts nobody.
    let at_work = state.places().find(|place| state.seat(*place).at_work);
    let ready = at_work.or_else(|| state.places().find(|place| state.can_step(*place)));
    match ready {
        Some(place) => {
            let goes = match state.call(passes, place) {
                super::words::Call::Trigger(..) => Goes::Azure(super::azure::Says::Accepted, 0),
                _ => Goes::Well,
            };
            Move::Step(small(place.0), small(place.1), goes)
        }
        None => Move::Tick,
    }
}

/// Follows calm weather from a state to where it is known to lead to rest, or to where it only goes round: then it rests there,
/// if it is time that passes in between.
pub fn comes_to_rest(
    passes: &mut Passes,
    reached: &mut Reached,
    calm: &mut Calm,
    (mut state, mut number): (State, u32),
) -> Result<(), (String, u32)> {
    let mut path: Vec<(u32, State, Move)> = Vec::new();
    while !calm.knows(number) {
        if let Some(place) = path.iter().position(|(before, ..)| *before == number) {
            let round = &path[place..];
            let passing = round.iter().filter(|(_, _, action)| *action == Move::Tick);
            let mut quiet = 0;
            for (number, state, _) in passing {
                quiet += 1;
                rests(passes, state)
                    .map_err(|wrong| (format!("in calm weather: {wrong}"), *number))?;
            }
            if quiet == 0 {
                return Err(("in calm weather: passes without end".to_owned(), number));
            }
            calm.rests += 1;
            break;
        }
        let action = next(passes, &state);
        path.push((number, state, action));
        let mut checks = Checks::default();
        act(passes, &mut checks, &mut state, action);
        if checks.excused {
            break;
        }
        let before = number;
        number = reached.add(&state, (before, action));
        if let Some(wrong) = checks.wrong {
            reached.ways[number as usize] = (before, action);
            return Err((format!("in calm weather: {wrong}"), number));
        }
    }
    for (number, ..) in path {
        calm.learn(number);
    }
    Ok(())
}
