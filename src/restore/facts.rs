//! What Azure says, in the words of Azure Backup: items, recovery points, operations, jobs and the listing of them.
//!
//! Values that Azure may extend stay text; a status keeps the unknown value beside the known ones. Nothing here is secret:
//! key material, tokens and signed URLs are dropped while answers are decoded.

use jiff::{SignedDuration, Timestamp};

use super::ids::{ArmId, JobId, OperationId, RecoveryPointName};
pub use super::jobs::*;

/// The two clocks of one instant. The wall clock may jump; the boot-time clock never goes back and counts while the
/// machine sleeps, but means nothing to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time of day, UTC.
    pub wall: Timestamp,
    /// Time since boot.
    pub boot: SignedDuration,
}

/// An item that the vault protects, with the names that Azure gave it. They are sent back verbatim, never built (CONTRACT 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedItem {
    /// Container name with its prefix, such as `IaasVMContainer;iaasvmcontainerv2;testRG;testVM`.
    pub container: String,
    /// Item name with its prefix, such as `VM;iaasvmcontainerv2;testRG;testVM`.
    pub name: String,
    /// The protected VM, as the item names it.
    pub source: ArmId,
    /// `Protected`, `ProtectionStopped` and others; an item whose protection stopped can still be restored.
    pub protection_state: String,
    /// Whether the item itself is soft-deleted.
    pub soft_deleted: bool,
}

/// A recovery point as far as the choice and the request need it (CONTRACT 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// Name, which is the id that the restore path and body take.
    pub name: RecoveryPointName,
    /// `IaasVMRecoveryPoint` for a VM; anything else is a point of another workload.
    pub object_type: String,
    /// When it was taken; absent when Azure's text could not be read.
    pub time: Option<Timestamp>,
    /// `AppConsistent`, `FileSystemConsistent`, `CrashConsistent`, or what Azure says.
    pub consistency: String,
    /// Where the data lies; empty on answers that do not say.
    pub tiers: Vec<Tier>,
    /// Whether somebody deleted the point and it only waits for its end; absent when Azure says nothing of the end of the
    /// point, as the api-version 2019-05-13 does.
    pub soft_deleted: Option<bool>,
    /// After this the point is gone; only newer api-versions say.
    pub expires: Option<Timestamp>,
    /// Whether the VM had managed disks; absent when Azure does not say.
    pub managed: Option<bool>,
    /// What some restores must know besides.
    pub details: PointDetails,
}

/// What only some restores must know of a recovery point; absent where an answer does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PointDetails {
    /// Whether the VM was encrypted with Azure Disk Encryption.
    pub encrypted: Option<bool>,
    /// Whether a disk of the VM had private access.
    pub private_access: Option<bool>,
    /// The edge zone of the VM.
    pub edge_zone: Option<ExtendedLocation>,
    /// LUNs of the disks in it; only the read of a single point shows them (CONTRACT 6).
    pub luns: Option<Vec<i64>>,
}

/// A place beside the regions, such as an edge zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedLocation {
    /// Such as `losangeles`.
    pub name: String,
    /// `EdgeZone`.
    pub kind: String,
}

/// One tier of a recovery point, with integers of older api-versions already turned into names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// `InstantRP`, `HardenedRP`, `ArchivedRP`, or what Azure says.
    pub kind: String,
    /// `Valid`, `Disabled`, `Deleted`, `Rehydrated`, or what Azure says.
    pub status: String,
}

/// What the vault itself says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VaultFacts {
    /// Region, such as `westus`; sent as `region` of the restore request.
    pub location: String,
    /// `GeoRedundant`, `LocallyRedundant`, `ZoneRedundant`, ...; absent on old api-versions.
    pub storage_redundancy: Option<String>,
    /// `Enabled` or `Disabled`; absent on old api-versions.
    pub cross_region_restore: Option<String>,
    /// Restore into another subscription: `Enabled`, `Disabled` or `PermanentlyDisabled`; absent on old api-versions.
    pub cross_subscription_restore: Option<String>,
    /// Whether a Resource Guard protects the vault: `Enabled` or `Disabled`; absent on old api-versions.
    pub multi_user_authorization: Option<String>,
}

/// What Azure says about the things that a restore request names, as far as it may be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The requests of Resource Guards that a restore must show, by their ids.
    pub guard_requests: Vec<String>,
    /// A Resource Guard that protects restores and belongs to another tenant.
    pub foreign_guard: Option<ArmId>,
    /// The region of the staging storage account.
    pub storage_account_region: Option<String>,
    /// Whether the vault restores into another subscription, as [`VaultFacts::cross_subscription_restore`].
    pub cross_subscription_restore: Option<String>,
    /// The api-version that the vault object pins for the restore request.
    pub pinned_version: Option<String>,
}

/// One read of the operation that a trigger started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// Its status.
    pub status: OperationStatus,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended; absent while it runs (Azure writes year 1).
    pub ended: Option<Timestamp>,
    /// The job that it created; only then is the restore on its way.
    pub job: Option<JobId>,
    /// Why it failed.
    pub error: Option<ErrorText>,
}

