//! Microsoft's published example requests, all that the folder has, sent to the emulator.
//!
//! Each is accepted, or stands in `emulator/examples.json` with the reason. The emulated Azure has the vaults, VMs and
//! recovery points that the examples name. Ids that only a service can give (of jobs and operations, which the examples
//! write as zeros) are those of a job or an operation that was just started.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use azure_backup_emulator::Scenario;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::contract::{Contract, read_json};
use crate::contract_folder;
use crate::support::{Answer, Azure, read};

const VERSIONS: [&str; 7] = [
    "2016-12-01",
    "2018-12-20",
    "2019-05-13",
    "2021-11-15",
    "2023-01-15",
    "2024-04-01",
    "2024-07-30-preview",
];

/// An example that no operation of its file points to: how its name begins, and where it belongs.
const NOT_POINTED_TO: (&str, &str) = (
    "TriggerRestore_",
    "/recoveryPoints/{recoveryPointId}/restore",
);

/// Resource group and name of a VM that every vault has, and a recovery point that every VM has.
const OTHER_MACHINE: (&str, &str) = ("others", "another");
const OTHER_POINT: &str = "1001";

/// The identity of the vault that some examples restore with.
const USER_ASSIGNED: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/asmaskarRG1/providers/Microsoft.ManagedIdentity/userAssignedIdentities/asmaskartestmsi";

/// Examples that the emulator does not accept: those whose address has this part, in these versions, of these files. What
/// is absent means all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    #[serde(default)]
    path: String,
    versions: Option<Vec<String>>,
    files: Option<Vec<String>>,
    why: String,
}

/// One example request.
#[derive(Debug)]
struct Example {
    version: String,
    file: String,
    method: String,
    /// As the contract writes it.
    template: String,
    parameters: Value,
    /// The parameters that belong into the query, and the one that is the body.
    query: Vec<String>,
    body: Option<String>,
    statuses: Vec<u16>,
    /// What Microsoft shows as the answers, by status.
    answers: Value,
}

impl Exception {
    fn covers(&self, example: &Example) -> bool {
        let names = |list: &Option<Vec<String>>, name: &String| {
            list.as_ref().is_none_or(|list| list.contains(name))
        };
        example.template.contains(&self.path)
            && names(&self.versions, &example.version)
            && names(&self.files, &example.file)
    }
}

#[tokio::test]
async fn published_requests_are_accepted_or_listed_with_the_reason() {
    let Some(folder) = contract_folder() else {
        return;
    };
    let exceptions: Vec<Exception> =
        serde_json::from_str(include_str!("../../examples.json")).unwrap();
    assert!(exceptions.iter().all(|exception| !exception.why.is_empty()));
    let examples: Vec<Example> = VERSIONS
        .iter()
        .flat_map(|version| examples(&folder, version))
        .collect();
    let azure = Azure::start_with(scenario(&examples), 1).await;

    let mut refused = Vec::new();
    let mut accepted = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut no_longer = Vec::new();
    let mut headers = Vec::new();
    for example in &examples {
        let exception = exceptions
            .iter()
            .position(|exception| exception.covers(example));
        used.extend(exception);
        let answer = send(&azure, example).await;
        let is_accepted = answer.status < 300 && example.statuses.contains(&answer.status);
        match (is_accepted, exception) {
            (true, None) if example.missing_header(&answer).is_some() => {
                headers.push((example, example.missing_header(&answer)));
            }
            (true, None) => *accepted.entry(&example.version).or_insert(0) += 1,
            (true, Some(_)) => no_longer.push(example),
            (false, None) => refused.push((example, answer.status, answer.text)),
            (false, Some(_)) => {}
        }
    }

    let total: usize = accepted.values().sum();
    println!(
        "{total} of {} published requests are accepted: {accepted:?}; the others are listed with the reason",
        examples.len()
    );
    assert!(refused.is_empty(), "not accepted: {refused:#?}");
    assert!(
        headers.is_empty(),
        "without a published header: {headers:#?}"
    );
    assert!(
        no_longer.is_empty(),
        "accepted, and listed as not: {no_longer:#?}"
    );
    let unused: Vec<&Exception> = (0..exceptions.len())
        .filter(|place| !used.contains(place))
        .map(|place| &exceptions[place])
        .collect();
    assert!(unused.is_empty(), "no example is meant: {unused:#?}");
    assert!(total > 50, "only {total} examples were accepted");
}

