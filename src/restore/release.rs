//! When claim and finalizer may be removed (design 3, step 6), and when an open claim must be called blocked although
//! nothing could be listed.

use jiff::SignedDuration;

use super::facts::Now;
use super::look::{Found, Look};
use super::pace::{self, Limits};
use super::plan::is_open;
use super::plan::{accepted_and_open, is_claim_open};
use super::record::{Attempt, AttemptState, Claim, End, Failure, Mark, Matching, Memory, Run};

/// Whether claim and finalizer may be removed now (design 3, step 6), given a complete listing.
pub fn may_let_go(look: &Look<'_>) -> bool {
    let Some(claim) = look.claim() else {
        return false;
    };
    let run = look.run;
    let Some(own) = run.record.of_claim(claim) else {
        return false;
    };
    let over = run.record.end.is_some() || run.deleting;
    if lets_go_without_look(run, Some(own)) && over {
        return true;
    }
    // (a): the job is known, and a listing begun a while after it was first seen still shows it with our id.
    let decided_by_job = matches!(
        own.state,
        AttemptState::Running | AttemptState::Ended | AttemptState::JobFailed
    );
    if decided_by_job {
        return look.found().iter().any(|found| {
            found.attempt >= claim.attempt
                && own.job.as_ref() == Some(&found.job().id)
                && until_visible_for_good(look, found).is_none()
        });
    }
    // (c): the type may be retried, no 2xx was recorded, and no job was found.
    own.state == AttemptState::NotFound
        && over
        && !own.accepted
        && run.intent.target.may_be_retried()
        && look.matching != Matching::Broken
}

/// Whether the run has ended and its claim, recorded under its own id, only waits to be let go.
pub fn only_waits_to_let_go(run: &Run) -> bool {
    let Mark::Standing(claim) = run.mark else {
        return false;
    };
    run.record.end.is_some() && run.record.of_claim(claim).is_some()
}

/// How long until another look may let go of the claim of a run that has ended; nothing when this one does.
pub fn until_let_go(look: &Look<'_>) -> Option<SignedDuration> {
    if may_let_go(look) {
        return None;
    }
    let visible = look
        .found()
        .iter()
        .filter_map(|found| until_visible_for_good(look, found))
        .max();
    Some(
        visible
            .unwrap_or(pace::VISIBILITY_BOUND)
            .max(SignedDuration::from_secs(1)),
    )
}

/// Whether the claim may go without another look: (b) nothing started, or (d) a person abandoned it.
pub(super) fn lets_go_without_look(run: &Run, own: Option<&Attempt>) -> bool {
    let Some(own) = own else { return false };
    let abandoned_by_end =
        matches!(run.record.end, Some(End::Failed(Failure::Abandoned))) && !is_open(own.state);
    matches!(
        own.state,
        AttemptState::NotStarted | AttemptState::OperationFailed | AttemptState::Abandoned
    ) || abandoned_by_end
}

/// Whether a claim may be let go when its vault cannot be reached any more (design 3, step 6 (e)): the object is being
/// deleted, a whole window has passed, and either the job is known or a second one would do no harm.
pub fn may_let_go_without_vault(run: &Run, memory: &Memory, now: Now, limits: &Limits) -> bool {
    let Mark::Standing(claim) = run.mark else {
        return false;
    };
    let own = run.record.of_claim(claim);
    let job_is_known = own.is_some_and(|own| own.job.is_some());
    let harmless = run.intent.target.may_be_retried() && accepted_and_open(run).is_none();
    run.deleting && is_window_over(claim, memory, now, limits) && (job_is_known || harmless)
}

/// Whether an open claim must be called blocked although no complete look was possible: for a whole window there was none,
/// and a 2xx was recorded or a second restore could destroy.
pub fn must_block_without_look(run: &Run, memory: &Memory, now: Now, limits: &Limits) -> bool {
    let Mark::Standing(claim) = run.mark else {
        return false;
    };
    let own = run.record.of_claim(claim);
    let since = memory
        .last_look
        .into_iter()
        .chain(memory.claims.get(&claim.id).copied())
        .max();
    let for_a_window = since.is_some_and(|since| now.boot >= since + limits.adoption_window);
    let grave = accepted_and_open(run).is_some() || !run.intent.target.may_be_retried();
    is_claim_open(Some(claim), own)
        && own.and_then(|own| own.job.as_ref()).is_none()
        && for_a_window
        && grave
}

/// How long until a listing can prove that this job stays visible; nothing once this one does.
pub(super) fn until_visible_for_good(look: &Look<'_>, found: &Found<'_>) -> Option<SignedDuration> {
    let first = look
        .memory
        .jobs
        .get(&found.job().id)
        .copied()
        .unwrap_or(look.now.boot);
    let due = first + pace::VISIBILITY_BOUND;
    (found.seen.shown_by_listing_begun.boot < due)
        .then(|| (due - look.now.boot).max(SignedDuration::ZERO))
}

/// Whether the window of a claim is over on this process's clock.
pub(super) fn is_window_over(claim: Claim, memory: &Memory, now: Now, limits: &Limits) -> bool {
    memory
        .claims
        .get(&claim.id)
        .is_some_and(|seen| now.boot >= *seen + limits.adoption_window)
}
