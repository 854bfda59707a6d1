//! What may happen next, and what it does.

use super::azure::Says;
use super::checks::Checks;
use super::passes::Passes;
use super::state::{State, small};
use super::steps::step;
use super::words::{Call, Marked, Stands, Word};
use super::worlds::Ids;

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    Well,
    /// The list leaves out what it could show for the first time.
    Forgets,
    LostBefore,
    LostAfter,
    Fails,
    /// What Azure says, and how many ticks later the list shows the job.
    Azure(Says, u8),
}

/// Something that may happen next. Processes and runs are named by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Step(u8, u8, Goes),
    Crash(u8),
    JumpClock(u8, i8),
    /// A process that could go on stands still from now on.
    Sleep(u8, u8),
    Wake(u8, u8),
    /// Five minutes pass.
    Tick,
    /// A request that is under way takes effect.
    Effect(u8),
    /// A job ends; whether it fails.
    Finish(u8, bool),
    StopFillingIds,
    LoseVault,
    FindVault,
    EraseStatus(u8),
    RollStatusBack(u8),
    SpoilAnnotation(u8),
    EarlierClaim(u8),
    RemoveFinalizer(u8),
    Delete(u8),
    Apply(u8),
    Suspend(u8, bool),
    Cancel(u8),
    StartByNow(u8),
    Retry(u8),
    Adopt(u8, u8),
    Abandon(u8),
}

impl Move {
    /// Whether it is one of the faults that a world has only so many of.
    fn is_fault(self) -> bool {
        match self {
            Self::Step(_, _, goes) => match goes {
                Goes::Well | Goes::Forgets | Goes::Azure(Says::Accepted, 0..=1) => false,
                Goes::LostBefore | Goes::LostAfter | Goes::Fails | Goes::Azure(..) => true,
            },
            Self::Tick
            | Self::Sleep(..)
            | Self::Wake(..)
            | Self::Effect(_)
            | Self::Finish(_, false)
            | Self::FindVault
            | Self::Apply(_)
            | Self::Suspend(_, false)
            | Self::Retry(_)
            | Self::Adopt(..)
            | Self::Abandon(_) => false,
            Self::Crash(_)
            | Self::JumpClock(..)
            | Self::Finish(_, true)
            | Self::StopFillingIds
            | Self::LoseVault
            | Self::EraseStatus(_)
            | Self::RollStatusBack(_)
            | Self::SpoilAnnotation(_)
            | Self::EarlierClaim(_)
            | Self::RemoveFinalizer(_)
            | Self::Delete(_)
            | Self::Suspend(_, true)
            | Self::Cancel(_)
            | Self::StartByNow(_) => true,
        }
    }
}

/// Everything that may happen in a state.
pub fn moves(passes: &Passes, state: &State) -> Vec<Move> {
    let bounds = &passes.bounds;
    let mut moves = Vec::with_capacity(16);
    for place in state.places() {
        if state.can_step(place) && (!state.interrupts(place) || state.interruptions > Some(0)) {
            steps(passes, state, place, &mut moves);
        }
    }
    for (place, process) in state.processes.iter().enumerate() {
        let under_way = process.seats.iter().any(|seat| seat.flight.is_some());
        if bounds.crashes && under_way {
            moves.push(Move::Crash(small(place)));
        }
        let jump = i8::try_from(bounds.clock_jump).unwrap_or(0);
        for skew in [-jump, jump]
            .into_iter()
            .filter(|skew| *skew != process.skew)
        {
            moves.push(Move::JumpClock(small(place), skew));
        }
    }
    moves.extend((0..small(state.posts.len())).map(Move::Effect));
    for (place, job) in state.jobs.iter().enumerate() {
        if job.stands == Stands::Runs {
            moves.push(Move::Finish(small(place), false));
            if bounds.failing_jobs {
                moves.push(Move::Finish(small(place), true));
            }
        }
    }
    // Whatever was sent takes effect before its time-out, which is shorter than a tick. One pass at a time stands still.
    let seats = state.places().map(|place| state.seat(place));
    let under_way = seats.filter(|seat| seat.flight.is_some()).count();
    let waited_for = state.sleeps.is_some() && state.places().any(|place| state.can_step(place));
    if state.posts.iter().all(|post| !post.old) && under_way <= 1 && !waited_for {
        moves.push(Move::Tick);
    }
    let sleeper = state.places().find(|place| state.seat(*place).asleep);
    if let Some((process, run)) = sleeper {
        moves.push(Move::Wake(small(process), small(run)));
    } else if state.sleeps > Some(0) {
        let awake = state.places().filter(|place| state.can_step(*place));
        moves.extend(awake.map(|(process, run)| Move::Sleep(small(process), small(run))));
    }
    if bounds.ids == Ids::MayStop && state.fills {
        moves.push(Move::StopFillingIds);
    }
    match state.vault {
        true if bounds.vault_goes => moves.push(Move::LoseVault),
        true => {}
        false => moves.push(Move::FindVault),
    }
    for run in 0..state.runs.len() {
        people(passes, state, run, &mut moves);
    }
    if state.faults == 0 {
        moves.retain(|action| !action.is_fault());
    }
    moves
}

