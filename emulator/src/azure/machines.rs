//! Virtual machines and their network interfaces: those that the vaults protect, and those that restores have made.

use serde_json::{Value, json};

use super::effects::{self, Machine};
use super::request_fields::last_segment;
use super::restored_disks::{beside, machine_name};
use super::{Answer, Context};
use crate::http::Reply;
use crate::wire::{not_found, without_nulls};

const KIND: &str = "Microsoft.Compute/virtualMachines";
const INTERFACES: &str = "Microsoft.Network/networkInterfaces";

/// `GET {resource group}/providers/Microsoft.Compute/virtualMachines/{name}`
pub fn get(context: &Context<'_>) -> Answer {
    let wanted = asked(context, KIND);
    effects::machines(context.world, context.now)
        .iter()
        .find(|machine| machine.id.eq_ignore_ascii_case(&wanted))
        .map(|machine| Reply::ok(&shown(machine)))
        .ok_or_else(|| not_found(KIND, &context.names.name, &context.names.group))
}

/// `GET {resource group}/providers/Microsoft.Network/networkInterfaces/{name}`
pub fn interface(context: &Context<'_>) -> Answer {
    let wanted = asked(context, INTERFACES);
    effects::machines(context.world, context.now)
        .iter()
        .filter_map(interface_of)
        .find(|interface| {
            let id = interface["id"].as_str();
            id.is_some_and(|id| id.eq_ignore_ascii_case(&wanted))
        })
        .map(|interface| Reply::ok(&interface))
        .ok_or_else(|| not_found(INTERFACES, &context.names.name, &context.names.group))
}

/// A virtual machine as Azure Resource Manager shows it.
pub fn shown(machine: &Machine<'_>) -> Value {
    let disk = |id: &str| json!({"name": last_segment(id), "createOption": "Attach", "managedDisk": {"id": id}});
    let mut os_disk = Value::Null;
    let mut data_disks = Vec::new();
    for placed in &machine.disks {
        let mut shown = disk(&placed.id);
        if placed.lun == -1 {
            shown["osType"] = machine.os_type.as_str().into();
            os_disk = shown;
        } else {
            shown["lun"] = placed.lun.into();
            data_disks.push(shown);
        }
    }
    let request = machine.made_by.map(|restore| &restore.request);
    let zone = request
        .and_then(|request| request.zone.as_ref())
        .filter(|zone| *zone != "NoZone");
    without_nulls(json!({
        "id": machine.id, "name": machine_name(&machine.id), "type": KIND, "location": machine.location,
        "zones": zone.map(|zone| [zone]),
        "properties": {
            "vmId": uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, machine.id.to_lowercase().as_bytes()).to_string(),
            "provisioningState": "Succeeded",
            "hardwareProfile": {"vmSize": "Standard_DS1_v2"},
            "storageProfile": {"osDisk": os_disk, "dataDisks": data_disks},
            "networkProfile": {"networkInterfaces": [{"id": interface_id(machine), "properties": {"primary": true}}]},
        },
    }))
}

/// The network interface of a virtual machine that a restore made; those of others are not emulated.
pub fn interface_of(machine: &Machine<'_>) -> Option<Value> {
    let subnet = machine.made_by?.request.subnet_id.as_ref()?;
    let id = interface_id(machine);
    Some(json!({
        "id": id, "name": last_segment(&id), "type": INTERFACES, "location": machine.location,
        "properties": {
            "provisioningState": "Succeeded", "primary": true, "virtualMachine": {"id": machine.id},
            "ipConfigurations": [{
                "name": "ipconfig1", "id": format!("{id}/ipConfigurations/ipconfig1"),
                "properties": {"primary": true, "privateIPAllocationMethod": "Dynamic", "subnet": {"id": subnet}},
            }],
        },
    }))
}

fn interface_id(machine: &Machine<'_>) -> String {
    let name = match machine.made_by {
        Some(restore) => format!(
            "{}-nic-{}",
            machine_name(&machine.id),
            restore.job_id.replace('-', "")
        ),
        None => format!("{}-nic", machine_name(&machine.id)),
    };
    beside(&machine.id, INTERFACES, &name)
}

fn asked(context: &Context<'_>, kind: &str) -> String {
    let names = context.names;
    format!(
        "/subscriptions/{}/resourceGroups/{}/providers/{kind}/{}",
        names.subscription, names.group, names.name
    )
}
