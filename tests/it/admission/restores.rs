//! Rules for a `VmRestore`: when it is created, and when it is changed.

use super::{Case, SUBSCRIPTION, a_restore, check_creation, check_update, storage_account, with};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn restores_are_checked_when_created() {
    let vm = "sourceVirtualMachineId must be the id of a virtual machine: write /subscriptions/";
    let account =
        "target.storageAccountId must be the id of a storage account: write /subscriptions/";
    let group = "target.resourceGroupId must be the id of a resource group: write /subscriptions/";
    let point =
        "recoveryPoint.name must be the name of a recovery point, not its id: write for example";
    let start_by = "startBy must be a date and time with a zone, before 9999-12-30: write for example 2026-11-22T18:00:00Z";
    let timeout =
        "timeouts.run must be a duration from 1s to 720h: write for example 24h, 90m or 1h30m";
    let a_vm = |name: &str| {
        json!(format!(
            "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/{name}"
        ))
    };
    let cases: Vec<Case> = vec![
        ("", a_restore(), None),
        // required fields
        (
            "/vaultRef",
            Value::Null,
            Some("spec.vaultRef: Required value"),
        ),
        (
            "/vaultRef/name",
            Value::Null,
            Some("spec.vaultRef.name: Required value"),
        ),
        (
            "/sourceVirtualMachineId",
            Value::Null,
            Some("spec.sourceVirtualMachineId: Required value"),
        ),
        (
            "/recoveryType",
            Value::Null,
            Some("spec.recoveryType: Required value"),
        ),
        ("/target", Value::Null, Some("spec.target: Required value")),
        (
            "/target/storageAccountId",
            Value::Null,
            Some("spec.target.storageAccountId: Required value"),
        ),
        // vaultRef
        ("/vaultRef/namespace", json!("platform"), None),
        ("/vaultRef/name", json!(""), Some("spec.vaultRef.name")),
        (
            "/vaultRef/namespace",
            json!(""),
            Some("spec.vaultRef.namespace"),
        ),
        // ids have the shape of their resource, in any letter case
        (
            "/sourceVirtualMachineId",
            json!(
                format!(
                    "{SUBSCRIPTION}/RESOURCEGROUPS/a/PROVIDERS/microsoft.compute/VIRTUALMACHINES/b"
                )
                .to_uppercase()
            ),
            None,
        ),
        ("/sourceVirtualMachineId", a_vm("web_1.x"), None),
        ("/sourceVirtualMachineId", a_vm("a/b"), Some(vm)),
        ("/sourceVirtualMachineId", a_vm("a b"), Some(vm)),
        ("/sourceVirtualMachineId", a_vm("a\n"), Some(vm)),
        ("/sourceVirtualMachineId", a_vm("a?b=c"), Some(vm)),
        ("/sourceVirtualMachineId", a_vm(""), Some(vm)),
        ("/sourceVirtualMachineId", json!("testVM"), Some(vm)),
        (
            "/sourceVirtualMachineId",
            json!(storage_account("acct")),
            Some(vm),
        ),
        (
            "/sourceVirtualMachineId",
            json!(format!(
                "https://management.azure.com{SUBSCRIPTION}/resourceGroups/a/providers/Microsoft.Compute/virtualMachines/b"
            )),
            Some(vm),
        ),
        (
            "/sourceVirtualMachineId",
            a_vm(&"a".repeat(600)),
            Some("may not be more than 512"),
        ),
        (
            "/target/storageAccountId",
            json!(storage_account("a")),
            Some(account),
        ),
        (
            "/target/storageAccountId",
            json!(storage_account("acct-1")),
            Some(account),
        ),
        ("/target/storageAccountId", a_vm("web"), Some(account)),
        (
            "/target/resourceGroupId",
            json!(format!("{SUBSCRIPTION}/resourcegroups/restores")),
            None,
        ),
        ("/target/resourceGroupId", json!("restores"), Some(group)),
        ("/target/resourceGroupId", a_vm("web"), Some(group)),
        // recovery point
        ("/recoveryPoint", json!({}), None),
        ("/recoveryPoint/name", json!("20982486783671"), None),
        (
            "/recoveryPoint/name",
            json!(format!("{SUBSCRIPTION}/recoveryPoints/1")),
            Some(point),
        ),
        (
            "/recoveryPoint/name",
            json!(20982486783671u64),
            Some("spec.recoveryPoint.name"),
        ),
        (
            "/recoveryPoint/name",
            json!(""),
            Some("spec.recoveryPoint.name"),
        ),
        (
            "/recoveryType",
            json!("restoredisks"),
            Some("supported values: \"RestoreDisks\""),
        ),
        // run id
        ("/runId", json!("second time"), None),
        (
            "/runId",
            json!("x".repeat(64)),
            Some("may not be more than 63"),
        ),
        // startBy
        ("/startBy", json!("2026-11-22T18:00:00Z"), None),
        ("/startBy", json!("2026-11-22T18:00:00.123+01:00"), None),
        ("/startBy", json!("2026-11-22"), Some(start_by)),
        ("/startBy", json!("2026-11-22T18:00:00"), Some(start_by)),
        ("/startBy", json!("2026-02-30T18:00:00Z"), Some(start_by)),
        ("/startBy", json!("tomorrow"), Some(start_by)),
        // The controller could not read a later one.
        ("/startBy", json!("9999-12-29T23:59:59Z"), None),
        ("/startBy", json!("9999-12-31T23:59:59Z"), Some(start_by)),
        // retryLimit
        ("/retryLimit", json!(0), None),
        ("/retryLimit", json!(10), None),
        (
            "/retryLimit",
            json!(11),
            Some("should be less than or equal to 10"),
        ),
        (
            "/retryLimit",
            json!(-1),
            Some("should be greater than or equal to 0"),
        ),
        // durations
        ("/timeouts/run", json!("90m"), None),
        ("/timeouts/run", json!("1h30m"), None),
        ("/timeouts/run", json!("720h"), None),
        ("/timeouts/run", json!("0s"), Some(timeout)),
        ("/timeouts/run", json!("721h"), Some(timeout)),
        ("/timeouts/run", json!("999999h999999h9h"), Some(timeout)),
        ("/timeouts/run", json!("-5m"), Some(timeout)),
        ("/timeouts/run", json!("5"), Some(timeout)),
        ("/timeouts/run", json!("2d"), Some(timeout)),
        ("/timeouts/run", json!(""), Some(timeout)),
    ];

    check_creation("VmRestore", &a_restore(), cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_fields_of_a_restore_never_change_and_control_fields_may() {
    let frozen = Some("cannot change once a VmRestore exists: create a new VmRestore instead");
    let other_vm = json!(format!(
        "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/other"
    ));
    let group = json!(format!("{SUBSCRIPTION}/resourceGroups/restores"));
    let minimal: Vec<Case> = vec![
        ("/vaultRef/name", json!("other"), frozen),
        ("/vaultRef/namespace", json!("platform"), frozen),
        ("/sourceVirtualMachineId", other_vm.clone(), frozen),
        ("/recoveryPoint", json!({}), frozen),
        ("/recoveryPoint/name", json!("20982486783671"), frozen),
        (
            "/target/storageAccountId",
            json!(storage_account("other")),
            frozen,
        ),
        ("/target/resourceGroupId", group.clone(), frozen),
        ("/runId", json!("again"), frozen),
        // the same value again, and a default written out, are no change
        ("/vaultRef/name", json!("test-vault"), None),
        ("/runId", json!(""), None),
        // control fields
        ("/startBy", json!("2026-11-22T18:00:00Z"), None),
        ("/retryLimit", json!(5), None),
        ("/timeouts/run", json!("48h"), None),
        (
            "/timeouts/run",
            json!("two days"),
            Some("timeouts.run must be a duration"),
        ),
    ];
    let mut complete = a_restore();
    for (pointer, value) in [
        ("/vaultRef/namespace", json!("platform")),
        ("/recoveryPoint/name", json!("20982486783671")),
        ("/target/resourceGroupId", group),
        ("/runId", json!("first")),
        ("/startBy", json!("2026-11-22T18:00:00Z")),
    ] {
        complete = with(complete, pointer, value);
    }
    let removals: Vec<Case> = vec![
        ("/vaultRef/namespace", Value::Null, frozen),
        ("/recoveryPoint", Value::Null, frozen),
        ("/recoveryPoint/name", Value::Null, frozen),
        ("/recoveryPoint/name", json!("1"), frozen),
        ("/target/resourceGroupId", Value::Null, frozen),
        ("/runId", Value::Null, frozen),
        ("/startBy", Value::Null, None),
        ("/retryLimit", Value::Null, None),
        ("/timeouts", Value::Null, None),
    ];

    check_update("VmRestore", &a_restore(), minimal).await;
    check_update("VmRestore", &complete, removals).await;
}
