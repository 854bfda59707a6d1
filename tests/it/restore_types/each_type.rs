//! Each type from the manifest to its end, and the request that was sent for it.

use super::{a_machine, add_vault, as_new, compute, in_group, in_place, put_vm, the_request, with};
use crate::support::objects::{Restore, a_restore};
use crate::support::reading::{phase, text};
use crate::support::world::World;
use serde_json::{Value, json};

/// The guard of the built-in scenario.
const GUARD: &str = "/subscriptions/00000000-0000-0000-0000-000000000007/resourceGroups/security/providers/Microsoft.DataProtection/resourceGuards/guard";

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_sent_as_it_was_asked_for_and_ends() {
    let world = World::start("types").await;
    world.azure.give_vault_identity().await;
    world.azure.rehydrate_within("2m").await;
    let archived = json!({"tiers": ["ArchivedRP"]});
    let cases = [
        ("t-disks", a_restore("t-disks", "testRG/t-disks"), json!({})),
        (
            "t-luns",
            a_restore("t-luns", "testRG/t-luns").with("target.diskLuns", json!([1, 0])),
            json!({}),
        ),
        (
            "t-os",
            a_restore("t-os", "testRG/t-os").with("target.osDiskOnly", true),
            json!({}),
        ),
        ("t-place", in_place("t-place", "t-place"), json!({})),
        ("t-new", as_new("t-new", "t-new", "t-made"), json!({})),
        (
            "t-zone",
            as_new("t-zone", "t-zone", "t-zoned")
                .with("target.zone", "2")
                .with(
                    "target.diskEncryptionSetId",
                    compute("diskEncryptionSets", "keys"),
                )
                .with("target.vaultIdentity.type", "SystemAssigned"),
            json!({}),
        ),
        (
            "t-cold",
            a_restore("t-cold", "testRG/t-cold").with("target.rehydrate.priority", "High"),
            archived,
        ),
    ];
    for (vm, _, point) in &cases {
        put_vm(&world, vm, point.clone()).await;
    }

    all_succeed(&world, cases.iter().map(|(_, restore, _)| restore)).await;

    let sent = async |vm: &str| the_request(&world, vm).await;
    let (disks, version) = sent("t-disks").await;
    assert_eq!(disks["recoveryType"], "RestoreDisks");
    assert_eq!(disks["targetResourceGroupId"], in_group(""));
    assert_eq!(disks.get("restoreDiskLunList"), None);
    assert_eq!(version, "2019-05-13");

    let (luns, version) = sent("t-luns").await;
    assert_eq!(luns["restoreDiskLunList"], json!([0, 1]));
    assert_eq!(version, "2019-05-13");
    assert_eq!(sent("t-os").await.0["restoreDiskLunList"], json!([]));

    let (place, version) = sent("t-place").await;
    assert_eq!(place["recoveryType"], "OriginalLocation");
    for absent in [
        "targetResourceGroupId",
        "targetVirtualMachineId",
        "subnetId",
    ] {
        assert_eq!(place.get(absent), None, "{place:#}");
    }
    assert_eq!(version, "2019-05-13");

    let (new, version) = sent("t-new").await;
    assert_eq!(new["recoveryType"], "AlternateLocation");
    assert_eq!(
        new["targetVirtualMachineId"],
        compute("virtualMachines", "t-made")
    );
    let subnet = new["subnetId"].as_str().unwrap();
    assert!(subnet.starts_with(new["virtualNetworkId"].as_str().unwrap()));
    assert_eq!(version, "2019-05-13");

    let (zoned, version) = sent("t-zone").await;
    assert_eq!(zoned["zones"], json!(["2"]));
    assert_eq!(
        zoned["diskEncryptionSetId"],
        compute("diskEncryptionSets", "keys")
    );
    assert_eq!(
        zoned["identityInfo"],
        json!({"isSystemAssignedIdentity": true})
    );
    assert_eq!(zoned.get("storageAccountId"), None);
    assert_eq!(version, "2024-04-01");

    let (cold, version) = sent("t-cold").await;
    assert_eq!(cold["objectType"], "IaasVMRestoreWithRehydrationRequest");
    let expected: Value =
        json!({"rehydrationRetentionDuration": "P15D", "rehydrationPriority": "High"});
    assert_eq!(cold["recoveryPointRehydrationInfo"], expected);
    assert_eq!(version, "2024-04-01");

    // While the rehydrated copy is there, nobody needs to ask for it again.
    let again = world.run(&a_restore("t-again", "testRG/t-cold")).await;
    assert_eq!(phase(&again), "Succeeded", "{again:#}");
    let posts = world.azure.posts("t-cold").await;
    assert_eq!(
        posts[1]["body"]["properties"]["objectType"],
        "IaasVMRestoreRequest"
    );
}

