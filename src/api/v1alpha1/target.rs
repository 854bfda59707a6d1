//! `spec.target` of a `VmRestore`: where the restored things go, and in which shape.
//!
//! Which field goes with which recovery type follows CONTRACT 5 and 14. Rules that need `recoveryType` stand at the spec
//! of [`super::restore`], all others beside their field.

use kube::KubeSchema;
use kube::core::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What CEL says of an Azure resource id, up to the provider.
macro_rules! arm_id {
    ($rest:literal) => {
        concat!(
            "self.matches('(?i)^/subscriptions/",
            $crate::api::v1alpha1::guid!(),
            "/resourceGroups/[^/?#%\\\\s]{1,90}",
            $rest,
            "$')"
        )
    };
}
pub(super) use arm_id;

const RESOURCE_GROUP_ID: &str = arm_id!("");
const STORAGE_ACCOUNT_ID: &str =
    arm_id!("/providers/Microsoft[.]Storage/storageAccounts/[a-z0-9]{3,24}");
const VIRTUAL_MACHINE_ID: &str =
    arm_id!("/providers/Microsoft[.]Compute/virtualMachines/[^/?#%\\\\s]{1,64}");
const VIRTUAL_NETWORK_ID: &str =
    arm_id!("/providers/Microsoft[.]Network/virtualNetworks/[^/?#%\\\\s]{1,64}");
const SUBNET_ID: &str = arm_id!(
    "/providers/Microsoft[.]Network/virtualNetworks/[^/?#%\\\\s]{1,64}/subnets/[^/?#%\\\\s]{1,80}"
);
const DISK_ENCRYPTION_SET_ID: &str =
    arm_id!("/providers/Microsoft[.]Compute/diskEncryptionSets/[^/?#%\\\\s]{1,80}");
const DISK_ACCESS_ID: &str =
    arm_id!("/providers/Microsoft[.]Compute/diskAccesses/[^/?#%\\\\s]{1,80}");
const IDENTITY_ID: &str =
    arm_id!("/providers/Microsoft[.]ManagedIdentity/userAssignedIdentities/[^/?#%\\\\s]{1,128}");
const UNIQUE: &str = "self.all(lun, self.exists_one(other, other == lun))";

/// How many characters `/subscriptions/<subscription id>` has.
const SUBSCRIPTION_LENGTH: usize = "/subscriptions/00000000-0000-0000-0000-000000000000".len();

/// The id in `field` lies below the one in `parent`.
fn lies_in(field: &str, parent: &str) -> String {
    format!(
        "!has(self.{field}) || !has(self.{parent}) || self.{field}.lowerAscii().startsWith(self.{parent}.lowerAscii() + '/')"
    )
}

fn lies_in_its_group() -> Rule {
    Rule::new(lies_in("virtualMachineId", "resourceGroupId")).message(
        "target.virtualMachineId must lie in target.resourceGroupId: write <resourceGroupId>/providers/Microsoft.Compute/virtualMachines/<name>",
    )
}

fn lies_in_its_network() -> Rule {
    Rule::new(lies_in("subnetId", "virtualNetworkId")).message(
        "target.subnetId must be a subnet of target.virtualNetworkId: write <virtualNetworkId>/subnets/<name>",
    )
}

/// Azure restores a VM into a network of the same subscription only (CONTRACT 14).
fn network_lies_in_the_subscription() -> Rule {
    let subscription =
        |field: &str| format!("self.{field}.lowerAscii().substring(0, {SUBSCRIPTION_LENGTH})");
    let same = format!(
        "{} == {}",
        subscription("virtualNetworkId"),
        subscription("resourceGroupId")
    );
    Rule::new(format!(
        "!has(self.virtualNetworkId) || !has(self.resourceGroupId) || {same}"
    ))
    .message("target.virtualNetworkId must lie in the subscription of target.resourceGroupId: name a virtual network there")
}

