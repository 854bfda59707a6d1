//! The emulator's answers against Microsoft's OpenAPI, and its reading of Microsoft's example requests.
//!
//! Needs `AZURE_CONTRACT_DIR`, a folder with `openapi/{version}/bms.json`; without it the test says that it is skipped.
//! What is known to differ stands in `emulator/deviations.json`, each with its reason and its source. A deviation that
//! no answer shows any more fails the test, so that the list stays true.

mod contract;
mod examples;
mod recorded;
mod sent_requests;
mod shapes;
#[path = "../emulator/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;

use contract::{Contract, Finding};
use serde::Deserialize;
use serde_json::{Value, json};
use support::{Answer, Azure, TEST_VM, VAULT, Vm, WEB_1, read};

const VERSIONS: [&str; 2] = ["2019-05-13", "2024-04-01"];
const ID: &str = "0010bff7-2ae6-4674-8a68-29e38cc9ae1c";

/// A known difference. `version` may be `*`; that of a version goes on in later previews. With `when` it is seen only where a
/// scenario has this field, or at this api-version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    operation: String,
    version: String,
    pointer: String,
    why: String,
    source: String,
    when: Option<String>,
}

impl Deviation {
    fn all() -> Vec<Self> {
        let all: Vec<Self> = serde_json::from_str(include_str!("../../deviations.json")).unwrap();
        assert!(
            all.iter()
                .all(|deviation| !deviation.why.is_empty() && !deviation.source.is_empty())
        );
        all
    }

    fn covers(&self, finding: &Finding) -> bool {
        (self.operation == "*" || self.operation == finding.operation)
            && (self.version == "*"
                || self.version == finding.version
                || finding.version.ends_with("-preview") && self.version == VERSIONS[1])
            && self.pointer == finding.pointer
    }
}

fn contract_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("AZURE_CONTRACT_DIR").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: AZURE_CONTRACT_DIR does not say where Microsoft's OpenAPI files are");
    }
    folder
}

#[tokio::test]
async fn answers_are_as_declared_or_listed_as_deviations() {
    let Some(folder) = contract_folder() else {
        return;
    };
    let (only_when, always): (Vec<Deviation>, Vec<Deviation>) = Deviation::all()
        .into_iter()
        .partition(|deviation| deviation.when.is_some());

    let mut findings = BTreeSet::new();
    let mut asked_for = BTreeSet::new();
    for version in VERSIONS {
        let contract = Contract::read(&folder, version);
        walk(&contract, &mut findings).await;
        shapes::walk(&contract, &mut findings).await;
        shapes::walk_asked_for(&contract, &mut asked_for).await;
    }

    let is_listed = |list: &[Deviation], finding: &Finding| {
        list.iter().any(|deviation| deviation.covers(finding))
    };
    let unknown: Vec<&Finding> = findings
        .iter()
        .filter(|finding| !is_listed(&always, finding))
        .chain(
            asked_for
                .iter()
                .filter(|finding| !is_listed(&always, finding) && !is_listed(&only_when, finding)),
        )
        .collect();
    let is_unused = |deviation: &&Deviation, findings: &BTreeSet<Finding>| {
        !findings.iter().any(|finding| deviation.covers(finding))
    };
    let unused: Vec<&Deviation> = always
        .iter()
        .filter(|deviation| is_unused(deviation, &findings))
        .chain(
            only_when
                .iter()
                .filter(|deviation| is_unused(deviation, &asked_for)),
        )
        .collect();
    assert!(unknown.is_empty(), "not as declared: {unknown:#?}");
    assert!(unused.is_empty(), "no longer seen: {unused:#?}");
}

#[tokio::test]
async fn our_own_restore_request_is_as_declared() {
    let Some(folder) = contract_folder() else {
        return;
    };

    for version in VERSIONS {
        let contract = Contract::read(&folder, version);
        let request = json!({"properties": TEST_VM.restore_disks("1")});
        assert_eq!(
            contract.check_definition("TriggerRestore", "RestoreRequestResource", &request),
            []
        );
        let wrong =
            json!({"properties": {"objectType": "IaasVMRestoreRequest", "recoverypointid": "1"}});
        assert_eq!(
            contract
                .check_definition("TriggerRestore", "RestoreRequestResource", &wrong)
                .len(),
            1
        );
    }
}

/// Calls everything that the contract declares, in every state that looks different.
async fn walk(contract: &Contract, findings: &mut BTreeSet<Finding>) {
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
    for vm in [
        &TEST_VM,
        &Vm {
            group: "testRG",
            name: "badpoints-1",
            registered: "iaasvmcontainerv2;testRG;badpoints-1",
        },
        &Vm {
            group: "testRG",
            name: "allkinds-1",
            registered: "iaasvmcontainerv2;testRG;allkinds-1",
        },
    ] {
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
        &Vm {
            group: "testRG",
            name: "warn-1",
            registered: "iaasvmcontainerv2;testRG;warn-1",
        },
        &Vm {
            group: "testRG",
            name: "fail-1",
            registered: "iaasvmcontainerv2;testRG;fail-1",
        },
        &Vm {
            group: "testRG",
            name: "opfail-1",
            registered: "iaasvmcontainerv2;testRG;opfail-1",
        },
        &Vm {
            group: "web",
            name: "web-3",
            registered: "iaasvmcontainerv2;WEB;WEB-3",
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
    let vm = Vm {
        group: "testRG",
        name: "nosku-1",
        registered: "iaasvmcontainerv2;testRG;nosku-1",
    };
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
