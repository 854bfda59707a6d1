//! What stops a run that would claim, and what does not.

use super::*;

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
fn the_sixteenth_attempt_is_the_last() {
    assert_eq!(
        nothing_listed(vec![attempt(16, S::NotStarted)], SECOND),
        Decision::Claim(16)
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
