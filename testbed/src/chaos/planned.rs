//! The restores of a soak: type, VM, and how restores of that VM go. Pure.

use super::kind::Kind;
use super::schedule::NAMESPACES;
use crate::RestoreType;
use fastrand::Rng;

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
    /// Whether that VM is there from the start.
    pub is_in_the_way: bool,
}

/// Types with the part of the runs that they get.
fn any_type(rng: &mut Rng) -> RestoreType {
    match rng.u32(0..20) {
        0..10 => RestoreType::RestoreDisks,
        10..16 => RestoreType::OriginalLocation,
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
            neighbour(rng, other.namespace),
            other.machine.clone(),
            other.kind,
        ),
        None if in_place && own.1 == Kind::Hangs => (own.0, format!("vm-{number:03}"), Kind::Slow),
        None => (own.0, format!("vm-{number:03}"), own.1),
    };
    let makes = restore == RestoreType::AlternateLocation;
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
        is_in_the_way: makes && rng.f64() < 0.25,
    }
}

/// A namespace with the same vault in Azure.
fn neighbour(rng: &mut Rng, namespace: usize) -> usize {
    let last = NAMESPACES.len() - 1;
    match namespace {
        0 if rng.bool() => last,
        other if other == last && rng.bool() => 0,
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
        is_in_the_way: false,
    }
}
