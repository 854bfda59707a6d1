use super::super::facts::{JobDetail, JobStatus as J};
use super::super::fixtures::*;
use super::super::questions::resolve_help;
use super::super::record::AttemptState as S;
use super::*;

fn over(attempt: Attempt) -> Run {
    let mut run = claimed(vec![attempt]);
    run.record.end = Some(End::Failed(Failure::JobFailed));
    run
}

fn goes(run: Run, shown: Option<i64>) -> bool {
    let jobs = shown.map(|shown| job(1, "j", J::Completed, shown));
    may_let_go(&scene(run, 600, jobs.into_iter().collect()).look())
}

#[test]
fn a_claim_goes_when_a_listing_begun_five_minutes_later_still_shows_its_job() {
    for state in [S::Running, S::Ended, S::JobFailed] {
        let run = || claimed(vec![with_job(accepted(1, state), "j")]);
        assert!(goes(run(), Some(300)), "{state:?}");
        assert!(!goes(run(), Some(299)), "{state:?}");
        assert!(!goes(run(), None), "{state:?}: known only by its id");
        let other = claimed(vec![with_job(accepted(1, state), "another")]);
        assert!(
            !goes(other, Some(300)),
            "{state:?}: the listed job is another one"
        );
    }
    let named = over(with_job(attempt(1, S::Adopted), "j"));
    assert!(!goes(named, Some(300)), "a person named it");
    let lower = over(with_job(accepted(2, S::Ended), "j"));
    assert!(
        !goes(lower, Some(300)),
        "the listed job is of a lower attempt"
    );
}

#[test]
fn an_answer_that_came_after_the_end_lets_go_once_its_job_is_shown_for_good() {
    assert!(goes(over(accepted(1, S::Accepted)), Some(300)));
    assert!(!goes(over(accepted(1, S::Accepted)), None), "not listed");
    assert!(
        !goes(claimed(vec![accepted(1, S::Accepted)]), Some(300)),
        "the run goes on with its job"
    );
}

#[test]
fn a_claim_under_which_nothing_started_goes_when_the_run_is_over() {
    for state in [S::NotStarted, S::OperationFailed, S::Abandoned] {
        assert!(!goes(claimed(vec![attempt(1, state)]), None), "{state:?}");
        assert!(goes(over(attempt(1, state)), None), "{state:?}");
    }
}

#[test]
fn nothing_found_lets_go_only_without_a_2xx_and_while_ids_count() {
    assert!(
        !goes(claimed(vec![attempt(1, S::NotFound)]), None),
        "not over"
    );
    assert!(goes(over(attempt(1, S::NotFound)), None));
    assert!(
        !goes(over(accepted(1, S::NotFound)), None),
        "a 2xx was recorded"
    );
    let mut broken = scene(over(attempt(1, S::NotFound)), 600, vec![]);
    broken.matching = Matching::Broken;
    assert!(!may_let_go(&broken.look()));
}

/// A claim that was spoilt after the end of a run in place, whose job had failed: a placeholder stands in its place, and was kept
/// until a person wrote `abandon`.
#[test]
fn a_placeholder_of_a_run_that_has_ended_goes_once_its_job_is_shown_for_good() {
    let spoilt = |end: Option<End>| {
        let mut run = claimed(vec![
            attempt(0, S::NotFound),
            with_job(accepted(1, S::JobFailed), "j"),
        ]);
        run.mark = Mark::Standing(claim(0));
        run.record.end = end;
        run.intent.target = super::super::request::Target::OriginalLocation {
            storage_account: super::super::ids::ArmId::new("a"),
        };
        run
    };
    let failed = || Some(End::Failed(Failure::JobFailed));

    assert!(goes(spoilt(failed()), Some(300)));
    assert!(
        !goes(spoilt(failed()), Some(299)),
        "lists may still forget it"
    );
    assert!(
        !goes(spoilt(failed()), None),
        "nothing decides what was there"
    );
    assert!(!goes(spoilt(None), Some(300)), "the run goes on");
}

