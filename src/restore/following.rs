//! Folds reads of the operation and of the job into the record, and says what of it is worth a write.

use jiff::{SignedDuration, Timestamp};

use super::entries::*;
use super::facts::{ErrorText, JobDetail, JobStatus, Now, Operation, OperationStatus};
use super::pace;
use super::progress::ended;
use super::record::{AttemptState, Claim, End, Failure, Note, NoteKind, Phase, Record};
use super::retry;

/// The operation was read; `None` when Azure knows it no more. Returns when to come back.
pub fn operation_read(
    record: &mut Record,
    claim: Claim,
    operation: Option<&Operation>,
    reads: u32,
    now: Now,
) -> SignedDuration {
    if let Some(operation) = operation {
        record.operation = Some(operation.clone());
    }
    let Some(own) = own_mut(record, claim) else {
        return SignedDuration::ZERO;
    };
    let Some(operation) = operation else {
        own.state = AttemptState::JobSought;
        record.note = Note {
            kind: NoteKind::ConfirmingTrigger,
            message: "Azure no longer knows the operation; looking for its job".to_owned(),
        };
        return SignedDuration::ZERO;
    };
    match (&operation.status, &operation.job) {
        (OperationStatus::Failed | OperationStatus::Canceled, None) => {
            let error = operation.error.clone().unwrap_or(ErrorText {
                code: String::new(),
                message: format!("the operation ended as {}", operation.status.as_str()),
            });
            let said = describe(&error);
            let (number, transient) = (own.number, retry::is_transient(&error.code));
            own.state = AttemptState::OperationFailed;
            own.error = Some(error);
            record.phase = Phase::Pending;
            let message = format!(
                "operation {} of attempt {number} failed without a job: {said}",
                operation.id
            );
            if transient {
                record.note = Note {
                    kind: NoteKind::WaitingForRetry,
                    message,
                };
                return pace::before_new_attempt(number);
            }
            ended(record, End::Failed(Failure::OperationFailed), message, now);
            SignedDuration::ZERO
        }
        (_, Some(job)) => {
            own.state = AttemptState::Running;
            own.job = Some(job.clone());
            record.phase = Phase::Running;
            record.note = Note {
                kind: NoteKind::JobRunning,
                message: format!("job {job} runs"),
            };
            SignedDuration::ZERO
        }
        (OperationStatus::Succeeded, None) => {
            own.state = AttemptState::JobSought;
            record.note = Note {
                kind: NoteKind::ConfirmingTrigger,
                message: format!(
                    "operation {} succeeded without naming a job; looking for it",
                    operation.id
                ),
            };
            SignedDuration::ZERO
        }
        (OperationStatus::InProgress | OperationStatus::Other(_), None) => {
            if record.note.kind != NoteKind::WaitingForOperation {
                record.note = Note {
                    kind: NoteKind::WaitingForOperation,
                    message: format!(
                        "operation {} is {}",
                        operation.id,
                        operation.status.as_str()
                    ),
                };
            }
            pace::before_operation_read(reads)
        }
    }
}

