//! One attempt to start the restore, as the record keeps it.

use jiff::Timestamp;

use super::facts::ErrorText;
use super::ids::{ClaimId, JobId, OperationId, RequestId};

/// One attempt, as status keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 to 16; 0 for a placeholder claim.
    pub number: u8,
    /// Its request id; none for a placeholder.
    pub request_id: Option<RequestId>,
    /// The claim that it was last tried under; none for a job that was found without one.
    pub claim: Option<ClaimId>,
    /// When that claim was written.
    pub claimed: Option<Timestamp>,
    /// Where it stands.
    pub state: AttemptState,
    /// Whether any 2xx was ever recorded for it.
    pub accepted: bool,
    /// The operation of the 2xx.
    pub operation: Option<OperationId>,
    /// The job.
    pub job: Option<JobId>,
    /// Why it did not work.
    pub error: Option<ErrorText>,
}

/// Error code of an attempt whose outcome was open while the vault's `jobMatching` was `Broken`.
pub const JOB_MATCHING_BROKEN: &str = "JobMatchingBroken";

impl Attempt {
    /// Whether its outcome was open while ids were known not to be filled. Its job may never carry the id that was sent, so
    /// that no list shows one proves nothing, also when ids are filled again.
    pub fn was_open_while_broken(&self) -> bool {
        let error = self.error.as_ref();
        error.is_some_and(|error| error.code == JOB_MATCHING_BROKEN)
    }

    /// Notes that, if its outcome is open.
    pub(super) fn note_open_while_broken(&mut self) {
        match self.state {
            AttemptState::Claimed
            | AttemptState::Unknown
            | AttemptState::JobSought
            | AttemptState::Blocked => {
                let message = self.error.take().map(|error| error.message);
                self.error = Some(ErrorText {
                    code: JOB_MATCHING_BROKEN.to_owned(),
                    message: message.unwrap_or_default(),
                });
            }
            AttemptState::Accepted
            | AttemptState::NotStarted
            | AttemptState::Conflict
            | AttemptState::OperationFailed
            | AttemptState::Running
            | AttemptState::Adopted
            | AttemptState::Ended
            | AttemptState::JobFailed
            | AttemptState::NotFound
            | AttemptState::Abandoned => {}
        }
    }
}

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptState {
    /// A claim was written and what came of it is not recorded.
    Claimed,
    /// Nothing started: it keeps its number.
    NotStarted,
    /// Nothing started, says a 409, which a look must confirm.
    Conflict,
    /// The answer was lost or says nothing.
    Unknown,
    /// Azure took it.
    Accepted,
    /// Azure took it, but its operation is gone, or succeeded without a job: only a look can tell.
    JobSought,
    /// The operation failed without a job: nothing started.
    OperationFailed,
    /// The job is known and runs.
    Running,
    /// The job is known and runs; a person said that it is this run's.
    Adopted,
    /// The job ended, not as failed.
    Ended,
    /// The job failed.
    JobFailed,
    /// No job of it was listed after the window.
    NotFound,
    /// Its outcome cannot be known: a person decides.
    Blocked,
    /// A person gave it up.
    Abandoned,
}

impl AttemptState {
    /// Every state, for reading and tests.
    pub const ALL: [Self; 14] = [
        Self::Claimed,
        Self::NotStarted,
        Self::Conflict,
        Self::Unknown,
        Self::Accepted,
        Self::JobSought,
        Self::OperationFailed,
        Self::Running,
        Self::Adopted,
        Self::Ended,
        Self::JobFailed,
        Self::NotFound,
        Self::Blocked,
        Self::Abandoned,
    ];

    /// The word in status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "Claimed",
            Self::NotStarted => "NotStarted",
            Self::Conflict => "Conflict",
            Self::Unknown => "Unknown",
            Self::Accepted => "Accepted",
            Self::JobSought => "JobSought",
            Self::OperationFailed => "OperationFailed",
            Self::Running => "Running",
            Self::Adopted => "Adopted",
            Self::Ended => "Ended",
            Self::JobFailed => "JobFailed",
            Self::NotFound => "NotFound",
            Self::Blocked => "Blocked",
            Self::Abandoned => "Abandoned",
        }
    }
}
