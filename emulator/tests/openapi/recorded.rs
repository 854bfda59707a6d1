//! Every answer of a whole test run against Microsoft's OpenAPI.
//!
//! Emulators that find the variable `EMULATOR_ANSWERS_DIR` write one answer of every shape into that folder; when the
//! run has ended, `make test` names the folder in `ANSWERS_TO_CHECK` and runs this test alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Contract, Finding};
use crate::{Deviation, contract_folder};

/// Files of the primary region, oldest first. An answer is judged by the newest that is not newer than its api-version.
const PRIMARY: [&str; 3] = ["2016-12-01", "2019-05-13", "2024-04-01"];

/// Files that judge the answers of their own version alone: previews, and those of the secondary region.
const OF_THEMSELVES: [&str; 4] = [
    "2018-12-20",
    "2021-11-15",
    "2023-01-15",
    "2024-07-30-preview",
];

/// What the folder has no file for: other services' resources, and an address that the service uses without declaring it.
const OF_OTHER_FILES: [&str; 16] = [
    "GetClassicStorageAccount",
    "GetDisk",
    "GetJobOperationStatus",
    "GetMetadataEndpoints",
    "GetNetworkInterface",
    "GetOpenIdConfiguration",
    "GetResourceGroup",
    "GetStorageAccount",
    "GetSubscription",
    "GetVault",
    "GetVirtualMachine",
    "GetVirtualNetwork",
    "ListDisks",
    "ListSubscriptions",
    "ListVaults",
    "Unknown",
];

#[derive(Deserialize)]
struct Kept {
    operation: String,
    method: String,
    path: String,
    version: String,
    status: u16,
    body: Value,
}

#[test]
fn recorded_answers_are_as_declared_or_listed_as_deviations() {
    let Some(answers) = std::env::var_os("ANSWERS_TO_CHECK").map(PathBuf::from) else {
        eprintln!("skipped: ANSWERS_TO_CHECK does not say where the answers of a test run are");
        return;
    };
    let Some(contracts) = contract_folder() else {
        return;
    };
    let read = |version: &&str| Contract::read(&contracts, version);
    let primary: Vec<Contract> = PRIMARY.iter().map(read).collect();
    let others: Vec<Contract> = OF_THEMSELVES.iter().map(read).collect();
    let deviations = Deviation::all();

    let mut unknown: BTreeMap<Finding, String> = BTreeMap::new();
    let mut checked: BTreeMap<String, usize> = BTreeMap::new();
    let mut unchecked: BTreeSet<String> = BTreeSet::new();
    for kept in kept_in(&answers) {
        let judge = judges(&kept.version, &primary, &others).find_map(|contract| {
            let method = kept.method.to_lowercase();
            let address = contract.address_of(&method, &kept.path, kept.status)?;
            Some((contract, method, address))
        });
        let findings = match judge {
            Some((contract, method, address)) => {
                *checked.entry(contract.version.clone()).or_default() += 1;
                contract.check(&kept.operation, &method, address, kept.status, &kept.body)
            }
            None if OF_OTHER_FILES.contains(&kept.operation.as_str()) => {
                unchecked.insert(kept.operation);
                continue;
            }
            None => vec![Finding {
                operation: kept.operation.clone(),
                version: kept.version.clone(),
                pointer: "/path".to_owned(),
                what: "is declared in no file".to_owned(),
            }],
        };
        for finding in findings {
            if !deviations
                .iter()
                .any(|deviation| deviation.covers(&finding))
            {
                let where_seen = format!("{} at {}", kept.path, kept.version);
                unknown.entry(finding).or_insert(where_seen);
            }
        }
    }

    let total: usize = checked.values().sum();
    println!("{total} answers of different shape held against Microsoft's files: {checked:?}");
    println!("declared in none of them: {unchecked:?}");
    assert!(unknown.is_empty(), "not as declared: {unknown:#?}");
    assert!(total > 0, "no answer was found in {}", answers.display());
}

/// The files that may declare an answer of this version, best first: its own, the newest that is not newer, then newer
/// ones, because the files of 2016 to 2020 declare a part of the family each.
fn judges<'a>(
    version: &str,
    primary: &'a [Contract],
    others: &'a [Contract],
) -> impl Iterator<Item = &'a Contract> {
    let (mut older, newer): (Vec<&Contract>, Vec<&Contract>) = primary
        .iter()
        .partition(|contract| contract.version.as_str() <= version);
    let own = others.iter().find(|contract| contract.version == version);
    let newest = older.pop();
    own.into_iter()
        .chain(newest)
        .chain(newer)
        .chain(older.into_iter().rev())
}

fn kept_in(folder: &PathBuf) -> Vec<Kept> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        // A process that was killed may leave its last line unfinished.
        let complete = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        kept.extend(complete.lines().map(|line| {
            serde_json::from_str::<Kept>(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        }));
    }
    kept
}
