use super::super::facts::JobStatus;
use super::super::fixtures::*;
use super::super::ids::{ArmId, JobId, OperationId};
use super::super::questions::resolve_help;
use super::super::record::{AttemptState as S, Control, Phase};
use super::*;

fn step(run: &Run) -> Step {
    next(run, &Memory::default(), at(60), &LIMITS)
}

fn a_new_run() -> Run {
    let mut run = a_run();
    run.record.point = None;
    run
}

fn ended(mut run: Run, end: End) -> Run {
    run.record.end = Some(end);
    run.record.phase = Phase::Failed;
    run
}

fn deleting(mut run: Run) -> Run {
    run.deleting = true;
    run
}

fn abandoned_by_a_person(mut run: Run, number: u8) -> Run {
    run.resolve = Some(Resolve::Abandon(claim(number).id));
    run
}

#[test]
fn each_state_of_a_standing_claim_has_its_step() {
    let look = || Step::Azure(Act::Look);
    let with_operation = accepted(1, S::Accepted);
    for (what, attempt, expected) in [
        (
            "nothing recorded but the claim",
            attempt(1, S::Claimed),
            look(),
        ),
        ("refused", attempt(1, S::NotStarted), look()),
        ("refused by a 409", attempt(1, S::Conflict), look()),
        ("answer lost", attempt(1, S::Unknown), look()),
        (
            "accepted",
            with_operation,
            Step::Azure(Act::ReadOperation(OperationId::new("o"))),
        ),
        ("operation gone", accepted(1, S::JobSought), look()),
        ("operation failed", accepted(1, S::OperationFailed), look()),
        (
            "job runs",
            with_job(accepted(1, S::Running), "j"),
            Step::Azure(Act::Follow(JobId::new("j"))),
        ),
        (
            "job named by a person",
            with_job(attempt(1, S::Adopted), "j"),
            Step::Azure(Act::Follow(JobId::new("j"))),
        ),
        (
            "job failed",
            with_job(accepted(1, S::JobFailed), "j"),
            look(),
        ),
        ("nothing found", attempt(1, S::NotFound), look()),
        ("blocked", attempt(1, S::Blocked), look()),
    ] {
        assert_eq!(step(&claimed(vec![attempt])), expected, "{what}");
    }
}

#[test]
fn a_mark_that_cannot_be_trusted_is_mended_before_anything_else() {
    for deleting in [false, true] {
        let mut run = ended(a_run(), End::Succeeded);
        run.deleting = deleting;
        run.record.unreadable = Some("garbled".to_owned());

        run.mark = Mark::Unreadable;
        assert_eq!(step(&run), Step::PlacePlaceholder);
        run.mark = Mark::WithoutFinalizer(claim(1));
        assert_eq!(step(&run), Step::RestoreFinalizer(claim(1)));
    }
}

#[test]
fn nothing_is_sent_for_a_status_that_cannot_be_understood() {
    let mut run = claimed(vec![attempt(1, S::NotStarted)]);
    run.record.unreadable = Some("garbled".to_owned());

    assert_eq!(step(&run), Step::SayUnreadable);
    assert_eq!(
        step(&abandoned_by_a_person(run.clone(), 1)),
        Step::SayUnreadable
    );
    // Lists may not show yet what it started: the word counts once the claim was seen for a whole window.
    let deleted = deleting(abandoned_by_a_person(run, 1));
    assert_eq!(step(&deleted), Step::SayUnreadable);
    let mut seen = Memory::default();
    seen.see_claim(claim_id(1), at(0));
    let long = |seconds| next(&deleted, &seen, at(seconds), &LIMITS);
    assert_eq!(long(15 * 60 - 1), Step::SayUnreadable);
    assert_eq!(long(15 * 60), Step::LetGo);
}

/// A PUT of the manifest takes finalizer and annotation away together, while the trigger may be under way.
#[test]
fn a_claim_that_went_without_a_word_in_the_record_is_replaced() {
    let mut run = a_new_run();
    run.record.point = claimed(vec![]).record.point;
    let mut seen = Memory::default();
    seen.see_claim(claim_id(1), at(0));
    let after = |run: &Run, seconds| next(run, &seen, at(seconds), &LIMITS);
    assert_eq!(after(&run, 60), Step::PlacePlaceholder);
    assert_ne!(
        after(&run, 15 * 60),
        Step::PlacePlaceholder,
        "a window later"
    );
    run.record.attempts = vec![attempt(1, S::NotStarted)];
    assert_ne!(after(&run, 60), Step::PlacePlaceholder, "it is recorded");
}

