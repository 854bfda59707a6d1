//! The order of effects: one pass reads the object, does one thing in Azure, writes the status once. What a crash between
//! two lines here leads to is answered by [`super::plan`], which sees nothing but what is stored.

use jiff::SignedDuration;

use super::choose;
use super::facts::{
    JobDetail, JobSummary, Listing, Now, OperationStatus, ProtectedItem, RefusalKind,
    TriggerOutcome, VaultError,
};
use super::ids::{JobId, OperationId};
use super::pace::{self, Limits};
use super::plan::{self, Act, Decision, Look, Step};
use super::ports::{
    Budget, Clock, Deadline, JobsNeed, RunStore, StoreError, Stored, Trigger, Vault,
};
use super::progress;
use super::record::{Claim, Mark, Matching, Memory, Note, NoteKind, Record, Resolve, Run};
use super::request::RestoreRequest;

/// How often the result of a trigger is tried to be written down before looking must decide.
const RECORD_TRIES: u32 = 6;

/// When the next pass is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Not before somebody changes the object.
    Rest,
    /// After this time, or when somebody changes the object.
    In(SignedDuration),
}

const AT_ONCE: After = After::In(SignedDuration::ZERO);

/// What one pass works with.
pub struct Pass<'a, S, V, C> {
    /// The object.
    pub store: &'a S,
    /// The vault, or why there is none.
    pub vault: Result<V, Note>,
    /// The clock.
    pub clock: &'a C,
    /// The limits of the protocol.
    pub limits: &'a Limits,
    /// What this process remembers of the run.
    pub memory: &'a mut Memory,
}

