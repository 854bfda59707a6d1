//! Which fields a restore of a type needs and excludes, and what its recovery point allows (CONTRACT 5 and 14).

use serde_json::Value;

use super::request_fields::{id, last_segment, object, text, texts, truth};
use crate::http::Reply;
use crate::scenario::{RecoveryPoint, Vault, VirtualMachine};
use crate::wire::invalid_input;
use crate::world::Requested;

/// What a request is judged by.
pub struct Facts<'a> {
    pub vault: &'a Vault,
    pub machine: &'a VirtualMachine,
    pub point: &'a RecoveryPoint,
}

type Checked = Result<(), Reply>;

/// Checks a request whose single fields can be read.
///
/// # Errors
/// The 400 to answer; it names the field.
pub fn check(request: &Value, requested: &Requested, facts: &Facts<'_>) -> Checked {
    match requested.recovery_type.as_str() {
        "AlternateLocation" => alternate_location(requested, facts)?,
        "OriginalLocation" => original_location(requested, facts)?,
        _ => restore_disks(requested, facts)?,
    }
    copied(requested, facts)?;
    identity(request, facts.vault)?;
    encryption(request, requested, facts)?;
    placement(request, requested, facts)?;
    guard(request, facts.vault)
}

fn refuse_if(refused: bool, what: &str) -> Checked {
    if refused {
        Err(invalid_input(what))
    } else {
        Ok(())
    }
}

fn alternate_location(requested: &Requested, facts: &Facts<'_>) -> Checked {
    let (Some(group), Some(machine), Some(network), Some(subnet)) = (
        &requested.target_group_id,
        &requested.target_machine_id,
        &requested.network_id,
        &requested.subnet_id,
    ) else {
        return Err(invalid_input(
            "AlternateLocation needs targetResourceGroupId, targetVirtualMachineId, virtualNetworkId and subnetId",
        ));
    };
    refuse_if(
        !lies_in(machine, group),
        "targetVirtualMachineId is not in targetResourceGroupId",
    )?;
    refuse_if(
        !lies_in(subnet, network),
        "subnetId is no subnet of virtualNetworkId",
    )?;
    refuse_if(
        requested.luns.is_some(),
        "restoreDiskLunList is for RestoreDisks",
    )?;
    refuse_if(
        facts.point.encrypted,
        "an encrypted virtual machine can only be restored as disks",
    )
}

fn original_location(requested: &Requested, facts: &Facts<'_>) -> Checked {
    let target = requested.target_group_id.is_some() || requested.target_machine_id.is_some();
    refuse_if(
        target || requested.network_id.is_some() || requested.subnet_id.is_some(),
        "OriginalLocation takes no targetResourceGroupId, targetVirtualMachineId, virtualNetworkId or subnetId",
    )?;
    refuse_if(
        requested.zone.is_some(),
        "zones cannot be chosen for OriginalLocation",
    )?;
    refuse_if(
        requested.disk_encryption_set_id.is_some(),
        "diskEncryptionSetId cannot be chosen for OriginalLocation",
    )?;
    refuse_if(
        requested.luns.is_some(),
        "restoreDiskLunList is for RestoreDisks",
    )?;
    refuse_if(
        facts.point.encrypted,
        "disks of an encrypted virtual machine cannot be replaced",
    )?;
    refuse_if(
        !facts.point.managed,
        "disks of an unmanaged virtual machine cannot be replaced",
    )
}

fn restore_disks(requested: &Requested, facts: &Facts<'_>) -> Checked {
    let target = requested.target_machine_id.is_some() || requested.subnet_id.is_some();
    refuse_if(
        target || requested.network_id.is_some(),
        "RestoreDisks takes no targetVirtualMachineId, virtualNetworkId or subnetId",
    )?;
    let known = |lun: &i64| (-1..i64::from(facts.machine.data_disks)).contains(lun);
    match requested.luns.iter().flatten().find(|lun| !known(lun)) {
        Some(lun) => Err(invalid_input(&format!(
            "restoreDiskLunList: the recovery point has no disk with LUN {lun}"
        ))),
        None => Ok(()),
    }
}

