//! What shapes a restore beside its type and its place. Everything that is left out is Azure's own choice.

use super::ids::ArmId;

/// Everything optional of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Which disks come back; `RestoreDisks` only.
    pub disks: Disks,
    /// `1`, `2`, `3` or `NoZone`; not with `OriginalLocation`.
    pub zone: Option<&'static str>,
    /// Encrypts the restored disks with a key of the user's.
    pub disk_encryption_set: Option<ArmId>,
    /// The same for the OS disk of a confidential VM.
    pub secured_vm_os_disk_encryption_set: Option<ArmId>,
    /// Whose identity reaches the storage account; without it Azure uses the account's keys.
    pub vault_identity: Option<VaultIdentity>,
    /// Which networks may reach the restored disks.
    pub network_access: Option<NetworkAccess>,
    /// How a point is brought back from the archive tier.
    pub rehydrate: Option<Rehydrate>,
}

/// Which disks of a VM are restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Disks {
    /// All of them.
    #[default]
    All,
    /// The OS disk and the data disks with these LUNs, in ascending order.
    WithLuns(Vec<u8>),
    /// The OS disk alone.
    OsDiskOnly,
}

impl Disks {
    /// The list that the request carries. None for all disks: an empty one would restore the OS disk alone (CONTRACT 5, warning).
    pub fn luns(&self) -> Option<&[u8]> {
        match self {
            Self::All => None,
            Self::WithLuns(luns) => Some(luns),
            Self::OsDiskOnly => Some(&[]),
        }
    }
}

/// An identity of the vault in Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultIdentity {
    /// The vault's own.
    SystemAssigned,
    /// One that is a resource of its own.
    UserAssigned(ArmId),
}

/// Network access of restored disks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkAccess {
    /// `SameAsOnSourceDisks`, `EnablePrivateAccessForAllDisks` or `EnablePublicAccessForAllDisks`.
    pub option: &'static str,
    /// With private access: the disk access.
    pub disk_access: Option<ArmId>,
}

/// How a point is brought back from the archive tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehydrate {
    /// `Standard` or `High`.
    pub priority: &'static str,
    /// How many days the copy is kept.
    pub retention_days: u8,
}
