//! Records a path, then runs every crash.

use super::boundary::{Boundary, Crash, of_all};
use super::path::Path;
use super::standpoint::Standpoint;
use super::verdict::{AtTheCrash, End, faults};
use super::world::{Shared, World};
use crate::proxy::Exchange;
use crate::{ControlPlane, RestoreType, TestbedError, chain};
use futures::StreamExt as _;
use serde_json::json;
use std::time::{Duration, Instant};

/// How the matrix is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many seconds of the emulator and the controller pass in one.
    pub time_scale: u32,
    /// Runs at the same time.
    pub parallel: usize,
    /// Only crashes whose line contains this text.
    pub only: Option<String>,
    /// Longest real time from a start of the controller to what is expected of it.
    pub within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            time_scale: 60,
            parallel: 10,
            only: None,
            within: Duration::from_secs(90),
        }
    }
}

/// How often a path is recorded: what depends on chance differs between recordings and is no boundary of it.
const RECORDINGS: usize = 3;

/// How long a settled run is watched for a second job, in real time.
const AFTERWARDS: Duration = Duration::from_millis(700);

/// Runs that may be made for one crash: the request may fail to come when a pass took another way.
const TRIES: u32 = 3;

/// Crashes of which one may miss its request. More of them would mean that the list is not that of the path.
const ONE_MISS_IN: usize = 20;

/// The same for requests that were made before: a slow recording has more of them than a quick run.
const ONE_REPEAT_IN: usize = 5;

/// The result of one crash, or of two.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// The crash that came before.
    pub first: Option<Crash>,
    pub crash: Crash,
    /// Whether the request came, in one of its runs, and the controller was killed there.
    pub reached: bool,
    /// Nothing if all is as it should be.
    pub faults: Vec<String>,
    /// Attempts in the final status.
    pub attempts: usize,
    /// Whether the run waits for a person.
    pub blocked: bool,
    /// Runs that it took until the request came.
    pub tries: u32,
    pub took: Duration,
    /// The last lines of the controller's log, if something is wrong.
    pub log: String,
}

/// All results of one path of one type.
#[derive(Clone, Debug)]
pub struct Matrix {
    pub restore: RestoreType,
    pub path: Path,
    /// The crash that every run has before.
    pub first: Option<Standpoint>,
    /// The boundaries of the path; after a first crash, those of the recovery.
    pub boundaries: Vec<Boundary>,
    /// Requests that only some recordings have.
    pub left_out: usize,
    pub results: Vec<RunResult>,
    pub took: Duration,
}

impl Matrix {
    /// Whether every run came out right. A poll more or less depends on chance, and so does a second claim on a slow machine, where
    /// the first one comes too late for its request; so a few requests may fail to come. The first restore request and the
    /// first claim always come, unless a request that failed to come was to come before them.
    pub fn is_good(&self) -> bool {
        let missed = self.results.iter().filter(|result| !result.reached);
        let (repeats, firsts): (Vec<&RunResult>, Vec<&RunResult>) =
            missed.partition(|result| result.depends_on_a_repeat());
        let may_fail_to_come = |result: &&RunResult| {
            let boundary = &result.crash.boundary;
            !boundary.is_claim() && boundary.exchange.route != "TriggerRestore"
        };
        let all = self.results.len();
        all > 0
            && self.results.iter().all(|result| result.faults.is_empty())
            && firsts.iter().all(may_fail_to_come)
            && firsts.len() <= all / ONE_MISS_IN
            && repeats.len() <= all / ONE_REPEAT_IN
    }
}

impl RunResult {
    /// Whether the request, or the one at which the controller was to die before it, is one that had been made before. A second
    /// restore request is no repetition: it is what its path is about.
    fn depends_on_a_repeat(&self) -> bool {
        let mut crashes = self.first.iter().chain([&self.crash]);
        crashes.any(|crash| {
            let Exchange { route, ordinal, .. } = &crash.boundary.exchange;
            *ordinal > 1 && route != "TriggerRestore"
        })
    }
}

/// A path of a type as it goes without a crash, to compare every run with.
pub struct Recording<'a> {
    shared: Shared<'a>,
    way: (RestoreType, Path),
    settings: &'a Settings,
    boundaries: Vec<Boundary>,
    left_out: usize,
    end: End,
}

impl<'a> Recording<'a> {
    /// Plays the path a few times.
    ///
    /// # Errors
    /// If the testbed fails, or the path does not end as it should.
    pub async fn of(
        plane: &'a ControlPlane,
        way: (RestoreType, Path),
        settings: &'a Settings,
    ) -> Result<Self, TestbedError> {
        let shared = Shared::new(plane, settings.time_scale).await?;
        let runs = (0..RECORDINGS).map(|_| calm(&shared, way, settings));
        let runs = futures::future::try_join_all(runs).await?;
        let (recordings, mut ends): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
        let (boundaries, left_out) = of_all(&recordings);
        Ok(Self {
            way,
            settings,
            boundaries,
            left_out,
            end: ends.remove(0),
            shared,
        })
    }

