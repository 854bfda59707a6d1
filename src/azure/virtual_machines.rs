//! Virtual machines: whether one exists. Nothing else of them is read, and nothing is ever changed.

use super::gate::Kind;
use super::session::{Ask, Session};
use super::verdict::{self, Absence};
use super::versions::Area;
use crate::restore::facts::{RefusalKind, VaultError};
use crate::restore::ids::ArmId;
use crate::restore::ports::Budget;

impl Session {
    /// Whether a VM exists. It may lie in another subscription than the vault; the id is sent as it was written.
    ///
    /// # Errors
    /// Besides those of every read: `BadRequest` for an id that is not a VM's, so that the token goes nowhere else.
    pub async fn virtual_machine_exists(&self, vm: &ArmId) -> Result<bool, VaultError> {
        let segments: Vec<&str> = vm.as_str().split('/').skip(1).collect();
        let is_a_vm = match segments.as_slice() {
            [subscriptions, _, groups, _, providers, provider, kind, _] => {
                let words = [subscriptions, groups, providers, provider, kind];
                let expected = [
                    "subscriptions",
                    "resourceGroups",
                    "providers",
                    "Microsoft.Compute",
                    "virtualMachines",
                ];
                let same = |(word, known): (&&str, &str)| word.eq_ignore_ascii_case(known);
                words.into_iter().zip(expected).all(same)
                    && segments.iter().all(|segment| !segment.is_empty())
            }
            _ => false,
        };
        if !is_a_vm {
            return Err(VaultError {
                kind: RefusalKind::BadRequest,
                error: verdict::ours(&format!("{vm} is not the id of a virtual machine")),
                retry_after: verdict::MENDABLE,
            });
        }
        let ask = Ask {
            operation: "get_virtual_machine",
            kind: Kind::Compute,
            area: Area::Compute,
            budget: Budget::Needed,
            below: &segments,
            filter: None,
            absence: Absence::OfResource,
        };
        Ok(self.read(&ask).await?.is_some())
    }
}
