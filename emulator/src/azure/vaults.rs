//! Recovery Services vaults and their settings.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Context};
use crate::http::Reply;
use crate::scenario::{Redundancy, Vault, VaultIdentity};
use crate::wire::without_nulls;

/// `GET {subscription}/providers/Microsoft.RecoveryServices/vaults`
pub fn list(context: &Context<'_>) -> Reply {
    let vaults: Vec<Value> = context
        .world
        .scenario
        .vaults
        .iter()
        .filter(|vault| {
            vault
                .subscription_id
                .eq_ignore_ascii_case(&context.names.subscription)
        })
        .map(|vault| shown(vault, &vault.id()))
        .collect();
    Reply::ok(&json!({ "value": vaults }))
}

/// `GET {vault}`
pub fn get(context: &Context<'_>) -> Answer {
    let vault = context.vault()?;
    Ok(Reply::ok(&shown(vault, &context.vault_path())))
}

/// `GET {vault}/backupEncryptionConfigs/backupResourceEncryptionConfig`
pub fn encryption(context: &Context<'_>) -> Answer {
    let vault = context.vault()?;
    let (kind, state) = if vault.customer_managed_key {
        ("CustomerManaged", "Succeeded")
    } else {
        ("MicrosoftManaged", "NotEnabled")
    };
    Ok(Reply::ok(&json!({
        "id": format!("{}/backupEncryptionConfigs/backupResourceEncryptionConfig", context.vault_path()),
        "name": "backupResourceEncryptionConfig",
        "type": "Microsoft.RecoveryServices/vaults/backupEncryptionConfigs",
        "properties": {
            "encryptionAtRestType": kind, "lastUpdateStatus": state,
            "infrastructureEncryptionState": "Disabled",
        },
    })))
}

/// `GET {vault}/backupstorageconfig/vaultstorageconfig`
pub fn storage(context: &Context<'_>) -> Answer {
    let vault = context.vault()?;
    let model = format!("{:?}", vault.redundancy);
    let mut properties =
        json!({"storageModelType": model, "storageType": model, "storageTypeState": "Locked"});
    // The file of 2016-12-01 does not declare what came later.
    if context.call.api_version() > "2016-12-01" {
        properties["crossRegionRestoreFlag"] = json!(vault.cross_region_restore);
        properties["dedupState"] = json!("Disabled");
        properties["xcoolState"] = json!("Disabled");
    }
    Ok(Reply::ok(&json!({
        "id": format!("{}/backupstorageconfig/vaultstorageconfig", context.vault_path()),
        "name": "vaultstorageconfig",
        "type": "Microsoft.RecoveryServices/vaults/backupstorageconfig",
        "properties": properties,
    })))
}

fn shown(vault: &Vault, id: &str) -> Value {
    let cross_region = vault.cross_region_restore && vault.redundancy == Redundancy::GeoRedundant;
    let state = |on: bool| if on { "Enabled" } else { "Disabled" };
    without_nulls(json!({
        "location": vault.region,
        "name": vault.name,
        "etag": "W/\"datetime'2024-01-01T00%3A00%3A00.0000000Z'\"",
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpointStateForBackup": "None",
            "privateEndpointStateForSiteRecovery": "None",
            "publicNetworkAccess": "Enabled",
            "securitySettings": {
                "softDeleteSettings": {"softDeleteRetentionPeriodInDays": 14, "softDeleteState": "Enabled", "enhancedSecurityState": "Enabled"},
                "multiUserAuthorization": state(vault.resource_guard.is_some()),
            },
            "redundancySettings": {
                "standardTierStorageRedundancy": format!("{:?}", vault.redundancy),
                "crossRegionRestore": state(cross_region),
            },
            "restoreSettings": {"crossSubscriptionRestoreSettings": {"crossSubscriptionRestoreState": state(vault.cross_subscription_restore)}},
        },
        "id": id,
        "identity": identity(vault),
        "type": "Microsoft.RecoveryServices/vaults",
        "sku": {"name": "RS0", "tier": "Standard"},
    }))
}

/// The vault's identities; nothing where it has none.
fn identity(vault: &Vault) -> Value {
    let VaultIdentity {
        system_assigned,
        user_assigned,
    } = &vault.identity;
    let kind = match (system_assigned, user_assigned.is_empty()) {
        (false, true) => return Value::Null,
        (true, true) => "SystemAssigned",
        (false, false) => "UserAssigned",
        (true, false) => "SystemAssigned, UserAssigned",
    };
    let made =
        |of: &str| Uuid::new_v5(&Uuid::NAMESPACE_URL, of.to_lowercase().as_bytes()).to_string();
    let assigned: serde_json::Map<String, Value> = user_assigned
        .iter()
        .map(|id| {
            (
                id.clone(),
                json!({"principalId": made(id), "clientId": made(&format!("{id}/client"))}),
            )
        })
        .collect();
    json!({
        "type": kind,
        "principalId": system_assigned.then(|| made(&vault.id())),
        "userAssignedIdentities": (!assigned.is_empty()).then_some(assigned),
    })
}
