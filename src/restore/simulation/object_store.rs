//! The API server: compare-and-swap on versions; answers get lost before or after the write.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use jiff::SignedDuration;

use super::super::facts::Now;
use super::super::following::worth_writing;
use super::super::ids::{ArmId, ClaimId, JobId, RunKey};
use super::super::item_lock::{Holder, HolderState, ItemLock};
use super::super::ports::{Clock, ItemLocks, RunStore, StoreError, Stored};
use super::super::record::{Claim, Intent, Mark, Matching, Phase, Record, Run};
use super::super::request::Target;
use super::script::Moment;
use super::world::{Ms, Shared, World, vault_id};

/// One process's way into the world.
#[derive(Clone)]
pub struct Port {
    pub world: Shared,
    pub process: usize,
}

struct Until<'a> {
    port: &'a Port,
    at: Ms,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut world = self.port.world.lock();
        if world.now >= self.at {
            return Poll::Ready(());
        }
        world.processes[self.port.process].wake = self.at;
        Poll::Pending
    }
}

impl Port {
    /// Lets time pass, and everything else happen.
    pub async fn nap(&self, ms: Ms) {
        let at = self.world.lock().now + ms;
        Until { port: self, at }.await;
    }

    /// One way of a message.
    pub async fn travel(&self) {
        let ms = {
            let mut world = self.world.lock();
            let most = if world.stormy() { 400 } else { 40 };
            world.rng.i64(1..most)
        };
        self.nap(ms).await;
    }

    /// One access: there, the effect, and back; either way may fail.
    async fn access<T>(
        &self,
        effect: impl FnOnce(&mut World) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.travel().await;
        let result = {
            let mut world = self.world.lock();
            if world.trouble() {
                return Err(if world.chance(50) {
                    StoreError::Lost("before it was done".to_owned())
                } else {
                    StoreError::Refused("not now".to_owned())
                });
            }
            let result = effect(&mut world);
            if world.trouble() || std::mem::take(&mut world.loses_answer) {
                Err(StoreError::Lost("after it was done".to_owned()))
            } else {
                result
            }
        };
        self.travel().await;
        result
    }
}

impl Clock for Port {
    fn now(&self) -> Now {
        self.world.lock().clock(self.process)
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.nap(duration.as_millis() as Ms).await;
    }

    fn real(&self, duration: SignedDuration) -> std::time::Duration {
        duration.try_into().unwrap_or_default()
    }
}

fn stored(world: &World, read_at: Now) -> Result<Stored<u64>, StoreError> {
    let object = world.object.as_ref().ok_or(StoreError::Gone)?;
    let record = if object.garbled {
        Record {
            unreadable: Some("garbled".to_owned()),
            ..Record::default()
        }
    } else {
        object.record.clone()
    };
    let mark = match object.mark {
        Mark::WithoutFinalizer(_) if object.deleting => Mark::None,
        mark => mark,
    };
    Ok(Stored {
        run: Run {
            key: world.key,
            intent: Intent {
                vm: ArmId::new(
                    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web",
                ),
                point: None,
                target: Target::Disks {
                    storage_account: ArmId::new(
                        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
                    ),
                    resource_group: None,
                },
                vault: vault_id(),
            },
            control: object.control,
            mark,
            resolve: object.resolve.clone(),
            deleting: object.deleting,
            record,
        },
        version: object.version,
        read_at,
    })
}

impl ItemLocks for Port {
    async fn read_lock(&self, _: &ArmId) -> Result<ItemLock, StoreError> {
        self.access(|_| {
            Ok(ItemLock {
                version: None,
                holder: None,
            })
        })
        .await
    }

    async fn take_lock(&self, _: &ArmId, _: &ItemLock, _: RunKey) -> Result<(), StoreError> {
        self.access(|_| Ok(())).await
    }

    async fn release_lock(&self, _: &ArmId, _: &ItemLock) -> Result<(), StoreError> {
        self.access(|_| Ok(())).await
    }

    async fn holder_state(&self, _: &Holder) -> HolderState {
        HolderState::Unknown
    }
}

impl RunStore for Port {
    type Version = u64;

