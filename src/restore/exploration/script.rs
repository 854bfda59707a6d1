//! A pass that is played from a script: the answers that it got so far, up to its next call.
//!
//! A pass is a future and cannot be copied. But where it stands follows from the memory that it began with and from the answers
//! that it was given, so a copy is made by playing the real pass again with the same answers.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use jiff::SignedDuration;
use uuid::Uuid;

use super::super::choose::TakenBetween;
use super::super::facts::{
    JobDetail, Listing, Now, Operation, ProtectedItem, RecoveryPoint, SeenJob, Tier,
    TriggerOutcome, VaultError, VaultFacts,
};
use super::super::ids::{ArmId, ClaimId, JobId, OperationId, RecoveryPointName, RequestId, RunKey};
use super::super::item_lock::{Holder, HolderState, ItemLock};
use super::super::pace::Limits;
use super::super::pass::{After, Pass};
use super::super::ports::{
    Budget, Clock, ItemLocks, JobsNeed, RunStore, StoreError, Stored, Trigger, Vault,
};
use super::super::record::{Claim, Matching, Memory, Record};
use super::time::{Tick, at};

/// What a pass asks of the world.
#[derive(Debug, Clone)]
pub enum Call {
    Read,
    WriteClaim(Box<Stored<u64>>, Claim),
    LetGo(u64),
    Save(Box<Stored<u64>>, Box<Record>),
    Matching,
    NoteMatching(Matching),
    Trigger(RequestId, super::super::ports::Deadline),
    Operation(OperationId),
    Jobs(JobsNeed, Tick),
    Job(JobId),
    ReadLock,
    TakeLock(ItemLock),
    ReleaseLock(ItemLock),
    Holder(Holder),
}

impl Call {
    /// Whether it is answered in the same step as what came before it: a read that decides nothing by itself.
    pub fn follows_at_once(&self) -> bool {
        matches!(self, Self::Matching | Self::NoteMatching(_) | Self::Job(_))
    }
}

/// What the world answers.
#[derive(Debug, Clone)]
pub enum Answer {
    Stored(Box<Stored<u64>>),
    Done,
    NotStored(StoreError),
    /// Listed by a request that was begun then.
    Jobs(Tick, Vec<SeenJob>),
    NotRead(VaultError),
    Triggered(TriggerOutcome),
    Operation(Option<Operation>),
    Job(Option<Box<JobDetail>>),
    Matching(Matching),
    Lock(ItemLock),
    Holder(HolderState),
}

struct Script {
    answers: Vec<(Tick, Answer)>,
    next: usize,
    tick: Tick,
    call: Option<Call>,
    seat: u8,
    /// Claims that were written in the world when the pass began: what makes a new claim id fresh.
    claims: u32,
    made: u8,
}

/// One seat's way into the script.
#[derive(Clone)]
struct Port(Arc<Mutex<Script>>);

struct Ask(Port, Option<Call>);

impl Future for Ask {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        let call = self.1.take();
        let mut script = self.0.0.lock().unwrap();
        let next = script.next;
        let Some((tick, answer)) = script.answers.get(next).cloned() else {
            script.call = call;
            return Poll::Pending;
        };
        script.next += 1;
        script.tick = tick;
        Poll::Ready(answer)
    }
}

impl Port {
    async fn ask(&self, call: Call) -> Answer {
        Ask(self.clone(), Some(call)).await
    }

    async fn stored(&self, call: Call) -> Result<Stored<u64>, StoreError> {
        match self.ask(call).await {
            Answer::Stored(stored) => Ok(*stored),
            Answer::NotStored(error) => Err(error),
            other => unreachable!("a store answered {other:?}"),
        }
    }

    async fn done(&self, call: Call) -> Result<(), StoreError> {
        match self.ask(call).await {
            Answer::Done => Ok(()),
            Answer::NotStored(error) => Err(error),
            other => unreachable!("a store answered {other:?}"),
        }
    }
}

impl Clock for Port {
    fn now(&self) -> Now {
        at(self.0.lock().unwrap().tick)
    }

    async fn sleep(&self, _: SignedDuration) {}

    fn real(&self, duration: SignedDuration) -> std::time::Duration {
        duration.try_into().unwrap_or_default()
    }
}

impl ItemLocks for Port {
    async fn read_lock(&self, _: &ArmId) -> Result<ItemLock, StoreError> {
        match self.ask(Call::ReadLock).await {
            Answer::Lock(lock) => Ok(lock),
            other => unreachable!("a lock answered {other:?}"),
        }
    }

    async fn take_lock(&self, _: &ArmId, read: &ItemLock, _: RunKey) -> Result<(), StoreError> {
        self.done(Call::TakeLock(read.clone())).await
    }

    async fn release_lock(&self, _: &ArmId, read: &ItemLock) -> Result<(), StoreError> {
        self.done(Call::ReleaseLock(read.clone())).await
    }

    async fn holder_state(&self, holder: &Holder) -> HolderState {
        match self.ask(Call::Holder(holder.clone())).await {
            Answer::Holder(state) => state,
            other => unreachable!("a holder answered {other:?}"),
        }
    }
}

impl RunStore for Port {
    type Version = u64;

    async fn read(&self) -> Result<Stored<u64>, StoreError> {
        let read_at = self.now();
        let mut stored = self.stored(Call::Read).await?;
        stored.read_at = read_at;
        Ok(stored)
    }

    async fn write_claim(
        &self,
        base: &Stored<u64>,
        claim: Claim,
    ) -> Result<Stored<u64>, StoreError> {
        self.stored(Call::WriteClaim(Box::new(base.clone()), claim))
            .await
    }

