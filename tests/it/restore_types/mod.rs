//! Every type of restore against the emulator: what is sent, what is refused before it is sent, and what the types that write over
//! something or make something do when others are in the way.

mod each_type;
mod in_doubt;
mod in_the_way;
mod refused;

use crate::support::objects::{Restore, SUBSCRIPTION, a_restore};
use crate::support::world::World;
use serde_json::{Value, json};

/// Later than any test.
const LATE: &str = "2100-01-01T00:00:00Z";

fn in_group(rest: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/restores{rest}")
}

fn compute(kind: &str, name: &str) -> String {
    in_group(&format!("/providers/Microsoft.Compute/{kind}/{name}"))
}

/// Replaces the disks of a VM of the group `testRG`.
fn in_place(name: &str, vm: &str) -> Restore {
    a_restore(name, &format!("testRG/{vm}"))
        .with("recoveryType", "OriginalLocation")
        .with("startBy", LATE)
        .without_resource_group()
}

/// Makes the VM `new` in the group `restores` from a VM of the group `testRG`.
fn as_new(name: &str, vm: &str, new: &str) -> Restore {
    let network = format!(
        "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Network/virtualNetworks/testNet"
    );
    a_restore(name, &format!("testRG/{vm}"))
        .with("recoveryType", "AlternateLocation")
        .with("target.virtualMachineId", compute("virtualMachines", new))
        .with("target.subnetId", format!("{network}/subnets/default"))
        .with("target.virtualNetworkId", network)
}

/// A protected VM with two data disks, whose restores take half a minute, with this recovery point besides its name and age.
async fn put_vm(world: &World, name: &str, point: Value) {
    world.azure.put_vm(a_machine(name, point)).await;
}

/// Such a VM, for the scenario.
fn a_machine(name: &str, point: Value) -> Value {
    let mut point = point;
    point["name"] = json!("1");
    point["age"] = json!("8h");
    json!({"name": name, "resourceGroup": "testRG", "dataDisks": 2, "recoveryPoints": [point], "restore": {"duration": "30s"}})
}

/// The VM with one more field.
fn with(mut vm: Value, field: &str, value: impl Into<Value>) -> Value {
    vm[field] = value.into();
    vm
}

/// Adds a vault object of that name for a vault of the group `platformRG`.
async fn add_vault(world: &World, name: &str, vault: &str) {
    let object = world
        .vault(name)
        .with("resourceGroup", "platformRG")
        .with("name", vault);
    let secret = world.stage.emulator.ready().client_secret.clone();
    world.add_vault(&object, &secret).await;
}

/// The one restore request for that VM: its properties and its api-version.
async fn the_request(world: &World, vm: &str) -> (Value, String) {
    let posts = world.azure.posts(vm).await;
    assert_eq!(posts.len(), 1, "{posts:#?}");
    let version = posts[0]["apiVersion"].as_str().unwrap().to_owned();
    (posts[0]["body"]["properties"].clone(), version)
}