#[test]
fn an_open_claim_never_goes() {
    for state in [
        S::Claimed,
        S::Conflict,
        S::Unknown,
        S::JobSought,
        S::Blocked,
    ] {
        let mut run = over(attempt(1, state));
        run.deleting = true;
        assert!(!goes(run, Some(300)), "{state:?}");
    }
    let mut unrecorded = over(attempt(1, S::NotFound));
    unrecorded.mark = Mark::Standing(Claim {
        attempt: 1,
        id: claim_id(99),
    });
    assert!(
        !goes(unrecorded, Some(300)),
        "recorded under another claim id"
    );
}

#[test]
fn an_abandoned_run_lets_go_of_whatever_is_decided() {
    let mut run = over(accepted(1, S::NotFound));
    run.record.end = Some(End::Failed(Failure::Abandoned));
    assert!(goes(run, None));
}

#[test]
fn a_deletion_that_waits_says_for_what() {
    let why = |attempt: Attempt, second, jobs| {
        let mut run = claimed(vec![attempt]);
        run.deleting = true;
        why_deletion_waits(&scene(run, second, jobs).look())
    };
    let running = || with_job(accepted(1, S::Running), "j");
    let shown = why(running(), 100, vec![job(1, "j", J::InProgress, 100)]);
    assert!(
        matches!(shown, Some((false, ref text)) if text.contains("until about")),
        "{shown:?}"
    );
    let by_id = why(running(), 900, vec![]);
    assert!(
        matches!(by_id, Some((true, ref text)) if text.contains("abandon:")),
        "{by_id:?}"
    );
    assert!(
        matches!(why(running(), 100, vec![]), Some((false, _))),
        "it may be listed late"
    );
    assert!(matches!(
        why(with_job(attempt(1, S::Adopted), "j"), 100, vec![]),
        Some((true, _))
    ));
    assert!(
        matches!(why(accepted(1, S::Accepted), 100, vec![]), Some((false, _))),
        "its operation will name the job"
    );
    assert!(matches!(
        why(accepted(1, S::NotFound), 100, vec![]),
        Some((true, _))
    ));
    assert_eq!(
        why(running(), 300, vec![job(1, "j", J::InProgress, 300)]),
        None
    );
}

fn without_vault(attempt: Attempt, second: i64) -> bool {
    let mut run = claimed(vec![attempt]);
    run.deleting = true;
    let scene = scene(run, 0, vec![]);
    may_let_go_without_vault(&scene.run, &scene.memory, at(second), &LIMITS)
}

#[test]
fn without_its_vault_a_deletion_goes_through_after_a_window() {
    for (what, attempt, goes) in [
        ("unknown", attempt(1, S::Unknown), true),
        ("accepted", accepted(1, S::Accepted), false),
        ("operation gone", accepted(1, S::JobSought), false),
        ("job known", with_job(accepted(1, S::Running), "j"), true),
        ("blocked", attempt(1, S::Blocked), false),
        ("not found after a 2xx", accepted(1, S::NotFound), false),
    ] {
        assert!(!without_vault(attempt.clone(), 899), "{what}");
        assert_eq!(without_vault(attempt, 900), goes, "{what}");
    }
}

#[test]
fn without_its_vault_a_placeholder_is_kept_for_an_accepted_attempt() {
    let mut run = claimed(vec![accepted(1, S::JobSought)]);
    run.mark = Mark::Standing(claim(0));
    run.deleting = true;
    let scene = scene(run, 0, vec![]);
    let goes = may_let_go_without_vault(&scene.run, &scene.memory, at(900), &LIMITS);
    assert!(!goes);
}

#[test]
fn without_its_vault_a_look_of_a_moment_ago_counts() {
    let mut run = claimed(vec![attempt(1, S::Unknown)]);
    run.deleting = true;
    let mut scene = scene(run, 0, vec![]);
    scene.memory.last_look = Some(boot(600));
    let goes = |second| may_let_go_without_vault(&scene.run, &scene.memory, at(second), &LIMITS);
    assert!(!goes(1499));
    assert!(goes(1500));
}

