//! What stands around a restore: Resource Guards of the vault, and where the storage account is (CONTRACT 3, 5, 14). Kept for
//! minutes, per vault. What the identity may not read is not known, and never held against a restore.

use jiff::SignedDuration;
use serde_json::Value;

use super::codes::{WRONG_TENANT, is_one_of};
use super::decode::{field, text_of};
use super::gate::Kind;
use super::session::{Ask, Session};
use super::verdict::Absence;
use super::versions::Area;
use crate::restore::facts::{RefusalKind, Surroundings, VaultError};
use crate::restore::ids::ArmId;
use crate::restore::ports::Budget;

/// Guards and storage accounts change about never, and a person who changes one waits for no more than this.
const KEPT: SignedDuration = SignedDuration::from_mins(5);

/// The critical operation of a proxy that protects restores, as the service writes it.
const RESTORE: &str = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action";

/// The end of it as Microsoft's examples write it.
const RESTORE_OF_EXAMPLES: &str = "/triggerRestoreRequests";

/// What guards demand.
#[derive(Debug, Clone, Default)]
pub(super) struct Guards {
    requests: Vec<String>,
    foreign: Option<ArmId>,
}

impl Session {
    /// What stands around a restore into this storage account.
    ///
    /// # Errors
    /// Those of reading the vault and its guards, but for a missing right: Azure then decides when it is asked to restore.
    pub async fn surroundings_of(&self, account: &ArmId) -> Result<Surroundings, VaultError> {
        let facts = self.facts_of_vault().await?;
        let unguarded = (facts.multi_user_authorization.as_deref())
            .is_some_and(|state| state.eq_ignore_ascii_case("Disabled"));
        let guards = if unguarded {
            Guards::default()
        } else {
            self.guards().await?
        };
        Ok(Surroundings {
            guard_requests: guards.requests,
            foreign_guard: guards.foreign,
            storage_account_region: self.region_of(account).await,
            cross_subscription_restore: facts.cross_subscription_restore,
            pinned_version: self.versions.pinned(Area::Trigger).map(str::to_owned),
        })
    }

    async fn guards(&self) -> Result<Guards, VaultError> {
        let now = self.clock.now().boot;
        let mut kept = self.guards.lock().await;
        let fresh = (kept.as_ref()).filter(|(read, _)| now.saturating_sub(*read) < KEPT);
        if let Some((_, guards)) = fresh {
            return Ok(guards.clone());
        }
        let guards = self.read_guards().await?;
        *kept = Some((now, guards.clone()));
        Ok(guards)
    }

    async fn read_guards(&self) -> Result<Guards, VaultError> {
        let ask = Ask {
            operation: "list_resource_guard_proxies",
            kind: Kind::Items,
            area: Area::Guards,
            budget: Budget::Needed,
            below: &["backupResourceGuardProxies"],
            filter: None,
            absence: Absence::OnNotFound,
        };
        let proxies = match self.pages(&ask).await {
            Ok(pages) => pages.map(|(proxies, _)| proxies).unwrap_or_default(),
            Err(error) if may_not_read(&error) => return Ok(Guards::default()),
            Err(error) => return Err(error),
        };
        let mut guards = Guards::default();
        for proxy in &proxies {
            let Some((guard, request)) = protects_restores(proxy) else {
                continue;
            };
            if self.is_of_another_tenant(&guard).await? {
                let guard = self.arm.scrubber.clean(guard.as_str());
                guards.foreign.get_or_insert(ArmId::new(guard));
            }
            guards.requests.push(request);
        }
        guards.requests.sort_unstable();
        guards.requests.dedup();
        Ok(guards)
    }

