//! Schedules that once broke the protocol, and the schedules that enumerate where two effects can be cut apart.

use jiff::SignedDuration;

use super::super::facts::JobStatus;
use super::super::record::{Control, End, Failure, Mark};
use super::runner::{Kind, Played, a_world, play, world_of};
use super::script::{Line, Moment};
use super::weather::{Answer, Edit, Event, Weather};
use super::world::{MINUTE, Ms, Object, SECOND, wall};

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

/// Two runs that write over one VM, in this weather; each ends with a job of its own.
fn one_after_the_other(events: Vec<(Ms, Event)>) {
    let control = Control {
        start_by: Some(wall(200 * MINUTE)),
        ..control(2, 1440)
    };
    let wishes = [(Kind::OriginalLocation, control); 2];
    let mut world = world_of(a_weather(events), &wishes, fastrand::Rng::with_seed(7));
    world.trace = Some(Vec::new());
    let played = play(world);
    let trace = played.trace.join("\n");
    assert!(
        played.violations.is_empty(),
        "{:?}\n{trace}",
        played.violations
    );
    let jobs = &played.world.jobs;
    assert_eq!(jobs.len(), 2, "{trace}");
    assert!(jobs[1].started >= jobs[0].ends, "{trace}");
    assert_eq!(played.world.lock, None, "{trace}");
}

#[test]
fn two_runs_write_over_one_vm_one_after_the_other() {
    one_after_the_other(vec![]);
}

#[test]
fn a_crash_at_any_instant_never_lets_two_write_over_one_vm() {
    for at in (0..14 * SECOND).step_by(160) {
        one_after_the_other(vec![(at, Event::Crash(0)), (at, Event::Crash(1))]);
    }
}

/// Around the end of the first run: its lock is released once, also when the process dies in between.
#[test]
fn a_crash_around_the_end_leaves_no_lock_behind() {
    for at in (600 * SECOND..680 * SECOND).step_by(400) {
        one_after_the_other(vec![(at, Event::Crash(0)), (at, Event::Crash(1))]);
    }
}

/// A run whose object is deleted while it waits for its trigger leaves the lock with nobody to release it: the other one
/// takes it over after a window.
#[test]
fn the_lock_of_an_object_that_is_gone_is_taken_over() {
    let control = Control {
        start_by: Some(wall(200 * MINUTE)),
        ..control(2, 1440)
    };
    let wishes = [(Kind::OriginalLocation, control); 2];
    let weather = a_weather(vec![(5 * SECOND, Event::Delete)]);
    let mut world = world_of(weather, &wishes, fastrand::Rng::with_seed(7));
    world.somebody_restores(None);
    world.jobs[0].visible = 0;
    world.jobs[0].solid = 0;
    world.trace = Some(Vec::new());
    let played = play(world);
    let trace = played.trace.join("\n");
    assert!(played.violations.is_empty(), "{trace}");
    let ours = played.world.jobs.iter().filter(|job| job.run == Some(1));
    assert_eq!(ours.count(), 1, "{trace}");
    assert!(
        trace.contains("takes the lock for r1, held by Some("),
        "{trace}"
    );
}

#[test]
fn a_vm_that_exists_is_not_made_again() {
    let play_with = |events| {
        let wishes = [(Kind::AlternateLocation, control(2, 1440))];
        let mut world = world_of(a_weather(events), &wishes, fastrand::Rng::with_seed(7));
        world.weather.answers = vec![Answer::LosesAnswerBeforeEffect];
        let played = play(world);
        assert!(played.violations.is_empty(), "{:?}", played.violations);
        played
    };
    let new = play_with(vec![(0, Event::TakeName)]);
    assert_eq!(new.world.sends, 0);
    let end = object(&new).record.end.clone();
    assert_eq!(end, Some(End::Failed(Failure::RestoreRefused)));

    let doubtful = play_with(vec![(5 * MINUTE, Event::TakeName)]);
    assert_eq!(doubtful.world.sends, 1);
    assert!(object(&doubtful).record.is_blocked_on_a_claim());

    let freed = play_with(vec![
        (5 * MINUTE, Event::TakeName),
        (30 * MINUTE, Event::FreeName),
    ]);
    assert_eq!(freed.world.sends, 2);
    assert_eq!(object(&freed).record.end, Some(End::Succeeded));
}

/// Edits between the claim and the send: what was claimed is sent or too late, and nothing follows it.
#[test]
fn an_edit_between_claim_and_send_makes_no_second_job() {
    for edit in [
        Edit::Cancel,
        Edit::Suspend(true),
        Edit::StartBy(0),
        Edit::RetryLimit(0),
        Edit::RunTimeout(1),
    ] {
        let weather = Weather {
            scripts: vec![vec![
                Line::Until(Moment::Claimed),
                Line::Do(Event::Edit(edit)),
            ]],
            ..a_weather(vec![(60 * MINUTE, Event::Edit(Edit::Suspend(false)))])
        };
        let played = played(weather, control(2, 1440));
        assert_eq!(played.world.sends, 1, "{edit:?}");
        assert_eq!(played.world.jobs.len(), 1, "{edit:?}");
    }
}
/// Each process counted its own window of a deletion without a vault and wrote its own time into the message, over that of
/// the other, twice a second until it went (schedule 2310).
#[test]
fn two_processes_do_not_write_over_each_others_times() {
    played(
        a_weather(vec![
            (MINUTE, Event::Pause(0, 4 * MINUTE)),
            (4 * MINUTE, Event::LoseVault),
            (4 * MINUTE + 1, Event::Delete),
        ]),
        control(2, 1440),
    );
}

/// Somebody puts the manifest in place of the object while the trigger is under way: the claim goes without a word in the
/// status. The process had triggered again as soon as a list did not show the job yet.
#[test]
fn a_claim_that_is_replaced_away_makes_no_second_job() {
    for moment in [Moment::Claimed, Moment::Posted] {
        let weather = Weather {
            lag: Some(4 * MINUTE),
            scripts: vec![vec![Line::Until(moment), Line::Do(Event::Replace)]],
            ..a_weather(vec![(0, Event::Pause(1, 90 * MINUTE))])
        };
        let played = played(weather, control(2, 1440));
        let trace = played.trace.join("\n");
        assert_eq!(played.world.jobs.len(), 1, "{trace}");
        assert_eq!(object(&played).record.end, Some(End::Succeeded), "{trace}");
    }
}

/// A soak found runs that did not name a failed first job any more.
#[test]
fn a_status_that_gets_lost_names_every_failed_job_again() {
    for at in [20, 40, 120] {
        let weather = Weather {
            jobs_end: Some((JobStatus::Failed, "CloudInternalError", 10)),
            ..a_weather(vec![(at * MINUTE, Event::EraseStatus)])
        };

        let played = played(weather, control(1, 1440));

        let attempts = object(&played).record.attempts.iter();
        let sent = attempts.filter(|attempt| attempt.number > 0);
        let named: Vec<_> = sent.map(|attempt| attempt.job.clone()).collect();
        let made = played.world.jobs.iter().map(|job| Some(job.id.clone()));
        assert_eq!(named, made.collect::<Vec<_>>(), "erased at {at} min");
        assert_eq!(named.len(), 2);
    }
}
