//! What is known of one run: what its object asks for (`Run`), what was written down about it (`Record`), and what this
//! process alone has seen (`Memory`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::facts::{ErrorText, JobDetail, Operation, RecoveryPoint};
use super::ids::{ArmId, ClaimId, JobId, OperationId, RecoveryPointName, RequestId, RunKey};
use super::request::Target;

/// One `VmRestore`, read once, in the terms of the deciding side.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its identity; the one in status wins over a computed one.
    pub key: RunKey,
    /// What is asked for. Frozen.
    pub intent: Intent,
    /// What may change while it runs.
    pub control: Control,
    /// The mark on its metadata.
    pub mark: Mark,
    /// What a person decided, if the annotation can be read.
    pub resolve: Option<Resolve>,
    /// Whether somebody deletes the object.
    pub deleting: bool,
    /// What its status says.
    pub record: Record,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The VM.
    pub vm: ArmId,
    /// Exactly this point; otherwise the newest usable one.
    pub point: Option<RecoveryPointName>,
    /// Type and target.
    pub target: Target,
    /// The vault's ARM id, from the vault object.
    pub vault: ArmId,
}

/// What may change while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// No trigger at or after this instant.
    pub start_by: Option<Timestamp>,
    /// Attempts by itself after the first, 0 to 10.
    pub retry_limit: u8,
    /// After this time the run is no longer followed.
    pub run_timeout: SignedDuration,
}

/// A claim: the right to send one trigger for one attempt, for a short time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// 1 to 16; 0 stands where an unreadable claim was found, and nothing is ever sent under it.
    pub attempt: u8,
    /// Fresh for every write.
    pub id: ClaimId,
}

/// Finalizer and claim annotation, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Neither is there.
    None,
    /// Both are there and can be read.
    Standing(Claim),
    /// The annotation can be read but the finalizer is missing: a claim too, once the finalizer is back.
    WithoutFinalizer(Claim),
    /// The annotation is missing or cannot be read under our finalizer, or cannot be read without it.
    Unreadable,
}

/// What a person decided about a blocked run, with the annotation `vmrestore.azurebackup.dev/resolve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolve {
    /// Use the next attempt.
    Retry(ClaimId),
    /// Follow this job.
    Adopt(ClaimId, JobId),
    /// End as failed.
    Abandon(ClaimId),
}

/// What status says about the run. Written by compare-and-swap only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The status cannot be understood; why. Nothing of it is used or rewritten but phase, message and conditions.
    pub unreadable: Option<String>,
    /// The state for people.
    pub phase: Phase,
    /// How it ended.
    pub end: Option<End>,
    /// Why it does not go on, or what it waits for.
    pub note: Note,
    /// The vault at the first claim.
    pub vault: Option<ArmId>,
    /// The item, verbatim.
    pub item: Option<ItemNames>,
    /// The chosen point.
    pub point: Option<ChosenPoint>,
    /// The vault's region.
    pub region: Option<String>,
    /// Attempts, by number.
    pub attempts: Vec<Attempt>,
    /// The last operation that was read.
    pub operation: Option<Operation>,
    /// The job that is followed.
    pub job: Option<JobDetail>,
    /// First look of a controller at this run.
    pub start_time: Option<Timestamp>,
    /// The accepted trigger.
    pub trigger_time: Option<Timestamp>,
    /// The end.
    pub completion_time: Option<Timestamp>,
}

/// Phase, as status shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Before the first claim.
    #[default]
    Pending,
    /// A claim stands and its outcome is open.
    Triggering,
    /// Azure took the trigger; the job is not known yet.
    Accepted,
    /// The job runs.
    Running,
    /// The job is being cancelled.
    Cancelling,
    /// A person must act.
    Blocked,
    /// Done.
    Succeeded,
    /// Azure did not do everything.
    PartiallySucceeded,
    /// Not done.
    Failed,
    /// The job was cancelled.
    Cancelled,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The job is `Completed`.
    Succeeded,
    /// The job is `CompletedWithWarnings`.
    PartiallySucceeded,
    /// The job is `Cancelled`.
    Cancelled,
    /// Anything else.
    Failed(Failure),
}

/// Why a run ended as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The job failed.
    JobFailed,
    /// The operation failed without a job.
    OperationFailed,
    /// Azure refused the request for good.
    RestoreRefused,
    /// `startBy` passed before a trigger was sent.
    StartByPassed,
    /// `timeouts.run` passed; the Azure job goes on.
    RunTimedOut,
    /// A person abandoned it.
    Abandoned,
}

/// What a run waits for, or why it stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The class, which becomes the condition's reason.
    pub kind: NoteKind,
    /// For people: object, field, remedy.
    pub message: String,
}

impl Default for Note {
    fn default() -> Self {
        Self {
            kind: NoteKind::Selecting,
            message: String::new(),
        }
    }
}