fn steps(passes: &Passes, state: &State, place: (usize, usize), moves: &mut Vec<Move>) {
    let bounds = &passes.bounds;
    let call = state.call(passes, place);
    let mut push = |goes| moves.push(Move::Step(small(place.0), small(place.1), goes));
    if let Call::Trigger(..) = call {
        push(Goes::Azure(Says::Accepted, 0));
        push(Goes::Azure(Says::Accepted, 1));
        if bounds.answers {
            for says in Says::FAULTS {
                push(Goes::Azure(says, 1));
            }
        }
        if bounds.lag > 1 {
            push(Goes::Azure(Says::Accepted, bounds.lag));
            push(Goes::Azure(Says::LostAndDone, bounds.lag));
        }
        return;
    }
    push(Goes::Well);
    if matches!(call, Call::Jobs(_)) && state.has_young_jobs() {
        push(Goes::Forgets);
    }
    if bounds.losses {
        if call.writes() {
            push(Goes::LostBefore);
            push(Goes::LostAfter);
        }
        if matches!(call, Call::Jobs(_) | Call::Operation(_)) {
            push(Goes::Fails);
        }
    }
}

fn people(passes: &Passes, state: &State, run: usize, moves: &mut Vec<Move>) {
    let bounds = &passes.bounds;
    let number = small(run);
    let intended = state.run(run);
    let Some(object) = &intended.object else {
        moves.push(Move::Apply(number));
        return;
    };
    if bounds.meddling {
        if object.record != 0 {
            moves.push(Move::EraseStatus(number));
            if intended.before != object.record {
                moves.push(Move::RollStatusBack(number));
            }
        }
        if let Marked::Standing(_) = object.mark {
            moves.push(Move::SpoilAnnotation(number));
            if !object.deleting {
                moves.push(Move::RemoveFinalizer(number));
            }
        }
    }
    let stands = object.mark.standing();
    if bounds.older_claims
        && stands.is_some()
        && intended.earlier.is_some_and(|it| stands != Some(it))
    {
        moves.push(Move::EarlierClaim(number));
    }
    let held = !matches!(object.mark, Marked::WithoutFinalizer(_));
    if bounds.deletions && !object.deleting && held {
        moves.push(Move::Delete(number));
    }
    if intended.controls.suspend {
        moves.push(Move::Suspend(number, false));
    }
    if bounds.edits {
        if !intended.controls.suspend {
            moves.push(Move::Suspend(number, true));
        }
        if !intended.controls.cancel {
            moves.push(Move::Cancel(number));
        }
        if intended.controls.start_by.is_none_or(|left| left > 0) {
            moves.push(Move::StartByNow(number));
        }
    }
    let standing = object.mark.standing();
    let blocked = standing.is_some_and(|claim| {
        let record = passes.tables.record(object.record);
        let own = record.of_claim(claim.claim());
        own.is_some_and(|own| own.state == super::super::record::AttemptState::Blocked)
    });
    if state.persons > 0 && object.resolve.is_none() && blocked && state.posts.is_empty() {
        let jobs = state.jobs.iter().enumerate();
        let alive =
            jobs.filter(|(_, job)| usize::from(job.run) == run && job.stands != Stands::Failed);
        moves.push(match alive.last() {
            Some((place, _)) => Move::Adopt(number, small(place)),
            None => Move::Retry(number),
        });
        moves.push(Move::Abandon(number));
    }
}

