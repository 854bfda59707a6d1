//! The worlds that are explored, each with its bounds.

use super::time::Ticks;

/// The recovery type of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    RestoreDisks,
    OriginalLocation,
}

/// Whether Azure fills the activity ids of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    Filled,
    /// It does not, and the vault object says so.
    NotFilled,
    /// It does at first and may stop: a fault.
    MayStop,
}

impl Ids {
    pub fn are_filled(self) -> bool {
        self == Self::Filled
    }
}

/// What may happen in a world.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub name: &'static str,
    /// Whether it is explored in every test run, or only on demand.
    pub always: bool,
    /// The runs, all of one VM, each with an object of its own.
    pub runs: &'static [Kind],
    pub processes: u8,
    /// How often, in all, a pass that is under way may be interrupted by a step of another one. None: as often as may be.
    pub interruptions: Option<u8>,
    /// How often a process that could go on may fall asleep instead, for any time; all others then go on before time passes. None:
    /// whoever could go on may stand still at any time.
    pub sleeps: Option<u8>,
    /// How many faults may happen, of all that are allowed.
    pub faults: u8,
    /// Whether its faults are explored one kind after the other. With one fault that is the same world in smaller pieces.
    pub by_kind: bool,
    pub ids: Ids,
    pub retry_limit: u8,
    /// Decisions of a person about a blocked run.
    pub persons: u8,
    /// In how many ticks `startBy` passes.
    pub start_by: Option<i8>,
    /// `timeouts.run`, if it is not a day.
    pub run_timeout: Option<Ticks>,
    /// Whether processes die.
    pub crashes: bool,
    /// Whether answers of the API server get lost before and after the write, and reads of Azure fail.
    pub losses: bool,
    /// Whether Azure answers a trigger otherwise than well.
    pub answers: bool,
    /// Whether jobs fail, for a reason that passes.
    pub failing_jobs: bool,
    /// Whether somebody erases or sets back the status, or spoils the claim.
    pub meddling: bool,
    /// Whether somebody sets the annotation back to the claim before.
    pub older_claims: bool,
    /// Whether somebody deletes the object; it may be applied again once it is gone.
    pub deletions: bool,
    /// Whether somebody sets `suspend`, `cancel`, or `startBy` to now.
    pub edits: bool,
    /// Whether the vault object is deleted; it may be made again.
    pub vault_goes: bool,
    /// By how many ticks the wall clock of a process may be set forward or back.
    pub clock_jump: Ticks,
    /// How many ticks after its effect the list shows a job at the latest. More than one is a residual risk.
    pub lag: u8,
}

const DISKS: &[Kind] = &[Kind::RestoreDisks];
const ORIGINAL: &[Kind] = &[Kind::OriginalLocation];
const TWO_ORIGINAL: &[Kind] = &[Kind::OriginalLocation, Kind::OriginalLocation];
const ORIGINAL_AND_DISKS: &[Kind] = &[Kind::OriginalLocation, Kind::RestoreDisks];

/// One process; a fault of any kind.
const ONE: Bounds = Bounds {
    name: "",
    always: false,
    runs: DISKS,
    processes: 1,
    interruptions: None,
    sleeps: None,
    faults: 1,
    by_kind: false,
    ids: Ids::Filled,
    retry_limit: 1,
    persons: 1,
    start_by: None,
    run_timeout: None,
    crashes: true,
    losses: true,
    answers: true,
    failing_jobs: true,
    meddling: true,
    older_claims: false,
    deletions: true,
    edits: true,
    vault_goes: true,
    clock_jump: 0,
    lag: 1,
};

/// As [`ONE`], with none of the faults: each world names its own.
const NONE: Bounds = Bounds {
    crashes: false,
    losses: false,
    answers: false,
    failing_jobs: false,
    meddling: false,
    deletions: false,
    edits: false,
    vault_goes: false,
    ..ONE
};

/// Processes die, answers are lost, Azure answers otherwise than well.
const TROUBLE: Bounds = Bounds {
    crashes: true,
    losses: true,
    answers: true,
    failing_jobs: true,
    ..NONE
};

/// Two passes meet each other and a fault of any kind.
const BOUNDED: Bounds = Bounds {
    interruptions: Some(2),
    sleeps: Some(1),
    ..ONE
};

