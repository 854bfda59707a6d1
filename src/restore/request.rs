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

/// What the user asked for, per recovery type. This version restores disks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `RestoreDisks`, all disks.
    Disks {
        /// The staging storage account.
        storage_account: ArmId,
        /// Where the disks go; without it Azure writes VHDs into the account.
        resource_group: Option<ArmId>,
    },
}

impl Target {
    /// Azure's name of the recovery type.
    pub fn recovery_type(&self) -> &'static str {
        match self {
            Self::Disks { .. } => "RestoreDisks",
        }
    }

    /// Whether a second restore would only cost money and clutter, so that an unknown outcome may be followed by another
    /// attempt once the first is known not to be listed.
    pub fn may_be_retried(&self) -> bool {
        match self {
            Self::Disks { .. } => true,
        }
    }
}

impl RestoreRequest {
    /// The body of the POST, as the article writes it. `encryptionDetails` is left out as newer clients do; absent fields
    /// are left out and never null, and so is the list of LUNs, which would restore less than all disks when empty.
    pub fn body(&self) -> Value {
        let Target::Disks {
            storage_account,
            resource_group,
        } = &self.target;
        let mut properties = json!({
            "objectType": "IaasVMRestoreRequest",
            "recoveryPointId": self.recovery_point.as_str(),
            "recoveryType": self.target.recovery_type(),
            "sourceResourceId": self.source.as_str(),
            "storageAccountId": storage_account.as_str(),
            "region": self.region,
            "createNewCloudService": false,
            "originalStorageAccountOption": false,
        });
        if let (Some(group), Some(fields)) = (resource_group, properties.as_object_mut()) {
            fields.insert("targetResourceGroupId".to_owned(), json!(group.as_str()));
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
        let Target::Disks { resource_group, .. } = &mut request.target;
        *resource_group = Some(group.clone());

        assert_eq!(
            request.body()["properties"]["targetResourceGroupId"],
            group.as_str()
        );
    }
}
