//! Condition types and the closed set of reasons.
//!
//! Each reason has a paragraph in the reference (`docs/reference/`) and in [`GUIDE`]; tests hold them together.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionType {
    /// Always there. Restore: the run has succeeded. Vault: the controller can use it.
    Ready,
    /// Only while true: the controller is at work.
    Reconciling,
    /// Only while true: nothing goes on by itself; a person must act, or the run ended badly.
    Stalled,
    /// The recovery point is chosen and stands in the status.
    RecoveryPointSelected,
    /// Azure has the restore: it was accepted, or its job was found.
    Triggered,
    /// What the job has made stands in the status.
    OutputsRead,
    /// The run has succeeded.
    Complete,
    /// The run has ended in any other way.
    Failed,
}

impl ConditionType {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ready,
        Self::Reconciling,
        Self::Stalled,
        Self::RecoveryPointSelected,
        Self::Triggered,
        Self::OutputsRead,
        Self::Complete,
        Self::Failed,
    ];

    /// The word that stands in the condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::RecoveryPointSelected => "RecoveryPointSelected",
            Self::Triggered => "Triggered",
            Self::OutputsRead => "OutputsRead",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
        }
    }
}

/// What a reason says of the object that bears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// At work, or waiting for something that comes by itself: Ready is False, Reconciling True.
    Working,
    /// A person must act, and then it goes on by itself: Ready is False, Stalled True.
    Blocked,
    /// Ended, or usable, as wanted: Ready is True.
    Good,
    /// Ended in another way: Ready is False, Stalled and Failed are True.
    Bad,
    /// Reached a milestone; stands on that milestone's condition only.
    Milestone,
}

/// Declares the reasons: a variant, its standing and what it means.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident: $standing:ident,)+) => {
        /// Why a condition is what it is. The set is closed; each has a paragraph in the user documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word that stands in the condition.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it says of the object that bears it.
            pub const fn standing(self) -> Standing {
                match self {
                    $(Self::$name => Standing::$standing,)+
                }
            }
        }
    };
}

reasons! {
    // ---- at work
    /// The controller reads the vault, the protected item and the recovery points.
    Selecting: Working,
    /// The controller looks through the vault's jobs for one that this run has already started.
    LookingForJob: Working,
    /// The restore is being sent to Azure.
    Triggering: Working,
    /// No answer says whether Azure started the restore; the controller looks until it knows.
    ConfirmingTrigger: Working,
    /// Azure accepted the restore and is creating the job.
    WaitingForOperation: Working,
    /// The job runs.
    JobRunning: Working,
    /// The job runs, but nothing of it has changed for hours; it is still followed.
    JobStalled: Working,
    /// An attempt failed for a passing reason; the next one follows.
    WaitingForRetry: Working,
    /// Azure throttles; the message says until when.
    Throttled: Working,
    /// Azure, or the way to it, does not answer as it should; the controller tries again.
    AzureUnavailable: Working,
    /// Another operation holds the protected item; the controller tries again.
    ItemBusy: Working,
    /// The recovery point's data has not arrived in the vault yet; the controller tries again.
    TransferNotFinished: Working,
    /// The object is being deleted, but has to wait until its restore is decided.
    DeletionWaits: Working,
    // ---- a person must act
    /// There is no RecoveryServicesVault object of that name.
    VaultNotFound: Blocked,
    /// The vault does not allow the namespace of the restore.
    VaultNotAllowed: Blocked,
    /// The run belongs to another Azure vault than the one its object names now.
    VaultChanged: Blocked,
    /// The vault's endpoints are not among the hosts that the controller may talk to.
    EndpointNotAllowed: Blocked,
    /// The Secret with the credentials does not exist.
    SecretNotFound: Blocked,
    /// The Secret lacks the key, or its value is empty.
    SecretKeyMissing: Blocked,
    /// Azure does not accept the credentials.
    AuthenticationFailed: Blocked,
    /// Azure knows the identity, but it lacks a role.
    PermissionDenied: Blocked,
    /// The vault does not exist in Azure.
    AzureVaultNotFound: Blocked,
    /// Azure refuses what the controller asks; its code and text are in the message.
    AzureRefused: Blocked,
    /// The vault protects no such virtual machine.
    VirtualMachineNotProtected: Blocked,
    /// The machine has no recovery point that can be restored.
    NoRecoveryPoint: Blocked,
    /// The named recovery point does not exist.
    RecoveryPointNotFound: Blocked,
    /// The named recovery point exists, but cannot be restored.
    RecoveryPointUnusable: Blocked,
    /// This restore is not possible for a virtual machine that is encrypted with Azure Disk Encryption.
    EncryptedVirtualMachine: Blocked,
    /// A disk of the machine has private access, and the restore does not say what the restored disks get.
    DiskNetworkAccessRequired: Blocked,
    /// The recovery point has no disk with a LUN that the restore names.
    DiskNotInRecoveryPoint: Blocked,
    /// A Resource Guard of another tenant protects restores from the vault.
    ResourceGuardInAnotherTenant: Blocked,
    /// The target names something with which the restore cannot work.
    TargetUnsuitable: Blocked,
    /// It cannot be known whether Azure started the restore, and guessing is not safe.
    TriggerOutcomeUnknown: Blocked,
    /// The stored status cannot be understood.
    StatusUnreadable: Blocked,
    // ---- milestones
    /// The recovery point is chosen.
    RecoveryPointChosen: Milestone,
    /// Azure answered that it accepted the restore.
    Accepted: Milestone,
    /// A job that this run had started was found in the vault and is followed.
    JobAdopted: Milestone,
    /// More than one job carries the id of this run; the oldest is followed.
    DuplicateJobs: Milestone,
    /// What the job has made stands in the status.
    OutputsFound: Milestone,
    // ---- good
    /// The controller can use the vault.
    VaultReachable: Good,
    /// Azure restored everything that was asked for.
    Succeeded: Good,
    // ---- ended in another way
    /// The job ended with warnings.
    PartiallySucceeded: Bad,
    /// The job failed, and no further attempt follows.
    JobFailed: Bad,
    /// The job was cancelled.
    JobCancelled: Bad,
    /// Azure refused the restore.
    RestoreRefused: Bad,
    /// Azure accepted the restore but failed to create its job.
    OperationFailed: Bad,
    /// spec.startBy passed before the restore was started.
    StartByPassed: Bad,
    /// spec.timeouts.run passed before the job ended.
    RunTimedOut: Bad,
    /// A person gave the run up.
    Abandoned: Bad,
}

