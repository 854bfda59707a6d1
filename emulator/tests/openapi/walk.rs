//! A call of everything that the contract declares, and a look at each answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::ID;
use crate::contract::{Contract, Finding};
use crate::support::{Answer, Azure, TEST_VM, VAULT, Vm, WEB_1, read, vm};

/// Calls everything that the contract declares, in every state that looks different.
pub async fn walk(contract: &Contract, findings: &mut BTreeSet<Finding>) {
    let azure = Azure::start().await;
    let version = &contract.version;
    let at = |path: &str| {
        format!(
            "{path}{}api-version={version}",
            if path.contains('?') { '&' } else { '?' }
        )
    };
    let mut check = |operation: &str, method: &str, address: &str, answer: &Answer| {
        findings.extend(contract.check(operation, method, address, answer.status, &answer.body));
    };
    const ITEM: &str = "/protectedItems/{protectedItemName}";
    const POINT: &str = "/recoveryPoints/{recoveryPointId}";

    for (operation, path, address) in [
        (
            "ListProtectedItems",
            "backupProtectedItems",
            "/backupProtectedItems",
        ),
        (
            "ListProtectionContainers",
            "backupProtectionContainers",
            "/backupProtectionContainers",
        ),
        (
            "ListResourceGuardProxies",
            "backupResourceGuardProxies",
            "/backupResourceGuardProxies",
        ),
        (
            "GetEncryptionConfig",
            "backupEncryptionConfigs/backupResourceEncryptionConfig",
            "/backupEncryptionConfigs/backupResourceEncryptionConfig",
        ),
        (
            "GetStorageConfig",
            "backupstorageconfig/vaultstorageconfig",
            "/backupstorageconfig/vaultstorageconfig",
        ),
    ] {
        // The old file declares only a part of the family: the rest of it stood in files of other versions.
        if version == "2019-05-13" && operation != "ListProtectedItems" {
            continue;
        }
        check(
            operation,
            "get",
            address,
            &azure.get(&at(&format!("{VAULT}/{path}"))).await,
        );
    }
    check(
        "GetProtectedItem",
        "get",
        ITEM,
        &azure.get(&at(&TEST_VM.item())).await,
    );
    for vm in [&TEST_VM, &vm("badpoints-1"), &vm("allkinds-1")] {
        let list = azure
            .get(&at(&format!("{}/recoveryPoints", vm.item())))
            .await;
        let name = list.values()[0]["name"].as_str().unwrap().to_owned();
        check("ListRecoveryPoints", "get", "/recoveryPoints", &list);
        check(
            "GetRecoveryPoint",
            "get",
            POINT,
            &azure
                .get(&at(&format!("{}/recoveryPoints/{name}", vm.item())))
                .await,
        );
    }

    for vm in [
        &WEB_1,
        &vm("warn-1"),
        &vm("fail-1"),
        &vm("opfail-1"),
        &Vm {
            group: "WEB",
            name: "WEB-3",
        },
    ] {
        let point = azure.points(vm).await.remove(0);
        let path = at(&format!("{}/recoveryPoints/{point}/restore", vm.item()));
        let body = json!({"properties": vm.restore_disks(&point)});
        let request = azure
            .request("POST", &path)
            .header("x-ms-client-request-id", ID)
            .json(&body);
        let accepted = read(request.send().await.unwrap()).await;
        check(
            "TriggerRestore",
            "post",
            "/recoveryPoints/{recoveryPointId}/restore",
            &accepted,
        );
        let operation = accepted
            .header("azure-asyncoperation")
            .unwrap()
            .split('?')
            .next()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        let item = vm.item();
        for _ in 0..2 {
            let status = azure
                .get(&at(&format!("{item}/operationsStatus/{operation}")))
                .await;
            check(
                "GetItemOperationStatus",
                "get",
                "/protectedItems/{protectedItemName}/operationsStatus/{operationId}",
                &status,
            );
            let result = azure
                .get(&at(&format!("{item}/operationResults/{operation}")))
                .await;
            check(
                "GetItemOperationResult",
                "get",
                "/protectedItems/{protectedItemName}/operationResults/{operationId}",
                &result,
            );
            let status = azure
                .get(&at(&format!("{VAULT}/backupOperations/{operation}")))
                .await;
            check(
                "GetVaultOperationStatus",
                "get",
                "/backupOperations/{operationId}",
                &status,
            );
            let result = azure
                .get(&at(&format!("{VAULT}/backupOperationResults/{operation}")))
                .await;
            check(
                "GetVaultOperationResult",
                "get",
                "/backupOperationResults/{operationId}",
                &result,
            );
            azure.advance("5s").await;
        }
    }
    for _ in 0..4 {
        let jobs = azure.get(&at(&format!("{VAULT}/backupJobs"))).await;
        check("ListJobs", "get", "/backupJobs", &jobs);
        for job in jobs.values() {
            let path = format!("{VAULT}/backupJobs/{}", job["name"].as_str().unwrap());
            check(
                "GetJob",
                "get",
                "/backupJobs/{jobName}",
                &azure.get(&at(&path)).await,
            );
        }
        azure.advance("33s").await;
    }

    let id = azure.started_job(&TEST_VM, ID).await;
    let cancelled = read(
        azure
            .request("POST", &at(&format!("{VAULT}/backupJobs/{id}/cancel")))
            .send()
            .await
            .unwrap(),
    )
    .await;
    check(
        "CancelJob",
        "post",
        "/backupJobs/{jobName}/cancel",
        &cancelled,
    );
    for _ in 0..2 {
        let result = azure.get(cancelled.header("location").unwrap()).await;
        check(
            "GetJobOperationResult",
            "get",
            "/backupJobs/{jobName}/operationResults/{operationId}",
            &result,
        );
        let job = azure.get(&at(&format!("{VAULT}/backupJobs/{id}"))).await;
        check("GetJob", "get", "/backupJobs/{jobName}", &job);
        azure.advance("31s").await;
    }

    validation(contract, &azure, &mut check).await;

    // The old file declares no errors at all.
    if version != "2019-05-13" {
        check(
            "GetJob",
            "get",
            "/backupJobs/{jobName}",
            &azure.get(&at(&format!("{VAULT}/backupJobs/x"))).await,
        );
        let bad = azure
            .get(&at(&format!("{VAULT}/backupJobs?$filter=x")))
            .await;
        check("ListJobs", "get", "/backupJobs", &bad);
    }
}

