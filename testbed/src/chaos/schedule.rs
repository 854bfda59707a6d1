//! What a soak does and when: made from the seed alone, before anything is started. Pure.

use super::planned::{PlannedRun, Taken, YOUNG_RUNS, of_the_calm, planned};
use super::weather;
use fastrand::Rng;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// Namespaces of the soak, each with a vault object; the first and the last name the same vault in Azure.
pub const NAMESPACES: [&str; 3] = ["chaos-a", "chaos-b", "chaos-c"];

/// Longest time that a process is stopped, in real time. With a time scale of 60 the sum of everything that may delay the
/// sight of a restore (claim 30 s, this, an answer held back for 90 s, operation 66 s, list 3 min) stays below the
/// adoption window of 15 min; a longer one would be the residual risk that the design names.
pub const LONGEST_FREEZE: Duration = Duration::from_millis(3500);

/// A whole soak.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub runs: Vec<PlannedRun>,
    /// By how many seconds of scaled time the wall clock of the second controller is wrong.
    pub skew_seconds: i64,
    /// In the order of their times; the place in this list is the position that the report names.
    pub events: Vec<Event>,
    /// The first run of the calm: with it and those that follow it each vault sees once more whether Azure fills ids. No event
    /// is about them.
    pub calm_from: usize,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Real time since the start.
    pub at: Duration,
    pub what: What,
}

/// Which controller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which {
    First,
    Second,
}

/// What happens. Numbers of runs are places in [`Schedule::runs`].
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Create(usize),
    Faults(Vec<Value>),
    Kill {
        which: Which,
        down: Duration,
    },
    KillBoth {
        down: Duration,
    },
    Freeze {
        which: Which,
        pause: Duration,
    },
    SecondController {
        stays: Duration,
    },
    PauseApiServer {
        pause: Duration,
    },
    WrongSecret {
        namespace: usize,
        lasts: Duration,
    },
    /// The vault object is deleted and applied again.
    VaultGone {
        namespace: usize,
        lasts: Duration,
    },
    NoRole {
        lasts: Duration,
    },
    RevokeTokens,
    /// The client secret changes in Azure, and its tokens end. The Secret of each namespace follows so much later.
    RotateSecret {
        follows: [Duration; NAMESPACES.len()],
    },
    /// Jobs of restores that are accepted meanwhile do not carry the id that was sent.
    IdsNotFilled {
        shows: &'static str,
        lasts: Duration,
    },
    /// Every object of a namespace gets another label at once.
    Relabel {
        namespace: usize,
    },
    /// Every connection of the controllers to the API server, or to Azure, ends at once.
    CutConnections {
        to_azure: bool,
    },
    EraseStatus {
        run: usize,
        by_replace: bool,
    },
    RollBackStatus {
        run: usize,
    },
    GarbleStatus {
        run: usize,
    },
    SpoilClaim {
        run: usize,
        remove: bool,
    },
    Delete {
        run: usize,
        again_after: Option<Duration>,
    },
    StartBy {
        run: usize,
        minutes: u32,
    },
    EditControl {
        run: usize,
        retry_limit: u8,
        timeout: &'static str,
    },
    ConflictStorm {
        run: usize,
        edits: u32,
    },
    /// Somebody makes the VM that a run was to make.
    MachineAppears {
        run: usize,
    },
}

impl Schedule {
    /// The schedule of a seed: the same seed and length give the same schedule.
    pub fn new(seed: u64, length: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut events = Vec::new();
        let mut runs: Vec<PlannedRun> = Vec::new();
        for at in times(&mut rng, length, 6.5) {
            let number = runs.len();
            runs.push(planned(&mut rng, &runs));
            events.push(Event {
                at,
                what: What::Create(number),
            });
            // Another run for the same VM at the same moment.
            if rng.f64() < 0.1 {
                let twin = PlannedRun {
                    retry_limit: rng.u8(0..5),
                    ..runs[number].clone()
                };
                runs.push(twin);
                events.push(Event {
                    at,
                    what: What::Create(number + 1),
                });
            }
        }
        let skew_seconds = rng.i64(-20 * 60..=20 * 60);
        let births: Vec<Duration> = events.iter().map(|event| event.at).collect();
        for (every, make) in RHYTHMS {
            for at in times(&mut rng, length, *every) {
                let born = births.iter().filter(|birth| **birth < at).count();
                if born > 0 {
                    let run = born - 1 - rng.usize(..born.min(YOUNG_RUNS));
                    let what = make(&mut rng, run);
                    events.push(Event { at, what });
                }
            }
        }
        events.extend(machines_that_appear(&runs, &events, length));
        events.sort_by_key(|event| event.at);
        let calm_from = runs.len();
        runs.extend((0..NAMESPACES.len()).map(|namespace| of_the_calm(calm_from, namespace)));
        Self {
            calm_from,
            runs,
            skew_seconds,
            events,
        }
    }

