//! What is told of jobs that a status does not name.

use super::*;

/// Numbers and names of the jobs that a look finds and the record does not name.
fn untold(scene: &Scene) -> Vec<(u8, String)> {
    let jobs = scene.look().untold().into_iter();
    jobs.map(|(attempt, job)| (attempt, job.id.to_string()))
        .collect()
}

#[test]
fn ended_jobs_that_a_status_forgot_are_told_beside_the_one_that_is_followed() {
    let failed = |number, name| job(number, name, J::Failed, SECOND);
    let erased = scene(
        a_run(),
        SECOND,
        vec![
            failed(1, "one"),
            failed(2, "two"),
            job(3, "three", J::InProgress, SECOND),
        ],
    );
    assert!(adopts(&decide(&erased), 3, "three"));
    assert_eq!(
        untold(&erased),
        [(1, "one".to_owned()), (2, "two".to_owned())]
    );

    let mut known = erased;
    known.run.record.attempts = vec![
        with_job(accepted(1, S::JobFailed), "one"),
        with_job(accepted(2, S::JobFailed), "two"),
    ];
    assert!(untold(&known).is_empty());
}

#[test]
fn a_failed_job_before_an_open_claim_is_told_while_it_waits_and_that_of_the_claim_is_not() {
    let with = |number, name| vec![job(number, name, J::Failed, SECOND)];
    let open = scene(
        claimed(vec![attempt(2, S::Unknown)]),
        SECOND,
        with(1, "one"),
    );
    assert!(matches!(decide(&open), Decision::Wait(_)));
    assert_eq!(untold(&open), [(1, "one".to_owned())]);

    let own = scene(
        claimed(vec![attempt(2, S::Unknown)]),
        SECOND,
        with(2, "two"),
    );
    assert!(adopts(&decide(&own), 2, "two"));
    assert!(untold(&own).is_empty(), "the decision names it");

    let settled = vec![attempt(1, S::NotFound), attempt(2, S::Unknown)];
    let settled = scene(claimed(settled), SECOND, with(1, "one"));
    assert_eq!(untold(&settled), [(1, "one".to_owned())]);

    let runs = vec![job(1, "one", J::InProgress, SECOND)];
    let runs = scene(claimed(vec![attempt(2, S::Unknown)]), SECOND, runs);
    assert!(untold(&runs).is_empty(), "it is adopted after the window");
}

#[test]
fn a_status_that_was_set_back_no_longer_calls_a_job_running_that_a_later_one_replaced() {
    let set_back = vec![with_job(accepted(1, S::Running), "one")];
    let failed = job(1, "one", J::Failed, SECOND);
    let mut run = claimed(set_back);
    run.mark = Mark::None;
    let later = job(2, "two", J::InProgress, SECOND);

    let both = scene(run.clone(), SECOND, vec![failed.clone(), later]);
    assert!(both.look().shows_a_later_one_than(&JobId::new("one")));
    assert_eq!(untold(&both), [(1, "one".to_owned())]);

    let alone = scene(run.clone(), SECOND, vec![failed.clone()]);
    assert!(!alone.look().shows_a_later_one_than(&JobId::new("one")));
    assert!(untold(&alone).is_empty(), "it is followed to its end");

    let replaced = vec![failed.clone(), job(2, "two", J::Failed, SECOND)];
    let replaced = scene(run.clone(), SECOND, replaced);
    assert!(replaced.look().shows_a_later_one_than(&JobId::new("one")));

    run.record
        .attempts
        .push(with_job(accepted(2, S::JobFailed), "two"));
    let known = scene(run, SECOND, vec![failed, job(2, "two", J::Failed, SECOND)]);
    assert!(!known.look().shows_a_later_one_than(&JobId::new("one")));
    assert!(!known.look().shows_a_later_one_than(&JobId::new("two")));
    assert!(
        !known
            .look()
            .shows_a_later_one_than(&JobId::new("of another"))
    );
}

#[test]
fn a_later_job_of_the_standing_claim_is_the_matter_of_its_decision() {
    let attempts = vec![
        with_job(accepted(1, S::Running), "one"),
        attempt(2, S::NotFound),
    ];
    let jobs = vec![
        job(1, "one", J::InProgress, SECOND),
        job(2, "two", J::Failed, SECOND),
    ];

    let scene = scene(claimed(attempts), SECOND, jobs);

    assert!(!scene.look().shows_a_later_one_than(&JobId::new("one")));
    assert!(untold(&scene).is_empty());
}

#[test]
fn a_failed_job_that_a_list_alone_showed_is_read_before_anything_follows_it() {
    let mut listed = failed(1, "j", TRANSIENT);
    listed.error = None;
    let jobs = || vec![job(1, "j", J::Failed, SECOND)];

    let unread = scene(claimed(vec![listed]), SECOND, jobs());
    assert!(adopts(&decide(&unread), 1, "j"));

    let read = scene(claimed(vec![failed(1, "j", TRANSIENT)]), SECOND, jobs());
    assert!(!adopts(&decide(&read), 1, "j"));
}
