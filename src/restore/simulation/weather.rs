//! What goes wrong, and when: drawn from a seed, or written down by a test.

use super::super::facts::JobStatus;
use super::super::record::AttemptState;
use super::super::record::{Claim, Mark, Note, NoteKind, Resolve};
use super::script::Line;
use super::world::{MINUTE, Ms, SECOND, World};

/// How the world treats a run.
#[derive(Debug, Clone)]
pub struct Weather {
    /// Faults stop here.
    pub storm_ends: Ms,
    /// Of a hundred accesses, how many go wrong while the storm lasts.
    pub trouble: u32,
    /// Whether Azure fills the activity ids.
    pub ids_filled: bool,
    /// Answers to the next triggers, before chance decides.
    pub answers: Vec<Answer>,
    /// How long a job stays unlisted, if not by chance.
    pub lag: Option<Ms>,
    /// How jobs end, and after how many minutes, if not by chance.
    pub jobs_end: Option<(JobStatus, &'static str, i64)>,
    /// What happens to the object and the processes.
    pub events: Vec<(Ms, Event)>,
    /// What happens at the instant of an effect.
    pub scripts: Vec<Vec<Line>>,
}

/// What Azure answers to a trigger, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accepts,
    AcceptsWithoutOperation,
    AcceptsAndOperationFails,
    AcceptsAndOperationVanishes,
    AcceptsAndOperationNamesNoJob,
    AcceptsAndOperationNeverEnds,
    AcceptsAndMakesNothing,
    LosesAnswerAfterEffect,
    LosesAnswerBeforeEffect,
    Refuses401,
    Refuses429,
    Refuses409,
    Refuses400,
    Refuses403,
    NotConnected,
}

impl Answer {
    pub const TROUBLED: [Self; 14] = [
        Self::AcceptsWithoutOperation,
        Self::AcceptsAndOperationFails,
        Self::AcceptsAndOperationVanishes,
        Self::AcceptsAndOperationNamesNoJob,
        Self::AcceptsAndOperationNeverEnds,
        Self::AcceptsAndMakesNothing,
        Self::LosesAnswerAfterEffect,
        Self::LosesAnswerBeforeEffect,
        Self::Refuses401,
        Self::Refuses429,
        Self::Refuses409,
        Self::Refuses400,
        Self::Refuses403,
        Self::NotConnected,
    ];
}

/// What happens from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Crash(usize),
    Pause(usize, Ms),
    EraseStatus,
    RollStatusBack,
    GarbleStatus,
    SpoilAnnotation,
    RemoveFinalizer,
    Delete,
    Apply,
    Person,
    LoseVault,
    FindVault,
    /// The next answer of the API server is lost, after the effect.
    LoseAnswer,
    /// The status is set back by one write.
    UndoLastWrite,
    /// The list shows no job that it showed for the first time less than the visibility bound ago.
    ForgetYoungJobs,
    /// A person sets the annotation, for the claim that stands.
    Says(Word),
}

/// What a person says with the annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Retry,
    Abandon,
}

impl Weather {
    /// No trouble at all.
    pub fn calm() -> Self {
        Self {
            storm_ends: 0,
            trouble: 0,
            ids_filled: true,
            answers: Vec::new(),
            lag: None,
            jobs_end: None,
            events: Vec::new(),
            scripts: Vec::new(),
        }
    }

    /// From a seed.
    pub fn drawn(rng: &mut fastrand::Rng) -> Self {
        let storm_ends = MINUTE * rng.i64(1..70);
        let count = rng.usize(0..8);
        let mut events: Vec<(Ms, Event)> = (0..count)
            .map(|_| {
                // Most of what matters happens around the first trigger.
                let at = if rng.bool() {
                    rng.i64(0..12 * SECOND)
                } else {
                    rng.i64(0..storm_ends)
                };
                (at, Event::drawn(rng))
            })
            .collect();
        events.push((storm_ends, Event::FindVault));
        // Somebody applies the manifest again, and at last nobody meddles any more.
        for (at, event) in events.clone() {
            if event == Event::Delete {
                let later = at + rng.i64(SECOND..40 * MINUTE);
                events.push((later, Event::Apply));
            }
        }
        for _ in 0..rng.usize(0..4) {
            events.push((rng.i64(10 * MINUTE..100 * MINUTE), Event::Person));
        }
        events.sort_by_key(|(at, _)| *at);
        Self {
            storm_ends,
            trouble: *rng.choice(&[0, 5, 15, 40]).unwrap_or(&0),
            ids_filled: rng.u32(0..8) > 0,
            answers: Vec::new(),
            lag: None,
            jobs_end: None,
            events,
            scripts: Vec::new(),
        }
    }
}