#[test]
fn an_end_counts_only_under_its_own_claim() {
    let end = || End::Failed(Failure::JobFailed);
    assert_eq!(step(&ended(a_run(), end())), Step::Rest);

    let own = ended(
        claimed(vec![with_job(accepted(1, S::JobFailed), "j")]),
        end(),
    );
    assert_eq!(step(&own), Step::Azure(Act::Look), "only waits to let go");

    let mut other = own;
    other.mark = Mark::Standing(Claim {
        attempt: 1,
        id: claim_id(99),
    });
    assert_eq!(
        step(&other),
        Step::Azure(Act::Look),
        "the claim is undecided"
    );
    other.record.start_time = Some(wall(-100 * 3600));
    assert_eq!(
        step(&other),
        Step::Azure(Act::Look),
        "timeouts.run never cuts that short"
    );
}

#[test]
fn what_provably_did_not_start_lets_go_once_it_is_over() {
    for state in [S::NotStarted, S::OperationFailed, S::Abandoned] {
        let run = claimed(vec![attempt(1, state)]);
        assert_eq!(
            step(&run),
            Step::Azure(Act::Look),
            "{state:?}: the next claim follows"
        );
        assert_eq!(step(&deleting(run.clone())), Step::LetGo, "{state:?}");
        assert_eq!(
            step(&ended(run, End::Failed(Failure::RestoreRefused))),
            Step::LetGo,
            "{state:?}"
        );
    }
}

#[test]
fn a_deletion_never_cuts_an_open_outcome_short() {
    for state in [
        S::Claimed,
        S::Conflict,
        S::Unknown,
        S::JobSought,
        S::Blocked,
    ] {
        assert_eq!(
            step(&deleting(claimed(vec![attempt(1, state)]))),
            Step::Azure(Act::Look),
            "{state:?}"
        );
    }
    assert_eq!(
        step(&deleting(a_run())),
        Step::Rest,
        "nothing was ever claimed"
    );
}

#[test]
fn abandon_ends_a_blocked_run_and_frees_a_deletion_that_waits() {
    let blocked = abandoned_by_a_person(claimed(vec![accepted(1, S::Blocked)]), 1);
    assert!(matches!(
        step(&blocked),
        Step::End(End::Failed(Failure::Abandoned), _)
    ));

    let other = abandoned_by_a_person(claimed(vec![accepted(1, S::Blocked)]), 2);
    assert_eq!(step(&other), Step::Azure(Act::Look), "another claim id");

    for state in [S::NotStarted, S::OperationFailed, S::Abandoned, S::Adopted] {
        let run = abandoned_by_a_person(claimed(vec![with_job(accepted(1, state), "j")]), 1);
        assert_ne!(step(&run), Step::LetGo, "{state:?}, not deleted");
        assert_eq!(step(&deleting(run)), Step::LetGo, "{state:?}");
    }
    for state in [
        S::Claimed,
        S::Unknown,
        S::JobSought,
        S::Conflict,
        S::Accepted,
    ] {
        let run = deleting(abandoned_by_a_person(claimed(vec![accepted(1, state)]), 1));
        assert_ne!(step(&run), Step::LetGo, "{state:?} is not blocked yet");
    }
}

#[test]
fn an_abandonment_frees_a_deletion_only_when_a_job_is_known_for_so_long_that_lists_decide_no_more()
{
    const WINDOW: i64 = 15 * 60;
    let states = [S::Running, S::Ended, S::JobFailed, S::NotFound];
    for state in states.into_iter().chain([S::Accepted]) {
        let ended_run = |job: bool| {
            let own = accepted(1, state);
            let own = if job { with_job(own, "j") } else { own };
            let run = ended(claimed(vec![own]), End::Failed(Failure::RunTimedOut));
            abandoned_by_a_person(run, 1)
        };
        let step_at = |run: &Run, memory: &Memory, second| next(run, memory, at(second), &LIMITS);
        let known = |listed: i64| {
            let mut memory = Memory::default();
            memory.see_claim(claim(1).id, at(0));
            memory.see_job(&JobId::new("j"), at(0));
            memory.see_job_listed(&JobId::new("j"), at(listed));
            memory
        };
        let lets_go = |run: &Run, memory: &Memory, second| {
            let run = deleting(run.clone());
            step_at(&run, memory, second) == Step::LetGo
        };

        let run = ended_run(true);
        assert_ne!(
            step_at(&run, &known(0), WINDOW),
            Step::LetGo,
            "{state:?}, not deleted"
        );
        assert!(!lets_go(&run, &Memory::default(), WINDOW), "{state:?}");
        assert!(!lets_go(&run, &known(0), WINDOW - 1), "{state:?}");
        assert!(lets_go(&run, &known(0), WINDOW), "{state:?}");
        assert!(!lets_go(&run, &known(12 * 60), WINDOW), "{state:?}");
        assert!(lets_go(&run, &known(12 * 60), 17 * 60), "{state:?}");

        let run = ended_run(false);
        assert!(!lets_go(&run, &known(0), WINDOW - 1), "{state:?}");
        assert!(lets_go(&run, &known(0), WINDOW), "{state:?}");
    }
}

