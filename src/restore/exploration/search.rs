//! Visits every state of a world once, breadth first, and checks each transition; and that from every state calm weather leads
//! to rest.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

use super::calm::{self, Calm};
use super::checks::Checks;
use super::moves::{Move, act, moves};
use super::passes::Passes;
use super::state::State;
use super::told::told;
use super::worlds::Bounds;

/// What came of a search.
#[derive(Debug, Default)]
pub struct Found {
    pub states: usize,
    pub transitions: usize,
    /// Different situations in which calm weather ends.
    pub rests: usize,
    /// Most moves that it takes to reach a state.
    pub depth: usize,
    /// Passes that were played, up to an answer each.
    pub passes: usize,
    /// Second jobs that came of a residual risk.
    pub excused: usize,
    pub seconds: f64,
    /// Whether it was stopped because there were too many states.
    pub stopped: bool,
    /// The first thing that was wrong, and how it came to it.
    pub violation: Option<(String, Vec<String>)>,
}

/// The states are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are hashed")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// All states that were reached.
pub struct Reached {
    numbers: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// How each was reached: the state before it, and the move.
    pub ways: Vec<(u32, Move)>,
    open: VecDeque<(State, u32)>,
}

impl Reached {
    fn new(first: State) -> Self {
        let mut reached = Self {
            numbers: HashMap::default(),
            ways: Vec::new(),
            open: VecDeque::new(),
        };
        reached.add(&first, (0, Move::Tick));
        reached
    }

    /// The number of a state; one that is new will be visited.
    pub fn add(&mut self, state: &State, way: (u32, Move)) -> u32 {
        let next = u32::try_from(self.ways.len()).expect("fewer states than numbers");
        let number = *self.numbers.entry(state.hash()).or_insert(next);
        if number == next {
            self.ways.push(way);
            self.open.push_back((*state, number));
        }
        number
    }
}

/// Explores a world, up to so many states.
pub fn explore(bounds: Bounds, most: usize, mut progress: impl FnMut(&Found)) -> Found {
    let start = Instant::now();
    let mut passes = Passes::new(bounds);
    let mut found = Found::default();
    let mut told_at = 0.0;
    let first = State::new(&bounds);
    let mut reached = Reached::new(first);
    let mut calm = Calm::default();
    let mut end_of_level = 0;
    let mut wrong: Option<(String, u32)> = None;
    while let Some((state, number)) = reached.open.pop_front() {
        if number > end_of_level {
            found.depth += 1;
            end_of_level = u32::try_from(reached.ways.len() - 1).unwrap_or(u32::MAX);
        }
        for action in moves(&passes, &state) {
            found.transitions += 1;
            let mut next = state;
            let mut checks = Checks::default();
            act(&mut passes, &mut checks, &mut next, action);
            if checks.excused {
                found.excused += 1;
                continue;
            }
            let way = reached.add(&next, (number, action));
            if let Some(what) = checks.wrong {
                // The state may be known by another way; this one is told.
                reached.ways[way as usize] = (number, action);
                wrong = Some((what, way));
                break;
            }
        }
        if wrong.is_none() {
            wrong =
                calm::comes_to_rest(&mut passes, &mut reached, &mut calm, (state, number)).err();
        }
        found.states = reached.ways.len();
        found.rests = calm.rests;
        found.seconds = start.elapsed().as_secs_f64();
        found.passes = passes.played();
        found.stopped = found.states >= most;
        if wrong.is_some() || found.stopped {
            break;
        }
        if found.seconds >= told_at + 20.0 {
            told_at = found.seconds;
            progress(&found);
        }
    }
    found.violation = wrong.map(|(what, number)| (what, told(bounds, &reached.ways, number)));
    found
}
