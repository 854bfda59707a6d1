//! The body of a restore, read and checked as strictly as the service is known (or sure) to be (CONTRACT 5).

use serde_json::Value;

use super::request_fields::{id, luns, object, required, resource_group, subnet, text};
use super::restore_rules::{self, Facts};
use crate::http::Reply;
use crate::scenario::{RecoveryPoint, Vault, VirtualMachine};
use crate::wire::invalid_input;
use crate::world::{NetworkAccess, Rehydration, Requested, Source};

const OBJECT_TYPES: &[&str] = &[
    "IaasVMRestoreRequest",
    "IaasVMRestoreWithRehydrationRequest",
];
const RECOVERY_TYPES: &[&str] = &["OriginalLocation", "AlternateLocation", "RestoreDisks"];
const MACHINES: &str = "Microsoft.Compute/virtualMachines";
const ENCRYPTION_SETS: &str = "Microsoft.Compute/diskEncryptionSets";

/// The request itself. The SDK 0.5.0 sends it without the `properties` around it; both are taken.
pub fn unwrapped(body: &Value) -> &Value {
    match &body["properties"] {
        Value::Null => body,
        properties => properties,
    }
}

/// Reads a restore request, as it also stands in a validation.
///
/// # Errors
/// The 400 to answer; it names the field.
pub fn read(request: &Value, facts: &Facts<'_>) -> Result<Requested, Reply> {
    check_kind(request, facts)?;
    let requested = fields(request, facts)?;
    restore_rules::check(request, &requested, facts)?;
    Ok(requested)
}

fn check_kind(request: &Value, facts: &Facts<'_>) -> Result<(), Reply> {
    let object_type = text(request, "objectType")?.unwrap_or_default();
    if !OBJECT_TYPES.contains(&object_type) {
        return Err(invalid_input(&format!(
            "objectType '{object_type}' is no restore request of a virtual machine"
        )));
    }
    let named = text(request, "recoveryPointId")?.unwrap_or_default();
    if named != facts.point.name {
        return Err(invalid_input(&format!(
            "recoveryPointId '{named}' is not the recovery point of the address"
        )));
    }
    let recovery_type = text(request, "recoveryType")?.unwrap_or_default();
    if !RECOVERY_TYPES.contains(&recovery_type) {
        return Err(invalid_input(&format!("recoveryType '{recovery_type}'")));
    }
    let source = id(request, "sourceResourceId", MACHINES)?;
    if !source.is_some_and(|source| source.eq_ignore_ascii_case(&facts.machine.id(facts.vault))) {
        return Err(invalid_input(
            "sourceResourceId is not the virtual machine of the protected item",
        ));
    }
    required(request, "region").map(|_| ())
}

fn fields(request: &Value, facts: &Facts<'_>) -> Result<Requested, Reply> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let network = id(
        request,
        "virtualNetworkId",
        "Microsoft.Network/virtualNetworks",
    )?;
    let secured = match object(request, "securedVMDetails")? {
        Some(details) => id(details, "securedVMOsDiskEncryptionSetId", ENCRYPTION_SETS)?,
        None => None,
    };
    let (account, by_vault_identity) = storage_account(request)?;
    Ok(Requested {
        recovery_type: required(request, "recoveryType")?.to_owned(),
        point_name: facts.point.name.clone(),
        point_time: Some(facts.point.time),
        rehydration: rehydration(request, facts.point)?,
        storage_account: account.to_owned(),
        target_group_id: owned(resource_group(request, "targetResourceGroupId")?),
        target_machine_id: owned(id(request, "targetVirtualMachineId", MACHINES)?),
        network_id: owned(network),
        subnet_id: owned(subnet(request, "subnetId")?),
        luns: luns(request)?,
        zone: zone(request)?,
        disk_encryption_set_id: owned(id(request, "diskEncryptionSetId", ENCRYPTION_SETS)?),
        secured_disk_encryption_set_id: owned(secured),
        network_access: network_access(request)?,
        edge_zone: edge_zone(request)?,
        by_vault_identity,
        source: source(facts.vault, facts.machine, facts.point),
    })
}

fn source(vault: &Vault, machine: &VirtualMachine, point: &RecoveryPoint) -> Source {
    Source {
        machine_id: machine.id(vault),
        data_disks: machine.data_disks,
        os_type: machine.os_type.clone(),
        private_disks: machine.private_disks,
        region: vault.region.clone(),
        from_snapshot: point.has_snapshot(),
    }
}

