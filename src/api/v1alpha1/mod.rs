//! Version `v1alpha1`: where a vault is and who may use it ([`vault`]), one run of one restore ([`restore`]),
//! where that restore goes ([`target`]), and what the controller says about the run ([`restore_status`]).

mod condition_list;
pub mod duration;
pub mod job_status;
mod label_selector;
pub mod recovery_point;
pub mod restore;
pub mod restore_status;
pub mod stored_status;
pub mod target;
pub mod vault;

pub use duration::DurationText;
pub use job_status::{AzureError, Job, JobError, JobTask, Operation, Outputs};
pub use recovery_point::{MinConsistency, RecoveryPointSelector, TierFilter};
pub use restore::{RecoveryType, Timeouts, VaultRef, VmRestore, VmRestoreSpec};
pub use restore_status::{
    Attempt, AttemptState, Candidate, ExtendedLocation, Phase, ProtectedItem, RecoveryPointTier,
    SelectedRecoveryPoint, VmRestoreStatus,
};
pub use stored_status::{StoredStatus, Unreadable};
pub use target::{
    DiskNetworkAccess, IdentityType, NetworkAccess, Rehydrate, RehydratePriority, RestoreTarget,
    VaultIdentity, Zone,
};
pub use vault::{
    AllowedNamespaces, ApiVersions, Auth, Cloud, Endpoints, JobMatching, JobMatchingState,
    RecoveryServicesVault, RecoveryServicesVaultSpec, RecoveryServicesVaultStatus, SecretKeyRef,
    ServicePrincipal,
};

/// Shape of a GUID, for CEL `matches`.
macro_rules! guid {
    () => {
        "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    };
}
pub(crate) use guid;
