//! Others in the way of a restore that writes over a machine or makes one, and outcomes that are not known.

use super::{as_new, in_place, put_vm};
use crate::support::azure::a_vm;
use crate::support::objects::a_reader_binding;
use crate::support::reading::{claim, follows_the_table, message, phase, text};
use crate::support::world::World;
use serde_json::json;

const RESOLVE: &str = "vmrestore.azurebackup.dev/resolve";

#[tokio::test(flavor = "multi_thread")]
async fn two_restores_in_place_of_one_machine_queue_and_say_behind_whom() {
    let plane = crate::support::installed_control_plane().await;
    let other = plane.namespace("queue-b").await.unwrap();
    let world = World::builder("queue-a").also(&[&other]).start().await;
    let second = world.in_namespace(&other);
    world
        .patch(
            "RecoveryServicesVault",
            "vault",
            json!({"spec": {"allowedNamespaces": {"names": [other]}}}),
        )
        .await;
    world.apply(&a_reader_binding(&other)).await;
    world
        .azure
        .put_vm(a_vm("q-vm", json!({"duration": "10m"})))
        .await;
    let vault = json!({"name": "vault", "namespace": world.namespace()});

    world.apply(in_place("q-first", "q-vm").json()).await;
    world.with_reason("q-first", "JobRunning").await;
    second
        .apply(in_place("q-second", "q-vm").with("vaultRef", vault).json())
        .await;

    let waiting = second.with_reason("q-second", "ItemBusy").await;
    let behind = format!(
        "VmRestore {}/q-first writes over this vm",
        world.namespace()
    );
    assert!(message(&waiting).contains(&behind), "{}", message(&waiting));
    follows_the_table(&waiting);
    assert_eq!(world.azure.posts("q-vm").await.len(), 1);

    let ended = world.ended("q-first").await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    let ended = second.ended("q-second").await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.jobs("q-vm").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_of_a_restore_in_place_waits_for_a_person() {
    let world = World::start("in-doubt").await;
    put_vm(&world, "d-vm", json!({})).await;
    world
        .azure
        .once("TriggerRestore", json!({"reset": true}))
        .await;

    world.apply(in_place("d-run", "d-vm").json()).await;

    let blocked = world.with_reason("d-run", "TriggerOutcomeUnknown").await;
    assert!(
        message(&blocked).contains("a second one could destroy"),
        "{}",
        message(&blocked)
    );
    follows_the_table(&blocked);
    world.pass(jiff::SignedDuration::from_mins(12)).await;
    let blocked = world.get("VmRestore", "d-run").await.unwrap();
    assert_eq!(phase(&blocked), "Blocked", "no time decides it");
    assert!(world.azure.jobs("d-vm").await.is_empty());

    let id = claim(&blocked)
        .unwrap()
        .split_once('/')
        .unwrap()
        .1
        .to_owned();
    world
        .annotate("d-run", RESOLVE, &format!("retry:{id}"))
        .await;
    let ended = world.ended("d-run").await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.jobs("d-vm").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_attempt_at_a_new_machine_stops_if_it_exists() {
    let world = World::start("made").await;
    put_vm(&world, "m-source", json!({})).await;
    world
        .azure
        .once("TriggerRestore", json!({"reset": true}))
        .await;

    world
        .apply(as_new("m-run", "m-source", "m-new").json())
        .await;
    world.with_reason("m-run", "ConfirmingTrigger").await;
    // Whoever made it: perhaps the request whose answer was lost.
    let made = json!({"name": "m-new", "resourceGroup": "restores", "recoveryPoints": []});
    world.azure.put_vm(made).await;

    let blocked = world.with_reason("m-run", "TriggerOutcomeUnknown").await;
    assert!(
        message(&blocked).contains("an attempt whose job was not found may have made it"),
        "{}",
        message(&blocked)
    );
    assert!(world.azure.jobs("m-source").await.is_empty());
    assert_eq!(text(&blocked, "/attempts/0/state"), "Blocked");
}
