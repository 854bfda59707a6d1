//! `make chaos`: many restores while everything around them goes wrong, and then the question whether each run was one job.
//!
//! `schedule` makes from a seed what happens and when, with the faults of `weather` in the world of `kind`; `act`
//! carries it out on a `stage` (a real API server, the emulator, one or two controllers, one scaled clock); `calm` ends
//! all trouble and waits; `audit` compares the emulator's ledger with what the runs say; `report` prints it.
//!
//! A seed reproduces the schedule, not the order in which processes get their turn.

mod act;
mod audit;
mod calm;
mod identity;
mod in_place;
mod insisting;
mod kind;
mod planned;
mod report;
mod schedule;
mod stage;
mod tally;
mod weather;
mod wire;

use crate::TestbedError;
use report::Report;
use schedule::{Schedule, What, Which};
use stage::Stage;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, LocalSet};

/// What a soak may be told.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long trouble is made; the calm after it takes some minutes more.
    pub minutes: u32,
    pub seed: u64,
    /// How many seconds of the scaled clock pass in one.
    pub time_scale: u32,
    /// Only print what would happen.
    pub only_print: bool,
}

/// How often a line tells how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(15);

/// How often the controllers and the runs are looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// Runs a soak and says whether every promise was kept.
///
/// # Errors
/// If the testbed itself fails.
pub async fn run(settings: Settings) -> Result<bool, TestbedError> {
    // Everything of the harness is one thread: it waits more than it works.
    LocalSet::new().run_until(soak(settings)).await
}

async fn soak(settings: Settings) -> Result<bool, TestbedError> {
    let length = Duration::from_secs(u64::from(settings.minutes) * 60);
    let schedule = Schedule::new(settings.seed, length);
    if settings.only_print {
        report::print_schedule(&schedule);
        return Ok(true);
    }
    println!(
        "seed {}: {} runs and {} events in {} min, then calm; one second is {} of the emulated Azure",
        settings.seed,
        schedule.runs.len(),
        schedule.events.len(),
        settings.minutes,
        settings.time_scale
    );
    let stage = Rc::new(Stage::start(schedule, settings.time_scale).await?);
    println!(
        "ledger: {}/_emulator/ledger   logs: {}",
        stage.emulator.ready().http,
        stage.plane.supervisor().folder().display()
    );
    let start = Instant::now();
    let mut watching = JoinSet::new();
    watching.spawn_local(watch_controllers(stage.clone()));
    watching.spawn_local(watch_runs(stage.clone(), start));
    watching.spawn_local(watch_machine(stage.clone()));

    let mut storm = storm(&stage, start).await;
    println!(
        "t+{:04.0} s  the storm is over; waiting for calm",
        start.elapsed().as_secs_f64()
    );
    act::make_calm(&stage).await?;
    let words = {
        let ended = std::cell::RefCell::new(&mut storm);
        let storm_is_over = || {
            let mut storm = ended.borrow_mut();
            while storm.try_join_next().is_some() {}
            storm.is_empty()
        };
        calm::settle(&stage, storm_is_over).await?
    };
    storm.abort_all();
    watching.shutdown().await;

    let good = judge(&stage, start.elapsed(), &words).await?;
    drop(storm);
    stage.plane.supervisor().stop().await;
    Ok(good)
}

/// Starts every event at its time. What takes long goes on by itself.
async fn storm(stage: &Rc<Stage>, start: Instant) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for position in 0..stage.schedule.events.len() {
        let due = start + stage.schedule.events[position].at;
        tokio::time::sleep_until(due.into()).await;
        stage.tally.reached(position + 1);
        let stage = stage.clone();
        tasks.spawn_local(async move {
            act::carry_out(&stage, position, &stage.schedule.events[position].what).await;
        });
        while tasks.try_join_next().is_some() {}
    }
    tasks
}

/// Starts a controller again that ended by itself, as a cluster would, and notes it.
async fn watch_controllers(stage: Rc<Stage>) {
    loop {
        tokio::time::sleep(WATCH_INTERVAL).await;
        for which in [Which::First, Which::Second] {
            let mut slot = stage.slot(which).lock().await;
            let wanted = slot.wanted;
            let Some(controller) = slot.controller.as_mut().filter(|_| wanted) else {
                continue;
            };
            if let Ok(Some(exit)) = controller.exit().await {
                let log = controller.logs();
                let last = log.lines().next_back().unwrap_or_default();
                stage
                    .tally
                    .ended_by_itself(format!("{which:?}, {exit}: {last}"));
                if let Err(error) = controller.restart().await {
                    stage
                        .tally
                        .failed(format!("restart {which:?}: {}", crate::chain(&error)));
                }
            }
        }
    }
}

