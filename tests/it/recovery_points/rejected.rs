//! Each reason for which a point is refused, and what is said when none is left.

use super::{a_vm_with, choosing, restored_point, world};
use crate::support::reading::{follows_the_table, message, phase};
use serde_json::{Value, json};

/// Applies restores, waits until each says what it should, and sees that nothing was sent.
async fn stand_still(cases: &[(&str, &str, Value, &str, &[&str])]) {
    let world = world().await;
    for (name, vm, selector, _, _) in cases {
        world
            .apply(choosing(name, vm, selector.clone()).json())
            .await;
    }
    for (name, vm, selector, reason, words) in cases {
        let object = world.with_reason(name, reason).await;
        assert_eq!(phase(&object), "Blocked", "{object:#}");
        follows_the_table(&object);
        for word in *words {
            let said = message(&object);
            assert!(
                said.contains(word),
                "{vm} {selector}: {word} is not in: {said}"
            );
        }
        world.told(name, "Warning", reason).await;
        let job = &object["status"]["job"];
        assert!(
            job.is_null() && object["status"]["recoveryPoint"].is_null(),
            "{object:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_points_all_break_a_rule_says_which_rule_how_often() {
    let world = world().await;
    let of_each = [
        ("deleted", json!({"softDeleted": true}), "1 soft-deleted"),
        ("expired", json!({"expiresAfter": "1h"}), "1 expired"),
        (
            "disabled",
            json!({"tiers": [{"type": "HardenedRP", "status": "Disabled"}]}),
            "1 without a Valid tier",
        ),
        (
            "gone",
            json!({"tiers": [{"type": "InstantRP", "status": "Deleted"}]}),
            "1 without a Valid tier",
        ),
        (
            "archived",
            json!({"tiers": ["ArchivedRP"]}),
            "1 in the archive tier only",
        ),
        (
            "other-kind",
            json!({"objectType": "AzureFileShareRecoveryPoint"}),
            "1 of another kind",
        ),
        (
            "unmanaged",
            json!({"unmanaged": true}),
            "1 with unmanaged disks",
        ),
        (
            "timeless",
            json!({"timeText": "no time"}),
            "1 without a readable time",
        ),
    ];
    let mut names = Vec::new();
    for (rule, mut point, _) in of_each.clone() {
        point["name"] = json!("7");
        point["age"] = json!("8h");
        let vm = format!("only-{rule}");
        world.azure.put_vm(a_vm_with(&vm, json!([point]))).await;
        names.push(vm);
    }
    let words: Vec<[&str; 2]> = of_each
        .iter()
        .map(|(_, _, said)| [*said, "wait for the next backup"])
        .collect();

    let cases: Vec<_> = names
        .iter()
        .zip(&words)
        .map(|(vm, words)| {
            (
                vm.as_str(),
                vm.as_str(),
                json!({}),
                "NoRecoveryPoint",
                &words[..],
            )
        })
        .collect();
    stand_still(&cases).await;

    assert!(world.azure.posts("only-").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_point_that_cannot_be_restored_from_says_why() {
    let unusable = "RecoveryPointUnusable";
    let all = "allkinds-1";
    stand_still(&[
        (
            "name-901",
            all,
            json!({"name": "901"}),
            unusable,
            &[
                "recovery point 901 of vm allkinds-1",
                "it is soft-deleted",
                "create a new VmRestore",
            ],
        ),
        (
            "name-902",
            all,
            json!({"name": "902"}),
            unusable,
            &["it expired at 2"],
        ),
        (
            "name-903",
            all,
            json!({"name": "903"}),
            unusable,
            &["none of its tiers is Valid"],
        ),
        (
            "name-904",
            all,
            json!({"name": "904"}),
            unusable,
            &["archive tier only and must be rehydrated first"],
        ),
        (
            "name-905",
            all,
            json!({"name": "905"}),
            unusable,
            &["another kind (AzureFileShareRecoveryPoint)"],
        ),
        (
            "name-906",
            all,
            json!({"name": "906"}),
            unusable,
            &["unmanaged disks"],
        ),
        (
            "name-other",
            "badpoints-1",
            json!({"name": "901"}),
            "RecoveryPointNotFound",
            &[
                "vm badpoints-1 has no recovery point 901",
                "spec.recoveryPoint.name",
                "az backup recoverypoint list",
            ],
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_point_fits_the_wishes_the_nearest_one_is_named_and_the_advice_leads_to_it() {
    let world = world().await;
    let points = json!([
        {"name": "3", "time": "2018-06-05T06:00:00Z", "types": ["CrashConsistent"], "tiers": ["InstantRP"]},
        {"name": "2", "time": "2018-06-04T06:06:00.5121087Z", "types": ["AppConsistent"], "tiers": ["InstantRP"]},
        {"name": "1", "time": "2018-06-03T06:00:00Z", "softDeleted": true},
    ]);
    world.azure.put_vm(a_vm_with("nearest", points)).await;
    let none = "NoRecoveryPoint";
    let base = "none of the 3 recovery points of vm nearest qualifies as newest ";
    stand_still(&[
        ("too-old", "nearest", json!({"notBefore": "2018-06-05T00:00:00Z", "minConsistency": "AppConsistent"}), none, &[
            base, "(1 soft-deleted, 1 older than notBefore, 1 below minConsistency)",
            "the nearest is 3 of 2018-06-05T06:00:00Z (CrashConsistent): to restore it create a new VmRestore with recoveryPoint.minConsistency CrashConsistent, or wait for the next backup",
        ]),
        ("too-early", "nearest", json!({"atOrBefore": "2018-06-04T00:00:00Z"}), none, &[
            base, "usable at or before 2018-06-04T00:00:00Z (1 soft-deleted, 2 later than atOrBefore)",
            "the nearest is 2 of 2018-06-04T06:06:00.5121087Z (AppConsistent)", "with recoveryPoint.atOrBefore 2018-06-04T06:06:00.5121087Z",
        ]),
        ("too-late", "nearest", json!({"notBefore": "2018-06-05T06:00:01Z"}), none, &["with recoveryPoint.notBefore 2018-06-05T06:00:00Z"]),
        ("wrong-tier", "nearest", json!({"tier": "VaultStandard"}), none, &["2 without a usable copy in VaultStandard", "the nearest is 3 of", "without recoveryPoint.tier"]),
    ])
    .await;
    let past = world.get("VmRestore", "too-early").await.unwrap();
    assert!(!message(&past).contains("wait"), "{}", message(&past));

    let advised = json!({"atOrBefore": "2018-06-04T06:06:00.5121087Z"});
    let ended = world.run(&choosing("advised", "nearest", advised)).await;

    assert_eq!(phase(&ended), "Succeeded");
    assert_eq!(restored_point(&world, &ended, "nearest").await, "2");
    assert_eq!(world.azure.posts("nearest").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_a_better_point_takes_it_when_it_comes() {
    let world = world().await;
    let crash = json!({"name": "1", "age": "2h", "types": ["CrashConsistent"]});
    world
        .azure
        .put_vm(a_vm_with("patient", json!([crash])))
        .await;
    let restore = choosing(
        "patient",
        "patient",
        json!({"minConsistency": "AppConsistent"}),
    );
    world.apply(restore.json()).await;
    let object = world.with_reason("patient", "NoRecoveryPoint").await;
    assert!(message(&object).contains("wait for the next backup"));

    let app = json!({"name": "2", "age": "1h", "types": ["AppConsistent"]});
    world
        .azure
        .put_vm(a_vm_with("patient", json!([crash, app])))
        .await;

    let ended = world.ended("patient").await;
    assert_eq!(restored_point(&world, &ended, "patient").await, "2");
}