/// Some restores read the copy in the vault, which is complete some time after the snapshot.
fn copied(requested: &Requested, facts: &Facts<'_>) -> Checked {
    let what = if requested.is("OriginalLocation") {
        "OriginalLocation"
    } else if requested.needs_vault_copy() {
        "a restore into a zone or another subscription"
    } else {
        return Ok(());
    };
    refuse_if(
        facts.point.has_snapshot() && !facts.point.is_in_vault(),
        &format!("{what} needs a recovery point whose data has been transferred to the vault"),
    )
}

/// The forms of `identityInfo`, and that the vault has the identity.
fn identity(request: &Value, vault: &Vault) -> Checked {
    let Some(info) = object(request, "identityInfo")? else {
        return Ok(());
    };
    let system = truth(info, "isSystemAssignedIdentity")?;
    let assigned = id(
        info,
        "managedIdentityResourceId",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
    )?;
    let has = match (system, assigned) {
        (true, None) => vault.identity.system_assigned,
        (false, Some(assigned)) => vault.identity.has(assigned),
        _ => {
            return Err(invalid_input(
                "identityInfo needs either isSystemAssignedIdentity or managedIdentityResourceId",
            ));
        }
    };
    if has {
        return Ok(());
    }
    let name = assigned.map_or("a system assigned identity", last_segment);
    Err(invalid_input(&format!(
        "identityInfo: the vault does not have {name}"
    )))
}

fn encryption(request: &Value, requested: &Requested, facts: &Facts<'_>) -> Checked {
    object(request, "encryptionDetails")?;
    refuse_if(
        requested.disk_encryption_set_id.is_some() && facts.point.encrypted,
        "diskEncryptionSetId cannot be used for an encrypted virtual machine",
    )?;
    refuse_if(
        requested.secured_disk_encryption_set_id.is_some() && !facts.machine.confidential,
        "securedVMDetails is for confidential virtual machines whose key is the customer's",
    )?;
    refuse_if(
        facts.machine.private_disks && requested.network_access.is_none(),
        "targetDiskNetworkAccessSettings is needed: the source has disks with private access",
    )
}

fn placement(request: &Value, requested: &Requested, facts: &Facts<'_>) -> Checked {
    refuse_if(
        truth(request, "originalStorageAccountOption")?,
        "originalStorageAccountOption is not possible for this recovery point",
    )?;
    truth(request, "createNewCloudService")?;
    refuse_if(
        truth(request, "restoreWithManagedDisks")? && facts.point.encrypted,
        "restoreWithManagedDisks is not possible for an encrypted virtual machine",
    )?;
    for field in ["affinityGroup", "targetDomainNameId"] {
        text(request, field)?;
    }
    let zone = |name: &Option<String>| name.as_deref().map(str::to_lowercase);
    refuse_if(
        zone(&requested.edge_zone) != zone(&facts.machine.edge_zone),
        "extendedLocation must be that of the recovery point",
    )?;
    let elsewhere = requested.is_elsewhere();
    refuse_if(
        elsewhere && !facts.vault.cross_subscription_restore,
        "the vault does not allow restores to another subscription",
    )?;
    refuse_if(
        elsewhere && (facts.point.encrypted || !facts.point.managed),
        "only managed virtual machines without encryption can be restored to another subscription",
    )
}

/// A restore that a guard watches over names the guard's request object.
fn guard(request: &Value, vault: &Vault) -> Checked {
    let requests = texts(request, "resourceGuardOperationRequests")?;
    let Some(guard) = &vault.resource_guard else {
        return Ok(());
    };
    let wanted = guard.restore_request();
    let named = requests.iter().any(|request| {
        request
            .trim_end_matches('/')
            .eq_ignore_ascii_case(wanted.as_str())
    });
    refuse_if(
        !named,
        &format!(
            "resourceGuardOperationRequests lacks the request of the Resource Guard {} that protects this vault",
            last_segment(&guard.id)
        ),
    )
}

fn lies_in(id: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/').to_lowercase();
    id.to_lowercase().starts_with(&format!("{above}/"))
}
