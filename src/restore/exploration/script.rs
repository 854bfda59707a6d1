//! A pass that is played from a script: the answers that it got so far, up to its next call.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use jiff::SignedDuration;

use super::super::choose::TakenBetween;
use super::super::facts::{
    JobDetail, Listing, Now, Operation, ProtectedItem, RecoveryPoint, SeenJob, TriggerOutcome,
    VaultError, VaultFacts,
};
use super::super::following::worth_writing;
use super::super::ids::{ArmId, ClaimId, JobId, OperationId, RecoveryPointName};
use super::super::item_lock::{Holder, HolderState, ItemLock, Taker};
use super::super::note::{Note, NoteKind};
use super::super::pace::Limits;
use super::super::pass::{After, Pass};
use super::super::ports::{
    Budget, Clock, ItemLocks, JobsNeed, RunStore, StoreError, Stored, Trigger, Vault,
};
use super::super::record::{Claim, Matching, Memory, Record, Run};
use super::names::{claim_name, job_place, operation_place};
use super::real;
use super::time::{Ticks, at, seconds_of, wall};
use super::words::{Call, Claimed, Need};

/// An answer in the words of the ports.
#[derive(Debug, Clone)]
pub enum Real {
    Stored(Box<Run>),
    Done,
    NotStored(StoreError),
    Jobs(Now, Vec<SeenJob>),
    NotRead(VaultError),
    Triggered(TriggerOutcome),
    Operation(Option<Operation>),
    Job(Option<Box<JobDetail>>),
    Matching(Matching),
    Lock(Box<ItemLock>),
    Holder(HolderState),
}

/// One answer: when it came, on a wall clock that was set wrong by so much, and the name of the next claim.
#[derive(Debug, Clone)]
pub struct Line {
    pub time: Ticks,
    pub skew: Ticks,
    pub fresh: u8,
    pub answer: Real,
}

struct Script {
    lines: Vec<Line>,
    next: usize,
    time: Ticks,
    skew: Ticks,
    fresh: u8,
    call: Option<(Call, Option<Box<Record>>)>,
    /// After how many answers it drew the name of a claim last.
    drew: Option<usize>,
    requests: Vec<String>,
}

/// The world as one pass sees it.
#[derive(Clone)]
struct Port(Arc<Mutex<Script>>);

struct Ask(Port, Option<(Call, Option<Box<Record>>)>);

impl Future for Ask {
    type Output = (u8, Real);

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<(u8, Real)> {
        let call = self.1.take();
        let mut script = self.0.0.lock().unwrap();
        let place = script.next;
        let Some(line) = script.lines.get(place).cloned() else {
            script.call = call;
            return Poll::Pending;
        };
        script.next += 1;
        (script.time, script.skew, script.fresh) = (line.time, line.skew, line.fresh);
        Poll::Ready((u8::try_from(place).unwrap_or(u8::MAX), line.answer))
    }
}

impl Port {
    async fn ask(&self, call: Call) -> Real {
        Ask(self.clone(), Some((call, None))).await.1
    }

    async fn stored(&self, call: Call, new: Option<Box<Record>>) -> Result<Stored<u8>, StoreError> {
        match Ask(self.clone(), Some((call, new))).await {
            (place, Real::Stored(run)) => Ok(Stored {
                run: *run,
                version: place,
                read_at: self.now(),
            }),
            (_, Real::NotStored(error)) => Err(error),
            other => unreachable!("a store answered {other:?}"),
        }
    }

    async fn done(&self, call: Call) -> Result<(), StoreError> {
        match self.ask(call).await {
            Real::Done => Ok(()),
            Real::NotStored(error) => Err(error),
            other => unreachable!("a store answered {other:?}"),
        }
    }
}

impl Clock for Port {
    fn now(&self) -> Now {
        let script = self.0.lock().unwrap();
        at(script.time, script.skew)
    }

    async fn sleep(&self, _: SignedDuration) {}

    fn real(&self, duration: SignedDuration) -> std::time::Duration {
        duration.try_into().unwrap_or_default()
    }
}

fn version_of(lock: &ItemLock) -> u8 {
    let version = lock.version.as_ref();
    version.map_or(u8::MAX, |text| text.parse().unwrap_or(u8::MAX))
}

impl ItemLocks for Port {
    async fn read_lock(&self, _: &ArmId) -> Result<ItemLock, StoreError> {
        match self.ask(Call::ReadLock).await {
            Real::Lock(lock) => Ok(*lock),
            other => unreachable!("a lock answered {other:?}"),
        }
    }

    async fn take_lock(&self, read: &ItemLock, _: Taker<'_>) -> Result<(), StoreError> {
        self.done(Call::TakeLock(version_of(read))).await
    }

    async fn release_lock(&self, _: &ArmId, read: &ItemLock) -> Result<(), StoreError> {
        self.done(Call::ReleaseLock(version_of(read))).await
    }

    async fn holder_state(&self, holder: &Holder) -> HolderState {
        let run = holder.name.parse().unwrap_or(u8::MAX);
        match self.ask(Call::Holder(run)).await {
            Real::Holder(state) => state,
            other => unreachable!("a holder answered {other:?}"),
        }
    }
}

impl RunStore for Port {
    type Version = u8;

    async fn read(&self) -> Result<Stored<u8>, StoreError> {
        self.stored(Call::Read, None).await
    }

    async fn write_claim(&self, base: &Stored<u8>, claim: Claim) -> Result<Stored<u8>, StoreError> {
        self.stored(Call::WriteClaim(base.version, Claimed::of(claim)), None)
            .await
    }