/// All of them.
pub const WORLDS: &[Bounds] = &[
    Bounds {
        name: "disks: lost writes and reads",
        always: true,
        losses: true,
        ..NONE
    },
    Bounds {
        name: "original: no fault",
        always: true,
        runs: ORIGINAL,
        faults: 0,
        ..NONE
    },
    Bounds {
        name: "disks: trouble",
        ..TROUBLE
    },
    Bounds {
        name: "original: trouble",
        runs: ORIGINAL,
        ..TROUBLE
    },
    Bounds {
        name: "disks: deletion",
        deletions: true,
        ..NONE
    },
    Bounds {
        name: "disks: status and claim",
        meddling: true,
        ..NONE
    },
    Bounds {
        name: "disks: any fault",
        ..ONE
    },
    Bounds {
        name: "original: any fault",
        runs: ORIGINAL,
        ..ONE
    },
    Bounds {
        name: "disks: edits, startBy in 2 ticks",
        start_by: Some(2),
        edits: true,
        answers: true,
        ..NONE
    },
    Bounds {
        name: "disks: clock jumps, startBy in 2 ticks",
        start_by: Some(2),
        clock_jump: 2,
        ..NONE
    },
    Bounds {
        name: "disks: timeouts.run of 4 ticks",
        run_timeout: Some(4),
        answers: true,
        crashes: true,
        ..NONE
    },
    Bounds {
        name: "disks: ids not filled, trouble",
        ids: Ids::NotFilled,
        ..TROUBLE
    },
    Bounds {
        name: "disks: ids stop being filled, lost answers",
        ids: Ids::MayStop,
        faults: 2,
        answers: true,
        ..NONE
    },
    Bounds {
        name: "disks: two of lost answers and crashes",
        faults: 2,
        answers: true,
        crashes: true,
        ..NONE
    },
    Bounds {
        name: "original: two of lost answers and crashes",
        runs: ORIGINAL,
        faults: 2,
        answers: true,
        crashes: true,
        ..NONE
    },
    Bounds {
        name: "disks: two of answers and status and claim",
        faults: 2,
        answers: true,
        meddling: true,
        ..NONE
    },
    Bounds {
        name: "disks: two of answers and an older claim",
        faults: 2,
        answers: true,
        older_claims: true,
        ..NONE
    },
    Bounds {
        name: "original: two of answers and an older claim",
        runs: ORIGINAL,
        faults: 2,
        answers: true,
        older_claims: true,
        ..NONE
    },
    Bounds {
        name: "disks: two of crashes and deletion",
        faults: 2,
        crashes: true,
        deletions: true,
        ..NONE
    },
    Bounds {
        name: "disks: 2 processes, deletion",
        interruptions: Some(2),
        sleeps: Some(1),
        processes: 2,
        deletions: true,
        ..NONE
    },
    Bounds {
        name: "disks: two of answers and deletion",
        faults: 2,
        answers: true,
        failing_jobs: true,
        deletions: true,
        ..NONE
    },
    Bounds {
        name: "original: two of answers and deletion",
        runs: ORIGINAL,
        faults: 2,
        answers: true,
        deletions: true,
        ..NONE
    },
    Bounds {
        name: "disks: two of crashes and status and claim",
        faults: 2,
        crashes: true,
        meddling: true,
        ..NONE
    },
    Bounds {
        name: "disks: two of deletion and status and claim",
        faults: 2,
        meddling: true,
        deletions: true,
        ..NONE
    },
    Bounds {
        name: "disks: 2 processes, no fault",
        interruptions: Some(3),
        sleeps: Some(1),
        processes: 2,
        faults: 0,
        ..ONE
    },
    Bounds {
        name: "disks: 2 processes, lost answers",
        interruptions: Some(2),
        sleeps: Some(1),
        processes: 2,
        answers: true,
        ..NONE
    },
    Bounds {
        name: "original: 2 processes, no fault",
        interruptions: Some(3),
        sleeps: Some(1),
        runs: ORIGINAL,
        processes: 2,
        faults: 0,
        ..ONE
    },
    Bounds {
        name: "disks: 2 processes, any fault",
        processes: 2,
        ..BOUNDED
    },
    Bounds {
        name: "original: 2 processes, any fault",
        by_kind: true,
        runs: ORIGINAL,
        processes: 2,
        ..BOUNDED
    },
    Bounds {
        name: "two originals, no fault",
        runs: TWO_ORIGINAL,
        faults: 0,
        ..ONE
    },
    Bounds {
        name: "two originals, any fault",
        by_kind: true,
        runs: TWO_ORIGINAL,
        ..BOUNDED
    },
    Bounds {
        name: "original and disks of one vm, any fault",
        by_kind: true,
        runs: ORIGINAL_AND_DISKS,
        ..BOUNDED
    },
];

/// The risk of a list that is later than the window: a second job must come out, and be excused.
pub const LATE: Bounds = Bounds {
    name: "a list later than the window",
    persons: 0,
    lag: 5,
    ..NONE
};
