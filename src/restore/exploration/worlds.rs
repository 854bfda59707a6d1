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
    ticks: 5,
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

/// As [`ONE`], with so little time that it is explored in every test run.
const SHORT: Bounds = Bounds {
    processes: 1,
    ticks: 2,
    ..ONE
};

/// All of them.
pub const WORLDS: &[Bounds] = &[
    Bounds {
        name: "short, one process, one fault",
        ..SHORT
    },
    Bounds {
        name: "short, one process, one fault, ids not filled",
        ids_filled: false,
        ..SHORT
    },
    Bounds {
        name: "short, one process, one fault, OriginalLocation",
        overwrites: true,
        ..SHORT
    },
    Bounds {
        name: "one process, one fault",
        always: false,
        processes: 1,
        ..ONE
    },
    Bounds {
        name: "one process, one fault, a failing job",
        always: false,
        processes: 1,
        failing_jobs: 1,
        ..ONE
    },
    Bounds {
        name: "one process, one fault, ids not filled",
        always: false,
        processes: 1,
        ids_filled: false,
        ..ONE
    },
    Bounds {
        name: "one process, one fault, OriginalLocation",
        always: false,
        processes: 1,
        overwrites: true,
        ..ONE
    },
    Bounds {
        name: "short, two processes, one fault",
        always: false,
        processes: 2,
        ..SHORT
    },
    Bounds {
        name: "one process, two faults",
        always: false,
        processes: 1,
        faults: 2,
        ..ONE
    },
    Bounds {
        name: "one process, two faults, OriginalLocation",
        always: false,
        processes: 1,
        faults: 2,
        overwrites: true,
        ..ONE
    },
    Bounds {
        name: "two processes, one fault",
        always: false,
        ..ONE
    },
    Bounds {
        name: "two processes, one fault, OriginalLocation",
        always: false,
        overwrites: true,
        ..ONE
    },
    Bounds {
        name: "two runs over one VM, no fault",
        always: false,
        runs: 2,
        processes: 1,
        faults: 0,
        overwrites: true,
        ..ONE
    },
];

/// The risk of a list that is later than the window: a second job must come out, and be excused.
pub const LATE: Bounds = Bounds {
    name: "a list later than the window",
    processes: 1,
    ticks: 5,
    persons: 0,
    job_ticks: 8,
    crashes: false,
    losses: false,
    meddling: false,
    answers: false,
    late_lists: true,
    ..ONE
};
