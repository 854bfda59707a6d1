//! Names that exist, but not for this machine or not for this vault; and very many of them.

use super::{a_quick_vm, goes_on_within_a_minute, jobs, point, stands_still, world};
use crate::support::objects::{SUBSCRIPTION, a_restore};
use crate::support::reading::phase;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn point_of_another_machine_is_not_taken_for_one_of_this_machine() {
    let (world, _) = world().await;
    a_quick_vm(&world, "mine", point()).await;
    a_quick_vm(&world, "theirs", json!([{"name": "4711", "age": "8h"}])).await;
    let restore = a_restore("others-point", "testRG/mine").with("recoveryPoint.name", "4711");

    let words = ["4711", "mine", "spec.recoveryPoint"];
    stands_still(&world, &restore, "RecoveryPointNotFound", &words).await;

    assert!(world.azure.posts("theirs").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn target_where_it_cannot_work_is_told_before_anything_is_sent() {
    let (world, _) = world().await;
    a_quick_vm(&world, "far-account", point()).await;
    let account = format!(
        "{SUBSCRIPTION}/resourceGroups/web/providers/Microsoft.Storage/storageAccounts/faraway"
    );
    world
        .azure
        .add_storage_account(json!({"id": account, "location": "eastus"}))
        .await;
    let far =
        a_restore("far-account", "testRG/far-account").with("target.storageAccountId", account);
    let words = ["faraway", "eastus", "westus"];
    stands_still(&world, &far, "TargetUnsuitable", &words).await;

    let vm = json!({"name": "far-group", "resourceGroup": "testRG", "recoveryPoints": point(), "restore": {"duration": "20s"}});
    let mut vault = json!({
        "subscriptionId": "00000000-0000-0000-0000-000000000000", "resourceGroup": "testVaultRG", "name": "closedVault",
        "region": "westus", "crossSubscriptionRestore": false, "virtualMachines": [vm],
    });
    world
        .azure
        .put("scenario/vaults/closedVault", vault.clone())
        .await;
    let secret = &world.stage.emulator.ready().client_secret;
    let object = world.vault("closed").with("name", "closedVault");
    world.add_vault(&object, secret).await;
    let other = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/restores";
    let outside = a_restore("far-group", "testRG/far-group")
        .of_vault("closed")
        .with("target.resourceGroupId", other);
    let words = ["subscription", "Cross Subscription Restore"];
    stands_still(&world, &outside, "TargetUnsuitable", &words).await;

    vault["crossSubscriptionRestore"] = json!(true);
    world.azure.put("scenario/vaults/closedVault", vault).await;
    assert!(jobs(&world, &far).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn right_one_of_a_thousand_machines_is_found() {
    let (world, _) = world().await;
    let machine = |number: usize| json!({"name": format!("crowd-{number:04}"), "resourceGroup": "testRG", "recoveryPoints": point(), "restore": {"duration": "20s"}});
    let machines: Vec<Value> = (0..1000).map(machine).collect();
    let mut vault = json!({
        "subscriptionId": "00000000-0000-0000-0000-000000000000", "resourceGroup": "testVaultRG", "name": "bigVault",
        "region": "westus", "virtualMachines": machines,
    });
    world
        .azure
        .put("scenario/vaults/bigVault", vault.clone())
        .await;
    let secret = &world.stage.emulator.ready().client_secret;
    let object = world.vault("big").with("name", "bigVault");
    world.add_vault(&object, secret).await;

    let last = a_restore("crowd", "testRG/CROWD-0999").of_vault("big");
    let ended = world.run(&last).await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.jobs("crowd-0999").await.len(), 1);
    let missing = a_restore("crowd-missing", "testRG/crowd-1000").of_vault("big");
    let words = ["crowd-1000", "spec.sourceVirtualMachineId"];
    stands_still(&world, &missing, "VirtualMachineNotProtected", &words).await;
    vault["virtualMachines"]
        .as_array_mut()
        .unwrap()
        .push(machine(1000));
    world.azure.put("scenario/vaults/bigVault", vault).await;

    goes_on_within_a_minute(&world, &missing, "VirtualMachineNotProtected").await;
}
