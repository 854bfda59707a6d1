//! What a look has to go by: the object, a complete listing begun after it was read, and what this process remembers.

use jiff::SignedDuration;

use super::facts::{JobStatus, JobSummary, Listing, Now, SeenJob};
use super::ids::JobId;
use super::item_lock::Turn;
use super::pace::{self, Limits};
use super::questions::{self, resolve_help};
use super::record::{Attempt, AttemptState, Claim, Matching, Memory, Run};

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
    /// Whose turn it is to write over the VM, known since before the listing was begun.
    pub turn: &'a Turn,
}

/// The oldest job of one attempt.
pub(super) struct Found<'a> {
    pub(super) attempt: u8,
    pub(super) seen: &'a SeenJob,
    /// A younger one that carries the same id.
    pub(super) beside: Option<&'a JobId>,
}

impl Found<'_> {
    pub(super) fn job(&self) -> &JobSummary {
        &self.seen.job
    }
}

impl Look<'_> {
    pub(super) fn claim(&self) -> Option<Claim> {
        questions::claim_of(self.run)
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
                    beside: jobs.get(1).map(|seen| &seen.job.id),
                })
            })
            .collect()
    }

    /// Ended jobs of this run, by attempt, that the record does not name, or calls running although a later one is: its
    /// status was erased or set back. Those of the standing claim and of the job that is followed are for the decision to name.
    pub(super) fn untold(&self) -> Vec<(u8, JobSummary)> {
        let found = self.found();
        let claimed = self.claim().map(|claim| claim.attempt);
        let alive = found.iter().rev();
        let alive = alive
            .map(|found| (found.attempt, &found.job().status))
            .find(|(_, status)| **status != JobStatus::Failed)
            .map(|(attempt, _)| attempt);
        let untold = found.iter().filter(|found| {
            let decides = Some(found.attempt) == claimed || Some(found.attempt) == alive;
            found.job().status.is_terminal() && !decides
        });
        let untold = untold.filter(|found| {
            let Some(attempt) = self.run.record.attempt(found.attempt) else {
                return true;
            };
            let overtaken = attempt.state == AttemptState::Running && alive > Some(found.attempt);
            match &attempt.job {
                None => true,
                Some(job) => overtaken && *job == found.job().id,
            }
        });
        untold
            .map(|found| (found.attempt, found.job().clone()))
            .collect()
    }

    /// Another job that carries the id of the attempt whose job this one is.
    pub(super) fn beside(&self, job: &JobId) -> Option<(u8, &JobId)> {
        let mut ids = self.run.key.request_ids();
        ids.find_map(|(attempt, id)| {
            let listed = || {
                self.listing
                    .of_request(id)
                    .into_iter()
                    .map(|seen| &seen.job.id)
            };
            listed().find(|listed| *listed == job)?;
            let other = listed().find(|listed| *listed != job)?;
            Some((attempt, other))
        })
    }

    /// Whether the listing shows a job of a later attempt than that of this one, and the record does not name it: the status
    /// was set back.
    pub(super) fn shows_a_later_one_than(&self, job: &JobId) -> bool {
        let attempts = &self.run.record.attempts;
        let own = attempts
            .iter()
            .rev()
            .find(|attempt| attempt.job.as_ref() == Some(job));
        let found = self.found();
        let (Some(own), Some(newest)) = (own, found.last()) else {
            return false;
        };
        let claimed = self.claim().map(|claim| claim.attempt);
        newest.attempt > own.number
            && Some(newest.attempt) != claimed
            && attempts
                .iter()
                .all(|attempt| attempt.number != newest.attempt || attempt.job.is_none())
    }

    /// Whether the listing shows this job with the id of one of this run's attempts.
    pub(super) fn lists_as_ours(&self, job: &JobId) -> bool {
        self.run.key.request_ids().any(|(_, id)| {
            self.listing
                .of_request(id)
                .iter()
                .any(|seen| seen.job.id == *job)
        })
    }

    /// A restore of the same item that is in progress and not this run's.
    pub(super) fn other_restore(&self) -> Option<&SeenJob> {
        let item = questions::item_of(self.run)?;
        self.listing
            .restores_in_progress(&item)
            .find(|seen| !self.lists_as_ours(&seen.job.id))
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

    /// Whether it proves nothing that no job of the open claim is listed: ids are not filled, or were not while it was open.
    pub(super) fn proves_nothing(&self, own: Option<&Attempt>) -> bool {
        self.matching == Matching::Broken
            || own.is_some_and(Attempt::was_open_while_broken)
            || self.may_be_listed_without_id(own)
    }

    /// Whether a job of this item that started after the claim is listed without any id: it may be the one that is missed.
    fn may_be_listed_without_id(&self, own: Option<&Attempt>) -> bool {
        let Some(claim) = self.claim() else {
            return false;
        };
        let seen = self.memory.claims.get(&claim.id).copied();
        let age = self.now.boot - seen.unwrap_or(self.now.boot) + self.limits.adoption_window;
        let claimed = own.and_then(|own| own.claimed);
        let since = claimed
            .or_else(|| self.now.wall.checked_sub(age).ok())
            .and_then(|since| since.checked_sub(pace::VISIBILITY_BOUND).ok());
        let item = questions::item_of(self.run);
        self.listing.without_id().any(|seen| {
            let young = seen
                .job
                .started
                .is_none_or(|started| Some(started) >= since);
            young && item.as_ref().is_none_or(|item| seen.job.is_of(item))
        })
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
            "whether the trigger started a restore cannot be known: jobs of this vault do not carry the ids that were sent (status.jobMatching is Broken, or was when the answer was lost, or a job of this vm is listed without any id); {}",
            resolve_help(self.run)
        )
    }
}
