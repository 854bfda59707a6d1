use super::super::facts::{JobError, JobTask};
use super::super::fixtures::*;
use super::super::ids::{JobId, OperationId};
use super::super::record::{AttemptState as S, Run};
use super::*;

fn operation(status: OperationStatus, job: Option<&str>, code: Option<&str>) -> Operation {
    Operation {
        id: OperationId::new("o"),
        status,
        started: None,
        ended: None,
        job: job.map(JobId::new),
        error: code.map(|code| ErrorText {
            code: code.to_owned(),
            message: "why".to_owned(),
        }),
    }
}

fn an_accepted_run() -> Run {
    claimed(vec![accepted(1, S::Accepted)])
}

#[test]
fn each_reading_of_an_operation_has_its_state() {
    use OperationStatus as O;
    for (what, read, expected, ends) in [
        (
            "it runs",
            Some(operation(O::InProgress, None, None)),
            S::Accepted,
            false,
        ),
        (
            "an unknown word",
            Some(operation(O::Other("Odd".to_owned()), None, None)),
            S::Accepted,
            false,
        ),
        (
            "it names a job",
            Some(operation(O::Succeeded, Some("j"), None)),
            S::Running,
            false,
        ),
        (
            "it names a job early",
            Some(operation(O::InProgress, Some("j"), None)),
            S::Running,
            false,
        ),
        (
            "it failed and names a job",
            Some(operation(O::Failed, Some("j"), None)),
            S::Running,
            false,
        ),
        (
            "it names no job",
            Some(operation(O::Succeeded, None, None)),
            S::JobSought,
            false,
        ),
        ("it is gone", None, S::JobSought, false),
        (
            "it failed for a while",
            Some(operation(O::Failed, None, Some("CloudInternalError"))),
            S::OperationFailed,
            false,
        ),
        (
            "it failed",
            Some(operation(O::Failed, None, Some("UserErrorX"))),
            S::OperationFailed,
            true,
        ),
        (
            "it was cancelled",
            Some(operation(O::Canceled, None, None)),
            S::OperationFailed,
            true,
        ),
    ] {
        let mut record = an_accepted_run().record;
        let wait = operation_read(&mut record, claim(1), read.as_ref(), 1, at(5));
        assert_eq!(record.attempts[0].state, expected, "{what}");
        assert_eq!(record.end.is_some(), ends, "{what}");
        let decided = expected != S::Accepted && expected != S::OperationFailed;
        assert!(!decided || wait.is_zero(), "{what}: goes on at once");
        assert!(
            decided || ends || wait.is_positive(),
            "{what}: waits before the next read"
        );
    }
}

#[test]
fn an_operation_that_runs_is_told() {
    let mut record = an_accepted_run().record;
    let runs = operation(OperationStatus::InProgress, None, None);
    operation_read(&mut record, claim(1), Some(&runs), 1, at(5));
    assert_eq!(record.note.kind, NoteKind::WaitingForOperation);
}

#[test]
fn an_operation_read_under_another_claim_is_dropped() {
    let mut record = an_accepted_run().record;
    let other = Claim {
        attempt: 1,
        id: claim_id(99),
    };
    operation_read(&mut record, other, None, 1, at(5));
    assert_eq!(record.attempts[0].state, S::Accepted);
}

fn detail(status: JobStatus, percent: u8, code: &str) -> JobDetail {
    let errors = (!code.is_empty()).then(|| JobError {
        code: "1".to_owned(),
        title: code.to_owned(),
        message: "why".to_owned(),
        recommendations: vec!["do this".to_owned()],
    });
    JobDetail {
        progress_percent: Some(percent),
        errors: errors.into_iter().collect(),
        ..JobDetail::from_list(job(1, "j", status, 0).job, None)
    }
}

fn a_running_record(state: S) -> Record {
    claimed(vec![with_job(accepted(1, state), "j")]).record
}

