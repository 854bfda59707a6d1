//! The world in which the protocol is played: one or two objects at an API server, one vault in Azure, two processes, one time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::facts::{JobStatus, Now, SeenJob};
use super::super::ids::{ArmId, ClaimId, JobId, RequestId, RunKey};
use super::super::ports::StoreError;
use super::super::record::{Claim, Control, Intent, Mark, Matching, Note, Record, Resolve, Run};
use super::risks::Risk;
use super::script::Playing;
use super::weather::{Event, Weather};

/// Milliseconds since the start of the world.
pub type Ms = i64;

pub const SECOND: Ms = 1000;
pub const MINUTE: Ms = 60 * SECOND;

/// Number of processes.
pub const PROCESSES: usize = 2;

/// The object, as the API server stores it.
#[derive(Debug, Clone)]
pub struct Object {
    pub version: u64,
    pub mark: Mark,
    pub resolve: Option<Resolve>,
    pub deleting: bool,
    pub control: Control,
    pub record: Record,
    /// The status cannot be understood by anybody.
    pub garbled: bool,
}

/// One POST, on its way or answered.
#[derive(Debug, Clone)]
pub struct Post {
    pub run: usize,
    pub attempt: u8,
    pub request: RequestId,
    /// When it takes effect.
    pub effect_at: Ms,
    /// Whether a job comes of it, and when its operation is done.
    pub makes_job: bool,
    pub done: bool,
    pub lag: Ms,
}

/// A job, as Azure knows it.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: JobId,
    /// Whose it is; nobody's if somebody else started it.
    pub run: Option<usize>,
    pub attempt: u8,
    pub activity_id: String,
    pub started: Ms,
    pub ends: Ms,
    pub end: JobStatus,
    pub error: &'static str,
    /// Not listed before; listed now and then until `solid`; always from then on.
    pub visible: Ms,
    pub solid: Ms,
    /// When a listing showed it first.
    pub first_listed: Option<Ms>,
}

impl Job {
    /// Whether it cannot be found by the id that was sent.
    pub fn is_hidden(&self) -> bool {
        matches!(self.activity_id.as_str(), "" | "azure-s-own")
    }

    pub fn status(&self, now: Ms) -> JobStatus {
        if now < self.ends {
            JobStatus::InProgress
        } else {
            self.end.clone()
        }
    }

    /// Whether it did, or still may do, what its run wanted.
    pub fn counts(&self, now: Ms) -> bool {
        self.status(now) != JobStatus::Failed
    }
}

/// How an operation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationEnd {
    NamesJob,
    SucceedsWithoutJob,
    Fails,
    Vanishes,
    NeverEnds,
}

/// An operation.
#[derive(Debug, Clone)]
pub struct OperationTruth {
    pub id: String,
    pub run: usize,
    pub attempt: u8,
    pub done_at: Ms,
    pub end: OperationEnd,
    pub transient: bool,
}

/// What one process alone knows of the vault: its job board.
#[derive(Debug, Clone, Default)]
pub struct Board {
    pub complete: Option<(Now, Ms, Ms)>,
    pub jobs: Vec<SeenJob>,
}

/// One process.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Stands still until then, in the middle of whatever it does.
    pub paused_until: Ms,
    pub board: Board,
    /// How far its wall clock is off.
    pub skew: Ms,
    /// How much faster its boot-time clock runs, in thousandths.
    pub drift: i64,
}

/// What one process does for one object.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// When its pending effect is due.
    pub wake: Ms,
    /// When its next pass is due.
    pub next_pass: Option<Ms>,
    /// The object changed while a pass ran.
    pub dirty: bool,
    /// Its last read showed an object that is being deleted.
    pub knows_deletion: bool,
    pub last_claim: Option<Claim>,
    /// The attempt of a 2xx that this pass got and has not written down.
    pub got_2xx: Option<u8>,
    /// Since when Azure tells this process nothing of the run's vault.
    pub in_vain_since: Option<Ms>,
    /// Starts of its latest passes.
    pub passes: Vec<Ms>,
}

/// One intended run and its object.
pub struct Intended {
    pub key: RunKey,
    pub intent: Intent,
    pub first_control: Control,
    pub object: Option<Object>,
    pub history: Vec<Record>,
    pub places: [Place; PROCESSES],
    /// The first claim that was ever written.
    pub first_claim: Option<Claim>,
    /// Somebody changed the claim by hand since it was written.
    pub meddled: bool,
    /// A person said `retry`.
    pub person_retried: bool,
    /// A person said `abandon`.
    pub person_abandoned: bool,
    /// Somebody edited the object since the last claim was written.
    pub edited_since_claim: bool,
    /// Attempts whose 2xx was written down, as long as the status was not lost.
    pub accepted: BTreeSet<u8>,
    /// The status was set back or erased since the last write.
    pub status_lost: bool,
    /// A trigger may have started something, and no person has decided since.
    pub in_doubt: bool,
    /// Since when somebody else's VM has the name of the one that this run would make.
    pub name_taken: Option<Ms>,
    /// Residual risks that the design names and that this run has taken.
    pub risks: BTreeSet<Risk>,
}

