//! The types of restore that the suites cover.

use serde_json::{Value, json};

/// A type of restore in the primary region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreType {
    RestoreDisks,
    /// Replaces the disks of the source VM.
    OriginalLocation,
    /// Makes a new VM.
    AlternateLocation,
}

/// Where a restore goes, in ids of Azure. Each type takes of it what it needs.
#[derive(Clone, Debug)]
pub struct Place {
    pub storage_account: String,
    pub resource_group: String,
    /// The VM to make.
    pub machine: String,
    /// The network of that VM, whose subnet is `default`.
    pub network: String,
}

impl RestoreType {
    /// Every type that this version has.
    pub const ALL: [Self; 3] = [
        Self::RestoreDisks,
        Self::OriginalLocation,
        Self::AlternateLocation,
    ];

    /// Azure's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RestoreDisks => "RestoreDisks",
            Self::OriginalLocation => "OriginalLocation",
            Self::AlternateLocation => "AlternateLocation",
        }
    }

    /// The type of that name.
    ///
    /// # Errors
    /// Which names there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| format!("there is no type {name}, only {}", names()))
    }

    /// `spec.target` of a restore of this type.
    pub fn target(self, place: &Place) -> Value {
        let Place {
            storage_account,
            resource_group,
            machine,
            network,
        } = place;
        match self {
            Self::RestoreDisks => {
                json!({"storageAccountId": storage_account, "resourceGroupId": resource_group})
            }
            Self::OriginalLocation => json!({"storageAccountId": storage_account}),
            Self::AlternateLocation => json!({
                "storageAccountId": storage_account, "resourceGroupId": resource_group, "virtualMachineId": machine,
                "virtualNetworkId": network, "subnetId": format!("{network}/subnets/default"),
            }),
        }
    }
}
