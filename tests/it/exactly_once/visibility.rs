//! Jobs that Azure shows late, and jobs that it shows without the id that was sent.

use super::a_quick_restore;
use crate::support::azure::a_vm;
use crate::support::objects::a_restore;
use crate::support::reading::{claim, condition, message, phase, text};
use crate::support::world::World;
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn job_that_is_listed_late_is_waited_for_up_to_the_window() {
    let world = World::start("late").await;
    let lost = json!({"when": "afterEffect", "reset": true});
    let rule = json!({"match": {"operation": "TriggerRestore"}, "count": 0, "action": lost});
    world.azure.set_faults(json!([rule])).await;
    // The window of these tests is ten minutes, and a minute is a second: the last one is listed as late as is certain to be
    // within it on a busy machine.
    let runs = ["30s", "5m", "9m"].map(async |delay| {
        let name = format!("late-{delay}");
        let vm = a_vm(&name, json!({"duration": "1m", "listDelay": delay}));
        world.azure.put_vm(vm).await;
        world
            .run(&a_restore(&name, &format!("testRG/{name}")))
            .await
    });

    for object in join_all(runs).await {
        let name = object["metadata"]["name"].as_str().unwrap();
        assert_eq!(phase(&object), "Succeeded", "{object:#}");
        assert_eq!(world.azure.posts(name).await.len(), 1, "{name}");
        assert_eq!(text(&object, "/job/id"), world.azure.jobs(name).await[0]);
        let triggered = condition(&object, "Triggered").unwrap();
        assert_eq!(triggered["reason"], "JobAdopted", "{object:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_restore_that_is_listed_after_the_window_is_found_and_followed() {
    let world = World::start("too-late").await;
    let accepted = json!({"emptyBody": true, "dropHeaders": ["azure-asyncoperation", "location"]});
    world.azure.once("TriggerRestore", accepted).await;
    let vm = a_vm("too-late", json!({"duration": "1m", "listDelay": "18m"}));
    world.azure.put_vm(vm).await;
    let restore = a_restore("too-late", "testRG/too-late");
    world.apply(restore.json()).await;

    // Azure took it, so whatever it lists, no second request follows by itself.
    world.with_reason("too-late", "TriggerOutcomeUnknown").await;
    let ended = world.ended("too-late").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("too-late").await.len(), 1);
}

async fn ids(world: &World, what: &str) {
    let service = json!({"service": {"activityIds": what}});
    world.azure.patch(service).await;
}

async fn until_matching(world: &World, word: &str) {
    let says = |vault: &Value| vault["status"]["jobMatching"]["primary"] == word;
    let what = format!("to be {word}");
    world
        .until_object("RecoveryServicesVault", "vault", &what, says)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_whose_answers_come_go_on_while_azure_fills_no_ids() {
    let world = World::start("unfilled").await;
    let passing = json!({"outcome": "failed", "duration": "30s", "errors": [{"code": 1, "title": "CloudInternalError", "text": "as ordered"}]});
    let vm = a_vm("unfilled-2", json!([passing, {"duration": "30s"}]));
    world.azure.put_vm(vm).await;
    let first = world.run(&a_quick_restore(&world, "before").await).await;
    assert_eq!(phase(&first), "Succeeded");
    until_matching(&world, "Proven").await;

    for what in ["another", "missing"] {
        ids(&world, what).await;
        let name = format!("unfilled-{what}");
        let ended = world.run(&a_quick_restore(&world, &name).await).await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        assert_eq!(world.azure.posts(&name).await.len(), 1);
        until_matching(&world, "Broken").await;
        // A new object could not find that job, so the claim stays.
        assert!(claim(&ended).is_some(), "{ended:#}");
    }
    // No attempt follows a job that is known only by its id.
    let ended = world
        .run(&a_restore("unfilled-2", "testRG/unfilled-2"))
        .await;
    assert_eq!(phase(&ended), "Failed", "{ended:#}");
    assert_eq!(world.azure.posts("unfilled-2").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_lost_while_azure_filled_no_ids_blocks_also_when_it_fills_them_again() {
    let world = World::start("filled-again").await;
    ids(&world, "missing").await;
    world.run(&a_quick_restore(&world, "unfilled").await).await;
    until_matching(&world, "Broken").await;
    let lost = |vm: &str, when: &str| json!({"match": {"operation": "TriggerRestore", "path": vm}, "action": {"when": when, "reset": true}});
    let rules = json!([
        lost("lost-early", "afterEffect"),
        lost("lost-late", "afterEffect")
    ]);
    world.azure.set_faults(rules).await;

    // One is blocked already, of the other nobody knows anything yet, when ids come back.
    let early = a_quick_restore(&world, "lost-early").await;
    world.apply(early.json()).await;
    world
        .with_reason("lost-early", "TriggerOutcomeUnknown")
        .await;
    let late = a_quick_restore(&world, "lost-late").await;
    world.apply(late.json()).await;
    world.with_reason("lost-late", "ConfirmingTrigger").await;
    ids(&world, "requestId").await;
    world.run(&a_quick_restore(&world, "filled").await).await;
    until_matching(&world, "Proven").await;
    world.pass(SignedDuration::from_mins(25)).await;

    for name in ["lost-early", "lost-late"] {
        let object = world.get("VmRestore", name).await.unwrap();
        let posts = world.azure.posts(name).await;
        assert_eq!(posts.len(), 1, "{name}: {posts:#?}");
        assert_eq!(phase(&object), "Blocked", "{object:#}");
        assert!(message(&object).contains("retry:"), "{object:#}");
    }
}
