//! What Azure has not, or does not allow.

use super::{a_quick_vm, goes_on_within_a_minute, jobs, point, stands_still, world};
use crate::support::objects::a_restore;
use crate::support::reading::follows_the_table;
use crate::support::world::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn identity_that_may_not_even_read_the_vault() {
    let (world, _) = world().await;
    a_quick_vm(&world, "no-role", point()).await;
    let vault = world.vault("nobody").by_principal(4);
    world.add_vault(&vault, "emulated-secret-nobody").await;
    let restore = a_restore("no-role", "testRG/no-role").of_vault("nobody");

    stands_still(
        &world,
        &restore,
        "PermissionDenied",
        &["AuthorizationFailed"],
    )
    .await;
    assert!(world.azure.posts("no-role").await.is_empty());
    give_role(&world, 4, "nobody").await;

    goes_on_within_a_minute(&world, &restore, "PermissionDenied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_that_may_read_but_not_restore() {
    let (world, _) = world().await;
    a_quick_vm(&world, "reader", point()).await;
    let vault = world.vault("reader").by_principal(3);
    world.add_vault(&vault, "emulated-secret-reader").await;
    let restore = a_restore("reader", "testRG/reader").of_vault("reader");

    world.apply(restore.json()).await;
    let object = world.with_reason("reader", "PermissionDenied").await;
    follows_the_table(&object);
    assert!(jobs(&world, &restore).await.is_empty());
    give_role(&world, 3, "reader").await;

    goes_on_within_a_minute(&world, &restore, "PermissionDenied").await;
}

async fn give_role(world: &World, digit: u8, name: &str) {
    let id = format!("a0000000-0000-4000-8000-00000000000{digit}");
    let body = json!({"name": name, "clientId": id, "clientSecret": format!("emulated-secret-{name}"), "roles": ["backupOperator", "restoreContributor"]});
    world
        .azure
        .put(&format!("scenario/principals/{id}"), body)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_that_azure_does_not_have() {
    let (world, _) = world().await;
    let vault = world.vault("not-there").with("name", "notThere");
    world
        .add_vault(&vault, &world.stage.emulator.ready().client_secret)
        .await;
    let restore = a_restore("no-azure-vault", "testRG/there-later").of_vault("not-there");

    stands_still(&world, &restore, "AzureVaultNotFound", &["notThere"]).await;
    let vm = json!({"name": "there-later", "resourceGroup": "testRG", "recoveryPoints": point(), "restore": {"duration": "20s"}});
    let vault = json!({
        "subscriptionId": "00000000-0000-0000-0000-000000000000", "resourceGroup": "testVaultRG", "name": "notThere",
        "region": "westus", "redundancy": "GeoRedundant", "virtualMachines": [vm],
    });
    world.azure.put("scenario/vaults/notThere", vault).await;

    goes_on_within_a_minute(&world, &restore, "AzureVaultNotFound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_machine_that_the_vault_does_not_protect() {
    let (world, _) = world().await;
    let restore = a_restore("unprotected", "testRG/unprotected");

    let words = [
        "testVault",
        "testRG/providers/Microsoft.Compute/virtualMachines/unprotected",
        "spec.sourceVirtualMachineId",
    ];
    stands_still(&world, &restore, "VirtualMachineNotProtected", &words).await;
    a_quick_vm(&world, "unprotected", point()).await;

    goes_on_within_a_minute(&world, &restore, "VirtualMachineNotProtected").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_machine_without_a_recovery_point() {
    let (world, _) = world().await;
    a_quick_vm(&world, "pointless", json!([])).await;
    let restore = a_restore("pointless", "testRG/pointless");

    stands_still(
        &world,
        &restore,
        "NoRecoveryPoint",
        &["pointless", "first backup"],
    )
    .await;
    a_quick_vm(&world, "pointless", point()).await;

    goes_on_within_a_minute(&world, &restore, "NoRecoveryPoint").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_machine_whose_recovery_points_are_all_unusable() {
    let (world, _) = world().await;
    let points = json!([
        {"name": "1", "age": "8h", "softDeleted": true},
        {"name": "2", "age": "9h", "tiers": [{"type": "InstantRP", "status": "Deleted"}]},
        {"name": "3", "age": "900h", "tiers": ["ArchivedRP"]},
    ]);
    a_quick_vm(&world, "unusable", points).await;
    let restore = a_restore("unusable", "testRG/unusable");

    let words = [
        "3 recovery points",
        "soft-deleted",
        "archive",
        "next backup",
    ];
    stands_still(&world, &restore, "NoRecoveryPoint", &words).await;
    a_quick_vm(&world, "unusable", point()).await;

    goes_on_within_a_minute(&world, &restore, "NoRecoveryPoint").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_recovery_point_that_does_not_exist() {
    let (world, _) = world().await;
    a_quick_vm(&world, "absent-point", point()).await;
    let restore =
        a_restore("absent-point", "testRG/absent-point").with("recoveryPoint.name", "404");

    let words = [
        "absent-point",
        "404",
        "spec.recoveryPoint.name",
        "create a new VmRestore",
    ];
    stands_still(&world, &restore, "RecoveryPointNotFound", &words).await;
    a_quick_vm(
        &world,
        "absent-point",
        json!([{"name": "404", "age": "8h"}]),
    )
    .await;

    goes_on_within_a_minute(&world, &restore, "RecoveryPointNotFound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_recovery_point_that_cannot_be_restored_from() {
    let (world, _) = world().await;
    a_quick_vm(
        &world,
        "deleted-point",
        json!([{"name": "7", "age": "8h", "softDeleted": true}]),
    )
    .await;
    let restore =
        a_restore("deleted-point", "testRG/deleted-point").with("recoveryPoint.name", "7");

    let words = [
        "deleted-point",
        "7",
        "spec.recoveryPoint.name",
        "soft-deleted",
    ];
    stands_still(&world, &restore, "RecoveryPointUnusable", &words).await;
    a_quick_vm(&world, "deleted-point", json!([{"name": "7", "age": "8h"}])).await;

    goes_on_within_a_minute(&world, &restore, "RecoveryPointUnusable").await;
}
