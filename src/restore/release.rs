//! When claim and finalizer may be removed (design 3, step 6), and when an open claim must be called blocked although
//! nothing could be listed.

use jiff::SignedDuration;

use super::evidence::{Found, Look};
use super::facts::{Now, SeenJob};
use super::ids::{ClaimId, JobId};
use super::pace::{self, Limits};
use super::questions::{accepted_and_open, is_claim_open, is_open};
use super::record::{
    Attempt, AttemptState, Claim, End, Failure, Mark, Matching, Memory, Record, Run,
};

/// When a claim goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// Now.
    Now,
    /// Not before this time; then another look may let go of it.
    After(SignedDuration),
    /// When a person says so, for this reason.
    ByAPerson(String),
}

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
    match own.state {
        // (a): the job is known, and a listing begun a while after it was first seen still shows it with our id.
        AttemptState::Running | AttemptState::Ended | AttemptState::JobFailed => {
            is_shown_for_good(look, claim, own)
        }
        // The answer came when the run had ended already; its job decides as well.
        AttemptState::Accepted => run.record.end.is_some() && is_shown_for_good(look, claim, own),
        // (c): the type may be retried, no 2xx was recorded, and no job was found.
        AttemptState::NotFound => {
            over && !own.accepted
                && accepted_and_open(run).is_none()
                && run.intent.target.may_be_retried()
                && look.matching != Matching::Broken
                // Nothing was sent under a placeholder: what was before it is decided by a job that lists show for good.
                || (own.accepted || claim.attempt == 0)
                    && over
                    && is_shown_for_good(look, claim, own)
        }
        AttemptState::Claimed
        | AttemptState::NotStarted
        | AttemptState::Conflict
        | AttemptState::Unknown
        | AttemptState::JobSought
        | AttemptState::OperationFailed
        | AttemptState::Adopted
        | AttemptState::Blocked
        | AttemptState::Abandoned => false,
    }
}

/// Whether a listing shows the job of this claim's attempt, or of a higher one, a while after it was first seen.
fn is_shown_for_good(look: &Look<'_>, claim: Claim, own: &Attempt) -> bool {
    let mut jobs = jobs_of(look, claim, own);
    jobs.any(|seen| until_seen_again(look, seen).is_none())
}

fn jobs_of<'a>(
    look: &'a Look<'_>,
    claim: Claim,
    own: &'a Attempt,
) -> impl Iterator<Item = &'a SeenJob> {
    look.run
        .key
        .request_ids()
        .filter(move |(attempt, _)| *attempt >= claim.attempt)
        .flat_map(|(_, id)| look.listing.of_request(id))
        .filter(|seen| own.job.as_ref().is_none_or(|job| *job == seen.job.id))
}

/// Whether the run has ended and its claim, recorded under its own id, only waits to be let go.
pub fn only_waits_to_let_go(run: &Run) -> bool {
    let Mark::Standing(claim) = run.mark else {
        return false;
    };
    run.record.end.is_some() && run.record.of_claim(claim).is_some()
}

/// When the claim of a run that has ended, or whose deletion waits, goes. Nothing while its outcome is open.
pub fn when(look: &Look<'_>) -> Option<Release> {
    let claim = look.claim()?;
    let own = look.run.record.of_claim(claim)?;
    if is_open(own.state) {
        return None;
    }
    if may_let_go(look) {
        return Some(Release::Now);
    }
    if own.state == AttemptState::Adopted {
        let why = format!(
            "a person named its job{}",
            own.job
                .as_ref()
                .map_or_else(String::new, |job| format!(" {job}"))
        );
        return Some(Release::ByAPerson(why));
    }
    let visible = jobs_of(look, claim, own)
        .filter_map(|seen| until_seen_again(look, seen))
        .min();
    if let Some(wait) = visible {
        return Some(Release::After(wait));
    }
    let Some(job) = &own.job else {
        return Some(
            if own.state == AttemptState::Accepted && look.run.record.end.is_none() {
                Release::After(pace::VISIBILITY_BOUND)
            } else {
                Release::ByAPerson("whether a restore runs in Azure cannot be known".to_owned())
            },
        );
    };
    Some(match until_surely_unlisted(look, job) {
        Some(wait) => Release::After(wait),
        None => Release::ByAPerson(format!(
            "job {job} is not listed with the id that was sent, so a new object of this run could not find it"
        )),
    })
}