    /// Whether Azure says of a guard's subscription that our token is of another tenant. That of the vault never is.
    async fn is_of_another_tenant(&self, guard: &ArmId) -> Result<bool, VaultError> {
        let subscription = guard.segment_after("subscriptions").unwrap_or_default();
        let own = self.vault.get(1).map(String::as_str).unwrap_or_default();
        if subscription.is_empty() || subscription.eq_ignore_ascii_case(own) {
            return Ok(false);
        }
        let below = ["subscriptions", subscription];
        let ask = of_arm("get_subscription", Area::Subscriptions, &below);
        match self.read(&ask).await {
            Ok(_) => Ok(false),
            Err(error) if is_one_of(&error.error.code, &WRONG_TENANT) => Ok(true),
            Err(error) if may_not_read(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The region of a storage account, if it can be read.
    async fn region_of(&self, account: &ArmId) -> Option<String> {
        let now = self.clock.now().boot;
        let mut regions = self.regions.lock().await;
        regions.retain(|_, (read, _)| now.saturating_sub(*read) < KEPT);
        if let Some((_, region)) = regions.get(account) {
            return region.clone();
        }
        let segments: Vec<&str> = account.as_str().split('/').skip(1).collect();
        let is_an_account = segments.len() == 8
            && segments[5].eq_ignore_ascii_case("Microsoft.Storage")
            && segments[6].eq_ignore_ascii_case("storageAccounts");
        if !is_an_account {
            return None;
        }
        let ask = of_arm("get_storage_account", Area::Storage, &segments);
        let region = match self.read(&ask).await {
            Ok(answer) => answer.map(|body| self.arm.scrubber.clean(&text_of(&body, "location"))),
            Err(error) => {
                tracing::debug!(%error, "the region of the storage account cannot be read");
                None
            }
        };
        let region = region.filter(|region| !region.is_empty());
        regions.insert(account.clone(), (now, region.clone()));
        region
    }
}

/// A read outside of the vault.
fn of_arm<'a>(operation: &'static str, area: Area, below: &'a [&'a str]) -> Ask<'a> {
    Ask {
        operation,
        kind: Kind::Compute,
        area,
        budget: Budget::Needed,
        below,
        filter: None,
        absence: Absence::OfResource,
    }
}

/// Whether the identity lacks the right to read it, or this Azure does not have it.
fn may_not_read(error: &VaultError) -> bool {
    matches!(
        error.kind,
        RefusalKind::Permission
            | RefusalKind::NotFound
            | RefusalKind::BadRequest
            | RefusalKind::ApiVersion
    )
}

/// The guard of a proxy that protects restores, and the request that a restore must show.
fn protects_restores(proxy: &Value) -> Option<(ArmId, String)> {
    let properties = field(proxy, "properties")?;
    let details = field(properties, "resourceGuardOperationDetails")?.as_array()?;
    let ends_with = |text: &str, end: &str| text.to_lowercase().ends_with(&end.to_lowercase());
    let request = details.iter().find_map(|detail| {
        let operation = text_of(detail, "vaultCriticalOperation");
        let restore = ends_with(&operation, RESTORE) || ends_with(&operation, RESTORE_OF_EXAMPLES);
        let request = text_of(detail, "defaultResourceRequest");
        (restore && !request.is_empty()).then_some(request)
    })?;
    let named = text_of(properties, "resourceGuardResourceId");
    let guard = if named.is_empty() {
        request.clone()
    } else {
        named
    };
    Some((ArmId::new(guard), request))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_proxy_protects_restores_by_either_name_of_the_operation() {
        let guard = "/subscriptions/g/resourceGroups/r/providers/Microsoft.DataProtection/resourceGuards/guard";
        let proxy = |operation: &str, request: &str| {
            json!({"name": "VaultProxy", "properties": {"resourceGuardResourceId": guard,
            "resourceGuardOperationDetails": [
                {"vaultCriticalOperation": "Microsoft.DataProtection/resourceGuards/disableSoftDeleteRequests",
                 "defaultResourceRequest": format!("{guard}/disableSoftDeleteRequests/default")},
                {"vaultCriticalOperation": operation, "defaultResourceRequest": request},
            ]}})
        };
        let request = format!("{guard}/triggerRestoreRequests/default");
        let expected = Some((ArmId::new(guard), request.clone()));

        assert_eq!(protects_restores(&proxy(RESTORE, &request)), expected);
        assert_eq!(
            protects_restores(&proxy(&RESTORE.to_uppercase(), &request)),
            expected
        );
        let of_examples = "Microsoft.DataProtection/resourceGuards/triggerRestoreRequests";
        assert_eq!(protects_restores(&proxy(of_examples, &request)), expected);
        assert_eq!(protects_restores(&proxy(RESTORE, "")), None);
        assert_eq!(protects_restores(&proxy("deletes", &request)), None);
        assert_eq!(protects_restores(&json!({})), None);
    }
}