    async fn let_go(&self, base: &Stored<u64>) -> Result<Stored<u64>, StoreError> {
        self.stored(Call::LetGo(base.version)).await
    }

    async fn save(&self, base: &Stored<u64>, record: &Record) -> Result<Stored<u64>, StoreError> {
        let call = Call::Save(Box::new(base.clone()), Box::new(record.clone()));
        self.stored(call).await
    }

    async fn matching(&self) -> Result<Matching, StoreError> {
        match self.ask(Call::Matching).await {
            Answer::Matching(matching) => Ok(matching),
            other => unreachable!("a vault object answered {other:?}"),
        }
    }

    async fn note_matching(&self, matching: Matching) -> Result<(), StoreError> {
        self.done(Call::NoteMatching(matching)).await
    }

    async fn job_is_of_another_run(&self, _: &JobId) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn new_claim_id(&self) -> ClaimId {
        let mut script = self.0.lock().unwrap();
        script.made += 1;
        let id = u128::from(script.claims) << 16
            | u128::from(script.seat) << 8
            | u128::from(script.made);
        ClaimId::new(Uuid::from_u128(id))
    }
}

impl Vault for Port {
    async fn ready(&self) -> Result<(), VaultError> {
        Ok(())
    }

    async fn facts(&self) -> Result<VaultFacts, VaultError> {
        Ok(VaultFacts {
            location: "westus".to_owned(),
            storage_redundancy: None,
            cross_region_restore: None,
        })
    }

    async fn protected_item(&self, vm: &ArmId) -> Result<Option<ProtectedItem>, VaultError> {
        Ok(Some(ProtectedItem {
            container: "c".to_owned(),
            name: "i".to_owned(),
            source: vm.clone(),
            protection_state: "Protected".to_owned(),
            soft_deleted: false,
        }))
    }

    async fn recovery_points(
        &self,
        _: &ProtectedItem,
        _: Option<TakenBetween>,
    ) -> Result<Vec<RecoveryPoint>, VaultError> {
        Ok(vec![RecoveryPoint {
            name: RecoveryPointName::new("1"),
            object_type: String::new(),
            time: Some(at(0).wall),
            consistency: "AppConsistent".to_owned(),
            tiers: vec![Tier {
                kind: "HardenedRP".to_owned(),
                status: "Valid".to_owned(),
            }],
            soft_deleted: Some(false),
            expires: None,
            managed: Some(true),
        }])
    }

    async fn recovery_point(
        &self,
        _: &ProtectedItem,
        _: &RecoveryPointName,
    ) -> Result<Option<RecoveryPoint>, VaultError> {
        Ok(None)
    }

    async fn virtual_machine_exists(&self, _: &ArmId) -> Result<bool, VaultError> {
        Ok(false)
    }

    async fn trigger(&self, trigger: &Trigger<'_>) -> TriggerOutcome {
        let call = Call::Trigger(trigger.request_id, trigger.deadline);
        match self.ask(call).await {
            Answer::Triggered(outcome) => outcome,
            other => unreachable!("a trigger was answered {other:?}"),
        }
    }

    async fn operation(
        &self,
        _: &ProtectedItem,
        id: &OperationId,
    ) -> Result<Option<Operation>, VaultError> {
        match self.ask(Call::Operation(id.clone())).await {
            Answer::Operation(operation) => Ok(operation),
            other => unreachable!("an operation was answered {other:?}"),
        }
    }

    async fn jobs(&self, need: JobsNeed) -> Result<Listing, VaultError> {
        let begun = self.0.lock().unwrap().tick;
        match self.ask(Call::Jobs(need, begun)).await {
            Answer::Jobs(begun, jobs) => Ok(Listing::new(at(begun), jobs)),
            Answer::NotRead(error) => Err(error),
            other => unreachable!("a list answered {other:?}"),
        }
    }

    async fn job(&self, id: &JobId, _: Budget) -> Result<Option<JobDetail>, VaultError> {
        match self.ask(Call::Job(id.clone())).await {
            Answer::Job(job) => Ok(job.map(|job| *job)),
            other => unreachable!("a job was answered {other:?}"),
        }
    }

    fn interval(&self) -> SignedDuration {
        SignedDuration::from_secs(60)
    }
}

/// Where a pass has come to.
pub enum Played {
    /// It asks.
    Asks(Box<Call>),
    /// It is over.
    Over(Result<After, StoreError>, Box<Memory>),
}

/// Plays a pass of a seat, begun at this tick with this memory, through all answers that it got.
pub fn play(
    seat: u8,
    claims: u32,
    begun: Tick,
    memory: &Memory,
    answers: &[(Tick, Answer)],
) -> Played {
    let port = Port(Arc::new(Mutex::new(Script {
        answers: answers.to_vec(),
        next: 0,
        tick: begun,
        call: None,
        seat,
        claims,
        made: 0,
    })));
    let mut memory = memory.clone();
    let limits = Limits::default();
    let pass = Pass {
        store: &port,
        vault: Ok(port.clone()),
        clock: &port,
        limits: &limits,
        memory: &mut memory,
    };
    let polled = {
        let mut running = pin!(pass.run());
        running
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    };
    match polled {
        Poll::Ready(result) => Played::Over(result, Box::new(memory)),
        Poll::Pending => {
            let call = port.0.lock().unwrap().call.take();
            Played::Asks(Box::new(call.unwrap_or(Call::Read)))
        }
    }
}
