//! Reads the vault's jobs and does what they decide.

use jiff::{SignedDuration, Timestamp};

use super::super::adoption;
use super::super::facts::{JobSummary, Listing, Now, VaultError};
use super::super::item_lock::Turn;
use super::super::look::{self, Decision, Look};
use super::super::pace::{self};
use super::super::ports::{Clock, JobsNeed, RunStore, StoreError, Stored, Vault};
use super::super::progress;
use super::super::questions::{self, claim_of, item_of};
use super::super::record::{AttemptState, Matching, Resolve, Run};
use super::super::release::{self, Release};
use super::checking::Hindrance;
use super::{AT_ONCE, After, Pass};

impl<S: RunStore, V: Vault, C: Clock> Pass<'_, S, V, C> {
    /// Lists the vault's jobs, after the object was read, and does what that decides.
    pub(super) async fn look(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
    ) -> Result<After, StoreError> {
        let turn = Box::pin(self.take_turn(&stored.run, &vault)).await?;
        let begun_after = match turn {
            Turn::NotAsked => stored.read_at.boot,
            Turn::Ours | Turn::Others(_) => self.clock.now().boot,
        };
        let fresh = JobsNeed {
            begun_after: Some(begun_after),
            any_age: false,
            since: self.oldest_interest(&stored.run, self.clock.now()),
        };
        let listing = match self.prepare(&vault, fresh).await {
            Ok(listing) => listing,
            Err(error) => return self.look_failed(&stored, &error).await,
        };
        let run = &stored.run;
        let matching = self.compare(run, &listing).await?;
        let now = self.clock.now();
        self.note_listed(run, &listing);
        let told_job_is_free = self.told_job_is_free(&vault, run, &listing).await?;
        let look = Look {
            run,
            listing: &listing,
            matching,
            memory: self.memory,
            now,
            limits: self.limits,
            told_job_is_free,
            turn: &turn,
        };
        let untold = look.untold();
        if release::only_waits_to_let_go(run) {
            if !untold.is_empty() {
                return self.tell(stored, &untold).await;
            }
            let release = release::when(&look);
            let why = release::why_deletion_waits(&look);
            return self.keep_or_let_go(stored, release, why).await;
        }
        let mut decision = look::after_look(&look);
        if let (Decision::Claim(_), Some(vm)) =
            (&decision, run.intent.target.creates_virtual_machine())
        {
            match vault.virtual_machine_exists(vm).await {
                Ok(false) => {}
                Ok(true) => decision = look::when_target_exists(&look, vm),
                Err(error) => {
                    let what = format!("whether vm {vm} exists already cannot be read");
                    return self.trouble(&stored, &error, &what).await;
                }
            }
        }
        if matches!(decision, Decision::Claim(_)) {
            match self.check_around(&vault, run).await {
                Ok(()) => {}
                Err(Hindrance::Unsuitable(note)) => {
                    decision = Decision::Hold(note.kind, note.message);
                }
                Err(Hindrance::Trouble(error, what)) => {
                    return self.trouble(&stored, &error, what).await;
                }
            }
        }
        let age = self.clock.now().boot - listing.begun.boot;
        if matches!(decision, Decision::Claim(_))
            && run.intent.target.overwrites_source()
            && age > pace::LOOK_LIFE
        {
            return Ok(AT_ONCE);
        }
        self.memory.heeded = questions::resolution(run).cloned();
        tracing::debug!(decision = ?decision, "looked");
        if !untold.is_empty() && matches!(decision, Decision::Claim(_)) {
            return self.tell(stored, &untold).await;
        }
        // Whatever is decided writes this too.
        let mut stored = stored;
        adoption::listed(&mut stored.run.record, stored.run.key, &untold);
        Box::pin(self.carry_out(vault, stored, decision, matching)).await
    }

    /// Writes down jobs that the record did not name; the next pass looks again and decides.
    async fn tell(
        &mut self,
        stored: Stored<S::Version>,
        untold: &[(u8, JobSummary)],
    ) -> Result<After, StoreError> {
        let mut record = stored.run.record.clone();
        adoption::listed(&mut record, stored.run.key, untold);
        self.save(&stored, &record).await?;
        Ok(AT_ONCE)
    }

    /// Remembers which jobs of the run a listing shows, and the oldest of them. They are seen now: a listing may take long, and
    /// Azure may have shown them for the first time just before its end.
    pub(super) fn note_listed(&mut self, run: &Run, listing: &Listing) {
        let now = self.clock.now();
        let by_request = run
            .key
            .request_ids()
            .flat_map(|(_, id)| listing.of_request(id));
        let known = run
            .record
            .attempts
            .iter()
            .filter_map(|attempt| attempt.job.as_ref());
        for seen in by_request.chain(known.filter_map(|job| listing.job(job))) {
            self.memory.see_job_listed(&seen.job.id, now);
            let oldest = self.memory.oldest_job.into_iter();
            self.memory.oldest_job = oldest.chain(seen.job.started).min();
        }
        // A run that waits for others' restores must see them end.
        if let Some(item) = item_of(run).filter(|_| run.intent.target.overwrites_source()) {
            let others = listing.restores_in_progress(&item);
            let started = others.filter_map(|seen| seen.job.started);
            self.memory.oldest_job = started.chain(self.memory.oldest_job).min();
        }
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
        if claim.is_some() {
            record.vault.get_or_insert_with(|| run.intent.vault.clone());
        }
        let after = match decision {
            Decision::Claim(_) if !self.store.may_claim() => {
                return Ok(After::In(SignedDuration::from_secs(1)));
            }
            Decision::Claim(attempt) => {
                return Box::pin(self.trigger(vault, stored, attempt)).await;
            }
            Decision::LetGo => return self.let_go(&stored).await,
            Decision::SelectFirst => return Box::pin(self.choose(vault, stored)).await,
            Decision::Adopt {
                attempt,
                job,
                beside,
            } => {
                let beside = beside.as_ref();
                progress::adopted(&mut record, run.key, claim, attempt, &job, beside, now);
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
                progress::waits(&mut record, claim);
                if let Some(claim) = claim.filter(|_| matching == Matching::Broken) {
                    adoption::open_while_broken(&mut record, claim);
                }
                if run.deleting && claim.is_some() {
                    let until = pace::minute_after(now.wall, wait);
                    let why = format!(
                        "the deletion waits until about {until}: a job of this run may be listed until then, and a new object of this run must find it"
                    );
                    progress::deletion_waits(&mut record, false, why);
                }
                self.pause(
                    now,
                    wait.min(vault.interval()).max(SignedDuration::from_secs(1)),
                )
            }
            Decision::Hold(kind, message) => {
                if let Some(claim) = claim {
                    progress::found_open_claim(&mut record, run.key, claim, now);
                }
                progress::holds(&mut record, kind, message);
                self.pause(now, vault.interval())
            }
            Decision::Block(message) => {
                tracing::warn!(matching = ?matching, "outcome cannot be known");
                progress::blocked(&mut record, run.key, claim, message, now);
                if let Some(claim) = claim.filter(|_| matching == Matching::Broken) {
                    adoption::open_while_broken(&mut record, claim);
                }
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

    /// Where a listing must begin so that it shows every job of this run that decides something: older ones than those of the
    /// listing before would else not be shown again.
    pub(super) fn oldest_interest(&self, run: &Run, now: Now) -> Option<Timestamp> {
        let record = &run.record;
        let claimed = record.attempts.iter().filter_map(|attempt| attempt.claimed);
        let read = record.job.as_ref().and_then(|job| job.summary.started);
        // A claim of which nothing is recorded may be older than this process's first sight of it.
        let unrecorded = claim_of(run)
            .filter(|claim| record.of_claim(*claim).is_none())
            .and_then(|claim| self.memory.claims.get(&claim.id))
            .and_then(|seen| {
                let age = now.boot.saturating_sub(*seen) + self.limits.adoption_window;
                let start = now.wall.checked_sub(age).ok()?;
                Timestamp::from_second(start.as_second().div_euclid(60) * 60).ok()
            });
        claimed
            .chain(read)
            .chain(record.trigger_time)
            .chain(self.memory.oldest_job)
            .chain(unrecorded)
            .min()
            .map(|since| pace::listable(since, now))
    }

    /// The run has ended: lets go of its claim, or says what that waits for.
    async fn keep_or_let_go(
        &mut self,
        stored: Stored<S::Version>,
        release: Option<Release>,
        why: Option<(bool, String)>,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        if release == Some(Release::Now) {
            return self.let_go(&stored).await;
        }
        if stored.run.deleting {
            let mut record = stored.run.record.clone();
            if let Some((for_a_person, message)) = why {
                progress::deletion_waits(&mut record, for_a_person, message);
            }
            self.save(&stored, &record).await?;
        }
        match release {
            Some(Release::After(wait)) => Ok(self.pause(now, wait.min(pace::VISIBILITY_BOUND))),
            // Nothing but the object itself can change this: somebody deletes it, or sets the annotation.
            Some(Release::ByAPerson(_)) if !stored.run.deleting => Ok(After::Rest),
            Some(Release::Now | Release::ByAPerson(_)) | None => {
                Ok(self.pause(now, pace::VISIBILITY_BOUND))
            }
        }
    }

    /// Compares the activity id of a job that is known from its operation, and says what the vault's object says.
    pub(super) async fn compare(
        &mut self,
        run: &Run,
        listing: &Listing,
    ) -> Result<Matching, StoreError> {
        for attempt in &run.record.attempts {
            let (Some(job), true, 1..) =
                (&attempt.job, attempt.operation.is_some(), attempt.number)
            else {
                continue;
            };
            if attempt.state == AttemptState::Adopted {
                // A person named this job: that it carries another id says nothing about Azure.
                continue;
            }
            let id = run.key.request_id(attempt.number);
            let Some(seen) = listing.job(job) else {
                continue;
            };
            if self.memory.compared.contains(job) {
                continue;
            }
            let found = if id.matches(&seen.job.activity_id) {
                // An old job that carries its id says nothing about younger ones that carry none.
                if listing
                    .without_id()
                    .any(|other| other.job.started > seen.job.started)
                {
                    continue;
                }
                Matching::Proven
            } else {
                Matching::Broken
            };
            self.store
                .note_matching(found)
                .await
                .map_err(of_the_vault)?;
            self.memory.compared.insert(job.clone());
        }
        self.store.matching().await.map_err(of_the_vault)
    }

    pub(super) async fn told_job_is_free(
        &self,
        vault: &V,
        run: &Run,
        listing: &Listing,
    ) -> Result<bool, StoreError> {
        let Some(Resolve::Adopt(_, job)) = questions::resolution(run) else {
            return Ok(false);
        };
        let Some(seen) = listing.job(job) else {
            return Ok(false);
        };
        let item = match item_of(run) {
            Some(item) => Some(item),
            // The status was lost; the vault knows the item as well.
            None => vault.protected_item(&run.intent.vm).await.ok().flatten(),
        };
        let of_item = item.is_some_and(|item| seen.job.is_of(&item));
        Ok(of_item && !self.store.job_is_of_another_run(job).await?)
    }

    pub(super) async fn look_failed(
        &mut self,
        stored: &Stored<S::Version>,
        error: &VaultError,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        self.memory.looks_in_vain_since.get_or_insert(now.boot);
        let run = &stored.run;
        // A deletion that goes without its vault goes before it could block for want of it.
        let goes = error.kind.needs_a_person() && self.lets_go_without_vault(stored, now).await;
        if !goes && release::must_block_without_look(run, self.memory, now, self.limits) {
            let mut record = run.record.clone();
            // What Azure says is long at times, and the end of a message may be cut: the way out comes first.
            let message = format!(
                "the vault's jobs could not be listed for a whole adoption window; {}; {error}",
                questions::resolve_help(run)
            );
            progress::blocked(&mut record, run.key, claim_of(run), message, now);
            self.save(stored, &record).await?;
            return Ok(self.pause(now, error.retry_after));
        }
        self.trouble(stored, error, "the vault's jobs cannot be listed")
            .await
    }
}

/// The vault's object may be gone while the run's object is there: the next pass finds out.
fn of_the_vault(error: StoreError) -> StoreError {
    match error {
        StoreError::Gone => StoreError::Refused("the vault's object is gone".to_owned()),
        StoreError::Conflict | StoreError::Lost(_) | StoreError::Refused(_) => error,
    }
}
