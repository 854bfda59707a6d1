//! A claim whose outcome is open: its window, and what decides it.

use super::*;

#[test]
fn an_open_claim_waits_for_a_listing_begun_after_its_window() {
    for state in [S::Claimed, S::Unknown, S::JobSought, S::Accepted] {
        let decision = nothing_listed(vec![attempt(1, state)], WINDOW_OVER - 1);
        assert_eq!(
            decision,
            Decision::Wait(SignedDuration::from_secs(1)),
            "{state:?}"
        );
    }
    assert_eq!(
        nothing_listed(vec![attempt(1, S::Unknown)], WINDOW_OVER),
        Decision::Claim(2)
    );

    let mut late_answer = scene(
        claimed(vec![attempt(1, S::Unknown)]),
        WINDOW_OVER - 1,
        vec![],
    );
    late_answer.now = at(WINDOW_OVER + 60);
    assert_eq!(
        decide(&late_answer),
        Decision::Wait(SignedDuration::ZERO),
        "it was begun too early"
    );

    let mut restarted = scene(claimed(vec![attempt(1, S::Unknown)]), WINDOW_OVER, vec![]);
    restarted.memory = Memory::default();
    assert_eq!(
        decide(&restarted),
        Decision::Wait(mins(15)),
        "another process counts its own window"
    );
}

#[test]
fn after_the_window_only_what_a_second_restore_cannot_harm_goes_on() {
    let over = |attempts| nothing_listed(attempts, WINDOW_OVER);
    assert!(is_block(&over(vec![accepted(1, S::JobSought)])), "a 2xx");
    assert!(is_block(&over(vec![accepted(1, S::Accepted)])), "a 2xx");
    assert!(
        is_block(&over(vec![attempt(3, S::Unknown)])),
        "attempts used up"
    );

    let mut broken = scene(claimed(vec![attempt(1, S::Unknown)]), WINDOW_OVER, vec![]);
    broken.matching = Matching::Broken;
    let block = decide(&broken);
    assert!(
        matches!(block, Decision::Block(ref why) if why.contains("jobMatching") && why.contains("retry:")),
        "not found is no evidence, and a person reads what to do: {block:?}"
    );
    broken.run.deleting = true;
    assert!(is_block(&decide(&broken)), "nor for a deletion");

    let mut deleted = scene(claimed(vec![attempt(1, S::Unknown)]), WINDOW_OVER, vec![]);
    deleted.run.deleting = true;
    assert_eq!(decide(&deleted), Decision::LetGo);
    deleted.run = claimed(vec![accepted(1, S::JobSought)]);
    deleted.run.deleting = true;
    assert!(is_block(&decide(&deleted)), "a deletion waits for a person");
}

/// Ids that are filled again say nothing about a job that was made while they were not.
#[test]
fn outcome_that_was_open_while_broken_stays_unknown_when_ids_are_filled_again() {
    let mut open = attempt(1, S::Unknown);
    open.error = Some(ErrorText {
        code: JOB_MATCHING_BROKEN.to_owned(),
        message: String::new(),
    });
    let mut proven = scene(claimed(vec![open.clone()]), WINDOW_OVER, vec![]);
    proven.matching = Matching::Proven;
    assert!(is_block(&decide(&proven)));
    proven.run.deleting = true;
    assert!(is_block(&decide(&proven)), "nor for a deletion");

    open.state = S::Blocked;
    let mut blocked = scene(claimed(vec![open.clone()]), WINDOW_OVER, vec![]);
    blocked.matching = Matching::Proven;
    assert!(is_block(&decide(&blocked)));
    blocked.run = says(claimed(vec![open]), Resolve::Retry);
    assert_eq!(
        decide(&blocked),
        Decision::Claim(2),
        "a person's word counts"
    );
    let found = vec![job(1, "j", J::InProgress, SECOND)];
    let seen = scene(blocked.run.clone(), WINDOW_OVER, found);
    assert!(adopts(&decide(&seen), 1, "j"), "and so does its job");
}

/// It may be the one that is missed: Azure did not fill its id.
#[test]
fn a_young_job_of_the_vm_without_any_id_makes_not_found_prove_nothing() {
    let recorded = claimed(vec![attempt(1, S::Unknown)]);
    let mut unrecorded = a_run();
    unrecorded.mark = Mark::Standing(claim(1));
    let mut without_item = recorded.clone();
    without_item.record.item = None;
    let web = "web";
    for (run, started, entity, blocks) in [
        // Five minutes before the claim that is written down.
        (&recorded, Some(-300), web, true),
        (&recorded, Some(-301), web, false),
        (&recorded, None, web, true),
        (&recorded, Some(0), "another", false),
        // Nobody knows the claim's age: it was seen 15 minutes ago and may be a window older.
        (&unrecorded, Some(-1200), web, true),
        (&unrecorded, Some(-1201), web, false),
        (&without_item, Some(0), "another", true),
    ] {
        let mut job = job(1, "j", J::InProgress, WINDOW_OVER);
        job.job.activity_id = String::new();
        job.job.started = started.map(wall);
        job.job.entity = entity.to_owned();

        let decision = decide(&scene(run.clone(), WINDOW_OVER, vec![job]));

        assert_eq!(
            is_block(&decision),
            blocks,
            "{started:?} {entity}: {decision:?}"
        );
    }
}

