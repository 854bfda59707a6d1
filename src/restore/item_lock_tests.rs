use super::super::facts::JobStatus;
use super::super::fixtures::*;
use super::super::record::{Attempt, AttemptState as S, End, Failure};
use super::super::request::Target;
use super::*;

fn overwriting(attempts: Vec<Attempt>) -> Run {
    let mut run = claimed(attempts);
    run.intent.target = Target::OriginalLocation {
        storage_account: super::super::ids::ArmId::new("a"),
    };
    run.control.start_by = Some(wall(7200));
    run
}

fn needs(run: &Run) -> Need {
    need(run, at(60)).unwrap()
}

fn a_lock(version: &str) -> ItemLock {
    ItemLock {
        version: Some(version.to_owned()),
        holder: Some(Holder {
            key: Some(key()),
            namespace: "team".to_owned(),
            name: "web".to_owned(),
            vault: None,
        }),
    }
}

#[test]
fn only_a_run_that_writes_over_its_vm_needs_the_lock() {
    assert_eq!(need(&claimed(vec![attempt(1, S::Unknown)]), at(60)), None);
    assert_eq!(need(&overwriting(vec![]), at(60)), Some(Need::Take));
}

#[test]
fn the_lock_is_taken_before_whatever_may_claim_and_kept_while_anything_is_open() {
    for (state, expected) in [
        (S::Claimed, Need::Keep),
        (S::Conflict, Need::Keep),
        (S::Unknown, Need::Keep),
        (S::Accepted, Need::Keep),
        (S::JobSought, Need::Keep),
        (S::Blocked, Need::Keep),
        (S::Running, Need::Keep),
        (S::Adopted, Need::Keep),
        (S::NotStarted, Need::Take),
        (S::OperationFailed, Need::Take),
    ] {
        let mut run = overwriting(vec![with_job(attempt(1, state), "j")]);
        assert_eq!(needs(&run), expected, "{state:?}");

        run.control.suspend = true;
        let suspended = if expected == Need::Take {
            Need::Release
        } else {
            expected
        };
        assert_eq!(needs(&run), suspended, "{state:?}, suspended");

        run.record.end = Some(End::Failed(Failure::RunTimedOut));
        run.mark = Mark::Standing(super::super::record::Claim {
            attempt: 1,
            id: claim_id(99),
        });
        assert_eq!(
            needs(&run),
            Need::Keep,
            "{state:?}, ended under another claim"
        );
    }
    let mut lost = overwriting(vec![attempt(1, S::Unknown)]);
    lost.mark = Mark::None;
    assert_eq!(needs(&lost), Need::Keep, "its claim was removed by hand");
    lost.mark = Mark::Unreadable;
    assert_eq!(needs(&lost), Need::Keep);
    lost.mark = Mark::None;
    lost.record.unreadable = Some("garbled".to_owned());
    assert_eq!(needs(&lost), Need::Keep);
}

#[test]
fn a_run_that_cannot_be_read_keeps_the_lock_whatever_it_seems_to_say() {
    let mut garbled = overwriting(vec![]);
    garbled.record.unreadable = Some("garbled".to_owned());
    let mut marked = overwriting(vec![]);
    marked.mark = Mark::Unreadable;
    let mut bare = overwriting(vec![]);
    bare.mark = Mark::WithoutFinalizer(claim(1));
    for run in [garbled, marked, bare] {
        assert_eq!(needs(&run), Need::Keep, "{:?}", run.mark);
    }
}

#[test]
fn a_lock_is_held_by_the_run_whose_key_stands_there() {
    let mut lock = a_lock("1");
    assert!(lock.is_held_by(key()));
    lock.holder.as_mut().unwrap().key = None;
    assert!(!lock.is_held_by(key()), "somebody else's words");
    lock.holder = None;
    assert!(!lock.is_held_by(key()));
}

#[test]
fn a_claim_that_was_removed_keeps_the_lock_only_while_its_outcome_is_open() {
    for (state, expected) in [
        (S::Accepted, Need::Keep),
        (S::Blocked, Need::Keep),
        (S::NotStarted, Need::Take),
    ] {
        let mut run = overwriting(vec![attempt(1, state)]);
        run.mark = Mark::None;
        assert_eq!(needs(&run), expected, "{state:?}");
    }
}

