//! The restore requests that the controller sends (files in `tests/fixtures/restore-requests`, which its own tests hold against
//! the code), against Microsoft's OpenAPI of the api-version that their names say.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::contract::{Contract, Finding};
use crate::{VERSIONS, contract_folder};

fn files(below: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/restore-requests");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join(below))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let body = serde_json::from_str(&text).unwrap();
        (path, body)
    };
    files.into_iter().map(read).collect()
}

fn findings(contract: &Contract, body: &Value) -> Vec<Finding> {
    contract.check_definition("TriggerRestore", "RestoreRequestResource", body)
}

#[test]
fn every_request_that_the_controller_sends_is_as_declared() {
    let Some(folder) = contract_folder() else {
        return;
    };
    let [old, new] = VERSIONS.map(|version| Contract::read(&folder, version));
    let newest = Contract::of_sdk(&folder, "2026-10-01");
    let mut seen = 0;

    for (path, body) in files("") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (_, version) = name.split_once('.').expect("a name has an api-version");
        // A version that was refused gives way to newer ones, which must know the body too.
        for newer in [&new, &newest] {
            assert_eq!(findings(newer, &body), [], "{name} at {}", newer.version);
        }
        let with_old = findings(&old, &body);
        match version {
            "2019-05-13" => assert_eq!(with_old, [], "{name}"),
            "2024-04-01" => assert_ne!(with_old, [], "{name} needs no newer version"),
            other => panic!("{name}: {other} is no version of the table"),
        }
        seen += 1;
    }
    for (path, body) in files("article") {
        let undeclared: Vec<Finding> = findings(&old, &body)
            .into_iter()
            // The article itself writes nulls, and a field that its version lacks.
            .filter(|finding| {
                !body["properties"]
                    .as_object()
                    .unwrap()
                    .values()
                    .any(Value::is_null)
                    || !finding.pointer.starts_with("/properties/")
            })
            .collect();
        assert_eq!(undeclared, [], "{}", path.display());
    }

    assert!(seen >= 12, "only {seen} requests were found");
}
