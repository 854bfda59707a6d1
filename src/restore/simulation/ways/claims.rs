//! Ways 1 to 4 and 6: what a claim is, how old it is, what was recorded under it, and what it builds on.

use super::*;

/// Way 1. The window was counted from the first claim of the same attempt: one that was refused for a quarter of an hour
/// had no window left when an answer got lost.
#[test]
fn way_1_every_claim_of_an_attempt_starts_a_window_of_its_own() {
    let mut answers = vec![Answer::Refuses429; 20];
    answers.push(Answer::LosesAnswerAfterEffect);

    let played = a_scene()
        .answering(answers)
        .listing_after(5 * MINUTE)
        .play();

    assert_eq!(played.world.sends, 21, "{}", told(&played));
    assert_one_job_succeeded(&played, 1);
}

/// Way 2. The 30 seconds of a claim began when a read had shown that the write, whose answer was lost, had happened: by
/// then the window of another process was nearly over.
#[test]
fn way_2_a_claim_is_as_old_as_its_write_and_not_as_the_read_that_found_it() {
    let played = a_scene()
        .with_the_second_asleep()
        .listing_after(3 * MINUTE)
        .with([
            Until(Moment::Claiming),
            Do(Event::LoseAnswer),
            Until(Moment::Claimed),
            Do(Event::Pause(0, 14 * MINUTE + 50 * SECOND)),
            wake(1),
            Until(Moment::Posted),
            stop(0),
        ])
        .play();

    assert_one_job_succeeded(&played, 1);
}

/// Way 3. All claims of one process had the same id: what was recorded about a claim that was refused seemed to be about
/// the next one, whose answer was lost.
#[test]
fn way_3_a_refusal_says_nothing_about_a_later_claim_of_the_same_process() {
    let played = a_scene()
        .with_the_second_asleep()
        .answering([Answer::Refuses429, Answer::Accepts])
        .listing_after(3 * MINUTE)
        .with([
            Until(Moment::Posted),
            Until(Moment::Posted),
            Do(Event::Crash(0)),
        ])
        .play();

    assert_eq!(played.world.sends, 2);
    assert_one_job_succeeded(&played, 1);
}

/// Way 4. A listing of before the read served for the look: a process that had listed early, then stood still, saw an object
/// without a claim or a status and no job.
#[test]
fn way_4_a_look_is_begun_after_the_read_that_the_claim_builds_on() {
    let played = a_scene()
        .with_the_second_asleep()
        .with([
            Until(Moment::Saved),
            stop(0),
            wake(1),
            Until(Moment::LetGo),
            Do(Event::EraseStatus),
            stop(1),
            wake(0),
        ])
        .play();

    assert_one_job_succeeded(&played, 1);
}

/// Way 4, second half. The finalizer was removed whatever had happened since the read: with it went the claim of another
/// process, whose trigger was under way.
#[test]
fn way_4_a_finalizer_is_removed_only_if_the_object_is_as_it_was_read() {
    let played = a_scene()
        .with_the_second_asleep()
        .retrying(1)
        .listing_after(3 * MINUTE)
        .with_jobs_that(JobStatus::Failed, "CloudInternalError", 12)
        .with([
            Until(Moment::Posted),
            Until(Moment::LettingGo),
            stop(0),
            wake(1),
            Until(Moment::Posted),
            Do(Event::Crash(1)),
            wake(0),
        ])
        .play();

    assert_jobs(&played, &[1, 2]);
    assert_end(&played, &End::Failed(Failure::JobFailed));
}

/// Way 6. The claim stood in the status: with the status went the knowledge that a trigger was under way.
#[test]
fn way_6_a_status_erased_around_a_claim_makes_no_second_job() {
    for moment in [Moment::Claimed, Moment::Posted] {
        for crash in [false, true] {
            let sent = moment == Moment::Posted || !crash;
            let mut lines = vec![Until(moment), Do(Event::EraseStatus)];
            if crash {
                lines.extend([Do(Event::Crash(0)), Do(Event::Crash(1))]);
            }

            let played = a_scene().listing_after(3 * MINUTE).with(lines).play();

            assert_one_job_succeeded(&played, if sent { 1 } else { 2 });
        }
    }
}

/// Way 6, second half. What the status said of an attempt counted whatever claim it had been written under: one that was
/// rolled back said of a trigger under way that nothing had started.
#[test]
fn way_6_a_status_rolled_back_around_a_claim_decides_nothing() {
    let played = a_scene()
        .answering([Answer::Refuses429, Answer::Accepts])
        .listing_after(3 * MINUTE)
        .with([
            Until(Moment::Posted),
            Until(Moment::Posted),
            Until(Moment::Saved),
            Do(Event::UndoLastWrite),
        ])
        .play();

    assert_eq!(played.world.sends, 2);
    assert_one_job_succeeded(&played, 1);
}
