use serde_json::{Value, json};

use super::*;
use crate::controller::translate;
use crate::restore::ids::Scope;
use crate::restore::record::Run;

const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/testRG";

fn compute(kind: &str, name: &str) -> String {
    format!("{GROUP}/providers/Microsoft.Compute/{kind}/{name}")
}

fn network(rest: &str) -> String {
    format!("{GROUP}/providers/Microsoft.Network/virtualNetworks/net{rest}")
}

fn identity() -> String {
    format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i")
}

/// A run that restores the disks of `testVM`, with these fields of `target` besides the account.
fn a_run_with(recovery_type: &str, more: Value) -> Run {
    let mut target = json!({
        "storageAccountId": format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/testaccount"),
    });
    let all = target.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    let object = json!({
        "apiVersion": "azurebackup.dev/v1alpha1", "kind": "VmRestore",
        "metadata": {"name": "restore-web", "namespace": "team-a"},
        "spec": {
            "vaultRef": {"name": "test-vault"},
            "sourceVirtualMachineId": compute("virtualMachines", "testVM"),
            "recoveryType": recovery_type,
            "target": target,
        },
    });
    let vault = ArmId::new(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v",
    );
    let object = serde_json::from_value(object).unwrap();
    translate::run(&object, Some(vault), &Scope::new("scope"))
}

fn key(recovery_type: &str, more: Value) -> String {
    a_run_with(recovery_type, more).key.to_string()
}

fn a_new_vm() -> Value {
    json!({
        "resourceGroupId": GROUP,
        "virtualMachineId": compute("virtualMachines", "new"),
        "virtualNetworkId": network(""),
        "subnetId": network("/subnets/default"),
    })
}

fn everything_else() -> Value {
    json!({
        "zone": "NoZone",
        "diskEncryptionSetId": compute("diskEncryptionSets", "a"),
        "securedVmOsDiskEncryptionSetId": compute("diskEncryptionSets", "b"),
        "vaultIdentity": {"type": "UserAssigned", "resourceId": identity()},
        "diskNetworkAccess": {"option": "EnablePrivateAccessForAllDisks", "diskAccessId": compute("diskAccesses", "d")},
        "rehydrate": {"priority": "High", "retentionDays": 30},
    })
}

/// Computed beside this code, from the text of the canonical form. An upgrade must never change one.
#[test]
fn golden_vectors_of_every_field_never_change() {
    for (recovery_type, more, expected) in [
        (
            "RestoreDisks",
            json!({}),
            "3c8b9708-90b2-59af-a32d-222a7d2b095f",
        ),
        (
            "OriginalLocation",
            json!({}),
            "76fa52ce-c68f-5f52-92f8-8d855b86bdce",
        ),
        (
            "AlternateLocation",
            a_new_vm(),
            "7dffc6de-c23a-58cf-8d5a-bda79d9a2f4f",
        ),
        (
            "RestoreDisks",
            json!({"diskLuns": [10, 0, 2]}),
            "42ef9db5-6549-5157-a886-56758c8d8d13",
        ),
        (
            "RestoreDisks",
            json!({"osDiskOnly": true}),
            "81076e0e-c8c9-556c-8778-ad146e4f6a4b",
        ),
        (
            "RestoreDisks",
            everything_else(),
            "afe92221-e8fc-588e-9b67-9edd65ff239d",
        ),
        (
            "RestoreDisks",
            json!({"vaultIdentity": {"type": "SystemAssigned"}, "rehydrate": {"priority": "Standard"}}),
            "e810a490-c1b9-5292-b7b3-8ab4f6df7cfb",
        ),
    ] {
        assert_eq!(
            key(recovery_type, more.clone()),
            expected,
            "{recovery_type} {more}"
        );
    }
}

#[test]
fn order_case_and_written_out_defaults_make_no_other_run() {
    let upper = |mut value: Value| {
        for field in value.as_object_mut().unwrap().values_mut() {
            if let Some(id) = field.as_str().filter(|text| text.starts_with('/')) {
                *field = json!(id.to_uppercase());
            }
        }
        value
    };

    assert_eq!(
        key("AlternateLocation", upper(a_new_vm())),
        key("AlternateLocation", a_new_vm())
    );
    assert_eq!(
        key("RestoreDisks", upper(everything_else())),
        key("RestoreDisks", everything_else())
    );
    for (one, other) in [
        (json!({"diskLuns": [1, 0]}), json!({"diskLuns": [0, 1]})),
        (json!({"osDiskOnly": false}), json!({})),
        (
            json!({"rehydrate": {"priority": "High", "retentionDays": 15}}),
            json!({"rehydrate": {"priority": "High"}}),
        ),
    ] {
        assert_eq!(key("RestoreDisks", one), key("RestoreDisks", other));
    }
}

#[test]
fn every_field_of_the_target_makes_another_run() {
    let all = everything_else();
    for (field, value) in all.as_object().unwrap() {
        let with = key("RestoreDisks", json!({field: value}));
        assert_ne!(with, key("RestoreDisks", json!({})), "{field}");
    }
    for field in [
        "virtualMachineId",
        "virtualNetworkId",
        "subnetId",
        "resourceGroupId",
    ] {
        let mut other = a_new_vm();
        let changed = format!("{}2", other[field].as_str().unwrap());
        other[field] = json!(changed);
        assert_ne!(
            key("AlternateLocation", other),
            key("AlternateLocation", a_new_vm()),
            "{field}"
        );
    }
}

#[test]
fn types_and_options_are_translated() {
    assert_eq!(
        a_run_with("OriginalLocation", json!({}))
            .intent
            .target
            .recovery_type(),
        "OriginalLocation"
    );
    let made = a_run_with("AlternateLocation", a_new_vm()).intent.target;
    assert_eq!(
        made.creates_virtual_machine(),
        Some(&ArmId::new(compute("virtualMachines", "new")))
    );
    assert_eq!(made.resource_group(), Some(&ArmId::new(GROUP)));

    let options = a_run_with("RestoreDisks", everything_else()).intent.options;
    let expected = Options {
        disks: Disks::All,
        zone: Some("NoZone"),
        disk_encryption_set: Some(ArmId::new(compute("diskEncryptionSets", "a"))),
        secured_vm_os_disk_encryption_set: Some(ArmId::new(compute("diskEncryptionSets", "b"))),
        vault_identity: Some(VaultIdentity::UserAssigned(ArmId::new(identity()))),
        network_access: Some(NetworkAccess {
            option: "EnablePrivateAccessForAllDisks",
            disk_access: Some(ArmId::new(compute("diskAccesses", "d"))),
        }),
        rehydrate: Some(Rehydrate {
            priority: "High",
            retention_days: 30,
        }),
    };
    assert_eq!(options, expected);
    let disks = |more: Value| a_run_with("RestoreDisks", more).intent.options.disks;
    assert_eq!(disks(json!({})), Disks::All);
    assert_eq!(
        disks(json!({"diskLuns": [3, 1]})),
        Disks::WithLuns(vec![1, 3])
    );
    assert_eq!(disks(json!({"osDiskOnly": true})), Disks::OsDiskOnly);
}

#[test]
fn an_object_that_no_rule_has_seen_is_translated_without_a_panic() {
    let odd = a_run_with(
        "AlternateLocation",
        json!({"osDiskOnly": true, "diskLuns": []}),
    );

    assert_eq!(
        odd.intent.target.creates_virtual_machine(),
        Some(&ArmId::new(""))
    );
    assert_eq!(odd.intent.options.disks, Disks::OsDiskOnly);
}
