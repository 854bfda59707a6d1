//! The emulator's answers against Microsoft's OpenAPI, and its reading of Microsoft's example requests.
//!
//! Needs `AZURE_CONTRACT_DIR`, a folder with `openapi/{version}/bms.json`; without it the test says that it is skipped.
//! What is known to differ stands in `emulator/deviations.json`, each with its reason and its source. A deviation that
//! no answer shows any more fails the test, so that the list stays true.

mod contract;
mod sent_requests;
mod shapes;
#[path = "../emulator/support.rs"]
mod support;
mod walk;

use std::collections::BTreeSet;
use std::path::PathBuf;

use azure_backup_emulator::Scenario;
use contract::{Contract, Finding};
use serde::Deserialize;
use serde_json::json;
use support::{Azure, TEST_VM};

const VERSIONS: [&str; 2] = ["2019-05-13", "2024-04-01"];
const ID: &str = "0010bff7-2ae6-4674-8a68-29e38cc9ae1c";

/// A known difference. `version` may be `*`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    operation: String,
    version: String,
    pointer: String,
    why: String,
    source: String,
}

impl Deviation {
    fn covers(&self, finding: &Finding) -> bool {
        (self.operation == "*" || self.operation == finding.operation)
            && (self.version == "*" || self.version == finding.version)
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
    let deviations: Vec<Deviation> =
        serde_json::from_str(include_str!("../../deviations.json")).unwrap();
    assert!(
        deviations
            .iter()
            .all(|deviation| !deviation.why.is_empty() && !deviation.source.is_empty())
    );

    let mut findings = BTreeSet::new();
    for version in VERSIONS {
        let contract = Contract::read(&folder, version);
        walk::walk(&contract, &mut findings).await;
        shapes::walk(&contract, &mut findings).await;
    }

    let unknown: Vec<&Finding> = findings
        .iter()
        .filter(|finding| !deviations.iter().any(|deviation| deviation.covers(finding)))
        .collect();
    let unused: Vec<&Deviation> = deviations
        .iter()
        .filter(|deviation| !findings.iter().any(|finding| deviation.covers(finding)))
        .collect();
    assert!(unknown.is_empty(), "not as declared: {unknown:#?}");
    assert!(unused.is_empty(), "no longer seen: {unused:#?}");
}

#[tokio::test]
async fn published_restore_requests_are_accepted() {
    let Some(folder) = contract_folder() else {
        return;
    };
    let azure = Azure::start_with(example_scenario(), 1).await;

    let mut accepted = 0;
    for version in VERSIONS {
        let contract = Contract::read(&folder, version);
        for (name, example) in contract.examples(&folder, "TriggerRestore_") {
            let parameters = &example["parameters"];
            let text = |field: &str| parameters[field].as_str().unwrap();
            let path = format!(
                "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.RecoveryServices/vaults/{}/backupFabrics/{}/protectionContainers/{}/protectedItems/{}/recoveryPoints/{}/restore?api-version={version}",
                text("subscriptionId"),
                text("resourceGroupName"),
                text("vaultName"),
                text("fabricName"),
                text("containerName"),
                text("protectedItemName"),
                text("recoveryPointId")
            );
            let answer = azure.post(&path, &parameters["parameters"]).await;
            assert_eq!(answer.status, 202, "{version} {name}: {}", answer.text);
            for header in example["responses"]["202"]["headers"]
                .as_object()
                .unwrap()
                .keys()
            {
                assert!(
                    answer.header(header).is_some(),
                    "{version} {name} lacks {header}"
                );
            }
            accepted += 1;
        }
    }

    assert!(accepted >= 9, "only {accepted} examples were found");
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

/// The vault, VM and recovery point of Microsoft's examples.
fn example_scenario() -> Scenario {
    let mut scenario = serde_json::to_value(Scenario::built_in().unwrap()).unwrap();
    scenario["vaults"] = json!([{
        "subscriptionId": "00000000-0000-0000-0000-000000000000", "resourceGroup": "netsdktestrg", "name": "testVault",
        "region": "southeastasia",
        "identity": {"systemAssigned": true, "userAssigned": [
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/asmaskarRG1/providers/Microsoft.ManagedIdentity/userAssignedIdentities/asmaskartestmsi",
        ]},
        "virtualMachines": [{
            "name": "netvmtestv2vm1", "resourceGroup": "netsdktestrg",
            "recoveryPoints": [{"name": "348916168024334", "age": "8h"}],
        }],
    }]);
    Scenario::parse(&scenario.to_string()).unwrap()
}
