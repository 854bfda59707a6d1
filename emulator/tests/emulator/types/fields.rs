//! What each type needs and excludes, and what point, machine and vault allow.

use serde_json::{Value, json};

use super::{
    COMPUTE, account, alternate, change_vault, effects, in_group, machine, network, original, run,
    send,
};
use crate::support::{Azure, TEST_VM, VAULT, vm};

#[tokio::test]
async fn each_type_refuses_the_fields_of_the_others() {
    let azure = Azure::start().await;
    let with = |mut base: Value, changes: Value| {
        for (field, value) in changes.as_object().unwrap() {
            base[field] = value.clone();
        }
        base
    };
    let set = in_group("testRG", &format!("/{COMPUTE}/diskEncryptionSets/des"));
    let access = in_group("testRG", &format!("/{COMPUTE}/diskAccesses/access"));
    let settings = |option: &str, id: Option<&str>| json!({"targetDiskNetworkAccessSettings": {"targetDiskNetworkAccessOption": option, "targetDiskAccessId": id}});
    let rehydration = |info: Value| json!({"objectType": "IaasVMRestoreWithRehydrationRequest", "recoveryPointRehydrationInfo": info});
    let group = in_group("restores", "");
    let refused = [
        (
            "targetResourceGroupId",
            with(original(), json!({"targetResourceGroupId": group})),
        ),
        (
            "OriginalLocation",
            with(
                original(),
                json!({"subnetId": format!("{}/subnets/default", network())}),
            ),
        ),
        ("zones", with(original(), json!({"zones": ["1"]}))),
        (
            "diskEncryptionSetId",
            with(original(), json!({"diskEncryptionSetId": set})),
        ),
        (
            "restoreDiskLunList",
            with(original(), json!({"restoreDiskLunList": [0]})),
        ),
        (
            "restoreDiskLunList",
            with(alternate("x"), json!({"restoreDiskLunList": []})),
        ),
        (
            "AlternateLocation needs",
            with(alternate("x"), json!({"subnetId": null})),
        ),
        (
            "targetVirtualMachineId",
            with(
                alternate("x"),
                json!({"targetVirtualMachineId": machine("testRG", "x")}),
            ),
        ),
        (
            "subnetId",
            with(
                alternate("x"),
                json!({"subnetId": format!("{}2/subnets/default", network())}),
            ),
        ),
        (
            "subnetId",
            with(alternate("x"), json!({"subnetId": network()})),
        ),
        (
            "RestoreDisks",
            json!({"targetVirtualMachineId": machine("restores", "x")}),
        ),
        ("LUN 7", json!({"restoreDiskLunList": [7]})),
        ("zones", json!({"zones": ["1", "2"]})),
        ("zones", json!({"zones": ["4"]})),
        ("zones", json!({"zones": "1"})),
        (
            "diskEncryptionSetId",
            json!({"diskEncryptionSetId": access}),
        ),
        (
            "targetDiskAccessId",
            settings("EnablePrivateAccessForAllDisks", None),
        ),
        (
            "targetDiskAccessId",
            settings("SameAsOnSourceDisks", Some(&access)),
        ),
        ("targetDiskNetworkAccessOption", settings("Whatever", None)),
        (
            "recoveryPointRehydrationInfo",
            json!({"objectType": "IaasVMRestoreWithRehydrationRequest"}),
        ),
        (
            "rehydrationPriority",
            rehydration(
                json!({"rehydrationPriority": "Low", "rehydrationRetentionDuration": "P15D"}),
            ),
        ),
        (
            "rehydrationRetentionDuration",
            rehydration(
                json!({"rehydrationPriority": "High", "rehydrationRetentionDuration": "15"}),
            ),
        ),
        (
            "identityInfo",
            json!({"identityInfo": {"isSystemAssignedIdentity": true}}),
        ),
        ("identityInfo", json!({"identityInfo": {}})),
        (
            "securedVMDetails",
            json!({"securedVMDetails": {"securedVMOsDiskEncryptionSetId": set}}),
        ),
        (
            "extendedLocation",
            json!({"extendedLocation": {"name": "losangeles", "type": "EdgeZone"}}),
        ),
        (
            "originalStorageAccountOption",
            json!({"originalStorageAccountOption": true}),
        ),
        ("encryptionDetails", json!({"encryptionDetails": "no"})),
    ];

    for (word, changes) in refused {
        let answer = send(&azure, &TEST_VM, &changes).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "BMSUserErrorInvalidInput"),
            "{changes}"
        );
        assert!(answer.text.contains(word), "{word}: {}", answer.text);
    }
    assert!(
        effects(&azure).await["disks"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn nulls_and_empty_texts_are_as_absent() {
    let azure = Azure::start().await;
    let article = json!({
        "recoveryType": "OriginalLocation", "affinityGroup": "", "diskEncryptionSetId": null, "subnetId": null,
        "targetDomainNameId": null, "targetResourceGroupId": null, "targetVirtualMachineId": null, "virtualNetworkId": null,
        "zones": [], "identityInfo": null,
    });

    assert_eq!(run(&azure, &TEST_VM, &article).await["status"], "Completed");
}

#[tokio::test]
async fn the_point_and_the_machine_decide_what_is_possible() {
    let azure = Azure::start().await;
    let private = azure
        .add_vm("private-1", json!({"privateDisks": true}))
        .await;
    let encrypted = azure
        .add_vm(
            "ade-1",
            json!({"recoveryPoints": [{"age": "8h", "encrypted": true}]}),
        )
        .await;
    let unmanaged = azure
        .add_vm(
            "old-1",
            json!({"recoveryPoints": [{"age": "8h", "unmanaged": true}]}),
        )
        .await;
    let archived = vm("archived-1");
    let set = in_group("testRG", &format!("/{COMPUTE}/diskEncryptionSets/des"));
    let same = json!({"targetDiskNetworkAccessSettings": {"targetDiskNetworkAccessOption": "SameAsOnSourceDisks"}});
    let rehydrate = json!({
        "objectType": "IaasVMRestoreWithRehydrationRequest",
        "recoveryPointRehydrationInfo": {"rehydrationPriority": "High", "rehydrationRetentionDuration": "P15D"},
    });
    let refused = [
        (&private, json!({})),
        (&encrypted, original()),
        (&encrypted, alternate("x")),
        (&encrypted, json!({"diskEncryptionSetId": set})),
        (&unmanaged, original()),
        (&archived, json!({})),
    ];

    for (vm, changes) in refused {
        let answer = send(&azure, vm, &changes).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "BMSUserErrorInvalidInput"),
            "{} {changes}",
            vm.name
        );
    }
    assert_eq!(run(&azure, &private, &same).await["status"], "Completed");
    assert_eq!(
        effects(&azure).await["disks"][0]["properties"]["networkAccessPolicy"],
        "AllowPrivate"
    );
    assert_eq!(
        run(&azure, &archived, &rehydrate).await["status"],
        "Completed"
    );
    let selected = run(&azure, &encrypted, &json!({"restoreDiskLunList": [0]})).await;
    assert_eq!(
        selected["errorDetails"][0]["errorTitle"],
        "UserErrorEncryptedVmNotSupportedWithDiskEx"
    );
}

