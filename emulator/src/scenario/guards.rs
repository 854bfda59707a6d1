//! What stands beside a vault: its identity, and the guard that watches over restores.

use serde::{Deserialize, Serialize};

/// The identities that a vault has.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct VaultIdentity {
    pub system_assigned: bool,
    /// Full ids of user assigned identities.
    pub user_assigned: Vec<String>,
}

/// A Resource Guard whose list of critical operations has restores in it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ResourceGuard {
    pub id: String,
    /// The guard's tenant, where it is not the vault's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

impl ResourceGuard {
    /// The request object that a restore has to name.
    pub fn restore_request(&self) -> String {
        format!(
            "{}/triggerRestoreRequests/default",
            self.id.trim_end_matches('/')
        )
    }
}

impl VaultIdentity {
    /// Whether the vault has this user assigned identity.
    pub fn has(&self, id: &str) -> bool {
        self.user_assigned
            .iter()
            .any(|known| known.eq_ignore_ascii_case(id))
    }
}
