//! What a pass asks of the world and what it is answered, small enough to be compared and kept by the million.

use super::super::facts::{JobStatus, OperationStatus};
use super::super::item_lock::HolderState;
use super::super::record::{AttemptState, Claim, Mark, Matching, Resolve};
use super::names::{claim_name, claim_number, job_name, job_place};

/// A claim by the number of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claimed {
    pub attempt: u8,
    pub name: u8,
}

impl Claimed {
    pub fn of(claim: Claim) -> Self {
        Self {
            attempt: claim.attempt,
            name: claim_number(claim.id),
        }
    }

    pub fn claim(self) -> Claim {
        Claim {
            attempt: self.attempt,
            id: claim_name(self.name),
        }
    }
}

/// Finalizer and annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Marked {
    None,
    Standing(Claimed),
    WithoutFinalizer(Claimed),
    Unreadable,
}

impl Marked {
    pub fn mark(self) -> Mark {
        match self {
            Self::None => Mark::None,
            Self::Standing(claim) => Mark::Standing(claim.claim()),
            Self::WithoutFinalizer(claim) => Mark::WithoutFinalizer(claim.claim()),
            Self::Unreadable => Mark::Unreadable,
        }
    }

    pub fn standing(self) -> Option<Claimed> {
        match self {
            Self::Standing(claim) => Some(claim),
            Self::None | Self::WithoutFinalizer(_) | Self::Unreadable => None,
        }
    }

    /// The claim that it names, as a bit.
    pub fn bits(self) -> u32 {
        match self {
            Self::Standing(claim) | Self::WithoutFinalizer(claim) => 1 << claim.name,
            Self::None | Self::Unreadable => 0,
        }
    }
}

/// What a person decided, by the number of the claim's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    Retry(u8),
    Adopt(u8, u8),
    Abandon(u8),
}

impl Word {
    pub fn resolve(self) -> Resolve {
        match self {
            Self::Retry(claim) => Resolve::Retry(claim_name(claim)),
            Self::Adopt(claim, job) => Resolve::Adopt(claim_name(claim), job_name(job)),
            Self::Abandon(claim) => Resolve::Abandon(claim_name(claim)),
        }
    }

    pub fn bits(self) -> u32 {
        match self {
            Self::Retry(claim) | Self::Adopt(claim, _) | Self::Abandon(claim) => 1 << claim,
        }
    }
}

/// What of `spec` changes while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Controls {
    pub suspend: bool,
    pub cancel: bool,
    /// In how many ticks `startBy` passes; negative when it has.
    pub start_by: Option<i8>,
}

/// The object as a read shows it; the record by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View {
    pub run: u8,
    pub mark: Marked,
    pub resolve: Option<Word>,
    pub deleting: bool,
    pub controls: Controls,
    pub record: u32,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stands {
    Runs,
    Completed,
    Failed,
}

impl Stands {
    pub fn status(self) -> JobStatus {
        match self {
            Self::Runs => JobStatus::InProgress,
            Self::Completed => JobStatus::Completed,
            Self::Failed => JobStatus::Failed,
        }
    }
}

/// A job as a list shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listed {
    pub place: u8,
    pub run: u8,
    pub attempt: u8,
    pub stands: Stands,
    /// Ticks since it started, as far as somebody compares that.
    pub age: u8,
    /// Ticks since the listing that showed it last was begun.
    pub shown: u8,
    pub has_id: bool,
}

/// A read of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ended {
    pub place: u8,
    pub fails: bool,
    pub job: Option<u8>,
}

impl Ended {
    pub fn status(self) -> OperationStatus {
        match self.fails {
            true => OperationStatus::Failed,
            false => OperationStatus::Succeeded,
        }
    }
}

/// What a trigger is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Accepted(Option<u8>),
    Unknown,
    Busy,
    Throttled,
    Refused,
    TooLate,
}

/// How fresh a list must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Begun after the read that a look builds on.
    Fresh,
    /// No older than the vault's interval.
    Recent,
    /// Any that is complete.
    Any,
}

/// What a pass asks of the world. What was read is named by the number of its answer in the pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    Read,
    WriteClaim(u8, Claimed),
    LetGo(u8),
    Save(u8, u32),
    Matching,
    NoteMatching(bool),
    /// An attempt, and how many seconds are left for it on either clock.
    Trigger(u8, i32, i32),
    Operation(u8),
    Jobs(Need),
    Job(u8),
    ReadLock,
    TakeLock(u8),
    ReleaseLock(u8),
    Holder(u8),
}

impl Call {
    /// Whether it is answered in the same step as what came before it: a read that decides nothing by itself.
    pub fn follows_at_once(self) -> bool {
        matches!(self, Self::Matching | Self::NoteMatching(_) | Self::Job(_))
    }

    /// Whether it changes something at the API server.
    pub fn writes(self) -> bool {
        matches!(
            self,
            Self::WriteClaim(..)
                | Self::LetGo(_)
                | Self::Save(..)
                | Self::TakeLock(_)
                | Self::ReleaseLock(_)
        )
    }
}

/// An access to the API server that did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    Conflict,
    Gone,
    Lost,
    Refused,
}

/// What the world answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    Stored(View),
    Done,
    NotStored(Fault),
    /// A list, by the number of the board that it made.
    Jobs(u32),
    NotRead,
    Triggered(Outcome),
    Operation(Option<Ended>),
    Job(Option<Listed>),
    Matching(Matched),
    /// Version and holder of the lock.
    Lock(Option<(u8, u8)>),
    Holder(HolderState),
}

/// What the vault object says about activity ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Matched {
    Assumed,
    Proven,
    Broken,
}

impl Matched {
    pub fn matching(self) -> Matching {
        match self {
            Self::Assumed => Matching::Assumed,
            Self::Proven => Matching::Proven,
            Self::Broken => Matching::Broken,
        }
    }
}

/// The place of the job that an attempt names, for people.
pub fn told(attempt: &super::super::record::Attempt) -> String {
    let job = attempt.job.as_ref().map(job_place);
    let job = job.map_or_else(String::new, |place| format!(" j{place}"));
    let state: AttemptState = attempt.state;
    format!("{}:{state:?}{job}", attempt.number)
}
