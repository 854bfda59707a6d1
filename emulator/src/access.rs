//! What a caller may do: roles, and the 403 that names what is missing.

use axum::http::StatusCode;

use crate::http::Reply;
use crate::scenario::{Principal, Role, RoleAssignment, Scenario};
use crate::wire::gateway_error;

/// Refuses an action that none of the caller's roles allows at this scope (an ARM id).
///
/// # Errors
/// The 403 to answer.
pub fn check(scenario: &Scenario, client_id: &str, action: &str, scope: &str) -> Result<(), Reply> {
    let principal = scenario
        .principals
        .iter()
        .find(|principal| principal.client_id.eq_ignore_ascii_case(client_id));
    if principal.is_some_and(|principal| allows(principal, action, scope)) {
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

fn allows(principal: &Principal, action: &str, scope: &str) -> bool {
    principal.roles.iter().any(|assignment| match assignment {
        RoleAssignment::Everywhere(role) => role.allows(action),
        RoleAssignment::Scoped { role, scope: limit } => {
            role.allows(action) && lies_in(scope, limit)
        }
    })
}

impl Role {
    fn allows(self, action: &str) -> bool {
        match self {
            Self::Owner => true,
            Self::BackupOperator => {
                action.ends_with("/read") || action.starts_with("Microsoft.RecoveryServices/")
            }
            Self::Reader => action.ends_with("/read"),
            Self::None => false,
        }
    }
}

fn lies_in(scope: &str, limit: &str) -> bool {
    let scope = scope.to_lowercase();
    let limit = limit.trim_end_matches('/').to_lowercase();
    scope == limit || scope.starts_with(&format!("{limit}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_what_lies_below_and_nothing_beside() {
        assert!(lies_in(
            "/subscriptions/s/resourceGroups/G/x",
            "/Subscriptions/S/resourcegroups/g"
        ));
        assert!(!lies_in(
            "/subscriptions/s/resourceGroups/g2",
            "/subscriptions/s/resourceGroups/g"
        ));
    }

    #[test]
    fn readers_read_and_operators_restore() {
        let restore = crate::operation::Operation::TriggerRestore.facts().action;
        let read = crate::operation::Operation::ListJobs.facts().action;

        assert!(Role::Reader.allows(read) && !Role::Reader.allows(restore));
        assert!(Role::BackupOperator.allows(restore));
        assert!(!Role::None.allows(read));
    }
}
