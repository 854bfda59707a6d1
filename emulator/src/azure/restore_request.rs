//! Checks of a restore request, as strict as the service is known (or sure) to be.

use serde_json::Value;

use crate::http::Reply;
use crate::scenario::{RecoveryPoint, Vault, VirtualMachine};
use crate::wire::invalid_input;
use crate::world::Requested;

const OBJECT_TYPES: &[&str] = &[
    "IaasVMRestoreRequest",
    "IaasVMRestoreWithRehydrationRequest",
];
const RECOVERY_TYPES: &[&str] = &["OriginalLocation", "AlternateLocation", "RestoreDisks"];

/// Reads the body of a restore. The SDK 0.5.0 sends it without the `properties` around it; both are taken.
///
/// # Errors
/// The 400 to answer; it names the field.
pub fn read(
    body: &Value,
    vault: &Vault,
    machine: &VirtualMachine,
    point: &RecoveryPoint,
) -> Result<Requested, Reply> {
    let request = match &body["properties"] {
        Value::Null => body,
        properties => properties,
    };
    read_unwrapped(request, vault, machine, point)
}

/// Reads a restore request itself, as it also stands in a validation.
///
/// # Errors
/// The 400 to answer; it names the field.
pub fn read_unwrapped(
    request: &Value,
    vault: &Vault,
    machine: &VirtualMachine,
    point: &RecoveryPoint,
) -> Result<Requested, Reply> {
    let object_type = text(request, "objectType")?.unwrap_or_default();
    if !OBJECT_TYPES.contains(&object_type) {
        return Err(invalid_input(&format!(
            "objectType '{object_type}' is no restore request of a virtual machine"
        )));
    }
    let named = text(request, "recoveryPointId")?.unwrap_or_default();
    if named != point.name {
        return Err(invalid_input(&format!(
            "recoveryPointId '{named}' is not the recovery point of the address"
        )));
    }
    let recovery_type = text(request, "recoveryType")?.unwrap_or_default();
    if !RECOVERY_TYPES.contains(&recovery_type) {
        return Err(invalid_input(&format!("recoveryType '{recovery_type}'")));
    }
    let source = id(
        request,
        "sourceResourceId",
        "Microsoft.Compute/virtualMachines",
    )?;
    if !source.is_some_and(|source| source.eq_ignore_ascii_case(&machine.id(vault))) {
        return Err(invalid_input(
            "sourceResourceId is not the virtual machine of the protected item",
        ));
    }
    let region = required(request, "region")?;
    let account = storage_account(request)?;
    let group = resource_group(request)?;
    let machine_id = id(
        request,
        "targetVirtualMachineId",
        "Microsoft.Compute/virtualMachines",
    )?;
    let network = id(
        request,
        "virtualNetworkId",
        "Microsoft.Network/virtualNetworks",
    )?;
    let subnet = text(request, "subnetId")?;
    if recovery_type == "AlternateLocation"
        && [group, machine_id, network, subnet]
            .iter()
            .any(Option::is_none)
    {
        return Err(invalid_input(
            "AlternateLocation needs targetResourceGroupId, targetVirtualMachineId, virtualNetworkId and subnetId",
        ));
    }
    Ok(Requested {
        recovery_type: recovery_type.to_owned(),
        point_time: Some(point.time),
        storage_account: last_segment(account).to_owned(),
        target_group_id: group.map(str::to_owned),
        target_vm: machine_id.map(|id| last_segment(id).to_owned()),
        network: network.map(network_name),
        luns: luns(request)?,
        data_disks: machine.data_disks,
        os_type: machine.os_type.clone(),
        region: region.to_owned(),
    })
}

/// Last segment of an ARM id.
pub fn last_segment(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}

fn storage_account(request: &Value) -> Result<&str, Reply> {
    const KIND: &str = "Microsoft.Storage/storageAccounts";
    let direct = id(request, "storageAccountId", KIND)?;
    let by_identity = match &request["identityBasedRestoreDetails"] {
        Value::Null => None,
        details => id(details, "targetStorageAccountId", KIND)?,
    };
    direct
        .or(by_identity)
        .ok_or_else(|| invalid_input("storageAccountId is missing"))
}

fn resource_group(request: &Value) -> Result<Option<&str>, Reply> {
    let Some(id) = text(request, "targetResourceGroupId")? else {
        return Ok(None);
    };
    let parts: Vec<&str> = id.split('/').collect();
    let well_formed = parts.len() == 5
        && parts[0].is_empty()
        && parts[1].eq_ignore_ascii_case("subscriptions")
        && parts[3].eq_ignore_ascii_case("resourceGroups")
        && !parts[2].is_empty()
        && !parts[4].is_empty();
    if well_formed {
        Ok(Some(id))
    } else {
        Err(invalid_input(
            "targetResourceGroupId is no id of a resource group",
        ))
    }
}

/// LUNs as numbers or, from the CLI, as strings.
fn luns(request: &Value) -> Result<Option<Vec<i64>>, Reply> {
    let refuse = || invalid_input("restoreDiskLunList");
    match &request["restoreDiskLunList"] {
        Value::Null => Ok(None),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::Number(number) => number.as_i64().ok_or_else(refuse),
                Value::String(text) => text.parse().map_err(|_| refuse()),
                _ => Err(refuse()),
            })
            .collect::<Result<_, _>>()
            .map(Some),
        _ => Err(refuse()),
    }
}

fn required<'a>(request: &'a Value, field: &str) -> Result<&'a str, Reply> {
    text(request, field)?.ok_or_else(|| invalid_input(&format!("{field} is missing")))
}

/// A text field; absent, `null` and empty are the same.
fn text<'a>(request: &'a Value, field: &str) -> Result<Option<&'a str>, Reply> {
    match &request[field] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        _ => Err(invalid_input(&format!("{field} must be a string"))),
    }
}

/// A field that holds the id of a resource of this type.
fn id<'a>(request: &'a Value, field: &str, kind: &str) -> Result<Option<&'a str>, Reply> {
    let Some(id) = text(request, field)? else {
        return Ok(None);
    };
    let parts: Vec<&str> = id.split('/').collect();
    let well_formed = parts.len() == 9
        && parts[0].is_empty()
        && parts[1].eq_ignore_ascii_case("subscriptions")
        && parts[3].eq_ignore_ascii_case("resourceGroups")
        && parts[5].eq_ignore_ascii_case("providers")
        && format!("{}/{}", parts[6], parts[7]).eq_ignore_ascii_case(kind)
        && [2, 4, 8].iter().all(|place| !parts[*place].is_empty());
    // The article writes ids of classic and new accounts alike; both are ids.
    let classic = parts
        .get(6)
        .is_some_and(|provider| provider.eq_ignore_ascii_case("Microsoft.ClassicStorage"));
    if well_formed || (classic && parts.len() == 9) {
        Ok(Some(id))
    } else {
        Err(invalid_input(&format!(
            "{field} is no id of a resource of type {kind}"
        )))
    }
}

/// `Group {group} {network}`, as in property bags.
fn network_name(id: &str) -> String {
    let group = id.split('/').nth(4).unwrap_or_default();
    format!("Group {group} {}", last_segment(id))
}
