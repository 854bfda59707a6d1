//! What the restores of a VM do in the emulated Azure, and the whole world of a soak. Pure.

use super::planned::Taken;
use super::schedule::{NAMESPACES, Schedule};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
pub const TENANT: &str = "72f98800-0000-4000-8000-000000000001";
pub const CLIENT: &str = "a0000000-0000-4000-8000-000000000001";
pub const SECRET: &str = "emulated-secret-of-the-soak";
pub const VAULT_GROUP: &str = "vaultRG";
/// The resource group of the VMs and of the storage accounts.
pub const MACHINE_GROUP: &str = "machines";
/// The resource group that restores go to.
pub const TARGET_GROUP: &str = "restored";

/// How the restores of a VM go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Quick,
    Slow,
    FailsOnce,
    FailsTwice,
    FailsForGood,
    Warns,
    CancelledByOthers,
    ListedLate,
    OperationFails,
    OperationFailsOnce,
    OperationVanishes,
    OperationSlow,
    BusyOnce,
    Refused,
    IdIsJobId,
    Hangs,
}

/// Kinds with the part of the runs that they get.
const SHARES: &[(u32, Kind)] = &[
    (20, Kind::Quick),
    (14, Kind::Slow),
    (12, Kind::FailsOnce),
    (6, Kind::FailsTwice),
    (6, Kind::FailsForGood),
    (5, Kind::Warns),
    (4, Kind::CancelledByOthers),
    (12, Kind::ListedLate),
    (3, Kind::OperationFails),
    (5, Kind::OperationFailsOnce),
    (8, Kind::OperationVanishes),
    (6, Kind::OperationSlow),
    (6, Kind::BusyOnce),
    (2, Kind::Refused),
    (4, Kind::IdIsJobId),
    (4, Kind::Hangs),
];

impl Kind {
    pub fn any(rng: &mut Rng) -> Self {
        let whole: u32 = SHARES.iter().map(|(share, _)| share).sum();
        let mut drawn = rng.u32(..whole);
        for (share, kind) in SHARES {
            if drawn < *share {
                return *kind;
            }
            drawn -= share;
        }
        Self::Quick
    }

    /// The `restore` of a VM in a scenario of the emulator.
    fn script(self) -> Value {
        let quick = json!({"duration": "40s"});
        let passing = json!({"outcome": "failed", "duration": "30s", "errors": [
            {"code": 400_003, "title": "CloudInternalError", "text": "Microsoft Azure Backup encountered an internal error."}]});
        match self {
            Self::Quick => quick,
            Self::Slow => json!({"duration": "14m", "progress": "down"}),
            Self::FailsOnce => json!([passing, quick]),
            Self::FailsTwice => json!([passing, passing, quick]),
            Self::FailsForGood => json!({"outcome": "failed", "duration": "1m", "errors": [
                {"code": 400_048, "title": "UserErrorBCMRestoreStorageAccountNotFound", "text": "The storage account does not exist."}]}),
            Self::Warns => json!({"outcome": "completedWithWarnings", "duration": "1m", "errors": [
                {"code": 400_225, "title": "UserErrorDiskTagsNotRestored", "text": "Some tags could not be written."}]}),
            Self::CancelledByOthers => json!({"outcome": "cancelled", "duration": "2m"}),
            Self::ListedLate => {
                json!({"duration": "6m", "listDelay": "3m", "operation": {"inProgress": "40s"}})
            }
            Self::OperationFails => {
                json!({"operation": {"fails": {"code": "UserErrorVmNotFoundDuringRestore", "message": "Failed before a job was made."}}})
            }
            Self::OperationFailsOnce => {
                json!([{"operation": {"fails": {"code": "InternalServerError", "message": "Failed before a job was made."}}}, quick])
            }
            Self::OperationVanishes => {
                json!({"duration": "5m", "listDelay": "1m", "operation": {"inProgress": "20s", "vanishesAfter": "5s"}})
            }
            Self::OperationSlow => json!({"duration": "1m", "operation": {"inProgress": "66s"}}),
            Self::BusyOnce => {
                json!([{"refused": {"status": 409, "code": "BMSUserErrorObjectLocked", "message": "Another operation is in progress on the selected item."}}, quick])
            }
            Self::Refused => {
                json!({"refused": {"status": 400, "code": "UserErrorInvalidRestoreRequest", "message": "The request cannot be carried out."}})
            }
            Self::IdIsJobId => {
                json!({"duration": "50s", "operation": {"idIsJobId": true, "result": "ok"}})
            }
            Self::Hangs => json!({"outcome": "hang", "duration": "30m"}),
        }
    }
}