/// Keeps an early status of each run and prints how far all is.
async fn watch_runs(stage: Rc<Stage>, start: Instant) {
    let mut next_line = PROGRESS_INTERVAL;
    loop {
        tokio::time::sleep(WATCH_INTERVAL).await;
        let Ok(objects) = stage.objects().await else {
            continue;
        };
        keep_snapshots(&stage, &objects);
        stage.note_matching().await;
        if start.elapsed() < next_line {
            continue;
        }
        next_line = start.elapsed() + PROGRESS_INTERVAL;
        let outcomes: Vec<_> = objects.iter().filter_map(audit::outcome).collect();
        let finished = outcomes.iter().filter(|outcome| outcome.finished).count();
        let blocked = outcomes
            .iter()
            .filter(|outcome| outcome.phase == "Blocked")
            .count();
        let deleting = outcomes.iter().filter(|outcome| outcome.deleting).count();
        let accepted = stage
            .emulator
            .accepted_restores()
            .await
            .map_or(0, |all| all.len());
        let counts = stage.tally.counts();
        println!(
            "t+{:04.0} s  event {}/{}  objects {} (finished {finished}, blocked {blocked}, deleting {deleting})  jobs in Azure {accepted}",
            start.elapsed().as_secs_f64(),
            counts.position,
            stage.schedule.events.len(),
            outcomes.len(),
        );
    }
}

/// The first status of a run that has chosen its point, and sometimes a later one, to set the run back to.
fn keep_snapshots(stage: &Stage, objects: &[serde_json::Value]) {
    let mut snapshots = stage
        .snapshots
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for object in objects {
        let Some(outcome) = audit::outcome(object) else {
            continue;
        };
        let known = object["status"]["recoveryPoint"].is_object();
        // Every third run is set back to what it said when its first attempt was written down.
        let has_attempts = object["status"]["attempts"].is_array();
        if known && (!outcome.run.is_multiple_of(3) || has_attempts) {
            snapshots
                .entry(outcome.run)
                .or_insert_with(|| object["status"].clone());
        }
    }
}

/// Notes by how much this process itself was late.
async fn watch_machine(stage: Rc<Stage>) {
    const TICK: Duration = Duration::from_millis(100);
    loop {
        let before = Instant::now();
        tokio::time::sleep(TICK).await;
        stage.tally.stalled(before.elapsed().saturating_sub(TICK));
    }
}

async fn judge(stage: &Stage, took: Duration, words: &calm::Words) -> Result<bool, TestbedError> {
    let objects = stage.objects().await?;
    let (ledger, jobs, requests) = tokio::try_join!(
        stage.emulator.ledger(),
        stage.emulator.jobs(),
        stage.emulator.requests()
    )?;
    let (accepted, foreign) = audit::accepted(&ledger, &jobs, stage.schedule.runs.len());
    let outcomes: Vec<_> = objects.iter().filter_map(audit::outcome).collect();
    let events = &stage.schedule.events;
    let was_deleted = |run| {
        let of_run = |event: &schedule::Event| matches!(event.what, What::Delete { run: other, .. } if other == run);
        events.iter().any(of_run)
    };
    let mut verdict = audit::verdict(&accepted, foreign, &outcomes, was_deleted);
    let decided = |run| words.runs.contains(&run);
    in_place::note(&mut verdict, &ledger, &accepted, decided);
    let mut panics = Vec::new();
    for which in [Which::First, Which::Second] {
        if let Some(controller) = &stage.slot(which).lock().await.controller {
            let log = controller.logs();
            panics.extend(
                log.lines()
                    .filter(|line| line.contains("panicked at"))
                    .map(str::to_owned),
            );
        }
    }
    let report = Report {
        stage,
        took,
        accepted: &accepted,
        outcomes: &outcomes,
        verdict: &verdict,
        words,
        panics: &panics,
        requests: requests["total"].as_u64().unwrap_or_default(),
    };
    report.print();
    keep_books(
        stage,
        &[
            ("ledger", &ledger),
            ("jobs", &jobs),
            ("objects", &objects.into()),
        ],
    )?;
    Ok(report.is_good())
}

/// Writes what the verdict rests on beside the logs, for whoever keeps them.
fn keep_books(stage: &Stage, books: &[(&str, &serde_json::Value)]) -> Result<(), TestbedError> {
    for (name, book) in books {
        let file = stage
            .plane
            .supervisor()
            .folder()
            .join(format!("{name}.json"));
        std::fs::write(&file, format!("{book:#}"))
            .map_err(TestbedError::io(format!("write {}", file.display())))?;
    }
    Ok(())
}
