//! Answers to reads that a recording lacks, made from its ids and its job bodies.

use super::recording::{Recording, Restore};
use serde_json::{Value, json};

/// The vault: the region that the recorded request names, and nothing that was not recorded.
pub fn vault(restore: &Restore) -> Value {
    json!({
        "id": restore.vault.id(),
        "name": restore.vault.name,
        "type": "Microsoft.RecoveryServices/vaults",
        "location": text(&restore.body, "region"),
        "properties": {"provisioningState": "Succeeded"},
        "sku": {"name": "Standard"},
    })
}

/// The protected item of the restored VM, with the names of the recorded request.
pub fn protected_item(restore: &Restore) -> Value {
    let source = text(&restore.body, "sourceResourceId");
    let container_name = restore
        .container
        .split_once(';')
        .map_or(restore.container.as_str(), |(_, name)| name);
    json!({
        "id": format!("{}/backupFabrics/Azure/protectionContainers/{}/protectedItems/{}",
            restore.vault.id(), restore.container, restore.item),
        "name": restore.item,
        "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems",
        "properties": {
            "protectedItemType": "Microsoft.Compute/virtualMachines",
            "friendlyName": source.rsplit('/').next().unwrap_or_default(),
            "virtualMachineId": source,
            "sourceResourceId": source,
            "containerName": container_name,
            "backupManagementType": "AzureIaasVM",
            "workloadType": "VM",
            "protectionState": "Protected",
            "protectionStatus": "Healthy",
            "healthStatus": "Passed",
            "lastBackupStatus": "Completed",
        },
    })
}

/// The recovery point that was restored: an hour older than the restore.
pub fn recovery_point(restore: &Restore) -> Value {
    let time = restore
        .at
        .and_then(|at| at.checked_sub(jiff::SignedDuration::from_hours(1)).ok());
    json!({
        "id": format!("{}/backupFabrics/Azure/protectionContainers/{}/protectedItems/{}/recoveryPoints/{}",
            restore.vault.id(), restore.container, restore.item, restore.recovery_point),
        "name": restore.recovery_point,
        "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints",
        "properties": {
            "objectType": "IaasVMRecoveryPoint",
            "recoveryPointType": "AppConsistent",
            "recoveryPointTime": time.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string(),
            "isManagedVirtualMachine": true,
            "recoveryPointTierDetails": [{"type": "HardenedRP", "status": "Valid"}],
        },
    })
}

/// The status of the operation that made the recorded job.
pub fn operation(restore: &Restore) -> Value {
    let id = restore.operation.clone().unwrap_or_default();
    let time = restore
        .at
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string();
    let mut body = json!({"id": id, "name": id, "status": "InProgress", "startTime": time,
        "endTime": "0001-01-01T00:00:00"});
    if let Some(job) = &restore.job {
        body["status"] = "Succeeded".into();
        body["endTime"] = time.into();
        body["properties"] = json!({"objectType": "OperationStatusJobExtendedInfo", "jobId": job});
    }
    body
}

/// A job that runs, for a recording that ends before its job was read.
pub fn job(restore: &Restore, id: &str) -> Value {
    let source = text(&restore.body, "sourceResourceId");
    json!({
        "id": format!("{}/backupJobs/{id}", restore.vault.id()),
        "name": id,
        "type": "Microsoft.RecoveryServices/vaults/backupJobs",
        "properties": {
            "jobType": "AzureIaaSVMJob",
            "entityFriendlyName": source.rsplit('/').next().unwrap_or_default(),
            "backupManagementType": "AzureIaasVM",
            "operation": "Restore",
            "status": "InProgress",
            "startTime": restore.at.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string(),
            "extendedInfo": {"tasksList": [], "propertyBag": {}},
        },
    })
}

/// A job as a list shows it: without `extendedInfo`.
pub fn list_entry(mut job: Value) -> Value {
    if let Some(properties) = job.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("extendedInfo");
    }
    job
}

/// The point of this name in any recorded list, or as it was read by itself.
pub fn recorded_point(recording: &Recording, restore: &Restore, name: &str) -> Option<Value> {
    recorded_points(recording, restore)
        .into_iter()
        .find(|point| text(point, "name") == name)
}

/// All points of the restored item that the recording shows, each once.
pub fn recorded_points(recording: &Recording, restore: &Restore) -> Vec<Value> {
    let item = format!(
        "/protecteditems/{}/recoverypoints",
        restore.item.to_lowercase()
    );
    let mut points: Vec<Value> = Vec::new();
    for exchange in &recording.exchanges {
        let key = exchange.key();
        let of_item = key.path.split_once(&item).map(|(_, rest)| rest);
        let Some(body) = exchange
            .response
            .body
            .as_ref()
            .filter(|_| exchange.response.status == 200)
        else {
            continue;
        };
        let shown: Vec<&Value> = match of_item {
            Some("") if key.method == "GET" && !key.cross_region => body["value"]
                .as_array()
                .map(|list| list.iter().collect())
                .unwrap_or_default(),
            Some(rest)
                if key.method == "GET" && !key.cross_region && rest.matches('/').count() == 1 =>
            {
                vec![body]
            }
            _ => Vec::new(),
        };
        for point in shown {
            if !points
                .iter()
                .any(|known| text(known, "name") == text(point, "name"))
            {
                points.push(point.clone());
            }
        }
    }
    points
}

/// Takes the expiry away from recovery points: a recording is played long after they have expired. Returns whether one had it.
pub fn without_expiry(body: &mut Value) -> bool {
    match body {
        Value::Object(fields) => {
            let gone = (fields.get_mut("recoveryPointProperties"))
                .and_then(Value::as_object_mut)
                .is_some_and(|properties| properties.remove("expiryTime").is_some());
            let below = fields
                .values_mut()
                .filter_map(|field| without_expiry(field).then_some(()));
            gone | (below.count() > 0)
        }
        Value::Array(items) => {
            let had = items
                .iter_mut()
                .filter_map(|item| without_expiry(item).then_some(()));
            had.count() > 0
        }
        _ => false,
    }
}

/// A field of an object, as text.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