/// Whether the target has these fields: all of them, or any of them.
fn has(fields: &[&str], joined: &str) -> String {
    let has = fields
        .iter()
        .map(|field| format!("has(self.target.{field})"));
    has.collect::<Vec<_>>().join(joined)
}

const OF_A_NEW_MACHINE: [&str; 3] = ["virtualMachineId", "virtualNetworkId", "subnetId"];

/// `AlternateLocation` needs the machine and its network.
pub(super) fn a_new_machine_needs_its_place() -> Rule {
    Rule::new(format!(
        "self.recoveryType != 'AlternateLocation' || (has(self.target.resourceGroupId) && {})",
        has(&OF_A_NEW_MACHINE, " && ")
    ))
    .message("recoveryType AlternateLocation needs the virtual machine to create and its network: set target.resourceGroupId, target.virtualMachineId, target.virtualNetworkId and target.subnetId")
}

/// No other type makes a machine.
pub(super) fn only_alternate_location_makes_a_machine() -> Rule {
    Rule::new(format!(
        "self.recoveryType == 'AlternateLocation' || !({})",
        has(&OF_A_NEW_MACHINE, " || ")
    ))
    .message("target.virtualMachineId, target.virtualNetworkId and target.subnetId go with recoveryType AlternateLocation only: remove them, or set recoveryType to AlternateLocation")
}

/// Disks can be chosen only where disks are restored.
pub(super) fn only_restore_disks_chooses_disks() -> Rule {
    Rule::new(format!(
        "self.recoveryType == 'RestoreDisks' || !({})",
        has(&["diskLuns", "osDiskOnly"], " || ")
    ))
    .message("target.diskLuns and target.osDiskOnly go with recoveryType RestoreDisks only: remove them, or set recoveryType to RestoreDisks")
}

/// `OriginalLocation` leaves the machine where it is.
pub(super) fn original_location_has_its_place() -> Rule {
    let elsewhere = [
        "resourceGroupId",
        "zone",
        "diskEncryptionSetId",
        "securedVmOsDiskEncryptionSetId",
    ];
    Rule::new(format!(
        "self.recoveryType != 'OriginalLocation' || !({})",
        has(&elsewhere, " || ")
    ))
    .message("recoveryType OriginalLocation replaces the disks where the virtual machine is: remove target.resourceGroupId, target.zone, target.diskEncryptionSetId and target.securedVmOsDiskEncryptionSetId, or set recoveryType to RestoreDisks or AlternateLocation")
}

/// A manifest lives longer than Azure's job list.
pub(super) fn original_location_needs_start_by() -> Rule {
    Rule::new("self.recoveryType != 'OriginalLocation' || has(self.startBy)")
        .message("recoveryType OriginalLocation needs startBy, after which nothing is started, so that a manifest applied again in a year does not replace the disks of a live virtual machine: write for example startBy: \"2026-11-22T18:00:00Z\"")
        .field_path(".startBy")
}

