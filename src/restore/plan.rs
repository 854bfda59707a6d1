//! Decides what a run does next. Pure: the whole of the exactly-once protocol that is a decision stands here, in
//! [`super::look`], [`super::release`] and [`super::item_lock`]; the order of effects stands in [`super::pass`].
//!
//! Words: a claim *stands* while its annotation is on the object. It is *decided* once the record, under that very claim
//! id, says what came of it; until then it is *open*, and only a look at the vault's jobs may say more.

use jiff::SignedDuration;

use super::facts::Now;
use super::ids::{JobId, OperationId};
use super::pace::Limits;
use super::questions::{
    followed, is_claim_open, is_undecided, may_trigger, resolution, run_timeout_passed,
};
use super::record::{Attempt, AttemptState, Claim, End, Failure, Mark, Memory, Resolve, Run};
use super::release::{
    is_claim_seen_for_long, is_known_for_long, is_silent_deletion, lets_go_without_look,
};

/// What a pass does with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The claim cannot be read: put `0/<fresh id>` in its place, under which nothing is ever sent.
    PlacePlaceholder,
    /// The claim lost its finalizer: put it back.
    RestoreFinalizer(Claim),
    /// Something that needs the vault.
    Azure(Act),
    /// Write down how it ended.
    End(End, String),
    /// Remove claim and finalizer.
    LetGo,
    /// Nothing before this much time has passed.
    Wait(SignedDuration),
    /// The status cannot be understood: say so and touch nothing else.
    SayUnreadable,
    /// The vault of the status is not the vault of the object: say so.
    SayVaultChanged,
    /// The job is not followed while `suspend` stands: say so.
    SaySuspended(JobId),
    /// Nothing, until somebody changes the object.
    Rest,
}

/// What needs the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Find the item and choose the recovery point.
    Select,
    /// List the vault's jobs, then ask [`super::look::after_look`].
    Look,
    /// Read the operation.
    ReadOperation(OperationId),
    /// Follow the job.
    Follow(JobId),
}

/// The next step of a run, from what its object says and what this process remembers.
pub fn next(run: &Run, memory: &Memory, now: Now, limits: &Limits) -> Step {
    let claim = match run.mark {
        Mark::Unreadable => return Step::PlacePlaceholder,
        Mark::WithoutFinalizer(claim) => return Step::RestoreFinalizer(claim),
        Mark::Standing(claim) => Some(claim),
        Mark::None => None,
    };
    let own = claim.and_then(|claim| run.record.of_claim(claim));

    let known_for_long = match own {
        Some(own) => is_known_for_long(own, memory, now, limits),
        None => claim.is_some_and(|claim| is_claim_seen_for_long(claim.id, memory, now, limits)),
    };
    if claim.is_some_and(|claim| is_set_back(run, claim, memory)) {
        return Step::PlacePlaceholder;
    }
    if let Some(step) = abandoned(run, claim, own, known_for_long) {
        return step;
    }
    if run.record.unreadable.is_some() {
        return Step::SayUnreadable;
    }
    let ended = run.record.end.is_some() && (claim.is_none() || own.is_some());
    if ended {
        return match claim {
            None => Step::Rest,
            Some(_) if lets_go_without_look(run, own) => Step::LetGo,
            Some(_) => wait_or(run, memory, now, Step::Azure(Act::Look)),
        };
    }
    if run.deleting && claim.is_none() {
        return Step::Rest;
    }
    if run.deleting && lets_go_without_look(run, own) {
        return Step::LetGo;
    }
    if let Some(vault) = &run.record.vault
        && *vault != run.intent.vault
    {
        return Step::SayVaultChanged;
    }
    if claim.is_none() && (has_open_attempt(run) || lost_its_claim(run, memory, now, limits)) {
        // Somebody removed a claim whose outcome is open: nothing may be sent before a whole window is over.
        return Step::PlacePlaceholder;
    }
    if !is_claim_open(claim, own)
        && was_asked_since_time_out(run, memory, now, limits)
        && let Some(step) = timed_out(run, now)
    {
        return step;
    }
    let step = forward(run, own, claim, now);
    wait_or(run, memory, now, step)
}

/// Whether somebody said something that this process has not acted on yet, or deleted the object, of which status says nothing
/// yet: it need not wait for what it waited for.
fn is_news(run: &Run, memory: &Memory) -> bool {
    let word = resolution(run);
    word.is_some_and(|word| memory.heeded.as_ref() != Some(word)) || is_silent_deletion(run)
}

fn has_open_attempt(run: &Run) -> bool {
    run.record.attempts.iter().any(is_undecided)
}

/// Whether somebody set the annotation back to an older claim: this process saw a later one, or the record names one. What is
/// recorded under the older claim, and its window, decide nothing then.
fn is_set_back(run: &Run, claim: Claim, memory: &Memory) -> bool {
    if memory.latest_claim.is_some_and(|latest| latest != claim.id) {
        return true;
    }
    let is_decided = !is_claim_open(Some(claim), run.record.of_claim(claim));
    let names_later = |other: &Attempt| match other.number {
        // The first claim after a placeholder settles it.
        0 => is_decided && is_undecided(other),
        number => number > claim.attempt,
    };
    // A placeholder stands beside whatever was before it.
    claim.attempt > 0
        && run
            .record
            .attempts
            .iter()
            .any(|other| other.claim.is_some_and(|id| id != claim.id) && names_later(other))
}

