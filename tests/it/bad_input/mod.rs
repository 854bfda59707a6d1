//! What a user did wrong: said with object, field and remedy, never a trigger, and once it is mended the restore goes on by
//! itself within a minute of the controller's clock.

mod azure;
mod foreign;
mod names;
mod vault_objects;

use crate::support::objects::{Restore, a_reader_binding};
use crate::support::reading::{follows_the_table, message, phase, reason};
use crate::support::world::{Stage, World};
use crate::support::{BETWEEN_LOOKS, installed_control_plane, looks_in};

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Slow enough that a minute of the controller's clock is long for a busy machine.
const SCALE: u32 = 10;

struct Shared {
    stage: Arc<Stage>,
    /// A namespace whose Secrets the controller may read, and one where it may not.
    platform: String,
    unbound: String,
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();

async fn world() -> (World, &'static Shared) {
    let shared = SHARED
        .get_or_init(async || {
            let plane = installed_control_plane().await;
            let platform = plane.namespace("bad-platform").await.unwrap();
            let unbound = plane.namespace("bad-unbound").await.unwrap();
            let world = World::builder("bad")
                .scale(SCALE)
                .also(&[&platform, &unbound]);
            let world = world.start().await;
            world.apply(&a_reader_binding(&platform)).await;
            Shared {
                stage: world.stage,
                platform,
                unbound,
            }
        })
        .await;
    (World::of(shared.stage.clone()), shared)
}

/// Adds a VM that is there but has no points yet, or with these.
async fn a_quick_vm(world: &World, name: &str, points: Value) {
    let vm = json!({"name": name, "resourceGroup": "testRG", "recoveryPoints": points, "restore": {"duration": "20s"}});
    world.azure.put_vm(vm).await;
}

/// Applies the restore and waits until it says `wanted`, with these words, and a Warning; nothing was sent to Azure.
async fn stands_still(world: &World, restore: &Restore, wanted: &str, words: &[&str]) {
    world.apply(restore.json()).await;
    let object = world.with_reason(restore.name(), wanted).await;

    assert_eq!(phase(&object), "Blocked", "{object:#}");
    follows_the_table(&object);
    for word in words {
        assert!(
            message(&object).contains(word),
            "{word} is not in: {}",
            message(&object)
        );
    }
    world.told(restore.name(), "Warning", wanted).await;
    assert!(
        jobs(world, restore).await.is_empty(),
        "something was started"
    );
}

async fn jobs(world: &World, restore: &Restore) -> Vec<String> {
    let vm = restore.json()["spec"]["sourceVirtualMachineId"]
        .as_str()
        .unwrap();
    world.azure.jobs(vm.rsplit('/').next().unwrap()).await
}

/// Waits until the restore goes on after what was wrong was mended just now, and to its end.
async fn goes_on_within_a_minute(world: &World, restore: &Restore, wrong: &str) {
    let within = Duration::from_secs(60) / SCALE;
    // Two seconds of real time for the machine, which runs other tests.
    let looks = looks_in(within + Duration::from_secs(2));
    let mut waited = 0;
    while let Some(object) = world.get("VmRestore", restore.name()).await
        && reason(&object) == wrong
    {
        assert!(waited < looks, "waits for more than a minute: {object:#}");
        waited += 1;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }

    let ended = world.ended(restore.name()).await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(jobs(world, restore).await.len(), 1);
}

const POINT: &str = r#"[{"name": "1", "age": "8h"}]"#;

fn point() -> Value {
    serde_json::from_str(POINT).unwrap()
}
