//! Visits every state of a world once, depth first, and checks each.

use std::collections::HashSet;
use std::time::Instant;

use super::super::facts::JobStatus;
use super::super::record::{Mark, Resolve};
use super::azure::Says;
use super::calm::calm;
use super::script::Call;
use super::seats::{Goes, State};
use super::world::Fixed;
use super::worlds::Bounds;

/// Something that may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Step(usize, Goes),
    Crash(usize),
    /// Five minutes pass.
    Tick,
    /// A request that is under way takes effect.
    Effect(usize),
    EraseStatus(usize),
    RollStatusBack(usize),
    SpoilAnnotation(usize),
    RemoveFinalizer(usize),
    Delete(usize),
    Apply(usize),
    Person(usize, Word),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Retry,
    Adopt(usize),
    Abandon,
}

/// What came of a search.
#[derive(Debug, Default)]
pub struct Found {
    pub states: usize,
    pub transitions: usize,
    pub depth: usize,
    pub calm: usize,
    /// States in which a residual risk made a second job.
    pub excused_second_jobs: usize,
    pub seconds: f64,
    /// The first thing that was wrong, and how it came to it.
    pub violation: Option<(String, Vec<String>)>,
}

/// Explores a world. A search that was told to stop after so many states says so by their number.
pub fn explore(bounds: Bounds, most: usize, mut progress: impl FnMut(&Found)) -> Found {
    let fixed = Fixed::new(bounds);
    let start = Instant::now();
    let mut found = Found::default();
    let mut told_at = 0.0;
    let mut seen: HashSet<u64> = HashSet::new();
    let mut calm_seen: HashSet<u64> = HashSet::new();
    let first = State::new(&fixed);
    seen.insert(first.hash());
    // How each state was reached: the number of the state before it, and the move.
    let mut ways: Vec<(u32, Move)> = vec![(0, Move::Tick)];
    let mut open: Vec<(State, u32, usize)> = vec![(first, 0, 0)];
    while let Some((state, number, depth)) = open.pop() {
        found.depth = found.depth.max(depth);
        for action in moves(&fixed, &state) {
            found.transitions += 1;
            let mut next = state.clone();
            act(&fixed, &mut next, action);
            let new = seen.insert(next.hash());
            if !new && next.world.violation.is_none() {
                continue;
            }
            ways.push((number, action));
            let way = u32::try_from(ways.len() - 1).unwrap_or(u32::MAX);
            let mut wrong = next.world.violation.clone();
            if wrong.is_none() && next.world.tick >= bounds.ticks {
                if calm_seen.insert(next.hash()) {
                    found.calm += 1;
                    wrong = calm(&fixed, next.clone()).err();
                }
                found.excused_second_jobs +=
                    usize::from(next.world.jobs.len() > 1 && next.world.excused);
            } else if wrong.is_none() {
                open.push((next, way, depth + 1));
            }
            if let Some(wrong) = wrong {
                found.violation = Some((wrong, told(&fixed, &ways, way)));
                break;
            }
        }
        found.states = seen.len();
        found.seconds = start.elapsed().as_secs_f64();
        if found.violation.is_some() || found.states >= most {
            break;
        }
        if found.seconds >= told_at + 20.0 {
            told_at = found.seconds;
            progress(&found);
        }
    }
    found
}

/// Everything that may happen in a state.
fn moves(fixed: &Fixed, state: &State) -> Vec<Move> {
    let (world, bounds) = (&state.world, &fixed.bounds);
    let mut moves = Vec::new();
    let faults = world.faults > 0;
    for index in 0..state.seats.len() {
        if !state.can_step(index) {
            continue;
        }
        let call = state.call(index);
        let is_trigger = matches!(call, Call::Trigger(..));
        if is_trigger {
            for lag in 0..2 {
                moves.push(Move::Step(index, Goes::Azure(Says::Accepted, lag)));
            }
        } else {
            moves.push(Move::Step(index, Goes::Well));
        }
        if matches!(call, Call::Jobs(..)) && world.has_young_jobs() {
            moves.push(Move::Step(index, Goes::Forgets));
        }
        if !faults {
            continue;
        }
        if is_trigger && bounds.answers {
            for says in Says::FAULTS {
                moves.push(Move::Step(index, Goes::Azure(says, 1)));
            }
        }
        if is_trigger && bounds.late_lists {
            for says in [Says::Accepted, Says::LostAndDone] {
                moves.push(Move::Step(index, Goes::Azure(says, 5)));
            }
        }
        let writes = matches!(
            call,
            Call::WriteClaim(..)
                | Call::LetGo(_)
                | Call::Save(..)
                | Call::TakeLock(_)
                | Call::ReleaseLock(_)
        );
        if writes && bounds.losses {
            moves.push(Move::Step(index, Goes::LostBefore));
            moves.push(Move::Step(index, Goes::LostAfter));
        }
        if matches!(call, Call::Jobs(..)) && bounds.losses {
            moves.push(Move::Step(index, Goes::Fails));
        }
        if bounds.crashes && state.seats[index].flight.is_some() {
            moves.push(Move::Crash(index));
        }
    }
    moves.extend((0..world.posts.len()).map(Move::Effect));
    // Whatever was sent takes effect before its time-out, which is shorter than a tick.
    if world.posts.iter().all(|post| post.sent == world.tick) {
        moves.push(Move::Tick);
    }
    for (run, intended) in world.runs.iter().enumerate() {
        let Some(object) = &intended.object else {
            moves.push(Move::Apply(run));
            continue;
        };
        if faults && bounds.meddling {
            let is_empty = *object.record == Default::default();
            if !is_empty {
                moves.push(Move::EraseStatus(run));
            }
            if *intended.before != *object.record && !is_empty {
                moves.push(Move::RollStatusBack(run));
            }
            if let Mark::Standing(_) = object.mark {
                moves.push(Move::SpoilAnnotation(run));
                if !object.deleting {
                    moves.push(Move::RemoveFinalizer(run));
                }
            }
            if !object.deleting && !matches!(object.mark, Mark::WithoutFinalizer(_)) {
                moves.push(Move::Delete(run));
            }
        }
        if world.persons > 0
            && object.resolve.is_none()
            && world.blocked_on(run).is_some()
            && world.posts.is_empty()
        {
            let alive = world
                .jobs
                .iter()
                .rposition(|job| job.run == run && job.status(world.tick) != JobStatus::Failed);
            moves.push(Move::Person(run, alive.map_or(Word::Retry, Word::Adopt)));
            moves.push(Move::Person(run, Word::Abandon));
        }
    }
    moves
}

