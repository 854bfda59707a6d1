//! What must hold long after the storm.

use super::super::item_lock::{self, Need};
use super::super::record::{AttemptState, End, Failure, Mark, Matching, NoteKind, Phase};
use super::checks::NOT_KNOWN;
use super::world::{Job, MINUTE, Ms, Object, World};

impl World {
    /// Long after the storm.
    pub fn check_rest(&mut self) {
        for run in 0..self.runs.len() {
            let Some(object) = self.runs[run].object.clone() else {
                continue;
            };
            if !object.garbled {
                self.loses_no_job(run, &object);
                self.comes_to_rest(run, &object);
                self.lets_go_at_last(run, &object);
            }
        }
    }

    /// I5: the run has ended, or says that a person must act and how, or waits for what it says.
    fn comes_to_rest(&mut self, run: usize, object: &Object) {
        let record = &object.record;
        let blocked = record.phase == Phase::Blocked;
        let suspended = object.control.suspend && record.note.message.contains("spec.suspend");
        let waits_for_another = record.note.kind == NoteKind::ItemBusy
            && self
                .lock
                .is_some_and(|(_, holder)| holder != run && self.runs[holder].object.is_some());
        if record.end.is_none() && !blocked && !suspended && !waits_for_another {
            self.violated(format!(
                "r{run}: no end and not blocked: {:?} {:?}",
                record.phase, record.note
            ));
        }
        let mentions_way_out = record.note.message.contains("abandon:");
        if blocked && record.is_blocked_on_a_claim() && !mentions_way_out {
            self.violated(format!("blocked without a way out: {:?}", record.note));
        }
        if blocked && record.note.message.is_empty() {
            self.violated(format!("blocked without a reason: {:?}", record.note));
        }
        if object.deleting && !mentions_way_out {
            self.violated(format!(
                "a deletion waits and says not for what: {:?} {:?}",
                object.mark, record.note
            ));
        }
    }

    /// I8: the record names every job of the run that carries its id, unless it was lost after the last look.
    fn loses_no_job(&mut self, run: usize, object: &Object) {
        let intended = &self.runs[run];
        let key = intended.key;
        // A person who abandoned a run was told to look at the vault's jobs; and so is one whose vault could not be listed.
        let told = matches!(
            object.record.end,
            None | Some(End::Failed(Failure::Abandoned))
        ) || object.record.note.message.contains(NOT_KNOWN);
        if intended.status_lost || told {
            return;
        }
        let same = |other: usize| self.runs[other].key == key;
        let named = |job: &Job| {
            let mut attempts = object.record.attempts.iter();
            attempts.any(|attempt| attempt.job.as_ref() == Some(&job.id))
        };
        let mut own = self.jobs.iter().filter(|job| {
            // Of two with one id the oldest is followed, and status says so.
            let mut others = self.jobs.iter().filter(|other| other.id != job.id);
            let alone = others.all(|other| other.activity_id != job.activity_id);
            job.run.is_some_and(same) && alone && !job.is_hidden() && job.first_listed.is_some()
        });
        if let Some(lost) = own.find(|job| !named(job)).map(|job| job.id.clone()) {
            let record = &object.record;
            let what = format!("job {lost} is lost: {:?} {:?}", record.end, record.attempts);
            self.violated_by(run, what);
        }
    }

    /// I6: claims and locks are let go when nothing needs them any more.
    fn lets_go_at_last(&mut self, run: usize, object: &Object) {
        let record = &object.record;
        let destroys = self.runs[run].intent.target.overwrites_source();
        let keeps = record.attempts.iter().any(|attempt| {
            attempt.state == AttemptState::Adopted
                || attempt.state == AttemptState::NotFound && destroys
                || attempt.accepted
                    && attempt.job.is_none()
                    && attempt.state != AttemptState::OperationFailed
        });
        let hidden = self.jobs.iter().any(|job| job.is_hidden());
        let counts = self.matching != Matching::Broken && self.weather.ids_filled && !hidden;
        if record.end.is_some() && object.mark != Mark::None && counts && !keeps {
            let what = format!("ended, but the claim is not let go: {:?}", record.attempts);
            self.violated_by(run, what);
        }
        if self.holds_for_nothing(run) {
            self.violated(format!("r{run} rests and still holds the lock"));
        }
    }

    /// Whether the run holds the lock and needs it no more.
    pub fn holds_for_nothing(&self, run: usize) -> bool {
        let now = self.clock(0);
        let read = self.runs[run].read();
        self.lock.is_some_and(|(_, holder)| holder == run)
            && read.and_then(|read| item_lock::need(&read, now)) == Some(Need::Release)
    }
}

/// How long after the storm everything must have come to its end.
pub const CALM: Ms = 240 * MINUTE;

/// How long after the storm what rests is taken to rest for good.
pub const SETTLED: Ms = 20 * MINUTE;
