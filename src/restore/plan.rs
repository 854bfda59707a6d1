//! Decides what a run does next. Pure: the whole of the exactly-once protocol that is a decision stands in this file and
//! in [`super::progress`]; the order of effects stands in [`super::pass`].
//!
//! Words: a claim *stands* while its annotation is on the object. It is *decided* once the record, under that very claim
//! id, says what came of it; until then it is *open*, and only a look at the vault's jobs may say more.

use jiff::{SignedDuration, Timestamp};

use super::facts::Now;
use super::ids::{JobId, MAX_ATTEMPTS, OperationId};
use super::record::{Attempt, AttemptState, Claim, End, Failure, Mark, Memory, Resolve, Run};
use super::release::lets_go_without_look;

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
pub fn next(run: &Run, memory: &Memory, now: Now) -> Step {
    let claim = match run.mark {
        Mark::Unreadable => return Step::PlacePlaceholder,
        Mark::WithoutFinalizer(claim) => return Step::RestoreFinalizer(claim),
        Mark::Standing(claim) => Some(claim),
        Mark::None => None,
    };
    let own = claim.and_then(|claim| run.record.of_claim(claim));

    if let Some(step) = abandoned(run, claim, own) {
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
            Some(_) => wait_or(memory, now, Step::Azure(Act::Look)),
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
    if claim.is_none()
        && run
            .record
            .attempts
            .iter()
            .any(|attempt| is_open(attempt.state) || attempt.state == AttemptState::Accepted)
    {
        // Somebody removed a claim whose outcome is open: nothing may be sent before a whole window is over.
        return Step::PlacePlaceholder;
    }
    if !is_claim_open(claim, own)
        && followed(run).is_none_or(|job| memory.asked_for.as_ref() == Some(&job))
        && let Some(step) = timed_out(run, now)
    {
        return step;
    }
    let step = forward(run, own, claim, now);
    if resolution(run).is_some_and(|word| memory.heeded.as_ref() != Some(word)) {
        return step;
    }
    wait_or(memory, now, step)
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
        return Step::Azure(Act::Follow(job));
    }
    // A run that may not claim any more needs no point: the look ends it, or finds its job.
    let may_claim = !start_by_passed(run, now) && !matches!(run.resolve, Some(Resolve::Abandon(_)));
    let is_new = claim.is_none() && run.record.attempts.is_empty() && run.record.point.is_none();
    if is_new && may_claim {
        return Step::Azure(Act::Select);
    }
    Step::Azure(Act::Look)
}

pub(super) fn wait_or(memory: &Memory, now: Now, step: Step) -> Step {
    match memory.not_before {
        Some(not_before) if not_before > now.boot => Step::Wait(not_before - now.boot),
        _ => step,
    }
}

pub(super) fn timed_out(run: &Run, now: Now) -> Option<Step> {
    let over = run_timeout_passed(run, now)?;
    let rest = match followed(run) {
        Some(job) => format!("; job {job} goes on in Azure and is no longer followed"),
        None => String::new(),
    };
    Some(Step::End(
        End::Failed(Failure::RunTimedOut),
        format!("spec.timeouts.run passed at {over}{rest}"),
    ))
}

/// When `timeouts.run` was over, if it is.
pub(super) fn run_timeout_passed(run: &Run, now: Now) -> Option<Timestamp> {
    let start = run.record.start_time?;
    let over = start.checked_add(run.control.run_timeout).ok()?;
    (now.wall >= over).then_some(over)
}

/// The attempt whose job is followed: the highest whose job runs.
pub(super) fn followed(run: &Run) -> Option<JobId> {
    run.record
        .attempts
        .iter()
        .filter(|attempt| matches!(attempt.state, AttemptState::Running | AttemptState::Adopted))
        .max_by_key(|attempt| attempt.number)
        .and_then(|attempt| attempt.job.clone())
}

