//! What the caller of a restore must be allowed to do at everything that the body refers to (CONTRACT 12).

use axum::http::StatusCode;

use super::Context;
use crate::access::check_linked;
use crate::http::Reply;
use crate::scenario::{ResourceGuard, Vault};
use crate::wire::gateway_error;
use crate::world::Requested;

const WRITE_MACHINE: &str = "Microsoft.Compute/virtualMachines/write";
const WRITE_GROUP: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";
const JOIN_SUBNET: &str = "Microsoft.Network/virtualNetworks/subnets/join/action";
const WRITE_ACCOUNT: &str = "Microsoft.Storage/storageAccounts/write";
const READ_GUARD_REQUEST: &str =
    "Microsoft.DataProtection/resourceGuards/triggerRestoreRequests/read";

/// Refuses a restore that the caller has no rights for.
///
/// # Errors
/// The 403 to answer; it names the action and the id.
pub fn check(context: &Context<'_>, vault: &Vault, requested: &Requested) -> Result<(), Reply> {
    let scenario = &context.world.scenario;
    let client = context.caller.client_id.as_str();
    for (action, scope) in needed(requested) {
        check_linked(scenario, client, action, scope)?;
    }
    match &vault.resource_guard {
        Some(guard) => at_guard(context, guard),
        None => Ok(()),
    }
}

fn needed(requested: &Requested) -> Vec<(&'static str, &str)> {
    let mut needed = Vec::new();
    if requested.is("OriginalLocation") {
        needed.push((WRITE_MACHINE, requested.source.machine_id.as_str()));
    }
    if let Some(group) = &requested.target_group_id {
        needed.push((WRITE_GROUP, group.as_str()));
    }
    if let Some(machine) = &requested.target_machine_id {
        needed.push((WRITE_MACHINE, machine.as_str()));
    }
    if let Some(subnet) = &requested.subnet_id {
        needed.push((JOIN_SUBNET, subnet.as_str()));
    }
    // With the vault's identity nobody asks what the caller may do there.
    if !requested.by_vault_identity {
        needed.push((WRITE_ACCOUNT, requested.storage_account.as_str()));
    }
    needed
}

/// The guard of another tenant is reached with a second token, of that tenant.
fn at_guard(context: &Context<'_>, guard: &ResourceGuard) -> Result<(), Reply> {
    let request = guard.restore_request();
    let scenario = &context.world.scenario;
    let Some(tenant) = &guard.tenant else {
        return check_linked(
            scenario,
            &context.caller.client_id,
            READ_GUARD_REQUEST,
            &request,
        );
    };
    let second = context
        .call
        .header("x-ms-authorization-auxiliary")
        .and_then(|header| context.tokens.holder(header));
    match second.filter(|holder| holder.tenant.eq_ignore_ascii_case(tenant)) {
        Some(holder) => check_linked(scenario, &holder.client_id, READ_GUARD_REQUEST, &request),
        None => {
            let message = format!(
                "The client has permission to perform the requested action; however, the current tenant '{}' is not authorized to access linked subscription '{}'.",
                context.caller.tenant,
                guard.id.split('/').nth(2).unwrap_or_default()
            );
            Err(gateway_error(
                StatusCode::FORBIDDEN,
                "LinkedAuthorizationFailed",
                &message,
            ))
        }
    }
}