#[test]
fn each_reading_of_a_job_has_its_end() {
    use JobStatus as J;
    let failed = || Some(End::Failed(Failure::JobFailed));
    for (what, read, state, end) in [
        ("runs", detail(J::InProgress, 5, ""), S::Running, None),
        (
            "is being cancelled",
            detail(J::Cancelling, 5, ""),
            S::Running,
            None,
        ),
        (
            "an unknown word",
            detail(J::Other("Odd".to_owned()), 5, ""),
            S::Running,
            None,
        ),
        (
            "completed",
            detail(J::Completed, 100, ""),
            S::Ended,
            Some(End::Succeeded),
        ),
        (
            "warned",
            detail(J::CompletedWithWarnings, 100, "X"),
            S::Ended,
            Some(End::PartiallySucceeded),
        ),
        (
            "was cancelled",
            detail(J::Cancelled, 5, ""),
            S::Ended,
            Some(End::Cancelled),
        ),
        (
            "failed",
            detail(J::Failed, 5, "UserErrorX"),
            S::JobFailed,
            failed(),
        ),
        (
            "failed without a code",
            detail(J::Failed, 5, ""),
            S::JobFailed,
            failed(),
        ),
        (
            "failed for a while",
            detail(J::Failed, 5, "CloudInternalError"),
            S::JobFailed,
            None,
        ),
    ] {
        let mut record = a_running_record(S::Running);
        let wait = job_read(&mut record, read, at(5));
        let retries = state == S::JobFailed && end.is_none();
        assert_eq!(wait.is_positive(), retries, "{what}");
        assert_eq!(record.attempts[0].state, state, "{what}");
        assert_eq!(record.end, end, "{what}");
        assert_eq!(record.completion_time.is_some(), end.is_some(), "{what}");
    }
}

#[test]
fn azures_advice_stands_in_the_message_of_a_failure() {
    let mut record = a_running_record(S::Running);
    job_read(
        &mut record,
        detail(JobStatus::Failed, 5, "UserErrorX"),
        at(5),
    );
    assert_eq!(record.note.message, "job j failed: UserErrorX: why do this");
}

#[test]
fn a_job_that_a_person_named_is_followed_by_no_attempt() {
    let mut record = a_running_record(S::Adopted);
    job_read(
        &mut record,
        detail(JobStatus::Failed, 5, "CloudInternalError"),
        at(5),
    );
    assert_eq!(record.end, Some(End::Failed(Failure::JobFailed)));
    assert_eq!(
        record.attempts[0].state,
        S::Adopted,
        "and its claim is kept"
    );
}

#[test]
fn a_job_beside_a_duplicate_is_followed_by_no_attempt_and_still_says_so() {
    let mut record = a_running_record(S::Running);
    record.note.kind = NoteKind::DuplicateJobs;
    job_read(&mut record, detail(JobStatus::InProgress, 5, ""), at(5));
    assert_eq!(record.note.kind, NoteKind::DuplicateJobs);
    let failed = detail(JobStatus::Failed, 5, "CloudInternalError");
    job_read(&mut record, failed, at(6));
    assert_eq!(record.end, Some(End::Failed(Failure::JobFailed)));
}

#[test]
fn a_list_says_the_status_of_a_job_and_an_earlier_read_the_rest() {
    let read = detail(JobStatus::InProgress, 40, "");
    let listed = job(1, "j", JobStatus::Completed, 0).job;
    let known = JobDetail::from_list(listed.clone(), Some(&read));
    assert_eq!(known.summary, listed);
    assert_eq!(known.progress_percent, Some(40));
}

#[test]
fn progress_never_goes_backwards() {
    let mut record = a_running_record(S::Running);
    job_read(&mut record, detail(JobStatus::InProgress, 40, ""), at(5));
    job_read(&mut record, detail(JobStatus::InProgress, 10, ""), at(6));
    assert_eq!(record.job.unwrap().progress_percent, Some(40));
}

#[test]
fn the_progress_of_a_step_never_goes_backwards() {
    let step = |name: &str, percent| JobTask {
        name: name.to_owned(),
        status: "InProgress".to_owned(),
        progress_percent: percent,
        details: String::new(),
    };
    let mut record = a_running_record(S::Running);
    for (first, second) in [(Some(50), Some(9)), (Some(30), None), (None, Some(7))] {
        let mut read = detail(JobStatus::InProgress, 40, "");
        read.tasks = vec![step("first", first), step("second", second)];
        job_read(&mut record, read, at(5));
    }

    let tasks = record.job.unwrap().tasks;
    assert_eq!(tasks[0].progress_percent, Some(50));
    assert_eq!(tasks[1].progress_percent, Some(9));
}