    /// Whether no other run is about its VM.
    pub fn is_alone(&self, run: usize) -> bool {
        let same = |other: &&PlannedRun| other.machine == self.runs[run].machine;
        self.runs.iter().filter(same).count() == 1
    }

    /// The name of a run's object.
    pub fn name_of(run: usize) -> String {
        format!("run-{run:03}")
    }
}

type Make = fn(&mut Rng, usize) -> What;

/// How often something happens, in seconds of real time, and what.
const RHYTHMS: &[(f64, Make)] = &[
    (4.0, |rng, _| What::Faults(weather::rules(rng))),
    (15.0, |rng, _| What::Kill {
        which: which(rng),
        down: milliseconds(rng, 0, 3000),
    }),
    (90.0, |rng, _| What::KillBoth {
        down: milliseconds(rng, 8000, 22_000),
    }),
    (17.0, |rng, _| What::Freeze {
        which: which(rng),
        pause: milliseconds(rng, 200, 3500).min(LONGEST_FREEZE),
    }),
    (50.0, |rng, _| What::SecondController {
        stays: milliseconds(rng, 12_000, 35_000),
    }),
    (53.0, |rng, _| What::PauseApiServer {
        pause: milliseconds(rng, 500, 5000),
    }),
    (80.0, |rng, _| What::WrongSecret {
        namespace: rng.usize(..NAMESPACES.len()),
        lasts: milliseconds(rng, 4000, 25_000),
    }),
    (97.0, |rng, _| What::NoRole {
        lasts: milliseconds(rng, 1000, 8000),
    }),
    (41.0, |_, _| What::RevokeTokens),
    (170.0, |rng, _| What::PauseApiServer {
        pause: milliseconds(rng, 8000, 20_000),
    }),
    (100.0, |rng, _| What::RotateSecret {
        follows: std::array::from_fn(|_| milliseconds(rng, 0, 18_000)),
    }),
    (75.0, |rng, _| What::IdsNotFilled {
        shows: if rng.bool() { "missing" } else { "another" },
        lasts: milliseconds(rng, 3000, 15_000),
    }),
    (28.0, |rng, _| What::Relabel {
        namespace: rng.usize(..NAMESPACES.len()),
    }),
    (21.0, |rng, _| What::CutConnections {
        to_azure: rng.bool(),
    }),
    (13.0, |rng, run| What::EraseStatus {
        run,
        by_replace: rng.bool(),
    }),
    (29.0, |_, run| What::RollBackStatus { run }),
    (67.0, |_, run| What::GarbleStatus { run }),
    (37.0, |rng, run| What::SpoilClaim {
        run,
        remove: rng.bool(),
    }),
    (19.0, |rng, run| {
        let again = rng.f64() < 0.8;
        What::Delete {
            run,
            again_after: again.then(|| milliseconds(rng, 0, 4000)),
        }
    }),
    (31.0, |rng, run| What::StartBy {
        run,
        minutes: rng.u32(0..20),
    }),
    (18.0, |rng, run| What::EditControl {
        run,
        retry_limit: rng.u8(0..5),
        timeout: if rng.f64() < 0.15 { "30m" } else { "24h" },
    }),
    (11.0, |rng, run| What::ConflictStorm {
        run,
        edits: rng.u32(5..40),
    }),
    (110.0, |rng, _| What::VaultGone {
        namespace: rng.usize(..NAMESPACES.len()),
        lasts: milliseconds(rng, 500, 22_000),
    }),
];

/// The VMs that somebody makes where runs were to make them.
fn machines_that_appear(runs: &[PlannedRun], events: &[Event], length: Duration) -> Vec<Event> {
    let appears = |event: &Event| {
        let What::Create(run) = event.what else {
            return None;
        };
        let Taken::After(delay) = runs[run].taken else {
            return None;
        };
        let what = What::MachineAppears { run };
        let at = event.at + delay;
        (at < length).then_some(Event { at, what })
    };
    events.iter().filter_map(appears).collect()
}

/// Instants whose distances are `every` seconds on average.
fn times(rng: &mut Rng, length: Duration, every: f64) -> Vec<Duration> {
    let mut at = every * rng.f64();
    let mut times = Vec::new();
    while at < length.as_secs_f64() {
        times.push(Duration::from_secs_f64(at));
        at += every * (0.4 + 1.2 * rng.f64());
    }
    times
}

fn which(rng: &mut Rng) -> Which {
    if rng.f64() < 0.7 {
        Which::First
    } else {
        Which::Second
    }
}

fn milliseconds(rng: &mut Rng, least: u64, most: u64) -> Duration {
    Duration::from_millis(rng.u64(least..=most))
}

