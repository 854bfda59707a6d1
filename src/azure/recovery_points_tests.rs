//! Recovery points as Azure writes them: the article, Microsoft's examples (when `AZURE_CONTRACT_DIR` names the folder),
//! and every odd form of CONTRACT 6.

use std::path::Path;

use serde_json::{Value, json};

use super::protected_items::protected_item;
use super::recordings_tests::is_whole;
use super::recovery_points::recovery_point;
use super::scrub::Scrubber;
use crate::restore::choose::{self, Criteria, Question, StorageTier};
use crate::restore::facts::{RecoveryPoint, Tier};
use crate::restore::ids::ArmId;

const ARTICLE_ITEM: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testVaultRG/providers/microsoft.recoveryservices/vaults/testVault/backupFabrics/Azure/protectionContainers/iaasvmcontainer;iaasvmcontainerv2;testRG;testVM/protectedItems/VM;testRG;testVM";

fn decoded(body: &Value) -> Option<RecoveryPoint> {
    recovery_point(body, &Scrubber::default())
}

fn with(properties: Value) -> RecoveryPoint {
    decoded(&json!({"name": "1", "properties": properties})).unwrap()
}

fn tier(kind: &str, status: &str) -> Tier {
    Tier {
        kind: kind.to_owned(),
        status: status.to_owned(),
    }
}

/// A point of the article's list, with numbers for words and the short name of its item.
fn of_the_article(name: &str, consistency: &str, time: &str) -> Value {
    json!({
        "id": format!("{ARTICLE_ITEM}/recoveryPoints/{name}"),
        "name": name,
        "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints",
        "properties": {
            "objectType": "IaasVMRecoveryPoint", "recoveryPointType": consistency, "recoveryPointTime": time,
            "recoveryPointAdditionalInfo": "", "sourceVMStorageType": "NormalStorage", "isSourceVMEncrypted": false,
            "isInstantIlrSessionActive": false,
            "recoveryPointTierDetails": [{"type": 1, "status": 1}, {"type": 2, "status": 1}],
            "isManagedVirtualMachine": true, "virtualMachineSize": "Standard_A1_v2", "originalStorageAccountOption": false
        }
    })
}

#[test]
fn the_articles_list_decodes_and_its_newest_point_is_chosen() {
    let list = [
        of_the_article(
            "20982486783671",
            "AppConsistent",
            "2018-06-04T06:06:00.5121087Z",
        ),
        of_the_article(
            "23358112038108",
            "CrashConsistent",
            "2018-06-03T06:20:56.3043878Z",
        ),
    ];
    let points: Vec<_> = list.iter().filter_map(decoded).collect();
    let question = Question {
        vm: "testVM",
        now: "2018-06-04T07:18:51Z".parse().unwrap(),
        may_rehydrate: false,
        listed: None,
    };
    let vault = Criteria {
        tier: Some(StorageTier::VaultStandard),
        ..Criteria::default()
    };

    let chosen = choose::newest(&points, &vault, &question).unwrap();

    assert!(points.iter().all(is_whole));
    assert_eq!(chosen.point.name.as_str(), "20982486783671");
    assert_eq!(
        chosen.point.tiers,
        [tier("InstantRP", "Valid"), tier("HardenedRP", "Valid")]
    );
    assert!(
        chosen.reason.contains("not checked"),
        "2019-05-13 tells neither: {}",
        chosen.reason
    );
}

#[test]
fn the_short_names_of_the_article_are_kept_as_they_are() {
    let vm = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/testVM";
    let body = json!({"id": ARTICLE_ITEM, "name": "VM;testRG;testVM", "properties": {"sourceResourceId": vm}});
    let mut nameless = of_the_article("20982486783671", "AppConsistent", "2018-06-04T06:06:00Z");
    nameless.as_object_mut().unwrap().remove("name");

    let item = protected_item(&body).unwrap();
    let point = decoded(&nameless).unwrap();

    assert_eq!(item.name, "VM;testRG;testVM");
    assert_eq!(
        item.container,
        "iaasvmcontainer;iaasvmcontainerv2;testRG;testVM"
    );
    assert_eq!(item.source, ArmId::new(vm));
    assert_eq!(point.name.as_str(), "20982486783671", "the id ends with it");
}

#[test]
fn tiers_come_as_numbers_or_names_and_unknown_ones_are_kept() {
    for (told, expected) in [
        (json!({"type": 0, "status": 0}), tier("Invalid", "Invalid")),
        (json!({"type": 1, "status": 1}), tier("InstantRP", "Valid")),
        (
            json!({"type": 2, "status": 2}),
            tier("HardenedRP", "Disabled"),
        ),
        (
            json!({"type": 3, "status": 3}),
            tier("ArchivedRP", "Deleted"),
        ),
        (
            json!({"type": "ArchivedRP", "status": 4}),
            tier("ArchivedRP", "Rehydrated"),
        ),
        (
            json!({"type": "HardenedRP", "status": "Valid"}),
            tier("HardenedRP", "Valid"),
        ),
        (
            json!({"Type": "IASnapshotRP", "Status": "Paused"}),
            tier("IASnapshotRP", "Paused"),
        ),
        (json!({"type": 4, "status": 17}), tier("4", "17")),
        (json!({"type": null, "status": []}), tier("", "")),
        (json!("InstantRP"), tier("", "")),
    ] {
        let point = with(json!({"recoveryPointTierDetails": [told.clone()]}));
        assert_eq!(point.tiers, [expected], "{told}");
    }
    assert!(
        with(json!({"recoveryPointTierDetails": null}))
            .tiers
            .is_empty()
    );
    assert!(with(json!({})).tiers.is_empty());
    let many = vec![json!({"type": 1, "status": 1}); 1_000];
    assert_eq!(
        with(json!({"recoveryPointTierDetails": many})).tiers.len(),
        16
    );
}

