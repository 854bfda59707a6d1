//! The disks that come back: which, and what shows on them.

use serde_json::{Value, json};

use super::{COMPUTE, effects, in_group, run, send};
use crate::support::{Azure, WEB_1};

#[tokio::test]
async fn luns_come_as_numbers_or_strings_and_select_disks() {
    let azure = Azure::start().await;
    let vm = azure.add_vm("luns-1", json!({"dataDisks": 3})).await;

    let mut restored = Vec::new();
    for luns in [json!([]), json!([0, 2]), json!(["1"]), Value::Null] {
        let before = effects(&azure).await["disks"].as_array().unwrap().len();
        let job = run(&azure, &vm, &json!({"restoreDiskLunList": luns})).await;
        let made = effects(&azure).await["disks"].as_array().unwrap()[before..].len();
        let named = job["extendedInfo"]["propertyBag"]["Restored disk(s)"].clone();
        restored.push((made, named));
    }

    assert_eq!(
        restored,
        [
            (1, json!("luns-1_OsDisk_1")),
            (
                3,
                json!("luns-1_OsDisk_1; luns-1_DataDisk_0; luns-1_DataDisk_2")
            ),
            (2, json!("luns-1_OsDisk_1; luns-1_DataDisk_1")),
            (4, Value::Null),
        ]
    );
}

#[tokio::test]
async fn what_was_asked_for_disks_shows_on_them() {
    let azure = Azure::start().await;
    let confidential = azure.add_vm("secret-1", json!({"confidential": true, "edgeZone": "losangeles", "recoveryPoints": [{"age": "8h", "tiers": ["HardenedRP"]}]}),
    )
    .await;
    let set = in_group("testRG", &format!("/{COMPUTE}/diskEncryptionSets/des"));
    let access = in_group("testRG", &format!("/{COMPUTE}/diskAccesses/access"));

    run(
        &azure,
        &confidential,
        &json!({
            "zones": ["2"], "diskEncryptionSetId": set, "securedVMDetails": {"securedVMOsDiskEncryptionSetId": set},
            "extendedLocation": {"name": "LosAngeles", "type": "EdgeZone"},
            "targetDiskNetworkAccessSettings": {
                "targetDiskNetworkAccessOption": "EnablePrivateAccessForAllDisks", "targetDiskAccessId": access,
            },
        }),
    )
    .await;

    let made = effects(&azure).await["disks"].clone();
    let (os, data) = (&made[0], &made[1]);
    assert!(os["name"].as_str().unwrap().starts_with("secret1-osdisk-"));
    assert!(
        data["name"]
            .as_str()
            .unwrap()
            .starts_with("secret1-datadisk-000-")
    );
    assert_eq!(os["zones"], json!(["2"]));
    assert_eq!(os["extendedLocation"]["name"], "LosAngeles");
    let properties = &os["properties"];
    assert_eq!(properties["creationData"]["createOption"], "Import");
    assert_eq!(
        properties["encryption"]["diskEncryptionSetId"],
        set.as_str()
    );
    assert_eq!(properties["networkAccessPolicy"], "AllowPrivate");
    assert_eq!(properties["diskAccessId"], access.as_str());
    assert_eq!(
        properties["securityProfile"]["secureVMDiskEncryptionSetId"],
        set.as_str()
    );
    assert!(data["properties"]["securityProfile"].is_null());
    let answer = send(&azure, &confidential, &json!({})).await;
    assert!(
        answer.text.contains("extendedLocation"),
        "the edge zone of the point is needed: {}",
        answer.text
    );
}

#[tokio::test]
async fn disks_without_a_target_group_are_left_as_blobs() {
    let azure = Azure::start().await;

    let job = run(
        &azure,
        &WEB_1,
        &json!({"targetResourceGroupId": null, "restoreDiskLunList": [0]}),
    )
    .await;

    let effects = effects(&azure).await;
    assert!(effects["disks"].as_array().unwrap().is_empty());
    let blobs = effects["blobs"].as_array().unwrap();
    assert_eq!(blobs.len(), 4, "{blobs:?}");
    let bag = &job["extendedInfo"]["propertyBag"];
    assert_eq!(blobs[0], bag["Config Blob Uri"]);
    assert_eq!(blobs[1], bag["Template Blob Uri"]);
    assert!(blobs[2].as_str().unwrap().ends_with(".vhd"));
}

#[tokio::test]
async fn a_disk_can_be_missing_although_it_was_asked_for() {
    let azure = Azure::start().await;
    let vm = azure.add_vm("missing-1", json!({"dataDisks": 2, "restore": {"outcome": "completedWithWarnings", "missingLuns": [1]}}),
    )
    .await;

    let job = run(&azure, &vm, &json!({"restoreDiskLunList": [0, 1]})).await;

    assert_eq!(
        job["extendedInfo"]["propertyBag"]["Restored disk(s)"],
        "missing-1_OsDisk_1; missing-1_DataDisk_0"
    );
    assert_eq!(effects(&azure).await["disks"].as_array().unwrap().len(), 2);
}
