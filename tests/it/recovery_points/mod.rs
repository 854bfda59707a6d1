//! Which recovery point is restored: what the API server lets through, what is chosen and why, and what is said when nothing
//! qualifies.

mod admission;
mod choice;
mod lists;
mod rejected;

use crate::support::objects::{Restore, a_restore};
use crate::support::world::{Stage, World};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::OnceCell;

static STAGE: OnceCell<Arc<Stage>> = OnceCell::const_new();

/// The world that all tests here share; each has VMs of its own.
async fn world() -> World {
    let stage = STAGE
        .get_or_init(async || World::start("points").await.stage)
        .await;
    World::of(stage.clone())
}

/// A VM with these points, whose restores take half a minute.
fn a_vm_with(name: &str, points: Value) -> Value {
    json!({"name": name, "resourceGroup": "testRG", "recoveryPoints": points, "restore": {"duration": "30s"}})
}

/// A restore of `testRG/{vm}` that chooses its point so.
fn choosing(name: &str, vm: &str, selector: Value) -> Restore {
    a_restore(name, &format!("testRG/{vm}")).with("recoveryPoint", selector)
}

/// The point that the request for a run's job named.
async fn restored_point(world: &World, ended: &Value, vm: &str) -> String {
    let job = &ended["status"]["job"]["id"];
    let posts = world.azure.posts(vm).await;
    let post = posts.iter().find(|post| post["caused"]["jobId"] == *job);
    let post = post.unwrap_or_else(|| panic!("no request made job {job}: {ended:#}"));
    let body = &post["body"]["properties"]["recoveryPointId"];
    let named = body.as_str().unwrap_or_default().to_owned();
    let path = post["path"].as_str().unwrap_or_default();
    assert!(
        path.contains(&format!("/recoveryPoints/{named}/")),
        "{path}: {named}"
    );
    named
}
