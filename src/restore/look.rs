//! What a complete listing of the vault's jobs decides: adopt, claim, wait, block or end (design 3, steps 2 and "Unknown").

use jiff::SignedDuration;

use super::evidence::Found;
pub use super::evidence::Look;
use super::facts::{JobStatus, JobSummary};
use super::ids::{ArmId, MAX_ATTEMPTS};
use super::item_lock::Turn;
use super::pace;
use super::plan::run_timeout_passed;
use super::questions::{
    accepted_and_open, is_claim_open, may_trigger, resolution, resolve_help, start_by_passed,
};
use super::record::{Attempt, AttemptState, End, Failure, Matching, NoteKind, Resolve};
use super::release::{may_let_go, until_surely_unlisted, until_visible_for_good};
use super::retry;

/// What a look leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This job is the run's: follow it.
    Adopt {
        /// Whose job it is.
        attempt: u8,
        /// The job.
        job: JobSummary,
        /// Whether another job carries the same request id.
        duplicate: bool,
    },
    /// A person says that this job is the run's.
    AdoptAsTold(JobSummary),
    /// Claim this attempt, then trigger.
    Claim(u8),
    /// A 409 meant what it said: nothing started. Wait, then claim again.
    NotStarted,
    /// The point must be chosen first.
    SelectFirst,
    /// It stays open; look again after this time.
    Wait(SignedDuration),
    /// A trigger could follow, but not now: why, for a person. Look again after a while.
    Hold(NoteKind, String),
    /// It cannot be known: a person decides.
    Block(String),
    /// It ends.
    End(End, String),
    /// The object is being deleted and nothing holds it back.
    LetGo,
}

/// What a complete listing, begun after the read of `run`, decides (design 3, steps 2 and "Unknown").
pub fn after_look(look: &Look<'_>) -> Decision {
    let claim = look.claim();
    let own = claim.and_then(|claim| look.run.record.of_claim(claim));
    let open = is_claim_open(claim, own);
    let number = claim.map_or(0, |claim| claim.attempt);
    let wait = look.until_window_is_over();
    let placeholder = claim.is_some_and(|claim| claim.attempt == 0);

    let found = look.found();
    let alive = found
        .iter()
        .rev()
        .find(|found| found.job().status != JobStatus::Failed);
    if let Some(alive) = alive {
        let too_early = open && (alive.attempt < number || placeholder);
        return match wait {
            Some(wait) if too_early => Decision::Wait(wait),
            _ => adopt(alive),
        };
    }
    if let Some(failed) = found.last() {
        let decides = !open || failed.attempt >= number;
        if decides && placeholder && open {
            if let Some(decision) = as_a_person_says(look, own) {
                return decision;
            }
            if let Some(wait) = wait {
                return Decision::Wait(wait);
            }
            if look.proves_nothing(own) {
                return Decision::Block(look.broken_message());
            }
        }
        if decides {
            return after_failed_job(look, failed, own);
        }
    }
    if !open {
        return match own {
            Some(own) if own.state == AttemptState::NotStarted => next_by_itself(look, own.number),
            Some(own) if own.state == AttemptState::OperationFailed => {
                after_failed_operation(look, own)
            }
            _ => after_nothing_found(look),
        };
    }
    open_and_nothing_found(look, own, wait)
}

fn adopt(found: &Found<'_>) -> Decision {
    Decision::Adopt {
        attempt: found.attempt,
        job: found.job().clone(),
        duplicate: found.duplicate,
    }
}

