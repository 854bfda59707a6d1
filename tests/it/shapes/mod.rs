//! Operations and jobs in every shape that Azure is known to give them: what the controller makes of each.

mod errors;
mod jobs;
mod operations;
mod stillness;

use crate::support::azure::a_vm;
use crate::support::objects::{Restore, a_restore};
use crate::support::world::{Stage, World};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::OnceCell;

static STAGE: OnceCell<Arc<Stage>> = OnceCell::const_new();

/// The world that these tests share; each restores VMs of its own.
async fn world() -> World {
    let stage = STAGE
        .get_or_init(async || World::start("shapes").await.stage)
        .await;
    World::of(stage.clone())
}

/// A VM whose restores go like this, and the restore of the same name.
async fn shaped(world: &World, name: &str, behaviour: Value) -> Restore {
    world.azure.put_vm(a_vm(name, behaviour)).await;
    a_restore(name, &format!("testRG/{name}"))
}

/// Fails if anything of an address that Azure said stands where none belongs: only what the job names as its results, and
/// its display properties, are addresses.
fn nothing_of_an_address(object: &Value) {
    let mut status = object["status"].clone();
    for (place, name) in [("", "outputs"), ("/job", "properties")] {
        if let Some(object) = status.pointer_mut(place).and_then(Value::as_object_mut) {
            object.remove(name);
        }
    }
    let text = status.to_string();
    for word in [
        "://",
        "api-version",
        "MIIH",
        "c2lnbmF0dXJl",
        "operationResults",
    ] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}
