//! The controller is killed, more than once, or its API server hangs.

use super::{a_quick_restore, asked};
use crate::support::azure::a_vm;
use crate::support::objects::a_restore;
use crate::support::reading::{claim, phase, text};
use crate::support::world::World;
use crate::support::{eventually, signal};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn controller_killed_before_its_trigger_took_effect_tries_another_attempt_after_the_window() {
    let mut world = World::start("killed-before").await;
    let held = json!({"when": "beforeEffect", "delay": "PT1H", "reset": true});
    world.azure.once("TriggerRestore", held).await;
    let restore = a_quick_restore(&world, "held").await;
    world.apply(restore.json()).await;
    asked(&world, "TriggerRestore").await;

    world.controller().kill().await.unwrap();
    let object = world.get("VmRestore", "held").await.unwrap();
    assert!(
        claim(&object).is_some_and(|claim| claim.starts_with("1/")),
        "{object:#}"
    );
    world.controller().restart().await.unwrap();
    let ended = world.ended("held").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.jobs("held").await.len(), 1);
    assert_eq!(ended["status"]["attempts"][1]["number"], 2, "{ended:#}");
    let adopted = text(&ended, "/attempts/1/jobId");
    assert_eq!(adopted, world.azure.jobs("held").await[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn controller_killed_after_its_trigger_took_effect_finds_the_job() {
    let mut world = World::start("killed-after").await;
    let held = json!({"when": "afterEffect", "delay": "PT1H"});
    world.azure.once("TriggerRestore", held).await;
    let restore = a_quick_restore(&world, "held").await;
    world.apply(restore.json()).await;
    let made = async || world.azure.jobs("held").await.pop();
    let job = eventually("the job", 45, made).await;

    world.controller().kill().await.unwrap();
    let object = world.get("VmRestore", "held").await.unwrap();
    assert_eq!(
        text(&object, "/job/id"),
        "",
        "nothing is known of it: {object:#}"
    );
    world.controller().restart().await.unwrap();
    let ended = world.ended("held").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(text(&ended, "/job/id"), job);
    assert_eq!(world.azure.posts("held").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn controller_killed_again_and_again_makes_one_job_a_run() {
    let mut world = World::start("killed-often").await;
    let slow = json!({"match": {"operation": "TriggerRestore"}, "count": 6, "action": {"when": "afterEffect", "delay": "PT30S"}});
    world.azure.set_faults(json!([slow])).await;
    let names: Vec<String> = (0..8).map(|n| format!("often-{n}")).collect();
    for (n, name) in names.iter().enumerate() {
        let vm = a_vm(
            name,
            json!({"duration": "4m", "operation": {"inProgress": "20s"}}),
        );
        world.azure.put_vm(vm).await;
        // Not all at once, so that each kill meets runs in other states.
        let restore = a_restore(name, &format!("testRG/{name}"));
        world.apply(restore.json()).await;
        if n % 2 == 1 {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            world.controller().restart().await.unwrap();
        }
    }
    for _ in 0..2 {
        world.controller().wait_ready().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        world.controller().restart().await.unwrap();
    }

    for name in &names {
        let ended = world.ended(name).await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        assert_eq!(world.azure.jobs(name).await.len(), 1, "{ended:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_that_hangs_while_restores_start_makes_no_second_job() {
    let world = World::builder("hanging")
        .on_its_own_control_plane()
        .start()
        .await;
    let names: Vec<String> = (0..4).map(|n| format!("hanging-{n}")).collect();
    for name in &names {
        let restore = a_quick_restore(&world, name).await;
        world.apply(restore.json()).await;
    }
    asked(&world, "TriggerRestore").await;

    signal(world.stage.plane.pid(), "-STOP");
    // Longer than one call to the API server may take, and than the adoption window on the scaled clock.
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    signal(world.stage.plane.pid(), "-CONT");

    for name in &names {
        let ended = world.ended(name).await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        let posts = world.azure.posts(name).await;
        assert_eq!(world.azure.jobs(name).await.len(), 1, "{posts:#?}");
    }
}
