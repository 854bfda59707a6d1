//! Each residual risk that the design names, as a schedule in which it makes a second job: the model sees what it excuses.

use jiff::SignedDuration;

use super::super::facts::JobStatus;
use super::super::record::{Control, Matching};
use super::risks::Risk;
use super::runner::{Kind, a_world, play, world_of};
use super::script::Line::{Do, Until};
use super::script::{Line, Moment};
use super::weather::{Answer, Event, Weather, Word};
use super::world::{MINUTE, Ms, SECOND, World, wall};

fn control() -> Control {
    Control {
        start_by: None,
        retry_limit: 2,
        run_timeout: SignedDuration::from_hours(24),
        suspend: false,
        cancel: false,
    }
}

/// The answer to the first trigger is lost; its job is listed so much later and runs for an hour and a half.
fn a_lost_answer(lag: Ms, lines: Vec<Line>, events: Vec<(Ms, Event)>) -> World {
    let weather = Weather {
        answers: vec![Answer::LosesAnswerAfterEffect],
        lag: Some(lag),
        jobs_end: Some((JobStatus::Completed, "", 90)),
        events,
        scripts: vec![lines],
        ..Weather::calm()
    };
    a_world(weather, control(), fastrand::Rng::with_seed(7))
}

/// Nothing is wrong in this world but a second job, which is excused by this risk.
fn makes_a_second_job(mut world: World, risk: Risk) {
    world.trace = Some(Vec::new());
    let played = play(world);
    let trace = played.trace.join("\n");
    assert_eq!(played.violations, [""; 0], "{trace}");
    assert!(played.world.jobs.len() > 1, "{trace}");
    let excused = &played.world.excused;
    assert!(
        excused
            .iter()
            .any(|(by, what)| *by == risk && what.contains("although")),
        "{excused:?}\n{trace}"
    );
}

#[test]
fn a_job_that_is_listed_later_than_the_window() {
    makes_a_second_job(a_lost_answer(30 * MINUTE, vec![], vec![]), Risk::ListedLate);
}

#[test]
fn a_process_that_stands_still_between_its_last_check_and_the_send() {
    let mut world = a_lost_answer(
        SECOND,
        vec![Until(Moment::Checked), Do(Event::Pause(0, 60 * MINUTE))],
        vec![(0, Event::Pause(1, 2 * MINUTE))],
    );
    world.weather.answers.clear();
    makes_a_second_job(world, Risk::LateSend);
}

/// The run is blocked after the window, because a second restore could destroy; a person abandons it, the claim and the lock
/// go, and the process that stood still sends after all (schedule 66434).
#[test]
fn an_abandonment_while_a_process_stands_still_between_its_last_check_and_the_send() {
    let weather = Weather {
        scripts: vec![vec![
            Until(Moment::Checked),
            Do(Event::Pause(0, 60 * MINUTE)),
            Until(Moment::Blocked),
            Do(Event::Says(Word::Abandon)),
        ]],
        events: vec![(0, Event::Pause(1, 2 * MINUTE))],
        ..Weather::calm()
    };
    let control = Control {
        start_by: Some(wall(600 * MINUTE)),
        ..control()
    };
    let wishes = [(Kind::OriginalLocation, control)];
    let mut world = world_of(weather, &wishes, fastrand::Rng::with_seed(7));
    world.trace = Some(Vec::new());
    let played = play(world);
    let trace = played.trace.join("\n");
    assert_eq!(played.violations, [""; 0], "{trace}");
    let excused = played.world.excused.iter();
    let late: Vec<_> = excused.filter(|(by, _)| *by == Risk::LateSend).collect();
    assert!(
        late.iter()
            .any(|(_, what)| what.contains("without a standing claim"))
            && late
                .iter()
                .any(|(_, what)| what.contains("while None holds the lock")),
        "{late:?}\n{trace}"
    );
}

/// A process that saw the claim waits a window when it is gone: nobody who saw it may live on.
fn nobody_remembers(event: Event) -> Vec<Line> {
    vec![
        Until(Moment::Posted),
        Do(event),
        Do(Event::Crash(0)),
        Do(Event::Crash(1)),
    ]
}

