//! Faults on the Kubernetes side, from outside: the real controller behind a proxy that loses answers, holds requests,
//! cuts watches and goes away; people who change objects at the same time; processes that stop. In every case the
//! emulator's ledger has one job for a run, its status says so, and the claim has been let go.

mod away;
mod item_lock;
mod namespaces;
mod phases;
mod processes;
mod storms;
mod writes;

use crate::support::azure::a_vm;
use crate::support::objects::{Restore, a_restore};
use crate::support::reading::{claim, follows_the_table, is_finished, phase, text};
use crate::support::world::World;
use serde_json::{Value, json};

/// A VM of its own for a restore of the same name, which goes like this.
async fn a_restore_that(world: &World, name: &str, goes: Value) -> Restore {
    world.azure.put_vm(a_vm(name, goes)).await;
    a_restore(name, &format!("testRG/{name}"))
}

/// One whose job takes half a minute, and is not in a list in time to hide that it was triggered without a claim.
async fn a_quick_restore(world: &World, name: &str) -> Restore {
    let goes = json!({"duration": "30s", "listDelay": "3m"});
    a_restore_that(world, name, goes).await
}

/// The run has succeeded, its job is the only one that Azure made for its VM, and nothing is claimed any more.
async fn ends_with_its_one_job(world: &World, name: &str) -> Value {
    let object = settles(world, name).await;
    assert_eq!(phase(&object), "Succeeded", "{object:#}");
    let posts = world.azure.posts(name).await;
    let jobs = world.azure.jobs(name).await;
    assert_eq!(jobs.len(), 1, "{name}: {posts:#?}");
    assert_eq!(text(&object, "/job/id"), jobs[0], "{name}");
    object
}

/// The run has ended, has seen the last change of its object, and has let go of its claim.
async fn settles(world: &World, name: &str) -> Value {
    let settled = |object: &Value| {
        is_finished(object)
            && object["status"]["observedGeneration"] == object["metadata"]["generation"]
            && claim(object).is_none()
            && object["metadata"]["finalizers"].is_null()
    };
    let object = world.until(name, "to settle", settled).await;
    follows_the_table(&object);
    object
}

/// The numbers of the attempts in the status.
fn attempts(object: &Value) -> Vec<u64> {
    let attempts = object["status"]["attempts"].as_array();
    let number = |attempt: &Value| attempt["number"].as_u64();
    attempts.into_iter().flatten().filter_map(number).collect()
}
