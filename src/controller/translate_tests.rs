use serde_json::{Value, json};

use super::*;
use crate::api::v1alpha1::restore::FROZEN;

fn an_object(spec: Value) -> api::VmRestore {
    serde_json::from_value(json!({
        "apiVersion": "azurebackup.dev/v1alpha1", "kind": "VmRestore",
        "metadata": {"name": "restore-web", "namespace": "team-a"},
        "spec": spec,
    }))
    .unwrap()
}

fn a_spec() -> Value {
    let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG";
    json!({
        "vaultRef": {"name": "test-vault"},
        "sourceVirtualMachineId": format!("{group}/providers/Microsoft.Compute/virtualMachines/testVM"),
        "recoveryType": "RestoreDisks",
        "target": {"storageAccountId": format!("{group}/providers/Microsoft.Storage/storageAccounts/testaccount")},
    })
}

fn key(spec: Value) -> String {
    let vault = ArmId::new(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v",
    );
    run(&an_object(spec), Some(vault), &Scope::new("scope"))
        .key
        .to_string()
}

fn changed(path: &str, value: Value) -> Value {
    let mut spec = a_spec();
    let pointer = format!("/{}", path.replace('.', "/"));
    if let Some(there) = spec.pointer_mut(&pointer) {
        *there = value;
    } else {
        let (parent, field) = path
            .rsplit_once('.')
            .map_or((String::new(), path), |(parent, field)| {
                (format!("/{}", parent.replace('.', "/")), field)
            });
        spec.pointer_mut(&parent).unwrap()[field] = value;
    }
    spec
}

#[test]
fn every_frozen_field_but_the_name_of_the_vault_object_makes_another_run() {
    let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/other";
    let changes = [
        (
            "sourceVirtualMachineId",
            json!(format!(
                "{group}/providers/Microsoft.Compute/virtualMachines/vm"
            )),
        ),
        ("recoveryPoint", json!({"name": "7"})),
        (
            "recoveryPoint",
            json!({"atOrBefore": "2018-06-04T06:06:01Z"}),
        ),
        (
            "recoveryPoint",
            json!({"notBefore": "2018-06-04T06:06:01Z"}),
        ),
        ("recoveryPoint", json!({"minConsistency": "AppConsistent"})),
        ("recoveryPoint", json!({"tier": "VaultStandard"})),
        (
            "target.storageAccountId",
            json!(format!(
                "{group}/providers/Microsoft.Storage/storageAccounts/other"
            )),
        ),
        ("target.resourceGroupId", json!(group)),
        ("runId", json!("2")),
        ("recoveryType", json!("OriginalLocation")),
    ];
    // `vaultRef` stands in the key by the vault's ARM id.
    let covered: Vec<&str> = changes
        .iter()
        .map(|(path, _)| path.split('.').next().unwrap())
        .collect();
    for field in FROZEN {
        assert!(
            covered.contains(&field) || field == "vaultRef",
            "{field} is not covered"
        );
    }

    let mut keys = std::collections::BTreeSet::from([key(a_spec())]);
    for (path, value) in changes {
        let new = keys.insert(key(changed(path, value.clone())));
        assert!(new, "{path}: {value} makes no run of its own");
    }
    assert_eq!(
        key(changed("vaultRef.name", json!("renamed"))),
        key(a_spec())
    );
}

#[test]
fn defaults_letter_case_and_control_fields_make_no_other_run() {
    let upper = a_spec()["sourceVirtualMachineId"]
        .as_str()
        .unwrap()
        .to_uppercase();

    for (path, value) in [
        ("runId", json!("")),
        ("recoveryPoint", json!({})),
        ("recoveryPoint", json!({"tier": "Any"})),
        ("sourceVirtualMachineId", json!(upper)),
        ("retryLimit", json!(5)),
        ("startBy", json!("2026-11-22T18:00:00Z")),
        ("timeouts", json!({"run": "1h"})),
    ] {
        assert_eq!(key(changed(path, value)), key(a_spec()), "{path}");
    }
}

/// Keys that an upgrade must not change: those of objects that choose a recovery point by more than its name.
#[test]
fn golden_vectors_of_objects_that_choose_a_point() {
    for (selector, expected) in [
        (json!({}), "3c8b9708-90b2-59af-a32d-222a7d2b095f"),
        (
            json!({"name": "20982486783671"}),
            "0a6960df-41b0-588b-addc-6fa796802737",
        ),
        (
            json!({"atOrBefore": "2018-06-04T06:06:01Z"}),
            "f4cb65ba-c2d4-5409-8957-189047450f13",
        ),
        (
            json!({"notBefore": "2018-06-01T00:00:00.5Z"}),
            "aef17c5d-d06c-597d-b6c9-65d414afbf4a",
        ),
        (
            json!({"minConsistency": "FileSystemConsistent"}),
            "c737af6e-6abf-5cfc-bb08-02846a73efd2",
        ),
        (
            json!({"tier": "VaultArchive"}),
            "5fed2362-f7fc-5b06-808e-0484c7ff469e",
        ),
        (
            json!({
                "atOrBefore": "2018-06-04T06:06:01Z", "notBefore": "2018-06-01T00:00:00Z",
                "minConsistency": "AppConsistent", "tier": "Snapshot",
            }),
            "b2c18fc7-f1a3-5a5a-a192-3ed43cbf010f",
        ),
    ] {
        assert_eq!(
            key(changed("recoveryPoint", selector.clone())),
            expected,
            "{selector}"
        );
    }
}