async fn validation(
    contract: &Contract,
    azure: &Azure,
    check: &mut impl FnMut(&str, &str, &str, &Answer),
) {
    let version = &contract.version;
    let vm = vm("nosku-1");
    let point = azure.points(&vm).await.remove(0);
    let inner = json!({"objectType": "ValidateIaasVMRestoreOperationRequest", "restoreRequest": vm.restore_disks(&point)});
    if version == "2019-05-13" {
        let answer = azure
            .post(
                &format!("{VAULT}/backupValidateOperation?api-version={version}"),
                &inner,
            )
            .await;
        check(
            "ValidateOperation",
            "post",
            "/backupValidateOperation",
            &answer,
        );
        return;
    }
    let body: Value =
        json!({"id": format!("{}/recoveryPoints/{point}", vm.item()), "properties": inner});
    let answer = azure
        .post(
            &format!("{VAULT}/backupValidateOperation?api-version={version}"),
            &body,
        )
        .await;
    check(
        "ValidateOperation",
        "post",
        "/backupValidateOperation",
        &answer,
    );
    let accepted = azure
        .post(
            &format!("{VAULT}/backupTriggerValidateOperation?api-version={version}"),
            &body,
        )
        .await;
    check(
        "TriggerValidateOperation",
        "post",
        "/backupTriggerValidateOperation",
        &accepted,
    );
    for _ in 0..2 {
        let status = azure
            .get(accepted.header("azure-asyncoperation").unwrap())
            .await;
        check(
            "GetValidateOperationStatus",
            "get",
            "/backupValidateOperationsStatuses/{operationId}",
            &status,
        );
        let result = azure.get(accepted.header("location").unwrap()).await;
        check(
            "GetValidateOperationResult",
            "get",
            "/backupValidateOperationResults/{operationId}",
            &result,
        );
        azure.advance("10s").await;
    }
}
