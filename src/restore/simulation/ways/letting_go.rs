//! Ways 5, 10, 11 and 13: a claim that was let go before its job could be found without it.

use super::*;

/// The claim is let go; then the list forgets what it may still forget, the status is lost, and another process goes on.
fn everything_is_forgotten_when_the_claim_goes() -> Vec<Line> {
    vec![
        Until(Moment::LetGo),
        Do(Event::ForgetYoungJobs),
        Do(Event::EraseStatus),
        stop(0),
        wake(1),
    ]
}

/// Way 5. The claim went at the first sight of the job; the next listing, of another process, did not show it again.
#[test]
fn way_5_a_job_holds_its_claim_until_lists_show_it_for_good() {
    let played = a_scene()
        .with_the_second_asleep()
        .with(everything_is_forgotten_when_the_claim_goes())
        .play();

    assert_one_job_succeeded(&played, 1);
}

/// Way 10. Attempt 2, which did not start, was let go at once, and with it the claim that had held the failed job of
/// attempt 1: nobody could know of that job while lists did not show it.
#[test]
fn way_10_no_attempt_follows_a_failed_job_before_lists_show_it_for_good() {
    let played = a_scene()
        .with_the_second_asleep()
        .retrying(1)
        .with_jobs_that(JobStatus::Failed, "CloudInternalError", 1)
        .answering([Answer::Accepts, Answer::Refuses400])
        .with(everything_is_forgotten_when_the_claim_goes())
        .play();

    assert_jobs(&played, &[1, 2]);
    assert_end(&played, &End::Failed(Failure::JobFailed));
}

/// Way 11. An abandonment counted at any time: it let go of a claim whose trigger was under way, and the object that was
/// deleted and applied again did not find the job.
#[test]
fn way_11_an_abandonment_counts_only_for_a_claim_that_is_blocked() {
    let played = a_scene()
        .answering([Answer::LosesAnswerAfterEffect])
        .listing_after(8 * MINUTE)
        .with([
            Until(Moment::Posted),
            Do(Event::Says(Word::Abandon)),
            Do(Event::Delete),
        ])
        // Who remembers the claim would not send again.
        .later(MINUTE, Event::Crash(0))
        .later(MINUTE, Event::Crash(1))
        .later(7 * MINUTE, Event::Apply)
        .later(20 * MINUTE, Event::Apply)
        .play();

    assert_one_job_succeeded(&played, 1);
}

/// Way 11, second half. The same word, said too early, let go of the claim at the first sight of the job.
#[test]
fn way_11_an_early_abandonment_does_not_let_go_of_a_job_that_lists_may_forget() {
    let played = a_scene()
        .answering([Answer::LosesAnswerAfterEffect])
        .with_the_second_asleep()
        .with([
            Until(Moment::Posted),
            Do(Event::Says(Word::Abandon)),
            Do(Event::Delete),
            Until(Moment::LetGo),
            Do(Event::ForgetYoungJobs),
            stop(0),
            Wait(SECOND),
            Do(Event::Apply),
            wake(1),
        ])
        .play();

    assert_one_job_succeeded(&played, 1);
}

/// Way 13. A job known from its operation held no claim although Azure did not fill its activityId: once the status was
/// erased, nobody could find it.
#[test]
fn way_13_a_job_that_cannot_be_found_by_its_id_keeps_its_claim() {
    let played = a_scene()
        .with_ids_left_out()
        // Who remembers the claim would not send again.
        .later(8 * MINUTE, Event::Crash(0))
        .later(8 * MINUTE, Event::Crash(1))
        .later(8 * MINUTE, Event::EraseStatus)
        .play();

    assert_jobs(&played, &[1]);
    assert_waits_for_a_person(&played);
}

/// Way 13, with a deletion in place of an erased status.
#[test]
fn way_13_a_deletion_waits_for_a_job_that_cannot_be_found_by_its_id() {
    let played = a_scene()
        .with_ids_left_out()
        .later(8 * MINUTE, Event::Delete)
        .later(9 * MINUTE, Event::Apply)
        .play();

    assert_jobs(&played, &[1]);
    assert!(object(&played).deleting);
    let message = &record(&played).note.message;
    assert!(message.contains("abandon:"), "{message}");
}