/// Classes of [`Note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// Looks for item and point.
    Selecting,
    /// Looks for a job of its own before it claims.
    LookingForJob,
    /// Looks for the job of a claim whose outcome is open.
    ConfirmingTrigger,
    /// A claim stands.
    Triggering,
    /// Follows the operation.
    WaitingForOperation,
    /// Follows the job.
    JobRunning,
    /// Waits before the next try.
    WaitingForRetry,
    /// It ended.
    Ended,
    /// Azure throttles, or the budget is used up.
    Throttled,
    /// Azure cannot be reached.
    AzureUnavailable,
    /// There is no vault object of that name.
    VaultNotFound,
    /// The vault object does not allow the namespace.
    VaultNotAllowed,
    /// The vault object names a host that the controller may not talk to.
    EndpointNotAllowed,
    /// The Secret does not exist.
    SecretNotFound,
    /// The Secret lacks the key.
    SecretKeyMissing,
    /// No token.
    AuthenticationFailed,
    /// A role is missing.
    PermissionDenied,
    /// The vault does not exist in Azure.
    AzureVaultNotFound,
    /// The vault protects no such VM.
    VirtualMachineNotProtected,
    /// No point qualifies.
    NoRecoveryPoint,
    /// The named point does not exist.
    RecoveryPointNotFound,
    /// The named point cannot be restored from.
    RecoveryPointUnusable,
    /// Another operation holds the item.
    ItemBusy,
    /// Azure refuses reads for another reason.
    AzureRefused,
    /// The vault of the status is not the vault of the object.
    VaultChanged,
    /// Whether the trigger started a restore cannot be known.
    TriggerOutcomeUnknown,
    /// The status cannot be understood.
    StatusUnreadable,
    /// Two jobs carry one request id; the oldest is followed.
    DuplicateJobs,
}

impl NoteKind {
    /// Whether a person must act before it goes on (`Stalled`).
    pub fn needs_a_person(self) -> bool {
        match self {
            Self::Selecting
            | Self::LookingForJob
            | Self::ConfirmingTrigger
            | Self::Triggering
            | Self::WaitingForOperation
            | Self::JobRunning
            | Self::WaitingForRetry
            | Self::Ended
            | Self::Throttled
            | Self::AzureUnavailable
            | Self::ItemBusy
            | Self::DuplicateJobs => false,
            Self::VaultNotFound
            | Self::VaultNotAllowed
            | Self::EndpointNotAllowed
            | Self::SecretNotFound
            | Self::SecretKeyMissing
            | Self::AuthenticationFailed
            | Self::PermissionDenied
            | Self::AzureVaultNotFound
            | Self::VirtualMachineNotProtected
            | Self::NoRecoveryPoint
            | Self::RecoveryPointNotFound
            | Self::RecoveryPointUnusable
            | Self::AzureRefused
            | Self::VaultChanged
            | Self::TriggerOutcomeUnknown
            | Self::StatusUnreadable => true,
        }
    }
}

/// The names that Azure gave to the protected item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemNames {
    /// Container with prefix.
    pub container: String,
    /// Item with prefix.
    pub name: String,
}

/// The point that was chosen, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenPoint {
    /// The point.
    pub point: RecoveryPoint,
    /// Such as `newest usable: 3 of 41 points qualify`.
    pub reason: String,
    /// Up to five of the newest, with a verdict each.
    pub candidates: Vec<Candidate>,
}

/// A point that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: RecoveryPointName,
    /// When it was taken.
    pub time: Option<Timestamp>,
    /// Its consistency.
    pub consistency: String,
    /// Why it was chosen, or not.
    pub verdict: String,
}

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

/// Whether activity ids can be relied on in a vault (design, "What Azure gives us").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Matching {
    /// Nothing was compared yet.
    #[default]
    Assumed,
    /// A job that was known from its operation carried the id that was sent.
    Proven,
    /// It carried another one, or none.
    Broken,
}

/// What this process has seen of one run. Never stored: another process starts its own windows.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// When this process first saw each claim id, on the boot-time clock.
    pub claims: BTreeMap<ClaimId, SignedDuration>,
    /// When this process first saw each job, on the boot-time clock.
    pub jobs: BTreeMap<JobId, SignedDuration>,
    /// The last complete listing that was begun, on the boot-time clock, with this run's vault and credentials.
    pub last_look: Option<SignedDuration>,
    /// Not earlier than this, by Azure's word or by our own pace, on the boot-time clock.
    pub not_before: Option<SignedDuration>,
    /// How often the same thing was tried in a row: what the pace grows with.
    pub tries: u32,
    /// Jobs whose activity id this process has compared with what was sent.
    pub compared: BTreeSet<JobId>,
    /// The word of a person that was acted on last, so that it cuts a wait short only once.
    pub heeded: Option<Resolve>,
}

impl Record {
    /// The attempt of that number.
    pub fn attempt(&self, number: u8) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.number == number)
    }

    /// Whether the run is blocked because what became of a claim cannot be known.
    pub fn is_blocked_on_a_claim(&self) -> bool {
        self.attempts
            .iter()
            .any(|attempt| attempt.state == AttemptState::Blocked)
    }

    /// What is recorded about a claim: only what was written under that very claim id counts.
    pub fn of_claim(&self, claim: Claim) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.number == claim.attempt && attempt.claim == Some(claim.id))
    }
}
