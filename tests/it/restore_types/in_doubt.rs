//! A restore in place whose outcome nobody knows: what a person's words do, and what Azure's list does later.

use super::in_place;
use crate::support::azure::a_vm;
use crate::support::reading::{claim, follows_the_table, message, phase, reason, text};
use crate::support::world::World;
use serde_json::{Value, json};

const RESOLVE: &str = "vmrestore.azurebackup.dev/resolve";

/// The answer to the first restore request of that VM is lost, before or after its effect.
fn lost(vm: &str, when: &str) -> Value {
    json!({"match": {"operation": "TriggerRestore", "path": vm}, "action": {"when": when, "reset": true}})
}

/// Waits until the run is blocked; returns the id of its claim.
async fn blocked(world: &World, name: &str) -> String {
    let object = world.with_reason(name, "TriggerOutcomeUnknown").await;
    follows_the_table(&object);
    assert_eq!(phase(&object), "Blocked");
    let id = claim(&object).unwrap().split_once('/').unwrap().1;
    for word in ["retry", "adopt", "abandon"] {
        assert!(
            message(&object).contains(&format!("{word}:{id}")),
            "{}",
            message(&object)
        );
    }
    id.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_adopts_or_abandons_a_restore_in_place_and_the_next_one_follows() {
    let world = World::start("in-doubt-words").await;
    // Azure has left out the id of the job: no look can find it.
    let hidden = json!({"duration": "30s", "activityId": "missing"});
    world.azure.put_vm(a_vm("w-adopt", hidden)).await;
    let quick = json!({"duration": "30s"});
    world.azure.put_vm(a_vm("w-abandon", quick)).await;
    let rules = json!([
        lost("w-adopt", "afterEffect"),
        lost("w-abandon", "beforeEffect")
    ]);
    world.azure.set_faults(rules).await;

    let adopt = async {
        world.apply(in_place("w-adopt", "w-adopt").json()).await;
        let id = blocked(&world, "w-adopt").await;
        let job = world.azure.jobs("w-adopt").await.remove(0);
        let word = format!("adopt:{id}/{job}");
        world.annotate("w-adopt", RESOLVE, &word).await;
        let ended = world.ended("w-adopt").await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        assert_eq!(text(&ended, "/job/id"), job);
        assert_eq!(world.azure.posts("w-adopt").await.len(), 1);
    };
    let abandon = async {
        world.apply(in_place("w-abandon", "w-abandon").json()).await;
        let id = blocked(&world, "w-abandon").await;
        world.apply(in_place("w-next", "w-abandon").json()).await;
        let waiting = world.with_reason("w-next", "ItemBusy").await;
        let behind = format!("VmRestore {}/w-abandon", world.namespace());
        assert!(message(&waiting).contains(&behind), "{}", message(&waiting));
        let word = format!("abandon:{id}");
        world.annotate("w-abandon", RESOLVE, &word).await;
        let ended = world.ended("w-abandon").await;
        assert_eq!(
            (phase(&ended), reason(&ended)),
            ("Failed", "Abandoned"),
            "{ended:#}"
        );
        let ended = world.ended("w-next").await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        // The lost one, and that of the next run.
        assert_eq!(world.azure.posts("w-abandon").await.len(), 2);
        assert_eq!(world.azure.jobs("w-abandon").await.len(), 1);
    };
    futures::join!(adopt, abandon);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_in_place_that_is_listed_after_the_window_is_found_and_never_sent_again() {
    let world = World::start("in-doubt-late").await;
    let late = json!({"duration": "1m", "listDelay": "40m"});
    world.azure.put_vm(a_vm("l-late", late)).await;
    let rules = json!([lost("l-late", "afterEffect")]);
    world.azure.set_faults(rules).await;

    world.apply(in_place("l-late", "l-late").json()).await;
    blocked(&world, "l-late").await;
    let ended = world.ended("l-late").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(text(&ended, "/job/id"), world.azure.jobs("l-late").await[0]);
    assert_eq!(world.azure.posts("l-late").await.len(), 1);
}
