//! Restores that go as they should, and those whose job does not: what a user sees of each.

use crate::support::azure::a_vm;
use crate::support::objects::a_restore;
use crate::support::reading::{
    condition, follows_the_table, is_finished, message, phase, reason, text,
};
use crate::support::world::{Stage, World};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::OnceCell;

static STAGE: OnceCell<Arc<Stage>> = OnceCell::const_new();

/// The world that all tests here share; each restores a VM of its own.
async fn world() -> World {
    let stage = STAGE
        .get_or_init(async || World::start("restores").await.stage)
        .await;
    World::of(stage.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_recovery_point_is_restored_once_and_told_in_full() {
    let world = world().await;
    let points = json!([{"name": "2", "age": "30h"}, {"name": "3", "age": "6h"}, {"name": "1", "age": "54h"}]);
    let vm = json!({"name": "newest-1", "resourceGroup": "testRG", "recoveryPoints": points});
    world.azure.put_vm(vm).await;

    let ended = world.run(&a_restore("newest", "testRG/newest-1")).await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    let posts = world.azure.posts("newest-1").await;
    assert_eq!(posts.len(), 1, "{posts:#?}");
    assert_eq!(text(&ended, "/job/id"), posts[0]["caused"]["jobId"]);
    assert_eq!(
        text(&ended, "/operation/id"),
        posts[0]["caused"]["operationId"]
    );
    assert_eq!(
        text(&ended, "/attempts/0/requestId"),
        posts[0]["clientRequestId"]
    );
    assert_eq!(text(&ended, "/job/activityId"), posts[0]["clientRequestId"]);
    assert_eq!(text(&ended, "/recoveryPoint/name"), "3");
    assert_eq!(text(&ended, "/virtualMachineName"), "newest-1");
    assert_eq!(ended["status"]["job"]["progressPercent"], 100);
    for about in ["RecoveryPointSelected", "Triggered", "OutputsRead"] {
        let milestone = condition(&ended, about).unwrap_or_else(|| panic!("{about}: {ended:#}"));
        assert_eq!(milestone["status"], "True");
    }
    assert!(text(&ended, "/outputs/templateBlobUri").starts_with("https://"));
}

#[tokio::test(flavor = "multi_thread")]
async fn named_recovery_point_is_taken_although_a_newer_one_exists() {
    let world = world().await;
    let named = a_restore("named", "testRG/testVM").with("recoveryPoint.name", "23358112038108");

    let ended = world.run(&named).await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(text(&ended, "/recoveryPoint/name"), "23358112038108");
    let posts = world.azure.posts("testVM").await;
    assert_eq!(posts.len(), 1);
    assert_eq!(
        posts[0]["body"]["properties"]["recoveryPointId"],
        "23358112038108"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_follow_the_table_in_every_state_that_is_seen() {
    let world = world().await;
    world
        .azure
        .put_vm(a_vm("table-1", json!({"duration": "8m"})))
        .await;
    world
        .apply(a_restore("table", "testRG/table-1").json())
        .await;

    let mut seen = BTreeSet::new();
    loop {
        let written = |object: &Value| object["status"]["observedGeneration"] == 1;
        let object = world.until("table", "to be seen", written).await;
        follows_the_table(&object);
        seen.insert(phase(&object).to_owned());
        if is_finished(&object) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    assert!(
        seen.contains("Running") && seen.contains("Succeeded"),
        "{seen:?}"
    );
    world.told("table", "Normal", "JobRunning").await;
    world.told("table", "Normal", "Succeeded").await;
    let events = world.events("table").await;
    assert!(
        events.iter().all(|(kind, _)| kind == "Normal"),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn job_with_warnings_is_partial_success_and_no_success() {
    let world = world().await;

    let ended = world.run(&a_restore("warn", "testRG/warn-1")).await;

    assert_eq!(phase(&ended), "PartiallySucceeded");
    assert_eq!(reason(&ended), "PartiallySucceeded");
    assert_eq!(text(&ended, "/job/status"), "CompletedWithWarnings");
    let error = &ended["status"]["job"]["errors"][0];
    assert_eq!(error["title"], "UserErrorDiskTagsNotRestored");
    assert!(
        message(&ended).contains("tags could not be written"),
        "{ended:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_job_tells_code_text_and_recommendation_of_azure() {
    let world = world().await;

    let ended = world.run(&a_restore("fail", "testRG/fail-1")).await;

    assert_eq!(phase(&ended), "Failed");
    assert_eq!(reason(&ended), "JobFailed");
    let error = &ended["status"]["job"]["errors"][0];
    assert_eq!(error["code"], "400048", "{error:#}");
    assert_eq!(error["title"], "UserErrorBCMRestoreStorageAccountNotFound");
    let said = "Storage Account specified for Restore operation doesn't exist";
    assert!(
        error["message"].as_str().unwrap().contains(said),
        "{error:#}"
    );
    let advice = error["recommendations"][0].as_str().unwrap();
    assert!(
        advice.contains("use a different storage account"),
        "{advice}"
    );
    assert!(message(&ended).contains(said), "{}", message(&ended));
    assert!(message(&ended).contains("use a different storage account"));
    assert_eq!(world.azure.jobs("fail-1").await.len(), 1);
    world.told("fail", "Warning", "JobFailed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_somebody_cancels_ends_the_run_as_cancelled() {
    let world = world().await;

    let ended = world
        .run(&a_restore("cancelled", "testRG/cancelled-1"))
        .await;

    assert_eq!(phase(&ended), "Cancelled");
    assert_eq!(reason(&ended), "JobCancelled");
    assert_eq!(world.azure.jobs("cancelled-1").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_that_fails_without_a_job_ends_the_run() {
    let world = world().await;

    let ended = world.run(&a_restore("opfail", "testRG/opfail-1")).await;

    assert_eq!(phase(&ended), "Failed");
    assert_eq!(reason(&ended), "OperationFailed");
    assert!(
        message(&ended).contains("UserErrorVmNotFoundDuringRestore"),
        "{}",
        message(&ended)
    );
    assert_eq!(
        text(&ended, "/operation/error/code"),
        "UserErrorVmNotFoundDuringRestore"
    );
    assert!(world.azure.jobs("opfail-1").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_operation_late_job_vanished_operation_and_busy_item_end_in_one_job_each() {
    let world = world().await;
    let unseen =
        json!({"duration": "4m", "operation": {"inProgress": "20s", "vanishesAfter": "1s"}});
    world.azure.put_vm(a_vm("unseen-1", unseen)).await;
    let vms = [
        "unseen-1",
        "slowop-1",
        "late-1",
        "gone-1",
        "busy-1",
        "stopped-1",
        "many-1",
    ];

    let runs = vms.map(|vm| {
        let restore = a_restore(vm, &format!("testRG/{vm}"));
        let world = &world;
        async move { (world.run(&restore).await, world.azure.jobs(vm).await) }
    });
    let ended = futures::future::join_all(runs).await;

    for (object, jobs) in ended {
        assert_eq!(phase(&object), "Succeeded", "{object:#}");
        assert_eq!(jobs.len(), 1, "{object:#}");
        assert_eq!(text(&object, "/job/id"), jobs[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_that_leaves_vhds_says_so() {
    let world = world().await;
    let restore = a_restore("vhds", "web/web-3").without_resource_group();

    let ended = world.run(&restore).await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    let posts = world.azure.posts("web-3").await;
    let properties = &posts[0]["body"]["properties"];
    assert!(
        properties.get("targetResourceGroupId").is_none(),
        "{properties:#}"
    );
    let warning = "without spec.target.resourceGroupId Azure writes VHD files";
    assert!(message(&ended).contains(warning), "{}", message(&ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_shows_columns_and_waits_for_success_and_failure_alike() {
    let world = world().await;
    world
        .azure
        .put_vm(a_vm("seen-1", json!({"duration": "2m"})))
        .await;
    let bad = json!({"outcome": "failed", "duration": "1m", "errors": [{"code": 1, "title": "UserErrorSeen", "text": "as ordered"}]});
    world.azure.put_vm(a_vm("seen-2", bad)).await;
    let (good, bad) = (
        a_restore("seen-good", "testRG/seen-1"),
        a_restore("seen-bad", "testRG/seen-2"),
    );
    world.apply(good.json()).await;
    world.apply(bad.json()).await;
    let plane = world.stage.plane;
    let namespace = format!("--namespace={}", world.namespace());
    let both = ["vmr/seen-good", "vmr/seen-bad"];

    let finished = "--for=jsonpath={.status.finished}=true";
    let wait = [
        "wait",
        &namespace,
        both[0],
        both[1],
        finished,
        "--timeout=60s",
    ];
    plane.kubectl_ok(&wait).await.unwrap();

    let complete = "--for=condition=Complete";
    let wait = ["wait", &namespace, both[0], complete, "--timeout=5s"];
    plane.kubectl_ok(&wait).await.unwrap();
    let wait = [
        "wait",
        &namespace,
        both[1],
        "--for=condition=Failed",
        "--timeout=5s",
    ];
    plane.kubectl_ok(&wait).await.unwrap();
    let table = ["get", "vmr", &namespace, "seen-good", "seen-bad"];
    let table = plane.kubectl_ok(&table).await.unwrap();
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut lines = table.lines().map(words);
    assert_eq!(
        lines.next().unwrap(),
        [
            "NAME", "PHASE", "VM", "TYPE", "POINT", "PROGRESS", "JOB", "AGE"
        ]
    );
    let line = lines.find(|line| line[0] == "seen-good").unwrap();
    assert_eq!(
        line[1..4],
        ["Succeeded", "seen-1", "RestoreDisks"],
        "{table}"
    );
    assert_eq!(line[5], "100", "{table}");
    assert_eq!(line[6], world.azure.jobs(";seen-1/").await[0], "{table}");
    let wide = ["get", "vmr", &namespace, "-o", "wide", "seen-bad"];
    let wide = plane.kubectl_ok(&wide).await.unwrap();
    assert!(
        wide.contains("OPERATION") && wide.contains("ATTEMPT"),
        "{wide}"
    );
    assert!(wide.contains("UserErrorSeen"), "{wide}");
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_that_works_is_ready_and_its_matching_is_proven_by_a_job() {
    let world = world().await;
    world
        .azure
        .put_vm(a_vm("proof-1", json!({"duration": "2m"})))
        .await;

    let ended = world.run(&a_restore("proof", "testRG/proof-1")).await;

    assert_eq!(phase(&ended), "Succeeded");
    let proven = |vault: &Value| vault["status"]["jobMatching"]["primary"] == "Proven";
    let vault = world
        .until_object("RecoveryServicesVault", "vault", "to be proven", proven)
        .await;
    assert_eq!(condition(&vault, "Ready").unwrap()["status"], "True");
    assert_eq!(reason(&vault), "VaultReachable");
    assert_eq!(text(&vault, "/location"), "westus");
}

#[tokio::test(flavor = "multi_thread")]
async fn article_s_api_version_serves_all_through() {
    let world = world().await;
    world
        .azure
        .put_vm(a_vm("article-1", json!({"duration": "2m"})))
        .await;
    let vault = world
        .vault("article")
        .with("apiVersions.primary", "2019-05-13");
    world.add_vault(&vault, "emulated-secret-everything").await;

    let restore = a_restore("article", "testRG/article-1").of_vault("article");
    let ended = world.run(&restore).await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    let posts = world.azure.posts("article-1").await;
    assert_eq!(posts[0]["apiVersion"], "2019-05-13");
    let lists = world.azure.api_versions("ListRecoveryPoints").await;
    assert!(lists.contains("2019-05-13"), "{lists:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_field_that_changes_while_it_runs_and_after_the_end_is_observed() {
    let world = world().await;
    world
        .azure
        .put_vm(a_vm("control-1", json!({"duration": "2m"})))
        .await;
    world
        .apply(a_restore("control", "testRG/control-1").json())
        .await;
    world.with_reason("control", "JobRunning").await;

    let patch = json!({"spec": {"retryLimit": 3}});
    world.patch("VmRestore", "control", patch).await;
    let ended = world.ended("control").await;
    assert_eq!(ended["status"]["observedGeneration"], 2);

    let patch = json!({"spec": {"retryLimit": 4}});
    world.patch("VmRestore", "control", patch).await;
    let observed = |object: &Value| object["status"]["observedGeneration"] == 3;
    let object = world.until("control", "to be observed", observed).await;
    follows_the_table(&object);
    for about in ["Ready", "Complete"] {
        assert_eq!(condition(&object, about).unwrap()["observedGeneration"], 3);
    }
    assert_eq!(world.azure.posts("control-1").await.len(), 1);
}
