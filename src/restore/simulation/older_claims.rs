//! An annotation that is set back to an older claim, which can be read: by an object that was exported with its metadata and
//! is applied again while a later claim stands. What is recorded under the older one says nothing of the later one.

use super::super::facts::JobStatus;
use super::super::record::{AttemptState, Control, End, Matching, Phase};
use super::runner::{Kind, Played, play, world_of};
use super::script::Line::{Do, Until};
use super::script::{Line, Moment};
use super::weather::{Answer, Event, Weather};
use super::world::{MINUTE, wall};

/// One process plays a run whose first triggers Azure refuses; the list shows its job after three minutes.
fn played(kind: Kind, answers: Vec<Answer>, lines: Vec<Line>) -> Played {
    let weather = Weather {
        answers,
        lag: Some(3 * MINUTE),
        jobs_end: Some((JobStatus::Completed, "", 90)),
        events: vec![(0, Event::Pause(1, 10_000 * MINUTE))],
        scripts: vec![lines],
        ..Weather::calm()
    };
    let control = Control {
        start_by: Some(wall(600 * MINUTE)),
        retry_limit: 2,
        run_timeout: jiff::SignedDuration::from_hours(24),
        suspend: false,
        cancel: false,
    };
    let mut world = world_of(weather, &[(kind, control)], fastrand::Rng::with_seed(7));
    world.matching = Matching::Assumed;
    world.trace = Some(Vec::new());
    play(world)
}

fn assert_one_job(played: &Played) {
    let trace = played.trace.join("\n");
    assert_eq!(played.violations, [""; 0], "{trace}");
    assert_eq!(played.world.excused, [], "{trace}");
    assert_eq!(played.world.jobs.len(), 1, "{trace}");
}

/// The result of the second claim was dropped, as the first one stood again; the first was refused, so a third one followed,
/// and a second job.
#[test]
fn an_older_claim_that_comes_back_before_the_result_is_written_makes_no_second_job() {
    for kind in [Kind::Disks, Kind::OriginalLocation] {
        for second in [Answer::Accepts, Answer::LosesAnswerAfterEffect] {
            let played = played(
                kind,
                vec![Answer::Refuses429, second],
                vec![
                    Until(Moment::Posted),
                    Until(Moment::Posted),
                    Do(Event::FirstClaim),
                ],
            );

            assert_one_job(&played);
            let record = &played.world.object().unwrap().record;
            assert_eq!(record.end, Some(End::Succeeded), "{kind:?} {second:?}");
        }
    }
}

/// The window of the first claim was over long ago, and counted for the last.
#[test]
fn the_window_of_an_older_claim_that_comes_back_does_not_count_for_the_last() {
    for kind in [Kind::Disks, Kind::OriginalLocation] {
        let mut answers = vec![Answer::Refuses429; 10];
        answers.push(Answer::LosesAnswerAfterEffect);
        let mut lines = vec![Until(Moment::Posted); 11];
        lines.extend([Until(Moment::Saved), Do(Event::FirstClaim)]);

        let played = played(kind, answers, lines);

        assert_one_job(&played);
        let record = &played.world.object().unwrap().record;
        assert_eq!(record.end, Some(End::Succeeded), "{kind:?}");
    }
}

/// A deletion let go of the first claim, which was refused, while the trigger of the second was under way.
#[test]
fn a_deletion_does_not_let_go_of_an_older_claim_that_comes_back() {
    let played = played(
        Kind::Disks,
        vec![Answer::Refuses429, Answer::LosesAnswerAfterEffect],
        vec![
            Until(Moment::Posted),
            Until(Moment::Posted),
            Do(Event::FirstClaim),
            Do(Event::Delete),
            Until(Moment::LetGo),
            Do(Event::Apply),
        ],
    );

    assert_one_job(&played);
}

/// The job of the first attempt had failed, the answer to the second was lost, and the claim could not be read any more: the
/// run ended with the error of the first, and its claim went.
#[test]
fn a_lost_answer_outlives_a_claim_that_cannot_be_read() {
    for (limit, spoilt) in [(1, false), (1, true), (2, true)] {
        let mut lines = vec![
            Until(Moment::Posted),
            Until(Moment::Posted),
            Until(Moment::Saved),
        ];
        lines.extend(spoilt.then_some(Do(Event::SpoilAnnotation)));
        let weather = Weather {
            answers: vec![Answer::Accepts, Answer::LosesAnswerBeforeEffect],
            lag: Some(MINUTE),
            jobs_end: Some((JobStatus::Failed, "CloudInternalError", 12)),
            events: vec![(0, Event::Pause(1, 10_000 * MINUTE))],
            scripts: vec![lines],
            ..Weather::calm()
        };
        let control = Control {
            start_by: None,
            retry_limit: limit,
            run_timeout: jiff::SignedDuration::from_hours(24),
            suspend: false,
            cancel: false,
        };
        let wishes = [(Kind::Disks, control)];
        let mut world = world_of(weather, &wishes, fastrand::Rng::with_seed(7));
        world.trace = Some(Vec::new());

        let played = play(world);

        let trace = played.trace.join("\n");
        assert_eq!(played.violations, [""; 0], "{trace}");
        let record = &played.world.object().unwrap().record;
        if limit == 1 {
            assert_eq!(record.phase, Phase::Blocked, "{spoilt} {trace}");
            assert!(record.note.message.contains("abandon:"), "{trace}");
        } else {
            let third = record.attempt(3).map(|attempt| attempt.state);
            assert_eq!(third, Some(AttemptState::JobFailed), "{trace}");
        }
    }
}
