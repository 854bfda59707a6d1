//! Kind to Azure and to the cluster: how many requests and writes restores cost.

use crate::support::azure::a_vm;
use crate::support::objects::a_restore;
use crate::support::reading::phase;
use crate::support::world::World;
use serde_json::{Value, json};

fn count(counts: &Value, operation: &str) -> u64 {
    counts[operation].as_u64().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_restore_costs_few_requests_and_few_writes() {
    let world = World::start("one").await;
    world
        .azure
        .put_vm(a_vm("one", json!({"duration": "10m"})))
        .await;

    let start = world.now();
    let ended = world.run(&a_restore("one", "testRG/one")).await;

    assert_eq!(phase(&ended), "Succeeded");
    let minutes = world.now().duration_since(start).as_mins().unsigned_abs();
    let counts = world.azure.counts().await;
    let writes = world.metric("vmrestore_status_writes_total").await;
    println!("one restore in {minutes} minutes: {counts} to Azure, {writes} status writes");
    // One list a minute, a look at the vault every ten, and what finds, claims and decides.
    let bounds = [
        ("GetToken", 1),
        ("GetVault", 2 + minutes / 10),
        ("ListProtectedItems", 1),
        ("ListRecoveryPoints", 1),
        // The region of the storage account; its answer is kept for minutes.
        ("GetStorageAccount", 1),
        ("TriggerRestore", 1),
        ("GetVaultOperationStatus", 3),
        ("ListJobs", 8 + minutes),
        ("GetJob", 14),
    ];
    for (operation, most) in bounds {
        let made = count(&counts, operation);
        assert!(made <= most, "{operation}: {made} of {most} in {counts}");
    }
    let known: Vec<&str> = bounds.iter().map(|(operation, _)| *operation).collect();
    for (operation, made) in counts.as_object().unwrap() {
        assert!(
            known.contains(&operation.as_str()) || made == 0,
            "{operation}: {counts}"
        );
    }
    // Two of them are the vault's.
    assert!(writes <= 14.0, "{writes} writes");
    assert_eq!(world.metric("vmrestore_claims_total").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_restores_at_once_share_the_lists_of_one() {
    let world = World::start("twenty").await;
    let names: Vec<String> = (0..20).map(|n| format!("twenty-{n:02}")).collect();
    for name in &names {
        world
            .azure
            .put_vm(a_vm(name, json!({"duration": "10m"})))
            .await;
    }

    let start = world.now();
    for name in &names {
        world
            .apply(a_restore(name, &format!("testRG/{name}")).json())
            .await;
    }
    for name in &names {
        assert_eq!(phase(&world.ended(name).await), "Succeeded");
        assert_eq!(world.azure.jobs(name).await.len(), 1);
    }

    let minutes = world.now().duration_since(start).as_mins();
    let counts = world.azure.counts().await;
    let writes = world.metric("vmrestore_status_writes_total").await;
    println!("twenty restores in {minutes} minutes: {counts} to Azure, {writes} status writes");
    assert_eq!(count(&counts, "TriggerRestore"), 20);
    assert_eq!(count(&counts, "GetToken"), 1);
    assert!(count(&counts, "ListProtectedItems") <= 3, "{counts}");
    assert!(count(&counts, "ListRecoveryPoints") <= 22, "{counts}");
    // Shared by all, and kept for five minutes.
    let accounts = u64::try_from(minutes).unwrap() / 5 + 3;
    assert!(count(&counts, "GetStorageAccount") <= accounts, "{counts}");
    // One a minute, and as many again for the looks before the claims, which do not all start at once.
    let lists = u64::try_from(minutes).unwrap() * 2 + 10;
    assert!(count(&counts, "ListJobs") <= lists, "{lists}: {counts}");
    // Azure allows 150 reads of jobs an hour, lists and single ones together.
    assert!(
        count(&counts, "ListJobs") + count(&counts, "GetJob") <= 150,
        "{counts}"
    );
    assert!(writes <= 20.0 * 14.0, "{writes} writes");
}
