//! The restore that was sent beside the one that was recorded.

use serde_json::Value;
use std::collections::BTreeSet;

/// Fields whose presence and value say nothing about the restore, so that clients differ in them:
///
/// * `encryptionDetails`: older clients send `{encryptionEnabled: false}`, newer ones leave it out;
/// * `createNewCloudService`, `affinityGroup`, `targetDomainNameId`: classic VMs only; no difference was seen;
/// * `originalStorageAccountOption`: unmanaged VMs only, `false` means the same as absent.
const WITHOUT_MEANING: [&str; 5] = [
    "encryptionDetails",
    "createNewCloudService",
    "affinityGroup",
    "targetDomainNameId",
    "originalStorageAccountOption",
];

/// Fields that a `VmRestore` can say in this version. Others are listed, but are no mistake of the controller.
const SUPPORTED: [&str; 14] = [
    "objectType",
    "recoveryPointId",
    "recoveryType",
    "sourceResourceId",
    "storageAccountId",
    "targetResourceGroupId",
    "targetVirtualMachineId",
    "virtualNetworkId",
    "subnetId",
    "restoreDiskLunList",
    "zones",
    "diskEncryptionSetId",
    "identityInfo",
    "region",
];

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The controller sent something else than it should have.
    pub wrong: Vec<String>,
    /// The recorded client asked for something that a `VmRestore` cannot say yet.
    pub unsupported: Vec<String>,
}

/// Compares two restore requests (with or without `properties` around them) after the normalisation above; null
/// counts as absent, and the letter case of ids and regions does not count.
pub fn compare(sent: &Value, recorded: &Value) -> Differences {
    let (sent, recorded) = (fields(sent), fields(recorded));
    let names: BTreeSet<&String> = sent.keys().chain(recorded.keys()).collect();
    let mut differences = Differences::default();
    for name in names {
        let (ours, theirs) = (sent.get(name), recorded.get(name));
        if WITHOUT_MEANING.contains(&name.as_str()) || same(ours, theirs) {
            continue;
        }
        let text = format!("{name}: sent {}, recorded {}", shown(ours), shown(theirs));
        if SUPPORTED.contains(&name.as_str()) || ours.is_some() {
            differences.wrong.push(text);
        } else {
            differences.unsupported.push(text);
        }
    }
    differences
}

fn fields(body: &Value) -> serde_json::Map<String, Value> {
    let inner = body.get("properties").unwrap_or(body);
    let all = inner.as_object().cloned().unwrap_or_default();
    let mut all: serde_json::Map<String, Value> = all
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect();
    // Newer clients name the account there when an identity of the vault reaches it; older ones sent both sides as before.
    if let Some(details) = all.remove("identityBasedRestoreDetails") {
        let account = details.get("targetStorageAccountId").cloned();
        all.entry("storageAccountId")
            .or_insert(account.unwrap_or_default());
    }
    all
}

fn same(ours: Option<&Value>, theirs: Option<&Value>) -> bool {
    match (ours, theirs) {
        (Some(Value::String(ours)), Some(Value::String(theirs))) => ours
            .trim_end_matches('/')
            .eq_ignore_ascii_case(theirs.trim_end_matches('/')),
        // `false` is what leaving a switch out means.
        (None, Some(Value::Bool(false))) | (Some(Value::Bool(false)), None) => true,
        // The CLI writes LUNs as strings.
        (Some(Value::Array(ours)), Some(Value::Array(theirs))) => {
            let text = |value: &Value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            };
            ours.iter().map(text).eq(theirs.iter().map(text))
        }
        (ours, theirs) => ours == theirs,
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_has_no_meaning_is_not_compared() {
        let sent = json!({"properties": {"objectType": "IaasVMRestoreRequest", "recoveryPointId": "1",
            "sourceResourceId": "/subscriptions/S/x", "region": "westus"}});
        let recorded = json!({"objectType": "IaasVMRestoreRequest", "recoveryPointId": "1", "affinityGroup": "",
            "sourceResourceId": "/Subscriptions/s/X", "region": "WestUS", "createNewCloudService": true,
            "subnetId": null, "restoreWithManagedDisks": false, "encryptionDetails": {"encryptionEnabled": false}});

        assert_eq!(compare(&sent, &recorded), Differences::default());
    }

    #[test]
    fn a_missing_supported_field_is_wrong_and_another_one_is_listed() {
        let sent = json!({"recoveryPointId": "1"});
        let recorded = json!({"recoveryPointId": "1", "storageAccountId": "/a", "restoreWithManagedDisks": true});

        let differences = compare(&sent, &recorded);

        assert_eq!(
            differences.wrong,
            ["storageAccountId: sent nothing, recorded \"/a\""]
        );
        assert_eq!(
            differences.unsupported,
            ["restoreWithManagedDisks: sent nothing, recorded true"]
        );
    }

    #[test]
    fn luns_and_accounts_are_compared_however_a_client_writes_them() {
        let sent = json!({"restoreDiskLunList": [0, 2], "identityInfo": {"isSystemAssignedIdentity": true},
            "identityBasedRestoreDetails": {"targetStorageAccountId": "/a"}});
        let recorded = json!({"restoreDiskLunList": ["0", "2"], "identityInfo": {"isSystemAssignedIdentity": true},
            "storageAccountId": "/A"});

        assert_eq!(compare(&sent, &recorded), Differences::default());
        let other = json!({"restoreDiskLunList": ["0"]});
        assert_eq!(
            compare(&json!({"restoreDiskLunList": [1]}), &other)
                .wrong
                .len(),
            1
        );
    }

    #[test]
    fn a_field_that_nobody_asked_for_is_wrong() {
        let differences = compare(&json!({"zones": ["1"]}), &json!({}));

        assert_eq!(differences.wrong.len(), 1);
    }
}
