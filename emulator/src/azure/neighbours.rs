//! What clients read besides the vault: subscriptions, resource groups, storage accounts, networks.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::request_fields::last_segment;
use super::{Answer, Context};
use crate::http::Reply;
use crate::wire::{gateway_error, not_found};

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
        "location": region(context), "properties": {"provisioningState": "Succeeded"},
    })))
}

/// `GET {resource group}/providers/Microsoft.Storage/storageAccounts/{name}`: the id comes back clean.
pub fn storage_account(context: &Context<'_>) -> Answer {
    let id = find(
        context,
        "Microsoft.Storage/storageAccounts",
        &context.world.scenario.storage_accounts,
    )?;
    Ok(Reply::ok(&json!({
        "id": id, "name": last_segment(&id), "type": "Microsoft.Storage/storageAccounts",
        "location": region(context), "kind": "StorageV2", "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "properties": {"provisioningState": "Succeeded", "statusOfPrimary": "available", "supportsHttpsTrafficOnly": true},
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
    let networks = &context.world.scenario.virtual_networks;
    let ids: Vec<String> = networks.iter().map(|network| network.id.clone()).collect();
    let id = find(context, "Microsoft.Network/virtualNetworks", &ids)?;
    let network = networks
        .iter()
        .find(|network| network.id == id)
        .ok_or_else(|| {
            gateway_error(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                "The virtual network was not found.",
            )
        })?;
    let subnets: Vec<Value> = network
        .subnets
        .iter()
        .map(|name| json!({"name": name, "id": format!("{id}/subnets/{name}"), "properties": {"addressPrefix": "10.0.0.0/24"}}))
        .collect();
    Ok(Reply::ok(&json!({
        "id": id, "name": last_segment(&id), "type": "Microsoft.Network/virtualNetworks", "location": network.location,
        "properties": {"provisioningState": "Succeeded", "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets},
    })))
}

/// The id of the scenario that the path means.
fn find(context: &Context<'_>, kind: &str, ids: &[String]) -> Result<String, Reply> {
    let names = context.names;
    let wanted = format!(
        "/subscriptions/{}/resourceGroups/{}/providers/{kind}/{}",
        names.subscription, names.group, names.name
    );
    ids.iter()
        .find(|id| id.eq_ignore_ascii_case(&wanted))
        .cloned()
        .ok_or_else(|| not_found(kind, &names.name, &names.group))
}

fn one_subscription(context: &Context<'_>, id: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"), "subscriptionId": id, "tenantId": context.caller.tenant,
        "displayName": "Emulated subscription", "state": "Enabled", "authorizationSource": "RoleBased",
        "subscriptionPolicies": {"spendingLimit": "Off"},
    })
}

fn region(context: &Context<'_>) -> String {
    context
        .world
        .scenario
        .vaults
        .first()
        .map_or_else(|| "westus".into(), |vault| vault.region.clone())
}
