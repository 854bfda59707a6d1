//! What a run waits for or why it stands still, in classes that become the reasons of its conditions.

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
    /// Follows the job, of which nothing has changed for long.
    JobStalled,
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
    /// The type of restore is not possible for an encrypted VM.
    EncryptedVirtualMachine,
    /// The point's data has not arrived in the vault yet.
    TransferNotFinished,
    /// A disk has private access and the run does not say what the restored ones get.
    DiskNetworkAccessRequired,
    /// The point has no disk of a LUN that is asked for.
    DiskNotInRecoveryPoint,
    /// A Resource Guard of another tenant protects restores.
    ResourceGuardInAnotherTenant,
    /// What the target names cannot work together.
    TargetUnsuitable,
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
    /// What a person can do about it, where Azure's own words leave that open; nothing where waiting helps.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::AuthenticationFailed => {
                "; check spec.auth.servicePrincipal of the RecoveryServicesVault and the Secret that it names"
            }
            Self::PermissionDenied => {
                "; give the identity of the RecoveryServicesVault (spec.auth) the Azure roles that the documentation on identity lists"
            }
            Self::AzureVaultNotFound => {
                "; check spec.subscriptionId, spec.resourceGroup and spec.name of the RecoveryServicesVault"
            }
            _ => "",
        }
    }

    /// Whether a person must act before it goes on (`Stalled`).
    pub fn needs_a_person(self) -> bool {
        match self {
            Self::Selecting
            | Self::LookingForJob
            | Self::ConfirmingTrigger
            | Self::Triggering
            | Self::WaitingForOperation
            | Self::JobRunning
            | Self::JobStalled
            | Self::WaitingForRetry
            | Self::Ended
            | Self::Throttled
            | Self::AzureUnavailable
            | Self::ItemBusy
            | Self::TransferNotFinished
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
            | Self::EncryptedVirtualMachine
            | Self::DiskNetworkAccessRequired
            | Self::DiskNotInRecoveryPoint
            | Self::ResourceGuardInAnotherTenant
            | Self::TargetUnsuitable
            | Self::AzureRefused
            | Self::VaultChanged
            | Self::TriggerOutcomeUnknown
            | Self::StatusUnreadable => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_names_the_fields_to_mend_where_azures_words_leave_that_open() {
        for (kind, field) in [
            (NoteKind::AuthenticationFailed, "spec.auth.servicePrincipal"),
            (NoteKind::PermissionDenied, "(spec.auth) the Azure roles"),
            (NoteKind::AzureVaultNotFound, "spec.resourceGroup"),
        ] {
            let remedy = kind.remedy();
            assert!(
                remedy.starts_with("; ") && remedy.contains(field),
                "{remedy}"
            );
        }
        assert_eq!(NoteKind::Throttled.remedy(), "", "waiting helps");
    }
}