/// No job was found for an open claim.
pub(super) fn open_and_nothing_found(
    look: &Look<'_>,
    own: Option<&Attempt>,
    wait: Option<SignedDuration>,
) -> Decision {
    if own.is_some_and(|own| own.state == AttemptState::Conflict) {
        return Decision::NotStarted;
    }
    // It was blocked under this very claim id, so a whole window is over: a person's word need not wait for another one.
    if let Some(decision) = as_a_person_says(look, own) {
        return decision;
    }
    if let Some(wait) = wait {
        return Decision::Wait(wait);
    }
    let next = look.next_number();
    if look.proves_nothing(own) {
        return Decision::Block(look.broken_message());
    }
    if let Some(accepted) = accepted_and_open(look.run) {
        return Decision::Block(format!(
            "Azure accepted attempt {} but shows no job for it; {}",
            accepted.number,
            resolve_help(look.run)
        ));
    }
    if !look.run.intent.target.may_be_retried() {
        return Decision::Block(format!(
            "whether the trigger started a restore cannot be known and a second one could destroy; {}",
            resolve_help(look.run)
        ));
    }
    if look.run.deleting {
        return Decision::LetGo;
    }
    if next > retry::last_attempt(look.run.control.retry_limit) {
        return Decision::Block(format!(
            "no job of attempt {} was listed within the adoption window and spec.retryLimit ({}) allows no further one; {}",
            next - 1,
            look.run.control.retry_limit,
            resolve_help(look.run)
        ));
    }
    next_by_itself(look, next)
}

/// What a person decided about a blocked claim, if it counts now.
fn as_a_person_says(look: &Look<'_>, own: Option<&Attempt>) -> Option<Decision> {
    own.filter(|own| own.state == AttemptState::Blocked)?;
    let next = look.next_number();
    match resolution(look.run)? {
        Resolve::Retry(_) => {
            let counts = next <= MAX_ATTEMPTS
                && may_trigger(look.run, look.now)
                && !is_forbidden_by_matching(look);
            counts.then(|| would_claim(look, next))
        }
        Resolve::Adopt(_, job) => {
            let seen = look.listing.job(job).filter(|_| look.told_job_is_free)?;
            Some(Decision::AdoptAsTold(seen.job.clone()))
        }
        Resolve::Abandon(_) => None,
    }
}

/// All jobs of this run that were found have failed, and the claim, if one stands, is decided by the newest of them.
pub(super) fn after_failed_job(
    look: &Look<'_>,
    failed: &Found<'_>,
    own: Option<&Attempt>,
) -> Decision {
    let recorded = look
        .run
        .record
        .attempt(failed.attempt)
        .filter(|attempt| attempt.state == AttemptState::JobFailed)
        .filter(|attempt| attempt.job.as_ref() == Some(&failed.job().id));
    let Some(recorded) = recorded else {
        return adopt(failed);
    };
    if let Some(own) = own
        && own.number > failed.attempt
    {
        // The newest claim was decided otherwise: by an operation that failed, or by an answer that nothing started.
        return match own.state {
            AttemptState::NotStarted => next_by_itself(look, own.number),
            AttemptState::OperationFailed => after_failed_operation(look, own),
            AttemptState::NotFound | AttemptState::Abandoned => after_failure(look, recorded),
            _ => after_nothing_found(look),
        };
    }
    after_failure(look, recorded)
}

/// The newest job of this run failed, and is written down as such.
fn after_failure(look: &Look<'_>, recorded: &Attempt) -> Decision {
    let error = recorded
        .error
        .as_ref()
        .map_or("", |error| error.code.as_str());
    let next = look.next_number();
    let allowed = next <= retry::last_attempt(look.run.control.retry_limit);
    if !retry::is_transient(error) || !allowed || !look.run.intent.target.may_be_retried() {
        return Decision::End(
            End::Failed(Failure::JobFailed),
            recorded
                .error
                .as_ref()
                .map_or_else(String::new, |error| error.message.clone()),
        );
    }
    next_by_itself(look, next)
}

/// The operation of the standing claim failed and no job of it is listed.
pub(super) fn after_failed_operation(look: &Look<'_>, own: &Attempt) -> Decision {
    let code = own.error.as_ref().map_or("", |error| error.code.as_str());
    let next = look.next_number();
    if retry::is_transient(code) && next <= retry::last_attempt(look.run.control.retry_limit) {
        return next_by_itself(look, next);
    }
    Decision::End(
        End::Failed(Failure::OperationFailed),
        own.error
            .as_ref()
            .map_or_else(String::new, |error| error.message.clone()),
    )
}

