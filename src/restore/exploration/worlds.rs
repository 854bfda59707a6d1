//! The worlds that are explored, each with its bounds.

use super::time::Tick;

/// What may happen in a world.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub name: &'static str,
    /// Whether it is explored in every test run, or only on demand.
    pub always: bool,
    /// Runs of one VM, each with an object of its own.
    pub runs: usize,
    pub processes: usize,
    /// How many faults may happen, of all that are allowed.
    pub faults: u8,
    /// When calm weather begins, in ticks.
    pub ticks: Tick,
    /// OriginalLocation instead of RestoreDisks.
    pub overwrites: bool,
    pub ids_filled: bool,
    pub retry_limit: u8,
    /// How many of the first jobs fail, for a reason that passes.
    pub failing_jobs: u8,
    pub job_ticks: Tick,
    /// Decisions of a person about a blocked run.
    pub persons: u8,
    /// Whether processes die.
    pub crashes: bool,
    /// Whether answers of the API server get lost, and lists fail.
    pub losses: bool,
    /// Whether Azure answers a trigger otherwise than well.
    pub answers: bool,
    /// Whether somebody erases or sets back the status, spoils the claim, deletes the object.
    pub meddling: bool,
    /// Whether a list may show a job later than the window allows: a residual risk.
    pub late_lists: bool,
}

const ONE: Bounds = Bounds {
    name: "",
    always: true,
    runs: 1,
    processes: 2,
    faults: 1,
    ticks: 6,
    overwrites: false,
    ids_filled: true,
    retry_limit: 1,
    failing_jobs: 0,
    job_ticks: 2,
    persons: 1,
    crashes: true,
    losses: true,
    answers: true,
    meddling: true,
    late_lists: false,
};

/// All of them.
pub const WORLDS: &[Bounds] = &[
    Bounds {
        name: "one fault of any kind",
        ..ONE
    },
    Bounds {
        name: "one fault, the first job fails",
        failing_jobs: 1,
        ..ONE
    },
    Bounds {
        name: "one fault, ids are not filled",
        ids_filled: false,
        ..ONE
    },
    Bounds {
        name: "one fault, OriginalLocation",
        overwrites: true,
        ..ONE
    },
    Bounds {
        name: "two faults, one process",
        processes: 1,
        faults: 2,
        ..ONE
    },
    Bounds {
        name: "two faults of any kind",
        always: false,
        faults: 2,
        ..ONE
    },
    Bounds {
        name: "two faults, OriginalLocation",
        always: false,
        faults: 2,
        overwrites: true,
        ..ONE
    },
    Bounds {
        name: "two faults, the first job fails",
        always: false,
        faults: 2,
        failing_jobs: 1,
        ..ONE
    },
    Bounds {
        name: "three faults, one process",
        always: false,
        processes: 1,
        faults: 3,
        ..ONE
    },
    Bounds {
        name: "two runs over one VM, one fault",
        always: false,
        runs: 2,
        processes: 1,
        overwrites: true,
        ..ONE
    },
];

/// The risk of a list that is later than the window: a second job must come out, and be excused.
pub const LATE: Bounds = Bounds {
    name: "a list later than the window",
    faults: 2,
    processes: 1,
    ticks: 6,
    job_ticks: 8,
    crashes: false,
    losses: false,
    meddling: false,
    late_lists: true,
    ..ONE
};
