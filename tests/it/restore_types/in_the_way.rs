//! Others in the way of a restore that writes over a machine or makes one, and outcomes that are not known.

use super::{as_new, in_place, put_vm};
use crate::support::azure::a_vm;
use crate::support::objects::{SUBSCRIPTION, a_reader_binding, a_restore};
use crate::support::reading::{claim, follows_the_table, is_finished, message, phase, text};
use crate::support::world::World;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use vmrestore::controller::item_lock::name_of;
use vmrestore::restore::ids::ArmId;

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

/// The Lease of a VM whose holder is gone, and which remembers the vault of that run.
fn a_lock_left_behind(vm: &str, vault: &str) -> Value {
    let key = uuid::Uuid::new_v4().to_string();
    let mark = |name: &str| format!("vmrestore.azurebackup.dev/{name}");
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name_of(&ArmId::new(vm)), "namespace": "vmrestore-system", "annotations": {
            mark("holder-namespace"): "gone", mark("holder-name"): "gone", mark("holder-vault"): vault,
        }},
        "spec": {"holderIdentity": key},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_left_behind_is_taken_over_when_the_other_vault_shows_no_restore() {
    let world = World::start("left").await;
    let of_other = a_vm("l-vm", json!({"duration": "25m"}));
    let other = json!({"subscriptionId": "00000000-0000-0000-0000-000000000000", "resourceGroup": "testVaultRG",
        "name": "other", "region": "westus", "virtualMachines": [of_other]});
    world.azure.put("scenario/vaults/other", other).await;
    put_vm(&world, "l-vm", json!({})).await;
    let secret = world.stage.emulator.ready().client_secret.clone();
    world
        .add_vault(&world.vault("other").with("name", "other"), &secret)
        .await;
    // What the holder has left running in the other vault; any restore of the VM there counts.
    let running = a_restore("l-running", "testRG/l-vm").of_vault("other");
    world.apply(running.json()).await;
    world.with_reason("l-running", "JobRunning").await;
    let job = world.azure.jobs("l-vm").await.remove(0);
    let vm = format!(
        "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/l-vm"
    );
    let vault = format!(
        "{SUBSCRIPTION}/resourceGroups/testVaultRG/providers/Microsoft.RecoveryServices/vaults/other"
    );
    let lock = a_lock_left_behind(&vm, &vault).to_string();
    world.stage.plane.apply_text(&lock).await.unwrap();

    world.apply(in_place("l-run", "l-vm").json()).await;

    let said = RefCell::new(BTreeSet::new());
    let ended = world
        .until("l-run", "to end", |object| {
            said.borrow_mut().insert(message(object).to_owned());
            is_finished(object)
        })
        .await;
    let said = said.into_inner();
    let heard = |words: &str| said.iter().any(|message| message.contains(words));
    assert!(
        heard("held the lock of this vm and cannot restore any more; this run follows at about"),
        "{said:#?}"
    );
    assert!(
        heard(&format!("job {job} of vault {vault} restores the vm")),
        "{said:#?}"
    );
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("l-vm").await.len(), 2);
    let first = world.ended("l-running").await;
    assert!(
        text(&ended, "/triggerTime") > text(&first, "/job/endTime"),
        "{ended:#}"
    );
}