#[test]
fn a_holder_has_let_go_only_when_it_is_over_and_no_claim_stands() {
    let holder = a_lock("1").holder.unwrap();
    let state = |change: fn(&mut Run)| {
        let mut run = overwriting(vec![attempt(1, S::Ended)]);
        run.record.vault = Some(run.intent.vault.clone());
        run.mark = Mark::None;
        change(&mut run);
        state_of(&run, &holder)
    };
    let end = |run: &mut Run| run.record.end = Some(End::Succeeded);
    assert_eq!(state(|_| ()), HolderState::Holds);
    assert_eq!(state(end), HolderState::LetGo);
    assert_eq!(state(|run| run.deleting = true), HolderState::LetGo);
    let standing = state(|run| {
        run.record.end = Some(End::Succeeded);
        run.mark = Mark::Standing(super::super::record::Claim {
            attempt: 1,
            id: claim_id(1),
        });
    });
    assert_eq!(standing, HolderState::Holds);
    assert_eq!(
        state(|run| run.record.vault = None),
        HolderState::LetGo,
        "applied again, or its status was erased: it must take the lock anew before it claims"
    );
    let claimed = state(|run| {
        run.record.vault = None;
        run.mark = Mark::Standing(claim(1));
    });
    assert_eq!(claimed, HolderState::Unknown);
    let unreadable = state(|run| run.record.unreadable = Some("garbled".to_owned()));
    assert_eq!(unreadable, HolderState::Unknown);
    let other = Holder {
        key: None,
        ..holder.clone()
    };
    let mut run = overwriting(vec![]);
    run.record.vault = Some(run.intent.vault.clone());
    assert_eq!(state_of(&run, &other), HolderState::Gone);
}

#[test]
fn a_lock_that_waits_says_until_when() {
    let said = take_over(&mut None, &a_lock("1"), HolderState::Gone, at(0), &LIMITS);
    let why = said.unwrap_err();
    assert!(why.contains("2026-01-01T00:16:00Z"), "{why}");
}

#[test]
fn a_person_who_says_retry_needs_the_lock_too() {
    let mut run = overwriting(vec![attempt(1, S::Blocked)]);
    run.resolve = Some(Resolve::Retry(claim(1).id));
    assert_eq!(needs(&run), Need::Take);
    run.control.cancel = true;
    assert_eq!(needs(&run), Need::Keep, "it does not count any more");
}

#[test]
fn the_lock_goes_once_nothing_of_the_run_can_run_in_azure() {
    for (state, expected) in [
        (S::Ended, Need::Release),
        (S::JobFailed, Need::Release),
        (S::NotStarted, Need::Release),
        (S::OperationFailed, Need::Release),
        (S::Abandoned, Need::Release),
        (S::Adopted, Need::Keep),
        (S::Running, Need::Keep),
        (S::NotFound, Need::Keep),
        (S::Accepted, Need::Keep),
    ] {
        let mut run = overwriting(vec![with_job(attempt(1, state), "j")]);
        run.record.end = Some(End::Failed(Failure::RunTimedOut));
        assert_eq!(needs(&run), expected, "{state:?}");
    }
    let mut over = overwriting(vec![]);
    over.record.end = Some(End::Succeeded);
    assert_eq!(needs(&over), Need::Release);
}

