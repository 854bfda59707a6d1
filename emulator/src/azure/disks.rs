//! Managed disks: those of the virtual machines, and those that restores made, with the tag `RSVaultBackup = <job id>`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::effects;
use super::request_fields::last_segment;
use super::restored_disks::{Done, KIND, Placed, done, of_source, restored};
use super::{Answer, Context};
use crate::http::Reply;
use crate::wire::{not_found, time, without_nulls};
use crate::world::{Restore, World};

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
        .ok_or_else(|| not_found(KIND, name, &context.names.group))
}

/// All disks that restores made.
pub fn made(world: &World, now: Timestamp) -> Vec<Value> {
    let users = Users::of(world, now);
    done(world, now)
        .iter()
        .flat_map(|done| {
            let disks = restored(done).into_iter();
            disks.map(|disk| shown_restored(done, &disk, &users))
        })
        .collect()
}

fn all(world: &World, now: Timestamp) -> Vec<Value> {
    let users = Users::of(world, now);
    let vaults = world.scenario.vaults.iter();
    let sources = vaults.flat_map(|vault| {
        let machines = vault.virtual_machines.iter();
        machines
            .filter(|machine| !machine.deleted)
            .map(move |machine| (machine, machine.id(vault), vault.region.clone()))
    });
    let mut all: Vec<Value> = sources
        .flat_map(|(machine, id, region)| {
            of_source(&id, machine.data_disks)
                .into_iter()
                .map(|disk| {
                    let open = !machine.private_disks;
                    users.add(
                        &disk.id,
                        json!({
                            "name": last_segment(&disk.id), "id": disk.id, "type": KIND, "location": region,
                            "sku": {"name": "Premium_LRS", "tier": "Premium"},
                            "properties": {
                                "osType": (disk.lun == -1).then(|| machine.os_type.clone()),
                                "creationData": {"createOption": if disk.lun == -1 { "FromImage" } else { "Empty" }},
                                "diskSizeGB": 127, "provisioningState": "Succeeded",
                                "networkAccessPolicy": if open { "AllowAll" } else { "AllowPrivate" },
                                "publicNetworkAccess": if open { "Enabled" } else { "Disabled" },
                            },
                        }),
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect();
    all.extend(made(world, now));
    all
}

/// Which virtual machine uses which disk.
struct Users(Vec<(String, String)>);

impl Users {
    fn of(world: &World, now: Timestamp) -> Self {
        let machines = effects::machines(world, now);
        let pairs = machines.iter().flat_map(|machine| {
            let disks = machine.disks.iter();
            disks.map(|disk| (disk.id.to_lowercase(), machine.id.clone()))
        });
        Self(pairs.collect())
    }

    /// A disk with what its use says.
    fn add(&self, id: &str, mut disk: Value) -> Value {
        let id = id.to_lowercase();
        let user = self.0.iter().find(|(disk, _)| *disk == id);
        disk["managedBy"] = user.map(|(_, machine)| machine.clone()).into();
        disk["properties"]["diskState"] = if user.is_some() {
            "Attached".into()
        } else {
            "Unattached".into()
        };
        without_nulls(disk)
    }
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
    all(context.world, context.now)
        .into_iter()
        .filter(|disk| {
            disk["id"]
                .as_str()
                .is_some_and(|id| id.to_lowercase().starts_with(&prefix))
        })
        .collect()
}

fn shown_restored(done: &Done<'_>, disk: &Placed, users: &Users) -> Value {
    let Done { restore, state } = done;
    let request = &restore.request;
    // Snapshots are restored, copies of the vault are imported (CONTRACT 8).
    let option = if request.source.from_snapshot && !request.needs_vault_copy() {
        "Restore"
    } else {
        "Import"
    };
    let zone = request.zone.as_ref().filter(|zone| *zone != "NoZone");
    let secured = request
        .secured_disk_encryption_set_id
        .as_ref()
        .filter(|_| disk.lun == -1);
    let (policy, public, access) = network_access(restore);
    let encryption = request
        .disk_encryption_set_id
        .as_ref()
        .map(|set| json!({"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": set}));
    users.add(
        &disk.id,
        json!({
            "name": last_segment(&disk.id),
            "id": disk.id,
            "type": KIND,
            "location": request.source.region,
            "tags": {"RSVaultBackup": restore.job_id},
            "zones": zone.map(|zone| [zone]),
            "extendedLocation": request.edge_zone.as_ref().map(|name| json!({"name": name, "type": "EdgeZone"})),
            "sku": {"name": "Premium_LRS", "tier": "Premium"},
            "properties": {
                "osType": (disk.lun == -1).then(|| request.source.os_type.clone()),
                "creationData": {"createOption": option},
                "diskSizeGB": 127, "provisioningState": "Succeeded",
                "timeCreated": time(state.started),
                "encryption": encryption,
                "networkAccessPolicy": policy, "publicNetworkAccess": public, "diskAccessId": access,
                "securityProfile": secured.map(|set| json!({
                    "securityType": "ConfidentialVM_DiskEncryptedWithCustomerKey", "secureVMDiskEncryptionSetId": set,
                })),
            },
        }),
    )
}

/// `networkAccessPolicy`, `publicNetworkAccess` and `diskAccessId` of restored disks.
fn network_access(restore: &Restore) -> (&'static str, &'static str, Option<String>) {
    let private = match &restore.request.network_access {
        Some(access) if access.option == "EnablePrivateAccessForAllDisks" => true,
        Some(access) if access.option == "EnablePublicAccessForAllDisks" => false,
        _ => restore.request.source.private_disks,
    };
    let access = restore.request.network_access.as_ref();
    let id = access.and_then(|access| access.disk_access_id.clone());
    if private {
        ("AllowPrivate", "Disabled", id)
    } else {
        ("AllowAll", "Enabled", None)
    }
}
