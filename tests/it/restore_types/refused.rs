//! What only Azure's data tells is told before anything is sent.

use super::{a_machine, add_vault, as_new, in_place, put_vm, with};
use crate::support::objects::{Restore, a_restore};
use crate::support::reading::{follows_the_table, message, phase};
use crate::support::world::World;
use serde_json::{Value, json};

/// A resource group of another subscription than the vault's.
const ELSEWHERE: &str =
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/restores";

/// VM and object of one name, its point, the reason, and what the message says.
type Case = (&'static str, Restore, Value, &'static str, &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_told_with_its_reason_and_nothing_is_sent() {
    let world = World::start("unsuited").await;
    // Its snapshot is there, and its data is on the way to the vault.
    let snapshot = json!({"transferredAfter": "9000h"});
    let disks = |name: &str| a_restore(name, &format!("testRG/{name}"));
    let cases: Vec<Case> = vec![
        (
            "u-secret",
            in_place("u-secret", "u-secret"),
            json!({"encrypted": true}),
            "EncryptedVirtualMachine",
            "is encrypted with Azure Disk Encryption",
        ),
        (
            "u-copy",
            as_new("u-copy", "u-copy", "u-made"),
            json!({"encrypted": true}),
            "EncryptedVirtualMachine",
            "recoveryType RestoreDisks",
        ),
        (
            "u-fresh",
            in_place("u-fresh", "u-fresh"),
            snapshot.clone(),
            "TransferNotFinished",
            "has not been transferred to the vault yet",
        ),
        (
            "u-far",
            disks("u-far").with("target.resourceGroupId", ELSEWHERE),
            snapshot,
            "TransferNotFinished",
            "a restore into another subscription (spec.target.resourceGroupId) needs it there",
        ),
        (
            "u-lun",
            disks("u-lun").with("target.diskLuns", json!([0, 7])),
            json!({}),
            "DiskNotInRecoveryPoint",
            "no disk with LUN 7 (spec.target.diskLuns), it has the LUNs 0, 1",
        ),
        (
            "u-public",
            disks("u-public").with("target.diskNetworkAccess.option", "SameAsOnSourceDisks"),
            json!({}),
            "TargetUnsuitable",
            "no disk of vm u-public has private access",
        ),
        (
            "u-cold",
            disks("u-cold").with("recoveryPoint.name", "1"),
            json!({"tiers": ["ArchivedRP"]}),
            "RecoveryPointUnusable",
            "target.rehydrate",
        ),
    ];
    for (vm, _, point, _, _) in &cases {
        put_vm(&world, vm, point.clone()).await;
    }

    let told = (cases.iter())
        .map(|(_, restore, _, reason, words)| is_told(&world, restore, reason, words));
    futures::future::join_all(told).await;

    // The snapshot arrives in the vault, and the run goes on by itself.
    put_vm(&world, "u-fresh", json!({})).await;
    let ended = world.ended("u-fresh").await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
}

/// The run stands still with that reason and those words, and nothing is sent.
async fn is_told(world: &World, restore: &Restore, reason: &str, words: &str) {
    world.apply(restore.json()).await;
    let object = world.with_reason(restore.name(), reason).await;
    assert!(message(&object).contains(words), "{}", message(&object));
    follows_the_table(&object);
    let posts = world.azure.posts(restore.name()).await;
    assert!(posts.is_empty(), "{posts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vault_and_the_machine_demand_is_told_and_nothing_is_sent() {
    let world = World::start("demanding").await;
    let private = with(a_machine("d-private", json!({})), "privateDisks", true);
    let edge = with(a_machine("d-edge", json!({})), "edgeZone", "losangeles");
    for vm in [private, edge] {
        world.azure.put_vm(vm).await;
    }
    let guard = json!({"tenant": "72f98800-0000-4000-8000-000000000002",
        "id": "/subscriptions/00000000-0000-0000-0000-000000000008/resourceGroups/security/providers/Microsoft.DataProtection/resourceGuards/theirs"});
    let vault = json!({
        "subscriptionId": "00000000-0000-0000-0000-000000000000", "resourceGroup": "platformRG", "region": "westus",
        "resourceGuard": guard, "virtualMachines": [a_machine("d-guard", json!({}))],
    });
    world
        .azure
        .put("scenario/vaults/foreignVault", vault.clone())
        .await;
    add_vault(&world, "foreign", "foreignVault").await;
    let disks = |name: &str| a_restore(name, &format!("testRG/{name}"));
    let guarded = disks("d-guard").of_vault("foreign");
    let private = disks("d-private");
    let edge = disks("d-edge").with("target.resourceGroupId", ELSEWHERE);

    futures::join!(
        is_told(
            &world,
            &guarded,
            "ResourceGuardInAnotherTenant",
            "resourceGuards/theirs, which belongs to another tenant"
        ),
        is_told(
            &world,
            &private,
            "DiskNetworkAccessRequired",
            "target.diskNetworkAccess, for example option SameAsOnSourceDisks"
        ),
        is_told(&world, &edge, "TargetUnsuitable", "edge zone losangeles"),
    );

    // The guard is taken from the vault, and the run goes on by itself.
    world
        .azure
        .put(
            "scenario/vaults/foreignVault",
            with(vault, "resourceGuard", Value::Null),
        )
        .await;
    let ended = world.ended("d-guard").await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_machine_comes_back_as_disks() {
    let world = World::start("secret").await;
    put_vm(&world, "s-disks", json!({"encrypted": true})).await;

    let ended = world.run(&a_restore("s-disks", "testRG/s-disks")).await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_exists_is_not_made_again() {
    let world = World::start("exists").await;
    put_vm(&world, "e-source", json!({})).await;
    let there = json!({"name": "e-there", "resourceGroup": "restores", "recoveryPoints": []});
    world.azure.put_vm(there).await;

    let ended = world.run(&as_new("e-new", "e-source", "e-there")).await;

    assert_eq!(phase(&ended), "Failed");
    assert!(
        message(&ended).contains("exists already and nothing was restored"),
        "{}",
        message(&ended)
    );
    assert!(world.azure.posts("e-source").await.is_empty());
}