/// The followed job was read. Progress never goes backwards. Returns how long at least nothing follows.
pub fn job_read(record: &mut Record, mut job: JobDetail, now: Now) -> SignedDuration {
    if let Some(old) = record
        .job
        .as_ref()
        .filter(|old| old.summary.id == job.summary.id)
    {
        job.progress_percent = job.progress_percent.max(old.progress_percent);
        for task in &mut job.tasks {
            let before = old.tasks.iter().find(|known| known.name == task.name);
            task.progress_percent = task
                .progress_percent
                .max(before.and_then(|known| known.progress_percent));
        }
    }
    let (id, status) = (job.summary.id.clone(), job.summary.status.clone());
    let first_error = job.errors.first().map(|error| ErrorText {
        code: error.title.clone(),
        message: format!("{} {}", error.message, error.recommendations.join(" "))
            .trim()
            .to_owned(),
    });
    let beside = (record.note.kind == NoteKind::DuplicateJobs).then(|| record.note.message.clone());
    let duplicate = beside.is_some();
    let and = beside.map_or_else(String::new, |beside| format!("; {beside}"));
    let said = first_error.as_ref().map(describe);
    let said = said.filter(|said| !said.is_empty()).unwrap_or_else(|| {
        "Azure names no error; look at the steps of the job in status.job.tasks".to_owned()
    });
    let progress = job
        .progress_percent
        .map_or_else(String::new, |percent| format!(", {percent} % done"));
    record.job = Some(job);
    let state = match status {
        JobStatus::Failed => AttemptState::JobFailed,
        JobStatus::Completed | JobStatus::CompletedWithWarnings | JobStatus::Cancelled => {
            AttemptState::Ended
        }
        JobStatus::InProgress | JobStatus::Cancelling | JobStatus::Other(_) => {
            record.phase = phase_of(&status);
            if !duplicate {
                let unknown = match &status {
                    JobStatus::Other(_) => {
                        ", a status that this version does not know; it is followed as one that runs"
                    }
                    _ => "",
                };
                record.note = Note {
                    kind: NoteKind::JobRunning,
                    message: format!("job {id} is {}{progress}{unknown}", status.as_str()),
                };
            }
            return SignedDuration::ZERO;
        }
    };
    let mut transient = false;
    let mut number = 0;
    for attempt in record
        .attempts
        .iter_mut()
        .filter(|attempt| attempt.job.as_ref() == Some(&id))
    {
        if attempt.state != AttemptState::Adopted {
            attempt.state = state;
            transient = true;
        }
        number = number.max(attempt.number);
        attempt.error.clone_from(&first_error);
    }
    match status {
        JobStatus::Completed => ended(
            record,
            End::Succeeded,
            format!("job {id} completed{and}"),
            now,
        ),
        JobStatus::CompletedWithWarnings => ended(
            record,
            End::PartiallySucceeded,
            format!(
                "job {id} completed with warnings, so not everything was restored: {said}{and}"
            ),
            now,
        ),
        JobStatus::Cancelled => ended(
            record,
            End::Cancelled,
            format!("job {id} was cancelled{and}"),
            now,
        ),
        JobStatus::Failed | JobStatus::InProgress | JobStatus::Cancelling | JobStatus::Other(_) => {
            let code = first_error.as_ref().map_or("", |error| error.code.as_str());
            let message = format!("job {id} failed: {said}{and}");
            if transient && retry::is_transient(code) && !duplicate {
                record.phase = Phase::Pending;
                record.note = Note {
                    kind: NoteKind::WaitingForRetry,
                    message: format!(
                        "attempt {number}: {message}; a new attempt follows if spec.retryLimit allows"
                    ),
                };
                return pace::before_new_attempt(number);
            } else {
                ended(record, End::Failed(Failure::JobFailed), message, now);
            }
        }
    }
    SignedDuration::ZERO
}

/// What of a new record is worth a write of status: state changes at once, progress in steps of 20 points, times never alone.
pub fn worth_writing(old: &Record, new: &Record) -> Record {
    let mut record = new.clone();
    if let (Some(was), Some(is)) = (&old.job, &mut record.job) {
        let far = is.progress_percent.unwrap_or(0)
            >= was.progress_percent.unwrap_or(0).saturating_add(20);
        if !far && same_state(was, is) {
            *is = was.clone();
            let progress =
                record.note.kind == NoteKind::JobRunning && old.note.kind == NoteKind::JobRunning;
            let as_told = old.tells_of_deletion() || !record.tells_of_deletion();
            if progress && record.phase == old.phase && as_told {
                record.note.clone_from(&old.note);
            }
        }
    }
    if let (Some(was), Some(is)) = (&old.operation, &mut record.operation)
        && was.id == is.id
        && was.status == is.status
    {
        *is = was.clone();
    }
    if record.note.kind == old.note.kind
        && tells_no_later_time(&old.note.message, &record.note.message)
    {
        record.note.clone_from(&old.note);
    }
    record
}

/// Whether two messages differ in times only, and no time of the new one is later. Each process counts its own windows: two
/// that look at one run would else write their own time over that of the other for as long as it waits.
fn tells_no_later_time(was: &str, is: &str) -> bool {
    let time = |word: &str| -> Option<Timestamp> {
        word.trim_end_matches([';', ',', ':', '.']).parse().ok()
    };
    let (mut old, mut new) = (was.split(' '), is.split(' '));
    loop {
        match (old.next(), new.next()) {
            (None, None) => return true,
            (Some(was), Some(is)) if was == is => {}
            (Some(was), Some(is)) => match (time(was), time(is)) {
                (Some(was), Some(is)) if is <= was => {}
                _ => return false,
            },
            _ => return false,
        }
    }
}

pub(super) fn same_state(was: &JobDetail, is: &JobDetail) -> bool {
    let tasks = |job: &JobDetail| -> Vec<(String, String)> {
        job.tasks
            .iter()
            .map(|task| (task.name.clone(), task.status.clone()))
            .collect()
    };
    was.summary.id == is.summary.id
        && was.summary.status == is.summary.status
        && was.errors == is.errors
        && was.properties == is.properties
        && tasks(was) == tasks(is)
}

#[cfg(test)]
#[path = "following_tests.rs"]
mod tests;
