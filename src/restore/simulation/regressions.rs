//! Schedules that once broke the protocol, and the schedules that enumerate where two effects can be cut apart.

use jiff::SignedDuration;

use super::super::facts::JobStatus;
use super::super::record::{Control, End, Failure, Mark};
use super::runner::{Played, a_world, play};
use super::weather::{Answer, Event, Weather};
use super::world::{MINUTE, Ms, Object, SECOND};

fn control(retry_limit: u8, timeout: i64) -> Control {
    Control {
        start_by: None,
        retry_limit,
        run_timeout: SignedDuration::from_mins(timeout),
        suspend: false,
        cancel: false,
    }
}

/// Jobs complete after ten minutes.
fn a_weather(events: Vec<(Ms, Event)>) -> Weather {
    Weather {
        jobs_end: Some((JobStatus::Completed, "", 10)),
        events,
        ..Weather::calm()
    }
}

fn played(weather: Weather, control: Control) -> Played {
    let mut world = a_world(weather, control, fastrand::Rng::with_seed(7));
    world.trace = Some(Vec::new());
    let played = play(world);
    assert!(
        played.violations.is_empty(),
        "{:?}\n{}",
        played.violations,
        played.trace.join("\n")
    );
    played
}

fn object(played: &Played) -> &Object {
    played.world.object().unwrap()
}

/// One job, and a run that says so.
fn succeeds_with_one_job(weather: Weather) {
    let played = played(weather, control(2, 1440));
    let trace = played.trace.join("\n");
    assert_eq!(played.world.jobs.len(), 1, "{trace}");
    assert_eq!(object(&played).record.end, Some(End::Succeeded), "{trace}");
    assert_eq!(object(&played).mark, Mark::None, "{trace}");
}

/// Every 40 ms of the first 12 s: selection, look, claim, trigger, record, first read of the operation.
fn every_instant() -> impl Iterator<Item = Ms> {
    (0..12 * SECOND).step_by(40)
}

#[test]
fn without_faults_one_run_is_one_job() {
    succeeds_with_one_job(a_weather(vec![]));
}

#[test]
fn a_crash_at_any_instant_makes_no_second_job() {
    for at in every_instant() {
        succeeds_with_one_job(a_weather(vec![
            (at, Event::Crash(0)),
            (at, Event::Crash(1)),
        ]));
    }
}

#[test]
fn a_status_that_gets_lost_at_any_instant_makes_no_second_job() {
    for at in every_instant() {
        succeeds_with_one_job(a_weather(vec![(at, Event::EraseStatus)]));
    }
}

#[test]
fn a_crash_with_a_lost_status_at_any_instant_makes_no_second_job() {
    for at in every_instant() {
        succeeds_with_one_job(a_weather(vec![
            (at, Event::Crash(0)),
            (at, Event::Crash(1)),
            (at + 1, Event::EraseStatus),
        ]));
    }
}

#[test]
fn a_pause_with_an_old_claim_at_any_instant_makes_no_second_job() {
    for at in every_instant() {
        let pause = 20 * MINUTE;
        succeeds_with_one_job(a_weather(vec![(
            at,
            Event::Pause((at / 40 % 2) as usize, pause),
        )]));
    }
}

#[test]
fn an_object_deleted_at_any_instant_and_applied_again_finds_its_job() {
    for at in every_instant() {
        succeeds_with_one_job(a_weather(vec![
            (at, Event::Delete),
            (40 * MINUTE, Event::Apply),
        ]));
    }
}

#[test]
fn an_annotation_spoilt_at_any_instant_makes_no_second_job() {
    for at in every_instant() {
        succeeds_with_one_job(a_weather(vec![(at, Event::SpoilAnnotation)]));
    }
}

/// A vault object that was deleted between two effects of one pass made the pass report that the *run's* object is gone, so
/// that nothing woke it again (schedule 101970).
#[test]
fn a_vault_object_lost_at_any_instant_is_told_and_found_again() {
    for at in every_instant() {
        succeeds_with_one_job(a_weather(vec![
            (at, Event::LoseVault),
            (30 * MINUTE, Event::FindVault),
        ]));
    }
}

/// Later looks list jobs from 15 min before the look before, so they did not show again a job that was older than that: its
/// claim was never let go and the vault was listed every second (schedule 22).
#[test]
fn the_claim_of_an_old_job_is_let_go() {
    let weather = Weather {
        jobs_end: Some((JobStatus::Completed, "", 90)),
        ..a_weather(vec![
            (9 * SECOND, Event::LoseVault),
            (40 * MINUTE, Event::FindVault),
            (41 * MINUTE, Event::Crash(0)),
            (42 * MINUTE, Event::Crash(1)),
        ])
    };
    let played = played(weather, control(2, 20));
    assert_eq!(
        object(&played).record.end,
        Some(End::Failed(Failure::RunTimedOut))
    );
    assert_eq!(object(&played).mark, Mark::None);
}

/// A job known only by its id was let go of when the vault object was gone; the object that was applied again did not find
/// it and triggered once more (schedule 244).
#[test]
fn a_job_known_only_by_its_id_keeps_its_claim_without_a_vault() {
    let weather = Weather {
        ids_filled: false,
        ..a_weather(vec![
            (5 * MINUTE, Event::LoseVault),
            (6 * MINUTE, Event::Delete),
            (40 * MINUTE, Event::Apply),
            (41 * MINUTE, Event::FindVault),
        ])
    };
    let played = played(weather, control(2, 1440));
    assert_eq!(played.world.jobs.len(), 1);
    assert!(object(&played).deleting, "it waits for a person");
}

/// The message why a deletion waits was not written because the job had not moved (schedule 1002).
#[test]
fn a_deletion_that_waits_for_a_person_says_so() {
    let weather = Weather {
        ids_filled: false,
        jobs_end: Some((JobStatus::Failed, "CloudInternalError", 5)),
        ..a_weather(vec![(7 * SECOND, Event::Delete)])
    };
    let played = played(weather, control(0, 1440));
    assert!(object(&played).record.note.message.contains("abandon:"));
}

#[test]
fn a_lost_answer_is_followed_by_its_job_or_after_the_window_by_the_next_attempt() {
    for (answer, attempt) in [
        (Answer::LosesAnswerAfterEffect, 1),
        (Answer::LosesAnswerBeforeEffect, 2),
    ] {
        let weather = Weather {
            answers: vec![answer],
            lag: Some(10 * MINUTE),
            ..a_weather(vec![])
        };
        let played = played(weather, control(2, 1440));
        let attempts: Vec<_> = played.world.jobs.iter().map(|job| job.attempt).collect();
        assert_eq!(attempts, [attempt], "{answer:?}");
    }
}

#[test]
fn an_accepted_trigger_without_a_job_blocks_the_run() {
    for answer in [
        Answer::AcceptsAndMakesNothing,
        Answer::AcceptsAndOperationNeverEnds,
    ] {
        let weather = Weather {
            answers: vec![answer],
            lag: Some(1000 * MINUTE),
            ..a_weather(vec![(5 * MINUTE, Event::Delete)])
        };
        let played = played(weather, control(2, 1440));
        assert_eq!(played.world.sends, 1);
        assert!(object(&played).record.is_blocked_on_a_claim(), "{answer:?}");
    }
}
