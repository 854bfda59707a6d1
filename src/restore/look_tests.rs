use super::super::facts::{ErrorText, JobStatus as J, SeenJob};
use super::super::fixtures::*;
use super::super::ids::{ArmId, ClaimId, JobId};
use super::super::item_lock::Turn;
use super::super::record::{AttemptState as S, JOB_MATCHING_BROKEN, Mark, Matching, Memory};
use super::super::record::{NoteKind, Run};
use super::super::request::Target;
use super::*;

const SECOND: i64 = 60;
const WINDOW_OVER: i64 = 15 * 60;

fn decide(scene: &Scene) -> Decision {
    after_look(&scene.look())
}

fn nothing_listed(attempts: Vec<Attempt>, second: i64) -> Decision {
    decide(&scene(claimed(attempts), second, vec![]))
}

fn failed(number: u8, job: &str, code: &str) -> Attempt {
    Attempt {
        error: Some(ErrorText {
            code: code.to_owned(),
            message: "it failed".to_owned(),
        }),
        ..with_job(accepted(number, S::JobFailed), job)
    }
}

const TRANSIENT: &str = "CloudInternalError";

fn says(mut run: Run, word: fn(ClaimId) -> Resolve) -> Run {
    let number = run.record.attempts.last().unwrap().number;
    run.resolve = Some(word(claim(number).id));
    run
}

fn is_block(decision: &Decision) -> bool {
    matches!(decision, Decision::Block(_))
}

fn adopts(decision: &Decision, expected: u8, id: &str) -> bool {
    matches!(decision, Decision::Adopt { attempt, job, .. } if *attempt == expected && job.id.as_str() == id)
}

#[test]
fn a_new_run_claims_the_first_attempt_and_a_run_without_a_point_chooses_it_first() {
    assert_eq!(decide(&scene(a_run(), SECOND, vec![])), Decision::Claim(1));

    for erase in [
        |run: &mut Run| run.record.point = None,
        |run: &mut Run| run.record.item = None,
        |run: &mut Run| run.record.region = None,
    ] {
        let mut run = a_run();
        erase(&mut run);
        assert_eq!(decide(&scene(run, SECOND, vec![])), Decision::SelectFirst);
    }
}

#[test]
fn what_stops_a_run_that_would_claim() {
    let stopped = |change: fn(&mut Run)| {
        let mut run = a_run();
        change(&mut run);
        decide(&scene(run, SECOND, vec![]))
    };
    let end = |failure| move |decision: &Decision| matches!(decision, Decision::End(End::Failed(f), _) if *f == failure);

    let abandoned = stopped(|run| run.resolve = Some(Resolve::Abandon(claim_id(77))));
    assert!(
        end(Failure::Abandoned)(&abandoned),
        "any abandon value: {abandoned:?}"
    );
    let late = stopped(|run| run.control.start_by = Some(wall(SECOND)));
    assert!(end(Failure::StartByPassed)(&late), "{late:?}");
    assert_eq!(
        stopped(|run| run.control.start_by = Some(wall(SECOND + 1))),
        Decision::Claim(1)
    );
    assert_eq!(stopped(|run| run.deleting = true), Decision::LetGo);
}

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

#[test]
fn start_by_and_the_retry_limit_never_cut_the_window_short() {
    let mut run = claimed(vec![attempt(1, S::Unknown)]);
    run.control.start_by = Some(wall(0));
    run.control.retry_limit = 0;
    assert!(matches!(
        decide(&scene(run.clone(), SECOND, vec![])),
        Decision::Wait(_)
    ));
    run.control.retry_limit = 1;
    let over = decide(&scene(run, WINDOW_OVER, vec![]));
    assert!(
        matches!(over, Decision::End(End::Failed(Failure::StartByPassed), _)),
        "{over:?}"
    );
}

