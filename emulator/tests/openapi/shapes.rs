//! Restores of the other types, and the odd shapes that were recorded, against what is declared.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::ID;
use crate::contract::{Contract, Finding};
use crate::support::{Answer, Azure, SUBSCRIPTION, TEST_VM, VAULT, Vm, read, vm};

const SHAPED: Vm = vm("shaped-1");
const GUARD: &str = "/subscriptions/00000000-0000-0000-0000-000000000007/resourceGroups/security/providers/Microsoft.DataProtection/resourceGuards/guard";

/// Plays every shape and compares the answers.
pub async fn walk(contract: &Contract, findings: &mut BTreeSet<Finding>) {
    let azure = Azure::start().await;
    for (number, (changes, behaviour)) in cases(&contract.version).into_iter().enumerate() {
        let machine = json!({"resourceGroup": "testRG", "recoveryPoints": [{"age": "8h"}], "restore": behaviour});
        put_machine(&azure, machine).await;
        let mut changes = changes;
        if !changes["targetVirtualMachineId"].is_null() {
            changes["targetVirtualMachineId"] = machine_id(&format!("copy-{number}")).into();
        }
        one(contract, &azure, &changes, findings).await;
    }
    // The old file declares no guards.
    if contract.version != "2019-05-13" {
        let scenario = azure.admin("GET", "scenario", Value::Null).await.body;
        let mut vault = scenario["vaults"][0].clone();
        vault["resourceGuard"] = json!({ "id": GUARD });
        azure.admin("PUT", "scenario/vaults/testVault", vault).await;
        let path = format!(
            "{VAULT}/backupResourceGuardProxies?api-version={}",
            contract.version
        );
        let proxies = azure.get(&path).await;
        assert_eq!(proxies.values().len(), 1);
        findings.extend(contract.check(
            "ListResourceGuardProxies",
            "get",
            "/backupResourceGuardProxies",
            proxies.status,
            &proxies.body,
        ));
    }
}

/// Plays what only a scenario brings about, or an older api-version.
pub async fn walk_asked_for(contract: &Contract, findings: &mut BTreeSet<Finding>) {
    let azure = Azure::start().await;
    let version = &contract.version;
    let address = "/backupJobs/{jobName}";
    if version == "2019-05-13" {
        // No file declares the jobs of 2016.
        let job = azure.started_job(&TEST_VM, ID).await;
        azure.advance("1h").await;
        let answer = azure
            .get(&format!("{VAULT}/backupJobs/{job}?api-version=2016-12-01"))
            .await;
        findings.extend(contract.check("GetJob", "get", address, answer.status, &answer.body));
        return;
    }
    for behaviour in [
        json!({"job": {"actions": "numbers"}}),
        json!({"job": {"durations": "colons"}}),
        json!({"job": {"times": "withoutZone"}}),
        json!({"operation": {"neverEnds": true, "runningAs": "Preparing"}}),
    ] {
        let machine = json!({"resourceGroup": "testRG", "recoveryPoints": [{"age": "8h"}], "restore": behaviour});
        put_machine(&azure, machine).await;
        one(contract, &azure, &json!({}), findings).await;
    }
    let machine = json!({"resourceGroup": "testRG", "recoveryPoints": [{"age": "8h", "timeText": "no time"}]});
    put_machine(&azure, machine).await;
    let numbers = json!({"service": {"tiersAsNumbersBefore": "2099-01-01"}});
    azure.admin("PATCH", "scenario", numbers).await;
    let list = azure
        .get(&format!(
            "{}/recoveryPoints?api-version={version}",
            SHAPED.item()
        ))
        .await;
    findings.extend(contract.check(
        "ListRecoveryPoints",
        "get",
        "/recoveryPoints",
        list.status,
        &list.body,
    ));
}

async fn put_machine(azure: &Azure, machine: Value) {
    let place = "scenario/vaults/testVault/virtualMachines/shaped-1";
    azure.admin("PUT", place, machine).await;
}