/// Everything.
pub struct World {
    pub now: Ms,
    pub rng: fastrand::Rng,
    pub weather: Weather,
    pub scripts: Vec<Playing>,
    /// What scripts let happen at this instant.
    pub due: Vec<Event>,
    /// The run that the next events are about.
    pub aim: usize,
    /// Each process serves one run alone: two controllers, each with a namespace of its own.
    pub apart: bool,
    /// The next answer of the API server is lost.
    pub loses_answer: bool,
    /// The list forgets every job that it may still forget.
    pub forgets_young_jobs: bool,
    pub runs: Vec<Intended>,
    /// The lock of the VM: its version and who holds it.
    pub lock: Option<(u64, usize)>,
    pub matching: Matching,
    pub broken_since: Option<Ms>,
    pub posts: Vec<Post>,
    pub jobs: Vec<Job>,
    pub operations: Vec<OperationTruth>,
    pub processes: [Process; PROCESSES],
    pub vault_gone: Option<Note>,
    pub versions: u64,
    pub sends: u32,
    pub writes: u32,
    pub violations: Vec<String>,
    /// What would be a violation, had its run not taken these risks.
    pub excused: Vec<(Risk, String)>,
    pub trace: Option<Vec<String>>,
}

/// Shared by all fakes.
#[derive(Clone)]
pub struct Shared(pub Arc<Mutex<World>>);

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

/// The start of the world on the wall clock.
pub fn epoch() -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap()
}

pub fn wall(ms: Ms) -> Timestamp {
    epoch()
        .checked_add(SignedDuration::from_millis(ms))
        .unwrap()
}

pub fn vault_id() -> ArmId {
    ArmId::new("/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v")
}

impl World {
    pub fn clock(&self, process: usize) -> Now {
        let far = 1_000_000 * (process as Ms + 1);
        let Process { skew, drift, .. } = self.processes[process];
        Now {
            wall: wall(self.now + skew),
            boot: SignedDuration::from_millis(self.now + self.now * drift / 1000 + far),
        }
    }

    /// How long a time of a process's clock takes.
    pub fn real(&self, process: usize, ms: Ms) -> Ms {
        ms * 1000 / (1000 + self.processes[process].drift)
    }

    /// The object of the only run, or of the first.
    pub fn object(&self) -> Option<&Object> {
        self.runs[0].object.as_ref()
    }

    pub fn say(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let text = format!("{:>9.1} s  {}", self.now as f64 / 1000.0, line(self));
            if let Some(trace) = &mut self.trace {
                trace.push(text);
            }
        }
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    pub fn stormy(&self) -> bool {
        self.now < self.weather.storm_ends
    }

    /// Whether something goes wrong now.
    pub fn trouble(&mut self) -> bool {
        let percent = self.weather.trouble;
        percent > 0 && self.stormy() && self.chance(percent)
    }

    pub fn random_id(&mut self) -> Uuid {
        Uuid::from_u128(self.rng.u128(..))
    }

    pub fn new_claim_id(&mut self) -> ClaimId {
        ClaimId::new(self.random_id())
    }

    /// The object changed: everybody who watches it gets to know.
    pub fn changed(&mut self, run: usize) {
        self.versions += 1;
        let version = self.versions;
        if let Some(object) = &mut self.runs[run].object {
            object.version = version;
        }
        for index in (0..PROCESSES).filter(|index| !self.apart || *index == run) {
            let at = self.now + self.rng.i64(10..300);
            let place = &mut self.runs[run].places[index];
            place.dirty = true;
            place.next_pass = Some(place.next_pass.map_or(at, |due| due.min(at)));
        }
    }

    /// The object, if it still has that version.
    pub fn compare(&mut self, run: usize, version: u64) -> Result<&mut Object, StoreError> {
        match &mut self.runs[run].object {
            None => Err(StoreError::Gone),
            Some(object) if object.version != version => Err(StoreError::Conflict),
            Some(object) => Ok(object),
        }
    }

    pub fn create_object(&mut self, run: usize) {
        let intended = &mut self.runs[run];
        intended.object = Some(Object {
            version: 0,
            mark: Mark::None,
            resolve: None,
            deleting: false,
            control: intended.first_control,
            record: Record::default(),
            garbled: false,
        });
        intended.history.clear();
        intended.accepted.clear();
        self.changed(run);
    }

    /// Deletes the object for good if nothing holds it back.
    pub fn collect(&mut self, run: usize) {
        let free = self.runs[run].object.as_ref().is_some_and(|object| {
            object.deleting && matches!(object.mark, Mark::None | Mark::WithoutFinalizer(_))
        });
        if free {
            self.say(|_| format!("the object r{run} is gone"));
            self.runs[run].object = None;
            self.changed(run);
        }
    }
}

impl Intended {
    /// The object as a read shows it.
    pub fn read(&self) -> Option<Run> {
        let object = self.object.as_ref()?;
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
        Some(Run {
            key: self.key,
            intent: self.intent.clone(),
            control: object.control,
            mark,
            resolve: object.resolve.clone(),
            deleting: object.deleting,
            record,
        })
    }
}
