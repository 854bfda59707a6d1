//! A situation: what the API server stores, what Azure knows, where each process stands, and what a call does to it.

use std::sync::Arc;

use super::super::choose::PointSelector;
use super::super::following::worth_writing;
use super::super::ids::{ArmId, CanonicalRun, JobId, RequestId, RunKey, Scope};
use super::super::item_lock::{self, Holder, HolderState, ItemLock};
use super::super::ports::{StoreError, Stored};
use super::super::record::{
    Attempt, AttemptState, Claim, Control, Intent, Mark, Matching, Record, Resolve, Run,
};
use super::super::request::Target;
use super::azure::{Job, OperationTruth, Post};
use super::script::{Answer, Call};
use super::time::{Tick, at};
use super::worlds::Bounds;

/// The object, as the API server stores it.
#[derive(Debug, Clone)]
pub struct Object {
    pub version: u64,
    pub mark: Mark,
    pub resolve: Option<Resolve>,
    pub deleting: bool,
    pub record: Arc<Record>,
}

/// A run: its object, and what the checks remember of it.
#[derive(Debug, Clone)]
pub struct Intended {
    pub object: Option<Object>,
    /// The status before the last one, to be set back to.
    pub before: Arc<Record>,
    /// Somebody changed the claim by hand since it was written.
    pub meddled: bool,
    pub person_retried: bool,
    /// A request was sent of which only Azure knows what came of it.
    pub in_doubt: bool,
    /// The status was set back or erased since the last write.
    pub status_lost: bool,
}

/// Everything that processes share.
#[derive(Debug, Clone)]
pub struct World {
    pub tick: Tick,
    pub runs: Vec<Intended>,
    pub posts: Vec<Post>,
    pub jobs: Vec<Job>,
    pub operations: Vec<OperationTruth>,
    pub matching: Matching,
    pub lock: Option<(u64, usize)>,
    pub versions: u64,
    pub claims: u32,
    /// Faults that may still come.
    pub faults: u8,
    pub persons: u8,
    /// A residual risk that the design names was taken.
    pub excused: bool,
    pub violation: Option<String>,
}

/// What never changes in a world.
pub struct Fixed {
    pub bounds: Bounds,
    pub keys: Vec<RunKey>,
    pub requests: Vec<Vec<(u8, RequestId)>>,
}

impl Fixed {
    pub fn new(bounds: Bounds) -> Self {
        let key = |run: usize| {
            let canonical = CanonicalRun::new("n", &format!("r{run}"), &ArmId::new("v"));
            RunKey::compute(&Scope::new("s"), &canonical)
        };
        let keys: Vec<RunKey> = (0..bounds.runs).map(key).collect();
        let requests = keys.iter().map(|key| key.request_ids().collect());
        Self {
            requests: requests.collect(),
            keys,
            bounds,
        }
    }

    pub fn target(&self) -> Target {
        let storage_account = ArmId::new(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
        );
        if self.bounds.overwrites {
            Target::OriginalLocation { storage_account }
        } else {
            Target::Disks {
                storage_account,
                resource_group: None,
            }
        }
    }

    fn control(&self) -> Control {
        Control {
            start_by: None,
            retry_limit: self.bounds.retry_limit,
            run_timeout: jiff::SignedDuration::from_hours(24),
            suspend: false,
            cancel: false,
        }
    }
}

impl World {
    pub fn new(fixed: &Fixed) -> Self {
        let mut world = Self {
            tick: 0,
            runs: Vec::new(),
            posts: Vec::new(),
            jobs: Vec::new(),
            operations: Vec::new(),
            matching: if fixed.bounds.ids_filled {
                Matching::Assumed
            } else {
                Matching::Broken
            },
            lock: None,
            versions: 0,
            claims: 0,
            faults: fixed.bounds.faults,
            persons: fixed.bounds.persons,
            excused: false,
            violation: None,
        };
        for run in 0..fixed.bounds.runs {
            world.runs.push(Intended {
                object: None,
                before: Arc::default(),
                meddled: false,
                person_retried: false,
                in_doubt: false,
                status_lost: false,
            });
            world.create(run);
        }
        world
    }

    pub fn create(&mut self, run: usize) {
        self.runs[run].object = Some(Object {
            version: 0,
            mark: Mark::None,
            resolve: None,
            deleting: false,
            record: Arc::default(),
        });
        self.changed(run);
    }

    /// The object was written: its version is a new one, and it goes if nothing holds it.
    pub fn changed(&mut self, run: usize) {
        self.versions += 1;
        let version = self.versions;
        let object = &mut self.runs[run].object;
        if let Some(object) = object {
            object.version = version;
        }
        let free = object.as_ref().is_some_and(|object| {
            object.deleting && matches!(object.mark, Mark::None | Mark::WithoutFinalizer(_))
        });
        if free {
            *object = None;
        }
    }

