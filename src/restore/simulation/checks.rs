//! What must hold in every world.

use super::super::ids::RequestId;
use super::super::record::{AttemptState, Claim, Mark, Phase, Record};
use super::azure::counts;
use super::world::{MINUTE, Ms, OperationEnd, World};

/// Most passes of one process in ten minutes; a wait of a second in a circle would make hundreds. In a storm every second
/// access may fail, and a failed one is tried again after 2 to 4 s.
const PASSES_IN_TEN_MINUTES: usize = 80;
const PASSES_IN_A_STORM: usize = 350;

impl World {
    /// Before a POST leaves: a claim of this process stands for it, and no earlier outcome is open.
    pub fn check_send(&mut self, process: usize, request: RequestId) {
        self.sends += 1;
        let claim = self.processes[process].last_claim;
        let standing = self.object.as_ref().map(|object| object.mark);
        let stands = claim.is_some_and(|claim| standing == Some(Mark::Standing(claim)));
        if !stands && !self.meddled {
            self.violated(format!(
                "a POST without a standing claim: {claim:?}, but {standing:?} stands"
            ));
        }
        let belongs = claim.is_some_and(|claim| {
            self.requests
                .iter()
                .any(|(number, id)| *number == claim.attempt && *id == request)
        });
        if !belongs {
            self.violated("a POST with the id of another attempt than its claim's".to_owned());
        }
        let now = self.now;
        let attempt = claim.map_or(0, |claim| claim.attempt);
        let undone = self
            .accepted
            .iter()
            .copied()
            .find(|accepted| *accepted < attempt && !self.failed(*accepted));
        if let Some(undone) = undone.filter(|_| !self.person_retried) {
            self.violated(format!(
                "a POST of attempt {attempt} although a 2xx of attempt {undone} is recorded"
            ));
        }
        let start_by = self
            .object
            .as_ref()
            .and_then(|object| object.control.start_by);
        if start_by.is_some_and(|start_by| self.clock(process).wall >= start_by) {
            self.violated("a POST after startBy".to_owned());
        }
        if self.excused {
            return;
        }
        let job = self
            .jobs
            .iter()
            .find(|job| counts(job, now))
            .map(|job| job.id.clone());
        if let Some(job) = job {
            self.violated(format!("a POST although job {job} runs or did its work"));
        }
        if self.posts.iter().any(|post| !post.done && post.makes_job) {
            self.violated("a POST although an earlier one is under way".to_owned());
        }
    }

    /// Whether operation or job of an attempt have failed.
    fn failed(&self, attempt: u8) -> bool {
        let job = self
            .jobs
            .iter()
            .any(|job| job.attempt == attempt && !counts(job, self.now));
        let operation = self.operations.iter().any(|operation| {
            operation.attempt == attempt
                && operation.end == OperationEnd::Fails
                && operation.done_at <= self.now
        });
        job || operation
    }

    /// When a claim for a trigger was written.
    pub fn check_claim(&mut self, process: usize, claim: Claim) {
        let Some(object) = &self.object else { return };
        let limit = object.control.retry_limit + 1;
        let (deleting, garbled) = (object.deleting, object.garbled);
        if claim.attempt == 0 {
            return;
        }
        if deleting {
            self.violated(format!(
                "p{process} claims although the object is being deleted"
            ));
        }
        if garbled {
            self.violated(format!(
                "p{process} claims although the status cannot be understood"
            ));
        }
        if claim.attempt > limit && !self.person_retried {
            self.violated(format!(
                "attempt {} although retryLimit allows {limit}",
                claim.attempt
            ));
        }
    }

    /// Before a status is written: what has ended stays as it ended.
    pub fn check_save(&mut self, process: usize, new: &Record) {
        let Some(object) = &self.object else { return };
        let old = &object.record;
        let counted = match object.mark {
            Mark::Standing(claim) => old.of_claim(claim).is_some(),
            Mark::None => true,
            Mark::Unreadable | Mark::WithoutFinalizer(_) => false,
        };
        let changes = old.end.is_some() && counted && new.end != old.end;
        if changes && !self.status_lost {
            let what = format!("p{process} turns {:?} into {:?}", old.end, new.end);
            self.violated(what);
        }
        if new.end.is_none()
            && matches!(
                new.phase,
                Phase::Succeeded | Phase::Failed | Phase::Cancelled | Phase::PartiallySucceeded
            )
        {
            self.violated("a phase that has ended without an end".to_owned());
        }
    }

    /// A pass begins.
    pub fn check_pace(&mut self, process: usize) {
        let now = self.now;
        let most = if now < self.weather.storm_ends + 10 * MINUTE {
            PASSES_IN_A_STORM
        } else {
            PASSES_IN_TEN_MINUTES
        };
        let passes = &mut self.processes[process].passes;
        passes.retain(|at| *at > now - 10 * MINUTE);
        passes.push(now);
        if passes.len() > most {
            let count = passes.len();
            passes.clear();
            self.violated(format!(
                "process {process} makes {count} passes in ten minutes"
            ));
        }
    }

    /// Long after the storm: the run has ended, or says that a person must act.
    pub fn check_rest(&mut self) {
        let Some(object) = self.object.clone() else {
            return;
        };
        if object.garbled {
            return;
        }
        let record = &object.record;
        let blocked = record.phase == Phase::Blocked;
        if record.end.is_none() && !blocked {
            self.violated(format!(
                "no end and not blocked: {:?} {:?}",
                record.phase, record.note
            ));
        }
        let mentions_way_out = record.note.message.contains("abandon:");
        if blocked && record.is_blocked_on_a_claim() && !mentions_way_out {
            self.violated(format!("blocked without a way out: {:?}", record.note));
        }
        if object.deleting && !mentions_way_out {
            self.violated(format!(
                "a deletion waits and says not for what: {:?} {:?}",
                object.mark, record.note
            ));
        }
        let keeps = record.attempts.iter().any(|attempt| {
            attempt.state == AttemptState::Adopted
                || attempt.accepted && attempt.state != AttemptState::OperationFailed
        });
        if record.end.is_some() && object.mark != Mark::None && self.weather.ids_filled && !keeps {
            self.violated(format!(
                "ended, but the claim is not let go: {:?}",
                record.attempts
            ));
        }
    }
}

/// How long after the storm everything must have come to its end.
pub const CALM: Ms = 240 * MINUTE;

/// How long after the storm what rests is taken to rest for good.
pub const SETTLED: Ms = 40 * MINUTE;
