//! The copies of a recovery point: when they arrive, and which restore reads which (CONTRACT 6 and 14).

use serde_json::{Value, json};

use super::{alternate, effects, in_group, original, run, send, start};
use crate::support::{Azure, Vm, vm};

const ELSEWHERE: &str = "/subscriptions/00000000-0000-0000-0000-000000000009/resourceGroups/far";

fn rehydrating(priority: &str) -> Value {
    json!({
        "objectType": "IaasVMRestoreWithRehydrationRequest",
        "recoveryPointRehydrationInfo": {"rehydrationPriority": priority, "rehydrationRetentionDuration": "P10D"},
    })
}

/// The copies of the VM's newest point, as a list shows them.
async fn tiers(azure: &Azure, vm: &Vm) -> Value {
    let points = azure.get(&format!("{}/recoveryPoints", vm.item())).await;
    points.values()[0]["properties"]["recoveryPointTierDetails"].clone()
}

/// The same of a read of the point alone.
async fn tiers_alone(azure: &Azure, vm: &Vm) -> Value {
    let name = azure.points(vm).await.remove(0);
    let path = format!("{}/recoveryPoints/{name}", vm.item());
    azure.get(&path).await.body["properties"]["recoveryPointTierDetails"].clone()
}

#[tokio::test]
async fn an_archived_point_is_rehydrated_before_its_data_is_transferred() {
    let azure = Azure::start().await;
    let spec = json!({"recoveryPoints": [{"age": "3000h", "tiers": ["ArchivedRP"]}], "restore": {"duration": "10m"}});
    let vm = azure.add_vm("cold-1", spec).await;
    let percent = |job: &Value| job["extendedInfo"]["progressPercentage"].clone();

    let id = start(&azure, &vm, &rehydrating("High")).await;
    azure.advance("40m").await;
    let waiting = (azure.job(&id).await, tiers(&azure, &vm).await);
    azure.advance("10m").await;
    let moving = (azure.job(&id).await, tiers(&azure, &vm).await);
    let alone = tiers_alone(&azure, &vm).await;
    azure.advance("10m").await;
    let done = azure.job(&id).await;
    let again = run(&azure, &vm, &json!({})).await;
    azure.advance("240h").await;
    let gone = tiers(&azure, &vm).await;

    assert_eq!(waiting.0["status"], "InProgress");
    assert_eq!(percent(&waiting.0), 1.0);
    assert_eq!(
        waiting.1,
        json!([{"type": "ArchivedRP", "status": "Valid"}])
    );
    assert_eq!(percent(&moving.0), 94.0);
    assert_eq!(moving.1[0]["status"], "Rehydrated");
    assert!(moving.1[0]["extendedInfo"]["RehydratedRPExpiryTime"].is_string());
    assert_eq!(moving.1, alone);
    assert_eq!(done["status"], "Completed");
    assert_eq!(
        again["status"], "Completed",
        "the rehydrated copy is read like any other"
    );
    assert_eq!(gone, json!([{"type": "ArchivedRP", "status": "Valid"}]));
}

#[tokio::test]
async fn standard_rehydration_takes_hours_and_a_cancelled_one_leaves_the_point_as_it_was() {
    let azure = Azure::start().await;
    let archived = vm("archived-1");

    let id = start(&azure, &archived, &rehydrating("Standard")).await;
    azure.advance("11h").await;
    let waiting = azure.job(&id).await;
    let path = format!("{}/backupJobs/{id}/cancel", crate::support::VAULT);
    let cancel = azure.post(&path, &Value::Null).await;
    azure.advance("5h").await;
    let after = (azure.job(&id).await, tiers(&azure, &archived).await);
    let second = start(&azure, &archived, &rehydrating("Standard")).await;
    azure.advance("13h").await;
    let done = azure.job(&second).await;

    assert_eq!(waiting["status"], "InProgress");
    assert_eq!(cancel.status, 202, "{}", cancel.text);
    assert_eq!(after.0["status"], "Cancelled");
    assert_eq!(after.1[2], json!({"type": "ArchivedRP", "status": "Valid"}));
    assert_eq!(done["status"], "Completed");
}

#[tokio::test]
async fn a_point_gets_its_copy_in_the_vault_later_and_some_restores_need_that() {
    let azure = Azure::start().await;
    let resource_groups = json!({"resourceGroups": [in_group("restores", ""), ELSEWHERE]});
    azure.admin("PATCH", "scenario", resource_groups).await;
    let spec = json!({"recoveryPoints": [{"age": "1h", "transferredAfter": "3h"}]});
    let fresh = azure.add_vm("fresh-1", spec).await;
    let mut other_zone = alternate("copy-1");
    other_zone["zones"] = json!(["1"]);
    let need_it = [
        original(),
        json!({"targetResourceGroupId": ELSEWHERE}),
        other_zone,
    ];

    let before = tiers(&azure, &fresh).await;
    for changes in &need_it {
        let refused = send(&azure, &fresh, changes).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "BMSUserErrorInvalidInput"),
            "{changes}"
        );
        assert!(
            refused.text.contains("transferred to the vault"),
            "{}",
            refused.text
        );
    }
    let from_snapshot = run(&azure, &fresh, &json!({})).await;
    let after = tiers(&azure, &fresh).await;

    assert_eq!(before, json!([{"type": "InstantRP", "status": "Valid"}]));
    assert_eq!(from_snapshot["status"], "Completed");
    assert_eq!(after[1], json!({"type": "HardenedRP", "status": "Valid"}));
    for changes in &need_it {
        assert_eq!(
            run(&azure, &fresh, changes).await["status"],
            "Completed",
            "{changes}"
        );
    }
    let disks = effects(&azure).await["disks"].clone();
    let options: Vec<&Value> = (disks.as_array().unwrap().iter().step_by(2))
        .map(|disk| &disk["properties"]["creationData"]["createOption"])
        .collect();
    assert_eq!(
        options,
        ["Restore", "Restore", "Import", "Import"],
        "another subscription and a zone are served from the vault"
    );
}