/// The status named the missing vault and not until when the deletion waits for it.
#[test]
fn without_its_vault_a_deletion_says_until_when_it_waits() {
    let until = |attempt: Attempt, deleting| {
        let mut run = claimed(vec![attempt]);
        run.deleting = deleting;
        let scene = scene(run, 0, vec![]);
        until_let_go_without_vault(&scene.run, &scene.memory, at(600), &LIMITS)
    };
    let running = || with_job(accepted(1, S::Running), "j");
    assert_eq!(until(running(), true), Some(mins(5)));
    assert_eq!(until(running(), false), None);
    assert_eq!(
        until(accepted(1, S::JobSought), true),
        None,
        "it will be blocked"
    );
}

#[test]
fn without_its_vault_a_job_under_another_id_keeps_the_claim() {
    let mut run = claimed(vec![with_job(accepted(1, S::Running), "j")]);
    run.deleting = true;
    let ours = job(1, "j", J::InProgress, 0).job;
    let mut goes = |read| {
        run.record.job = Some(JobDetail::from_list(read, None));
        let scene = scene(run.clone(), 0, vec![]);
        may_let_go_without_vault(&scene.run, &scene.memory, at(900), &LIMITS)
    };
    assert!(goes(ours.clone()), "it carries the id that was sent");
    let mut other = ours;
    other.activity_id = String::new();
    assert!(!goes(other));
}

#[test]
fn a_2xx_without_any_look_for_a_window_is_blocked() {
    let blocks = |attempt: Attempt, second| {
        let scene = scene(claimed(vec![attempt]), 0, vec![]);
        must_block_without_look(&scene.run, &scene.memory, at(second), &LIMITS)
    };
    assert!(blocks(accepted(1, S::JobSought), 900));
    assert!(blocks(accepted(1, S::Accepted), 900));
    assert!(!blocks(accepted(1, S::JobSought), 899));
    assert!(
        !blocks(attempt(1, S::Unknown), 900),
        "a second restore would do no harm"
    );
    assert!(
        !blocks(with_job(accepted(1, S::Running), "j"), 900),
        "its job is known"
    );
    assert!(
        !blocks(with_job(accepted(1, S::JobSought), "j"), 900),
        "its job is known"
    );
    let mut refused = claimed(vec![attempt(1, S::NotStarted)]);
    refused.intent.target = super::super::request::Target::OriginalLocation {
        storage_account: super::super::ids::ArmId::new("a"),
    };
    let scene = scene(refused, 0, vec![]);
    assert!(
        !must_block_without_look(&scene.run, &scene.memory, at(900), &LIMITS),
        "nothing is open"
    );
}

/// Found by the simulation: the operation named the job at once, the list showed it five minutes later and not always; the
/// claim went at its first sight, the status was erased, and a look that missed the job allowed a second one.
#[test]
fn a_job_known_before_it_is_listed_is_held_until_it_stays_listed() {
    let run = claimed(vec![with_job(accepted(1, S::Running), "j")]);
    let listed_at = |first: i64, again: i64| {
        let mut scene = scene(run.clone(), again, vec![job(1, "j", J::InProgress, again)]);
        let id = JobId::new("j");
        scene.memory.listed.insert(id, at(first).boot);
        may_let_go(&scene.look())
    };

    assert!(
        !listed_at(335, 335),
        "known for five minutes, listed for the first time"
    );
    assert!(!listed_at(335, 634));
    assert!(listed_at(335, 635));
}