    async fn read(&self) -> Result<Stored<u64>, StoreError> {
        let read_at = self.now();
        self.access(|world| stored(world, read_at)).await
    }

    async fn write_claim(
        &self,
        base: &Stored<u64>,
        claim: Claim,
    ) -> Result<Stored<u64>, StoreError> {
        let now = self.now();
        let process = self.process;
        self.world.lock().witness(Moment::Claiming);
        self.access(|world| {
            let object = world.compare(base.version)?;
            if object.deleting && matches!(object.mark, Mark::None | Mark::WithoutFinalizer(_)) {
                return Err(StoreError::Refused("no new finalizers".to_owned()));
            }
            let fresh = object.mark != Mark::WithoutFinalizer(claim);
            object.mark = Mark::Standing(claim);
            if fresh {
                world.processes[process].last_claim = Some(claim);
                world.meddled &= claim.attempt == 0;
                world.check_claim(process, claim);
            }
            world.say(|_| format!("p{process} claims {}/{}", claim.attempt, claim.id));
            world.changed();
            world.witness(Moment::Claimed);
            stored(world, now)
        })
        .await
    }

    async fn let_go(&self, base: &Stored<u64>) -> Result<Stored<u64>, StoreError> {
        let now = self.now();
        let process = self.process;
        self.world.lock().witness(Moment::LettingGo);
        self.access(|world| {
            let object = world.compare(base.version)?;
            object.mark = Mark::None;
            // What a vault knows that is gone, nobody can ask it.
            world.excused |= world.vault_gone.is_some() && !world.weather.ids_filled;
            world.say(|_| format!("p{process} lets go"));
            let answer = stored(world, now);
            world.changed();
            world.witness(Moment::LetGo);
            world.collect();
            answer
        })
        .await
    }

    async fn save(&self, base: &Stored<u64>, record: &Record) -> Result<Stored<u64>, StoreError> {
        let now = self.now();
        let process = self.process;
        self.access(|world| {
            let object = world.object.as_ref().ok_or(StoreError::Gone)?;
            if record.unreadable.is_some() {
                return Ok(base.clone());
            }
            let new = worth_writing(&base.run.record, record);
            if object.version == base.version && object.record == new {
                return Ok(base.clone());
            }
            world.compare(base.version)?;
            world.check_save(process, &new);
            world.say(|_| {
                let attempts: Vec<_> = new
                    .attempts
                    .iter()
                    .map(|attempt| {
                        format!(
                            "{}:{:?}{}",
                            attempt.number,
                            attempt.state,
                            if attempt.accepted { "+" } else { "" }
                        )
                    })
                    .collect();
                format!(
                    "p{process} writes {:?} {:?} [{}] {:?}: {}",
                    new.phase,
                    new.end,
                    attempts.join(" "),
                    new.note.kind,
                    new.note.message
                )
            });
            let object = world.compare(base.version)?;
            let old = std::mem::replace(&mut object.record, new);
            let new = &object.record;
            let blocked = new.phase == Phase::Blocked && old.phase != Phase::Blocked;
            let ended = new.end.is_some() && old.end.is_none();
            world.history.push(old);
            world.writes += 1;
            world.status_lost = false;
            let got = world.processes[process].got_2xx.take();
            world.accepted.extend(got);
            world.changed();
            world.witness(Moment::Saved);
            if blocked {
                world.witness(Moment::Blocked);
            }
            if ended {
                world.witness(Moment::Ended);
            }
            stored(world, now)
        })
        .await
    }

    async fn matching(&self) -> Result<Matching, StoreError> {
        self.access(|world| match world.vault_gone {
            Some(_) => Err(StoreError::Gone),
            None => Ok(world.matching),
        })
        .await
    }

    async fn note_matching(&self, matching: Matching) -> Result<(), StoreError> {
        self.access(|world| {
            world.matching = matching;
            Ok(())
        })
        .await
    }

    async fn job_is_of_another_run(&self, _: &JobId) -> Result<bool, StoreError> {
        self.access(|_| Ok(false)).await
    }

    fn new_claim_id(&self) -> ClaimId {
        self.world.lock().new_claim_id()
    }
}