#[test]
fn times_come_in_three_forms_and_one_that_cannot_be_read_is_none() {
    for (told, expected) in [
        (
            "2018-06-04T06:06:00.5121087Z",
            Some("2018-06-04T06:06:00.5121087Z"),
        ),
        (
            "2018-06-04T06:06:00.512108",
            Some("2018-06-04T06:06:00.512108Z"),
        ),
        ("2018-06-04T08:06:00+02:00", Some("2018-06-04T06:06:00Z")),
        ("0001-01-01T00:00:00", None),
        ("6/4/2018 6:06:00 AM", None),
        ("", None),
    ] {
        let point = with(json!({"recoveryPointTime": told}));
        assert_eq!(
            point.time,
            expected.map(|time| time.parse().unwrap()),
            "{told}"
        );
    }
}

#[test]
fn the_end_of_a_point_is_told_or_not() {
    let told = |more: Value| {
        let point = with(json!({"recoveryPointProperties": more}));
        (
            point.soft_deleted,
            point.expires.map(|time| time.to_string()),
        )
    };

    assert_eq!(told(Value::Null), (None, None));
    assert_eq!(told(json!({})), (Some(false), None));
    assert_eq!(told(json!({"isSoftDeleted": true})), (Some(true), None));
    assert_eq!(told(json!({"isSoftDeleted": "True"})), (Some(true), None));
    assert_eq!(
        told(
            json!({"expiryTime": "2025-05-29T08:34:15.9738890", "ruleName": "Daily", "isSoftDeleted": false})
        ),
        (Some(false), Some("2025-05-29T08:34:15.973889Z".to_owned()))
    );
}

#[test]
fn key_material_is_dropped() {
    let point = with(json!({
        "isSourceVMEncrypted": true,
        "keyAndSecret": {
            "kekDetails": {"keyUrl": "https://k", "keyBackupData": "very secret"},
            "bekDetails": {"secretUrl": "https://s", "secretData": "very secret"}
        },
    }));

    assert!(!format!("{point:?}").contains("secret"));
}

#[test]
fn what_is_no_point_is_none() {
    for body in [
        json!({}),
        json!({"name": "1"}),
        json!({"name": "1", "properties": null}),
        json!({"name": "", "id": "", "properties": {}}),
        json!({"properties": {}}),
        json!([]),
        json!("1"),
    ] {
        assert_eq!(decoded(&body), None, "{body}");
    }
    let number = decoded(&json!({"name": 20_982_486_783_671_u64, "properties": {}}));
    assert_eq!(number.unwrap().name.as_str(), "20982486783671");
}

#[test]
fn microsofts_examples_decode_in_every_version() {
    let Some(folder) = std::env::var_os("AZURE_CONTRACT_DIR") else {
        eprintln!("skipped: AZURE_CONTRACT_DIR does not say where Microsoft's OpenAPI files are");
        return;
    };
    let mut seen = 0;
    for version in std::fs::read_dir(Path::new(&folder).join("openapi")).unwrap() {
        let examples = version.unwrap().path().join("examples/AzureIaasVm");
        for name in ["RecoveryPoints_List.json", "RecoveryPoints_Get.json"] {
            let Ok(text) = std::fs::read(examples.join(name)) else {
                continue;
            };
            let example: Value = serde_json::from_slice(&text).unwrap();
            let body = &example["responses"]["200"]["body"];
            let one = [body.clone()];
            let entries = body["value"].as_array().map_or(&one[..], Vec::as_slice);
            for entry in entries {
                let point = decoded(entry).unwrap_or_else(|| panic!("{entry:#}"));
                assert!(is_whole(&point), "{}: {point:?}", examples.display());
                assert_eq!(entry["name"], point.name.as_str());
                seen += 1;
            }
        }
    }
    assert!(seen >= 15, "only {seen} points were found");
}

#[test]
fn details_are_read_where_azure_says_them() {
    let told = json!({
        "isSourceVMEncrypted": true, "isPrivateAccessEnabledOnAnyDisk": false,
        "extendedLocation": {"name": "losangeles", "type": "EdgeZone"},
        "recoveryPointDiskConfiguration": {"includedDiskList": [{"lun": -1, "name": "os"}, {"lun": 4, "name": "d"}]}
    });

    let details = with(told.clone()).details;

    assert_eq!(details.encrypted, Some(true));
    assert_eq!(details.private_access, Some(false));
    assert_eq!(details.edge_zone.unwrap().name, "losangeles");
    assert_eq!(details.luns, Some(vec![-1, 4]));
    assert_eq!(with(json!({})).details, Default::default());
    for list in [Value::Null, json!([{"name": "without a lun"}])] {
        let mut odd = told.clone();
        odd["recoveryPointDiskConfiguration"]["includedDiskList"] = list;
        assert_eq!(with(odd).details.luns, None, "nothing that could be wrong");
    }
}
