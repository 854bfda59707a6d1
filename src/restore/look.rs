//! What a complete listing of the vault's jobs decides: adopt, claim, wait, block or end (design 3, steps 2 and "Unknown").

use jiff::SignedDuration;

use super::facts::{JobStatus, JobSummary, Listing, Now, SeenJob};
use super::ids::MAX_ATTEMPTS;
use super::pace::Limits;
use super::plan::{accepted_and_open, is_claim_open, resolution, resolve_help, start_by_passed};
use super::record::{
    Attempt, AttemptState, Claim, End, Failure, Mark, Matching, Memory, Resolve, Run,
};
use super::release::until_visible_for_good;
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

/// A look: the object as it was read, then the listing.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The object, read from the API server before the listing was begun.
    pub run: &'a Run,
    /// A complete listing, begun after that read.
    pub listing: &'a Listing,
    /// What the vault's object says about activity ids, read with this look.
    pub matching: Matching,
    /// What this process remembers.
    pub memory: &'a Memory,
    /// Now.
    pub now: Now,
    /// The limits.
    pub limits: &'a Limits,
    /// Whether the job that a person names in `adopt` may be taken: of this item, and no other run's.
    pub told_job_is_free: bool,
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
            Some(own) if own.state == AttemptState::NotStarted => would_claim(look, own.number),
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
    if let Some(wait) = wait {
        return Decision::Wait(wait);
    }
    let next = look.next_number();
    if own.is_some_and(|own| own.state == AttemptState::Blocked) {
        match resolution(look.run) {
            Some(Resolve::Retry(_))
                if next <= MAX_ATTEMPTS && !start_by_passed(look.run, look.now) =>
            {
                return would_claim(look, next);
            }
            Some(Resolve::Adopt(_, job)) if look.told_job_is_free => {
                if let Some(seen) = look.listing.job(job) {
                    return Decision::AdoptAsTold(seen.job.clone());
                }
            }
            _ => {}
        }
    }
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
    would_claim(look, next)
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
            AttemptState::NotStarted => would_claim(look, own.number),
            AttemptState::OperationFailed => after_failed_operation(look, own),
            _ => after_nothing_found(look),
        };
    }
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
    let not_yet = look
        .found()
        .iter()
        .filter_map(|found| until_visible_for_good(look, found))
        .max();
    match not_yet {
        Some(wait) => Decision::Wait(wait),
        None => would_claim(look, next),
    }
}

/// The operation of the standing claim failed and no job of it is listed.
pub(super) fn after_failed_operation(look: &Look<'_>, own: &Attempt) -> Decision {
    let code = own.error.as_ref().map_or("", |error| error.code.as_str());
    let next = look.next_number();
    if retry::is_transient(code) && next <= retry::last_attempt(look.run.control.retry_limit) {
        return would_claim(look, next);
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
    would_claim(look, next)
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
    if run.deleting {
        return Decision::LetGo;
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
    if run.record.point.is_none() || run.record.item.is_none() || run.record.region.is_none() {
        return Decision::SelectFirst;
    }
    Decision::Claim(number)
}

/// The oldest job of one attempt.
pub(super) struct Found<'a> {
    pub(super) attempt: u8,
    pub(super) seen: &'a SeenJob,
    pub(super) duplicate: bool,
}

impl Found<'_> {
    pub(super) fn job(&self) -> &JobSummary {
        &self.seen.job
    }

    pub(super) fn adopt(&self) -> Decision {
        Decision::Adopt {
            attempt: self.attempt,
            job: self.job().clone(),
            duplicate: self.duplicate,
        }
    }
}

impl Look<'_> {
    pub(super) fn claim(&self) -> Option<Claim> {
        match self.run.mark {
            Mark::Standing(claim) => Some(claim),
            Mark::None | Mark::Unreadable | Mark::WithoutFinalizer(_) => None,
        }
    }

    /// The jobs of this run, by attempt, the oldest of each.
    pub(super) fn found(&self) -> Vec<Found<'_>> {
        self.run
            .key
            .request_ids()
            .filter_map(|(attempt, id)| {
                let jobs = self.listing.of_request(id);
                jobs.first().map(|seen| Found {
                    attempt,
                    seen,
                    duplicate: jobs.len() > 1,
                })
            })
            .collect()
    }

    /// How long until a listing could be begun after the window of the standing claim; nothing once this one was.
    pub(super) fn until_window_is_over(&self) -> Option<SignedDuration> {
        let claim = self.claim()?;
        let seen = self
            .memory
            .claims
            .get(&claim.id)
            .copied()
            .unwrap_or(self.now.boot);
        let over = seen + self.limits.adoption_window;
        (self.listing.begun.boot < over).then(|| (over - self.now.boot).max(SignedDuration::ZERO))
    }

    pub(super) fn next_number(&self) -> u8 {
        let listed = self.found().last().map_or(0, |found| found.attempt);
        let recorded = self
            .run
            .record
            .attempts
            .iter()
            .map(|attempt| attempt.number)
            .max();
        let claimed = self.claim().map_or(0, |claim| claim.attempt);
        1 + listed.max(recorded.unwrap_or(0)).max(claimed)
    }

    pub(super) fn broken_message(&self) -> String {
        format!(
            "whether the trigger started a restore cannot be known: jobs of this vault do not carry the ids that were sent (status.jobMatching is Broken); {}",
            resolve_help(self.run)
        )
    }
}
