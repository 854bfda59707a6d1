//! Protected items: listed once per vault and kept for minutes, so that a thousand runs cost one list. Names are never
//! built; they come from the item's id (CONTRACT 2).

use jiff::SignedDuration;
use serde_json::Value;

use super::decode::{field, text_of, truth};
use super::gate::Kind;
use super::session::{Ask, Session};
use super::verdict::{self, Absence};
use super::versions::Area;
use crate::restore::facts::{ProtectedItem, VaultError};
use crate::restore::ids::ArmId;
use crate::restore::ports::Budget;

/// Items change rarely.
const KEPT: SignedDuration = SignedDuration::from_mins(5);

/// A VM that is not among the items causes a new list, but not more often than this.
const NEW_LIST: SignedDuration = SignedDuration::from_secs(30);

const FILTER: &str = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'";

/// The items as last listed.
#[derive(Default)]
pub(super) struct ItemList {
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the list was begun, and what it held.
    listed: Option<(SignedDuration, Vec<ProtectedItem>)>,
    /// The last failure and until when it stands.
    failed: Option<(SignedDuration, VaultError)>,
}

impl Session {
    /// The item of a VM. Waits for a list that is under way.
    pub async fn item_of(&self, vm: &ArmId) -> Result<Option<ProtectedItem>, VaultError> {
        let mut state = self.items.state.lock().await;
        let now = self.clock.now().boot;
        if let Some((begun, items)) = &state.listed {
            let age = now.saturating_sub(*begun);
            let found = best(items, vm);
            if (found.is_some() && age < KEPT) || age < NEW_LIST {
                return Ok(found);
            }
        }
        if let Some((until, error)) = state.failed.as_ref().filter(|(until, _)| now < *until) {
            let retry_after = super::clock::with_jitter(until.saturating_sub(now));
            return Err(VaultError {
                retry_after,
                ..error.clone()
            });
        }
        match self.list_items().await {
            Ok(items) => {
                let found = best(&items, vm);
                state.listed = Some((now, items));
                state.failed = None;
                Ok(found)
            }
            Err(error) => {
                let until = self.clock.now().boot.saturating_add(error.retry_after);
                state.failed = Some((until, error.clone()));
                Err(error)
            }
        }
    }

    async fn list_items(&self) -> Result<Vec<ProtectedItem>, VaultError> {
        let ask = Ask {
            operation: "list_protected_items",
            kind: Kind::Items,
            area: Area::Items,
            budget: Budget::Needed,
            below: &["backupProtectedItems"],
            filter: Some(FILTER),
            absence: Absence::OfVault,
        };
        match self.pages(&ask).await? {
            Some((items, _)) => Ok(items.iter().filter_map(protected_item).collect()),
            None => Err(verdict::unreadable("the vault has no list of items")),
        }
    }
}

/// The VM's item: rather one that is not soft-deleted.
fn best(items: &[ProtectedItem], vm: &ArmId) -> Option<ProtectedItem> {
    items
        .iter()
        .filter(|item| item.source == *vm)
        .min_by_key(|item| item.soft_deleted)
        .cloned()
}

/// An item, or nothing if it lacks names or a VM.
pub(super) fn protected_item(entry: &Value) -> Option<ProtectedItem> {
    let properties = field(entry, "properties")?;
    let id = ArmId::new(text_of(entry, "id"));
    let source = ["sourceResourceId", "virtualMachineId"]
        .into_iter()
        .map(|name| text_of(properties, name))
        .find(|source| !source.is_empty())?;
    Some(ProtectedItem {
        container: id.segment_after("protectionContainers")?.to_owned(),
        name: id.segment_after("protectedItems")?.to_owned(),
        source: ArmId::new(source),
        protection_state: text_of(properties, "protectionState"),
        soft_deleted: field(properties, "isScheduledForDeferredDelete")
            .and_then(truth)
            .unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn an_item(source: &str, container: &str, deleted: bool) -> Value {
        json!({
            "id": format!("/Subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v/backupFabrics/Azure/protectionContainers/{container}/protectedItems/VM;x"),
            "properties": {
                "sourceResourceId": source, "protectionState": "Protected", "isScheduledForDeferredDelete": deleted
            }
        })
    }

    #[test]
    fn names_come_from_the_id_verbatim() {
        let item = protected_item(&an_item(
            "/subscriptions/s/vm",
            "IaasVMContainer;iaasvmcontainerv2;RG;vm",
            false,
        ))
        .unwrap();

        assert_eq!(item.container, "IaasVMContainer;iaasvmcontainerv2;RG;vm");
        assert_eq!(item.name, "VM;x");
    }

    #[test]
    fn the_vm_is_found_without_regard_to_case_and_a_living_item_is_preferred() {
        let items: Vec<_> = [
            an_item("/subscriptions/S/VM", "deleted", true),
            an_item("/subscriptions/s/vm", "alive", false),
            an_item("/subscriptions/s/other", "other", false),
        ]
        .iter()
        .filter_map(protected_item)
        .collect();

        let found = best(&items, &ArmId::new("/SUBSCRIPTIONS/s/Vm")).unwrap();

        assert_eq!(found.container, "alive");
        assert_eq!(best(&items, &ArmId::new("/subscriptions/s/none")), None);
    }
}