/// Whether the claim that this process saw last, less than a window ago, has gone without a word in the record: finalizer
/// and annotation were replaced away together, perhaps while its trigger was under way.
fn lost_its_claim(run: &Run, memory: &Memory, now: Now, limits: &Limits) -> bool {
    let latest = memory.latest_claim;
    let mut attempts = run.record.attempts.iter();
    latest.is_some_and(|latest| {
        !is_claim_seen_for_long(latest, memory, now, limits)
            && !attempts.any(|attempt| attempt.claim == Some(latest))
    })
}

/// Whether Azure was asked for the job after `timeouts.run` was over: it may have ended before. A run that knows no job may
/// have lost its status: a look ends it, unless this process could not list the vault's jobs for a whole window.
fn was_asked_since_time_out(run: &Run, memory: &Memory, now: Now, limits: &Limits) -> bool {
    let Some(over) = run_timeout_passed(run, now) else {
        return false;
    };
    let late = now.wall.duration_since(over);
    let since = |asked: SignedDuration| now.boot - asked <= late;
    match followed(run) {
        Some(job) => {
            let asked = memory.asked_for.as_ref().filter(|(asked, _)| *asked == job);
            asked.is_some_and(|(_, asked)| since(*asked))
        }
        None => {
            let window = limits.adoption_window;
            let in_vain = memory.looks_in_vain_since;
            in_vain.is_some_and(|since| late >= window && now.boot >= since + window)
        }
    }
}

/// The step that brings a run forward, if nothing else comes first.
pub(super) fn forward(run: &Run, own: Option<&Attempt>, claim: Option<Claim>, now: Now) -> Step {
    if let Some(attempt) = own
        && attempt.state == AttemptState::Accepted
        && let Some(operation) = &attempt.operation
    {
        return Step::Azure(Act::ReadOperation(operation.clone()));
    }
    if !is_claim_open(claim, own)
        && let Some(job) = followed(run)
    {
        // A deletion waits for what following finds out, and a run times out only after its job was asked for.
        if run.control.suspend && !run.deleting && run_timeout_passed(run, now).is_none() {
            return Step::SaySuspended(job);
        }
        return Step::Azure(Act::Follow(job));
    }
    // A run that may not claim needs no point: the look ends it, holds it, or finds its job.
    let is_new = claim.is_none() && run.record.attempts.is_empty() && run.record.point.is_none();
    if is_new && may_trigger(run, now) && run_timeout_passed(run, now).is_none() {
        return Step::Azure(Act::Select);
    }
    Step::Azure(Act::Look)
}

pub(super) fn wait_or(run: &Run, memory: &Memory, now: Now, step: Step) -> Step {
    let own_pace = memory.not_before.filter(|_| !is_news(run, memory));
    match own_pace.max(memory.refused_until) {
        Some(not_before) if not_before > now.boot => Step::Wait(not_before - now.boot),
        _ => step,
    }
}

pub(super) fn timed_out(run: &Run, now: Now) -> Option<Step> {
    let over = run_timeout_passed(run, now)?;
    let rest = match followed(run) {
        Some(job) => format!("; job {job} goes on in Azure and is no longer followed"),
        // Otherwise a look ends it.
        None => "; the vault's jobs cannot be listed, so whether a job of this run goes on in Azure is not known".to_owned(),
    };
    Some(Step::End(
        End::Failed(Failure::RunTimedOut),
        format!("spec.timeouts.run passed at {over}{rest}"),
    ))
}

/// A person's `abandon`, as far as it ends a run that is blocked on that claim or lets go of one that cannot be read.
pub(super) fn abandoned(
    run: &Run,
    claim: Option<Claim>,
    own: Option<&Attempt>,
    known_for_long: bool,
) -> Option<Step> {
    let (Some(claim), Some(Resolve::Abandon(id))) = (claim, &run.resolve) else {
        return None;
    };
    if *id != claim.id {
        return None;
    }
    if run.record.unreadable.is_some() {
        return (run.deleting && known_for_long).then_some(Step::LetGo);
    }
    match own?.state {
        AttemptState::Blocked => Some(Step::End(
            End::Failed(Failure::Abandoned),
            "a person abandoned this run; whether Azure restored something must be seen in the vault's jobs".to_owned(),
        )),
        AttemptState::NotStarted
        | AttemptState::OperationFailed
        | AttemptState::Abandoned
        // A person named its job, and said this word later.
        | AttemptState::Adopted
            if run.deleting =>
        {
            Some(Step::LetGo)
        }
        // A claim is kept for a job that is known only by its id, and for an accepted attempt whose job never showed: a
        // deletion waits for this word. Said too early, it must not let go of a job that lists may still forget.
        AttemptState::Running
        | AttemptState::Ended
        | AttemptState::JobFailed
        | AttemptState::NotFound
            if run.deleting && known_for_long =>
        {
            Some(Step::LetGo)
        }
        AttemptState::Accepted
            if run.deleting && run.record.end.is_some() && known_for_long =>
        {
            Some(Step::LetGo)
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