/// The restore would have been triggered and not been followed: the run ended in the pass after.
#[test]
fn no_attempt_follows_by_itself_after_the_run_timeout() {
    let mut late = scene(claimed(vec![attempt(1, S::Unknown)]), WINDOW_OVER, vec![]);
    late.run.control.run_timeout = SignedDuration::from_secs(WINDOW_OVER + 1);
    assert_eq!(decide(&late), Decision::Claim(2));
    late.run.control.run_timeout = SignedDuration::from_secs(WINDOW_OVER);
    let over = decide(&late);
    assert!(
        matches!(over, Decision::End(End::Failed(Failure::RunTimedOut), _)),
        "{over:?}"
    );
    late.now = at(SECOND);
    late.listing.begun = at(SECOND);
    late.run.control.run_timeout = SignedDuration::from_secs(1);
    assert!(
        matches!(decide(&late), Decision::Wait(_)),
        "the window is never cut short"
    );
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

#[test]
fn what_provably_did_not_start_keeps_its_number() {
    assert_eq!(
        nothing_listed(vec![attempt(2, S::NotStarted)], SECOND),
        Decision::Claim(2)
    );
    let mut failed = accepted(1, S::OperationFailed);
    failed.error = Some(ErrorText {
        code: TRANSIENT.to_owned(),
        message: String::new(),
    });
    assert_eq!(
        nothing_listed(vec![failed.clone()], SECOND),
        Decision::Claim(2)
    );
    failed.error = None;
    assert!(matches!(
        nothing_listed(vec![failed], SECOND),
        Decision::End(End::Failed(Failure::OperationFailed), _)
    ));
}

#[test]
fn a_transient_failure_is_followed_by_another_attempt_once_its_job_stays_visible() {
    let look = |code, second, shown, limit| {
        let mut run = claimed(vec![failed(1, "j", code)]);
        run.control.retry_limit = limit;
        decide(&scene(run, second, vec![job(1, "j", J::Failed, shown)]))
    };
    assert_eq!(
        look(TRANSIENT, 200, 200, 2),
        Decision::Wait(SignedDuration::from_secs(100))
    );
    assert_eq!(look(TRANSIENT, 300, 300, 2), Decision::Claim(2));
    for second in [300, 400] {
        assert_eq!(
            look(TRANSIENT, second, 299, 2),
            Decision::Wait(SignedDuration::from_secs(30)),
            "no hot loop at {second}"
        );
    }
    assert!(matches!(
        look(TRANSIENT, 300, 300, 0),
        Decision::End(End::Failed(Failure::JobFailed), _)
    ));
    assert!(matches!(
        look("UserErrorX", 300, 300, 2),
        Decision::End(End::Failed(Failure::JobFailed), _)
    ));
}

#[test]
fn a_failed_job_does_not_decide_what_a_newer_claim_decided_already() {
    let after = |first: Attempt, second: Attempt| {
        let jobs = vec![job(1, "j", J::Failed, 600)];
        decide(&scene(claimed(vec![first, second]), 600, jobs))
    };
    assert_eq!(
        after(failed(1, "j", TRANSIENT), attempt(2, S::NotStarted)),
        Decision::Claim(2),
        "it keeps its number"
    );
    let operation = after(failed(1, "j", TRANSIENT), accepted(2, S::OperationFailed));
    assert!(
        matches!(
            operation,
            Decision::End(End::Failed(Failure::OperationFailed), _)
        ),
        "the newer error says whether another attempt follows: {operation:?}"
    );
    for state in [S::NotFound, S::Abandoned] {
        let job = after(failed(1, "j", "UserErrorX"), attempt(2, state));
        assert!(
            matches!(job, Decision::End(End::Failed(Failure::JobFailed), ref why) if why == "UserErrorX: it failed"),
            "{state:?}: {job:?}"
        );
    }
}

#[test]
fn a_failed_job_is_followed_by_an_attempt_also_while_broken() {
    let run = claimed(vec![failed(1, "j", TRANSIENT)]);
    let mut look = scene(run, 600, vec![job(1, "j", J::Failed, 600)]);
    look.matching = Matching::Broken;
    assert_eq!(decide(&look), Decision::Claim(2), "its outcome is known");
}

#[test]
fn the_sixteenth_attempt_is_the_last() {
    assert_eq!(
        nothing_listed(vec![attempt(16, S::NotStarted)], SECOND),
        Decision::Claim(16)
    );
}

#[test]
fn no_attempt_follows_a_job_that_is_known_only_by_its_id() {
    let attempts = || vec![failed(1, "j", TRANSIENT)];
    assert_eq!(
        nothing_listed(attempts(), SECOND),
        Decision::Wait(mins(14)),
        "it may be listed late"
    );
    let over = nothing_listed(attempts(), WINDOW_OVER);
    assert!(
        matches!(over, Decision::End(End::Failed(Failure::JobFailed), _)),
        "{over:?}"
    );
}

#[test]
fn a_not_found_of_before_counts_no_more_while_broken() {
    let attempts = vec![attempt(1, S::NotFound), attempt(2, S::NotStarted)];
    let mut look = scene(claimed(attempts), SECOND, vec![]);
    assert_eq!(decide(&look), Decision::Claim(2));
    look.matching = Matching::Broken;
    assert!(is_block(&decide(&look)));
}

#[test]
fn a_person_decides_a_blocked_run_at_once() {
    let blocked = |word: fn(ClaimId) -> Resolve| says(claimed(vec![accepted(1, S::Blocked)]), word);
    assert_eq!(
        decide(&scene(blocked(Resolve::Retry), SECOND, vec![])),
        Decision::Claim(2)
    );

    let mut late = blocked(Resolve::Retry);
    late.control.start_by = Some(wall(0));
    assert!(
        is_block(&decide(&scene(late, WINDOW_OVER, vec![]))),
        "it stays blocked"
    );

    let mut deleted = blocked(Resolve::Retry);
    deleted.deleting = true;
    assert!(
        is_block(&decide(&scene(deleted, WINDOW_OVER, vec![]))),
        "a 2xx was recorded"
    );

    let last = says(claimed(vec![accepted(16, S::Blocked)]), Resolve::Retry);
    assert!(
        is_block(&decide(&scene(last, WINDOW_OVER, vec![]))),
        "all sixteen are used up"
    );

    let adopt: fn(ClaimId) -> Resolve = |id| Resolve::Adopt(id, JobId::new("other"));
    let mut other = job(1, "other", J::InProgress, SECOND);
    other.job.activity_id = String::new();
    let mut look = scene(blocked(adopt), SECOND, vec![other]);
    assert!(
        matches!(decide(&look), Decision::Wait(_)),
        "it belongs to another run"
    );
    look.told_job_is_free = true;
    assert!(matches!(decide(&look), Decision::AdoptAsTold(job) if job.id.as_str() == "other"));
}

#[test]
fn a_job_that_shows_up_outranks_what_a_person_says() {
    let run = says(claimed(vec![accepted(1, S::Blocked)]), Resolve::Retry);
    let listed = vec![job(1, "j", J::InProgress, SECOND)];
    assert!(adopts(&decide(&scene(run, SECOND, listed)), 1, "j"));
}

#[test]
fn two_jobs_with_one_id_follow_the_oldest_and_are_never_followed_by_a_trigger() {
    let mut younger = job(1, "a", J::InProgress, 600);
    younger.job.started = Some(wall(9));
    let both = |status| vec![younger.clone(), job(1, "b", status, 600)];
    let adopted = decide(&scene(
        claimed(vec![attempt(1, S::Unknown)]),
        600,
        both(J::InProgress),
    ));
    assert!(
        matches!(adopted, Decision::Adopt { duplicate: true, ref job, .. } if job.id.as_str() == "b"),
        "{adopted:?}"
    );

    let run = claimed(vec![failed(1, "b", TRANSIENT)]);
    let over = decide(&scene(run, 600, both(J::Failed)));
    assert!(
        matches!(over, Decision::End(End::Failed(Failure::JobFailed), _)),
        "{over:?}"
    );
}

#[test]
fn the_next_number_is_above_annotation_status_and_list() {
    let number = |attempts: Vec<Attempt>, jobs: Vec<SeenJob>| {
        scene(claimed(attempts), SECOND, jobs).look().next_number()
    };
    assert_eq!(number(vec![], vec![]), 1);
    assert_eq!(number(vec![attempt(2, S::Unknown)], vec![]), 3);
    assert_eq!(
        number(
            vec![attempt(2, S::Unknown)],
            vec![job(5, "j", J::Failed, 0)]
        ),
        6
    );
    let mut higher_claim = claimed(vec![attempt(2, S::Unknown)]);
    higher_claim.mark = Mark::Standing(claim(7));
    assert_eq!(scene(higher_claim, SECOND, vec![]).look().next_number(), 8);
}

/// Found by the chaos soak: the claim's annotation was removed while a deleted run waited for its next attempt.
#[test]
fn a_deletion_under_a_placeholder_goes_once_every_failed_job_is_visible_for_good() {
    let mut run = claimed(vec![failed(1, "j", TRANSIENT)]);
    run.mark = Mark::Standing(claim(0));
    run.deleting = true;

    let decision = |run: &Run, second, shown| {
        decide(&scene(
            run.clone(),
            second,
            vec![job(1, "j", J::Failed, shown)],
        ))
    };

    assert!(
        matches!(decision(&run, WINDOW_OVER, 299), Decision::Wait(_)),
        "its job is young"
    );
    assert_eq!(decision(&run, WINDOW_OVER, WINDOW_OVER), Decision::LetGo);
}

#[test]
fn a_deletion_goes_past_neither_an_accepted_attempt_nor_one_that_was_given_up_after_a_2xx() {
    let waits = Decision::Wait(super::super::pace::VISIBILITY_BOUND);

    let mut run = claimed(vec![failed(1, "j", TRANSIENT), accepted(2, S::JobSought)]);
    run.mark = Mark::Standing(claim(0));
    run.deleting = true;
    let jobs = vec![job(1, "j", J::Failed, WINDOW_OVER)];
    assert_eq!(decide(&scene(run, WINDOW_OVER, jobs)), waits);

    let mut run = claimed(vec![accepted(1, S::NotFound)]);
    run.deleting = true;
    assert_eq!(decide(&scene(run, WINDOW_OVER, vec![])), waits);
}

fn overwriting(attempts: Vec<Attempt>) -> Run {
    let mut run = claimed(attempts);
    run.intent.target = Target::OriginalLocation {
        storage_account: ArmId::new("a"),
    };
    run.control.start_by = Some(wall(7200));
    run
}

fn is_hold(decision: &Decision, kind: NoteKind) -> bool {
    matches!(decision, Decision::Hold(held, why) if *held == kind && !why.is_empty())
}

#[test]
fn a_cancelled_run_that_would_claim_ends_and_an_open_claim_is_not_cut_short() {
    let cancelled = |attempts: Vec<Attempt>, second| {
        let mut run = claimed(attempts);
        run.control.cancel = true;
        decide(&scene(run, second, vec![]))
    };
    let ends = |decision: &Decision| matches!(decision, Decision::End(End::Cancelled, _));

    assert!(ends(&cancelled(vec![], SECOND)));
    assert!(ends(&cancelled(vec![attempt(1, S::NotStarted)], SECOND)));
    let open = cancelled(vec![attempt(1, S::Unknown)], SECOND);
    assert!(matches!(open, Decision::Wait(_)), "{open:?}");
    assert!(ends(&cancelled(vec![attempt(1, S::Unknown)], WINDOW_OVER)));
    assert!(
        is_block(&cancelled(vec![accepted(1, S::JobSought)], WINDOW_OVER)),
        "a 2xx"
    );

    let mut retried = says(claimed(vec![accepted(1, S::Blocked)]), Resolve::Retry);
    retried.control.cancel = true;
    let decision = decide(&scene(retried, WINDOW_OVER, vec![]));
    assert!(is_block(&decision), "retry does not count: {decision:?}");

    let mut both = a_run();
    both.control.cancel = true;
    both.control.suspend = true;
    assert!(ends(&decide(&scene(both, SECOND, vec![]))));
}

#[test]
fn a_suspended_run_claims_nothing_and_still_adopts_and_decides() {
    let suspended = |attempts: Vec<Attempt>, second, jobs| {
        let mut run = claimed(attempts);
        run.control.suspend = true;
        decide(&scene(run, second, jobs))
    };
    let holds = |decision: &Decision| is_hold(decision, NoteKind::WaitingForRetry);

    assert!(holds(&suspended(vec![], SECOND, vec![])));
    let own = vec![job(1, "j", J::InProgress, SECOND)];
    assert!(adopts(&suspended(vec![], SECOND, own), 1, "j"));
    let early = suspended(vec![attempt(1, S::Unknown)], SECOND, vec![]);
    assert!(matches!(early, Decision::Wait(_)), "{early:?}");
    assert!(holds(&suspended(
        vec![attempt(1, S::Unknown)],
        WINDOW_OVER,
        vec![]
    )));

    let mut new = a_run();
    new.control.suspend = true;
    new.record.point = None;
    assert!(
        holds(&decide(&scene(new.clone(), SECOND, vec![]))),
        "it chooses nothing"
    );
    new.control.start_by = Some(wall(SECOND));
    let late = decide(&scene(new, SECOND, vec![]));
    assert!(
        matches!(late, Decision::End(End::Failed(Failure::StartByPassed), _)),
        "{late:?}"
    );
}

#[test]
fn what_writes_over_a_vm_claims_only_when_it_is_its_turn_and_nobody_else_restores() {
    let mut look = scene(overwriting(vec![]), SECOND, vec![]);
    assert_eq!(decide(&look), Decision::Wait(SignedDuration::from_secs(1)));

    look.turn = Turn::Others("somebody is first".to_owned());
    assert!(is_hold(&decide(&look), NoteKind::ItemBusy));

    look.turn = Turn::Ours;
    assert_eq!(decide(&look), Decision::Claim(1));

    look.matching = Matching::Broken;
    assert!(is_hold(&decide(&look), NoteKind::TriggerOutcomeUnknown));

    for (status, expected) in [
        (J::InProgress, false),
        (J::Cancelling, false),
        (J::Other("New".to_owned()), false),
        (J::Completed, true),
        (J::Failed, true),
    ] {
        let mut other = job(1, "other", status.clone(), SECOND);
        other.job.activity_id = "portal".to_owned();
        let mut look = scene(overwriting(vec![]), SECOND, vec![other]);
        look.turn = Turn::Ours;
        let decision = decide(&look);
        assert_eq!(decision == Decision::Claim(1), expected, "{status:?}");
        assert_eq!(is_hold(&decision, NoteKind::ItemBusy), !expected);

        look.run.intent.target = a_run().intent.target;
        assert_eq!(
            decide(&look),
            Decision::Claim(1),
            "RestoreDisks harms nobody"
        );
    }
}

#[test]
fn what_writes_over_a_vm_is_never_tried_again_by_itself_once_anything_may_have_started() {
    let over = |attempts: Vec<Attempt>, jobs| {
        let mut look = scene(overwriting(attempts), WINDOW_OVER, jobs);
        look.turn = Turn::Ours;
        decide(&look)
    };
    for state in [
        S::Claimed,
        S::Unknown,
        S::JobSought,
        S::NotFound,
        S::Abandoned,
    ] {
        let decision = over(vec![attempt(1, state)], vec![]);
        assert!(is_block(&decision), "{state:?}: {decision:?}");
    }
    let jobs = vec![job(1, "j", J::Failed, WINDOW_OVER)];
    let failed = over(vec![failed(1, "j", TRANSIENT)], jobs);
    assert!(
        matches!(failed, Decision::End(End::Failed(Failure::JobFailed), _)),
        "{failed:?}"
    );
    assert_eq!(
        over(vec![attempt(1, S::NotStarted)], vec![]),
        Decision::Claim(1)
    );

    let mut released = overwriting(vec![attempt(1, S::NotFound)]);
    released.mark = Mark::None;
    let mut look = scene(released, WINDOW_OVER, vec![]);
    look.turn = Turn::Ours;
    assert!(
        matches!(decide(&look), Decision::End(_, _)),
        "{:?}",
        decide(&look)
    );
}

#[test]
fn a_retry_of_what_writes_over_a_vm_needs_ids_that_count() {
    let run = says(overwriting(vec![attempt(1, S::Blocked)]), Resolve::Retry);
    let mut look = scene(run, WINDOW_OVER, vec![]);
    look.turn = Turn::Ours;
    assert_eq!(decide(&look), Decision::Claim(2));

    look.matching = Matching::Broken;
    assert!(is_block(&decide(&look)));
}

#[test]
fn a_vm_that_exists_refuses_a_new_run_and_blocks_one_that_may_have_made_it() {
    let vm = ArmId::new("/subscriptions/s/new");
    let exists = |run: Run| when_target_exists(&scene(run, WINDOW_OVER, vec![]).look(), &vm);
    let refused = |decision: &Decision| matches!(decision, Decision::End(End::Failed(Failure::RestoreRefused), why) if why.contains("new"));

    assert!(refused(&exists(a_run())));
    assert!(refused(&exists(claimed(vec![attempt(1, S::NotStarted)]))));
    for state in [S::Unknown, S::Claimed, S::Blocked] {
        assert!(
            is_block(&exists(claimed(vec![attempt(1, state)]))),
            "{state:?}"
        );
    }
    let earlier = || claimed(vec![attempt(1, S::NotFound), attempt(2, S::NotStarted)]);
    assert!(is_block(&exists(earlier())), "attempt 1 may have made it");
    let mut released = earlier();
    released.mark = Mark::None;
    assert!(refused(&exists(released)), "there is no claim to block");
    let left_over = exists(claimed(vec![failed(1, "j", TRANSIENT)]));
    assert!(
        matches!(left_over, Decision::End(End::Failed(Failure::JobFailed), _)),
        "{left_over:?}"
    );
}
