//! Reads of the operation and of the job.

use super::*;

fn an_operation(status: OperationStatus) -> Operation {
    Operation {
        status,
        ..Operation::unread(OperationId::new("o"))
    }
}

#[test]
fn an_operation_that_runs_long_is_read_five_times_before_its_job_is_looked_for() {
    for (reads_before, status, looks) in [
        (3, OperationStatus::InProgress, 0),
        (4, OperationStatus::InProgress, 1),
        (9, OperationStatus::InProgress, 1),
        (4, OperationStatus::Failed, 0),
        (4, OperationStatus::Canceled, 0),
    ] {
        let run = claimed(vec![accepted(1, S::Accepted)]);
        let mut memory = memory_of(&run);
        memory.tries = reads_before;
        let paper = paper(run);
        paper.sheet().operation = Ok(Some(an_operation(status.clone())));

        paper.pass(&mut memory).unwrap();

        assert_eq!(paper.was_asked("jobs"), looks, "{reads_before} {status:?}");
        if status == OperationStatus::InProgress {
            assert_eq!(memory.tries, reads_before + 1);
        }
    }
}

#[test]
fn an_operation_that_names_its_job_is_followed_at_once_however_late() {
    let run = claimed(vec![accepted(1, S::Accepted)]);
    let mut memory = memory_of(&run);
    memory.tries = 9;
    let paper = paper(run);
    let mut operation = an_operation(OperationStatus::Succeeded);
    operation.job = Some(JobId::new("j"));
    paper.sheet().operation = Ok(Some(operation));

    assert_eq!(paper.pass(&mut memory), Ok(AT_ONCE));
    assert_eq!(paper.was_asked("jobs"), 0);
}

fn following(status: Option<JobStatus>) -> (Paper, Memory) {
    let run = claimed(vec![with_job(accepted(1, S::Running), "j")]);
    let memory = memory_of(&run);
    let paper = paper(run);
    paper.sheet().jobs = Ok(status
        .map(|status| job(1, "j", status, 0))
        .into_iter()
        .collect());
    (paper, memory)
}

#[test]
fn the_end_of_a_job_has_a_budget_of_its_own_and_its_progress_has_none() {
    for (status, budget) in [
        (Some(JobStatus::InProgress), Budget::Spare),
        (Some(JobStatus::Completed), Budget::Needed),
        (None, Budget::Spare),
    ] {
        let (paper, mut memory) = following(status.clone());
        paper.pass(&mut memory).unwrap();
        assert_eq!(paper.sheet().budgets, [budget], "{status:?}");
    }

    let (paper, mut memory) = following(None);
    let known = JobDetail::from_list(job(1, "j", JobStatus::InProgress, 0).job, None);
    paper.sheet().run.record.job = Some(known.clone());
    paper.pass(&mut memory).unwrap();
    assert_eq!(
        paper.sheet().budgets,
        [Budget::Needed],
        "no list shows it any more"
    );

    let (paper, mut memory) = following(None);
    let mut another = known;
    another.summary.id = JobId::new("another");
    paper.sheet().run.record.job = Some(another);
    paper.pass(&mut memory).unwrap();
    assert_eq!(paper.sheet().budgets, [Budget::Spare]);
}

#[test]
fn a_job_that_runs_is_followed_at_the_vaults_pace_also_where_only_the_list_shows_it() {
    for answer in [Ok(None), Err(trouble(RefusalKind::Throttled))] {
        let (paper, mut memory) = following(Some(JobStatus::InProgress));
        paper.sheet().job = answer;

        assert_eq!(paper.pass(&mut memory), Ok(in_secs(40)));
        assert_eq!(memory.not_before, Some(boot(40)));
        assert_eq!(
            paper.record().job.unwrap().summary.status,
            JobStatus::InProgress
        );
    }
}

#[test]
fn an_end_that_cannot_be_read_three_times_is_taken_from_the_list() {
    let (paper, mut memory) = following(Some(JobStatus::Completed));
    paper.sheet().job = Err(trouble(RefusalKind::Unavailable));

    for tries in 1..=3 {
        assert_eq!(paper.pass(&mut memory), Ok(in_secs(20)));
        assert_eq!(memory.tries, tries);
        assert_eq!(paper.record().end, None);
        memory.not_before = None;
    }

    assert_eq!(paper.pass(&mut memory), Ok(AT_ONCE));
    assert!(paper.record().end.is_some());
    assert_eq!(memory.tries, 0);
}

#[test]
fn a_job_that_nothing_shows_is_asked_for_again_at_the_vaults_pace() {
    let (paper, mut memory) = following(None);

    assert_eq!(paper.pass(&mut memory), Ok(in_secs(40)));
    assert_eq!(memory.asked_for, Some((JobId::new("j"), boot(0))));
}

/// The run knew its job from the operation, and never said that another one carried its id.
#[test]
fn a_second_job_with_the_id_of_the_one_that_is_followed_is_named() {
    for status in [JobStatus::InProgress, JobStatus::Completed] {
        let (paper, mut memory) = following(None);
        let older = job(1, "older", JobStatus::Completed, 0);
        paper.sheet().jobs = Ok(vec![older, job(1, "j", status.clone(), 10)]);
        paper.sheet().job = Ok(None);

        paper.pass(&mut memory).unwrap();

        let note = paper.record().note;
        assert!(note.message.contains("older"), "{status:?}: {note:?}");
        let ends = status == JobStatus::Completed;
        assert_eq!(note.kind == NoteKind::DuplicateJobs, !ends, "{note:?}");
    }
}