/// Lets something happen.
fn act(fixed: &Fixed, state: &mut State, action: Move) {
    match action {
        Move::Step(index, goes) => {
            let free = matches!(goes, Goes::Well | Goes::Forgets)
                || matches!(goes, Goes::Azure(Says::Accepted, 0..=1));
            state.world.faults -= u8::from(!free);
            state.step(fixed, index, goes);
        }
        Move::Crash(index) => {
            state.world.faults -= 1;
            state.crash(index);
        }
        Move::Tick => state.world.tick += 1,
        Move::Effect(index) => state.world.carry_out(fixed, index),
        Move::Apply(run) => {
            state.world.create(run);
            state.wake(run);
        }
        Move::Person(run, word) => {
            state.world.persons -= 1;
            person(state, run, word);
            state.world.changed(run);
            state.wake(run);
        }
        Move::EraseStatus(run)
        | Move::RollStatusBack(run)
        | Move::SpoilAnnotation(run)
        | Move::RemoveFinalizer(run)
        | Move::Delete(run) => {
            state.world.faults -= 1;
            meddle(state, run, action);
            state.world.changed(run);
            state.wake(run);
        }
    }
}

fn meddle(state: &mut State, run: usize, action: Move) {
    let intended = &mut state.world.runs[run];
    let Some(object) = &mut intended.object else {
        return;
    };
    match action {
        Move::EraseStatus(_) => {
            object.record = Default::default();
            intended.status_lost = true;
        }
        Move::RollStatusBack(_) => {
            object.record = intended.before.clone();
            intended.status_lost = true;
        }
        Move::SpoilAnnotation(_) => {
            object.mark = Mark::Unreadable;
            intended.meddled = true;
        }
        Move::RemoveFinalizer(_) => {
            if let Mark::Standing(claim) = object.mark {
                object.mark = Mark::WithoutFinalizer(claim);
                intended.meddled = true;
            }
        }
        _ => object.deleting = true,
    }
}

fn person(state: &mut State, run: usize, word: Word) {
    let Some(claim) = state.world.standing(run) else {
        return;
    };
    let job = match word {
        Word::Adopt(index) => Some(state.world.job_id(index)),
        Word::Retry | Word::Abandon => None,
    };
    let intended = &mut state.world.runs[run];
    intended.person_retried |= word == Word::Retry;
    if let Some(object) = &mut intended.object {
        object.resolve = Some(match (word, job) {
            (Word::Retry, _) => Resolve::Retry(claim.id),
            (_, Some(job)) => Resolve::Adopt(claim.id, job),
            (_, None) => Resolve::Abandon(claim.id),
        });
    }
}

/// The way to a state, for people.
fn told(fixed: &Fixed, ways: &[(u32, Move)], last: u32) -> Vec<String> {
    let mut actions = Vec::new();
    let mut number = last;
    while number != 0 {
        let (before, action) = ways[number as usize];
        actions.push(action);
        number = before;
    }
    actions.reverse();
    let mut state = State::new(fixed);
    let mut lines = Vec::new();
    for action in actions {
        let call = match action {
            Move::Step(index, _) | Move::Crash(index) => {
                let text = format!("{:?}", state.call(index));
                text.chars().take_while(|c| c.is_alphabetic()).collect()
            }
            _ => String::new(),
        };
        act(fixed, &mut state, action);
        let runs: Vec<String> = state
            .world
            .runs
            .iter()
            .map(|run| match &run.object {
                None => "gone".to_owned(),
                Some(object) => {
                    let attempts: Vec<String> = object
                        .record
                        .attempts
                        .iter()
                        .map(|attempt| format!("{}:{:?}", attempt.number, attempt.state))
                        .collect();
                    let deleting = if object.deleting { " deleting" } else { "" };
                    format!(
                        "{:?} {:?} [{}]{deleting}",
                        object.mark,
                        object.record.phase,
                        attempts.join(" ")
                    )
                }
            })
            .collect();
        lines.push(format!(
            "t{} {action:?} {call} -> {} jobs {:?}",
            state.world.tick,
            runs.join(" | "),
            state
                .world
                .jobs
                .iter()
                .map(|job| (job.run, job.attempt, job.visible))
                .collect::<Vec<_>>(),
        ));
    }
    lines
}