    /// Every boundary of the path.
    pub fn boundaries(&self) -> &[Boundary] {
        &self.boundaries
    }

    /// Kills at every boundary, on both sides of its effect, and at these pairs; shows each result as it comes.
    pub async fn crashed(&self, pairs: Vec<(Crash, Crash)>, show: impl Fn(&RunResult)) -> Matrix {
        let single = Crash::at_all(&self.boundaries)
            .into_iter()
            .map(|crash| (None, crash));
        let pairs = pairs.into_iter().map(|(first, crash)| (Some(first), crash));
        // The longest ones first: else they are what is waited for at the end.
        let wanted = pairs.chain(single).collect();
        self.run(None, (self.boundaries.clone(), self.left_out), wanted, show)
            .await
    }

    /// Kills at the first claim and the first trigger only, on both sides of their effect.
    pub async fn crashed_at_the_trigger(&self) -> Matrix {
        let boundaries = self.boundaries.iter();
        let wanted: Vec<Boundary> = boundaries
            .filter(|boundary| boundary.is_claim() || boundary.is_trigger())
            .cloned()
            .collect();
        let crashes = Crash::at_all(&wanted).into_iter();
        let crashes = crashes.map(|crash| (None, crash)).collect();
        self.run(None, (wanted, self.left_out), crashes, |_| {})
            .await
    }

    /// Kills at that standpoint, then records the recovery and kills once more at every boundary of it.
    ///
    /// # Errors
    /// If the testbed fails while a recovery is recorded, or no recovery comes about.
    pub async fn crashed_twice(
        &self,
        standpoint: Standpoint,
        show: impl Fn(&RunResult),
    ) -> Result<Matrix, TestbedError> {
        let first = standpoint.crash(&self.boundaries)?;
        let runs = (0..RECORDINGS).map(|_| self.recovery(&first));
        let recordings = futures::future::try_join_all(runs).await?;
        let (boundaries, left_out) = of_all(&recordings);
        let crashes = Crash::at_all(&boundaries).into_iter();
        let wanted = crashes.map(|crash| (Some(first.clone()), crash)).collect();
        Ok(self
            .run(Some(standpoint), (boundaries, left_out), wanted, show)
            .await)
    }

    async fn run(
        &self,
        first: Option<Standpoint>,
        (boundaries, left_out): (Vec<Boundary>, usize),
        mut wanted: Vec<(Option<Crash>, Crash)>,
        show: impl Fn(&RunResult),
    ) -> Matrix {
        let start = Instant::now();
        let only = self.settings.only.as_deref().unwrap_or_default();
        wanted.retain(|(_, crash)| crash.to_string().contains(only));
        let order = wanted.clone();
        let mut runs = futures::stream::iter(wanted)
            .map(|(first, crash)| self.run_one(first, crash))
            .buffer_unordered(self.settings.parallel.max(1));
        let mut results: Vec<RunResult> = Vec::new();
        while let Some(result) = runs.next().await {
            show(&result);
            results.push(result);
        }
        let place = |result: &RunResult| {
            let same = |(first, crash): &(Option<Crash>, Crash)| {
                *first == result.first && *crash == result.crash
            };
            order.iter().position(same)
        };
        results.sort_by_key(place);
        let (restore, path) = self.way;
        Matrix {
            restore,
            path,
            first,
            boundaries,
            left_out,
            results,
            took: start.elapsed(),
        }
    }

    /// The requests of a controller that is started again after that crash.
    async fn recovery(&self, first: &Crash) -> Result<Vec<Boundary>, TestbedError> {
        let mut world = World::build(&self.shared, self.way).await?;
        let reached = world.crash(first, self.settings.within).await?;
        self.note(&world).await?;
        world.start_controller().await?;
        let (_, settled) = world.settled(self.settings.within).await?;
        let recorded = world.recorded().await?;
        world.end().await?;
        if reached && settled {
            return Ok(recorded);
        }
        Err(TestbedError::Unreadable(format!(
            "no recovery after {first}: reached {reached}, settled {settled}"
        )))
    }

    /// What stands when the controller is dead. From then on Azure's lists show a job that nobody knows of late.
    async fn note(&self, world: &World<'_>) -> Result<AtTheCrash, TestbedError> {
        let crashed = AtTheCrash::of(&world.object().await?, &world.emulator.ledger().await?);
        if let Some(job) = &crashed.unrecorded {
            let late = json!({"listDelay": self.way.1.listed_after()});
            world.emulator.set_behaviour(job, &late).await?;
        }
        Ok(crashed)
    }