#[test]
fn a_job_of_the_claim_or_of_a_higher_attempt_decides_at_once_and_a_lower_one_after_the_window() {
    let open = |number| claimed(vec![attempt(number, S::Unknown)]);
    for status in [
        J::InProgress,
        J::Completed,
        J::CompletedWithWarnings,
        J::Cancelled,
        J::Cancelling,
    ] {
        let alive = || vec![job(2, "j", status.clone(), SECOND)];
        assert!(
            adopts(&decide(&scene(open(2), SECOND, alive())), 2, "j"),
            "{status:?}"
        );
        assert!(
            adopts(&decide(&scene(open(1), SECOND, alive())), 2, "j"),
            "{status:?}"
        );
        assert!(
            matches!(decide(&scene(open(3), SECOND, alive())), Decision::Wait(_)),
            "{status:?}"
        );
        assert!(
            adopts(&decide(&scene(open(3), WINDOW_OVER, alive())), 2, "j"),
            "{status:?}"
        );
    }
    let lower = vec![job(2, "j", J::Failed, SECOND)];
    assert!(matches!(
        decide(&scene(open(3), SECOND, lower.clone())),
        Decision::Wait(_)
    ));
    let mut run = open(3);
    run.control.retry_limit = 9;
    assert_eq!(
        decide(&scene(
            run,
            WINDOW_OVER,
            vec![job(2, "j", J::Failed, WINDOW_OVER)]
        )),
        Decision::Claim(4)
    );
}

/// Its id was filled, so neither the window nor what other jobs of the vault carry is in doubt for it.
#[test]
fn a_failed_job_of_an_open_claim_is_taken_at_once_also_while_broken() {
    let failed = || vec![job(1, "j", J::Failed, SECOND)];
    let mut look = scene(claimed(vec![attempt(1, S::Unknown)]), SECOND, failed());
    assert!(adopts(&decide(&look), 1, "j"));
    look.matching = Matching::Broken;
    assert!(adopts(&decide(&look), 1, "j"));
}

#[test]
fn a_placeholder_is_decided_by_no_job_before_its_window_and_by_no_failed_one_while_broken() {
    let placeholder = || claimed(vec![attempt(0, S::Claimed)]);
    for status in [J::InProgress, J::Failed] {
        let early = decide(&scene(
            placeholder(),
            SECOND,
            vec![job(1, "j", status, SECOND)],
        ));
        assert!(matches!(early, Decision::Wait(_)), "{early:?}");
    }
    let failed = || vec![job(1, "j", J::Failed, WINDOW_OVER)];
    assert!(adopts(
        &decide(&scene(placeholder(), WINDOW_OVER, failed())),
        1,
        "j"
    ));

    let mut broken = scene(placeholder(), WINDOW_OVER, failed());
    broken.matching = Matching::Broken;
    assert!(is_block(&decide(&broken)));
    broken.run = says(claimed(vec![attempt(0, S::Blocked)]), Resolve::Retry);
    assert_eq!(
        decide(&broken),
        Decision::Claim(2),
        "a person's word counts"
    );
}

/// The annotation of the accepted attempt's claim was spoilt: the failed job of the attempt before decided, and a third
/// request was sent while the second one's job could still show up (schedules 342637, 969213).
#[test]
fn a_placeholder_is_not_decided_by_a_job_that_failed_before_an_accepted_attempt() {
    for state in [S::Accepted, S::JobSought] {
        let mut run = claimed(vec![failed(1, "j", TRANSIENT), accepted(2, state)]);
        run.mark = Mark::Standing(claim(0));
        let jobs = vec![job(1, "j", J::Failed, WINDOW_OVER)];
        let decision = decide(&scene(run, WINDOW_OVER, jobs));
        assert!(
            matches!(decision, Decision::Block(ref why) if why.contains("accepted attempt 2")),
            "{state:?}: {decision:?}"
        );
    }

    let mut run = claimed(vec![accepted(1, S::JobSought), failed(2, "j", TRANSIENT)]);
    run.mark = Mark::Standing(claim(0));
    let jobs = vec![job(2, "j", J::Failed, WINDOW_OVER)];
    let decision = decide(&scene(run, WINDOW_OVER, jobs));
    assert_eq!(decision, Decision::Claim(3), "the newest decides");
}

#[test]
fn a_409_is_taken_for_a_no_only_when_no_job_of_the_run_is_listed() {
    let conflict = || claimed(vec![attempt(1, S::Unknown), attempt(2, S::Conflict)]);
    assert_eq!(
        decide(&scene(conflict(), SECOND, vec![])),
        Decision::NotStarted
    );
    let own = vec![job(2, "j", J::InProgress, SECOND)];
    assert!(adopts(&decide(&scene(conflict(), SECOND, own)), 2, "j"));
    let older = vec![job(1, "j", J::InProgress, SECOND)];
    assert!(matches!(
        decide(&scene(conflict(), SECOND, older)),
        Decision::Wait(_)
    ));
}
