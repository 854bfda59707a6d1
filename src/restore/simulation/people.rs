//! What people and accidents do to the objects and to the vault.

use jiff::SignedDuration;

use super::super::record::{AttemptState, Claim, Mark, Matching, Note, NoteKind, Resolve};
use super::risks::Risk;
use super::weather::{Edit, Event, Word};
use super::world::{Object, World, wall};

impl World {
    /// Lets something happen to the object or the vault; what happens to processes is the runner's.
    pub fn happen(&mut self, event: Event) {
        if let Event::Aim(run) = event {
            self.aim = run.min(self.runs.len() - 1);
            return;
        }
        self.say(|world| format!("-- {event:?} (r{})", world.aim));
        match event {
            Event::Crash(_) | Event::Pause(..) | Event::Aim(_) => {}
            Event::SetClock(process, ms) => self.processes[process].skew = ms,
            Event::LoseVault => {
                self.vault_gone = Some(Note {
                    kind: NoteKind::VaultNotFound,
                    message: "there is no such vault object".to_owned(),
                });
            }
            Event::FindVault => self.vault_gone = None,
            Event::Apply => {
                if self.runs[self.aim].object.is_none() {
                    self.create_object(self.aim);
                }
            }
            Event::Person => self.person(self.aim),
            Event::ForgetYoungJobs => self.forgets_young_jobs = true,
            Event::Says(word) => self.says(self.aim, word),
            Event::LoseAnswer => self.loses_answer = true,
            Event::LeaveIdsOut => self.weather.ids_filled = false,
            Event::FillIds => self.weather.ids_filled = true,
            Event::RestoreElsewhere => self.somebody_restores(None),
            Event::DuplicateJob => self.somebody_restores(Some(self.aim)),
            Event::FreeLock => self.lock = None,
            Event::TakeName => {
                let now = self.now;
                self.runs[self.aim].name_taken.get_or_insert(now);
            }
            Event::FreeName => self.runs[self.aim].name_taken = None,
            Event::EraseStatus
            | Event::RollStatusBack
            | Event::UndoLastWrite
            | Event::GarbleStatus
            | Event::SpoilAnnotation
            | Event::FirstClaim
            | Event::RemoveFinalizer
            | Event::Delete
            | Event::Edit(_)
            | Event::ForceRemoval
            | Event::Replace
            | Event::SetBack => self.meddle(self.aim, event),
        }
    }

    fn meddle(&mut self, run: usize, event: Event) {
        let pick = self.rng.usize(..);
        let intended = &mut self.runs[run];
        let history = &intended.history;
        let past = match history.len() {
            0 => None,
            len => Some(history[pick % len].clone()),
        };
        let last = history.last().cloned();
        let Some(object) = &mut intended.object else {
            return;
        };
        intended.edited_since_claim |= matches!(event, Event::Edit(_));
        let mut risk = None;
        match event {
            Event::EraseStatus => {
                object.record = Default::default();
                object.garbled = false;
            }
            Event::RollStatusBack => object.record = past.unwrap_or_default(),
            Event::Replace => {
                object.mark = Mark::None;
                intended.meddled = true;
            }
            Event::UndoLastWrite => object.record = last.unwrap_or_default(),
            Event::GarbleStatus => object.garbled = true,
            Event::SpoilAnnotation => {
                if let Mark::Standing(_) = object.mark {
                    object.mark = Mark::Unreadable;
                    intended.meddled = true;
                }
            }
            Event::FirstClaim => {
                if let (Mark::Standing(_), Some(first)) = (object.mark, intended.first_claim) {
                    object.mark = Mark::Standing(first);
                    intended.meddled = true;
                }
            }
            Event::RemoveFinalizer => {
                if let (Mark::Standing(claim), false) = (object.mark, object.deleting) {
                    object.mark = Mark::WithoutFinalizer(claim);
                    intended.meddled = true;
                }
            }
            Event::Delete => {
                if matches!(object.mark, Mark::WithoutFinalizer(_)) {
                    return;
                }
                object.deleting = true;
            }
            Event::Edit(edit) => edit_control(object, edit),
            Event::ForceRemoval => {
                object.deleting = true;
                if object.mark != Mark::None {
                    risk = Some(Risk::ForcedRemoval);
                }
                object.mark = Mark::None;
            }
            Event::SetBack => {
                if object.mark != Mark::None {
                    risk = Some(Risk::SetBack);
                }
                object.record = Default::default();
                object.mark = Mark::None;
            }
            _ => {}
        }
        let loses_status = matches!(
            event,
            Event::EraseStatus | Event::RollStatusBack | Event::UndoLastWrite | Event::SetBack
        );
        if loses_status {
            intended.status_lost = true;
            intended.accepted.clear();
        }
        if let Some(risk) = risk {
            self.take_risk(run, risk);
        }
        self.changed(run);
        self.collect(run);
    }

