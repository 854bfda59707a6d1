//! Reads the vault's jobs and does what they decide.

use jiff::SignedDuration;

use super::super::facts::{Listing, VaultError};
use super::super::look::{self, Decision, Look};
use super::super::pace::{self};
use super::super::plan::{self};
use super::super::ports::{Clock, JobsNeed, RunStore, StoreError, Stored, Vault};
use super::super::progress;
use super::super::record::{Matching, Resolve, Run};
use super::super::release;
use super::{AT_ONCE, After, Pass, claim_of, item_of};

impl<S: RunStore, V: Vault, C: Clock> Pass<'_, S, V, C> {
    /// Lists the vault's jobs, after the object was read, and does what that decides.
    pub(super) async fn look(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
    ) -> Result<After, StoreError> {
        let fresh = JobsNeed {
            begun_after: Some(stored.read_at.boot),
            any_age: false,
            since: None,
        };
        let listing = match self.prepare(&vault, fresh).await {
            Ok(listing) => listing,
            Err(error) => return self.look_failed(&stored, &error).await,
        };
        self.memory.last_look = Some(listing.begun.boot);
        let run = &stored.run;
        let matching = self.compare(run, &listing).await?;
        let now = self.clock.now();
        for (_, id) in run.key.request_ids() {
            for seen in listing.of_request(id) {
                self.memory.see_job(&seen.job.id, now);
            }
        }
        let told_job_is_free = self.told_job_is_free(run, &listing).await?;
        let look = Look {
            run,
            listing: &listing,
            matching,
            memory: self.memory,
            now,
            limits: self.limits,
            told_job_is_free,
        };
        if release::only_waits_to_let_go(run) {
            let wait = release::until_let_go(&look);
            return match wait {
                None => self.let_go(&stored).await,
                Some(wait) => {
                    self.memory.wait(now, wait);
                    Ok(After::In(wait))
                }
            };
        }
        let decision = look::after_look(&look);
        self.memory.heeded = plan::resolution(run).cloned();
        tracing::debug!(decision = ?decision, "looked");
        self.carry_out(vault, stored, decision, matching).await
    }

    pub(super) async fn carry_out(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
        decision: Decision,
        matching: Matching,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        let run = &stored.run;
        let claim = claim_of(run);
        let mut record = run.record.clone();
        let after = match decision {
            Decision::Claim(attempt) => return self.trigger(vault, stored, attempt).await,
            Decision::LetGo => return self.let_go(&stored).await,
            Decision::SelectFirst => return self.choose(vault, stored).await,
            Decision::Adopt {
                attempt,
                job,
                duplicate,
            } => {
                progress::adopted(&mut record, run.key, claim, attempt, &job, duplicate);
                record.vault.get_or_insert_with(|| run.intent.vault.clone());
                self.memory.went_forward();
                AT_ONCE
            }
            Decision::AdoptAsTold(job) => {
                if let Some(claim) = claim {
                    progress::adopted_as_told(&mut record, run.key, claim, &job, now);
                }
                self.memory.went_forward();
                AT_ONCE
            }
            Decision::NotStarted => {
                if let Some(claim) = claim {
                    progress::not_started(&mut record, claim);
                }
                self.memory.wait(now, pace::LONGEST_WAIT / 2);
                After::In(pace::LONGEST_WAIT / 2)
            }
            Decision::Wait(wait) => {
                if let Some(claim) = claim {
                    progress::found_open_claim(&mut record, run.key, claim, now);
                }
                self.pause(
                    now,
                    wait.min(vault.interval()).max(SignedDuration::from_secs(1)),
                )
            }
            Decision::Block(message) => {
                tracing::warn!(matching = ?matching, "outcome cannot be known");
                progress::blocked(&mut record, run.key, claim, message, now);
                self.pause(now, vault.interval())
            }
            Decision::End(end, message) => {
                progress::ended_undecided(&mut record, run.key, claim, end, message, now);
                self.memory.went_forward();
                AT_ONCE
            }
        };
        self.save(&stored, &record).await?;
        Ok(after)
    }

    /// Compares the activity id of a job that is known from its operation, and says what the vault's object says.
    pub(super) async fn compare(
        &mut self,
        run: &Run,
        listing: &Listing,
    ) -> Result<Matching, StoreError> {
        for attempt in &run.record.attempts {
            let (Some(job), Some(id), true) = (
                &attempt.job,
                attempt.request_id,
                attempt.operation.is_some(),
            ) else {
                continue;
            };
            let Some(seen) = listing.job(job) else {
                continue;
            };
            if !self.memory.compared.insert(job.clone()) {
                continue;
            }
            let found = if id.matches(&seen.job.activity_id) {
                Matching::Proven
            } else {
                Matching::Broken
            };
            self.store.note_matching(found).await?;
        }
        self.store.matching().await
    }

    pub(super) async fn told_job_is_free(
        &self,
        run: &Run,
        listing: &Listing,
    ) -> Result<bool, StoreError> {
        let Some(Resolve::Adopt(_, job)) = plan::resolution(run) else {
            return Ok(false);
        };
        let Some(seen) = listing.job(job) else {
            return Ok(false);
        };
        let of_item = item_of(run).is_some_and(|item| seen.job.is_of(&item));
        Ok(of_item && !self.store.job_is_of_another_run(job).await?)
    }

    pub(super) async fn look_failed(
        &mut self,
        stored: &Stored<S::Version>,
        error: &VaultError,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        let run = &stored.run;
        if release::must_block_without_look(run, self.memory, now, self.limits) {
            let mut record = run.record.clone();
            let message = format!(
                "the vault's jobs could not be listed for a whole adoption window ({error}); {}",
                plan::resolve_help(run)
            );
            progress::blocked(&mut record, run.key, claim_of(run), message, now);
            self.save(stored, &record).await?;
            return Ok(self.pause(now, error.retry_after));
        }
        self.trouble(stored, error, "the vault's jobs cannot be listed")
            .await
    }
}
