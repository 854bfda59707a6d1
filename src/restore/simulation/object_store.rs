//! The API server: compare-and-swap on versions; answers get lost before or after the write.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use jiff::SignedDuration;

use super::super::facts::Now;
use super::super::following::worth_writing;
use super::super::ids::{ClaimId, JobId};
use super::super::ports::{Clock, RunStore, StoreError, Stored};
use super::super::record::{Claim, Mark, Matching, Phase, Record};
use super::risks::Risk;
use super::script::Moment;
use super::world::{Ms, Shared, World};

/// One process's way into the world, for one object.
#[derive(Clone)]
pub struct Port {
    pub world: Shared,
    pub process: usize,
    pub run: usize,
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
        world.runs[self.port.run].places[self.port.process].wake = self.at;
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
    pub async fn access<T>(
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
        let ms = self
            .world
            .lock()
            .real(self.process, duration.as_millis() as Ms);
        self.nap(ms).await;
    }

    fn real(&self, duration: SignedDuration) -> std::time::Duration {
        duration.try_into().unwrap_or_default()
    }
}

fn stored(world: &World, run: usize, read_at: Now) -> Result<Stored<u64>, StoreError> {
    let intended = &world.runs[run];
    let object = intended.object.as_ref().ok_or(StoreError::Gone)?;
    Ok(Stored {
        run: intended.read().ok_or(StoreError::Gone)?,
        version: object.version,
        read_at,
    })
}

impl RunStore for Port {
    type Version = u64;

    async fn read(&self) -> Result<Stored<u64>, StoreError> {
        let read_at = self.now();
        self.access(|world| {
            let stored = stored(world, self.run, read_at)?;
            world.runs[self.run].places[self.process].knows_deletion = stored.run.deleting;
            Ok(stored)
        })
        .await
    }

    async fn write_claim(
        &self,
        base: &Stored<u64>,
        claim: Claim,
    ) -> Result<Stored<u64>, StoreError> {
        let now = self.now();
        let (process, run) = (self.process, self.run);
        self.world.lock().witness(Moment::Claiming);
        self.access(|world| {
            let object = world.compare(run, base.version)?;
            if object.deleting && matches!(object.mark, Mark::None | Mark::WithoutFinalizer(_)) {
                return Err(StoreError::Refused("no new finalizers".to_owned()));
            }
            let fresh = object.mark != Mark::WithoutFinalizer(claim);
            object.mark = Mark::Standing(claim);
            if fresh {
                let intended = &mut world.runs[run];
                intended.places[process].last_claim = Some(claim);
                intended.first_claim.get_or_insert(claim);
                intended.meddled &= claim.attempt == 0;
                world.claims_only_when_allowed(run, process, claim);
            }
            world.say(|_| {
                format!(
                    "p{process} claims {}/{} for r{run}",
                    claim.attempt, claim.id
                )
            });
            world.changed(run);
            world.witness(Moment::Claimed);
            stored(world, run, now)
        })
        .await
    }

    async fn let_go(&self, base: &Stored<u64>) -> Result<Stored<u64>, StoreError> {
        let now = self.now();
        let (process, run) = (self.process, self.run);
        self.world.lock().witness(Moment::LettingGo);
        self.access(|world| {
            let object = world.compare(run, base.version)?;
            object.mark = Mark::None;
            // What a vault knows that is gone, nobody can ask it; a job without its id stays so when ids are filled again.
            let mut jobs = world.jobs.iter();
            let hidden = jobs.any(|job| job.run == Some(run) && job.is_hidden());
            if world.vault_gone.is_some() && (!world.weather.ids_filled || hidden) {
                world.take_risk(run, Risk::IdLeftOut);
            }
            world.say(|_| format!("p{process} lets go of r{run}"));
            let answer = stored(world, run, now);
            world.changed(run);
            world.witness(Moment::LetGo);
            world.collect(run);
            answer
        })
        .await
    }

    async fn save(&self, base: &Stored<u64>, record: &Record) -> Result<Stored<u64>, StoreError> {
        let now = self.now();
        let (process, run) = (self.process, self.run);
        self.access(|world| {
            let object = world.runs[run].object.as_ref().ok_or(StoreError::Gone)?;
            if record.unreadable.is_some() {
                return Ok(base.clone());
            }
            let new = worth_writing(&base.run.record, record);
            if object.version == base.version && object.record == new {
                return Ok(base.clone());
            }
            world.compare(run, base.version)?;
            world.ends_stay(run, process, &new);
            world.say(|_| told(run, process, &new));
            let object = world.compare(run, base.version)?;
            let old = std::mem::replace(&mut object.record, new);
            let new = &object.record;
            let blocked = new.phase == Phase::Blocked && old.phase != Phase::Blocked;
            let ended = new.end.is_some() && old.end.is_none();
            let intended = &mut world.runs[run];
            intended.history.push(old);
            intended.status_lost = false;
            let got = intended.places[process].got_2xx.take();
            intended.accepted.extend(got);
            world.writes += 1;
            world.changed(run);
            world.witness(Moment::Saved);
            if blocked {
                world.witness(Moment::Blocked);
            }
            if ended {
                world.witness(Moment::Ended);
            }
            stored(world, run, now)
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
            world.learn_matching(matching);
            Ok(())
        })
        .await
    }

    async fn job_is_of_another_run(&self, job: &JobId) -> Result<bool, StoreError> {
        let own = self.run;
        self.access(|world| {
            let others = world.runs.iter().enumerate().filter(|(run, _)| *run != own);
            let mut objects = others.filter_map(|(_, intended)| intended.object.as_ref());
            Ok(objects.any(|object| {
                let mut attempts = object.record.attempts.iter();
                attempts.any(|attempt| attempt.job.as_ref() == Some(job))
            }))
        })
        .await
    }

    fn new_claim_id(&self) -> ClaimId {
        self.world.lock().new_claim_id()
    }
}

fn told(run: usize, process: usize, new: &Record) -> String {
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
        "p{process} writes r{run} {:?} {:?} [{}] {:?}: {}",
        new.phase,
        new.end,
        attempts.join(" "),
        new.note.kind,
        new.note.message
    )
}