#[test]
fn a_claim_that_was_removed_while_its_outcome_is_open_gets_a_placeholder() {
    for state in [
        S::Claimed,
        S::Conflict,
        S::Unknown,
        S::Accepted,
        S::JobSought,
        S::Blocked,
    ] {
        let mut run = claimed(vec![accepted(1, state)]);
        run.mark = Mark::None;
        assert_eq!(step(&run), Step::PlacePlaceholder, "{state:?}");
        assert_eq!(
            step(&deleting(run)),
            Step::Rest,
            "{state:?}: nothing can hold it back"
        );
    }
}

#[test]
fn a_run_that_may_not_claim_any_more_chooses_no_point() {
    assert_eq!(step(&a_new_run()), Step::Azure(Act::Select));

    let mut late = a_new_run();
    late.control.start_by = Some(wall(60));
    assert_eq!(step(&late), Step::Azure(Act::Look));
    late.control.start_by = Some(wall(61));
    assert_eq!(step(&late), Step::Azure(Act::Select));

    assert_eq!(
        step(&abandoned_by_a_person(a_new_run(), 9)),
        Step::Azure(Act::Look)
    );
}

#[test]
fn only_a_run_without_claim_attempts_and_point_chooses_one_before_it_looks() {
    assert_eq!(step(&a_run()), Step::Azure(Act::Look), "it has its point");

    let mut erased = a_new_run();
    erased.mark = Mark::Standing(claim(1));
    assert_eq!(step(&erased), Step::Azure(Act::Look), "a claim stands");

    let mut tried = a_new_run();
    tried.record.attempts = vec![attempt(1, S::NotStarted)];
    assert_eq!(step(&tried), Step::Azure(Act::Look), "it was tried");
}

#[test]
fn another_vault_stops_everything_but_the_end() {
    let mut run = claimed(vec![attempt(1, S::Unknown)]);
    run.record.vault = Some(ArmId::new("another"));
    assert_eq!(step(&run), Step::SayVaultChanged);
    assert_eq!(step(&deleting(run.clone())), Step::SayVaultChanged);
    run.mark = Mark::None;
    assert_eq!(step(&ended(run, End::Succeeded)), Step::Rest);
}

#[test]
fn the_help_offers_no_retry_when_every_attempt_is_used() {
    assert!(resolve_help(&claimed(vec![attempt(15, S::Blocked)])).contains("retry:"));
    let help = resolve_help(&claimed(vec![attempt(16, S::Blocked)]));
    assert!(
        !help.contains("retry:") && help.contains("abandon:"),
        "{help}"
    );
}

#[test]
fn what_did_not_start_goes_also_when_the_vault_is_another_one() {
    let mut run = deleting(claimed(vec![attempt(1, S::NotStarted)]));
    run.record.vault = Some(ArmId::new("another"));
    assert_eq!(step(&run), Step::LetGo);
}

#[test]
fn the_run_timeout_waits_for_open_outcomes_only() {
    let late = |attempts: Vec<Attempt>| {
        let mut run = claimed(attempts);
        run.control = Control {
            run_timeout: mins(1),
            ..run.control
        };
        let memory = Memory {
            asked_for: Some((JobId::new("j7"), at(60).boot)),
            ..Memory::default()
        };
        next(&run, &memory, at(60), &LIMITS)
    };
    let running = late(vec![with_job(accepted(1, S::Running), "j7")]);
    assert!(
        matches!(running, Step::End(_, ref why) if why.contains("job j7 goes on")),
        "{running:?}"
    );
    for state in [
        S::Claimed,
        S::Conflict,
        S::Unknown,
        S::Accepted,
        S::JobSought,
        S::Blocked,
    ] {
        let open = late(vec![accepted(1, state)]);
        assert!(matches!(open, Step::Azure(_)), "{state:?}: {open:?}");
    }
}

/// A status that was set back long after the run had ended became a time-out in the same instant, and lost the job: the
/// process had listed it before.
#[test]
fn a_run_that_knows_no_job_times_out_by_a_look_or_when_none_is_possible_for_a_window() {
    let mut lost = a_new_run();
    lost.control.run_timeout = mins(1);
    lost.record.start_time = Some(wall(0));
    let step = |in_vain: Option<i64>, seconds| {
        let memory = Memory {
            last_look: Some(at(60).boot),
            looks_in_vain_since: in_vain.map(boot),
            ..Memory::default()
        };
        next(&lost, &memory, at(seconds), &LIMITS)
    };
    let look = Step::Azure(Act::Look);

    assert_eq!(step(None, 60), look, "a look that was made before");
    assert_eq!(step(None, 60 * 60), look);
    assert_eq!(step(Some(0), 60 + 15 * 60 - 1), look);
    assert_eq!(step(Some(30 * 60), 45 * 60 - 1), look, "not for a window");
    for (in_vain, seconds) in [(0, 60 + 15 * 60), (30 * 60, 45 * 60)] {
        let end = step(Some(in_vain), seconds);
        let says = matches!(&end, Step::End(_, why) if why.contains("cannot be listed"));
        assert!(says, "nobody can be asked: {end:?}");
    }
}