/// Lets something happen.
pub fn act(passes: &mut Passes, checks: &mut Checks, state: &mut State, action: Move) {
    if action.is_fault() {
        state.faults -= 1;
    }
    match action {
        Move::Step(process, run, goes) => {
            let place = (process.into(), run.into());
            if state.interrupts(place) {
                state.interruptions = state.interruptions.map(|left| left.saturating_sub(1));
            }
            step(passes, checks, state, (place, goes));
            state.has_stepped(place);
        }
        Move::Crash(process) => {
            let process = state.process_mut(process.into());
            for seat in process.seats.iter_mut() {
                *seat = super::state::Seat::NEW;
            }
        }
        Move::Sleep(process, run) => {
            state.sleeps = state.sleeps.map(|left| left - 1);
            let seat = state.seat_mut((process.into(), run.into()));
            seat.asleep = true;
            // Whoever goes on now interrupts nobody.
            seat.at_work = false;
        }
        Move::Wake(process, run) => {
            state.seat_mut((process.into(), run.into())).asleep = false;
        }
        Move::JumpClock(process, skew) => state.process_mut(process.into()).skew = skew,
        Move::Tick => state.tick(passes),
        Move::Effect(place) => state.carry_out(place.into()),
        Move::Finish(place, fails) => {
            let job = state.jobs.iter_mut().nth(place.into());
            let job = job.expect("the job is there");
            job.stands = match fails {
                true => Stands::Failed,
                false => Stands::Completed,
            };
        }
        Move::StopFillingIds => state.fills = false,
        Move::LoseVault => state.vault = false,
        Move::FindVault => state.vault = true,
        Move::EraseStatus(run)
        | Move::RollStatusBack(run)
        | Move::SpoilAnnotation(run)
        | Move::EarlierClaim(run)
        | Move::RemoveFinalizer(run)
        | Move::Delete(run)
        | Move::Apply(run)
        | Move::Suspend(run, _)
        | Move::Cancel(run)
        | Move::StartByNow(run)
        | Move::Retry(run)
        | Move::Adopt(run, _)
        | Move::Abandon(run) => {
            meddle(state, run.into(), action);
            state.changed(passes, run.into());
        }
    }
    state.settle(passes);
}

fn meddle(state: &mut State, run: usize, action: Move) {
    if let Move::Apply(_) = action {
        state.create(run);
        return;
    }
    state.persons -= u8::from(matches!(
        action,
        Move::Retry(_) | Move::Adopt(..) | Move::Abandon(_)
    ));
    let intended = state.run_mut(run);
    let before = intended.before;
    let Some(object) = &mut intended.object else {
        return;
    };
    let claim = object.mark.standing();
    let is_claimed = object.mark != Marked::None;
    let name = claim.map_or(0, |claim| claim.name);
    match action {
        Move::EraseStatus(_) => {
            object.record = 0;
            intended.status_lost = true;
        }
        Move::RollStatusBack(_) => {
            object.record = before;
            intended.status_lost = true;
        }
        Move::SpoilAnnotation(_) => {
            object.mark = Marked::Unreadable;
            intended.meddled = true;
        }
        Move::EarlierClaim(_) => {
            if let Some(earlier) = intended.earlier {
                object.mark = Marked::Standing(earlier);
                intended.meddled = true;
            }
        }
        Move::RemoveFinalizer(_) => {
            if let Some(claim) = claim {
                object.mark = Marked::WithoutFinalizer(claim);
                intended.meddled = true;
            }
        }
        Move::Suspend(_, on) => intended.controls.suspend = on,
        Move::Cancel(_) => intended.controls.cancel = true,
        Move::StartByNow(_) => intended.controls.start_by = Some(0),
        Move::Retry(_) => {
            object.resolve = Some(Word::Retry(name));
            intended.person_retried = true;
            // The person has looked: nothing of it runs, and nothing is under way.
            intended.in_doubt = false;
        }
        Move::Adopt(_, job) => object.resolve = Some(Word::Adopt(name, job)),
        Move::Abandon(_) => {
            object.resolve = Some(Word::Abandon(name));
            // Who applies the object again means it.
            intended.in_doubt = false;
        }
        _ => object.deleting = true,
    }
    intended.edited |= matches!(action, Move::StartByNow(_)) && is_claimed;
}