#[test]
fn a_deletion_says_what_it_waits_for_while_the_vault_cannot_be_listed() {
    let said = |run: Run, memory: &Memory| {
        why_deletion_waits_unlisted(&run, memory, at(60), &LIMITS).unwrap_or_default()
    };
    let deleted = |attempt: Attempt| {
        let mut run = claimed(vec![attempt]);
        run.deleting = true;
        run
    };
    let mut memory = Memory::default();
    memory.see_claim(claim(1).id, at(0));

    for open in [S::Claimed, S::Accepted, S::JobSought] {
        let said = said(deleted(accepted(1, open)), &memory);
        assert!(said.starts_with("the deletion waits until"), "{said}");
        // A minute of the window is over.
        let until = pace::minute_after(wall(60), mins(14)).to_string();
        assert!(said.contains(&format!("about {until} on")), "{said}");
    }
    let whole = pace::minute_after(wall(60), mins(15)).to_string();
    let unseen = said(deleted(attempt(1, S::Unknown)), &Memory::default());
    assert!(unseen.contains(&whole), "{unseen}");

    for decided in [S::Running, S::Ended, S::NotFound] {
        let said = said(deleted(with_job(accepted(1, decided), "j")), &memory);
        assert!(said.starts_with("the deletion waits until"), "{said}");
        assert!(said.contains(&format!("abandon:{}", claim(1).id)), "{said}");
    }
    assert_eq!(said(claimed(vec![attempt(1, S::Unknown)]), &memory), "");
    let mut unclaimed = deleted(attempt(1, S::Ended));
    unclaimed.mark = Mark::None;
    assert_eq!(said(unclaimed, &memory), "");
}

#[test]
fn whatever_is_written_while_a_deletion_waits_says_that_it_does() {
    let mut run = claimed(vec![accepted(1, S::Accepted)]);
    run.record.note.message = "operation o is InProgress".to_owned();
    assert_eq!(told_while_deleting(&run, &run.record), None);

    run.deleting = true;
    let told = told_while_deleting(&run, &run.record).unwrap();
    let said = &told.note.message;
    assert!(said.starts_with("the deletion waits until"), "{said}");
    assert!(said.ends_with("; operation o is InProgress"), "{said}");
    assert_eq!(told_while_deleting(&run, &told), None, "once is enough");

    let mut blocked = run.clone();
    blocked.record.note.message = resolve_help(&blocked);
    assert_eq!(told_while_deleting(&blocked, &blocked.record), None);
    // The word that an older claim waits for says nothing of this one.
    let mut blocked_before = run.clone();
    blocked_before.record.attempts[0].state = S::Blocked;
    let told = told_while_deleting(&blocked_before, &blocked_before.record);
    assert!(told.is_some());
    let mut unreadable = run.clone();
    unreadable.record.unreadable = Some("why".to_owned());
    assert_eq!(told_while_deleting(&unreadable, &unreadable.record), None);
    run.mark = Mark::None;
    assert_eq!(told_while_deleting(&run, &run.record), None);
}

/// It carries an id of Azure's own; the status that showed it had been set back, so that the object went and the one that
/// was applied again restored once more (schedule 624091).
#[test]
fn a_job_that_a_person_named_keeps_its_claim_without_a_vault() {
    let run = |state| {
        let mut run = claimed(vec![with_job(accepted(1, state), "j")]);
        run.deleting = true;
        run
    };
    let goes = |run: &Run| {
        let memory = scene(run.clone(), 0, vec![]).memory;
        may_let_go_without_vault(run, &memory, at(15 * 60), &LIMITS)
    };

    assert!(goes(&run(AttemptState::Running)));
    assert!(!goes(&run(AttemptState::Adopted)));
}

/// A process stood still after its last check and its answer came when another one had ended the run (schedule 983194).
#[test]
fn a_run_that_has_ended_is_not_blocked_by_a_late_answer() {
    let mut run = claimed(vec![accepted(1, AttemptState::Accepted)]);
    let memory = scene(run.clone(), 0, vec![]).memory;
    let blocks = |run: &Run| must_block_without_look(run, &memory, at(15 * 60), &LIMITS);
    assert!(blocks(&run));

    run.record.end = Some(End::Failed(Failure::RunTimedOut));
    assert!(!blocks(&run));

    run.record.attempts.clear();
    run.deleting = true;
    assert!(blocks(&run), "an end under another claim does not count");
}