    pub fn violated(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    pub fn read(&self, fixed: &Fixed, run: usize) -> Option<Run> {
        let object = self.runs[run].object.as_ref()?;
        let mark = match object.mark {
            Mark::WithoutFinalizer(_) if object.deleting => Mark::None,
            mark => mark,
        };
        Some(Run {
            key: fixed.keys[run],
            intent: Intent {
                vm: ArmId::new(
                    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web",
                ),
                point: PointSelector::default(),
                target: fixed.target(),
                vault: ArmId::new("v"),
            },
            control: fixed.control(),
            mark,
            resolve: object.resolve.clone(),
            deleting: object.deleting,
            record: (*object.record).clone(),
        })
    }

    fn stored(&self, fixed: &Fixed, run: usize) -> Answer {
        let version = self.runs[run].object.as_ref().map(|object| object.version);
        match (self.read(fixed, run), version) {
            (Some(read), Some(version)) => Answer::Stored(Box::new(Stored {
                run: read,
                version,
                read_at: at(self.tick),
            })),
            _ => Answer::NotStored(StoreError::Gone),
        }
    }

    fn compare(&mut self, run: usize, version: u64) -> Result<&mut Object, StoreError> {
        match &mut self.runs[run].object {
            None => Err(StoreError::Gone),
            Some(object) if object.version != version => Err(StoreError::Conflict),
            Some(object) => Ok(object),
        }
    }

    /// What a call to the API server does, and its answer.
    pub fn store(&mut self, fixed: &Fixed, run: usize, call: &Call) -> Answer {
        match call {
            Call::Read => self.stored(fixed, run),
            Call::WriteClaim(base, claim) => match self.compare(run, base.version) {
                Err(error) => Answer::NotStored(error),
                Ok(object) => {
                    let held = !matches!(object.mark, Mark::None | Mark::WithoutFinalizer(_));
                    if object.deleting && !held {
                        return Answer::NotStored(StoreError::Refused("no new ones".to_owned()));
                    }
                    let deleting = object.deleting;
                    let again = object.mark == Mark::WithoutFinalizer(*claim);
                    object.mark = Mark::Standing(*claim);
                    if !again {
                        self.claims += 1;
                        self.runs[run].meddled &= claim.attempt == 0;
                    }
                    if deleting && claim.attempt > 0 && !again {
                        self.violated("a claim although the object is being deleted".to_owned());
                    }
                    self.changed(run);
                    self.stored(fixed, run)
                }
            },
            Call::LetGo(version) => match self.compare(run, *version) {
                Err(error) => Answer::NotStored(error),
                Ok(object) => {
                    object.mark = Mark::None;
                    let after = self.stored(fixed, run);
                    self.changed(run);
                    match self.stored(fixed, run) {
                        // The object has gone with its claim; the writer is answered all the same.
                        Answer::NotStored(_) => after,
                        now => now,
                    }
                }
            },
            Call::Save(base, record) => self.save(fixed, run, base, record),
            Call::Matching => Answer::Matching(self.matching),
            Call::NoteMatching(matching) => {
                self.matching = *matching;
                Answer::Done
            }
            Call::ReadLock => Answer::Lock(self.item_lock(fixed)),
            Call::TakeLock(read) => {
                if self.item_lock(fixed).version != read.version {
                    return Answer::NotStored(StoreError::Conflict);
                }
                self.versions += 1;
                self.lock = Some((self.versions, run));
                Answer::Done
            }
            Call::ReleaseLock(read) => match self.lock {
                Some(_) if self.item_lock(fixed).version != read.version => {
                    Answer::NotStored(StoreError::Conflict)
                }
                _ => {
                    self.lock = None;
                    Answer::Done
                }
            },
            Call::Holder(holder) => Answer::Holder(self.holder_state(fixed, holder)),
            Call::Trigger(..) | Call::Operation(_) | Call::Jobs(..) | Call::Job(_) => {
                unreachable!("the API server is asked for {call:?}")
            }
        }
    }

    fn save(&mut self, fixed: &Fixed, run: usize, base: &Stored<u64>, record: &Record) -> Answer {
        let new = worth_writing(&base.run.record, record);
        let object = match &self.runs[run].object {
            None => return Answer::NotStored(StoreError::Gone),
            Some(object) => object,
        };
        if object.version == base.version && *object.record == new {
            return Answer::Stored(Box::new(base.clone()));
        }
        if object.version != base.version {
            return Answer::NotStored(StoreError::Conflict);
        }
        let old = object.record.clone();
        let counted = match object.mark {
            Mark::Standing(claim) => old.of_claim(claim).is_some(),
            Mark::None => true,
            Mark::Unreadable | Mark::WithoutFinalizer(_) => false,
        };
        if old.end.is_some() && counted && new.end != old.end && !self.runs[run].status_lost {
            let what = format!("{:?} turns into {:?}", old.end, new.end);
            self.violated(what);
        }
        let intended = &mut self.runs[run];
        intended.status_lost = false;
        intended.before = old;
        if let Some(object) = &mut intended.object {
            object.record = Arc::new(new);
        }
        self.changed(run);
        self.stored(fixed, run)
    }

    fn item_lock(&self, fixed: &Fixed) -> ItemLock {
        ItemLock {
            version: self.lock.map(|(version, _)| version.to_string()),
            holder: self.lock.map(|(_, run)| Holder {
                key: Some(fixed.keys[run]),
                namespace: "n".to_owned(),
                name: run.to_string(),
            }),
        }
    }

    fn holder_state(&self, fixed: &Fixed, holder: &Holder) -> HolderState {
        let run = holder.name.parse().unwrap_or(0);
        match self.read(fixed, run) {
            Some(run) => item_lock::state_of(&run, holder),
            None => HolderState::Gone,
        }
    }

    /// The claim that stands on the object of a run.
    pub fn standing(&self, run: usize) -> Option<Claim> {
        match self.runs[run].object.as_ref()?.mark {
            Mark::Standing(claim) => Some(claim),
            _ => None,
        }
    }

    /// The attempt that a run is blocked on.
    pub fn blocked_on(&self, run: usize) -> Option<&Attempt> {
        let claim = self.standing(run)?;
        let own = self.runs[run].object.as_ref()?.record.of_claim(claim)?;
        (own.state == AttemptState::Blocked).then_some(own)
    }

    pub fn job_id(&self, index: usize) -> JobId {
        JobId::new(format!("j{index}"))
    }
}