/// What the request says of an archived copy that must be brought back first. A point of which only that is left is restored
/// with such a request; any other point is read as it is.
fn rehydration(request: &Value, point: &RecoveryPoint) -> Result<Option<Rehydration>, Reply> {
    if request["objectType"] != "IaasVMRestoreWithRehydrationRequest" {
        return if point.is_only_archived() {
            Err(invalid_input(
                "the recovery point is archived; use IaasVMRestoreWithRehydrationRequest",
            ))
        } else {
            Ok(None)
        };
    }
    let Some(info) = object(request, "recoveryPointRehydrationInfo")? else {
        return Err(invalid_input("recoveryPointRehydrationInfo is missing"));
    };
    let priority = required(info, "rehydrationPriority")?;
    if !["Standard", "High"].contains(&priority) {
        return Err(invalid_input(
            "rehydrationPriority must be Standard or High",
        ));
    }
    let stays = required(info, "rehydrationRetentionDuration")?;
    let stays = Some(stays)
        .filter(|text| text.starts_with('P'))
        .and_then(|text| text.parse::<jiff::Span>().ok())
        .and_then(|span| {
            span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())
                .ok()
        })
        .ok_or_else(|| {
            invalid_input("rehydrationRetentionDuration must be a duration of ISO 8601")
        })?;
    Ok(point.is_only_archived().then(|| Rehydration {
        priority: priority.to_owned(),
        stays,
    }))
}

/// The account, and whether it is reached as the vault.
fn storage_account(request: &Value) -> Result<(&str, bool), Reply> {
    const KIND: &str = "Microsoft.Storage/storageAccounts";
    let by_identity = match object(request, "identityBasedRestoreDetails")? {
        None => None,
        Some(details) => id(details, "targetStorageAccountId", KIND)?,
    };
    let as_vault = object(request, "identityInfo")?.is_some() || by_identity.is_some();
    id(request, "storageAccountId", KIND)?
        .or(by_identity)
        .map(|account| (account, as_vault))
        .ok_or_else(|| invalid_input("storageAccountId is missing"))
}

fn zone(request: &Value) -> Result<Option<String>, Reply> {
    let refuse = || invalid_input("zones must be one of '1', '2', '3' and 'NoZone'");
    match &request["zones"] {
        Value::Null => Ok(None),
        Value::Array(zones) if zones.is_empty() => Ok(None),
        Value::Array(zones) => match zones.as_slice() {
            [Value::String(zone)] if ["1", "2", "3", "NoZone"].contains(&zone.as_str()) => {
                Ok(Some(zone.clone()))
            }
            _ => Err(refuse()),
        },
        _ => Err(refuse()),
    }
}

fn network_access(request: &Value) -> Result<Option<NetworkAccess>, Reply> {
    let Some(settings) = object(request, "targetDiskNetworkAccessSettings")? else {
        return Ok(None);
    };
    let option = required(settings, "targetDiskNetworkAccessOption")?;
    let known = [
        "SameAsOnSourceDisks",
        "EnablePrivateAccessForAllDisks",
        "EnablePublicAccessForAllDisks",
    ];
    if !known.contains(&option) {
        return Err(invalid_input(&format!(
            "targetDiskNetworkAccessOption '{option}'"
        )));
    }
    let access = id(
        settings,
        "targetDiskAccessId",
        "Microsoft.Compute/diskAccesses",
    )?;
    let private = option == "EnablePrivateAccessForAllDisks";
    if private != access.is_some() {
        return Err(invalid_input(
            "targetDiskAccessId is needed with EnablePrivateAccessForAllDisks, and with no other option",
        ));
    }
    Ok(Some(NetworkAccess {
        option: option.to_owned(),
        disk_access_id: access.map(str::to_owned),
    }))
}

fn edge_zone(request: &Value) -> Result<Option<String>, Reply> {
    let Some(location) = object(request, "extendedLocation")? else {
        return Ok(None);
    };
    let kind = text(location, "type")?.unwrap_or("EdgeZone");
    if !kind.eq_ignore_ascii_case("EdgeZone") {
        return Err(invalid_input(&format!("extendedLocation.type '{kind}'")));
    }
    required(location, "name").map(|name| Some(name.to_owned()))
}
