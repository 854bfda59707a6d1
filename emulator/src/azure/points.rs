//! Recovery points of a protected item.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::filter::Filter;
use super::paging::{self, Entry};
use super::{Answer, Context};
use crate::http::Reply;
use crate::scenario::{RecoveryPoint, Vault, VirtualMachine};
use crate::wire::{not_found, time, time_without_zone, without_nulls};
use crate::world::{Restore, add};

const KEYS: &[&str] = &[
    "startDate",
    "endDate",
    "restorePointQueryType",
    "extendedInfo",
    "moveReadyRPOnly",
    "includeSoftDeletedRP",
];

const TYPE: &str = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints";

/// How long a copy that a scenario calls rehydrated can still be read.
const REHYDRATED_FOR: SignedDuration = SignedDuration::from_hours(15 * 24);

/// `GET {item}/recoveryPoints`, newest first.
pub fn list(context: &Context<'_>) -> Answer {
    let (vault, machine) = context.item()?;
    let filter = Filter::parse(context.call.query("$filter"), KEYS)?;
    let (from, to) = (filter.time("startDate")?, filter.time("endDate")?);
    let entries = of(context, vault, machine)
        .filter(|point| {
            from.is_none_or(|from| point.time >= from) && to.is_none_or(|to| point.time <= to)
        })
        .map(|point| Listed {
            context,
            machine,
            point,
        })
        .collect();
    let service = &context.world.scenario.service;
    paging::page(
        context.call,
        service,
        service.page_size.recovery_points,
        entries,
    )
}

/// A point of a list.
struct Listed<'a> {
    context: &'a Context<'a>,
    machine: &'a VirtualMachine,
    point: RecoveryPoint,
}

impl Entry for Listed<'_> {
    fn key(&self) -> &str {
        &self.point.name
    }

    fn shown(self) -> Value {
        shown(self.context, self.machine, &self.point, false)
    }
}

/// `GET {item}/recoveryPoints/{name}`: the lists of disks are only here.
pub fn get(context: &Context<'_>) -> Answer {
    let (vault, machine) = context.item()?;
    let point = find(context, vault, machine)?;
    Ok(Reply::ok(&shown(context, machine, &point, true)))
}

/// The recovery point of the path.
///
/// # Errors
/// The 404 to answer.
pub fn find(
    context: &Context<'_>,
    vault: &Vault,
    machine: &VirtualMachine,
) -> Result<RecoveryPoint, Reply> {
    let name = &context.names.name;
    of(context, vault, machine)
        .find(|point| point.name.eq_ignore_ascii_case(name))
        .ok_or_else(|| not_found(TYPE, name, &context.names.group))
}

/// The recovery points of a VM with the copies that they have now, newest first. A copy arrives in the vault some time after
/// the snapshot, and an archived one can be read while it is rehydrated.
pub fn of<'a>(
    context: &Context<'a>,
    vault: &Vault,
    machine: &VirtualMachine,
) -> impl Iterator<Item = RecoveryPoint> + use<'a> {
    let now = context.now;
    let (vault, registered) = (vault.id(), machine.registered());
    let of_item = |restore: &&Restore| {
        restore.is_in(&vault) && restore.registered.eq_ignore_ascii_case(&registered)
    };
    let rehydrated: Vec<(String, Timestamp)> = (context.world.restores.iter())
        .filter(of_item)
        .filter_map(|restore| {
            let until = restore.rehydrated_until(now)?;
            Some((restore.request.point_name.clone(), until))
        })
        .collect();
    let points = machine.points(context.clock.start()).into_iter();
    points
        .filter(move |point| point.time <= now)
        .map(move |mut point| {
            if point.transferred.is_some_and(|at| now < at) {
                point.before_transfer();
            }
            let of_point = rehydrated.iter().filter(|(name, _)| *name == point.name);
            if let Some(until) = of_point.map(|(_, until)| *until).max() {
                point.rehydrate(until);
            }
            point
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
    // Recorded: absent at 2022-02-01, there at 2024-04-01.
    let newer = version >= "2023-01-01";
    let tiers: Vec<Value> = point
        .tiers
        .iter()
        .map(|tier| {
            // Microsoft's example of 2024-04-01 shows until when a rehydrated copy can be read.
            let until = (newer && tier.status == "Rehydrated").then(|| {
                let until = tier.until.unwrap_or_else(|| add(context.now, REHYDRATED_FOR));
                json!({"RehydratedRPExpiryTime": time(until)})
            });
            json!({
                "type": tier_type(&tier.kind, numbers), "status": tier_status(&tier.status, numbers),
                "extendedInfo": until,
            })
        })
        .collect();
    let id = format!("{}/recoveryPoints/{}", context.call.path_to(14), point.name);
    let shown_time = point.time_text.clone().unwrap_or_else(|| time(point.time));
    if point.object_type != "IaasVMRecoveryPoint" {
        return json!({
            "id": id, "name": point.name, "type": TYPE,
            "properties": {
                "objectType": point.object_type, "recoveryPointType": point.kind, "recoveryPointTime": shown_time,
            },
        });
    }
    let disks = machine.data_disks + 1;
    let included: Vec<Value> = (0..disks)
        .map(|number| json!({"lun": i64::from(number) - 1, "name": disk_name(machine, number)}))
        .collect();
    without_nulls(json!({
        "id": id,
        "name": point.name,
        "type": TYPE,
        "properties": {
            "objectType": "IaasVMRecoveryPoint",
            "recoveryPointType": point.kind,
            "recoveryPointTime": shown_time,
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
            "securityType": newer.then_some(if machine.confidential { "ConfidentialVMDiskEncryptedWithCustomerKey" } else { "None" }),
            "isPrivateAccessEnabledOnAnyDisk": newer.then_some(machine.private_disks),
            "extendedLocation": newer.then_some(machine.edge_zone.as_ref()).flatten().map(|name| json!({"name": name, "type": "EdgeZone"})),
            "recoveryPointProperties": (recent(context) && !point.end_untold).then(|| json!({
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