fn machine_id(name: &str) -> String {
    format!(
        "{SUBSCRIPTION}/resourceGroups/restores/providers/Microsoft.Compute/virtualMachines/{name}"
    )
}

/// Changes of the request, and what the restore does.
fn cases(version: &str) -> Vec<(Value, Value)> {
    let network = format!(
        "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Network/virtualNetworks/testNet"
    );
    let alternate = json!({
        "recoveryType": "AlternateLocation", "targetVirtualMachineId": machine_id("x"), "virtualNetworkId": network,
        "subnetId": format!("{network}/subnets/default"),
    });
    let original = json!({"recoveryType": "OriginalLocation", "targetResourceGroupId": null});
    let disks = json!({});
    let mut cases = vec![
        (alternate.clone(), json!({})),
        (
            alternate,
            json!({"error": "UserErrorSkuNotAvailable", "outcome": "completedWithWarnings"}),
        ),
        (original.clone(), json!({})),
        (original, json!({"error": "OlrBackupFailed"})),
        (
            disks.clone(),
            json!({"operation": {"result": "okEmpty", "headers": "location", "malformedLocation": true}}),
        ),
        (disks.clone(), json!({"operation": {"neverEnds": true}})),
        (disks.clone(), json!({"operation": {"namesNoJob": true}})),
        (
            disks.clone(),
            json!({"job": {"noTasks": true, "noProgress": true, "times": "seconds"}}),
        ),
    ];
    if version != "2019-05-13" {
        cases.extend([
            (disks.clone(), json!({"operation": {"listsJob": true}})),
            (
                disks.clone(),
                json!({"job": {"secondType": true, "durations": "iso"}}),
            ),
            (disks, json!({"job": {"taskTimes": true}})),
        ]);
    }
    cases
}

async fn one(
    contract: &Contract,
    azure: &Azure,
    changes: &Value,
    findings: &mut BTreeSet<Finding>,
) {
    let version = &contract.version;
    let mut check = |operation: &str, method: &str, address: &str, answer: &Answer| {
        findings.extend(contract.check(operation, method, address, answer.status, &answer.body));
    };
    let at = |path: String| format!("{path}?api-version={version}");
    let point = azure.points(&SHAPED).await.remove(0);
    let mut body = SHAPED.restore_disks(&point);
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    let path = at(format!("{}/recoveryPoints/{point}/restore", SHAPED.item()));
    let request = azure
        .request("POST", &path)
        .json(&json!({ "properties": body }));
    let accepted = read(request.send().await.unwrap()).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    check(
        "TriggerRestore",
        "post",
        "/recoveryPoints/{recoveryPointId}/restore",
        &accepted,
    );
    let ledger = azure.ledger().await;
    let caused = &ledger.last().unwrap()["caused"];
    let (operation, job) = (
        caused["operationId"].as_str().unwrap(),
        caused["jobId"].as_str().unwrap(),
    );
    for pause in ["5s", "60s", "3h"] {
        azure.advance(pause).await;
        let item = SHAPED.item();
        check(
            "GetItemOperationStatus",
            "get",
            "/protectedItems/{protectedItemName}/operationsStatus/{operationId}",
            &azure
                .get(&at(format!("{item}/operationsStatus/{operation}")))
                .await,
        );
        check(
            "GetVaultOperationStatus",
            "get",
            "/backupOperations/{operationId}",
            &azure
                .get(&at(format!("{VAULT}/backupOperations/{operation}")))
                .await,
        );
        check(
            "GetItemOperationResult",
            "get",
            "/protectedItems/{protectedItemName}/operationResults/{operationId}",
            &azure
                .get(&at(format!("{item}/operationResults/{operation}")))
                .await,
        );
        check(
            "GetJob",
            "get",
            "/backupJobs/{jobName}",
            &azure.get(&at(format!("{VAULT}/backupJobs/{job}"))).await,
        );
    }
    check(
        "ListJobs",
        "get",
        "/backupJobs",
        &azure.get(&at(format!("{VAULT}/backupJobs"))).await,
    );
}
