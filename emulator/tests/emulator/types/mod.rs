//! Restores of every type: what each needs and excludes, and what it brings about.

mod copies;
mod ends;
mod fields;
mod machines;
mod restored_disks;

use serde_json::{Value, json};

use crate::support::{Answer, Azure, SUBSCRIPTION, Vm, read};

const ID: &str = "0010bff7-2ae6-4674-8a68-29e38cc9ae1c";
const COMPUTE: &str = "providers/Microsoft.Compute";

fn in_group(group: &str, rest: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/{group}{rest}")
}

fn account(name: &str) -> String {
    in_group(
        "testRG",
        &format!("/providers/Microsoft.Storage/storageAccounts/{name}"),
    )
}

fn network() -> String {
    in_group(
        "testRG",
        "/providers/Microsoft.Network/virtualNetworks/testNet",
    )
}

fn machine(group: &str, name: &str) -> String {
    in_group(group, &format!("/{COMPUTE}/virtualMachines/{name}"))
}

/// Fields that make a restore of disks one to another location.
fn alternate(name: &str) -> Value {
    json!({
        "recoveryType": "AlternateLocation", "targetVirtualMachineId": machine("restores", name),
        "virtualNetworkId": network(), "subnetId": format!("{}/subnets/default", network()),
    })
}

/// Fields that make it one to the original location.
fn original() -> Value {
    json!({"recoveryType": "OriginalLocation", "targetResourceGroupId": null})
}

/// Sends a restore from the newest point with some fields changed.
async fn send(azure: &Azure, vm: &Vm, changes: &Value) -> Answer {
    let point = azure.points(vm).await.remove(0);
    let mut body = vm.restore_disks(&point);
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    let path = format!(
        "{}/recoveryPoints/{point}/restore?api-version=2024-04-01",
        vm.item()
    );
    let request = azure
        .request("POST", &path)
        .header("x-ms-client-request-id", ID)
        .json(&json!({ "properties": body }));
    read(request.send().await.unwrap()).await
}

/// The id of the job of a restore that is accepted.
async fn start(azure: &Azure, vm: &Vm, changes: &Value) -> String {
    let accepted = send(azure, vm, changes).await;
    azure.job_of(&accepted).await
}

/// The ended job.
async fn run(azure: &Azure, vm: &Vm, changes: &Value) -> Value {
    let id = start(azure, vm, changes).await;
    azure.advance("3h").await;
    azure.job(&id).await
}

async fn change_vault(azure: &Azure, changes: Value) {
    let scenario = azure.admin("GET", "scenario", Value::Null).await.body;
    let mut vault = scenario["vaults"][0].clone();
    for (field, value) in changes.as_object().unwrap() {
        vault[field] = value.clone();
    }
    azure.admin("PUT", "scenario/vaults/testVault", vault).await;
}

async fn effects(azure: &Azure) -> Value {
    azure.admin("GET", "effects", Value::Null).await.body
}

fn names(values: &Value) -> Vec<&str> {
    let values = values.as_array().unwrap().iter();
    values
        .map(|value| value["name"].as_str().unwrap())
        .collect()
}

fn disk_ids(machine: &Value) -> Vec<String> {
    let profile = &machine["properties"]["storageProfile"];
    let data = profile["dataDisks"].as_array().unwrap().iter();
    std::iter::once(&profile["osDisk"])
        .chain(data)
        .map(|disk| disk["managedDisk"]["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn disk(azure: &Azure, id: &str) -> Value {
    let answer = azure.get(&format!("{id}?api-version=2023-01-02")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}
