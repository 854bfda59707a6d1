//! Recovery points of a protected item.

use serde_json::{Value, json};

use super::filter::Filter;
use super::{Answer, Context, paging};
use crate::http::Reply;
use crate::scenario::{RecoveryPoint, VirtualMachine};
use crate::wire::{not_found, time, time_without_zone, without_nulls};

const KEYS: &[&str] = &[
    "startDate",
    "endDate",
    "restorePointQueryType",
    "extendedInfo",
    "moveReadyRPOnly",
    "includeSoftDeletedRP",
];

/// `GET {item}/recoveryPoints`, newest first.
pub fn list(context: &Context<'_>) -> Answer {
    let (_, machine) = context.item()?;
    let filter = Filter::parse(context.call.query("$filter"), KEYS)?;
    let (from, to) = (filter.time("startDate")?, filter.time("endDate")?);
    let entries = machine
        .points(context.clock.start())
        .iter()
        .filter(|point| {
            from.is_none_or(|from| point.time >= from) && to.is_none_or(|to| point.time <= to)
        })
        .filter(|point| point.time <= context.now)
        .map(|point| (point.name.clone(), shown(context, machine, point, false)))
        .collect();
    let service = &context.world.scenario.service;
    paging::page(
        context.call,
        service,
        service.page_size.recovery_points,
        entries,
    )
}

/// `GET {item}/recoveryPoints/{name}`: the lists of disks are only here.
pub fn get(context: &Context<'_>) -> Answer {
    let (_, machine) = context.item()?;
    let point = find(context, machine)?;
    Ok(Reply::ok(&shown(context, machine, &point, true)))
}

/// The recovery point of the path.
///
/// # Errors
/// The 404 to answer.
pub fn find(context: &Context<'_>, machine: &VirtualMachine) -> Result<RecoveryPoint, Reply> {
    let name = &context.names.name;
    machine
        .points(context.clock.start())
        .into_iter()
        .find(|point| point.name.eq_ignore_ascii_case(name) && point.time <= context.now)
        .ok_or_else(|| {
            let kind = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints";
            not_found(kind, name, &context.names.group)
        })
}

/// Whether the version tells expiry and soft deletion; older ones list such points all the same.
fn recent(context: &Context<'_>) -> bool {
    context.call.api_version() >= "2024-01-01"
}

fn shown(
    context: &Context<'_>,
    machine: &VirtualMachine,
    point: &RecoveryPoint,
    single: bool,
) -> Value {
    let version = context.call.api_version();
    let numbers = version
        < context
            .world
            .scenario
            .service
            .tiers_as_numbers_before
            .as_str();
    let tiers: Vec<Value> = point
        .tiers
        .iter()
        .map(|tier| json!({"type": tier_type(&tier.kind, numbers), "status": tier_status(&tier.status, numbers)}))
        .collect();
    let disks = machine.data_disks + 1;
    let included: Vec<Value> = (0..disks)
        .map(|number| json!({"lun": i64::from(number) - 1, "name": disk_name(machine, number)}))
        .collect();
    // Recorded: absent at 2022-02-01, there at 2024-04-01.
    let newer = version >= "2023-01-01";
    without_nulls(json!({
        "id": format!("{}/recoveryPoints/{}", context.call.path_to(14), point.name),
        "name": point.name,
        "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints",
        "properties": {
            "objectType": "IaasVMRecoveryPoint",
            "recoveryPointType": point.kind,
            "recoveryPointTime": time(point.time),
            "recoveryPointAdditionalInfo": "",
            "sourceVMStorageType": "PremiumVMOnPartialPremiumStorage",
            "isSourceVMEncrypted": point.encrypted,
            "isInstantIlrSessionActive": false,
            "recoveryPointTierDetails": tiers,
            "isManagedVirtualMachine": point.managed,
            "virtualMachineSize": "Standard_DS1_v2",
            "originalStorageAccountOption": false,
            "osType": machine.os_type,
            "zones": (!point.zones.is_empty()).then(|| point.zones.clone()),
            "recoveryPointDiskConfiguration": newer.then(|| json!({
                "numberOfDisksIncludedInBackup": disks, "numberOfDisksAttachedToVm": disks,
                "includedDiskList": single.then_some(included), "excludedDiskList": single.then(Vec::<Value>::new),
            })),
            "securityType": newer.then_some("None"),
            "isPrivateAccessEnabledOnAnyDisk": newer.then_some(false),
            "recoveryPointProperties": recent(context).then(|| json!({
                "expiryTime": point.expires.map(time_without_zone), "ruleName": "Daily", "isSoftDeleted": point.soft_deleted,
            })),
            "createdWithPolicyType": newer.then_some("V1"),
        },
    }))
}

/// Name of the source VM's disk: number 0 is the OS disk, number n the data disk of LUN n - 1.
pub fn disk_name(machine: &VirtualMachine, number: u32) -> String {
    if number == 0 {
        format!("{}_OsDisk_1", machine.name)
    } else {
        format!("{}_DataDisk_{}", machine.name, number - 1)
    }
}

fn tier_type(name: &str, numbers: bool) -> Value {
    in_order(
        name,
        &["Invalid", "InstantRP", "HardenedRP", "ArchivedRP"],
        numbers,
    )
}

fn tier_status(name: &str, numbers: bool) -> Value {
    in_order(
        name,
        &["Invalid", "Valid", "Disabled", "Deleted", "Rehydrated"],
        numbers,
    )
}

fn in_order(name: &str, order: &[&str], numbers: bool) -> Value {
    match order.iter().position(|known| *known == name) {
        Some(place) if numbers => place.into(),
        _ => name.into(),
    }
}