#[test]
fn an_unknown_status_is_told_and_followed() {
    let mut record = a_running_record(S::Running);
    let odd = JobStatus::Other("Preparing".to_owned());

    job_read(&mut record, detail(odd, 5, ""), at(5));

    assert_eq!((record.phase, &record.end), (Phase::Running, &None));
    assert!(
        record
            .note
            .message
            .starts_with("job j is Preparing, 5 % done, a status that"),
        "{}",
        record.note.message
    );
}

/// Whether a second reading of a running job is worth a write.
fn is_written(change: impl FnOnce(&mut JobDetail)) -> bool {
    let mut old = a_running_record(S::Running);
    job_read(&mut old, detail(JobStatus::InProgress, 40, ""), at(5));
    let mut read = detail(JobStatus::InProgress, 40, "");
    change(&mut read);
    let mut new = old.clone();
    job_read(&mut new, read, at(6));
    worth_writing(&old, &new) != old
}

#[test]
fn states_are_written_at_once_and_progress_in_steps_of_twenty() {
    assert!(!is_written(|_| ()));
    assert!(!is_written(|job| job.progress_percent = Some(59)));
    assert!(is_written(|job| job.progress_percent = Some(60)));
    assert!(
        !is_written(|job| job.duration = Some(mins(9))),
        "times never alone"
    );
    assert!(
        !is_written(|job| job.estimated_remaining = Some(mins(9))),
        "times never alone"
    );
    assert!(is_written(|job| job.summary.status = JobStatus::Cancelling));
    assert!(is_written(|job| job.tasks.push(JobTask {
        name: "t".to_owned(),
        status: "InProgress".to_owned(),
        progress_percent: None,
        details: String::new(),
    })));
    assert!(is_written(|job| drop(
        job.properties.insert("k".to_owned(), "v".to_owned())
    )));
}

#[test]
fn another_kind_of_note_is_written_also_when_the_job_did_not_move() {
    let mut runs = a_running_record(S::Running);
    job_read(&mut runs, detail(JobStatus::InProgress, 40, ""), at(5));
    let mut denied = runs.clone();
    denied.note.kind = NoteKind::PermissionDenied;
    for (old, new) in [(&runs, &denied), (&denied, &runs)] {
        assert_eq!(worth_writing(old, new).note.kind, new.note.kind);
    }
}

#[test]
fn an_operation_is_written_when_it_is_another_one_or_its_status_changed() {
    let says = |id: &str, status, started| Record {
        operation: Some(Operation {
            id: OperationId::new(id),
            started,
            ..operation(status, None, None)
        }),
        ..Record::default()
    };
    let old = says("o", OperationStatus::InProgress, None);
    for (new, written) in [
        (says("o", OperationStatus::InProgress, Some(wall(1))), false),
        (says("o", OperationStatus::Succeeded, None), true),
        (says("p", OperationStatus::InProgress, None), true),
    ] {
        assert_eq!(worth_writing(&old, &new) != old, written, "{new:?}");
    }
}

#[test]
fn why_a_deletion_waits_is_written_also_when_the_job_did_not_move() {
    let mut old = a_running_record(S::Running);
    job_read(&mut old, detail(JobStatus::Completed, 100, ""), at(5));
    let mut new = old.clone();
    super::super::progress::deletion_waits(&mut new, true, "it waits".to_owned());
    assert_eq!(worth_writing(&old, &new).note.message, "it waits");
}

#[test]
fn a_time_in_a_message_is_written_only_when_it_is_a_later_one() {
    let says = |message: &str| {
        let mut record = Record::default();
        record.note.message = message.to_owned();
        record
    };
    let old = says("waits until about 2026-01-01T00:16:00Z, for 1 job");
    for (new, written) in [
        ("waits until about 2026-01-01T00:15:00Z, for 1 job", false),
        ("waits until about 2026-01-01T00:17:00Z, for 1 job", true),
        ("waits until about 2026-01-01T00:15:00Z, for 2 job", true),
        (
            "waits until about 2026-01-01T00:15:00Z, for 1 job more",
            true,
        ),
        ("waits until about now, for 1 job", true),
    ] {
        let kept = worth_writing(&old, &says(new));
        assert_eq!(kept.note.message == new, written, "{new}");
    }
}
