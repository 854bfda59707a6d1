//! `spec.target` in the terms of the deciding side, and in the canonical form of a run's identity. Total, like all of
//! [`super::translate`]: what the API server would have refused becomes an empty id, which Azure refuses.

use crate::api::v1alpha1 as api;
use crate::restore::ids::{ArmId, CanonicalRun};
use crate::restore::options::{Disks, NetworkAccess, Options, Rehydrate, VaultIdentity};
use crate::restore::request::Target;

/// Type and place.
pub fn target(spec: &api::VmRestoreSpec) -> Target {
    let target = &spec.target;
    let storage_account = ArmId::new(&target.storage_account_id);
    let id = |text: &Option<String>| ArmId::new(text.as_deref().unwrap_or_default());
    match spec.recovery_type {
        api::RecoveryType::RestoreDisks => Target::Disks {
            storage_account,
            resource_group: target.resource_group_id.as_ref().map(ArmId::new),
        },
        api::RecoveryType::OriginalLocation => Target::OriginalLocation { storage_account },
        api::RecoveryType::AlternateLocation => Target::AlternateLocation {
            storage_account,
            resource_group: id(&target.resource_group_id),
            virtual_machine: id(&target.virtual_machine_id),
            virtual_network: id(&target.virtual_network_id),
            subnet: id(&target.subnet_id),
        },
    }
}

/// Everything else of the target.
pub fn options(target: &api::RestoreTarget) -> Options {
    let id = |text: &Option<String>| text.as_ref().map(ArmId::new);
    Options {
        disks: disks(target),
        zone: target.zone.map(api::Zone::as_str),
        disk_encryption_set: id(&target.disk_encryption_set_id),
        secured_vm_os_disk_encryption_set: id(&target.secured_vm_os_disk_encryption_set_id),
        vault_identity: target.vault_identity.as_ref().map(vault_identity),
        network_access: target
            .disk_network_access
            .as_ref()
            .map(|access| NetworkAccess {
                option: access.option.as_str(),
                disk_access: id(&access.disk_access_id),
            }),
        rehydrate: target.rehydrate.as_ref().map(|rehydrate| Rehydrate {
            priority: rehydrate.priority.as_str(),
            retention_days: rehydrate.retention_days,
        }),
    }
}

fn disks(target: &api::RestoreTarget) -> Disks {
    match (&target.disk_luns, target.os_disk_only) {
        (_, Some(true)) => Disks::OsDiskOnly,
        (Some(luns), Some(false) | None) => {
            let mut luns = luns.clone();
            luns.sort_unstable();
            luns.dedup();
            Disks::WithLuns(luns)
        }
        (None, Some(false) | None) => Disks::All,
    }
}

fn vault_identity(identity: &api::VaultIdentity) -> VaultIdentity {
    match identity.identity_type {
        api::IdentityType::SystemAssigned => VaultIdentity::SystemAssigned,
        api::IdentityType::UserAssigned => VaultIdentity::UserAssigned(ArmId::new(
            identity.resource_id.as_deref().unwrap_or_default(),
        )),
    }
}

/// Adds every field of the target to the canonical form, version 1: ids in lower case, lists in order, defaults left out.
/// Key and value of a field never change: they are part of the identity of runs that exist.
pub fn identified_by(run: CanonicalRun, target: &api::RestoreTarget) -> CanonicalRun {
    let api::RestoreTarget {
        storage_account_id,
        resource_group_id,
        virtual_machine_id,
        virtual_network_id,
        subnet_id,
        // Read by `disks`.
        disk_luns: _,
        os_disk_only: _,
        zone,
        disk_encryption_set_id,
        secured_vm_os_disk_encryption_set_id,
        vault_identity,
        disk_network_access,
        rehydrate,
    } = target;
    let id = |text: &Option<String>| text.as_deref().map(|text| ArmId::new(text).canonical());
    let disks = match disks(target) {
        Disks::All => None,
        Disks::OsDiskOnly => Some("os".to_owned()),
        Disks::WithLuns(luns) => {
            let luns: Vec<String> = luns.iter().map(ToString::to_string).collect();
            Some(luns.join(","))
        }
    };
    let identity = vault_identity.as_ref().map(|identity| {
        match (identity.identity_type, id(&identity.resource_id)) {
            (api::IdentityType::SystemAssigned, _) => "system".to_owned(),
            (api::IdentityType::UserAssigned, resource) => resource.unwrap_or_default(),
        }
    });
    let access = disk_network_access.as_ref();
    let rehydrate = rehydrate.as_ref();
    run.with(
        "target.storageAccountId",
        Some(ArmId::new(storage_account_id).canonical()),
    )
    .with("target.resourceGroupId", id(resource_group_id))
    .with("target.virtualMachineId", id(virtual_machine_id))
    .with("target.virtualNetworkId", id(virtual_network_id))
    .with("target.subnetId", id(subnet_id))
    .with("target.disks", disks)
    .with("target.zone", zone.map(api::Zone::as_str))
    .with("target.diskEncryptionSetId", id(disk_encryption_set_id))
    .with(
        "target.securedVmOsDiskEncryptionSetId",
        id(secured_vm_os_disk_encryption_set_id),
    )
    .with("target.vaultIdentity", identity)
    .with(
        "target.diskNetworkAccess.option",
        access.map(|access| access.option.as_str()),
    )
    .with(
        "target.diskNetworkAccess.diskAccessId",
        access.and_then(|access| id(&access.disk_access_id)),
    )
    .with(
        "target.rehydrate.priority",
        rehydrate.map(|rehydrate| rehydrate.priority.as_str()),
    )
    .with(
        "target.rehydrate.retentionDays",
        rehydrate
            .map(|rehydrate| rehydrate.retention_days)
            .filter(|days| *days != api::target::DEFAULT_RETENTION_DAYS)
            .map(|days| days.to_string()),
    )
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
