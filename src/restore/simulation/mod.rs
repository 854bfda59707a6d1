//! Plays the whole pass, with its order of effects, against a made-up API server and a made-up Azure: two processes with a
//! memory of their own, crashes and pauses at every await, lost answers, late jobs, a status that gets lost, people.
//!
//! A world is drawn from a seed. `VMRESTORE_SCHEDULES=1000000` plays that many, `VMRESTORE_SEED=17` plays one and prints
//! what happened.
//!
//! That the checks see something is shown by `make mutations`, which breaks the code on purpose (docs/testing.md).

pub(super) mod answers;
mod azure;
mod checks;
mod effects;
mod kinds;
mod locks;
mod object_store;
mod older_claims;
mod people;
mod regressions;
mod rest;
mod risk_tests;
mod risks;
mod runner;
mod script;
mod ways;
mod weather;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use risks::Risk;
use runner::{Played, play, seeded};

/// Schedules in an ordinary test run.
const SCHEDULES: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What was played, and what came of it.
#[derive(Debug, Default)]
struct Tally {
    schedules: u64,
    with_two_runs: u64,
    triggers: u64,
    destructive_triggers: u64,
    jobs: u64,
    /// Schedules in which a run took this risk, and in how many of them something was excused by it.
    risks: BTreeMap<Risk, (u64, u64)>,
    failed: BTreeMap<u64, Vec<String>>,
}

impl Tally {
    fn count(&mut self, seed: u64, played: Played) {
        let world = &played.world;
        self.schedules += 1;
        self.with_two_runs += u64::from(world.runs.len() > 1);
        self.triggers += u64::from(world.sends);
        let destructive = world.posts.iter().filter(|post| {
            let target = &world.runs[post.run].intent.target;
            target.overwrites_source()
        });
        self.destructive_triggers += destructive.count() as u64;
        self.jobs += world.jobs.len() as u64;
        let taken: std::collections::BTreeSet<Risk> = world
            .runs
            .iter()
            .flat_map(|run| run.risks.clone())
            .collect();
        for risk in taken {
            let excused = world.excused.iter().any(|(by, _)| *by == risk);
            let entry = self.risks.entry(risk).or_default();
            entry.0 += 1;
            entry.1 += u64::from(excused);
        }
        if !played.violations.is_empty() {
            self.failed.insert(seed, played.violations);
        }
    }

    /// The kinds of violations: how often, and the first seed of each.
    fn kinds(&self) -> BTreeMap<String, (u64, u64)> {
        let mut kinds = BTreeMap::new();
        for (seed, violations) in &self.failed {
            let kind: String = violations[0].chars().take(60).collect();
            kinds.entry(kind).or_insert((0, *seed)).0 += 1;
        }
        kinds
    }
}

#[test]
fn no_schedule_breaks_the_protocol() {
    if let Some(seed) = number("VMRESTORE_SEED") {
        let played = play(seeded(seed, true));
        println!("{}", played.trace.join("\n"));
        assert!(
            played.violations.is_empty(),
            "seed {seed}: {:?}",
            played.violations
        );
        return;
    }
    let count = number("VMRESTORE_SCHEDULES").unwrap_or(SCHEDULES);
    let first = number("VMRESTORE_FIRST_SEED").unwrap_or(0);

    let tally = play_all(first, count);

    println!("{}", told(&tally));
    if let Some(seed) = tally.failed.keys().next() {
        println!("{}", play(seeded(*seed, true)).trace.join("\n"));
    }
    assert!(
        tally.failed.is_empty(),
        "{} of {count} schedules fail (count, a seed): {:#?}",
        tally.failed.len(),
        tally.kinds()
    );
}

/// Plays schedules on every core; says every twentieth part how far it is.
fn play_all(first: u64, count: u64) -> Tally {
    let begun = std::time::Instant::now();
    let tally = Mutex::new(Tally::default());
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let played = play(seeded(first + index, false));
                    let mut tally = tally.lock().unwrap();
                    tally.count(first + index, played);
                    if tally.schedules % (count / 20).max(1) == 0 {
                        println!(
                            "{} of {count} schedules after {} s, {} failed",
                            tally.schedules,
                            begun.elapsed().as_secs(),
                            tally.failed.len()
                        );
                    }
                }
            });
        }
    });
    tally.into_inner().unwrap()
}

fn told(tally: &Tally) -> String {
    let mut lines = vec![format!(
        "{} schedules ({} with two runs of one VM): {} triggers ({} destructive), {} jobs",
        tally.schedules,
        tally.with_two_runs,
        tally.triggers,
        tally.destructive_triggers,
        tally.jobs
    )];
    for (risk, (taken, excused)) in &tally.risks {
        lines.push(format!(
            "{risk:?}: taken in {taken} schedules, {excused} of them with something to excuse"
        ));
    }
    lines.join("\n")
}