    async fn let_go(&self, base: &Stored<u8>) -> Result<Stored<u8>, StoreError> {
        self.stored(Call::LetGo(base.version), None).await
    }

    async fn save(&self, base: &Stored<u8>, record: &Record) -> Result<Stored<u8>, StoreError> {
        let new = worth_writing(&base.run.record, record);
        if new == base.run.record {
            return Ok(base.clone());
        }
        self.stored(Call::Save(base.version, 0), Some(Box::new(new)))
            .await
    }

    async fn matching(&self) -> Result<Matching, StoreError> {
        match self.ask(Call::Matching).await {
            Real::Matching(matching) => Ok(matching),
            other => unreachable!("a vault object answered {other:?}"),
        }
    }

    async fn note_matching(&self, matching: Matching) -> Result<(), StoreError> {
        self.done(Call::NoteMatching(matching == Matching::Proven))
            .await
    }

    async fn job_is_of_another_run(&self, _: &JobId) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn new_claim_id(&self) -> ClaimId {
        let mut script = self.0.lock().unwrap();
        script.drew = Some(script.next);
        claim_name(script.fresh)
    }
}

impl Vault for Port {
    async fn ready(&self) -> Result<(), VaultError> {
        Ok(())
    }

    async fn facts(&self) -> Result<VaultFacts, VaultError> {
        Ok(real::facts())
    }

    async fn protected_item(&self, vm: &ArmId) -> Result<Option<ProtectedItem>, VaultError> {
        Ok(Some(real::item(vm)))
    }

    async fn recovery_points(
        &self,
        _: &ProtectedItem,
        _: Option<TakenBetween>,
    ) -> Result<Vec<RecoveryPoint>, VaultError> {
        Ok(vec![real::point()])
    }

    /// There is one vault in these worlds.
    async fn restore_in_progress_in(
        &self,
        _: &ArmId,
        _: &ArmId,
    ) -> Result<Option<JobId>, VaultError> {
        Ok(None)
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
        let call = {
            let script = self.0.lock().unwrap();
            let sent = trigger.request_id.to_string();
            let mut requests = script.requests.iter();
            let place = requests.position(|request| *request == sent);
            let attempt = place.map_or(0, |place| u8::try_from(place + 1).unwrap_or(0));
            let boot_left = trigger.deadline.boot - at(script.time, 0).boot;
            let wall_left = seconds_of(trigger.deadline.wall) - seconds_of(wall(script.time));
            let seconds = |left: i64| i32::try_from(left.clamp(-1, 9_999)).unwrap_or(0);
            Call::Trigger(attempt, seconds(boot_left.as_secs()), seconds(wall_left))
        };
        match self.ask(call).await {
            Real::Triggered(outcome) => outcome,
            other => unreachable!("a trigger was answered {other:?}"),
        }
    }

    async fn operation(
        &self,
        _: &ProtectedItem,
        id: &OperationId,
    ) -> Result<Option<Operation>, VaultError> {
        match self.ask(Call::Operation(operation_place(id))).await {
            Real::Operation(operation) => Ok(operation),
            Real::NotRead(error) => Err(error),
            other => unreachable!("an operation was answered {other:?}"),
        }
    }

    async fn jobs(&self, need: JobsNeed) -> Result<Listing, VaultError> {
        let need = match need.begun_after {
            Some(_) => Need::Fresh,
            None if need.any_age => Need::Any,
            None => Need::Recent,
        };
        match self.ask(Call::Jobs(need)).await {
            Real::Jobs(begun, jobs) => Ok(Listing::new(begun, jobs)),
            Real::NotRead(error) => Err(error),
            other => unreachable!("a list answered {other:?}"),
        }
    }

    async fn job(&self, id: &JobId, _: Budget) -> Result<Option<JobDetail>, VaultError> {
        match self.ask(Call::Job(job_place(id))).await {
            Real::Job(job) => Ok(job.map(|job| *job)),
            other => unreachable!("a job was answered {other:?}"),
        }
    }

    fn interval(&self) -> SignedDuration {
        SignedDuration::from_secs(60)
    }
}

/// Where a pass has come to, and whether it has drawn the name of a claim since the last answer.
pub struct Played {
    pub asks: Option<(Call, Option<Box<Record>>)>,
    pub over: Option<Result<After, StoreError>>,
    pub memory: Memory,
    pub drew: bool,
}

/// What a pass begins with.
pub struct Beginning<'a> {
    pub memory: &'a Memory,
    pub vault: bool,
    pub skew: Ticks,
    pub requests: Vec<String>,
}

/// Plays a pass, begun now, through all answers that it got.
pub fn play(beginning: &Beginning<'_>, lines: Vec<Line>) -> Played {
    let port = Port(Arc::new(Mutex::new(Script {
        lines,
        next: 0,
        time: 0,
        skew: beginning.skew,
        fresh: 0,
        call: None,
        drew: None,
        requests: beginning.requests.clone(),
    })));
    let mut memory = beginning.memory.clone();
    let limits = Limits::default();
    let gone = Note {
        kind: NoteKind::VaultNotFound,
        message: "there is no vault object".to_owned(),
    };
    let pass = Pass {
        store: &port,
        vault: if beginning.vault {
            Ok(port.clone())
        } else {
            Err(gone)
        },
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
    let mut script = port.0.lock().unwrap();
    let over = match polled {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    };
    Played {
        asks: script.call.take(),
        over,
        memory,
        drew: script.drew == Some(script.lines.len()),
    }
}