impl<S: RunStore, V: Vault, C: Clock> Pass<'_, S, V, C> {
    /// Runs one pass.
    ///
    /// # Errors
    /// When the object cannot be read or written; nothing is lost, the next pass starts again from a read.
    pub async fn run(mut self) -> Result<After, StoreError> {
        let mut stored = self.store.read().await?;
        let now = self.clock.now();
        self.remember(&stored.run, now);
        if stored.run.record.unreadable.is_none() {
            stored.run.record.start_time.get_or_insert(now.wall);
        }
        let step = plan::next(&stored.run, self.memory, now);
        tracing::debug!(step = ?step, "next step");
        match step {
            Step::Rest => Ok(After::Rest),
            Step::Wait(duration) => Ok(After::In(duration)),
            Step::PlacePlaceholder => {
                let id = self.store.new_claim_id();
                self.store
                    .write_claim(&stored, Claim { attempt: 0, id })
                    .await?;
                Ok(AT_ONCE)
            }
            Step::RestoreFinalizer(claim) => {
                self.store.write_claim(&stored, claim).await?;
                Ok(AT_ONCE)
            }
            Step::LetGo => self.let_go(&stored).await,
            Step::End(end, message) => {
                let run = &stored.run;
                let mut record = run.record.clone();
                progress::ended_undecided(&mut record, run.key, claim_of(run), end, message, now);
                self.save(&stored, &record).await?;
                Ok(AT_ONCE)
            }
            Step::SayUnreadable => self.say_unreadable(&stored).await,
            Step::SayVaultChanged => self.say_vault_changed(&stored).await,
            Step::Azure(act) => match self.vault.clone() {
                Err(note) => self.without_vault(stored, note).await,
                Ok(vault) => match act {
                    Act::Select => self.select(vault, stored).await,
                    Act::Look => self.look(vault, stored).await,
                    Act::ReadOperation(id) => self.read_operation(vault, stored, id).await,
                    Act::Follow(id) => self.follow(vault, stored, id).await,
                },
            },
        }
    }

    fn remember(&mut self, run: &Run, now: Now) {
        if let Some(claim) = claim_of(run) {
            self.memory.see_claim(claim.id, now);
        }
        for job in run
            .record
            .attempts
            .iter()
            .filter_map(|attempt| attempt.job.as_ref())
        {
            self.memory.see_job(job, now);
        }
    }

    /// The vault object, its permission or its credentials are missing: says so, and lets a deletion through once a whole
    /// window has passed.
    async fn without_vault(
        &mut self,
        stored: Stored<S::Version>,
        note: Note,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        let run = &stored.run;
        if plan::may_let_go_without_vault(run, self.memory, now, self.limits) {
            return self.let_go(&stored).await;
        }
        let mut record = run.record.clone();
        if plan::must_block_without_look(run, self.memory, now, self.limits) {
            let message = format!("{}; {}", note.message, plan::resolve_help(run));
            progress::blocked(&mut record, run.key, claim_of(run), message, now);
        } else {
            progress::note_trouble(&mut record, note.kind, note.message);
        }
        self.save(&stored, &record).await?;
        Ok(After::In(pace::LONGEST_WAIT / 2))
    }

    /// Finds item and point. A run that is new here but not in Azure (its object was deleted and applied again, its status
    /// erased) finds its job in what the vault is known to list and chooses nothing.
    async fn select(&mut self, vault: V, stored: Stored<S::Version>) -> Result<After, StoreError> {
        let known = JobsNeed {
            begun_after: None,
            any_age: true,
            since: None,
        };
        let listing = match self.prepare(&vault, known).await {
            Ok(listing) => listing,
            Err(error) => {
                return self
                    .trouble(&stored, &error, "the vault's jobs cannot be listed")
                    .await;
            }
        };
        if stored
            .run
            .key
            .request_ids()
            .any(|(_, id)| !listing.of_request(id).is_empty())
        {
            return self.look(vault, stored).await;
        }
        self.choose(vault, stored).await
    }

    async fn prepare(&mut self, vault: &V, need: JobsNeed) -> Result<Listing, VaultError> {
        vault.ready().await?;
        vault.jobs(need).await
    }

    async fn choose(&mut self, vault: V, stored: Stored<S::Version>) -> Result<After, StoreError> {
        let intent = &stored.run.intent;
        let facts = match vault.facts().await {
            Ok(facts) => facts,
            Err(error) => {
                return self
                    .trouble(&stored, &error, "the vault cannot be read")
                    .await;
            }
        };
        let item = match vault.protected_item(&intent.vm).await {
            Ok(Some(item)) => item,
            Ok(None) => {
                let note = Note {
                    kind: NoteKind::VirtualMachineNotProtected,
                    message: format!(
                        "vault {} protects no vm {} (spec.sourceVirtualMachineId); protect it, or create a new VmRestore with the id of a vm that `az backup item list` shows",
                        intent.vault.name(),
                        intent.vm
                    ),
                };
                return self.stand_still(&stored, note).await;
            }
            Err(error) => {
                return self
                    .trouble(
                        &stored,
                        &error,
                        "the vault's protected items cannot be listed",
                    )
                    .await;
            }
        };
        let now = self.clock.now();
        let vm = intent.vm.name();
        let chosen = match &intent.point {
            Some(name) => match vault.recovery_point(&item, name).await {
                Ok(point) => choose::named(point, name, vm, now.wall),
                Err(error) => {
                    return self
                        .trouble(&stored, &error, "the recovery point cannot be read")
                        .await;
                }
            },
            None => match vault.recovery_points(&item).await {
                Ok(points) => choose::newest(&points, vm, now.wall),
                Err(error) => {
                    return self
                        .trouble(&stored, &error, "the recovery points cannot be listed")
                        .await;
                }
            },
        };
        let chosen = match chosen {
            Ok(chosen) => chosen,
            Err(note) => return self.stand_still(&stored, *note).await,
        };
        let mut record = stored.run.record.clone();
        progress::unblocked(&mut record);
        progress::selected(&mut record, &item, chosen, &facts.location);
        self.memory.went_forward();
        self.save(&stored, &record).await?;
        Ok(AT_ONCE)
    }

    /// Lists the vault's jobs, after the object was read, and does what that decides.
    async fn look(&mut self, vault: V, stored: Stored<S::Version>) -> Result<After, StoreError> {
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
        if plan::only_waits_to_let_go(run) {
            let wait = plan::until_let_go(&look);
            return match wait {
                None => self.let_go(&stored).await,
                Some(wait) => {
                    self.memory.wait(now, wait);
                    Ok(After::In(wait))
                }
            };
        }
        let decision = plan::after_look(&look);
        self.memory.heeded = plan::resolution(run).cloned();
        tracing::debug!(decision = ?decision, "looked");
        self.carry_out(vault, stored, decision, matching).await
    }

    async fn carry_out(
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

    /// Claims, sends once, writes down. `stored` was read before the look that allowed this claim.
    async fn trigger(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
        attempt: u8,
    ) -> Result<After, StoreError> {
        let run = &stored.run;
        let Some((item, request)) = request_of(run) else {
            return self.choose(vault, stored).await;
        };
        let claim = Claim {
            attempt,
            id: self.store.new_claim_id(),
        };
        let before = self.clock.now();
        let life = pace::CLAIM_LIFE;
        let deadline = Deadline {
            boot: before.boot + life,
            wall: run
                .control
                .start_by
                .into_iter()
                .chain(before.wall.checked_add(life))
                .min()
                .unwrap_or(before.wall),
        };
        match self.store.write_claim(&stored, claim).await {
            Ok(_) => {}
            Err(StoreError::Lost(why)) => {
                tracing::warn!(%why, "answer of the claim write was lost; reading what stands");
                let standing = self.store.read().await?;
                if standing.run.mark != Mark::Standing(claim) {
                    return Ok(AT_ONCE);
                }
            }
            Err(StoreError::Conflict) => return Ok(AT_ONCE),
            Err(error) => return Err(error),
        }
        self.memory.see_claim(claim.id, before);
        tracing::info!(attempt, claim = %claim.id, "claimed; triggering the restore");
        let trigger = Trigger {
            item: &item,
            request: &request,
            request_id: run.key.request_id(attempt),
            deadline,
        };
        let outcome = vault.trigger(&trigger).await;
        tracing::info!(attempt, outcome = outcome.label(), "triggered");
        self.record_outcome(claim, before, &outcome).await
    }

    /// Writes down what came of a trigger, only while the claim is the one it was sent under.
    async fn record_outcome(
        &mut self,
        claim: Claim,
        claimed: Now,
        outcome: &TriggerOutcome,
    ) -> Result<After, StoreError> {
        let mut last = StoreError::Conflict;
        for attempt in 0..RECORD_TRIES {
            let result = self.record_once(claim, claimed, outcome).await;
            match result {
                Ok(after) => return Ok(after),
                Err(StoreError::Gone) => return Err(StoreError::Gone),
                Err(error) => last = error,
            }
            self.clock
                .sleep(SignedDuration::from_millis(100 << attempt))
                .await;
        }
        Err(last)
    }

    async fn record_once(
        &mut self,
        claim: Claim,
        claimed: Now,
        outcome: &TriggerOutcome,
    ) -> Result<After, StoreError> {
        let stored = self.store.read().await?;
        if stored.run.mark != Mark::Standing(claim) {
            tracing::warn!(
                "another claim stands; the result of this trigger is dropped and looking decides"
            );
            return Ok(AT_ONCE);
        }
        let now = self.clock.now();
        let mut record = stored.run.record.clone();
        record.start_time.get_or_insert(claimed.wall);
        record
            .vault
            .get_or_insert_with(|| stored.run.intent.vault.clone());
        let wait = progress::triggered(
            &mut record,
            stored.run.key,
            claim,
            claimed.wall,
            outcome,
            now,
        );
        self.store.save(&stored, &record).await?;
        self.memory.went_forward();
        Ok(self.pause(now, wait))
    }

    async fn read_operation(
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
            Err(error) if error.kind == RefusalKind::Throttled => {
                return self.look(vault, stored).await;
            }
            Err(error) => {
                return self
                    .trouble(&stored, &error, "the operation cannot be read")
                    .await;
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
        let wait = progress::operation_read(&mut record, claim, operation.as_ref(), reads, now);
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

    async fn follow(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
        id: JobId,
    ) -> Result<After, StoreError> {
        let run = &stored.run;
        let now = self.clock.now();
        let since = run
            .record
            .job
            .as_ref()
            .and_then(|job| job.summary.started)
            .or(run.record.trigger_time);
        let need = JobsNeed {
            begun_after: None,
            any_age: false,
            since: since.map(|since| pace::listable(since, now)),
        };
        let listing = match self.prepare(&vault, need).await {
            Ok(listing) => listing,
            Err(error) => {
                return self
                    .trouble(&stored, &error, "the vault's jobs cannot be listed")
                    .await;
            }
        };
        let matching = self.compare(run, &listing).await?;
        let mut record = run.record.clone();
        let seen = listing.job(&id).map(|seen| &seen.job);
        let after = match self.job_detail(&vault, run, &id, seen).await {
            Ok(Some(job)) => {
                self.memory.tries = 0;
                progress::job_read(&mut record, job, self.clock.now());
                After::In(vault.interval())
            }
            Ok(None) => After::In(vault.interval()),
            Err(error) => {
                self.memory.tries += 1;
                After::In(progress::trouble(
                    &mut record,
                    &error,
                    &format!("job {id} cannot be read"),
                ))
            }
        };
        let saved = self.save(&stored, &record).await?;
        let look = Look {
            run: &saved.run,
            listing: &listing,
            matching,
            memory: self.memory,
            now: self.clock.now(),
            limits: self.limits,
            told_job_is_free: false,
        };
        if plan::may_let_go(&look) {
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
    async fn job_detail(
        &mut self,
        vault: &V,
        run: &Run,
        id: &JobId,
        seen: Option<&JobSummary>,
    ) -> Result<Option<JobDetail>, VaultError> {
        let known = run.record.job.as_ref().filter(|job| job.summary.id == *id);
        let changed =
            seen.is_some_and(|seen| known.is_none_or(|known| known.summary.status != seen.status));
        let needed = changed || known.is_none() || seen.is_none();
        let budget = if needed {
            Budget::Needed
        } else {
            Budget::Spare
        };
        // A list alone ends a run when the single read does not come about.
        let by_list = || seen.map(|seen| JobDetail::from_list(seen.clone(), known));
        match vault.job(id, budget).await {
            Ok(Some(job)) => Ok(Some(job)),
            Ok(None) => Ok(by_list()),
            Err(_) if !needed => Ok(by_list()),
            Err(error) if self.memory.tries < 3 => Err(error),
            Err(error) => by_list().map(Some).ok_or(error),
        }
    }

    /// Compares the activity id of a job that is known from its operation, and says what the vault's object says.
    async fn compare(&mut self, run: &Run, listing: &Listing) -> Result<Matching, StoreError> {
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

    async fn told_job_is_free(&self, run: &Run, listing: &Listing) -> Result<bool, StoreError> {
        let Some(Resolve::Adopt(_, job)) = plan::resolution(run) else {
            return Ok(false);
        };
        let Some(seen) = listing.job(job) else {
            return Ok(false);
        };
        let of_item = item_of(run).is_some_and(|item| seen.job.is_of(&item));
        Ok(of_item && !self.store.job_is_of_another_run(job).await?)
    }

    async fn look_failed(
        &mut self,
        stored: &Stored<S::Version>,
        error: &VaultError,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        let run = &stored.run;
        if plan::must_block_without_look(run, self.memory, now, self.limits) {
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

    async fn trouble(
        &mut self,
        stored: &Stored<S::Version>,
        error: &VaultError,
        what: &str,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        // Azure says no, or a role is gone: as good as no vault for a deletion that only waits.
        if plan::may_let_go_without_vault(&stored.run, self.memory, now, self.limits)
            && error.kind.needs_a_person()
        {
            return self.let_go(stored).await;
        }
        let mut record = stored.run.record.clone();
        let wait = progress::trouble(&mut record, error, what).max(SignedDuration::from_secs(1));
        self.save(stored, &record).await?;
        Ok(self.pause(now, wait))
    }

    async fn stand_still(
        &mut self,
        stored: &Stored<S::Version>,
        note: Note,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        let mut record = stored.run.record.clone();
        progress::note_trouble(&mut record, note.kind, note.message);
        self.save(stored, &record).await?;
        Ok(self.pause(now, pace::LONGEST_WAIT * 3 / 4))
    }

    async fn say_unreadable(&mut self, stored: &Stored<S::Version>) -> Result<After, StoreError> {
        let mut record = stored.run.record.clone();
        let why = record.unreadable.clone().unwrap_or_default();
        let way_out = match claim_of(&stored.run) {
            None => "erase the status (kubectl replace --subresource=status) and the run is found again by looking at the vault's jobs".to_owned(),
            Some(claim) => format!(
                "erase the status and the claim {} is decided by looking at the vault's jobs, or delete the object with the annotation vmrestore.azurebackup.dev/resolve set to abandon:{}",
                claim.id, claim.id
            ),
        };
        record.phase = super::record::Phase::Blocked;
        record.note = Note {
            kind: NoteKind::StatusUnreadable,
            message: format!(
                "the status cannot be understood ({why}), so nothing is triggered; {way_out}"
            ),
        };
        self.save(stored, &record).await?;
        Ok(After::Rest)
    }

    async fn say_vault_changed(
        &mut self,
        stored: &Stored<S::Version>,
    ) -> Result<After, StoreError> {
        let was = stored
            .run
            .record
            .vault
            .as_ref()
            .map_or("", |vault| vault.as_str());
        let note = Note {
            kind: NoteKind::VaultChanged,
            message: format!(
                "this run was started in vault {was}, but spec.vaultRef now leads to {}; bring back a RecoveryServicesVault for the first one, or create a new VmRestore",
                stored.run.intent.vault
            ),
        };
        self.without_vault(stored.clone(), note).await
    }

    async fn let_go(&mut self, stored: &Stored<S::Version>) -> Result<After, StoreError> {
        if claim_of(&stored.run).is_none() {
            return Ok(After::Rest);
        }
        self.store.let_go(stored).await?;
        self.memory.went_forward();
        Ok(if stored.run.record.end.is_some() {
            After::Rest
        } else {
            AT_ONCE
        })
    }

    async fn save(
        &self,
        stored: &Stored<S::Version>,
        record: &Record,
    ) -> Result<Stored<S::Version>, StoreError> {
        self.store.save(stored, record).await
    }

    fn pause(&mut self, now: Now, wait: SignedDuration) -> After {
        if !wait.is_zero() {
            self.memory.wait(now, wait);
        }
        After::In(wait)
    }
}

fn claim_of(run: &Run) -> Option<Claim> {
    match run.mark {
        Mark::Standing(claim) => Some(claim),
        Mark::None | Mark::Unreadable | Mark::WithoutFinalizer(_) => None,
    }
}

fn item_of(run: &Run) -> Option<ProtectedItem> {
    let names = run.record.item.as_ref()?;
    Some(ProtectedItem {
        container: names.container.clone(),
        name: names.name.clone(),
        source: run.intent.vm.clone(),
        protection_state: String::new(),
        soft_deleted: false,
    })
}

fn request_of(run: &Run) -> Option<(ProtectedItem, RestoreRequest)> {
    let request = RestoreRequest {
        source: run.intent.vm.clone(),
        recovery_point: run.record.point.as_ref()?.point.name.clone(),
        region: run.record.region.clone()?,
        target: run.intent.target.clone(),
    };
    Some((item_of(run)?, request))
}