#[tokio::test]
async fn the_vault_decides_about_identities_and_other_subscriptions() {
    let azure = Azure::start().await;
    let assigned = in_group(
        "testRG",
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup",
    );
    let elsewhere = "/subscriptions/00000000-0000-0000-0000-000000000009/resourceGroups/far";
    change_vault(
        &azure,
        json!({"identity": {"userAssigned": [assigned]}, "customerManagedKey": true, "crossSubscriptionRestore": false}),
    )
    .await;
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"resourceGroups": [in_group("restores", ""), elsewhere]}),
        )
        .await;
    let by_identity = json!({
        "storageAccountId": null, "identityInfo": {"managedIdentityResourceId": assigned},
        "identityBasedRestoreDetails": {"targetStorageAccountId": account("testAccount")},
    });
    let far = json!({"targetResourceGroupId": elsewhere});

    let vault = azure.get(VAULT).await.body;
    let encryption = azure
        .get(&format!(
            "{VAULT}/backupEncryptionConfigs/backupResourceEncryptionConfig"
        ))
        .await
        .body;
    let restored = run(&azure, &TEST_VM, &by_identity).await;
    let refused = send(&azure, &TEST_VM, &far).await;
    change_vault(&azure, json!({"crossSubscriptionRestore": true})).await;
    let allowed = run(&azure, &TEST_VM, &far).await;

    assert_eq!(vault["identity"]["type"], "UserAssigned");
    assert!(vault["identity"]["userAssignedIdentities"][&assigned]["principalId"].is_string());
    let restore = &vault["properties"]["restoreSettings"]["crossSubscriptionRestoreSettings"];
    assert_eq!(restore["crossSubscriptionRestoreState"], "Disabled");
    assert_eq!(
        encryption["properties"]["encryptionAtRestType"],
        "CustomerManaged"
    );
    assert_eq!(restored["status"], "Completed");
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(allowed["status"], "Completed");
    assert_eq!(
        allowed["extendedInfo"]["propertyBag"]["Target Subscription ID"],
        "00000000-0000-0000-0000-000000000009"
    );
}