#[test]
fn a_finalizer_that_is_removed_by_force() {
    let lines = nobody_remembers(Event::ForceRemoval);
    let world = a_lost_answer(10 * MINUTE, lines, vec![(2 * MINUTE, Event::Apply)]);
    makes_a_second_job(world, Risk::ForcedRemoval);
}

#[test]
fn a_cluster_that_is_set_back_while_a_trigger_is_young() {
    let lines = nobody_remembers(Event::SetBack);
    makes_a_second_job(a_lost_answer(10 * MINUTE, lines, vec![]), Risk::SetBack);
}

#[test]
fn an_activity_id_that_azure_leaves_out_without_anybody_knowing() {
    let mut world = a_lost_answer(SECOND, vec![], vec![]);
    world.weather.ids_filled = false;
    world.weather.instead_of_ids = "azure-s-own";
    makes_a_second_job(world, Risk::IdLeftOut);
}

#[test]
fn a_retry_while_jobs_cannot_be_found_by_their_ids() {
    let lines = vec![Until(Moment::Blocked), Do(Event::Says(Word::Retry))];
    let mut world = a_lost_answer(SECOND, lines, vec![]);
    world.weather.ids_filled = false;
    world.learn_matching(Matching::Broken);
    makes_a_second_job(world, Risk::DecidedWhileBroken);
}

/// Azure fills ids again, but not that of a job that it has made without: a deletion waits for a person, who lets it go, and
/// the object that is applied again finds nothing (schedule 99131).
#[test]
fn an_abandonment_of_a_job_without_its_id_also_when_ids_are_filled_again() {
    let weather = Weather {
        ids_filled: false,
        jobs_end: Some((JobStatus::Completed, "", 10)),
        events: vec![
            (20 * MINUTE, Event::FillIds),
            (25 * MINUTE, Event::Delete),
            (60 * MINUTE, Event::Person),
            (70 * MINUTE, Event::Apply),
        ],
        ..Weather::calm()
    };
    let mut world = a_world(weather, control(), fastrand::Rng::with_seed(7));
    world.learn_matching(Matching::Broken);
    makes_a_second_job(world, Risk::DecidedWhileBroken);
}

#[test]
fn two_clusters_that_use_one_scope() {
    let weather = Weather {
        jobs_end: Some((JobStatus::Completed, "", 10)),
        ..Weather::calm()
    };
    let wishes = [(Kind::Disks, control()); 2];
    let mut world = world_of(weather, &wishes, fastrand::Rng::with_seed(7));
    world.runs[1].key = world.runs[0].key;
    for run in 0..2 {
        world.take_risk(run, Risk::SharedScope);
    }
    makes_a_second_job(world, Risk::SharedScope);
}

/// The run takes the job of somebody else for its own, ends with it and releases the lock of the VM while its own job, which is
/// not listed yet, still writes (schedule 919252).
#[test]
fn somebody_else_who_sends_the_id_of_a_run_that_writes_over_a_vm() {
    let weather = Weather {
        answers: vec![Answer::LosesAnswerAfterEffect],
        lag: Some(10 * MINUTE),
        jobs_end: Some((JobStatus::Completed, "", 90)),
        events: vec![(5 * SECOND, Event::DuplicateJob)],
        ..Weather::calm()
    };
    let control = Control {
        start_by: Some(wall(200 * MINUTE)),
        ..control()
    };
    let wishes = [(Kind::OriginalLocation, control); 2];
    let mut world = world_of(weather, &wishes, fastrand::Rng::with_seed(10));
    world.trace = Some(Vec::new());

    let played = play(world);

    let trace = played.trace.join("\n");
    assert_eq!(played.violations, [""; 0], "{trace}");
    let excused = &played.world.excused;
    let beside = |(by, what): &(Risk, String)| {
        *by == Risk::IdUsedByOthers && what.contains("a destructive POST while job")
    };
    assert!(excused.iter().any(beside), "{excused:?}\n{trace}");
}
