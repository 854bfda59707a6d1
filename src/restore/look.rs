//! What a complete listing of the vault's jobs decides: adopt, claim, wait, block or end (design 3, steps 2 and "Unknown").

use jiff::SignedDuration;

use super::evidence::Found;
pub use super::evidence::Look;
use super::facts::{JobStatus, JobSummary};
use super::ids::MAX_ATTEMPTS;
use super::pace;
use super::plan::{
    accepted_and_open, is_claim_open, resolution, resolve_help, run_timeout_passed, start_by_passed,
};
use super::record::{Attempt, AttemptState, End, Failure, Matching, Resolve};
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
            _ => alive.adopt(),
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
            if look.matching == Matching::Broken {
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
    if look.matching == Matching::Broken {
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
            let counts =
                next <= MAX_ATTEMPTS && !look.run.deleting && !start_by_passed(look.run, look.now);
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
        return failed.adopt();
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
    if let Some(start_by) = run.control.start_by
        && look.now.wall >= start_by
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
    if run.record.point.is_none() || run.record.item.is_none() || run.record.region.is_none() {
        return Decision::SelectFirst;
    }
    Decision::Claim(number)
}

/// Whether an open claim that a look would replace by the next attempt holds back nothing.
fn is_claim_open_for_nothing(look: &Look<'_>) -> bool {
    let claim = look.claim();
    let own = claim.and_then(|claim| look.run.record.of_claim(claim));
    is_claim_open(claim, own)
        && accepted_and_open(look.run).is_none()
        && look.run.intent.target.may_be_retried()
        && look.matching != Matching::Broken
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