/// Its claim goes while the job is listed and still writes: the lock must not go with it.
#[test]
fn a_lock_outlives_the_claim_of_a_run_whose_job_may_still_write() {
    let with_job_that_is = |state, status| {
        let mut run = overwriting(vec![with_job(attempt(1, state), "j")]);
        let job = job(1, "j", status, 0).job;
        run.record.job = Some(super::super::facts::JobDetail::from_list(job, None));
        run.mark = Mark::None;
        run
    };
    let running = || JobStatus::InProgress;
    for (run, expected) in [
        (with_job_that_is(S::Running, running()), true),
        (with_job_that_is(S::Adopted, running()), true),
        (with_job_that_is(S::Adopted, JobStatus::Completed), false),
        (with_job_that_is(S::Ended, JobStatus::Completed), false),
        (with_job_that_is(S::JobFailed, JobStatus::Failed), false),
        (overwriting(vec![]), false),
    ] {
        assert_eq!(may_be_writing(&run), expected, "{:?}", run.record.attempts);
        let mut over = run;
        over.record.end = Some(End::Failed(Failure::RunTimedOut));
        let need = if expected { Need::Keep } else { Need::Release };
        assert_eq!(needs(&over), need);
    }
    let mut another = with_job_that_is(S::Running, JobStatus::Completed);
    another.record.attempts[0].job = Some(super::super::ids::JobId::new("k"));
    assert!(may_be_writing(&another), "that job ended, and not this one");
}

#[test]
fn only_another_vault_must_be_asked_whether_the_holder_s_job_has_ended() {
    let run = overwriting(vec![]);
    let mut lock = a_lock("1");
    let mut remembers = |vault: Option<&str>| {
        lock.holder.as_mut().unwrap().vault = vault.map(ArmId::new);
        to_be_asked(&lock, &run).map(|vault| vault.as_str().to_owned())
    };

    assert_eq!(remembers(None), None);
    assert_eq!(remembers(Some("V")), None, "the run's own look shows it");
    assert_eq!(remembers(Some("w")).as_deref(), Some("w"));
    assert_eq!(
        to_be_asked(
            &ItemLock {
                version: None,
                holder: None
            },
            &run
        ),
        None
    );
}

#[test]
fn a_run_that_may_not_start_does_not_keep_others_from_it() {
    for change in [
        |run: &mut Run| run.control.cancel = true,
        |run: &mut Run| run.control.suspend = true,
        |run: &mut Run| run.deleting = true,
        |run: &mut Run| run.resolve = Some(Resolve::Abandon(claim_id(5))),
    ] {
        let mut run = overwriting(vec![]);
        change(&mut run);
        assert_eq!(needs(&run), Need::Release);

        // A status that was erased says nothing of the job that may be writing.
        run.record.point = None;
        assert_eq!(needs(&run), Need::Keep);
    }
}

/// Found by the simulation: by the clock of one process `startBy` had passed, so it released the lock under which another
/// process, whose clock was behind, had just claimed.
#[test]
fn a_clock_alone_releases_no_lock() {
    let mut run = overwriting(vec![]);
    run.control.start_by = Some(wall(60));
    assert_eq!(needs(&run), Need::Keep);
    run.record.end = Some(End::Failed(Failure::StartByPassed));
    assert_eq!(needs(&run), Need::Release);
}

#[test]
fn a_lock_is_taken_over_a_whole_window_after_its_holder_was_first_seen_gone() {
    for state in [HolderState::Gone, HolderState::LetGo] {
        let mut seen = None;
        let mut at_second = |second, version, state| {
            take_over(&mut seen, &a_lock(version), state, at(second), &LIMITS).is_ok()
        };
        assert!(!at_second(0, "1", state), "{state:?}");
        assert!(!at_second(899, "1", state), "{state:?}");
        assert!(
            !at_second(899, "1", HolderState::Unknown),
            "not known is not gone"
        );
        assert!(at_second(900, "1", state), "{state:?}");
        assert!(!at_second(900, "2", state), "it was written meanwhile");
        assert!(!at_second(1799, "2", state));
        assert!(!at_second(1800, "2", HolderState::Holds), "it came back");
        assert!(!at_second(1801, "2", state), "another window");
        assert!(at_second(2701, "2", state));
    }
}

#[test]
fn a_holder_that_is_there_or_unknown_is_never_overtaken() {
    for state in [HolderState::Holds, HolderState::Unknown] {
        let mut seen = None;
        for second in [0, 900, 90_000] {
            let said = take_over(&mut seen, &a_lock("1"), state, at(second), &LIMITS);
            assert!(said.unwrap_err().contains("team/web"), "{state:?}");
        }
    }
}
