//! Protected items and their containers.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::filter::Filter;
use super::{Answer, Context, paging};
use crate::http::Reply;
use crate::scenario::{Vault, VirtualMachine};
use crate::wire::{time, without_nulls};
use crate::world::add;

const ITEM_KEYS: &[&str] = &[
    "backupManagementType",
    "itemType",
    "healthState",
    "policyName",
    "containerName",
    "friendlyName",
    "fabricName",
    "backupSetName",
    "backupEngineName",
];
const CONTAINER_KEYS: &[&str] = &[
    "backupManagementType",
    "friendlyName",
    "status",
    "containerType",
    "backupEngineName",
    "fabricName",
];

/// `GET {vault}/backupProtectedItems`
pub fn list(context: &Context<'_>) -> Answer {
    let vault = context.vault()?;
    let filter = Filter::parse(context.call.query("$filter"), ITEM_KEYS)?;
    filter.one_of("backupManagementType", MANAGEMENT_TYPES)?;
    let fits = |machine: &&VirtualMachine| {
        filter.allows("backupManagementType", "AzureIaasVM")
            && filter.allows("itemType", "VM")
            && filter.allows("friendlyName", &machine.name)
            && filter.allows("healthState", &machine.health_status)
            && filter.allows("policyName", policy_of(machine))
            && filter.allows("fabricName", "Azure")
            && (filter.allows("containerName", &machine.registered())
                || filter.allows("containerName", &machine.container_name()))
            && filter.get("backupSetName").is_none()
            && filter.get("backupEngineName").is_none()
    };
    let entries = vault
        .virtual_machines
        .iter()
        .filter(fits)
        .map(|machine| (machine.item_name(), shown(context, vault, machine)))
        .collect();
    let service = &context.world.scenario.service;
    paging::page(
        context.call,
        service,
        service.page_size.protected_items,
        entries,
    )
}

/// `GET {item}`
pub fn get(context: &Context<'_>) -> Answer {
    let (vault, machine) = context.item()?;
    Ok(Reply::ok(&shown(context, vault, machine)))
}

/// `GET {vault}/backupProtectionContainers`
pub fn containers(context: &Context<'_>) -> Answer {
    let vault = context.vault()?;
    let filter = Filter::parse(context.call.query("$filter"), CONTAINER_KEYS)?;
    let values: Vec<Value> = vault
        .virtual_machines
        .iter()
        .filter(|machine| {
            filter.allows("backupManagementType", "AzureIaasVM")
                && filter.allows("friendlyName", &machine.name)
                && filter.allows("status", "Registered")
        })
        .map(|machine| container(context, vault, machine))
        .collect();
    Ok(Reply::ok(&json!({ "value": values })))
}

/// Values of `backupManagementType` that the service knows.
pub const MANAGEMENT_TYPES: &[&str] = &[
    "Invalid",
    "AzureIaasVM",
    "MAB",
    "DPM",
    "AzureBackupServer",
    "AzureSql",
    "AzureStorage",
    "AzureWorkload",
    "DefaultBackup",
];

fn shown(context: &Context<'_>, vault: &Vault, machine: &VirtualMachine) -> Value {
    let vault_path = context.vault_path();
    let id = machine.id(vault);
    let newest = machine.newest_point(context.clock.start());
    let stopped = machine.protection_state == "ProtectionStopped";
    // Recorded: absent at 2021-07-01 (s04), there at 2021-11-15 and later.
    let newer = context.call.api_version() >= "2021-11-01";
    let backup_time = newest.map(|at| time(add(at, SignedDuration::from_secs(-5))));
    let policy_id = format!("{vault_path}/backupPolicies/{}", policy_of(machine));
    without_nulls(json!({
        "id": format!("{vault_path}/backupFabrics/Azure/protectionContainers/{}/protectedItems/{}", machine.container_name(), machine.item_name()),
        "name": machine.item_name(),
        "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems",
        "properties": {
            "friendlyName": machine.name,
            "virtualMachineId": id,
            "protectionStatus": "Healthy",
            "protectionState": machine.protection_state,
            "healthStatus": machine.health_status,
            "healthDetails": [{
                "code": 400239, "title": "IaasVmHealthGreenDefault",
                "message": "Backup pre-check status of this virtual machine is OK.", "recommendations": [],
            }],
            "lastBackupStatus": if newest.is_none() || stopped { "" } else { "Completed" },
            // Recorded (s17): a stopped item shows this instant.
            "lastBackupTime": if stopped { Some("2001-01-01T00:00:00Z".to_owned()) } else { backup_time },
            "protectedItemDataId": data_id(&machine.registered()),
            "protectedItemType": "Microsoft.Compute/virtualMachines",
            "backupManagementType": "AzureIaasVM",
            "workloadType": "VM",
            "containerName": machine.registered(),
            "sourceResourceId": id,
            "policyId": if stopped { String::new() } else { policy_id },
            "policyName": policy_of(machine),
            "lastRecoveryPoint": newest.map(time),
            "vaultId": newer.then(|| format!("{}{vault_path}", context.call.base())),
            "isArchiveEnabled": newer.then_some(false),
        },
    }))
}

fn container(context: &Context<'_>, vault: &Vault, machine: &VirtualMachine) -> Value {
    json!({
        "id": format!("{}/backupFabrics/Azure/protectionContainers/{}", context.vault_path(), machine.container_name()),
        "name": machine.container_name(),
        "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers",
        "properties": {
            "virtualMachineId": machine.id(vault),
            "virtualMachineVersion": "Compute",
            "resourceGroup": machine.resource_group,
            "friendlyName": machine.name,
            "backupManagementType": "AzureIaasVM",
            "registrationStatus": "Registered",
            "healthStatus": "Healthy",
            "containerType": "Microsoft.Compute/virtualMachines",
            "protectableObjectType": "Microsoft.Compute/virtualMachines",
        },
    })
}

fn policy_of(machine: &VirtualMachine) -> &'static str {
    if machine.protection_state == "ProtectionStopped" {
        ""
    } else {
        "DefaultPolicy"
    }
}

fn data_id(registered: &str) -> String {
    let hash = uuid::Uuid::new_v5(
        &uuid::Uuid::NAMESPACE_URL,
        registered.to_lowercase().as_bytes(),
    )
    .as_u128();
    (hash % 1_000_000_000_000_000_000).to_string()
}
