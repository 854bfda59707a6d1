//! The ways in which earlier wordings of the protocol failed, each as a schedule.
//!
//! A test names the fact that must hold; its comment says what the earlier wording did, and its number is the one of
//! `docs/testing.md`. `testbed/src/mutations` brings each earlier wording back and expects the very test to fail.

mod claims;
mod endings;
mod item_lock;
mod letting_go;

use jiff::SignedDuration;

use super::super::facts::JobStatus;
use super::super::record::{AttemptState, Control, End, Failure, Mark, Matching, Phase, Record};
use super::runner::{Played, a_world, play};
use super::script::Line::{Do, Until, Wait};
use super::script::{Line, Moment};
use super::weather::{Answer, Edit, Event, Weather, Word};
use super::world::{MINUTE, Ms, Object, SECOND, wall};

/// Longer than any schedule: a process that is paused for it never comes back by itself.
const FOR_EVER: Ms = 10_000 * MINUTE;

/// A run in calm weather whose jobs complete after ten minutes, and two processes.
struct Scene {
    weather: Weather,
    control: Control,
    seed: u64,
}

fn a_scene() -> Scene {
    Scene {
        weather: Weather {
            lag: Some(SECOND),
            jobs_end: Some((JobStatus::Completed, "", 10)),
            ..Weather::calm()
        },
        control: Control {
            start_by: None,
            retry_limit: 2,
            run_timeout: SignedDuration::from_hours(24),
            suspend: false,
            cancel: false,
        },
        seed: 7,
    }
}

impl Scene {
    /// Azure's answers to the first triggers; it accepts all that follow.
    fn answering(mut self, answers: impl Into<Vec<Answer>>) -> Self {
        self.weather.answers = answers.into();
        self
    }

    /// Jobs are listed this much after they were made.
    fn listing_after(mut self, lag: Ms) -> Self {
        self.weather.lag = Some(lag);
        self
    }

    /// Jobs end so, after this many minutes.
    fn with_jobs_that(mut self, status: JobStatus, error: &'static str, minutes: i64) -> Self {
        self.weather.jobs_end = Some((status, error, minutes));
        self
    }

    /// Only the first process is there until somebody wakes the second.
    fn with_the_second_asleep(mut self) -> Self {
        self.weather.events.push((0, Event::Pause(1, FOR_EVER)));
        self
    }

    fn with(mut self, lines: impl Into<Vec<Line>>) -> Self {
        self.weather.scripts.push(lines.into());
        self
    }

    /// Azure leaves the activity ids out, and nobody knows it yet.
    fn with_ids_left_out(mut self) -> Self {
        self.weather.ids_filled = false;
        self
    }

    /// Something that happens at this time.
    fn later(mut self, at: Ms, event: Event) -> Self {
        self.weather.events.push((at, event));
        self
    }

    fn retrying(mut self, limit: u8) -> Self {
        self.control.retry_limit = limit;
        self
    }

    /// Plays to the end, in which nothing is broken that holds in every world.
    fn play(self) -> Played {
        let rng = fastrand::Rng::with_seed(self.seed);
        let mut world = a_world(self.weather, self.control, rng);
        world.matching = Matching::Assumed;
        world.trace = Some(Vec::new());
        let played = play(world);
        assert!(
            played.violations.is_empty(),
            "{:?}\n{}",
            played.violations,
            told(&played)
        );
        played
    }
}

fn told(played: &Played) -> String {
    played.trace.join("\n")
}

fn wake(process: usize) -> Line {
    Do(Event::Pause(process, 0))
}

fn stop(process: usize) -> Line {
    Do(Event::Pause(process, FOR_EVER))
}

fn object(played: &Played) -> &Object {
    let object = played.world.object();
    object.unwrap_or_else(|| panic!("the object is gone\n{}", told(played)))
}

fn record(played: &Played) -> &Record {
    &object(played).record
}

/// The attempt of each job that Azure made.
#[track_caller]
fn assert_jobs(played: &Played, attempts: &[u8]) {
    let made: Vec<u8> = played.world.jobs.iter().map(|job| job.attempt).collect();
    assert_eq!(made, attempts, "attempts of the jobs\n{}", told(played));
}

#[track_caller]
fn assert_end(played: &Played, end: &End) {
    let record = record(played);
    assert_eq!(record.end.as_ref(), Some(end), "{}", told(played));
    assert_eq!(object(played).mark, Mark::None, "{}", told(played));
}

/// One job, of this attempt, and a run that says that it succeeded and holds nothing any more.
#[track_caller]
fn assert_one_job_succeeded(played: &Played, attempt: u8) {
    assert_jobs(played, &[attempt]);
    assert_end(played, &End::Succeeded);
}

/// The run waits for a person, and says how to resolve it.
#[track_caller]
fn assert_waits_for_a_person(played: &Played) {
    let record = record(played);
    assert!(record.is_blocked_on_a_claim(), "{}", told(played));
    assert!(
        record.note.message.contains("abandon:"),
        "{:?}\n{}",
        record.note,
        told(played)
    );
}

#[track_caller]
fn assert_attempt(played: &Played, number: u8, state: AttemptState) {
    let found = record(played).attempt(number).map(|attempt| attempt.state);
    assert_eq!(found, Some(state), "{}", told(played));
}
