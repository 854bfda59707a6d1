//! Roles: what a principal may do, and where.

use serde::{Deserialize, Serialize};

/// A role, for everything or below a scope; or single actions, as in a custom role.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum RoleAssignment {
    Everywhere(Role),
    Scoped {
        role: Role,
        scope: String,
    },
    Custom {
        /// Names of actions; a `*` stands for anything.
        actions: Vec<String>,
        /// An id below which they count; absent = everywhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// May do everything.
    Owner,
    /// May do everything at vaults and read the rest.
    BackupOperator,
    /// May do at source VM, target group, subnet and storage account what a restore needs there.
    RestoreContributor,
    /// May read everything.
    Reader,
    /// May do nothing: signs in and gets 403.
    None,
}

/// What `RestoreContributor` may do besides reading (CONTRACT 12).
const RESTORE_ACTIONS: &[&str] = &[
    "Microsoft.Resources/subscriptions/resourceGroups/write",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
    "Microsoft.Storage/storageAccounts/write",
];

impl RoleAssignment {
    /// Whether it allows an action at a scope (an ARM id).
    pub fn allows(&self, action: &str, scope: &str) -> bool {
        match self {
            Self::Everywhere(role) => role.allows(action),
            Self::Scoped { role, scope: limit } => role.allows(action) && lies_in(scope, limit),
            Self::Custom {
                actions,
                scope: limit,
            } => {
                actions.iter().any(|pattern| matches(pattern, action))
                    && limit.as_ref().is_none_or(|limit| lies_in(scope, limit))
            }
        }
    }
}

impl Role {
    fn allows(self, action: &str) -> bool {
        let reads = action.ends_with("/read");
        match self {
            Self::Owner => true,
            Self::BackupOperator => reads || action.starts_with("Microsoft.RecoveryServices/"),
            Self::RestoreContributor => reads || RESTORE_ACTIONS.contains(&action),
            Self::Reader => reads,
            Self::None => false,
        }
    }
}

/// Whether a pattern with `*` in it covers an action, in any letter case.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else {
        return false;
    };
    let mut open_end = first.len() == pattern.len() && rest.is_empty();
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        open_end = part.is_empty() || rest.is_empty();
    }
    open_end
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
        let write = "Microsoft.Compute/virtualMachines/write";

        assert!(Role::Reader.allows(read) && !Role::Reader.allows(restore));
        assert!(Role::BackupOperator.allows(restore) && !Role::BackupOperator.allows(write));
        assert!(
            Role::RestoreContributor.allows(write) && !Role::RestoreContributor.allows(restore)
        );
        assert!(!Role::None.allows(read));
    }

    #[test]
    fn a_star_stands_for_anything() {
        let join = "Microsoft.Network/virtualNetworks/subnets/join/action";
        for (pattern, covers) in [
            ("*", true),
            ("microsoft.network/*", true),
            ("*/action", true),
            ("Microsoft.Network/*/join/action", true),
            (join, true),
            ("*/read", false),
            ("Microsoft.Network/virtualNetworks", false),
            ("Microsoft.Compute/*", false),
        ] {
            assert_eq!(matches(pattern, join), covers, "{pattern}");
        }
    }
}