#[test]
fn a_time_is_the_same_in_every_zone() {
    for field in ["atOrBefore", "notBefore"] {
        let of = |time: &str| key(changed("recoveryPoint", json!({field: time})));

        assert_eq!(
            of("2018-06-04T06:06:01Z"),
            of("2018-06-04T08:06:01.000+02:00")
        );
        assert_ne!(of("2018-06-04T06:06:01Z"), of("2018-06-04T06:06:01.1Z"));
    }
}

#[test]
fn a_selector_is_read_field_by_field_and_a_name_stands_alone() {
    let read = |selector: Value| {
        let object = an_object(changed("recoveryPoint", selector));
        run(&object, None, &Scope::new("scope")).intent.point
    };

    assert_eq!(read(json!({})), PointSelector::default());
    assert_eq!(
        read(json!({"name": "7", "tier": "Any"})),
        PointSelector::Named(RecoveryPointName::new("7"))
    );
    for (word, least) in [
        ("AppConsistent", Consistency::AppConsistent),
        ("FileSystemConsistent", Consistency::FileSystemConsistent),
        ("CrashConsistent", Consistency::CrashConsistent),
    ] {
        let criteria = Criteria {
            min_consistency: Some(least),
            ..Criteria::default()
        };
        assert_eq!(
            read(json!({"minConsistency": word})),
            PointSelector::Newest(criteria)
        );
        assert_eq!(least.as_str(), word);
    }
    for (word, tier) in [
        ("Snapshot", StorageTier::Snapshot),
        ("VaultStandard", StorageTier::VaultStandard),
        ("VaultArchive", StorageTier::VaultArchive),
    ] {
        let criteria = Criteria {
            tier: Some(tier),
            ..Criteria::default()
        };
        assert_eq!(read(json!({"tier": word})), PointSelector::Newest(criteria));
        assert_eq!(tier.as_str(), word);
    }
    let times = Criteria {
        at_or_before: Some("2018-06-04T06:06:01Z".parse().unwrap()),
        not_before: Some("2018-06-01T00:00:00Z".parse().unwrap()),
        ..Criteria::default()
    };
    assert_eq!(
        read(
            json!({"atOrBefore": "2018-06-04T08:06:01+02:00", "notBefore": "2018-06-01T00:00:00Z"})
        ),
        PointSelector::Newest(times)
    );
}

#[test]
fn a_stored_key_wins_only_beside_the_vault_it_was_made_with() {
    let stored = "6f1ad9a6-5d0c-4a0d-9a53-0a6a2f6b4d11";
    let with = |status: Value| {
        let mut object = an_object(a_spec());
        object.status = Some(api::StoredStatus(status));
        run(
            &object,
            Some(ArmId::new("/subscriptions/s")),
            &Scope::new("scope"),
        )
        .key
        .to_string()
    };

    assert_eq!(
        with(json!({"runKey": stored, "vaultId": "/subscriptions/s"})),
        stored
    );
    assert_ne!(with(json!({"runKey": stored})), stored);
}

#[test]
fn claims_are_read_from_finalizer_and_annotation_together() {
    let id = "6f1ad9a6-5d0c-4a0d-9a53-0a6a2f6b4d11";
    let with = |finalizer: bool, annotation: Option<&str>| {
        let mut object = an_object(a_spec());
        object.metadata.finalizers = finalizer.then(|| vec![FINALIZER.to_owned()]);
        object.metadata.annotations =
            annotation.map(|text| [(CLAIM.to_owned(), text.to_owned())].into());
        mark(&object)
    };
    let claim = Claim {
        attempt: 3,
        id: id.parse().unwrap(),
    };

    assert_eq!(with(false, None), Mark::None);
    assert_eq!(with(true, Some(&format!("3/{id}"))), Mark::Standing(claim));
    assert_eq!(
        with(false, Some(&format!("3/{id}"))),
        Mark::WithoutFinalizer(claim)
    );
    for text in [
        None,
        Some(""),
        Some("3"),
        Some("17/6f1ad9a6-5d0c-4a0d-9a53-0a6a2f6b4d11"),
        Some("3/x"),
        Some("-1/x"),
    ] {
        assert_eq!(with(true, text), Mark::Unreadable, "{text:?}");
    }
    assert_eq!(with(false, Some("nonsense")), Mark::Unreadable);
}

#[test]
fn words_of_a_person_are_read_or_left_alone() {
    let id = "6f1ad9a6-5d0c-4a0d-9a53-0a6a2f6b4d11";
    let claim = id.parse().unwrap();

    assert_eq!(resolve(&format!("retry:{id}")), Some(Resolve::Retry(claim)));
    assert_eq!(
        resolve(&format!(" abandon:{id}\n")),
        Some(Resolve::Abandon(claim))
    );
    assert_eq!(
        resolve(&format!("adopt:{id}/job-1")),
        Some(Resolve::Adopt(claim, JobId::new("job-1")))
    );
    for text in [
        "",
        "retry",
        "retry:",
        "retry:x",
        "adopt:x/y",
        "later:6f1ad9a6-5d0c-4a0d-9a53-0a6a2f6b4d11",
    ] {
        assert_eq!(resolve(text), None, "{text}");
    }
}