    async fn run_one(&self, first: Option<Crash>, crash: Crash) -> RunResult {
        let start = Instant::now();
        let mut result = RunResult {
            first,
            crash,
            reached: false,
            faults: Vec::new(),
            attempts: 0,
            blocked: false,
            tries: 0,
            took: Duration::ZERO,
            log: String::new(),
        };
        while result.tries < TRIES && !result.reached && result.faults.is_empty() {
            result.tries += 1;
            if let Err(error) = self.try_one(&mut result).await {
                result.faults = vec![format!("the testbed failed: {}", chain(&error))];
            }
        }
        result.took = start.elapsed();
        result
    }

    /// One run with its crashes.
    async fn try_one(&self, result: &mut RunResult) -> Result<(), TestbedError> {
        let mut world = World::build(&self.shared, self.way).await?;
        let mut crashes = Vec::new();
        for crash in result.first.iter().chain([&result.crash]) {
            result.reached = world.crash(crash, self.settings.within).await?;
            if !result.reached {
                return world.end().await;
            }
            crashes.push(self.note(&world).await?);
        }
        world.start_controller().await?;
        let (_, settled) = world.settled(self.settings.within).await?;
        tokio::time::sleep(AFTERWARDS).await;
        let object = world.object().await?;
        let end = world.end_of_run(&object, settled).await?;
        result.faults = faults(&end, &self.end, &crashes);
        result.blocked = end.is_blocked();
        result.attempts = end.attempts();
        if !result.faults.is_empty() {
            result.log = last_lines(&world.controller_log());
        }
        world.end().await
    }
}

/// A run without a crash: its requests and its end.
async fn calm(
    shared: &Shared<'_>,
    way: (RestoreType, Path),
    settings: &Settings,
) -> Result<(Vec<Boundary>, End), TestbedError> {
    let mut world = World::build(shared, way).await?;
    world.start_controller().await?;
    let (object, settled) = world.settled(settings.within).await?;
    let recorded = world.recorded().await?;
    let end = world.end_of_run(&object, settled).await?;
    let log = world.controller_log();
    world.end().await?;
    let unhappy = faults(&end, &end, &[]);
    if unhappy.is_empty() {
        return Ok((recorded, end));
    }
    Err(TestbedError::Unreadable(format!(
        "the path {} of {} does not end well: {}; the controller's log ends:\n{}",
        way.1.as_str(),
        way.0.as_str(),
        unhappy.join("; "),
        last_lines(&log)
    )))
}

fn last_lines(log: &str) -> String {
    const LINES: usize = 40;
    let all: Vec<&str> = log.lines().collect();
    all[all.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::boundary::Side;
    use super::*;
    use crate::proxy::Moment;

    fn crash(method: &str, route: &str, ordinal: u32) -> Crash {
        let exchange = Exchange {
            method: method.to_owned(),
            route: route.to_owned(),
            ordinal,
        };
        Crash {
            boundary: Boundary {
                side: Side::Azure,
                exchange,
            },
            moment: Moment::ALL[0],
        }
    }

    fn missed((first, crash): (Option<Crash>, Crash)) -> RunResult {
        RunResult {
            first,
            crash,
            reached: false,
            faults: Vec::new(),
            attempts: 1,
            blocked: false,
            tries: TRIES,
            took: Duration::ZERO,
            log: String::new(),
        }
    }

    /// A matrix of forty crashes of which these missed their request.
    fn matrix(misses: Vec<(Option<Crash>, Crash)>) -> Matrix {
        let mut results: Vec<RunResult> = misses.into_iter().map(missed).collect();
        results.resize_with(40, || RunResult {
            reached: true,
            ..missed((None, crash("GET", "ListJobs", 1)))
        });
        Matrix {
            restore: RestoreType::RestoreDisks,
            path: Path::Happy,
            first: None,
            boundaries: Vec::new(),
            left_out: 0,
            results,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn few_requests_may_fail_to_come_more_of_those_that_repeat_and_no_first_claim_or_trigger() {
        let claim = |ordinal| crash("PATCH", "/vmrestores/{name}", ordinal);
        let trigger = |ordinal| crash("POST", "TriggerRestore", ordinal);
        let read = |ordinal| crash("GET", "GetJob", ordinal);

        for (misses, good) in [
            (vec![], true),
            (vec![(None, read(1)); 2], true),
            (vec![(None, read(1)); 3], false),
            (vec![(None, read(2)); 8], true),
            (vec![(None, read(2)); 9], false),
            (vec![(None, claim(1))], false),
            (vec![(None, claim(2))], true),
            (vec![(Some(claim(3)), claim(1))], true),
            (vec![(Some(read(1)), claim(1))], false),
            (vec![(None, trigger(1))], false),
            (vec![(None, trigger(2))], false),
        ] {
            let told = format!("{misses:?}");
            assert_eq!(matrix(misses).is_good(), good, "{told}");
        }
    }

    #[test]
    fn a_run_that_is_wrong_is_never_good() {
        let mut matrix = matrix(Vec::new());
        matrix.results[7].faults.push("two jobs".to_owned());

        assert!(!matrix.is_good());
    }
}
