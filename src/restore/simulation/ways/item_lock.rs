//! Way 9: two runs write over one VM, each served by a controller of its own.

use super::super::runner::{Kind, world_of};
use super::super::world::World;
use super::*;

/// Two runs for one VM, the first at the first process and the second at the second, which sleeps or wakes as told.
fn two_runs(jobs: i64, lag: Ms, lines: Vec<Line>) -> World {
    let weather = Weather {
        lag: Some(lag),
        jobs_end: Some((JobStatus::Completed, "", jobs)),
        // The last says that nothing rests before that: the lock goes after the end.
        scripts: vec![lines, vec![Wait(200 * MINUTE)]],
        ..Weather::calm()
    };
    let control = |timeout| Control {
        start_by: Some(wall(200 * MINUTE)),
        retry_limit: 2,
        run_timeout: SignedDuration::from_mins(timeout),
        suspend: false,
        cancel: false,
    };
    let wishes = [control(10), control(1440)].map(|control| (Kind::OriginalLocation, control));
    let mut world = world_of(weather, &wishes, fastrand::Rng::with_seed(7));
    world.apart = true;
    for (run, intended) in world.runs.iter_mut().enumerate() {
        intended.places[1 - run].next_pass = None;
    }
    world.trace = Some(Vec::new());
    world
}

/// Plays; one restore came after the other, and the second run ended well.
#[track_caller]
fn assert_one_after_the_other(world: World, jobs: usize) -> Played {
    let played = play(world);
    let told = told(&played);
    assert!(
        played.violations.is_empty(),
        "{:?}\n{told}",
        played.violations
    );
    let made = &played.world.jobs;
    assert_eq!(made.len(), jobs, "{told}");
    assert!(
        made.windows(2).all(|pair| pair[0].ends <= pair[1].started),
        "{told}"
    );
    let second = played.world.runs[1].object.as_ref().unwrap();
    assert_eq!(second.record.end, Some(End::Succeeded), "{told}");
    assert_eq!(played.world.lock, None, "{told}");
    played
}

/// Way 9. The lock was taken after the look: a run that had looked long ago found the lock free, which a person had freed, while
/// the job of a run that had timed out went on.
#[test]
fn way_9_the_lock_is_taken_before_the_look() {
    let world = two_runs(
        60,
        SECOND,
        vec![
            stop(0),
            Until(Moment::AskingForLock),
            stop(1),
            wake(0),
            Until(Moment::LetGo),
            Do(Event::FreeLock),
            wake(1),
        ],
    );

    assert_one_after_the_other(world, 2);
}

/// Way 9, second half. The lock was taken over on a stale read: its holder had come back meanwhile.
#[test]
fn way_9_a_lock_that_its_holder_took_again_is_not_taken_over() {
    let mut world = two_runs(
        30,
        5 * MINUTE,
        vec![
            Until(Moment::TakingLock),
            stop(1),
            Do(Event::Aim(0)),
            Do(Event::Apply),
            Until(Moment::Posted),
            wake(1),
        ],
    );
    world.runs[0].object = None;
    world.runs[0].places[0].next_pass = None;
    world.lock = Some((1, 0));

    assert_one_after_the_other(world, 2);
}

/// Way 9. The lock was taken over as soon as its holder was gone: what that one had started was not listed yet.
#[test]
fn way_9_a_lock_is_taken_over_only_after_a_whole_window() {
    let world = two_runs(
        30,
        5 * MINUTE,
        vec![
            Do(Event::Pause(1, 5 * SECOND)),
            Until(Moment::Posted),
            Do(Event::Aim(0)),
            Do(Event::Delete),
            Do(Event::ForceRemoval),
        ],
    );

    assert_one_after_the_other(world, 2);
}

/// Way 9. The lock of a run whose controller died before it released the lock was never released.
#[test]
fn way_9_a_lock_that_a_crash_left_behind_is_released() {
    let world = two_runs(
        5,
        SECOND,
        vec![
            Do(Event::Pause(1, 5 * SECOND)),
            Until(Moment::ReleasingLock),
            Do(Event::Crash(0)),
        ],
    );

    assert_one_after_the_other(world, 2);
}

/// Way 9. Nobody released the lock of a run whose object was gone.
#[test]
fn way_9_a_lock_whose_holder_is_gone_is_taken_over() {
    let mut world = two_runs(5, SECOND, vec![]);
    world.runs[0].object = None;
    world.runs[0].places[0].next_pass = None;
    world.lock = Some((1, 0));

    assert_one_after_the_other(world, 1);
}