impl What {
    /// The run that it is about, if it is about one.
    pub fn run(&self) -> Option<usize> {
        match self {
            Self::Create(run)
            | Self::EraseStatus { run, .. }
            | Self::RollBackStatus { run }
            | Self::GarbleStatus { run }
            | Self::SpoilClaim { run, .. }
            | Self::Delete { run, .. }
            | Self::StartBy { run, .. }
            | Self::EditControl { run, .. }
            | Self::ConflictStorm { run, .. }
            | Self::MachineAppears { run } => Some(*run),
            Self::Faults(_)
            | Self::Kill { .. }
            | Self::KillBoth { .. }
            | Self::Freeze { .. }
            | Self::SecondController { .. }
            | Self::PauseApiServer { .. }
            | Self::WrongSecret { .. }
            | Self::VaultGone { .. }
            | Self::NoRole { .. }
            | Self::RotateSecret { .. }
            | Self::IdsNotFilled { .. }
            | Self::Relabel { .. }
            | Self::CutConnections { .. }
            | Self::RevokeTokens => None,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(rules) => {
                let rules: Vec<String> = rules.iter().map(weather::in_words).collect();
                write!(f, "Azure: {}", rules.join("; "))
            }
            other => write!(f, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::*;
    use crate::RestoreType;

    const LENGTH: Duration = Duration::from_secs(600);

    #[test]
    fn a_seed_reproduces_its_schedule_and_another_one_does_not() {
        assert_eq!(Schedule::new(7, LENGTH), Schedule::new(7, LENGTH));
        assert_ne!(Schedule::new(7, LENGTH), Schedule::new(8, LENGTH));
    }

    #[test]
    fn nothing_happens_to_a_run_before_it_exists() {
        let schedule = Schedule::new(1, LENGTH);
        let mut created = 0;

        for event in &schedule.events {
            match event.what {
                What::Create(run) => {
                    assert_eq!(run, created);
                    created += 1;
                }
                _ => assert!(event.what.run().is_none_or(|run| run < created)),
            }
        }
        assert!(created >= 60, "{created}");
    }

    #[test]
    fn ten_minutes_have_something_of_everything() {
        let schedule = Schedule::new(1, LENGTH);

        let mut seen: Vec<_> = schedule
            .events
            .iter()
            .map(|event| std::mem::discriminant(&event.what))
            .collect();
        seen.dedup();
        let distinct: std::collections::HashSet<_> = seen.into_iter().collect();

        // Two rhythms stop the API server; runs, and machines in their way, have no rhythm.
        assert_eq!(distinct.len(), RHYTHMS.len() + 1);
    }

    #[test]
    fn every_type_is_there_and_several_runs_write_over_one_vm_from_two_namespaces() {
        let schedule = Schedule::new(1, LENGTH);
        let of = |restore| {
            let runs = schedule.runs.iter();
            runs.filter(move |run| run.restore == restore)
        };
        let places: Vec<_> = of(RestoreType::OriginalLocation).collect();

        for restore in RestoreType::ALL {
            assert!(of(restore).count() >= 10, "{restore:?}");
        }
        assert!(places.iter().all(|run| run.start_by_minutes.is_some()));
        let shared = |one: &&&PlannedRun| {
            let other = |other: &&&PlannedRun| {
                other.machine == one.machine && other.namespace != one.namespace
            };
            places.iter().any(|run| other(&run))
        };
        assert!(places.iter().filter(shared).count() >= 2, "{places:?}");
    }

    #[test]
    fn most_runs_that_make_a_machine_find_its_name_free() {
        for seed in 0..20 {
            let schedule = Schedule::new(seed, LENGTH);
            let runs = schedule.runs.iter();
            let makers: Vec<_> = runs.filter(|run| run.makes.is_some()).collect();
            let free = makers.iter().filter(|run| run.taken == Taken::Never);

            assert!(free.count() * 2 > makers.len(), "seed {seed}: {makers:#?}");
            assert!(makers.len() >= 15, "seed {seed}: {}", makers.len());
        }
        let schedule = Schedule::new(1, LENGTH);
        let taken = |taken: fn(&Taken) -> bool| schedule.runs.iter().any(|run| taken(&run.taken));
        assert!(taken(|taken| matches!(taken, Taken::FromTheStart)));
        assert!(taken(|taken| matches!(taken, Taken::After(_))));
    }

    #[test]
    fn nothing_that_hangs_is_in_the_way_of_a_restore_in_place() {
        for seed in 0..50 {
            for run in Schedule::new(seed, LENGTH).runs {
                assert!(run.restore != RestoreType::OriginalLocation || run.kind != Kind::Hangs);
            }
        }
    }

    #[test]
    fn no_process_is_stopped_for_longer_than_the_bound() {
        for seed in 0..50 {
            for event in Schedule::new(seed, LENGTH).events {
                if let What::Freeze { pause, .. } = event.what {
                    assert!(pause <= LONGEST_FREEZE);
                }
            }
        }
    }
}
