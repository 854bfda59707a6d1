//! The order of effects: one pass reads the object, does one thing in Azure, writes the status once. What a crash between
//! two lines here leads to is answered by [`super::plan`], which sees nothing but what is stored.

use jiff::SignedDuration;

use super::facts::{Listing, Now, ProtectedItem, VaultError};
use super::ids::JobId;
use super::item_lock::{self, Need};
use super::pace::{self, Limits};
use super::plan::{self, Act, Step};
use super::ports::{Clock, JobsNeed, RunStore, StoreError, Stored, Vault};
use super::progress;
use super::questions::{self, claim_of, item_of};
use super::record::{Claim, Matching, Memory, Note, NoteKind, Record, Run};
use super::release;
use super::request::RestoreRequest;

mod checking;
mod choosing;
mod following;
mod locking;
mod looking;
mod triggering;

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
        let result = Box::pin(self.step()).await;
        if let Err(StoreError::Refused(_) | StoreError::Lost(_)) = &result {
            // The API server is in trouble, or refuses for good; Azure is not asked again each time that is found out.
            let soon = self.clock.now().boot + pace::AFTER_REFUSED_WRITE;
            self.memory.refused_until = Some(soon);
        }
        result
    }

    async fn step(&mut self) -> Result<After, StoreError> {
        if let Some(known) = self.memory.unrecorded.take() {
            return self
                .record_outcome(known.claim, known.claimed, &known.outcome)
                .await;
        }
        let mut stored = self.store.read().await?;
        let now = self.clock.now();
        self.remember(&stored.run, now);
        if stored.run.record.unreadable.is_none() {
            stored.run.record.start_time.get_or_insert(now.wall);
        }
        if item_lock::need(&stored.run, now) == Some(Need::Release) && !self.memory.lock_is_not_held
        {
            self.release_lock(&stored.run).await?;
        }
        let step = plan::next(&stored.run, self.memory, now, self.limits);
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
            Step::SaySuspended(job) => self.say_suspended(&stored, &job).await,
            Step::SayVaultChanged => self.say_vault_changed(&stored).await,
            Step::Azure(act) => {
                // Boxed, as each is large and only one of them is needed.
                match self.vault.clone() {
                    Err(note) => self.without_vault(stored, note).await,
                    Ok(vault) => match act {
                        Act::Select => Box::pin(self.select(vault, stored)).await,
                        Act::Look => Box::pin(self.look(vault, stored)).await,
                        Act::ReadOperation(id) => {
                            Box::pin(self.read_operation(vault, stored, id)).await
                        }
                        Act::Follow(id) => Box::pin(self.follow(vault, stored, id)).await,
                    },
                }
            }
        }
    }

    fn remember(&mut self, run: &Run, now: Now) {
        if run.record.end.is_some() {
            self.memory.looks_in_vain_since = None;
        }
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
        self.memory.looks_in_vain_since.get_or_insert(now.boot);
        let run = &stored.run;
        if self.lets_go_without_vault(&stored, now).await {
            return self.let_go(&stored).await;
        }
        let mut record = run.record.clone();
        if release::must_block_without_look(run, self.memory, now, self.limits) {
            let message = format!(
                "the vault could not be used for a whole adoption window; {}; {}",
                questions::resolve_help(run),
                note.message
            );
            progress::blocked(&mut record, run.key, claim_of(run), message, now);
        } else {
            progress::note_trouble(&mut record, note.kind, note.message.clone());
            self.say_until_when(run, &mut record, &note.message, true);
        }
        self.save(&stored, &record).await?;
        Ok(After::In(pace::LONGEST_WAIT / 2))
    }

    /// Says of a deletion that cannot be decided by a look until when it waits, and what is in the way: if that needs a
    /// person, it goes by itself at last.
    fn say_until_when(&self, run: &Run, record: &mut Record, in_the_way: &str, goes: bool) {
        let now = self.clock.now();
        let wait = release::until_let_go_without_vault(run, self.memory, now, self.limits);
        if let Some(wait) = wait.filter(|wait| goes && !wait.is_zero()) {
            let until = pace::minute_after(now.wall, wait);
            let why = format!(
                "the deletion waits until about {until}, so that a new object of this run finds its job; {in_the_way}"
            );
            progress::deletion_waits(record, false, why);
        } else if let Some(why) =
            release::why_deletion_waits_unlisted(run, self.memory, now, self.limits)
        {
            progress::deletion_waits_beside(record, &format!("{why}; {in_the_way}"));
        }
    }

    /// Design 3, step 6 (e). Where ids are known not to be filled, a new object could not find what this one started.
    async fn lets_go_without_vault(&self, stored: &Stored<S::Version>, now: Now) -> bool {
        release::may_let_go_without_vault(&stored.run, self.memory, now, self.limits)
            && matches!(
                self.store.matching().await,
                Ok(Matching::Assumed | Matching::Proven) | Err(StoreError::Gone)
            )
    }

    async fn prepare(&mut self, vault: &V, need: JobsNeed) -> Result<Listing, VaultError> {
        vault.ready().await?;
        let listing = vault.jobs(need).await?;
        self.memory.saw(&listing);
        Ok(listing)
    }

    async fn trouble(
        &mut self,
        stored: &Stored<S::Version>,
        error: &VaultError,
        what: &str,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        // Azure says no, or a role is gone: as good as no vault for a deletion that only waits.
        if error.kind.needs_a_person() && self.lets_go_without_vault(stored, now).await {
            return self.let_go(stored).await;
        }
        let mut record = stored.run.record.clone();
        let wait = progress::trouble(&mut record, error, what).max(SignedDuration::from_secs(1));
        let goes = error.kind.needs_a_person();
        self.say_until_when(&stored.run, &mut record, &format!("{what}: {error}"), goes);
        self.save(stored, &record).await?;
        Ok(self.pause(now, wait))
    }

    async fn stand_still(
        &mut self,
        stored: &Stored<S::Version>,
        note: Note,
    ) -> Result<After, StoreError> {
        let wait = pace::LONGEST_WAIT * 3 / 4;
        self.stand_still_for(stored, note, wait).await
    }

    async fn stand_still_for(
        &mut self,
        stored: &Stored<S::Version>,
        note: Note,
        wait: SignedDuration,
    ) -> Result<After, StoreError> {
        let now = self.clock.now();
        let mut record = stored.run.record.clone();
        progress::note_trouble(&mut record, note.kind, note.message);
        self.save(stored, &record).await?;
        Ok(self.pause(now, wait))
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
        // A person's word counts once this process has seen the claim for a whole window.
        Ok(if stored.run.deleting && claim_of(&stored.run).is_some() {
            After::In(pace::LONGEST_WAIT)
        } else {
            After::Rest
        })
    }

    /// Comes back when the run's time is over.
    async fn say_suspended(
        &mut self,
        stored: &Stored<S::Version>,
        job: &JobId,
    ) -> Result<After, StoreError> {
        let mut record = stored.run.record.clone();
        // A process by whose clock the run's time is over asks the vault and says that there is none.
        let another_says_so =
            matches!(&self.vault, Err(missing) if missing.kind == record.note.kind);
        record.note = Note {
            kind: NoteKind::WaitingForRetry,
            message: format!(
                "spec.suspend is true: job {job} goes on in Azure and is not followed until it is false"
            ),
        };
        self.save(stored, &record).await?;
        let now = self.clock.now();
        if another_says_so {
            // Two that write over each other's words wake each other: not all the time.
            return Ok(self.pause(now, pace::LONGEST_WAIT / 2));
        }
        let over = questions::times_out_at(&stored.run);
        Ok(over.map_or(After::Rest, |over| {
            After::In(
                over.duration_since(now.wall)
                    .max(SignedDuration::from_secs(1)),
            )
        }))
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
        let lock = self.lock_that_goes_with(&stored.run).await?;
        self.store.let_go(stored).await?;
        self.memory.went_forward();
        self.memory.forget_claims();
        if let Some(lock) = lock {
            // The object may be gone now, so that no pass comes to do it.
            let released = self.store.release_lock(&stored.run.intent.vm, &lock).await;
            tracing::debug!(released = released.is_ok(), "released the lock of the vm");
        }
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
        let told = release::told_while_deleting(&stored.run, record);
        self.store
            .save(stored, told.as_ref().unwrap_or(record))
            .await
    }

    fn pause(&mut self, now: Now, wait: SignedDuration) -> After {
        if !wait.is_zero() {
            self.memory.wait(now, wait);
        }
        After::In(wait)
    }
}

/// The request of a run that has chosen its point, as far as its object tells it.
fn request_of(run: &Run) -> Option<(ProtectedItem, RestoreRequest)> {
    let point = &run.record.point.as_ref()?.point;
    let region = run.record.region.clone()?;
    Some((
        item_of(run)?,
        RestoreRequest::of(&run.intent, point, region),
    ))
}

#[cfg(test)]
mod tests;
