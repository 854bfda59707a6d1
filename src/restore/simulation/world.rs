//! The world in which the protocol is played: one object at an API server, one vault in Azure, two processes, one time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::facts::{JobStatus, Now, SeenJob};
use super::super::ids::{ArmId, ClaimId, JobId, RequestId, RunKey};
use super::super::ports::StoreError;
use super::super::record::{Claim, Control, Mark, Matching, Note, Record, Resolve};
use super::script::{Moment, Playing};
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
    pub fn status(&self, now: Ms) -> JobStatus {
        if now < self.ends {
            JobStatus::InProgress
        } else {
            self.end.clone()
        }
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
    /// When its pending effect is due.
    pub wake: Ms,
    /// Stands still until then, in the middle of whatever it does.
    pub paused_until: Ms,
    /// When its next pass is due.
    pub next_pass: Option<Ms>,
    /// The object changed while a pass ran.
    pub dirty: bool,
    pub board: Board,
    pub last_claim: Option<Claim>,
    /// The attempt of a 2xx that this pass got and has not written down.
    pub got_2xx: Option<u8>,
    /// How far its wall clock is off.
    pub skew: Ms,
    /// Starts of its latest passes.
    pub passes: Vec<Ms>,
}

/// Everything.
pub struct World {
    pub now: Ms,
    pub rng: fastrand::Rng,
    pub weather: Weather,
    /// The scripts of the weather, and what they let happen now.
    pub scripts: Vec<Playing>,
    pub due: Vec<Event>,
    /// The next answer of the API server is lost.
    pub loses_answer: bool,
    /// Lists show no young job any more.
    pub forgets_young_jobs: bool,
    pub key: RunKey,
    pub requests: Vec<(u8, RequestId)>,
    pub object: Option<Object>,
    pub first_control: Control,
    pub history: Vec<Record>,
    pub matching: Matching,
    pub posts: Vec<Post>,
    pub jobs: Vec<Job>,
    pub operations: Vec<OperationTruth>,
    pub processes: [Process; PROCESSES],
    pub vault_gone: Option<Note>,
    pub versions: u64,
    /// Somebody changed the claim by hand since it was written.
    pub meddled: bool,
    /// A residual risk that the design names was taken: second jobs are excused.
    pub excused: bool,
    pub person_retried: bool,
    /// Attempts whose 2xx was written down, as long as the status was not lost.
    pub accepted: BTreeSet<u8>,
    /// The status was set back or erased since the last write.
    pub status_lost: bool,
    pub sends: u32,
    pub writes: u32,
    pub violations: Vec<String>,
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
    "2026-01-01T00:00:00Z".parse().unwrap()
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
        Now {
            wall: wall(self.now + self.processes[process].skew),
            boot: SignedDuration::from_millis(self.now + far),
        }
    }

    pub fn say(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let text = format!("{:>9.1} s  {}", self.now as f64 / 1000.0, line(self));
            if let Some(trace) = &mut self.trace {
                trace.push(text);
            }
        }
    }

    pub fn violated(&mut self, what: String) {
        self.say(|_| format!("VIOLATION {what}"));
        self.violations.push(what);
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
        self.stormy() && self.chance(percent)
    }

    pub fn random_id(&mut self) -> Uuid {
        Uuid::from_u128(self.rng.u128(..))
    }

    pub fn new_claim_id(&mut self) -> ClaimId {
        ClaimId::new(self.random_id())
    }

    /// The object changed: everybody who watches it gets to know.
    pub fn changed(&mut self) {
        self.versions += 1;
        let version = self.versions;
        if let Some(object) = &mut self.object {
            object.version = version;
        }
        for index in 0..PROCESSES {
            let at = self.now + self.rng.i64(10..300);
            let process = &mut self.processes[index];
            process.dirty = true;
            process.next_pass = Some(process.next_pass.map_or(at, |due| due.min(at)));
        }
    }

    /// The object, if it still has that version.
    pub fn compare(&mut self, version: u64) -> Result<&mut Object, StoreError> {
        match &mut self.object {
            None => Err(StoreError::Gone),
            Some(object) if object.version != version => Err(StoreError::Conflict),
            Some(object) => Ok(object),
        }
    }

    pub fn create_object(&mut self) {
        self.object = Some(Object {
            version: 0,
            mark: Mark::None,
            resolve: None,
            deleting: false,
            control: self.first_control,
            record: Record::default(),
            garbled: false,
        });
        self.history.clear();
        self.accepted.clear();
        self.changed();
    }

    /// Deletes the object for good if nothing holds it back.
    pub fn collect(&mut self) {
        let free = self.object.as_ref().is_some_and(|object| {
            object.deleting && matches!(object.mark, Mark::None | Mark::WithoutFinalizer(_))
        });
        if free {
            self.say(|_| "the object is gone".to_owned());
            self.object = None;
            self.changed();
        }
    }

    /// Lets everything happen in Azure that is due.
    pub fn effects(&mut self) {
        for index in 0..self.posts.len() {
            let post = self.posts[index].clone();
            if post.done || post.effect_at > self.now {
                continue;
            }
            self.posts[index].done = true;
            if post.makes_job {
                self.make_job(&post);
            }
            self.witness(Moment::Posted);
        }
    }

    fn make_job(&mut self, post: &Post) {
        let number = self.jobs.len() + 1;
        let minutes = self.rng.i64(1..25);
        let by_chance = match self.rng.u32(0..10) {
            0..=5 => (JobStatus::Completed, ""),
            6 => (JobStatus::CompletedWithWarnings, "Warned"),
            7 => (JobStatus::Cancelled, ""),
            8 => (JobStatus::Failed, "UserErrorSomething"),
            _ => (JobStatus::Failed, "CloudInternalError"),
        };
        let (end, error, minutes) =
            self.weather
                .jobs_end
                .clone()
                .unwrap_or((by_chance.0, by_chance.1, minutes));
        let started = self.now + self.rng.i64(0..5 * SECOND);
        let visible = self.now + post.lag;
        let flicker = if self.stormy() {
            self.rng.i64(0..250 * SECOND)
        } else {
            0
        };
        let activity_id = if self.weather.ids_filled {
            post.request.to_string()
        } else {
            String::new()
        };
        self.say(|_| format!("Azure makes job j{number} of attempt {}: visible after {} s, solid after {} s more, ends as {end:?} {error} after {minutes} min", post.attempt, post.lag / 1000, flicker / 1000));
        self.jobs.push(Job {
            id: JobId::new(format!("j{number}")),
            attempt: post.attempt,
            activity_id,
            started,
            ends: started + minutes * MINUTE,
            end,
            error,
            visible,
            solid: visible + flicker,
            first_listed: None,
        });
    }

    /// The next instant at which something happens in Azure.
    pub fn next_effect(&self) -> Option<Ms> {
        self.posts
            .iter()
            .filter(|post| !post.done)
            .map(|post| post.effect_at)
            .min()
    }
}