/// Where people read what each reason and each error of Azure means and what to do: a file of this repository.
pub const GUIDE: &str = "docs/troubleshooting.md";

impl Reason {
    /// The paragraph that a person who must act reads; absent where nobody must.
    fn guide(self) -> Option<String> {
        match self.standing() {
            Standing::Blocked | Standing::Bad => {
                Some(format!("{GUIDE}#{}", self.as_str().to_ascii_lowercase()))
            }
            Standing::Working | Standing::Good | Standing::Milestone => None,
        }
    }
}

/// The message as status shows it: where a person must act it ends with where to read on.
pub fn with_guide(message: String, reason: Reason) -> String {
    match reason.guide() {
        Some(guide) if !message.is_empty() => format!("{message} (see {guide})"),
        _ => message,
    }
}

/// The message as it was before [`with_guide`].
pub fn without_guide(message: &str) -> &str {
    match message.rsplit_once(&format!(" (see {GUIDE}#")) {
        Some((said, anchor)) if anchor.ends_with(')') => said,
        _ => message,
    }
}

/// What one condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `Some(true)` is True, `Some(false)` False, `None` Unknown.
    pub status: Option<bool>,
    /// One word for programs.
    pub reason: Reason,
    /// What happened and what to do, for people.
    pub message: String,
    /// `metadata.generation` of the object that this is said about.
    pub observed_generation: i64,
}

/// Sets one condition. `lastTransitionTime` moves only when the status flips, so that saying the same again changes nothing.
pub fn set(conditions: &mut Vec<Condition>, about: ConditionType, said: Said, now: Timestamp) {
    let status = match said.status {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let position = conditions.iter().position(|c| c.type_ == about.as_str());
    let last_transition_time = match position {
        Some(i) if conditions[i].status == status => conditions[i].last_transition_time.clone(),
        _ => Time(now),
    };
    let condition = Condition {
        type_: about.as_str().to_owned(),
        status: status.to_owned(),
        reason: said.reason.as_str().to_owned(),
        message: said.message,
        observed_generation: Some(said.observed_generation),
        last_transition_time,
    };
    match position {
        Some(i) => conditions[i] = condition,
        None => conditions.push(condition),
    }
}

/// Removes one condition.
pub fn unset(conditions: &mut Vec<Condition>, about: ConditionType) {
    conditions.retain(|c| c.type_ != about.as_str());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: bool, message: &str) -> Said {
        Said {
            status: Some(status),
            reason: Reason::JobRunning,
            message: message.into(),
            observed_generation: 1,
        }
    }

    #[test]
    fn transition_time_moves_only_when_the_status_flips() {
        let [first, second, third] = [10, 20, 30].map(|s| Timestamp::from_second(s).unwrap());
        let mut conditions = vec![];

        set(
            &mut conditions,
            ConditionType::Ready,
            said(false, "1 %"),
            first,
        );
        set(
            &mut conditions,
            ConditionType::Ready,
            said(false, "2 %"),
            second,
        );
        assert_eq!(conditions[0].last_transition_time, Time(first));
        assert_eq!(conditions[0].message, "2 %");

        set(
            &mut conditions,
            ConditionType::Ready,
            said(true, "done"),
            third,
        );
        assert_eq!(conditions[0].last_transition_time, Time(third));
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn only_who_must_act_is_told_where_to_read_on_and_the_words_come_back_without_it() {
        for reason in Reason::ALL {
            let shown = with_guide("it is so".to_owned(), *reason);

            let must_act = matches!(reason.standing(), Standing::Blocked | Standing::Bad);
            assert_eq!(shown != "it is so", must_act, "{shown}");
            assert_eq!(without_guide(&shown), "it is so");
        }
        assert_eq!(
            with_guide("no point".to_owned(), Reason::NoRecoveryPoint),
            "no point (see docs/troubleshooting.md#norecoverypoint)"
        );
        assert_eq!(with_guide(String::new(), Reason::NoRecoveryPoint), "");
        assert_eq!(
            without_guide("a message (see there)"),
            "a message (see there)"
        );
    }
}