/// A controller that was down for a day called a restore timed out whose job had succeeded in the first hour.
#[test]
fn a_job_that_this_process_never_read_is_read_before_its_run_times_out() {
    let mut run = claimed(vec![with_job(accepted(1, S::Running), "j7")]);
    run.control.run_timeout = mins(1);
    assert_eq!(step(&run), Step::Azure(Act::Follow(JobId::new("j7"))));
}

#[test]
fn a_wait_holds_until_it_is_over_or_a_person_speaks() {
    let mut memory = Memory::default();
    memory.wait(at(60), mins(1));
    let mut run = claimed(vec![attempt(1, S::Blocked)]);
    assert_eq!(
        next(&run, &memory, at(90), &LIMITS),
        Step::Wait(SignedDuration::from_secs(30))
    );
    assert_eq!(
        next(&run, &memory, at(120), &LIMITS),
        Step::Azure(Act::Look)
    );

    run.resolve = Some(Resolve::Retry(claim(1).id));
    assert_eq!(next(&run, &memory, at(90), &LIMITS), Step::Azure(Act::Look));
    memory.heeded.clone_from(&run.resolve);
    assert!(
        matches!(next(&run, &memory, at(90), &LIMITS), Step::Wait(_)),
        "only once"
    );
}

#[test]
fn a_word_counts_only_while_blocked_on_that_claim() {
    let word = |state, id| {
        let mut run = claimed(vec![attempt(1, state)]);
        run.resolve = Some(Resolve::Retry(claim_id(id)));
        resolution(&run).is_some()
    };
    assert!(word(S::Blocked, 1));
    assert!(!word(S::Blocked, 2));
    for state in S::ALL.into_iter().filter(|state| *state != S::Blocked) {
        assert!(!word(state, 1), "{state:?}");
    }
    let _ = JobStatus::Failed;
}

#[test]
fn a_suspended_run_is_not_followed_unless_it_is_deleted() {
    let mut run = claimed(vec![with_job(accepted(1, S::Running), "j")]);
    run.control.suspend = true;
    assert_eq!(step(&run), Step::SaySuspended(JobId::new("j")));
    assert_eq!(
        step(&deleting(run.clone())),
        Step::Azure(Act::Follow(JobId::new("j")))
    );

    run.control.run_timeout = mins(1);
    assert_eq!(
        step(&run),
        Step::Azure(Act::Follow(JobId::new("j"))),
        "its time passes: the job is asked for once more"
    );
    let asked = Memory {
        asked_for: Some((JobId::new("j"), at(60).boot)),
        ..Memory::default()
    };
    assert!(matches!(
        next(&run, &asked, at(60), &LIMITS),
        Step::End(End::Failed(Failure::RunTimedOut), _)
    ));

    let mut open = claimed(vec![accepted(1, S::Accepted)]);
    open.control.suspend = true;
    let read = Step::Azure(Act::ReadOperation(OperationId::new("o")));
    assert_eq!(step(&open), read, "an open outcome is decided");
}

#[test]
fn a_run_that_is_held_or_cancelled_chooses_no_point() {
    for change in [
        |run: &mut Run| run.control.suspend = true,
        |run: &mut Run| run.control.cancel = true,
    ] {
        let mut run = a_new_run();
        change(&mut run);
        assert_eq!(step(&run), Step::Azure(Act::Look));
    }
}

#[test]
fn a_deletion_cuts_waits_short_until_status_tells_of_it() {
    let attempts = || vec![with_job(accepted(1, S::Running), "j")];
    let follow = Step::Azure(Act::Follow(JobId::new("j")));
    let over = || ended(claimed(attempts()), End::Succeeded);
    for (run, step) in [
        (claimed(attempts()), follow),
        (over(), Step::Azure(Act::Look)),
    ] {
        let mut memory = Memory::default();
        memory.wait(at(60), mins(1));
        let waits = Step::Wait(mins(1));
        assert_eq!(next(&run, &memory, at(60), &LIMITS), waits);

        let mut run = deleting(run);
        assert_eq!(next(&run, &memory, at(60), &LIMITS), step);

        memory.refused_until = Some(boot(70));
        let refused = Step::Wait(SignedDuration::from_secs(10));
        assert_eq!(next(&run, &memory, at(60), &LIMITS), refused);

        run.record.note.message = "the deletion waits until noon".to_owned();
        assert_eq!(next(&run, &memory, at(60), &LIMITS), waits);
    }
}
