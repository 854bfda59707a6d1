//! The restore request: what is asked of Azure, and its JSON body (CONTRACT 5).

use serde_json::{Map, Value, json};

use super::facts::{ExtendedLocation, RecoveryPoint};
use super::ids::{ArmId, RecoveryPointName};
use super::options::{Options, VaultIdentity};
use super::record::Intent;
use super::suitability;

/// One restore as it will be asked for. Complete before the claim: nothing in it is decided later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRequest {
    /// The VM that was backed up; it may be gone.
    pub source: ArmId,
    /// The point, for path and body.
    pub recovery_point: RecoveryPointName,
    /// The vault's region.
    pub region: String,
    /// Where the data goes.
    pub target: Target,
    /// What shapes it.
    pub options: Options,
    /// The edge zone that the point's VM was in; it is restored there.
    pub edge_zone: Option<ExtendedLocation>,
    /// Whether the point lies in the archive tier only and is brought back first.
    pub rehydrates: bool,
    /// The requests of Resource Guards that Azure demands to see, by their ids.
    pub guard_requests: Vec<String>,
}

/// What the user asked for, per recovery type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `RestoreDisks`.
    Disks {
        /// The staging storage account.
        storage_account: ArmId,
        /// Where the disks go; without it Azure writes VHDs into the account.
        resource_group: Option<ArmId>,
    },
    /// `OriginalLocation`: the disks of the source VM are replaced.
    OriginalLocation {
        /// The staging storage account.
        storage_account: ArmId,
    },
    /// `AlternateLocation`: another VM is made.
    AlternateLocation {
        /// The staging storage account; sent also where Azure does not use it.
        storage_account: ArmId,
        /// Where the VM goes.
        resource_group: ArmId,
        /// The VM to make; it must not exist.
        virtual_machine: ArmId,
        /// Its network.
        virtual_network: ArmId,
        /// Its subnet, whose network is `virtual_network`.
        subnet: ArmId,
    },
}

impl Target {
    /// Azure's name of the recovery type.
    pub fn recovery_type(&self) -> &'static str {
        match self {
            Self::Disks { .. } => "RestoreDisks",
            Self::OriginalLocation { .. } => "OriginalLocation",
            Self::AlternateLocation { .. } => "AlternateLocation",
        }
    }

    /// Whether a second restore would only cost money and clutter, so that an unknown outcome may be followed by another
    /// attempt once the first is known not to be listed.
    pub fn may_be_retried(&self) -> bool {
        match self {
            Self::Disks { .. } | Self::AlternateLocation { .. } => true,
            Self::OriginalLocation { .. } => false,
        }
    }

    /// Whether the source VM itself is written over, so that one run at a time may do it.
    pub fn overwrites_source(&self) -> bool {
        match self {
            Self::OriginalLocation { .. } => true,
            Self::Disks { .. } | Self::AlternateLocation { .. } => false,
        }
    }

    /// The VM that the restore makes. It must not exist before; afterwards it is the restore's own.
    pub fn creates_virtual_machine(&self) -> Option<&ArmId> {
        match self {
            Self::AlternateLocation {
                virtual_machine, ..
            } => Some(virtual_machine),
            Self::Disks { .. } | Self::OriginalLocation { .. } => None,
        }
    }

    /// The staging storage account.
    pub fn storage_account(&self) -> &ArmId {
        match self {
            Self::Disks {
                storage_account, ..
            }
            | Self::OriginalLocation { storage_account }
            | Self::AlternateLocation {
                storage_account, ..
            } => storage_account,
        }
    }

    /// The resource group that the disks or the VM go to.
    pub fn resource_group(&self) -> Option<&ArmId> {
        match self {
            Self::Disks { resource_group, .. } => resource_group.as_ref(),
            Self::OriginalLocation { .. } => None,
            Self::AlternateLocation { resource_group, .. } => Some(resource_group),
        }
    }

    /// The fields of the body that name the target, beside the storage account.
    fn fields(&self) -> Vec<(&'static str, &ArmId)> {
        match self {
            Self::Disks { resource_group, .. } => resource_group
                .iter()
                .map(|group| ("targetResourceGroupId", group))
                .collect(),
            Self::OriginalLocation { .. } => Vec::new(),
            Self::AlternateLocation {
                storage_account: _,
                resource_group,
                virtual_machine,
                virtual_network,
                subnet,
            } => vec![
                ("targetResourceGroupId", resource_group),
                ("targetVirtualMachineId", virtual_machine),
                ("virtualNetworkId", virtual_network),
                ("subnetId", subnet),
            ],
        }
    }
}

impl RestoreRequest {
    /// What an intent asks for, from this point in this region, as long as no Resource Guard demands more.
    pub fn of(intent: &Intent, point: &RecoveryPoint, region: String) -> Self {
        Self {
            source: intent.vm.clone(),
            recovery_point: point.name.clone(),
            region,
            target: intent.target.clone(),
            options: intent.options.clone(),
            edge_zone: point.details.edge_zone.clone(),
            rehydrates: suitability::rehydrates(point),
            guard_requests: Vec::new(),
        }
    }

