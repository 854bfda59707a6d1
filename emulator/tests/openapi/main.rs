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
mod walk;

use std::collections::BTreeSet;
use std::path::PathBuf;

use contract::{Contract, Finding};
use serde::Deserialize;
use serde_json::json;
use support::TEST_VM;

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
        walk::walk(&contract, &mut findings).await;
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