/// Nothing is open and no job of this run is listed (any more).
pub(super) fn after_nothing_found(look: &Look<'_>) -> Decision {
    let next = look.next_number();
    let something_happened = look.run.record.attempts.iter().any(|attempt| {
        !matches!(
            attempt.state,
            AttemptState::NotStarted | AttemptState::OperationFailed
        )
    });
    if something_happened && !look.run.intent.target.may_be_retried() {
        let why = format!(
            "whether attempt {} restored something cannot be known any more and a second restore could destroy",
            next - 1
        );
        return match look.claim() {
            Some(_) => Decision::Block(format!("{why}; {}", resolve_help(look.run))),
            None => Decision::End(End::Failed(Failure::JobFailed), why),
        };
    }
    if next > retry::last_attempt(look.run.control.retry_limit) {
        return Decision::End(
            End::Failed(Failure::JobFailed),
            format!(
                "attempt {} did not succeed and spec.retryLimit ({}) allows no further one",
                next - 1,
                look.run.control.retry_limit
            ),
        );
    }
    next_by_itself(look, next)
}

/// A claim that no person asked for: what is not certain stops it.
fn next_by_itself(look: &Look<'_>, number: u8) -> Decision {
    let attempts = &look.run.record.attempts;
    let unlisted = attempts.iter().rev().find_map(|attempt| {
        let job = attempt.job.as_ref()?;
        let failed = attempt.state == AttemptState::JobFailed;
        (failed && !look.lists_as_ours(job)).then_some((attempt, job))
    });
    if let Some((attempt, job)) = unlisted {
        return match until_surely_unlisted(look, job) {
            Some(wait) => Decision::Wait(wait),
            // No attempt follows a job that is known only by its id.
            None => Decision::End(
                End::Failed(Failure::JobFailed),
                attempt
                    .error
                    .as_ref()
                    .map_or_else(String::new, |error| error.message.clone()),
            ),
        };
    }
    let not_found =
        |attempt: &Attempt| attempt.state == AttemptState::NotFound && attempt.number != number;
    if look.matching == Matching::Broken && attempts.iter().any(not_found) {
        return Decision::Block(look.broken_message());
    }
    match (
        would_claim(look, number),
        run_timeout_passed(look.run, look.now),
    ) {
        // It would not be followed.
        (Decision::Claim(_), Some(over)) => Decision::End(
            End::Failed(Failure::RunTimedOut),
            format!("spec.timeouts.run passed at {over}, before attempt {number} was triggered"),
        ),
        (decision, _) => decision,
    }
}

/// The checks that stand between a run that could claim and the claim.
pub(super) fn would_claim(look: &Look<'_>, number: u8) -> Decision {
    let run = look.run;
    if matches!(run.resolve, Some(Resolve::Abandon(_))) {
        return Decision::End(
            End::Failed(Failure::Abandoned),
            "a person abandoned this run with the annotation vmrestore.azurebackup.dev/resolve; create a new VmRestore, or one with another runId, to restore".to_owned(),
        );
    }
    let not_yet = look
        .found()
        .iter()
        .filter_map(|found| until_visible_for_good(look, found))
        .max();
    if run.deleting {
        return match not_yet {
            _ if look.claim().is_none() || may_let_go(look) => Decision::LetGo,
            Some(wait) => Decision::Wait(wait),
            // The claim is open, but its window is over and a next attempt would follow: then it may as well go.
            None if is_claim_open_for_nothing(look) => Decision::LetGo,
            None => Decision::Wait(pace::VISIBILITY_BOUND),
        };
    }
    if run.control.cancel {
        return Decision::End(
            End::Cancelled,
            "spec.cancel was set before a restore was triggered".to_owned(),
        );
    }
    if let Some(start_by) = run
        .control
        .start_by
        .filter(|_| start_by_passed(run, look.now))
    {
        return Decision::End(
            End::Failed(Failure::StartByPassed),
            format!(
                "spec.startBy ({start_by}) passed before a restore was triggered; create a new VmRestore to restore after all"
            ),
        );
    }
    if number > MAX_ATTEMPTS {
        return Decision::End(
            End::Failed(Failure::JobFailed),
            format!(
                "all {MAX_ATTEMPTS} attempts of this run are used up; create a VmRestore with another spec.runId to try again"
            ),
        );
    }
    if look.found().iter().any(|found| found.duplicate) {
        return Decision::End(
            End::Failed(Failure::JobFailed),
            "two jobs in Azure carry one request id of this run, so it triggers no further one; look at both in the vault's jobs".to_owned(),
        );
    }
    if let Some(wait) = not_yet {
        return Decision::Wait(wait);
    }
    if run.control.suspend {
        return Decision::Hold(
            NoteKind::WaitingForRetry,
            "spec.suspend is true: no restore is triggered until it is false".to_owned(),
        );
    }
    if run.record.point.is_none() || run.record.item.is_none() || run.record.region.is_none() {
        return Decision::SelectFirst;
    }
    if run.intent.target.overwrites_source()
        && let Some(hold) = not_alone(look)
    {
        return hold;
    }
    Decision::Claim(number)
}

