//! Recovery Services vaults and their settings.

use serde_json::{Value, json};

use super::{Answer, Context};
use crate::http::Reply;
use crate::scenario::{Redundancy, Vault};

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

/// `GET {vault}/backupResourceGuardProxies`: none.
pub fn guard_proxies(context: &Context<'_>) -> Answer {
    context.vault()?;
    Ok(Reply::ok(&json!({ "value": [] })))
}

/// `GET {vault}/backupEncryptionConfigs/backupResourceEncryptionConfig`: keys of Microsoft.
pub fn encryption(context: &Context<'_>) -> Answer {
    context.vault()?;
    Ok(Reply::ok(&json!({
        "id": format!("{}/backupEncryptionConfigs/backupResourceEncryptionConfig", context.vault_path()),
        "name": "backupResourceEncryptionConfig",
        "type": "Microsoft.RecoveryServices/vaults/backupEncryptionConfigs",
        "properties": {
            "encryptionAtRestType": "MicrosoftManaged", "lastUpdateStatus": "NotEnabled",
            "infrastructureEncryptionState": "Disabled",
        },
    })))
}

/// `GET {vault}/backupstorageconfig/vaultstorageconfig`
pub fn storage(context: &Context<'_>) -> Answer {
    let vault = context.vault()?;
    let model = format!("{:?}", vault.redundancy);
    Ok(Reply::ok(&json!({
        "id": format!("{}/backupstorageconfig/vaultstorageconfig", context.vault_path()),
        "name": "vaultstorageconfig",
        "type": "Microsoft.RecoveryServices/vaults/backupstorageconfig",
        "properties": {
            "storageModelType": model, "storageType": model, "storageTypeState": "Locked",
            "crossRegionRestoreFlag": vault.cross_region_restore, "dedupState": "Disabled", "xcoolState": "Disabled",
        },
    })))
}

fn shown(vault: &Vault, id: &str) -> Value {
    let cross_region = vault.cross_region_restore && vault.redundancy == Redundancy::GeoRedundant;
    json!({
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
                "multiUserAuthorization": "Disabled",
            },
            "redundancySettings": {
                "standardTierStorageRedundancy": format!("{:?}", vault.redundancy),
                "crossRegionRestore": if cross_region { "Enabled" } else { "Disabled" },
            },
            "restoreSettings": {"crossSubscriptionRestoreSettings": {"crossSubscriptionRestoreState": "Enabled"}},
        },
        "id": id,
        "type": "Microsoft.RecoveryServices/vaults",
        "sku": {"name": "RS0", "tier": "Standard"},
    })
}