/// The name of a namespace's vault in Azure.
pub fn vault_of(namespace: usize) -> &'static str {
    if namespace == 1 { "vaultB" } else { "vaultA" }
}

pub fn machine_id(machine: &str) -> String {
    format!(
        "{}/providers/Microsoft.Compute/virtualMachines/{machine}",
        group_id(MACHINE_GROUP)
    )
}

/// The staging account of a run. Each has its own: by it the ledger tells whose restore a request was, whatever ids it carries.
pub fn storage_account_id(run: usize) -> String {
    format!(
        "{}/providers/Microsoft.Storage/storageAccounts/run{run:03}",
        group_id(MACHINE_GROUP)
    )
}

/// The VM of that name that a run makes.
pub fn made_machine_id(machine: &str) -> String {
    format!(
        "{}/providers/Microsoft.Compute/virtualMachines/{machine}",
        group_id(TARGET_GROUP)
    )
}

/// The network of the VMs that are made.
pub fn network_id() -> String {
    format!(
        "{}/providers/Microsoft.Network/virtualNetworks/net",
        group_id(MACHINE_GROUP)
    )
}

/// A VM where a run was to make one. It has no recovery points.
pub fn machine_in_the_way(machine: &str) -> Value {
    json!({"name": machine, "resourceGroup": TARGET_GROUP, "recoveryPoints": []})
}

pub fn group_id(group: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}")
}

/// The scenario: every VM of the schedule in its vault, and a storage account for each run.
pub fn scenario(schedule: &Schedule) -> Value {
    let mut vaults: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for namespace in 0..NAMESPACES.len() {
        vaults.entry(vault_of(namespace)).or_default();
    }
    for run in &schedule.runs {
        let machine = json!({
            "name": run.machine, "resourceGroup": MACHINE_GROUP,
            "recoveryPoints": [{"count": 3, "age": "6h", "every": "24h"}],
            "restore": run.kind.script(),
        });
        vaults
            .entry(vault_of(run.namespace))
            .or_default()
            .insert(&run.machine, machine);
        if let Some(made) = run
            .makes
            .as_ref()
            .filter(|_| run.taken == Taken::FromTheStart)
        {
            let machines = vaults.entry(vault_of(run.namespace)).or_default();
            machines.insert(made, machine_in_the_way(made));
        }
    }
    let vaults: Vec<Value> = vaults
        .into_iter()
        .map(|(name, machines)| {
            json!({
                "subscriptionId": SUBSCRIPTION, "resourceGroup": VAULT_GROUP, "name": name, "region": "westus",
                "virtualMachines": machines.into_values().collect::<Vec<_>>(),
            })
        })
        .collect();
    let accounts: Vec<String> = (0..schedule.runs.len()).map(storage_account_id).collect();
    json!({
        "tenants": [{"id": TENANT, "name": "contoso"}],
        "principals": [principal("owner", SECRET)],
        "storageAccounts": accounts,
        "resourceGroups": [group_id(TARGET_GROUP)],
        "virtualNetworks": [{"id": network_id(), "location": "westus", "subnets": ["default"]}],
        "vaults": vaults,
        "service": {"pageSize": {"protectedItems": 50, "recoveryPoints": 2, "jobs": 40}},
    })
}

/// The one principal, with this role and secret.
pub fn principal(role: &str, secret: &str) -> Value {
    json!({"name": "soak", "clientId": CLIENT, "clientSecret": secret, "roles": [role]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_vm_of_the_schedule_is_in_the_vault_of_its_namespace() {
        let schedule = Schedule::new(3, Duration::from_secs(300));

        let scenario = scenario(&schedule);

        for run in &schedule.runs {
            let vaults = scenario["vaults"].as_array().unwrap();
            let vault = vaults
                .iter()
                .find(|vault| vault["name"] == vault_of(run.namespace))
                .unwrap();
            let machines = vault["virtualMachines"].as_array().unwrap();
            assert!(
                machines
                    .iter()
                    .any(|machine| machine["name"] == run.machine)
            );
        }
    }
}