/// The examples of a version that are there; Microsoft's files point to more than the folder keeps.
fn examples(folder: &Path, version: &str) -> Vec<Example> {
    let place = folder.join("openapi").join(version);
    let contract = Contract::read(folder, version);
    let mut found: Vec<Example> = Vec::new();
    for operation in contract.operations() {
        let pointers = operation.2["x-ms-examples"].as_object();
        for pointer in pointers.into_iter().flat_map(|pointers| pointers.values()) {
            let path = place.join(pointer["$ref"].as_str().unwrap().trim_start_matches("./"));
            if path.is_file() {
                found.push(Example::read(version, &path, operation));
            }
        }
    }
    let (prefix, address) = NOT_POINTED_TO;
    for entry in std::fs::read_dir(place.join("examples/AzureIaasVm")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with(prefix) && !found.iter().any(|example| example.file == name) {
            let operation = contract
                .operations()
                .find(|(template, ..)| template.ends_with(address))
                .unwrap();
            found.push(Example::read(version, &path, operation));
        }
    }
    found
}

impl Example {
    /// Reads an example of an operation: its address, its method and what is declared of it.
    fn read(
        version: &str,
        path: &Path,
        (template, method, declared): (&str, &str, &Value),
    ) -> Self {
        let of = |place: &str| -> Vec<String> {
            let parameters = declared["parameters"].as_array().unwrap();
            parameters
                .iter()
                .filter(|parameter| parameter["in"] == place)
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let mut example = read_json(path);
        let statuses = declared["responses"].as_object().unwrap().keys();
        Self {
            version: version.to_owned(),
            file: path.file_name().unwrap().to_str().unwrap().to_owned(),
            method: method.to_owned(),
            template: template.to_owned(),
            parameters: example["parameters"].take(),
            answers: example["responses"].take(),
            query: of("query"),
            body: of("body").pop(),
            statuses: statuses.filter_map(|status| status.parse().ok()).collect(),
        }
    }

    /// A header that the published answer has and this one lacks.
    fn missing_header(&self, answer: &Answer) -> Option<&str> {
        let shown = self.answers[answer.status.to_string()]["headers"].as_object()?;
        let mut names = shown.keys().map(String::as_str);
        names.find(|name| answer.header(name).is_none())
    }

    fn text(&self, parameter: &str) -> &str {
        self.parameters[parameter].as_str().unwrap_or_default()
    }

    fn vault(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.RecoveryServices/vaults/{}",
            self.text("subscriptionId"),
            self.text("resourceGroupName"),
            self.text("vaultName")
        )
    }

    /// Resource group and name of the VM that the item of an example is named after, if it is a VM of Resource Manager.
    fn machine(&self) -> Option<(&str, &str)> {
        let mut parts = self.text("containerName").split(';');
        let is_machine = parts.next()?.eq_ignore_ascii_case("IaasVMContainer")
            && parts.next()?.eq_ignore_ascii_case("iaasvmcontainerv2");
        is_machine.then_some((parts.next()?, parts.next()?))
    }
}

/// Sends an example as it is published, but for the ids that only the service can give.
async fn send(azure: &Azure, example: &Example) -> Answer {
    let mut path = example.template.clone();
    for (name, value) in example.parameters.as_object().unwrap() {
        if let Some(value) = value.as_str() {
            path = path.replace(&format!("{{{name}}}"), value);
        }
    }
    if !example.text("vaultName").is_empty() {
        path = with_given_ids(azure, example, path).await;
    }
    let mut query = vec![format!("api-version={}", example.version)];
    for name in &example.query {
        if let Some(value) = example.parameters[name].as_str() {
            query.push(format!(
                "{name}={}",
                value.replace(' ', "%20").replace('\'', "%27")
            ));
        }
    }
    let address = format!("{path}?{}", query.join("&"));
    let mut request = azure.request(&example.method.to_uppercase(), &address);
    if let Some(body) = &example.body {
        request = request.json(&example.parameters[body]);
    }
    read(request.send().await.unwrap()).await
}

/// Puts the ids of what was just started in the place of the zeros of an example.
async fn with_given_ids(azure: &Azure, example: &Example, path: String) -> String {
    let template = &example.template;
    let zeros = |path: String, name: &str, id: &str| match example.parameters[name].as_str() {
        Some(zero) => {
            let (before, after) = path.split_at(path.find("/vaults/").unwrap());
            format!("{before}{}", after.replace(zero, id))
        }
        None => path,
    };
    if template.contains("/backupValidateOperation") && template.ends_with("{operationId}") {
        let id = validation(azure, example).await;
        return zeros(path, "operationId", &id);
    }
    if !template.contains("{operationId}") && !template.contains("{jobName}") {
        return path;
    }
    let (operation, job) = restore(azure, example).await;
    if !template.contains("{jobName}") {
        return zeros(path, "operationId", &operation);
    }
    if !template.contains("{operationId}") {
        return zeros(path, "jobName", &job);
    }
    let cancel = format!(
        "{}/backupJobs/{job}/cancel?api-version={}",
        example.vault(),
        example.version
    );
    let accepted = read(azure.request("POST", &cancel).send().await.unwrap()).await;
    let address = accepted.header("location").unwrap();
    let path = address.split('?').next().unwrap();
    path[path.find("/subscriptions/").unwrap()..].to_owned()
}

