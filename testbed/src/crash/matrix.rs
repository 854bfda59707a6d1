//! Records the happy path, then runs every crash.

use super::boundary::{Boundary, Crash, of_all};
use super::verdict::{AtTheCrash, End, faults};
use super::world::{RestoreType, Shared, World};
use crate::{ControlPlane, TestbedError, chain};
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
            parallel: 6,
            only: None,
            within: Duration::from_secs(60),
        }
    }
}

/// How often the happy path is recorded: what depends on chance differs between recordings and is no boundary of it.
const RECORDINGS: usize = 3;

/// How long a settled run is watched for a second job, in real time.
const AFTERWARDS: Duration = Duration::from_millis(700);

/// How long lists do not show a job that nobody knows of, from its start, in Azure's time. Recorded: up to 186 s.
///
/// With it a controller that is started again finds nothing at first, and must not take that for an answer.
const LISTED_AFTER: &str = "PT4M";

/// Runs that may be made for one crash: the request may fail to come when a pass took another way.
const TRIES: u32 = 3;

/// Crashes of which one may miss its request. More of them would mean that the list is not that of the happy path.
const ONE_MISS_IN: usize = 20;

/// The result of one crash.
#[derive(Clone, Debug)]
pub struct RunResult {
    pub crash: Crash,
    /// Whether the request came, in one of its runs, and the controller was killed there.
    pub reached: bool,
    /// Nothing if all is as it should be.
    pub faults: Vec<String>,
    /// Attempts in the final status.
    pub attempts: usize,
    /// Runs that it took until the request came.
    pub tries: u32,
    pub took: Duration,
    /// The last lines of the controller's log, if something is wrong.
    pub log: String,
}

/// All results of one type.
#[derive(Clone, Debug)]
pub struct Matrix {
    pub restore: RestoreType,
    /// The boundaries of the happy path.
    pub boundaries: Vec<Boundary>,
    /// Requests that only some recordings have.
    pub left_out: usize,
    pub results: Vec<RunResult>,
    pub took: Duration,
}

impl Matrix {
    /// Whether every run came out right. A poll more or less depends on chance, so a few requests may fail to come; a
    /// trigger and a claim always come.
    pub fn is_good(&self) -> bool {
        let missed: Vec<&RunResult> = self
            .results
            .iter()
            .filter(|result| !result.reached)
            .collect();
        let is_poll = |result: &&RunResult| {
            let exchange = &result.crash.boundary.exchange;
            exchange.method == "GET" || exchange.route.ends_with("/status")
        };
        !self.results.is_empty()
            && self.results.iter().all(|result| result.faults.is_empty())
            && missed.iter().all(is_poll)
            && missed.len() <= self.results.len() / ONE_MISS_IN
    }
}

/// Runs the matrix of one type and shows each result as it comes.
///
/// # Errors
/// If the testbed fails while the happy path is recorded, or the happy path is not happy.
pub async fn run_matrix(
    plane: &ControlPlane,
    restore: RestoreType,
    settings: &Settings,
    show: impl Fn(&RunResult),
) -> Result<Matrix, TestbedError> {
    let start = Instant::now();
    let shared = Shared::new(plane, settings.time_scale).await?;
    let happy: Vec<_> = futures::future::try_join_all(
        (0..RECORDINGS).map(|_| happy_path(&shared, restore, settings)),
    )
    .await?;
    let (recordings, mut ends): (Vec<_>, Vec<_>) = happy.into_iter().unzip();
    let boundaries = of_all(&recordings);
    let most = recordings.iter().map(Vec::len).max().unwrap_or_default();
    let expected = ends.remove(0);

    let mut results: Vec<RunResult> = Vec::new();
    let wanted = Crash::at_all(&boundaries).into_iter().filter(|crash| {
        let only = settings.only.as_deref().unwrap_or_default();
        crash.to_string().contains(only)
    });
    let mut runs = futures::stream::iter(wanted)
        .map(|crash| run_one(&shared, restore, settings, &expected, crash))
        .buffer_unordered(settings.parallel.max(1));
    while let Some(result) = runs.next().await {
        show(&result);
        results.push(result);
    }
    let place = |result: &RunResult| {
        let place = boundaries
            .iter()
            .position(|one| *one == result.crash.boundary);
        (place, result.crash.moment)
    };
    results.sort_by_key(place);
    Ok(Matrix {
        restore,
        left_out: most - boundaries.len(),
        boundaries,
        results,
        took: start.elapsed(),
    })
}

/// A run without a crash: its requests and its end.
async fn happy_path(
    shared: &Shared<'_>,
    restore: RestoreType,
    settings: &Settings,
) -> Result<(Vec<Boundary>, End), TestbedError> {
    let mut world = World::build(shared, restore).await?;
    world.start_controller().await?;
    let (object, settled) = world.settled(settings.within).await?;
    let recorded = world.recorded().await?;
    let end = End::of(&object, &world.emulator.ledger().await?, settled);
    let log = world.controller_log();
    world.end().await?;
    let unhappy = faults(&end, &end, &AtTheCrash::default());
    if unhappy.is_empty() {
        return Ok((recorded, end));
    }
    Err(TestbedError::Unreadable(format!(
        "the happy path of {} is not happy: {}; the controller's log ends:\n{}",
        restore.as_str(),
        unhappy.join("; "),
        last_lines(&log)
    )))
}

async fn run_one(
    shared: &Shared<'_>,
    restore: RestoreType,
    settings: &Settings,
    expected: &End,
    crash: Crash,
) -> RunResult {
    let start = Instant::now();
    let mut result = RunResult {
        crash,
        reached: false,
        faults: Vec::new(),
        attempts: 0,
        tries: 0,
        took: Duration::ZERO,
        log: String::new(),
    };
    while result.tries < TRIES && !result.reached && result.faults.is_empty() {
        result.tries += 1;
        if let Err(error) = try_one(shared, restore, settings, expected, &mut result).await {
            result.faults = vec![format!("the testbed failed: {}", chain(&error))];
        }
    }
    result.took = start.elapsed();
    result
}

/// One run with one crash.
async fn try_one(
    shared: &Shared<'_>,
    restore: RestoreType,
    settings: &Settings,
    expected: &End,
    result: &mut RunResult,
) -> Result<(), TestbedError> {
    let mut world = World::build(shared, restore).await?;
    result.reached = world.crash(&result.crash, settings.within).await?;
    if !result.reached {
        return world.end().await;
    }
    let accepted = world.emulator.accepted_restores().await?;
    let crashed = AtTheCrash::of(&world.object().await?, accepted.len());
    if crashed.is_before_the_record() {
        for restore in &accepted {
            let job = restore["caused"]["jobId"].as_str().unwrap_or_default();
            let late = json!({"listDelay": LISTED_AFTER});
            world.emulator.set_behaviour(job, &late).await?;
        }
    }
    world.start_controller().await?;
    let (_, settled) = world.settled(settings.within).await?;
    tokio::time::sleep(AFTERWARDS).await;
    let object = world.object().await?;
    let end = End::of(&object, &world.emulator.ledger().await?, settled);
    result.faults = faults(&end, expected, &crashed);
    result.attempts = end.attempts();
    if !result.faults.is_empty() {
        result.log = last_lines(&world.controller_log());
    }
    world.end().await
}

fn last_lines(log: &str) -> String {
    const LINES: usize = 40;
    let all: Vec<&str> = log.lines().collect();
    all[all.len().saturating_sub(LINES)..].join("\n")
}
