//! One pass at a time, on paper: the API server, the vault and the clock are one sheet that answers what a test wrote on it and
//! notes what it was asked. What many passes and two processes do to one another is the simulation's.

mod following;
mod locking;
mod looking;
mod triggering;
mod waiting;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use super::super::choose::TakenBetween;
use super::super::facts::{
    ErrorText, JobDetail, JobStatus, Operation, OperationStatus, RecoveryPoint, RefusalKind,
    SeenJob, TriggerOutcome, VaultFacts,
};
use super::super::fixtures::*;
use super::super::ids::{ArmId, ClaimId, OperationId, RecoveryPointName, RunKey};
use super::super::item_lock::{Holder, HolderState, ItemLock, Taker};
use super::super::ports::{Budget, Deadline, ItemLocks, Trigger};
use super::super::record::{AttemptState as S, End, ItemNames, Mark, Phase, Resolve};
use super::super::request::Target;
use super::*;

/// What the world is, and what it was asked.
struct Sheet {
    run: Run,
    /// Seconds of the clock.
    second: i64,
    /// How long a listing takes.
    listing_takes: i64,
    jobs: Result<Vec<SeenJob>, VaultError>,
    operation: Result<Option<Operation>, VaultError>,
    job: Result<Option<JobDetail>, VaultError>,
    item: Option<ProtectedItem>,
    outcome: TriggerOutcome,
    matching: Matching,
    lock: ItemLock,
    job_is_anothers: bool,
    may_claim: bool,
    /// What status writes meet.
    refuses: Option<StoreError>,
    /// What the claim's write meets, after it took effect.
    claim_meets: Option<StoreError>,
    asked: Vec<&'static str>,
    needs: Vec<JobsNeed>,
    budgets: Vec<Budget>,
    noted: Vec<Matching>,
    deadlines: Vec<Deadline>,
    slept: Vec<i128>,
}

#[derive(Clone)]
struct Paper(Arc<Mutex<Sheet>>);

fn paper(run: Run) -> Paper {
    Paper(Arc::new(Mutex::new(Sheet {
        item: item_of(&run),
        run,
        second: 0,
        listing_takes: 0,
        jobs: Ok(Vec::new()),
        operation: Ok(None),
        job: Ok(None),
        outcome: TriggerOutcome::Accepted {
            operation: Some(OperationId::new("o")),
        },
        matching: Matching::Assumed,
        lock: ItemLock {
            version: None,
            holder: None,
        },
        job_is_anothers: false,
        may_claim: true,
        refuses: None,
        claim_meets: None,
        asked: Vec::new(),
        needs: Vec::new(),
        budgets: Vec::new(),
        noted: Vec::new(),
        deadlines: Vec::new(),
        slept: Vec::new(),
    })))
}

impl Paper {
    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.0.lock().unwrap()
    }

    fn record(&self) -> Record {
        self.sheet().run.record.clone()
    }

    fn was_asked(&self, what: &str) -> usize {
        self.sheet()
            .asked
            .iter()
            .filter(|one| **one == what)
            .count()
    }

    fn stored(&self) -> Stored<()> {
        let sheet = self.sheet();
        Stored {
            run: sheet.run.clone(),
            version: (),
            read_at: at(sheet.second),
        }
    }

    /// One pass, with the vault at hand.
    fn pass(&self, memory: &mut Memory) -> Result<After, StoreError> {
        self.pass_with(Ok(self.clone()), memory)
    }

    /// One pass of a run whose vault object is gone.
    fn pass_without_vault(&self, memory: &mut Memory) -> Result<After, StoreError> {
        let note = Note {
            kind: NoteKind::VaultNotFound,
            message: "there is no such vault".to_owned(),
        };
        self.pass_with(Err(note), memory)
    }

    fn pass_with(
        &self,
        vault: Result<Self, Note>,
        memory: &mut Memory,
    ) -> Result<After, StoreError> {
        let pass = Pass {
            store: self,
            vault,
            clock: self,
            limits: &LIMITS,
            memory,
        };
        at_once(pass.run())
    }
}

/// Nothing on paper waits.
fn at_once<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing on paper waits"),
    }
}

fn trouble(kind: RefusalKind) -> VaultError {
    VaultError {
        kind,
        error: ErrorText {
            code: "SomeCode".to_owned(),
            message: "said Azure".to_owned(),
        },
        retry_after: SignedDuration::from_secs(20),
    }
}

fn in_secs(seconds: i64) -> After {
    After::In(SignedDuration::from_secs(seconds))
}

/// What a process knows that saw every claim and every job of the run at second 0.
fn memory_of(run: &Run) -> Memory {
    scene(run.clone(), 0, Vec::new()).memory
}

fn overwriting(mut run: Run) -> Run {
    run.intent.target = Target::OriginalLocation {
        storage_account: ArmId::new("a"),
    };
    run.control.start_by = Some(wall(100_000));
    run
}