/// Where the restored things go. Which fields go with which recovery type stands with recoveryType.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = lies_in_its_group(),
    validation = lies_in_its_network(),
    validation = network_lies_in_the_subscription(),
    validation = Rule::new("!(has(self.diskLuns) && has(self.osDiskOnly) && self.osDiskOnly)").message("target.osDiskOnly excludes target.diskLuns: remove osDiskOnly to restore the OS disk and these data disks, or remove diskLuns to restore the OS disk alone")
)]
pub struct RestoreTarget {
    /// Azure resource id of the staging storage account, in the region of the vault. Azure writes the configuration of the machine and a deployment template into it.
    /// Example: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/restores/providers/Microsoft.Storage/storageAccounts/restorestaging
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(STORAGE_ACCOUNT_ID).message("target.storageAccountId must be the id of a storage account: write /subscriptions/<subscription id>/resourceGroups/<resource group>/providers/Microsoft.Storage/storageAccounts/<name>"))]
    pub storage_account_id: String,

    /// Azure resource id of the resource group that the restored managed disks or the new virtual machine go to; required for AlternateLocation, refused for OriginalLocation. Left out with RestoreDisks: Azure writes unmanaged VHD files into the storage account, which takes much longer; status says so.
    /// Example: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/restores
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new(RESOURCE_GROUP_ID).message("target.resourceGroupId must be the id of a resource group: write /subscriptions/<subscription id>/resourceGroups/<resource group>"))]
    pub resource_group_id: Option<String>,

    /// AlternateLocation: Azure resource id of the virtual machine to create. It lies in resourceGroupId and must not exist yet.
    /// Example: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/restores/providers/Microsoft.Compute/virtualMachines/web-1-restored
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(VIRTUAL_MACHINE_ID).message("target.virtualMachineId must be the id of a virtual machine: write /subscriptions/<subscription id>/resourceGroups/<resource group>/providers/Microsoft.Compute/virtualMachines/<name>"))]
    pub virtual_machine_id: Option<String>,

    /// AlternateLocation: Azure resource id of the virtual network of the new virtual machine, in the region of the vault and the subscription of resourceGroupId.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(VIRTUAL_NETWORK_ID).message("target.virtualNetworkId must be the id of a virtual network: write /subscriptions/<subscription id>/resourceGroups/<resource group>/providers/Microsoft.Network/virtualNetworks/<name>"))]
    pub virtual_network_id: Option<String>,

    /// AlternateLocation: Azure resource id of the subnet of the new virtual machine, in virtualNetworkId. The identity of the vault object needs the right to join it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(SUBNET_ID).message("target.subnetId must be the id of a subnet: write /subscriptions/<subscription id>/resourceGroups/<resource group>/providers/Microsoft.Network/virtualNetworks/<name>/subnets/<name>"))]
    pub subnet_id: Option<String>,

    /// RestoreDisks: LUNs of the data disks to restore, 0 to 63, each once; the OS disk always comes with them. Left out: all disks. For the OS disk alone set osDiskOnly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Lun>>", length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new(UNIQUE).message("target.diskLuns must name each LUN once: remove the second one"))]
    pub disk_luns: Option<Vec<u8>>,

    /// RestoreDisks: true restores the OS disk alone. Excludes diskLuns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_disk_only: Option<bool>,

    /// RestoreDisks and AlternateLocation: availability zone of the target subscription that the disks or the virtual machine go to; NoZone: none. Left out: Azure chooses. The vault must be zone-redundant and the recovery point transferred to the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,

    /// RestoreDisks and AlternateLocation: Azure resource id of the disk encryption set that encrypts the restored disks with a key of yours, in the region of the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(DISK_ENCRYPTION_SET_ID).message("target.diskEncryptionSetId must be the id of a disk encryption set: write /subscriptions/<subscription id>/resourceGroups/<resource group>/providers/Microsoft.Compute/diskEncryptionSets/<name>"))]
    pub disk_encryption_set_id: Option<String>,

    /// RestoreDisks and AlternateLocation of a confidential virtual machine: Azure resource id of the disk encryption set for its OS disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(DISK_ENCRYPTION_SET_ID).message("target.securedVmOsDiskEncryptionSetId must be the id of a disk encryption set: write /subscriptions/<subscription id>/resourceGroups/<resource group>/providers/Microsoft.Compute/diskEncryptionSets/<name>"))]
    pub secured_vm_os_disk_encryption_set_id: Option<String>,

    /// Reach the storage account as the managed identity of the vault in Azure instead of with the account's keys. The identity must be assigned to the vault and have its roles on the account. Left out: Azure uses the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_identity: Option<VaultIdentity>,

    /// Which networks may reach the restored disks. Required when the source has a disk with private access, else refused by Azure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_network_access: Option<DiskNetworkAccess>,

    /// How to bring back a recovery point that lies in the archive tier only, before it is restored. Needed for such points, and not used for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehydrate: Option<Rehydrate>,
}