/// What the recovery point and the vault demand beyond the type: a word about private disks, the edge zone, a guard's request.
#[tokio::test(flavor = "multi_thread")]
async fn private_disks_edge_zones_and_guards_are_named_in_the_request() {
    let world = World::start("demands").await;
    add_vault(&world, "guarded", "guardedVault").await;
    let disks = |vm: &str| a_restore(vm, &format!("testRG/{vm}"));
    let option = "target.diskNetworkAccess.option";
    let ours = compute("diskAccesses", "ours");
    let private = with(a_machine("n-private", json!({})), "privateDisks", true);
    let edge = with(a_machine("n-edge", json!({})), "edgeZone", "losangeles");
    for (vm, like) in [
        ("n-private", &private),
        ("n-same", &private),
        ("n-edge", &edge),
        ("n-place", &edge),
    ] {
        world.azure.put_vm(with(like.clone(), "name", vm)).await;
    }
    let runs = [
        disks("n-private")
            .with(option, "EnablePrivateAccessForAllDisks")
            .with("target.diskNetworkAccess.diskAccessId", ours.as_str()),
        in_place("n-same", "n-same").with(option, "SameAsOnSourceDisks"),
        disks("n-edge"),
        in_place("n-place", "n-place"),
        a_restore("secure-1", "secure/secure-1").of_vault("guarded"),
    ];

    all_succeed(&world, runs.iter()).await;

    for (vm, field, expected) in [
        (
            "n-private",
            "targetDiskNetworkAccessSettings",
            json!({"targetDiskNetworkAccessOption": "EnablePrivateAccessForAllDisks", "targetDiskAccessId": ours}),
        ),
        (
            "n-same",
            "targetDiskNetworkAccessSettings",
            json!({"targetDiskNetworkAccessOption": "SameAsOnSourceDisks"}),
        ),
        (
            "n-edge",
            "extendedLocation",
            json!({"name": "losangeles", "type": "EdgeZone"}),
        ),
        (
            "n-place",
            "extendedLocation",
            json!({"name": "losangeles", "type": "EdgeZone"}),
        ),
        (
            "secure-1",
            "resourceGuardOperationRequests",
            json!([format!("{GUARD}/triggerRestoreRequests/default")]),
        ),
    ] {
        let (sent, version) = the_request(&world, vm).await;
        assert_eq!(sent[field], expected, "{vm}");
        assert_eq!(version, "2024-04-01", "the article's does not know {field}");
    }
}

/// Runs them all at once: each succeeds with one job, which it names.
async fn all_succeed(world: &World, restores: impl Iterator<Item = &Restore>) {
    let runs = restores.map(async |restore| {
        let ended = world.run(restore).await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        let jobs = world.azure.jobs(restore.name()).await;
        assert_eq!(jobs, [text(&ended, "/job/id")]);
    });
    futures::future::join_all(runs).await;
}

/// The article's api-version for everything that Backup answers, from the list of points to the job.
#[tokio::test(flavor = "multi_thread")]
async fn the_articles_versions_carry_every_type_through() {
    let world = World::builder("article").without_vault().start().await;
    let secret = world.stage.emulator.ready().client_secret.clone();
    world
        .apply(&crate::support::objects::a_reader_binding(
            world.namespace(),
        ))
        .await;
    let vault = world
        .vault("vault")
        .with("apiVersions.primary", "2019-05-13");
    world.add_vault(&vault, &secret).await;
    for vm in ["a-disks", "a-place", "a-new", "a-zone"] {
        put_vm(&world, vm, json!({})).await;
    }

    let disks = a_restore("a-disks", "testRG/a-disks").with("target.diskLuns", json!([0]));
    let (place, new) = (
        in_place("a-place", "a-place"),
        as_new("a-new", "a-new", "a-made"),
    );
    let ended = futures::join!(world.run(&disks), world.run(&place), world.run(&new));
    for ended in [ended.0, ended.1, ended.2] {
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    }

    for operation in [
        "ListProtectedItems",
        "ListRecoveryPoints",
        "GetRecoveryPoint",
        "TriggerRestore",
        "GetVaultOperationStatus",
        "ListJobs",
        "GetJob",
    ] {
        let versions: Vec<String> = world
            .azure
            .api_versions(operation)
            .await
            .into_iter()
            .collect();
        assert_eq!(versions, ["2019-05-13"], "{operation}");
    }

    // A field that this version lacks would be overlooked: it is refused before anything is sent.
    let zoned = as_new("a-zone", "a-zone", "a-zoned").with("target.zone", "1");
    world.apply(zoned.json()).await;
    let refused = world.with_reason("a-zone", "TargetUnsuitable").await;
    let message = text(&refused, "/message");
    assert!(
        message.contains("2019-05-13") && message.contains("target.zone"),
        "{message}"
    );
    assert!(world.azure.posts("a-zone").await.is_empty());
}