impl Operation {
    /// An operation of which nothing but its id is known yet.
    pub fn unread(id: OperationId) -> Self {
        Self {
            id,
            status: OperationStatus::Other(String::new()),
            started: None,
            ended: None,
            job: None,
            error: None,
        }
    }
}

/// Status of an operation (CONTRACT 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationStatus {
    /// It runs.
    InProgress,
    /// The job was created. Says nothing about the restore.
    Succeeded,
    /// No job was created.
    Failed,
    /// No job was created; written with one l.
    Canceled,
    /// A value that this version does not know: taken as running.
    Other(String),
}

impl OperationStatus {
    /// Reads Azure's text, in any letter case.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "inprogress" => Self::InProgress,
            "succeeded" => Self::Succeeded,
            "failed" => Self::Failed,
            "canceled" | "cancelled" => Self::Canceled,
            _ => Self::Other(text.to_owned()),
        }
    }

    /// The text for status and messages.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Other(text) => text,
        }
    }
}

/// A code and a message in Azure's own words, scrubbed and cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorText {
    /// Such as `BMSUserErrorObjectLocked`; empty when Azure gave none.
    pub code: String,
    /// Azure's message.
    pub message: String,
}

/// What came of one trigger (design, "Answers"). The table that leads here is in `azure::verdict`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerOutcome {
    /// Any 2xx, whatever its headers.
    Accepted {
        /// Absent when no header named one.
        operation: Option<OperationId>,
    },
    /// Nothing was sent, or Azure's answer proves that nothing started.
    NotStarted(Refusal),
    /// It may have started: time-out, reset, 5xx, 408, 3xx, 4xx without an error code.
    Unknown {
        /// What happened, for a person.
        what: String,
    },
}

impl TriggerOutcome {
    /// A word for logs and metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::NotStarted(_) => "not_started",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The class, which decides the reason that users see.
    pub kind: RefusalKind,
    /// Azure's code and message, or ours when nothing was sent.
    pub error: ErrorText,
    /// What to do about it.
    pub then: Then,
}

/// What may follow a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The same request cannot succeed: the run ends.
    GiveUp,
    /// Try again, not earlier than this.
    RetryAfter(SignedDuration),
    /// Something else is going on with the item: a look first (it may be our own earlier trigger), then again not earlier
    /// than this.
    LookThenRetryAfter(SignedDuration),
}

/// Classes of refusals, in the terms in which a user can mend them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// No token: wrong secret, unknown tenant or client, or the authority cannot be reached for good.
    Authentication,
    /// 403: the identity lacks a role.
    Permission,
    /// 404 on the vault, its resource group or subscription.
    VaultNotFound,
    /// 404 on the item, the recovery point, the job or the operation.
    NotFound,
    /// 429, or our own budget.
    Throttled,
    /// 409 and codes that mean that another operation holds the item.
    Busy,
    /// 5xx, time-out, connection lost.
    Unavailable,
    /// 400 and other codes that name a fault of the request.
    BadRequest,
    /// The api-version is refused and no other row of the table is left.
    ApiVersion,
    /// The answer could not be understood.
    Unreadable,
    /// Nothing was sent: the claim was too old, or `startBy` had passed.
    TooLate,
}

impl RefusalKind {
    /// Whether somebody must change something before it can work.
    pub fn needs_a_person(self) -> bool {
        match self {
            Self::Authentication
            | Self::Permission
            | Self::VaultNotFound
            | Self::NotFound
            | Self::BadRequest
            | Self::ApiVersion => true,
            Self::Throttled | Self::Busy | Self::Unavailable | Self::Unreadable | Self::TooLate => {
                false
            }
        }
    }
}

/// A read, or a preparation, that did not work. Nothing was changed in Azure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct VaultError {
    /// The class.
    pub kind: RefusalKind,
    /// Azure's code and message, or ours.
    pub error: ErrorText,
    /// When to come back; never shorter than the server asked. Also for errors that a person must mend: the fix is picked
    /// up then.
    pub retry_after: SignedDuration,
}

impl VaultError {
    pub(super) fn describe(&self) -> String {
        if self.error.code.is_empty() {
            self.error.message.clone()
        } else {
            format!("{}: {}", self.error.code, self.error.message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_needs_no_person_and_everything_else_does() {
        use RefusalKind::*;
        for kind in [
            Authentication,
            Permission,
            VaultNotFound,
            NotFound,
            BadRequest,
            ApiVersion,
        ] {
            assert!(kind.needs_a_person(), "{kind:?}");
        }
        for kind in [Throttled, Busy, Unavailable, Unreadable, TooLate] {
            assert!(!kind.needs_a_person(), "{kind:?}");
        }
    }

    #[test]
    fn an_error_is_told_by_its_code_and_message_or_by_its_message_alone() {
        let error = |code: &str| VaultError {
            kind: RefusalKind::Unavailable,
            error: ErrorText {
                code: code.to_owned(),
                message: "no answer came".to_owned(),
            },
            retry_after: SignedDuration::ZERO,
        };

        assert_eq!(error("Busy").to_string(), "Busy: no answer came");
        assert_eq!(error("").to_string(), "no answer came");
    }
}