    /// A person who says this, whether it makes sense or not.
    fn says(&mut self, run: usize, word: Word) {
        let intended = &mut self.runs[run];
        let Some(object) = &mut intended.object else {
            return;
        };
        let Mark::Standing(Claim { id, .. }) = object.mark else {
            return;
        };
        object.resolve = Some(match word {
            Word::Retry => Resolve::Retry(id),
            Word::Abandon => Resolve::Abandon(id),
        });
        intended.person_retried |= word == Word::Retry;
        intended.person_abandoned |= word == Word::Abandon;
        intended.in_doubt = false;
        if self.matching == Matching::Broken {
            self.take_risk(run, Risk::DecidedWhileBroken);
        }
        self.changed(run);
    }

    /// A person who looks at the vault before deciding, and erases a status that cannot be understood.
    fn person(&mut self, run: usize) {
        let now = self.now;
        let mut jobs = self.jobs.iter().rev();
        let alive = jobs
            .find(|job| job.run == Some(run) && job.counts(now))
            .map(|job| job.id.clone());
        let mut posts = self.posts.iter();
        let under_way = posts.any(|post| post.run == run && !post.done && post.makes_job);
        let whim = self.rng.u32(0..3);
        let ids_filled = self.weather.ids_filled;
        let mut jobs = self.jobs.iter();
        let hidden = jobs.any(|job| job.run == Some(run) && job.is_hidden());
        let intended = &mut self.runs[run];
        let Some(object) = &mut intended.object else {
            return;
        };
        if object.garbled {
            object.garbled = false;
            object.record = Default::default();
            intended.status_lost = true;
            intended.accepted.clear();
            self.changed(run);
            return;
        }
        let Mark::Standing(Claim { id, .. }) = object.mark else {
            return;
        };
        let mut attempts = object.record.attempts.iter();
        let blocked = attempts
            .any(|attempt| attempt.claim == Some(id) && attempt.state == AttemptState::Blocked);
        if !(blocked || object.deleting) || under_way {
            return;
        }
        let resolve = match alive {
            Some(job) if whim < 2 && blocked => Resolve::Adopt(id, job),
            None if whim < 2 && blocked => Resolve::Retry(id),
            _ => Resolve::Abandon(id),
        };
        object.resolve = Some(resolve.clone());
        match resolve {
            Resolve::Retry(_) => {
                intended.person_retried = true;
                intended.in_doubt = false;
            }
            Resolve::Abandon(_) => {
                intended.in_doubt = false;
                intended.person_abandoned = true;
                // Nobody can find the job by its id, also when ids are filled again: a new object cannot find it either.
                if !ids_filled || hidden {
                    self.take_risk(run, Risk::DecidedWhileBroken);
                }
            }
            Resolve::Adopt(..) => {}
        }
        self.say(|_| format!("a person says {resolve:?} for r{run}"));
        self.changed(run);
    }
}

fn edit_control(object: &mut Object, edit: Edit) {
    let control = &mut object.control;
    match edit {
        Edit::Suspend(suspend) => control.suspend = suspend,
        Edit::Cancel => control.cancel = true,
        Edit::StartBy(at) => control.start_by = Some(wall(at)),
        Edit::RunTimeout(minutes) => control.run_timeout = SignedDuration::from_mins(minutes),
        Edit::RetryLimit(limit) => control.retry_limit = limit,
    }
}
