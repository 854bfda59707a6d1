//! What a complete listing of the vault's jobs decides: adopt, claim, wait, block or end (design 3, steps 2 and "Unknown").

use jiff::SignedDuration;

pub use super::claiming::{Decision, when_target_exists};
use super::claiming::{is_forbidden_by_matching, next_by_itself, would_claim};
use super::entries::told;
use super::evidence::Found;
pub use super::evidence::Look;
use super::facts::JobStatus;
use super::ids::MAX_ATTEMPTS;
use super::questions::{
    accepted_and_open, is_claim_open, is_undecided, may_trigger, resolution, resolve_help,
};
use super::record::{Attempt, AttemptState, End, Failure, Resolve};
use super::retry;

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
            // That an earlier job failed says nothing of what was sent after it.
            let mut later = look.run.record.attempts.iter();
            if later.any(|later| later.number > failed.attempt && is_undecided(later)) {
                return open_and_nothing_found(look, own, wait);
            }
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
        beside: found.beside.cloned(),
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
        return accepted_without_job(look, accepted);
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

fn accepted_without_job(look: &Look<'_>, accepted: &Attempt) -> Decision {
    Decision::Block(format!(
        "Azure accepted attempt {} but shows no job for it; {}",
        accepted.number,
        resolve_help(look.run)
    ))
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
        .filter(|attempt| attempt.job.as_ref() == Some(&failed.job().id))
        // One that a list alone showed was not read: why it failed decides what follows.
        .filter(|attempt| attempt.error.is_some());
    let Some(recorded) = recorded else {
        return adopt(failed);
    };
    if let Some(own) = own
        && own.number > failed.attempt
    {
        // The newest claim was decided otherwise: by an operation that failed, or by an answer that nothing started.
        return match own.state {
            AttemptState::NotStarted => next_by_itself(look, own.number),
            AttemptState::OperationFailed if look.run.intent.target.may_be_retried() => {
                after_failed_operation(look, own)
            }
            AttemptState::OperationFailed | AttemptState::NotFound | AttemptState::Abandoned => {
                after_failure(look, recorded)
            }
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
            told(recorded.error.as_ref()),
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
        told(own.error.as_ref()),
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

#[cfg(test)]
#[path = "look_tests/mod.rs"]
mod tests;
