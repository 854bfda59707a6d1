//! What follows an attempt that failed, did not start or was not found.

use super::*;

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
        matches!(adopted, Decision::Adopt { beside: Some(_), ref job, .. } if job.id.as_str() == "b"),
        "{adopted:?}"
    );

    let run = claimed(vec![failed(1, "b", TRANSIENT)]);
    let over = decide(&scene(run, 600, both(J::Failed)));
    assert!(
        matches!(over, Decision::End(End::Failed(Failure::JobFailed), _)),
        "{over:?}"
    );
}
