//! Folds a job that a look found, or that a person named, into the record; and what a look learns about one that may never
//! be found.

use super::entries::*;
use super::facts::{JobStatus, JobSummary, Now};
use super::ids::{JobId, RunKey};
use super::questions::is_undecided;
use super::record::{AttemptState, Claim, Note, NoteKind, Record};

/// A look found the run's job, and perhaps another one beside it that carries its id.
pub fn adopted(
    record: &mut Record,
    key: RunKey,
    claim: Option<Claim>,
    number: u8,
    job: &JobSummary,
    beside: Option<&JobId>,
    now: Now,
) {
    if let Some(claim) = claim {
        let own = attempt_under(record, key, claim, now.wall);
        if number >= claim.attempt {
            own.state = AttemptState::Running;
            own.job = Some(job.id.clone());
        } else if is_undecided(own) {
            own.state = AttemptState::NotFound;
        }
    }
    let attempt = attempt_of(record, key, number);
    attempt.state = AttemptState::Running;
    attempt.job = Some(job.id.clone());
    keep_operation_of(record, number);
    settle_others(record, number);
    record.end = None;
    record.completion_time = None;
    record.trigger_time = record.trigger_time.or(job.started);
    record.note = Note {
        kind: NoteKind::JobRunning,
        message: format!("found job {} of attempt {number}", job.id),
    };
    if let Some(other) = beside {
        has_another_job(record, number, &job.id, other);
    }
    record.phase = phase_of(&job.status);
}

/// A list shows a second job with the id of the attempt whose job is followed: says so, and from then on no attempt follows.
pub fn has_another_job(record: &mut Record, number: u8, followed: &JobId, other: &JobId) {
    record.note = Note {
        kind: NoteKind::DuplicateJobs,
        message: format!(
            "two jobs carry the request id of attempt {number}, {followed} and {other}; following {followed}, and triggering no further one"
        ),
    };
}

/// A person said which job it is.
pub fn adopted_as_told(record: &mut Record, key: RunKey, claim: Claim, job: &JobSummary, now: Now) {
    let own = attempt_under(record, key, claim, now.wall);
    own.state = AttemptState::Adopted;
    own.job = Some(job.id.clone());
    keep_operation_of(record, claim.attempt);
    record.phase = phase_of(&job.status);
    record.trigger_time = record.trigger_time.or(job.started);
    record.note = Note {
        kind: NoteKind::JobRunning,
        message: format!(
            "following job {}, as the annotation vmrestore.azurebackup.dev/resolve says",
            job.id
        ),
    };
}

/// A look showed ended jobs of this run that its record did not name. Why one failed is known once it is read: until then it
/// has no error.
pub fn listed(record: &mut Record, key: RunKey, jobs: &[(u8, JobSummary)]) {
    for (number, job) in jobs {
        let attempt = attempt_of(record, key, *number);
        attempt.job = Some(job.id.clone());
        attempt.state = match job.status {
            JobStatus::Failed => AttemptState::JobFailed,
            JobStatus::Completed
            | JobStatus::CompletedWithWarnings
            | JobStatus::Cancelled
            | JobStatus::InProgress
            | JobStatus::Cancelling
            | JobStatus::Other(_) => AttemptState::Ended,
        };
    }
}

/// The operation that is shown is that of the attempt whose job is followed, or none: what an earlier attempt's said is
/// not about this job.
fn keep_operation_of(record: &mut Record, number: u8) {
    let own = record
        .attempt(number)
        .and_then(|attempt| attempt.operation.clone());
    record.operation = record
        .operation
        .take()
        .filter(|shown| Some(&shown.id) == own.as_ref());
}

/// A look saw this claim open while ids are not filled.
pub fn open_while_broken(record: &mut Record, claim: Claim) {
    if let Some(own) = own_mut(record, claim) {
        own.note_open_while_broken();
    }
}
