//! The restores of a soak: type, VM, and how restores of that VM go. Pure.

use super::kind::Kind;
use super::schedule::NAMESPACES;
use crate::RestoreType;
use fastrand::Rng;
use std::time::Duration;

/// The runs that exist so far and are young enough to be worth disturbing.
pub const YOUNG_RUNS: usize = 7;

/// A week.
const LATE_MINUTES: u32 = 7 * 24 * 60;

/// One `VmRestore` of the soak.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRun {
    /// Its place in [`NAMESPACES`].
    pub namespace: usize,
    /// The VM; several runs may share one.
    pub machine: String,
    /// What restores of that VM do.
    pub kind: Kind,
    pub retry_limit: u8,
    /// `spec.timeouts.run`.
    pub run_timeout: &'static str,
    /// `spec.startBy`, so many minutes of scaled time after its creation.
    pub start_by_minutes: Option<u32>,
    pub restore: RestoreType,
    /// The VM that an `AlternateLocation` makes.
    pub makes: Option<String>,
    /// Whether somebody else makes it.
    pub taken: Taken,
}

/// Whether the VM that a run is to make exists already. Most runs find their name free, or hardly any would make a VM at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    Never,
    FromTheStart,
    /// It appears so long after the run was applied, in real time: perhaps before its request, perhaps before its next attempt.
    After(Duration),
}

impl Taken {
    /// For a run that makes a VM after so many others that do: in turn, so that every soak has its share of each.
    fn in_turn(rng: &mut Rng, makers: usize) -> Self {
        match makers % 6 {
            1 => Self::FromTheStart,
            4 => Self::After(Duration::from_millis(rng.u64(200..12_000))),
            _ => Self::Never,
        }
    }
}

/// Types with the part of the runs that they get.
fn any_type(rng: &mut Rng) -> RestoreType {
    match rng.u32(0..20) {
        0..9 => RestoreType::RestoreDisks,
        9..14 => RestoreType::OriginalLocation,
        _ => RestoreType::AlternateLocation,
    }
}

/// The next run after these.
pub fn planned(rng: &mut Rng, before: &[PlannedRun]) -> PlannedRun {
    let number = before.len();
    let restore = any_type(rng);
    let in_place = restore == RestoreType::OriginalLocation;
    // Two that write over one VM at about the same time are what the lock of the VM is for.
    let shares = rng.f64() < if in_place { 0.4 } else { 0.15 };
    let recent = if in_place { YOUNG_RUNS } else { number };
    let shared =
        (number > 0 && shares).then(|| &before[number - 1 - rng.usize(..recent.min(number))]);
    // A restore that hangs would hold up whoever writes over its VM for ever.
    let shared = shared.filter(|other| !in_place || other.kind != Kind::Hangs);
    let own = (rng.usize(..NAMESPACES.len()), Kind::any(rng));
    let (namespace, machine, kind) = match shared {
        Some(other) => (
            if in_place || rng.bool() {
                neighbour(other.namespace)
            } else {
                other.namespace
            },
            other.machine.clone(),
            other.kind,
        ),
        None if in_place && own.1 == Kind::Hangs => (own.0, format!("vm-{number:03}"), Kind::Slow),
        None => (own.0, format!("vm-{number:03}"), own.1),
    };
    let makes = restore == RestoreType::AlternateLocation;
    let makers = before.iter().filter(|run| run.makes.is_some()).count();
    let start_by = rng.u32(2..60);
    PlannedRun {
        namespace,
        machine,
        kind,
        retry_limit: rng.u8(0..5),
        run_timeout: if kind == Kind::Hangs { "25m" } else { "24h" },
        start_by_minutes: if rng.f64() < 0.15 {
            Some(start_by)
        } else {
            // Required there; later than any soak.
            in_place.then_some(LATE_MINUTES)
        },
        restore,
        makes: makes.then(|| format!("made-{number:03}")),
        taken: if makes {
            Taken::in_turn(rng, makers)
        } else {
            Taken::Never
        },
    }
}

/// Another namespace with the same vault in Azure, where there is one.
fn neighbour(namespace: usize) -> usize {
    let last = NAMESPACES.len() - 1;
    match namespace {
        0 => last,
        other if other == last => 0,
        other => other,
    }
}

/// A quick restore of disks of a VM of its own.
pub fn of_the_calm(first: usize, namespace: usize) -> PlannedRun {
    PlannedRun {
        namespace,
        machine: format!("vm-{:03}", first + namespace),
        kind: Kind::Quick,
        retry_limit: 4,
        run_timeout: "24h",
        start_by_minutes: None,
        restore: RestoreType::RestoreDisks,
        makes: None,
        taken: Taken::Never,
    }
}