/// Why the deletion of a run whose outcome is not open still waits, and whether for a person.
pub fn why_deletion_waits(look: &Look<'_>) -> Option<(bool, String)> {
    let claim = look.claim().filter(|_| look.run.deleting)?;
    match when(look)? {
        Release::Now => None,
        Release::After(wait) => Some((
            false,
            format!(
                "the deletion waits until about {} for the job to stay visible in the vault's list, so that a new object of this run finds it",
                pace::minute_after(look.now.wall, wait)
            ),
        )),
        Release::ByAPerson(why) => Some((
            true,
            format!(
                "the deletion waits for a person: {why}; look at the vault's restore jobs of this vm, then set the annotation vmrestore.azurebackup.dev/resolve to abandon:{} to let the object go",
                claim.id
            ),
        )),
    }
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
    until_let_go_without_vault(run, memory, now, limits) == Some(SignedDuration::ZERO)
}

/// How long until that; nothing if it never comes by itself.
pub fn until_let_go_without_vault(
    run: &Run,
    memory: &Memory,
    now: Now,
    limits: &Limits,
) -> Option<SignedDuration> {
    let Mark::Standing(claim) = run.mark else {
        return None;
    };
    let own = run.record.of_claim(claim);
    let job = own.and_then(|own| own.job.as_ref());
    // The job that a person named need not carry an id by which a new object could find it.
    let named = own.is_some_and(|own| own.state == AttemptState::Adopted);
    let job_is_known = !named && job.is_some_and(|job| !is_known_under_another_id(run, job));
    let accepted = own.is_some_and(|own| own.accepted) || accepted_and_open(run).is_some();
    // A blocked run waits for a person, whose word is heard without a vault too.
    let blocked = own.is_some_and(|own| own.state == AttemptState::Blocked);
    let unprovable = own.is_some_and(Attempt::was_open_while_broken);
    let harmless =
        run.intent.target.may_be_retried() && !accepted && job.is_none() && !blocked && !unprovable;
    (run.deleting && (job_is_known || harmless))
        .then(|| until_unseen_for_a_window(claim, memory, now, limits))
        .flatten()
}

/// Whether a deletion waits for the claim, and status does not say so.
pub fn is_silent_deletion(run: &Run) -> bool {
    waits_for_claim(run) && !run.record.tells_of_deletion()
}

fn waits_for_claim(run: &Run) -> bool {
    run.deleting && matches!(run.mark, Mark::Standing(_))
}

/// What is written of a run whose deletion waits, if the record does not say so yet: whatever else it tells, it tells that.
pub fn told_while_deleting(run: &Run, record: &Record) -> Option<Record> {
    (waits_for_claim(run) && !record.tells_of_deletion()).then(|| {
        let mut told = record.clone();
        told.note.message = format!(
            "the deletion waits until it is certain what became of the restore; {}",
            record.note.message
        );
        told
    })
}

/// Until when a deletion waits while the vault's jobs cannot be listed, if it does not go by itself at a known time.
pub fn why_deletion_waits_unlisted(
    run: &Run,
    memory: &Memory,
    now: Now,
    limits: &Limits,
) -> Option<String> {
    let Mark::Standing(claim) = run.mark else {
        return None;
    };
    let own = run.record.of_claim(claim);
    let listed = "the deletion waits until the vault's jobs can be listed, so that a new object of this run finds its job";
    run.deleting.then(|| {
        if is_claim_open(Some(claim), own) {
            let wait = until_unseen_for_a_window(claim, memory, now, limits);
            let until = pace::minute_after(now.wall, wait.unwrap_or(limits.adoption_window));
            return format!("{listed}; from about {until} on a person may decide");
        }
        format!(
            "{listed}, or for a person, who looks at the vault's restore jobs of this vm and sets the annotation vmrestore.azurebackup.dev/resolve to abandon:{}",
            claim.id
        )
    })
}