impl Event {
    fn drawn(rng: &mut fastrand::Rng) -> Self {
        let process = rng.usize(0..2);
        match rng.u32(0..20) {
            0..=5 => Self::Crash(process),
            6..=8 => Self::Pause(process, rng.i64(SECOND..40 * MINUTE)),
            9..=10 => Self::EraseStatus,
            11..=12 => Self::RollStatusBack,
            13 => Self::GarbleStatus,
            14 => Self::SpoilAnnotation,
            15 => Self::RemoveFinalizer,
            16..=17 => Self::Delete,
            _ => Self::LoseVault,
        }
    }
}

impl World {
    /// Lets something happen to the object or the vault; what happens to processes is the runner's.
    pub fn happen(&mut self, event: Event) {
        self.say(|_| format!("-- {event:?}"));
        match event {
            Event::Crash(_) | Event::Pause(..) => {}
            Event::LoseVault => {
                self.vault_gone = Some(Note {
                    kind: NoteKind::VaultNotFound,
                    message: "there is no such vault object".to_owned(),
                });
            }
            Event::FindVault => self.vault_gone = None,
            Event::Apply => {
                if self.object.is_none() {
                    self.create_object();
                }
            }
            Event::Person => self.person(),
            Event::ForgetYoungJobs => self.forgets_young_jobs = true,
            Event::Says(word) => self.says(word),
            Event::LoseAnswer => self.loses_answer = true,
            _ => self.meddle(event),
        }
    }

    fn meddle(&mut self, event: Event) {
        let (id, pick) = (self.new_claim_id(), self.rng.usize(..));
        let past = match self.history.len() {
            0 => None,
            len => Some(self.history[pick % len].clone()),
        };
        let Some(object) = &mut self.object else {
            return;
        };
        match event {
            Event::EraseStatus => {
                object.record = Default::default();
                object.garbled = false;
                self.status_lost = true;
                self.accepted.clear();
            }
            Event::RollStatusBack => {
                object.record = past.unwrap_or_default();
                self.status_lost = true;
                self.accepted.clear();
            }
            Event::UndoLastWrite => {
                object.record = self.history.last().cloned().unwrap_or_default();
                self.status_lost = true;
                self.accepted.clear();
            }
            Event::GarbleStatus => object.garbled = true,
            Event::SpoilAnnotation => {
                if let Mark::Standing(_) = object.mark {
                    object.mark = Mark::Unreadable;
                    self.meddled = true;
                }
            }
            Event::RemoveFinalizer => {
                // With a deletion under way this would be the removal by force that the design calls a residual risk.
                if let (Mark::Standing(claim), false) = (object.mark, object.deleting) {
                    object.mark = Mark::WithoutFinalizer(claim);
                    self.meddled = true;
                }
            }
            Event::Delete => {
                if matches!(object.mark, Mark::WithoutFinalizer(_)) {
                    return;
                }
                object.deleting = true;
            }
            _ => {}
        }
        let _ = id;
        self.changed();
        self.collect();
    }

    /// A person who says this, whether it makes sense or not.
    fn says(&mut self, word: Word) {
        let Some(object) = &mut self.object else {
            return;
        };
        let Mark::Standing(Claim { id, .. }) = object.mark else {
            return;
        };
        object.resolve = Some(match word {
            Word::Retry => Resolve::Retry(id),
            Word::Abandon => Resolve::Abandon(id),
        });
        self.person_retried |= word == Word::Retry;
        self.changed();
    }

    /// A person who looks at the vault before deciding, and erases a status that cannot be understood.
    fn person(&mut self) {
        let now = self.now;
        let alive = self
            .jobs
            .iter()
            .rev()
            .find(|job| job.status(now) != JobStatus::Failed)
            .map(|job| job.id.clone());
        let under_way = self.posts.iter().any(|post| !post.done && post.makes_job);
        let whim = self.rng.u32(0..3);
        let ids_filled = self.weather.ids_filled;
        let Some(object) = &mut self.object else {
            return;
        };
        if object.garbled {
            object.garbled = false;
            object.record = Default::default();
            self.status_lost = true;
            self.accepted.clear();
            self.changed();
            return;
        }
        let Mark::Standing(Claim { id, .. }) = object.mark else {
            return;
        };
        let blocked = object
            .record
            .attempts
            .iter()
            .any(|attempt| attempt.claim == Some(id) && attempt.state == AttemptState::Blocked);
        if !(blocked || object.deleting) || under_way {
            return;
        }
        let resolve = match alive {
            Some(job) if whim < 2 && blocked => Resolve::Adopt(id, job),
            None if whim < 2 && blocked => Resolve::Retry(id),
            _ => Resolve::Abandon(id),
        };
        match resolve {
            Resolve::Retry(_) => self.person_retried = true,
            // Given up while nobody can find the job by its id: a new object cannot find it either.
            Resolve::Abandon(_) if !ids_filled => self.excused = true,
            Resolve::Abandon(_) | Resolve::Adopt(..) => {}
        }
        object.resolve = Some(resolve.clone());
        self.say(|_| format!("a person says {resolve:?}"));
        self.changed();
    }
}
