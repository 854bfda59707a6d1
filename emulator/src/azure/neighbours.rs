//! What clients read besides the vault: subscriptions, resource groups, storage accounts, networks.

use serde_json::{Value, json};

use super::request_fields::last_segment;
use super::{Answer, Context};
use crate::http::Reply;
use crate::wire::not_found;

/// `GET /subscriptions`
pub fn subscriptions(context: &Context<'_>) -> Reply {
    let mut ids: Vec<String> = context
        .world
        .scenario
        .vaults
        .iter()
        .map(|vault| vault.subscription_id.to_lowercase())
        .collect();
    ids.sort();
    ids.dedup();
    let shown: Vec<Value> = ids.iter().map(|id| one_subscription(context, id)).collect();
    Reply::ok(&json!({"value": shown, "count": {"type": "Total", "value": ids.len()}}))
}

/// `GET /subscriptions/{id}`
pub fn subscription(context: &Context<'_>) -> Reply {
    Reply::ok(&one_subscription(context, &context.names.subscription))
}

/// `GET {resource group}`
pub fn resource_group(context: &Context<'_>) -> Answer {
    let group = &context.names.group;
    Ok(Reply::ok(&json!({
        "id": context.call.path(), "name": group, "type": "Microsoft.Resources/resourceGroups",
        "location": context.world.scenario.home_region(), "properties": {"provisioningState": "Succeeded"},
    })))
}

/// `GET {resource group}/providers/Microsoft.Storage/storageAccounts/{name}`: the id comes back clean.
pub fn storage_account(context: &Context<'_>) -> Answer {
    let kind = "Microsoft.Storage/storageAccounts";
    let scenario = &context.world.scenario;
    let account = (scenario.storage_account(&id_of(context, kind)))
        .ok_or_else(|| not_found(kind, &context.names.name, &context.names.group))?;
    let tier = account.sku.split('_').next();
    let action = if account.network_rules {
        "Deny"
    } else {
        "Allow"
    };
    Ok(Reply::ok(&json!({
        "id": account.id, "name": last_segment(&account.id), "type": kind,
        "location": account.location.as_deref().unwrap_or(scenario.home_region()),
        "kind": account.kind, "sku": {"name": account.sku, "tier": tier},
        "properties": {
            "provisioningState": "Succeeded", "statusOfPrimary": "available", "supportsHttpsTrafficOnly": true,
            "networkAcls": {"defaultAction": action},
        },
    })))
}

/// `GET {resource group}/providers/Microsoft.ClassicStorage/storageAccounts/{name}`: there are none any more.
pub fn classic_storage_account(context: &Context<'_>) -> Answer {
    Err(not_found(
        "Microsoft.ClassicStorage/storageAccounts",
        &context.names.name,
        &context.names.group,
    ))
}

/// `GET {resource group}/providers/Microsoft.Network/virtualNetworks/{name}`
pub fn virtual_network(context: &Context<'_>) -> Answer {
    let kind = "Microsoft.Network/virtualNetworks";
    let wanted = id_of(context, kind);
    let mut networks = context.world.scenario.virtual_networks.iter();
    let network = networks
        .find(|network| network.id.eq_ignore_ascii_case(&wanted))
        .ok_or_else(|| not_found(kind, &context.names.name, &context.names.group))?;
    let id = &network.id;
    let subnets: Vec<Value> = network
        .subnets
        .iter()
        .map(|name| json!({"name": name, "id": format!("{id}/subnets/{name}"), "properties": {"addressPrefix": "10.0.0.0/24"}}))
        .collect();
    Ok(Reply::ok(&json!({
        "id": id, "name": last_segment(id), "type": kind, "location": network.location,
        "properties": {"provisioningState": "Succeeded", "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets},
    })))
}

/// The id that the path means, without what some clients write into it.
fn id_of(context: &Context<'_>, kind: &str) -> String {
    let names = context.names;
    format!(
        "/subscriptions/{}/resourceGroups/{}/providers/{kind}/{}",
        names.subscription, names.group, names.name
    )
}

fn one_subscription(context: &Context<'_>, id: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"), "subscriptionId": id, "tenantId": context.caller.tenant,
        "displayName": "Emulated subscription", "state": "Enabled", "authorizationSource": "RoleBased",
        "subscriptionPolicies": {"spendingLimit": "Off"},
    })
}