/// Starts a restore of the example's VM, or of another one of its vault; gives the ids of operation and job.
async fn restore(azure: &Azure, example: &Example) -> (String, String) {
    let (group, name) = example.machine().unwrap_or(OTHER_MACHINE);
    let registered = format!("iaasvmcontainerv2;{group};{name}");
    let item = format!(
        "{}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{registered}/protectedItems/VM;{registered}",
        example.vault()
    );
    let body = json!({"properties": restore_disks(example, group, name)});
    let accepted = azure
        .post(
            &format!("{item}/recoveryPoints/{OTHER_POINT}/restore"),
            &body,
        )
        .await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    azure.advance("5s").await;
    let ledger = azure.ledger().await;
    let caused = &ledger.last().unwrap()["caused"];
    let id = |name: &str| caused[name].as_str().unwrap().to_owned();
    (id("operationId"), id("jobId"))
}

/// Starts a validation in the example's vault; gives the id of its operation.
async fn validation(azure: &Azure, example: &Example) -> String {
    let (group, name) = OTHER_MACHINE;
    let registered = format!("iaasvmcontainerv2;{group};{name}");
    let vault = example.vault();
    let inner = json!({
        "objectType": "ValidateIaasVMRestoreOperationRequest", "restoreRequest": restore_disks(example, group, name),
    });
    let point = format!(
        "{vault}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{registered}/protectedItems/VM;{registered}/recoveryPoints/{OTHER_POINT}"
    );
    let path = format!(
        "{vault}/backupTriggerValidateOperation?api-version={}",
        example.version
    );
    let accepted = azure
        .post(&path, &json!({"id": point, "properties": inner}))
        .await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let address = accepted
        .header("location")
        .unwrap()
        .split('?')
        .next()
        .unwrap();
    address.rsplit('/').next().unwrap().to_owned()
}

fn restore_disks(example: &Example, group: &str, name: &str) -> Value {
    let subscription = format!("/subscriptions/{}", example.text("subscriptionId"));
    json!({
        "objectType": "IaasVMRestoreRequest", "recoveryPointId": OTHER_POINT, "recoveryType": "RestoreDisks",
        "sourceResourceId": format!("{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"),
        "storageAccountId": format!("{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/staging"),
        "region": "southeastasia", "createNewCloudService": false, "originalStorageAccountOption": false,
        "encryptionDetails": {"encryptionEnabled": false},
    })
}

/// Recovery points by the resource group and the name of their VM.
type Machines<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>;

/// The vaults, VMs and recovery points that the examples name, and in each vault one VM more.
fn scenario(examples: &[Example]) -> Scenario {
    let mut vaults: BTreeMap<String, (&Example, Machines<'_>)> = BTreeMap::new();
    for example in examples {
        if example.text("vaultName").is_empty() {
            continue;
        }
        let key = example.vault().to_lowercase();
        let (_, machines) = vaults.entry(key).or_insert((example, BTreeMap::new()));
        let points = machines.entry(OTHER_MACHINE).or_default();
        points.insert(OTHER_POINT);
        if let Some(machine) = example.machine() {
            let points = machines.entry(machine).or_default();
            points.insert(OTHER_POINT);
            points.extend(example.parameters["recoveryPointId"].as_str());
        }
    }
    let vaults: Vec<Value> = vaults
        .into_values()
        .map(|(example, machines)| {
            let machines: Vec<Value> = machines
                .into_iter()
                .map(|((group, name), points)| {
                    let points: Vec<Value> = points
                        .into_iter()
                        .map(|point| json!({"name": point, "age": "8h"}))
                        .collect();
                    json!({"name": name, "resourceGroup": group, "recoveryPoints": points})
                })
                .collect();
            json!({
                "subscriptionId": example.text("subscriptionId"), "resourceGroup": example.text("resourceGroupName"),
                "name": example.text("vaultName"), "region": "southeastasia",
                "identity": {"systemAssigned": true, "userAssigned": [USER_ASSIGNED]}, "virtualMachines": machines,
            })
        })
        .collect();
    let mut scenario = serde_json::to_value(Scenario::built_in().unwrap()).unwrap();
    scenario["vaults"] = vaults.into();
    Scenario::parse(&scenario.to_string()).unwrap()
}