/// A person's `abandon`, as far as it ends a run that is blocked on that claim or lets go of one that cannot be read.
pub(super) fn abandoned(run: &Run, claim: Option<Claim>, own: Option<&Attempt>) -> Option<Step> {
    let (Some(claim), Some(Resolve::Abandon(id))) = (claim, &run.resolve) else {
        return None;
    };
    if *id != claim.id {
        return None;
    }
    if run.record.unreadable.is_some() {
        return run.deleting.then_some(Step::LetGo);
    }
    match own?.state {
        AttemptState::Blocked => Some(Step::End(
            End::Failed(Failure::Abandoned),
            "a person abandoned this run; whether Azure restored something must be seen in the vault's jobs".to_owned(),
        )),
        // A claim is kept for a job that is known only by its id, or that a person named, and for an accepted attempt whose
        // job never showed: a deletion waits for this word.
        AttemptState::Running
        | AttemptState::Adopted
        | AttemptState::Ended
        | AttemptState::JobFailed
        | AttemptState::NotFound
        | AttemptState::NotStarted
        | AttemptState::OperationFailed
        | AttemptState::Abandoned
            if run.deleting =>
        {
            Some(Step::LetGo)
        }
        state if run.deleting && run.record.end.is_some() && state == AttemptState::Accepted => {
            Some(Step::LetGo)
        }
        _ => None,
    }
}

/// Whether what came of this attempt is open, so that only a look may decide.
pub fn is_open(state: AttemptState) -> bool {
    match state {
        AttemptState::Claimed
        | AttemptState::Conflict
        | AttemptState::Unknown
        | AttemptState::JobSought
        | AttemptState::Blocked => true,
        AttemptState::NotStarted
        | AttemptState::Accepted
        | AttemptState::OperationFailed
        | AttemptState::Running
        | AttemptState::Adopted
        | AttemptState::Ended
        | AttemptState::JobFailed
        | AttemptState::NotFound
        | AttemptState::Abandoned => false,
    }
}

pub(super) fn is_claim_open(claim: Option<Claim>, own: Option<&Attempt>) -> bool {
    claim.is_some()
        && own.is_none_or(|own| is_open(own.state) || own.state == AttemptState::Accepted)
}

/// An attempt that Azure accepted and whose job is not known.
pub(super) fn accepted_and_open(run: &Run) -> Option<&Attempt> {
    run.record.attempts.iter().find(|attempt| {
        attempt.accepted && (is_open(attempt.state) || attempt.state == AttemptState::Accepted)
    })
}

/// What a person decided, if the run is blocked on the claim that the annotation names.
pub fn resolution(run: &Run) -> Option<&Resolve> {
    let Mark::Standing(claim) = run.mark else {
        return None;
    };
    let own = run.record.of_claim(claim)?;
    let resolve = run.resolve.as_ref()?;
    let (Resolve::Retry(id) | Resolve::Adopt(id, _) | Resolve::Abandon(id)) = resolve;
    (own.state == AttemptState::Blocked && *id == claim.id).then_some(resolve)
}

pub(super) fn start_by_passed(run: &Run, now: Now) -> bool {
    run.control
        .start_by
        .is_some_and(|start_by| now.wall >= start_by)
}

/// The exact annotation values by which a person resolves a blocked run.
pub fn resolve_help(run: &Run) -> String {
    let Mark::Standing(claim) = run.mark else {
        return String::new();
    };
    let id = claim.id;
    let attempts = run.record.attempts.iter().map(|attempt| attempt.number);
    let used_up = attempts.max().unwrap_or(0).max(claim.attempt) >= MAX_ATTEMPTS;
    let retry = if used_up {
        // A person's retry is refused too: every id that a look searches for is used.
        String::new()
    } else {
        let until = match run.control.start_by {
            Some(start_by) => format!(", until spec.startBy, {start_by}"),
            None => String::new(),
        };
        format!("retry:{id} (no restore runs: try again{until}), ")
    };
    format!(
        "look at the vault's restore jobs of this vm, then set the annotation vmrestore.azurebackup.dev/resolve to {retry}adopt:{id}/<job id> (that job is it) or abandon:{id} (end this run)"
    )
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
