//! The restore request: what is asked of Azure, and its JSON body (CONTRACT 5).

use serde_json::{Value, json};

use super::ids::{ArmId, RecoveryPointName};

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
}

/// What the user asked for, per recovery type. The API of this version only offers `RestoreDisks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `RestoreDisks`, all disks.
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
    fn storage_account(&self) -> &ArmId {
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
    /// The body of the POST, as the article writes it. `encryptionDetails` is left out as newer clients do; absent fields
    /// are left out and never null, and so is the list of LUNs, which would restore less than all disks when empty.
    pub fn body(&self) -> Value {
        let mut properties = json!({
            "objectType": "IaasVMRestoreRequest",
            "recoveryPointId": self.recovery_point.as_str(),
            "recoveryType": self.target.recovery_type(),
            "sourceResourceId": self.source.as_str(),
            "storageAccountId": self.target.storage_account().as_str(),
            "region": self.region,
            "createNewCloudService": false,
            "originalStorageAccountOption": false,
        });
        for (name, id) in self.target.fields() {
            properties[name] = json!(id.as_str());
        }
        json!({ "properties": properties })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

    fn the_articles_request() -> RestoreRequest {
        RestoreRequest {
            source: ArmId::new(format!(
                "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/testVM"
            )),
            recovery_point: RecoveryPointName::new("20982486783671"),
            region: "westus".to_owned(),
            target: Target::Disks {
                storage_account: ArmId::new(format!(
                    "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/testAccount"
                )),
                resource_group: None,
            },
        }
    }

    #[test]
    fn the_articles_body_is_reproduced_without_encryption_details() {
        let expected = json!({
          "properties": {
            "objectType": "IaasVMRestoreRequest",
            "recoveryPointId": "20982486783671",
            "recoveryType": "RestoreDisks",
            "sourceResourceId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/testVM",
            "storageAccountId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/testAccount",
            "region": "westus",
            "createNewCloudService": false,
            "originalStorageAccountOption": false
          }
        });

        assert_eq!(the_articles_request().body(), expected);
    }

    #[test]
    fn a_resource_group_is_sent_when_it_is_there() {
        let mut request = the_articles_request();
        let group = ArmId::new(format!("{SUBSCRIPTION}/resourceGroups/restores"));
        request.target = Target::Disks {
            storage_account: request.target.storage_account().clone(),
            resource_group: Some(group.clone()),
        };

        assert_eq!(
            request.body()["properties"]["targetResourceGroupId"],
            group.as_str()
        );
    }

    /// The article's body without what clients leave out today: nulls, the empty `affinityGroup`, `encryptionDetails`.
    fn as_we_write_it(mut articles: Value) -> Value {
        let properties = articles["properties"].as_object_mut().unwrap();
        properties.retain(|name, value| {
            !value.is_null() && name != "affinityGroup" && name != "encryptionDetails"
        });
        articles
    }

    #[test]
    fn the_articles_body_that_replaces_disks_is_reproduced() {
        let mut request = the_articles_request();
        request.target = Target::OriginalLocation {
            storage_account: request.target.storage_account().clone(),
        };

        let articles = json!({
          "properties": {
            "objectType": "IaasVMRestoreRequest",
            "recoveryPointId": "20982486783671",
            "recoveryType": "OriginalLocation",
            "sourceResourceId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/testVM",
            "storageAccountId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/testAccount",
            "region": "westus",
            "createNewCloudService": false,
            "originalStorageAccountOption": false,
            "affinityGroup": "",
            "diskEncryptionSetId": null,
            "subnetId": null,
            "targetDomainNameId": null,
            "targetResourceGroupId": null,
            "targetVirtualMachineId": null,
            "virtualNetworkId": null
          }
        });
        assert_eq!(request.body(), as_we_write_it(articles));
    }

    #[test]
    fn the_articles_body_that_makes_another_vm_is_reproduced() {
        let mut request = the_articles_request();
        request.recovery_point = RecoveryPointName::new("348916168024334");
        let group = format!("{SUBSCRIPTION}/resourceGroups/targetRG");
        let network = format!("{group}/providers/Microsoft.Network/virtualNetworks/testNet");
        request.target = Target::AlternateLocation {
            storage_account: ArmId::new(format!(
                "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/testingAccount"
            )),
            resource_group: ArmId::new(&group),
            virtual_machine: ArmId::new(format!(
                "{group}/providers/Microsoft.Compute/virtualmachines/targetVM"
            )),
            subnet: ArmId::new(format!("{network}/subnets/default")),
            virtual_network: ArmId::new(network),
        };

        let articles = json!({
          "properties": {
            "objectType": "IaasVMRestoreRequest",
            "recoveryPointId": "348916168024334",
            "recoveryType": "AlternateLocation",
            "sourceResourceId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/testVM",
            "targetVirtualMachineId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/targetRG/providers/Microsoft.Compute/virtualmachines/targetVM",
            "targetResourceGroupId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/targetRG",
            "storageAccountId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/testingAccount",
            "virtualNetworkId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/targetRG/providers/Microsoft.Network/virtualNetworks/testNet",
            "subnetId": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/targetRG/providers/Microsoft.Network/virtualNetworks/testNet/subnets/default",
            "region": "westus",
            "createNewCloudService": false,
            "originalStorageAccountOption": false,
            "encryptionDetails": {
              "encryptionEnabled": false
            }
          }
        });
        assert_eq!(request.body(), as_we_write_it(articles));
    }

    #[test]
    fn only_replacing_disks_destroys_and_only_another_vm_is_made() {
        let storage_account = ArmId::new("a");
        let replaces = Target::OriginalLocation {
            storage_account: storage_account.clone(),
        };
        let makes = Target::AlternateLocation {
            storage_account,
            resource_group: ArmId::new("g"),
            virtual_machine: ArmId::new("vm"),
            virtual_network: ArmId::new("n"),
            subnet: ArmId::new("s"),
        };
        let disks = the_articles_request().target;

        let words = |target: &Target| {
            (
                target.may_be_retried(),
                target.overwrites_source(),
                target.creates_virtual_machine().is_some(),
            )
        };
        assert_eq!(words(&disks), (true, false, false));
        assert_eq!(words(&makes), (true, false, true));
        assert_eq!(words(&replaces), (false, true, false));
    }
}