/// What keeps a run from writing over its VM now.
fn not_alone(look: &Look<'_>) -> Option<Decision> {
    if is_forbidden_by_matching(look) {
        return Some(Decision::Hold(
            NoteKind::TriggerOutcomeUnknown,
            "jobs of this vault do not carry the ids that were sent (status.jobMatching is Broken), so what became of a trigger could not be known; a restore to the original location is not triggered until another restore of this vault shows that they do".to_owned(),
        ));
    }
    let busy = |why| Some(Decision::Hold(NoteKind::ItemBusy, why));
    match look.turn {
        Turn::Others(why) => return busy(why.clone()),
        // It was not to trigger when the look began; the next one knows more.
        Turn::NotAsked => return Some(Decision::Wait(SignedDuration::from_secs(1))),
        Turn::Ours => {}
    }
    let other = look.other_restore()?;
    busy(format!(
        "job {} of this vm is {}; a restore to the original location follows when no other restore of the vm is in progress",
        other.job.id,
        other.job.status.as_str()
    ))
}

/// Whether the vault's ids cannot be relied on and a second restore would destroy.
fn is_forbidden_by_matching(look: &Look<'_>) -> bool {
    look.matching == Matching::Broken && !look.run.intent.target.may_be_retried()
}

/// What becomes of a claim that was about to be made when the VM that it would make exists already.
pub fn when_target_exists(look: &Look<'_>, vm: &ArmId) -> Decision {
    let claim = look.claim();
    let own = claim.and_then(|claim| look.run.record.of_claim(claim));
    let attempts = &look.run.record.attempts;
    let in_doubt = attempts.iter().any(|attempt| {
        matches!(
            attempt.state,
            AttemptState::NotFound | AttemptState::Abandoned
        )
    });
    if claim.is_some() && (in_doubt || is_claim_open(claim, own)) {
        return Decision::Block(format!(
            "vm {vm} exists, so an attempt whose job was not found may have made it; delete it if it is not wanted, or {}",
            resolve_help(look.run)
        ));
    }
    let job = attempts
        .iter()
        .rev()
        .find_map(|attempt| attempt.job.as_ref());
    match job {
        Some(job) => Decision::End(
            End::Failed(Failure::JobFailed),
            format!(
                "job {job} failed and vm {vm} (spec.target.virtualMachineId) exists, so no further attempt can make it; delete the vm and create a new VmRestore"
            ),
        ),
        None => Decision::End(
            End::Failed(Failure::RestoreRefused),
            format!(
                "vm {vm} (spec.target.virtualMachineId) exists already and nothing was restored; delete it, or create a new VmRestore with another name for the vm"
            ),
        ),
    }
}

/// Whether an open claim that a look would replace by the next attempt holds back nothing.
fn is_claim_open_for_nothing(look: &Look<'_>) -> bool {
    let claim = look.claim();
    let own = claim.and_then(|claim| look.run.record.of_claim(claim));
    is_claim_open(claim, own)
        && accepted_and_open(look.run).is_none()
        && look.run.intent.target.may_be_retried()
        && !look.proves_nothing(own)
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
