//! Resource Guards: the proxy through which a vault names the guard that watches over its restores.

use serde_json::{Value, json};

use super::{Answer, Context};
use crate::http::Reply;
use crate::wire::time;

/// What a guard watches over here.
const RESTORE: &str = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action";

/// `GET {vault}/backupResourceGuardProxies`: the one proxy that clients look for, or none.
pub fn proxies(context: &Context<'_>) -> Answer {
    let vault = context.vault()?;
    let proxies: Vec<Value> = vault
        .resource_guard
        .iter()
        .map(|guard| {
            json!({
                "id": format!("{}/backupResourceGuardProxies/VaultProxy", context.vault_path()),
                "name": "VaultProxy",
                "type": "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies",
                "properties": {
                    "resourceGuardResourceId": guard.id,
                    "resourceGuardOperationDetails": [{
                        "vaultCriticalOperation": RESTORE,
                        "defaultResourceRequest": guard.restore_request(),
                    }],
                    "lastUpdatedTime": time(context.clock.start()),
                    "description": "Please take JIT access before performing any of the critical operation",
                },
            })
        })
        .collect();
    Ok(Reply::ok(&json!({ "value": proxies })))
}
