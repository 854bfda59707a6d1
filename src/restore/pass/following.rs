//! Follows the operation, then the job.

use jiff::SignedDuration;

use super::super::adoption;
use super::super::facts::{JobDetail, JobSummary, OperationStatus, VaultError};
use super::super::ids::{JobId, OperationId};
use super::super::item_lock::Turn;
use super::super::look::Look;
use super::super::ports::{Budget, Clock, JobsNeed, RunStore, StoreError, Stored, Vault};
use super::super::progress;
use super::super::questions::{claim_of, item_of};
use super::super::record::Run;
use super::super::{following, release, standstill, warnings};
use super::{AT_ONCE, After, Pass};

impl<S: RunStore, V: Vault, C: Clock> Pass<'_, S, V, C> {
    pub(super) async fn read_operation(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
        id: OperationId,
    ) -> Result<After, StoreError> {
        let run = &stored.run;
        let (Some(item), Some(claim)) = (item_of(run), claim_of(run)) else {
            return self.look(vault, stored).await;
        };
        let operation = match vault.operation(&item, &id).await {
            Ok(operation) => operation,
            // The job, found by its activity id, answers as well.
            Err(error) => {
                tracing::debug!(%error, "operation could not be read; looking for its job");
                return self.look(vault, stored).await;
            }
        };
        let now = self.clock.now();
        self.memory.tries += 1;
        let reads = self.memory.tries;
        let runs_long = operation.as_ref().is_some_and(|operation| {
            operation.job.is_none()
                && !matches!(
                    operation.status,
                    OperationStatus::Failed | OperationStatus::Canceled
                )
        }) && reads > 4;
        let mut record = run.record.clone();
        let wait = following::operation_read(&mut record, claim, operation.as_ref(), reads, now);
        if runs_long {
            self.memory.wait(now, wait);
            return self.look(vault, stored).await;
        }
        if wait.is_zero() {
            self.memory.went_forward();
        } else {
            self.memory.wait(now, wait);
        }
        self.save(&stored, &record).await?;
        Ok(After::In(wait))
    }

    pub(super) async fn follow(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
        id: JobId,
    ) -> Result<After, StoreError> {
        let run = &stored.run;
        let now = self.clock.now();
        let need = JobsNeed {
            begun_after: None,
            any_age: false,
            since: self.oldest_interest(run, now),
        };
        let listing = match self.prepare(&vault, need).await {
            Ok(listing) => listing,
            Err(error) => {
                return self
                    .trouble(&stored, &error, "the vault's jobs cannot be listed")
                    .await;
            }
        };
        self.note_listed(run, &listing);
        let matching = self.compare(run, &listing).await?;
        let look = Look {
            run,
            listing: &listing,
            matching,
            memory: self.memory,
            now,
            limits: self.limits,
            told_job_is_free: false,
            turn: &Turn::NotAsked,
        };
        if look.shows_a_later_one_than(&id) {
            return self.look(vault, stored).await;
        }
        let mut record = run.record.clone();
        adoption::listed(&mut record, run.key, &look.untold());
        if let Some((number, other)) = look.beside(&id) {
            adoption::has_another_job(&mut record, number, &id, other);
        }
        let seen = listing.job(&id).map(|seen| &seen.job);
        let after = match self.job_detail(&vault, run, &id, seen).await {
            Ok(Some(job)) => {
                self.memory.tries = 0;
                self.memory.asked_for = Some((id.clone(), now.boot));
                let wait = following::job_read(&mut record, job, self.clock.now());
                standstill::tell(&mut record, &run.record.note, self.memory);
                warnings::explain(&mut record, &run.intent);
                After::In(wait.max(vault.interval()))
            }
            Ok(None) => {
                self.memory.asked_for = Some((id.clone(), now.boot));
                After::In(vault.interval())
            }
            Err(error) => {
                self.memory.tries += 1;
                let what = format!("job {id} cannot be read");
                let wait = progress::trouble(&mut record, &error, &what);
                After::In(wait.max(SignedDuration::from_secs(1)))
            }
        };
        let look = Look {
            run,
            listing: &listing,
            matching,
            memory: self.memory,
            now: self.clock.now(),
            limits: self.limits,
            told_job_is_free: false,
            turn: &Turn::NotAsked,
        };
        if let Some((for_a_person, message)) = release::why_deletion_waits(&look) {
            progress::deletion_waits(&mut record, for_a_person, message);
        }
        let saved = self.save(&stored, &record).await?;
        let look = Look {
            run: &saved.run,
            listing: &listing,
            matching,
            memory: self.memory,
            now: self.clock.now(),
            limits: self.limits,
            told_job_is_free: false,
            turn: &Turn::NotAsked,
        };
        if release::may_let_go(&look) {
            return self.let_go(&saved).await.map(|_| {
                if record.end.is_some() {
                    After::Rest
                } else {
                    after
                }
            });
        }
        let now = self.clock.now();
        match after {
            _ if record.end.is_some() => Ok(AT_ONCE),
            After::In(wait) => Ok(self.pause(now, wait)),
            After::Rest => Ok(After::Rest),
        }
    }

    /// The job with everything that a single read shows, or what the list shows of it when the read has no budget.
    pub(super) async fn job_detail(
        &mut self,
        vault: &V,
        run: &Run,
        id: &JobId,
        seen: Option<&JobSummary>,
    ) -> Result<Option<JobDetail>, VaultError> {
        let known = run.record.job.as_ref().filter(|job| job.summary.id == *id);
        // What a list says is enough while the job runs; the end is told by the single read, and so is a job that no list
        // shows any more.
        let needed = seen.map_or(known.is_some(), |seen| seen.status.is_terminal());
        let budget = if needed {
            Budget::Needed
        } else {
            Budget::Spare
        };
        // A list alone ends a run when the single read does not come about.
        let by_list = || seen.map(|seen| JobDetail::from_list(seen.clone(), known));
        match vault.job(id, budget).await {
            Ok(Some(job)) => {
                standstill::see(self.memory, &job, self.clock.now());
                Ok(Some(job))
            }
            Ok(None) => Ok(by_list()),
            Err(_) if !needed => Ok(by_list()),
            Err(error) if self.memory.tries < 3 => Err(error),
            Err(error) => by_list().map(Some).ok_or(error),
        }
    }
}
