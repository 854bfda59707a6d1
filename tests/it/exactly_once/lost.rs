//! The object or its status is lost or spoilt, or applied again. In every phase of a run: `cluster_faults::phases`.

use super::a_quick_restore;
use crate::support::azure::a_vm;
use crate::support::objects::{a_reader_binding, a_restore};
use crate::support::reading::{condition, message, phase, text};
use crate::support::world::World;
use serde_json::{Value, json};

async fn a_long_vm(world: &World, name: &str) {
    let vm = a_vm(name, json!({"duration": "15m", "listDelay": "2m"}));
    world.azure.put_vm(vm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_that_cannot_be_understood_stays_and_blocks_until_it_is_erased() {
    let world = World::start("spoilt").await;
    a_long_vm(&world, "spoilt").await;
    world
        .apply(a_restore("spoilt", "testRG/spoilt").json())
        .await;
    world.with_reason("spoilt", "JobRunning").await;

    let spoilt = json!({"phase": "Running", "finished": false, "runKey": "no-uuid", "attempts": [{"number": 99, "state": "Running"}], "observedGeneration": 1});
    world.replace_status("spoilt", Some(spoilt)).await;
    let blocked = world.with_reason("spoilt", "StatusUnreadable").await;

    assert_eq!(phase(&blocked), "Blocked", "{blocked:#}");
    assert!(
        message(&blocked).contains("erase the status"),
        "{}",
        message(&blocked)
    );
    assert_eq!(
        blocked["status"]["runKey"], "no-uuid",
        "what stood there stays"
    );
    assert_eq!(blocked["status"]["attempts"][0]["number"], 99);

    world.replace_status("spoilt", None).await;
    let ended = world.ended("spoilt").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("spoilt").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_of_a_running_restore_says_why_it_waits_and_until_when() {
    let world = World::start("waits").await;
    a_long_vm(&world, "waits").await;
    world.apply(a_restore("waits", "testRG/waits").json()).await;
    world.with_reason("waits", "JobRunning").await;

    world.delete("VmRestore", "waits").await;
    let object = world.with_reason("waits", "DeletionWaits").await;

    assert!(
        message(&object).contains("waits until about 20"),
        "{}",
        message(&object)
    );
    world.gone("waits").await;
}

async fn applied_again(world: &World, name: &str) -> Value {
    world.delete("VmRestore", name).await;
    world.gone(name).await;
    world.run(&a_restore(name, &format!("testRG/{name}"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_run_id_and_another_name_are_other_runs() {
    let world = World::start("runid").await;
    let restore = a_quick_restore(&world, "repeated").await;
    world.run(&restore).await;

    world.delete("VmRestore", "repeated").await;
    world.gone("repeated").await;
    let once_more = world.run(&restore.clone().with("runId", "2")).await;
    let namesake = world.run(&a_restore("other-name", "testRG/repeated")).await;

    let jobs = world.azure.jobs("repeated").await;
    assert_eq!(jobs.len(), 3, "{jobs:?}");
    assert_eq!(text(&once_more, "/job/id"), jobs[1]);
    assert_eq!(text(&namesake, "/job/id"), jobs[2]);
}

/// Its key must not be one that was made while its vault was unknown.
#[tokio::test(flavor = "multi_thread")]
async fn restore_applied_before_its_vault_and_again_later_finds_its_own_job() {
    let world = World::builder("early").without_vault().start().await;
    world
        .azure
        .put_vm(a_vm("early", json!({"duration": "5m"})))
        .await;
    let restore = a_restore("early", "testRG/early");

    world.apply(restore.json()).await;
    world.with_reason("early", "VaultNotFound").await;
    let secret = world.stage.emulator.ready().client_secret.clone();
    world.apply(&a_reader_binding(world.namespace())).await;
    world.add_vault(&world.vault("vault"), &secret).await;
    let first = world.ended("early").await;
    world.delete("VmRestore", "early").await;
    world.gone("early").await;
    world.apply(restore.json()).await;
    let second = world.ended("early").await;

    assert_eq!(world.azure.posts("early").await.len(), 1);
    assert_eq!(text(&first, "/runKey"), text(&second, "/runKey"));
    assert_eq!(text(&first, "/job/id"), text(&second, "/job/id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn object_deleted_before_its_trigger_goes_at_once() {
    let world = World::start("unborn").await;
    let restore = a_quick_restore(&world, "unborn").await.of_vault("nowhere");
    world.apply(restore.json()).await;
    world.with_reason("unborn", "VaultNotFound").await;

    world.delete("VmRestore", "unborn").await;
    world.gone("unborn").await;

    assert!(world.azure.posts("unborn").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_claim_that_somebody_removes_while_the_trigger_is_under_way_makes_no_second_job() {
    let world = World::start("half").await;
    let held = json!({"when": "afterEffect", "delay": "PT90S"});
    let rule = json!({"match": {"operation": "TriggerRestore"}, "count": 2, "action": held});
    world.azure.set_faults(json!([rule])).await;
    let claim = json!({"vmrestore.azurebackup.dev/claim": null});
    let halves = [
        ("no-annotation", json!({"annotations": claim})),
        ("no-finalizer", json!({"finalizers": null})),
    ];

    let runs = halves.map(async |(name, without)| {
        a_long_vm(&world, name).await;
        let restore = a_restore(name, &format!("testRG/{name}"));
        world.apply(restore.json()).await;
        let made = async || world.azure.jobs(name).await.pop();
        crate::support::eventually("the job", 45, made).await;
        let patch = json!({ "metadata": without });
        world.patch("VmRestore", name, patch).await;
        world.ended(name).await
    });
    let ended = futures::future::join_all(runs).await;

    for object in ended {
        assert_eq!(phase(&object), "Succeeded", "{object:#}");
        let name = object["metadata"]["name"].as_str().unwrap();
        assert_eq!(world.azure.posts(name).await.len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_jobs_with_one_id_are_told_and_the_oldest_is_followed() {
    let world = World::start("twice").await;
    let restore = a_quick_restore(&world, "twice").await;
    let first = world.run(&restore).await;
    let posts = world.azure.posts("twice").await;
    let ready = world.stage.emulator.ready();
    world.pass(jiff::SignedDuration::from_mins(1)).await;
    world.azure.repeat(ready, &posts[0]).await;
    assert_eq!(world.azure.jobs("twice").await.len(), 2);

    let again = applied_again(&world, "twice").await;

    assert_eq!(phase(&again), "Succeeded", "{again:#}");
    assert_eq!(text(&again, "/job/id"), text(&first, "/job/id"));
    let triggered = condition(&again, "Triggered").unwrap();
    assert_eq!(triggered["reason"], "DuplicateJobs", "{again:#}");
    assert_eq!(world.azure.jobs("twice").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_whose_vault_object_is_gone_can_be_deleted_after_the_window() {
    let world = World::start("vaultless").await;
    a_long_vm(&world, "vaultless").await;
    world
        .apply(a_restore("vaultless", "testRG/vaultless").json())
        .await;
    world.with_reason("vaultless", "JobRunning").await;

    world.delete("RecoveryServicesVault", "vault").await;
    world.with_reason("vaultless", "VaultNotFound").await;
    world.delete("VmRestore", "vaultless").await;
    world.gone("vaultless").await;

    assert_eq!(world.azure.posts("vaultless").await.len(), 1);
}