    /// The body of the POST, as the article writes it, with the fields that newer clients send for what it lacks.
    ///
    /// `encryptionDetails` is left out as newer clients do. Absent fields are left out and never null, and so is the list of
    /// LUNs unless disks were chosen.
    pub fn body(&self) -> Value {
        let rehydrate = self.options.rehydrate.as_ref().filter(|_| self.rehydrates);
        let mut properties = Map::new();
        let mut put = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        put(
            "objectType",
            json!(match rehydrate {
                None => "IaasVMRestoreRequest",
                Some(_) => "IaasVMRestoreWithRehydrationRequest",
            }),
        );
        put("recoveryPointId", json!(self.recovery_point.as_str()));
        put("recoveryType", json!(self.target.recovery_type()));
        put("sourceResourceId", json!(self.source.as_str()));
        put("region", json!(self.region));
        put("createNewCloudService", json!(false));
        put("originalStorageAccountOption", json!(false));
        for (name, id) in self.target.fields() {
            put(name, json!(id.as_str()));
        }
        if let Some(luns) = self.options.disks.luns() {
            put("restoreDiskLunList", json!(luns));
        }
        for (name, value) in self.storage() {
            put(name, value);
        }
        for (name, value) in self.newer_fields() {
            put(name, value);
        }
        if let Some(rehydrate) = rehydrate {
            put(
                "recoveryPointRehydrationInfo",
                json!({
                    "rehydrationRetentionDuration": format!("P{}D", rehydrate.retention_days),
                    "rehydrationPriority": rehydrate.priority,
                }),
            );
        }
        json!({ "properties": properties })
    }

    /// What the body has that api-version 2019-05-13 lacks, by the field of `spec.target` or what else demands it.
    pub fn needs_newer_version(&self) -> Vec<&'static str> {
        let options = &self.options;
        let demands = [
            ("target.zone", options.zone.is_some()),
            (
                "target.diskEncryptionSetId",
                options.disk_encryption_set.is_some(),
            ),
            (
                "target.securedVmOsDiskEncryptionSetId",
                options.secured_vm_os_disk_encryption_set.is_some(),
            ),
            ("target.vaultIdentity", options.vault_identity.is_some()),
            ("target.diskNetworkAccess", options.network_access.is_some()),
            (
                "target.rehydrate",
                self.rehydrates && options.rehydrate.is_some(),
            ),
            ("the edge zone of the vm", self.edge_zone.is_some()),
            (
                "the Resource Guard of the vault",
                !self.guard_requests.is_empty(),
            ),
        ];
        let demanded = demands.into_iter().filter(|(_, demanded)| *demanded);
        demanded.map(|(what, _)| what).collect()
    }

    /// The storage account: by its keys, or as an identity of the vault. Then its id stands in the details alone, as az sends it.
    fn storage(&self) -> Vec<(&'static str, Value)> {
        let account = self.target.storage_account().as_str();
        let identity = match &self.options.vault_identity {
            None => return vec![("storageAccountId", json!(account))],
            Some(VaultIdentity::SystemAssigned) => json!({"isSystemAssignedIdentity": true}),
            Some(VaultIdentity::UserAssigned(id)) => {
                json!({"isSystemAssignedIdentity": false, "managedIdentityResourceId": id.as_str()})
            }
        };
        vec![
            ("identityInfo", identity),
            (
                "identityBasedRestoreDetails",
                json!({"targetStorageAccountId": account}),
            ),
        ]
    }

    /// The other fields that api-version 2019-05-13 lacks.
    fn newer_fields(&self) -> Vec<(&'static str, Value)> {
        let options = &self.options;
        let mut fields = Vec::new();
        if let Some(zone) = options.zone {
            fields.push(("zones", json!([zone])));
        }
        if let Some(id) = &options.disk_encryption_set {
            fields.push(("diskEncryptionSetId", json!(id.as_str())));
        }
        if let Some(id) = &options.secured_vm_os_disk_encryption_set {
            let details = json!({"securedVMOsDiskEncryptionSetId": id.as_str()});
            fields.push(("securedVMDetails", details));
        }
        if let Some(access) = &options.network_access {
            let mut settings = json!({"targetDiskNetworkAccessOption": access.option});
            if let Some(id) = &access.disk_access {
                settings["targetDiskAccessId"] = json!(id.as_str());
            }
            fields.push(("targetDiskNetworkAccessSettings", settings));
        }
        if let Some(zone) = &self.edge_zone {
            let location = json!({"name": zone.name, "type": zone.kind});
            fields.push(("extendedLocation", location));
        }
        if !self.guard_requests.is_empty() {
            fields.push(("resourceGuardOperationRequests", json!(self.guard_requests)));
        }
        fields
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
