//! Questions about a run that several decisions ask: what is open, what is followed, what a person said, what forbids a
//! trigger.

use jiff::Timestamp;

use super::facts::{Now, ProtectedItem};
use super::ids::{JobId, MAX_ATTEMPTS};
use super::record::{Attempt, AttemptState, Claim, Mark, Resolve, Run};

/// The claim that stands, if it can be read and holds the object back.
pub fn claim_of(run: &Run) -> Option<Claim> {
    match run.mark {
        Mark::Standing(claim) => Some(claim),
        Mark::None | Mark::Unreadable | Mark::WithoutFinalizer(_) => None,
    }
}

/// The item, with the names that Azure gave it.
pub(super) fn item_of(run: &Run) -> Option<ProtectedItem> {
    let names = run.record.item.as_ref()?;
    Some(ProtectedItem {
        container: names.container.clone(),
        name: names.name.clone(),
        source: run.intent.vm.clone(),
        protection_state: String::new(),
        soft_deleted: false,
    })
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

/// Whether only a look, or the operation that Azure named, may say what came of this attempt.
pub fn is_undecided(attempt: &Attempt) -> bool {
    is_open(attempt.state) || attempt.state == AttemptState::Accepted
}

pub(super) fn is_claim_open(claim: Option<Claim>, own: Option<&Attempt>) -> bool {
    claim.is_some() && own.is_none_or(is_undecided)
}

/// An attempt that Azure accepted and whose job is not known.
pub(super) fn accepted_and_open(run: &Run) -> Option<&Attempt> {
    run.record
        .attempts
        .iter()
        .find(|attempt| attempt.accepted && is_undecided(attempt))
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

/// Whether the object itself forbids a trigger: somebody deleted, abandoned, cancelled or suspended it.
pub(super) fn is_forbidden(run: &Run) -> bool {
    run.deleting
        || matches!(run.resolve, Some(Resolve::Abandon(_)))
        || run.control.cancel
        || run.control.suspend
}

/// When the run is no longer followed.
pub(super) fn times_out_at(run: &Run) -> Option<Timestamp> {
    let start = run.record.start_time?;
    start.checked_add(run.control.run_timeout).ok()
}

/// When `timeouts.run` was over, if it is.
pub(super) fn run_timeout_passed(run: &Run, now: Now) -> Option<Timestamp> {
    times_out_at(run).filter(|over| now.wall >= *over)
}

/// Whether nothing forbids a trigger that the run would send now, and it is not too late.
pub(super) fn may_trigger(run: &Run, now: Now) -> bool {
    !is_forbidden(run) && !start_by_passed(run, now)
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