/// Whether the last read of a job showed that it does not carry the id that was sent: a new object could not find it.
fn is_known_under_another_id(run: &Run, job: &JobId) -> bool {
    let read = run.record.job.as_ref().map(|read| &read.summary);
    read.is_some_and(|read| {
        let ours = run
            .key
            .request_ids()
            .any(|(_, id)| id.matches(&read.activity_id));
        read.id == *job && !ours
    })
}

/// Whether an open claim must be called blocked although no complete look was possible: for a whole window there was none,
/// and a 2xx was recorded or a second restore could destroy.
pub fn must_block_without_look(run: &Run, memory: &Memory, now: Now, limits: &Limits) -> bool {
    let Mark::Standing(claim) = run.mark else {
        return false;
    };
    let own = run.record.of_claim(claim);
    let for_a_window =
        until_unseen_for_a_window(claim, memory, now, limits) == Some(SignedDuration::ZERO);
    // A deletion would else wait for a vault that never comes back, and no word of a person would help.
    let grave =
        accepted_and_open(run).is_some() || !run.intent.target.may_be_retried() || run.deleting;
    is_claim_open(Some(claim), own)
        // An answer that came after the end does not bring the run back.
        && !only_waits_to_let_go(run)
        && own.and_then(|own| own.job.as_ref()).is_none()
        && for_a_window
        && grave
}

/// How long until a listing can prove that this job stays visible; nothing once this one does.
pub(super) fn until_visible_for_good(look: &Look<'_>, found: &Found<'_>) -> Option<SignedDuration> {
    until_seen_again(look, found.seen)
}

fn until_seen_again(look: &Look<'_>, seen: &SeenJob) -> Option<SignedDuration> {
    let first = look.memory.listed.get(&seen.job.id).copied();
    let due = first.unwrap_or(look.now.boot) + pace::VISIBILITY_BOUND;
    if seen.shown_by_listing_begun.boot >= due {
        return None;
    }
    // It was not shown although it is due: Azure lists it no more, or not now.
    let late = pace::LONGEST_WAIT / 2;
    Some(if look.now.boot < due {
        due - look.now.boot
    } else {
        late
    })
}

/// How long until a listing can show that a known job is not listed with our id; nothing once this one does.
pub(super) fn until_surely_unlisted(look: &Look<'_>, job: &JobId) -> Option<SignedDuration> {
    let first = look.memory.jobs.get(job).copied();
    let due = first.unwrap_or(look.now.boot) + look.limits.adoption_window;
    (look.listing.begun.boot < due).then(|| (due - look.now.boot).max(SignedDuration::from_secs(1)))
}

/// Whether this process has known the job of an attempt, or its claim if no job is known, for so long that lists show the
/// job for good or only a person can tell.
pub(super) fn is_known_for_long(own: &Attempt, memory: &Memory, now: Now, limits: &Limits) -> bool {
    let over = |since: &SignedDuration, least| now.boot >= *since + least;
    let listed = own.job.as_ref().and_then(|job| memory.listed.get(job));
    let known = match &own.job {
        Some(job) => memory.jobs.get(job),
        None => {
            let claim = own.claim;
            return claim.is_some_and(|claim| is_claim_seen_for_long(claim, memory, now, limits));
        }
    };
    known.is_some_and(|known| over(known, limits.adoption_window))
        && listed.is_none_or(|listed| over(listed, pace::VISIBILITY_BOUND))
}

/// Whether this process has seen a claim for a whole window.
pub(super) fn is_claim_seen_for_long(
    claim: ClaimId,
    memory: &Memory,
    now: Now,
    limits: &Limits,
) -> bool {
    let seen = memory.claims.get(&claim);
    seen.is_some_and(|seen| now.boot >= *seen + limits.adoption_window)
}

/// How long until this process has seen the claim for a whole window, and no complete listing in it.
fn until_unseen_for_a_window(
    claim: Claim,
    memory: &Memory,
    now: Now,
    limits: &Limits,
) -> Option<SignedDuration> {
    let first = *memory.claims.get(&claim.id)?;
    let since = memory.last_look.map_or(first, |look| look.max(first));
    Some((since + limits.adoption_window - now.boot).max(SignedDuration::ZERO))
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