impl Clock for Paper {
    fn now(&self) -> Now {
        at(self.sheet().second)
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.sheet().slept.push(duration.as_millis());
    }

    fn real(&self, _: SignedDuration) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

impl Vault for Paper {
    async fn ready(&self) -> Result<(), VaultError> {
        Ok(())
    }

    async fn facts(&self) -> Result<VaultFacts, VaultError> {
        Ok(VaultFacts {
            location: "westus".to_owned(),
            storage_redundancy: None,
            cross_region_restore: None,
            ..VaultFacts::default()
        })
    }

    async fn protected_item(&self, _: &ArmId) -> Result<Option<ProtectedItem>, VaultError> {
        self.sheet().asked.push("item");
        Ok(self.sheet().item.clone())
    }

    async fn recovery_points(
        &self,
        _: &ProtectedItem,
        _: Option<TakenBetween>,
    ) -> Result<Vec<RecoveryPoint>, VaultError> {
        Ok(Vec::new())
    }

    async fn recovery_point(
        &self,
        _: &ProtectedItem,
        _: &RecoveryPointName,
    ) -> Result<Option<RecoveryPoint>, VaultError> {
        Ok(None)
    }

    async fn trigger(&self, trigger: &Trigger<'_>) -> TriggerOutcome {
        let mut sheet = self.sheet();
        sheet.asked.push("trigger");
        sheet.deadlines.push(trigger.deadline);
        sheet.outcome.clone()
    }

    async fn operation(
        &self,
        _: &ProtectedItem,
        _: &OperationId,
    ) -> Result<Option<Operation>, VaultError> {
        self.sheet().asked.push("operation");
        self.sheet().operation.clone()
    }

    async fn jobs(&self, need: JobsNeed) -> Result<Listing, VaultError> {
        let mut sheet = self.sheet();
        sheet.asked.push("jobs");
        sheet.needs.push(need);
        let begun = at(sheet.second);
        sheet.second += sheet.listing_takes;
        Ok(Listing::new(begun, sheet.jobs.clone()?))
    }

    async fn job(&self, _: &JobId, budget: Budget) -> Result<Option<JobDetail>, VaultError> {
        self.sheet().budgets.push(budget);
        self.sheet().job.clone()
    }

    async fn virtual_machine_exists(&self, _: &ArmId) -> Result<bool, VaultError> {
        Ok(false)
    }

    async fn restore_in_progress_in(
        &self,
        _: &ArmId,
        _: &ArmId,
    ) -> Result<Option<JobId>, VaultError> {
        Ok(None)
    }

    fn interval(&self) -> SignedDuration {
        SignedDuration::from_secs(40)
    }
}

impl ItemLocks for Paper {
    async fn read_lock(&self, _: &ArmId) -> Result<ItemLock, StoreError> {
        self.sheet().asked.push("read_lock");
        Ok(self.sheet().lock.clone())
    }

    async fn take_lock(&self, _: &ItemLock, _: Taker<'_>) -> Result<(), StoreError> {
        self.sheet().asked.push("take_lock");
        Ok(())
    }

    async fn release_lock(&self, _: &ArmId, _: &ItemLock) -> Result<(), StoreError> {
        self.sheet().asked.push("release_lock");
        Ok(())
    }

    async fn holder_state(&self, _: &Holder) -> HolderState {
        HolderState::Holds
    }
}

impl RunStore for Paper {
    type Version = ();

    async fn read(&self) -> Result<Stored<()>, StoreError> {
        Ok(self.stored())
    }

    async fn write_claim(&self, _: &Stored<()>, claim: Claim) -> Result<Stored<()>, StoreError> {
        self.sheet().asked.push("claim");
        self.sheet().run.mark = Mark::Standing(claim);
        let meets = self.sheet().claim_meets.clone();
        meets.map_or_else(|| Ok(self.stored()), Err)
    }

    async fn let_go(&self, _: &Stored<()>) -> Result<Stored<()>, StoreError> {
        self.sheet().asked.push("let_go");
        self.sheet().run.mark = Mark::None;
        Ok(self.stored())
    }

    async fn save(&self, _: &Stored<()>, record: &Record) -> Result<Stored<()>, StoreError> {
        self.sheet().asked.push("save");
        if let Some(error) = self.sheet().refuses.clone() {
            return Err(error);
        }
        self.sheet().run.record = record.clone();
        Ok(self.stored())
    }

    async fn matching(&self) -> Result<Matching, StoreError> {
        Ok(self.sheet().matching)
    }

    async fn note_matching(&self, matching: Matching) -> Result<(), StoreError> {
        let mut sheet = self.sheet();
        sheet.noted.push(matching);
        sheet.matching = matching;
        Ok(())
    }

    async fn job_is_of_another_run(&self, _: &JobId) -> Result<bool, StoreError> {
        Ok(self.sheet().job_is_anothers)
    }

    fn may_claim(&self) -> bool {
        self.sheet().may_claim
    }

    fn new_claim_id(&self) -> ClaimId {
        claim_id(99)
    }
}
