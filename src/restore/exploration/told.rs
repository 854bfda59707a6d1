//! The way to a state, for people.

use super::checks::Checks;
use super::moves::{Move, act};
use super::passes::Passes;
use super::state::State;
use super::words::told as told_attempt;
use super::worlds::Bounds;

/// One line for each move: the move, the call that it answers, and what it led to.
pub fn told(bounds: Bounds, ways: &[(u32, Move)], last: u32) -> Vec<String> {
    let mut actions = Vec::new();
    let mut number = last;
    while number != 0 {
        let (before, action) = ways[number as usize];
        actions.push(action);
        number = before;
    }
    let mut passes = Passes::new(bounds);
    let mut state = State::new(&bounds);
    let mut ticks = 0;
    let mut lines = Vec::new();
    for action in actions.into_iter().rev() {
        let call = match action {
            Move::Step(process, run, _) => {
                format!(" {:?}", state.call(&passes, (process.into(), run.into())))
            }
            _ => String::new(),
        };
        ticks += u32::from(action == Move::Tick);
        act(&mut passes, &mut Checks::default(), &mut state, action);
        lines.push(format!(
            "t{ticks} {action:?}{call} -> {}",
            situation(&passes, &state)
        ));
    }
    if let Some(run) = (0..state.runs.len()).find_map(|run| state.object(run)) {
        lines.push(format!("{:?}", passes.tables.record(run.record)));
    }
    lines
}

fn situation(passes: &Passes, state: &State) -> String {
    let runs = state.runs.iter().map(|run| match &run.object {
        None => "gone".to_owned(),
        Some(object) => {
            let record = passes.tables.record(object.record);
            let attempts: Vec<String> = record.attempts.iter().map(told_attempt).collect();
            let deleting = if object.deleting { " deleting" } else { "" };
            format!(
                "{:?} {:?} [{}]{deleting}",
                object.mark,
                record.phase,
                attempts.join(" ")
            )
        }
    });
    let jobs = state.jobs.iter().enumerate().map(|(place, job)| {
        format!(
            "j{place}=r{}/{} {:?} {}",
            job.run, job.attempt, job.stands, job.hidden
        )
    });
    let due = state.places().map(|place| {
        let seat = state.seat(place);
        match seat.flight {
            Some(flight) => format!("n{}+{}", flight.node, flight.idle),
            None => format!("{:?}", seat.due),
        }
    });
    format!(
        "{} {{{}}} due {} lock {:?}",
        runs.collect::<Vec<_>>().join(" | "),
        jobs.collect::<Vec<_>>().join(", "),
        due.collect::<Vec<_>>().join(" "),
        state.lock
    )
}
