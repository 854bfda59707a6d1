//! What a person decides: a blocked run, a deletion.

use super::*;

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
    let waits = Decision::Wait(VISIBILITY_BOUND);

    let mut run = claimed(vec![failed(1, "j", TRANSIENT), accepted(2, S::JobSought)]);
    run.mark = Mark::Standing(claim(0));
    run.deleting = true;
    let jobs = vec![job(1, "j", J::Failed, WINDOW_OVER)];
    assert!(is_block(&decide(&scene(run, WINDOW_OVER, jobs))));

    let mut run = claimed(vec![accepted(1, S::NotFound)]);
    run.deleting = true;
    assert_eq!(decide(&scene(run, WINDOW_OVER, vec![])), waits);
}
