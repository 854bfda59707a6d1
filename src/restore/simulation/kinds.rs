//! The kinds of restores that are played.

use super::super::ids::ArmId;
use super::super::request::Target;

/// What kind of harm a run may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Disks,
    OriginalLocation,
    AlternateLocation,
}

impl Kind {
    pub fn target(self, run: usize) -> Target {
        let group = "/subscriptions/s/resourceGroups/g/providers";
        let storage_account = ArmId::new(format!("{group}/Microsoft.Storage/storageAccounts/a"));
        match self {
            Self::Disks => Target::Disks {
                storage_account,
                resource_group: None,
            },
            Self::OriginalLocation => Target::OriginalLocation { storage_account },
            Self::AlternateLocation => Target::AlternateLocation {
                storage_account,
                resource_group: ArmId::new("/subscriptions/s/resourceGroups/g"),
                virtual_machine: ArmId::new(format!(
                    "{group}/Microsoft.Compute/virtualMachines/new{run}"
                )),
                virtual_network: ArmId::new("n"),
                subnet: ArmId::new("n/subnets/default"),
            },
        }
    }
}
