//! The effect of a restore: managed disks with the tag `RSVaultBackup = <job id>`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Context};
use crate::http::Reply;
use crate::progress::job_at;
use crate::wire::{not_found, time};
use crate::world::Restore;

/// `GET {subscription or resource group}/providers/Microsoft.Compute/disks`
pub fn list(context: &Context<'_>) -> Reply {
    Reply::ok(&json!({ "value": visible(context) }))
}

/// `GET {resource group}/providers/Microsoft.Compute/disks/{name}`
pub fn get(context: &Context<'_>) -> Answer {
    let name = &context.names.name;
    visible(context)
        .iter()
        .find(|disk| {
            disk["name"]
                .as_str()
                .is_some_and(|known| known.eq_ignore_ascii_case(name))
        })
        .map(Reply::ok)
        .ok_or_else(|| not_found("Microsoft.Compute/disks", name, &context.names.group))
}

/// All disks that exist at `now`, with their ids.
pub fn all(restores: &[Restore], now: Timestamp) -> Vec<Value> {
    restores
        .iter()
        .flat_map(|restore| of(restore, now))
        .collect()
}

/// Names of the source's disks: of those that the request asked for, or of all.
pub fn source_names(restore: &Restore, asked_only: bool) -> Vec<String> {
    (0..=restore.request.data_disks)
        .filter(|number| !asked_only || is_restored(restore, *number))
        .map(|number| match number {
            0 => format!("{}_OsDisk_1", restore.vm_name),
            _ => format!("{}_DataDisk_{}", restore.vm_name, number - 1),
        })
        .collect()
}

fn visible(context: &Context<'_>) -> Vec<Value> {
    let names = context.names;
    let prefix = if names.group.is_empty() {
        format!("/subscriptions/{}/", names.subscription)
    } else {
        format!(
            "/subscriptions/{}/resourceGroups/{}/",
            names.subscription, names.group
        )
    };
    let prefix = prefix.to_lowercase();
    all(&context.world.restores, context.now)
        .into_iter()
        .filter(|disk| {
            disk["id"]
                .as_str()
                .is_some_and(|id| id.to_lowercase().starts_with(&prefix))
        })
        .collect()
}

fn of(restore: &Restore, now: Timestamp) -> Vec<Value> {
    let Some(state) = job_at(restore, now).filter(|state| state.disks_exist) else {
        return Vec::new();
    };
    // Without a target resource group the service leaves VHDs in the storage account and makes no disks.
    let Some(group) = &restore.request.target_group_id else {
        return Vec::new();
    };
    let vm: String = restore.vm_name.to_lowercase().replace('-', "");
    let stamp = state.started.strftime("%Y%m%d-%H%M%S").to_string();
    (0..=restore.request.data_disks)
        .filter(|number| is_restored(restore, *number))
        .map(|number| {
            let name = match number {
                0 => format!("{vm}-osdisk-{stamp}"),
                _ => format!("{vm}-datadisk-{:03}-{stamp}", number - 1),
            };
            json!({
                "name": name,
                "id": format!("{group}/providers/Microsoft.Compute/disks/{name}"),
                "type": "Microsoft.Compute/disks",
                "location": restore.request.region,
                "tags": {"RSVaultBackup": restore.job_id},
                "sku": {"name": "Premium_LRS", "tier": "Premium"},
                "properties": {
                    "osType": if number == 0 { json!(restore.request.os_type) } else { Value::Null },
                    "creationData": {"createOption": "Restore"},
                    "diskSizeGB": 127, "diskState": "Unattached", "provisioningState": "Succeeded",
                    "timeCreated": time(state.started),
                },
            })
        })
        .map(crate::wire::without_nulls)
        .collect()
}

/// Disk 0 is the OS disk, which always comes back; disk n has LUN n - 1.
fn is_restored(restore: &Restore, number: u32) -> bool {
    match &restore.request.luns {
        None => true,
        Some(luns) => number == 0 || luns.contains(&(i64::from(number) - 1)),
    }
}