/// A logical unit number: the place of a data disk in a virtual machine, 0 to 63.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Lun(#[schemars(with = "i32", range(min = 0, max = 63))] u8);

/// An availability zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Zone {
    /// Zone 1.
    #[serde(rename = "1")]
    One,
    /// Zone 2.
    #[serde(rename = "2")]
    Two,
    /// Zone 3.
    #[serde(rename = "3")]
    Three,
    /// No zone, also if the source is in one.
    NoZone,
}

impl Zone {
    /// The word, which is also what Azure takes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
            Self::Three => "3",
            Self::NoZone => "NoZone",
        }
    }
}

/// The managed identity of the vault in Azure that reaches the storage account.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.type == 'UserAssigned') == has(self.resourceId)").message("target.vaultIdentity.resourceId names a user-assigned identity: set it with type UserAssigned, and remove it with type SystemAssigned"))]
pub struct VaultIdentity {
    /// SystemAssigned: the vault's own identity. UserAssigned: the one that resourceId names. A storage account with a firewall is reached by the system-assigned identity only.
    #[serde(rename = "type")]
    pub identity_type: IdentityType,

    /// UserAssigned: Azure resource id of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(IDENTITY_ID).message("target.vaultIdentity.resourceId must be the id of a user-assigned identity: write /subscriptions/<subscription id>/resourceGroups/<resource group>/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>"))]
    pub resource_id: Option<String>,
}

/// Kind of a managed identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum IdentityType {
    /// The identity that belongs to the vault alone.
    SystemAssigned,
    /// An identity that is a resource of its own.
    UserAssigned,
}

/// Which networks may reach the restored disks.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.option == 'EnablePrivateAccessForAllDisks') == has(self.diskAccessId)").message("target.diskNetworkAccess.diskAccessId goes with option EnablePrivateAccessForAllDisks: set both, or remove diskAccessId"))]
pub struct DiskNetworkAccess {
    /// SameAsOnSourceDisks: as it was. EnablePrivateAccessForAllDisks: only by the private endpoint that diskAccessId names. EnablePublicAccessForAllDisks: from all networks.
    pub option: NetworkAccess,

    /// EnablePrivateAccessForAllDisks: Azure resource id of the disk access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(DISK_ACCESS_ID).message("target.diskNetworkAccess.diskAccessId must be the id of a disk access: write /subscriptions/<subscription id>/resourceGroups/<resource group>/providers/Microsoft.Compute/diskAccesses/<name>"))]
    pub disk_access_id: Option<String>,
}

/// Network access of restored disks, in Azure's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum NetworkAccess {
    /// As on the disks of the source.
    SameAsOnSourceDisks,
    /// By a private endpoint only.
    EnablePrivateAccessForAllDisks,
    /// From all networks.
    EnablePublicAccessForAllDisks,
}

impl NetworkAccess {
    /// Azure's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameAsOnSourceDisks => "SameAsOnSourceDisks",
            Self::EnablePrivateAccessForAllDisks => "EnablePrivateAccessForAllDisks",
            Self::EnablePublicAccessForAllDisks => "EnablePublicAccessForAllDisks",
        }
    }
}

/// How a recovery point is brought back from the archive tier.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehydrate {
    /// Standard: within about 15 hours. High: within about an hour, at a higher price.
    pub priority: RehydratePriority,

    /// How many days the copy outside of the archive is kept: 10 to 30.
    #[serde(default = "default_retention_days")]
    #[schemars(with = "i32", range(min = 10, max = 30))]
    pub retention_days: u8,
}

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum RehydratePriority {
    /// Within about 15 hours.
    Standard,
    /// Within about an hour, at a higher price.
    High,
}

impl RehydratePriority {
    /// Azure's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::High => "High",
        }
    }
}

/// How many days a rehydrated copy is kept if nobody says so: Azure's own default.
pub const DEFAULT_RETENTION_DAYS: u8 = 15;

fn default_retention_days() -> u8 {
    DEFAULT_RETENTION_DAYS
}
