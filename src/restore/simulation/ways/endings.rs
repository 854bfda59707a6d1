//! Ways 7, 8 and 12: answers that come when it is over, and runs that never came to an end.

use super::*;

/// A run that may not retry, whose trigger is refused, but whose answer comes back only when somebody wakes the first
/// process; the second blocks the run meanwhile.
fn an_answer_that_is_late() -> Scene {
    a_scene()
        .retrying(0)
        .answering([Answer::Refuses403])
        .with_the_second_asleep()
        .with([Until(Moment::Posted), stop(0), wake(1)])
}

/// Way 7. The late answer made a run of which a person had said that it is over go on.
#[test]
fn way_7_a_late_no_changes_nothing_once_a_person_has_abandoned() {
    let played = an_answer_that_is_late()
        .with([
            Until(Moment::Blocked),
            Do(Event::Says(Word::Abandon)),
            Until(Moment::Ended),
            Do(Event::Pause(1, 10 * MINUTE)),
            wake(0),
        ])
        .play();

    assert_eq!(played.world.sends, 1);
    assert_end(&played, &End::Failed(Failure::Abandoned));
    assert_eq!(record(&played).phase, Phase::Failed, "{}", told(&played));
    assert_attempt(&played, 1, AttemptState::Abandoned);
}

/// Way 7, before anybody said anything: a run that is blocked stays so, for the answer may be that of a send which another
/// one overtook.
#[test]
fn way_7_a_late_no_does_not_unblock_a_run() {
    let played = an_answer_that_is_late()
        .with([Until(Moment::Blocked), wake(0)])
        .play();

    assert_eq!(played.world.sends, 1, "{}", told(&played));
    assert_waits_for_a_person(&played);
}

/// Way 8. Nothing followed an operation that failed without a job.
#[test]
fn way_8_an_operation_that_failed_without_a_job_is_followed_by_an_attempt_or_the_end() {
    let mut ends = Vec::new();
    for seed in 0..8 {
        let mut scene = a_scene().answering([Answer::AcceptsAndOperationFails]);
        scene.seed = seed;

        let played = scene.play();

        assert_eq!(object(&played).mark, Mark::None, "{}", told(&played));
        assert_attempt(&played, 1, AttemptState::OperationFailed);
        ends.push(record(&played).end.clone());
    }
    let passing = Some(End::Succeeded);
    let for_good = Some(End::Failed(Failure::OperationFailed));
    assert!(ends.contains(&passing) && ends.contains(&for_good));
    assert!(ends.iter().all(|end| [&passing, &for_good].contains(&end)));
}

/// Way 8. A run looked for ever for the job of a request that Azure had accepted and done nothing about.
#[test]
fn way_8_an_accepted_request_without_any_job_waits_for_a_person() {
    let scene = || a_scene().answering([Answer::AcceptsAndMakesNothing]);
    let played = scene().play();
    assert_waits_for_a_person(&played);

    let retried = scene()
        .with([Until(Moment::Blocked), Do(Event::Says(Word::Retry))])
        .play();
    assert_one_job_succeeded(&retried, 2);

    let abandoned = scene()
        .with([Until(Moment::Blocked), Do(Event::Says(Word::Abandon))])
        .play();
    assert_jobs(&abandoned, &[]);
    assert_end(&abandoned, &End::Failed(Failure::Abandoned));
}

/// Way 8. A deletion waited for an attempt that could never follow.
#[test]
fn way_8_a_deletion_goes_through_although_all_attempts_are_used_up() {
    let played = a_scene()
        .retrying(0)
        .answering([Answer::LosesAnswerBeforeEffect])
        .with([Until(Moment::Posted), Do(Event::Delete)])
        .play();

    assert_jobs(&played, &[]);
    assert!(played.world.object().is_none(), "{}", told(&played));
}

/// A vault object that was deleted in the middle of a pass made the pass report that the run's own object is gone: nothing
/// woke it again.
#[test]
fn a_vault_object_lost_in_the_middle_of_a_look_is_found_again() {
    let played = a_scene()
        .with_the_second_asleep()
        .with([Until(Moment::Listed), Do(Event::LoseVault)])
        .later(30 * MINUTE, Event::FindVault)
        .play();

    assert_one_job_succeeded(&played, 1);
}

/// Way 12. Without credentials a run whose request Azure had accepted neither ended nor said anything.
#[test]
fn way_12_without_credentials_an_accepted_run_waits_for_a_person() {
    let without_vault = || {
        a_scene().with([
            Until(Moment::Posted),
            Until(Moment::Saved),
            Do(Event::LoseVault),
        ])
    };
    let played = without_vault().play();
    assert_jobs(&played, &[1]);
    assert_waits_for_a_person(&played);

    let deleted = without_vault().later(MINUTE, Event::Delete).play();
    assert_jobs(&deleted, &[1]);
    assert_waits_for_a_person(&deleted);

    let found_again = without_vault().later(40 * MINUTE, Event::FindVault).play();
    assert_one_job_succeeded(&found_again, 1);
}

/// Way 12. `startBy` was looked at before the claim alone.
#[test]
fn way_12_nothing_is_sent_when_start_by_passes_between_claim_and_send() {
    let mut scene = a_scene()
        .with_the_second_asleep()
        .with([Until(Moment::Claimed), Do(Event::Pause(0, 25 * SECOND))]);
    scene.control.start_by = Some(wall(20 * SECOND));

    let played = scene.play();

    assert_eq!(played.world.sends, 0, "{}", told(&played));
    assert_end(&played, &End::Failed(Failure::StartByPassed));
}

/// Way 12. `cancel` that was set between claim and send was forgotten by the next look, or the run waited for ever.
#[test]
fn way_12_a_cancel_between_claim_and_send_neither_hangs_nor_sends_again() {
    let cancelled = |answer| {
        a_scene()
            .answering([answer])
            .with([Until(Moment::Claimed), Do(Event::Edit(Edit::Cancel))])
            .play()
    };
    for answer in [Answer::Accepts, Answer::LosesAnswerAfterEffect] {
        assert_one_job_succeeded(&cancelled(answer), 1);
    }
    for answer in [Answer::Refuses429, Answer::LosesAnswerBeforeEffect] {
        let played = cancelled(answer);
        assert_eq!(played.world.sends, 1, "{}", told(&played));
        assert_end(&played, &End::Cancelled);
    }
}
