//! One intended run is one job in Azure, whatever goes wrong. The truth is the emulator's ledger of requests.

mod answers;
mod blocked;
mod crashes;
mod credentials;
mod limits;
mod lost;
mod reads;
mod visibility;

use crate::support::azure::a_vm;
use crate::support::objects::{Restore, a_restore};
use crate::support::world::World;
use serde_json::json;

/// A VM of its own for a restore of the same name, whose job takes half a minute.
async fn a_quick_restore(world: &World, name: &str) -> Restore {
    let vm = a_vm(name, json!({"duration": "30s"}));
    world.azure.put_vm(vm).await;
    a_restore(name, &format!("testRG/{name}"))
}

/// Waits until a request of that operation has come in.
async fn asked(world: &World, operation: &str) {
    let came = async || (world.azure.count(operation).await > 0).then_some(());
    crate::support::eventually(operation, 45, came).await;
}
