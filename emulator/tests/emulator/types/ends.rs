//! Ends that are not success, and what they leave.

use serde_json::{Value, json};

use super::{account, alternate, disk_ids, effects, in_group, network, original, run};
use crate::support::{Azure, TEST_VM};

#[tokio::test]
async fn what_does_not_exist_is_noticed_late() {
    let azure = Azure::start().await;
    let nowhere = in_group("nowhere", "");
    let subnet = format!("{}/subnets/other", network());
    let mut no_subnet = alternate("x");
    no_subnet["subnetId"] = subnet.into();

    for (changes, title) in [
        (
            json!({"storageAccountId": account("missing")}),
            "UserErrorBCMRestoreStorageAccountNotFound",
        ),
        (
            json!({"targetResourceGroupId": nowhere}),
            "UserErrorTargetResourceGroupNotFound",
        ),
        (no_subnet, "UserErrorTargetNetworkOrSubnetNotFound"),
    ] {
        let job = run(&azure, &TEST_VM, &changes).await;
        assert_eq!(job["status"], "Failed", "{changes}");
        assert_eq!(job["errorDetails"][0]["errorTitle"], title);
        assert!(
            !job["errorDetails"][0]["recommendations"]
                .as_array()
                .unwrap()
                .is_empty()
        );
    }
    assert!(
        effects(&azure).await["disks"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_storage_account_that_cannot_be_used_is_noticed_late() {
    let azure = Azure::start().await;
    let cases = [
        (
            json!({"location": "eastus"}),
            "UserErrorStorageAccountRegionMismatch",
        ),
        (
            json!({"sku": "Standard_ZRS"}),
            "UserErrorStorageAccountTypeNotSupported",
        ),
        (
            json!({"kind": "BlobStorage"}),
            "UserErrorStorageAccountTypeNotSupported",
        ),
        (
            json!({"sku": "Premium_LRS", "networkRules": true}),
            "UserErrorStorageAccountTypeNotSupported",
        ),
        (json!({"sku": "Premium_LRS"}), ""),
        (json!({"networkRules": true}), ""),
        (json!({"location": "WestUS", "kind": "Storage"}), ""),
    ];

    for (fields, title) in cases {
        let id = account("staging");
        let mut staging = fields.clone();
        staging["id"] = json!(id);
        azure
            .admin(
                "PATCH",
                "scenario",
                json!({"storageAccounts": [account("testAccount"), staging]}),
            )
            .await;

        let shown = azure.get(&id).await.body;
        let job = run(&azure, &TEST_VM, &json!({"storageAccountId": id})).await;

        for field in ["location", "kind"] {
            if !fields[field].is_null() {
                assert_eq!(shown[field], fields[field]);
            }
        }
        if !fields["sku"].is_null() {
            assert_eq!(shown["sku"]["name"], fields["sku"]);
        }
        let error = job["errorDetails"][0]["errorTitle"].as_str();
        assert_eq!(error.unwrap_or_default(), title, "{fields}");
    }
}

#[tokio::test]
async fn ends_that_are_not_success_leave_what_they_are_known_to_leave() {
    let azure = Azure::start().await;
    let cases = [
        (
            "CompletedWithWarnings",
            "OlrBackupFailed",
            original(),
            Value::Null,
            2,
            0,
        ),
        (
            "CompletedWithWarnings",
            "UserErrorSkuNotAvailable",
            alternate("c1"),
            Value::Null,
            2,
            0,
        ),
        (
            "CompletedWithWarnings",
            "UserErrorDiskTagsNotRestored",
            alternate("c2"),
            json!("everything"),
            2,
            1,
        ),
        (
            "CompletedWithWarnings",
            "UserErrorDiskTagsNotRestored",
            json!({}),
            Value::Null,
            2,
            0,
        ),
        (
            "Failed",
            "UserErrorSkuNotAvailable",
            alternate("c3"),
            Value::Null,
            0,
            0,
        ),
        (
            "Failed",
            "UserErrorSkuNotAvailable",
            alternate("c4"),
            json!("disks"),
            2,
            0,
        ),
        (
            "Failed",
            "CloudInternalError",
            json!({}),
            json!("disks"),
            2,
            0,
        ),
    ];

    for (number, (status, error, changes, leaves, disks, machines)) in cases.into_iter().enumerate()
    {
        let outcome = if status == "Failed" {
            "failed"
        } else {
            "completedWithWarnings"
        };
        let behaviour =
            json!({"error": error, "outcome": outcome, "leaves": leaves, "duration": "1m"});
        let vm = azure
            .add_vm("ends-1", json!({ "restore": behaviour }))
            .await;
        let before = effects(&azure).await;
        let source = disk_ids(&azure.get(&vm.id()).await.body);

        let job = run(&azure, &vm, &changes).await;

        let after = effects(&azure).await;
        let more = |what: &str| {
            after[what].as_array().unwrap().len() - before[what].as_array().unwrap().len()
        };
        assert_eq!(job["status"], status, "{number}");
        assert_eq!(job["errorDetails"][0]["errorTitle"], error, "{number}");
        assert_eq!(
            (more("disks"), more("virtualMachines")),
            (disks, machines),
            "{number}"
        );
        assert_eq!(
            disk_ids(&azure.get(&vm.id()).await.body),
            source,
            "{number}: no disk of the source is replaced"
        );
        let tasks = job["extendedInfo"]["tasksList"].as_array().unwrap();
        if let Some(second) = tasks.get(1) {
            let expected = if machines == 1 { "Completed" } else { "Failed" };
            assert_eq!(second["status"], expected, "{number}");
        }
    }
}
