//! What a caller may do, and the 403 that names what is missing: at the address, and at what the body refers to.

use axum::http::StatusCode;

use crate::http::Reply;
use crate::scenario::Scenario;
use crate::wire::gateway_error;

/// Refuses an action that none of the caller's roles allows at this scope (an ARM id).
///
/// # Errors
/// The 403 to answer.
pub fn check(scenario: &Scenario, client_id: &str, action: &str, scope: &str) -> Result<(), Reply> {
    if allows(scenario, client_id, action, scope) {
        return Ok(());
    }
    let message = format!(
        "The client '{client_id}' with object id '{client_id}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
    );
    Err(gateway_error(
        StatusCode::FORBIDDEN,
        "AuthorizationFailed",
        &message,
    ))
}

/// Refuses an action at something that the request's body refers to, as Azure Resource Manager does: the caller may do what
/// the address says, but not this.
///
/// # Errors
/// The 403 to answer.
pub fn check_linked(
    scenario: &Scenario,
    client_id: &str,
    action: &str,
    scope: &str,
) -> Result<(), Reply> {
    if allows(scenario, client_id, action, scope) {
        return Ok(());
    }
    let message = format!(
        "The client '{client_id}' with object id '{client_id}' has permission to perform the requested action; however, it does not have permission to perform action(s) '{action}' on the linked scope(s) '{scope}' (respectively) or the linked scope(s) are invalid."
    );
    Err(gateway_error(
        StatusCode::FORBIDDEN,
        "LinkedAuthorizationFailed",
        &message,
    ))
}

fn allows(scenario: &Scenario, client_id: &str, action: &str, scope: &str) -> bool {
    let principal = scenario
        .principals
        .iter()
        .find(|principal| principal.client_id.eq_ignore_ascii_case(client_id));
    principal.is_some_and(|principal| {
        principal
            .roles
            .iter()
            .any(|assignment| assignment.allows(action, scope))
    })
}
