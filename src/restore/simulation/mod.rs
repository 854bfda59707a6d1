//! Plays the whole pass, with its order of effects, against a made-up API server and a made-up Azure: two processes with a
//! memory of their own, crashes and pauses at every await, lost answers, late jobs, a status that gets lost, people.
//!
//! A world is drawn from a seed. `VMRESTORE_SCHEDULES=1000000` plays that many, `VMRESTORE_SEED=17` plays one and prints
//! what happened.

mod azure;
mod checks;
mod object_store;
mod regressions;
mod runner;
mod weather;
mod world;

use runner::{play, seeded};

/// Schedules in an ordinary test run.
const SCHEDULES: u64 = 5_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
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
    let threads = 2;
    let failed: Vec<(u64, Vec<String>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let seeds = (first..first + count).filter(|seed| seed % threads == worker);
                    seeds
                        .filter_map(|seed| {
                            let violations = play(seeded(seed, false)).violations;
                            (!violations.is_empty()).then_some((seed, violations))
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });

    if let Some((seed, _)) = failed.first() {
        println!("{}", play(seeded(*seed, true)).trace.join("\n"));
    }
    let mut kinds = std::collections::BTreeMap::new();
    for (seed, violations) in &failed {
        let kind: String = violations[0].chars().take(60).collect();
        let entry = kinds.entry(kind).or_insert((0, *seed));
        entry.0 += 1;
    }
    assert!(
        failed.is_empty(),
        "{} of {count} schedules fail (count, a seed): {kinds:#?}",
        failed.len()
    );
}
