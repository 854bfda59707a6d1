//! Restores end to end: the controller with its own rights, a real API server, the emulator.

use crate::support::eventually;
use crate::support::scene::Scene;
use serde_json::json;

/// One second here is so many in Azure: a restore of three minutes takes nine seconds.
const TIME_SCALE: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn restore_succeeds_with_point_operation_and_job_in_its_status() {
    let scene = Scene::start(TIME_SCALE).await;

    scene.restore("plain", "testRG/testVM").await;
    let status = scene.finished("plain").await;

    let accepted = scene.emulator.accepted_restores().await.unwrap();
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    assert_eq!(status["phase"], "Succeeded", "{status}");
    assert_eq!(status["job"]["id"], accepted[0]["caused"]["jobId"]);
    assert_eq!(
        status["operation"]["id"],
        accepted[0]["caused"]["operationId"]
    );
    assert_eq!(
        status["attempts"][0]["requestId"],
        accepted[0]["clientRequestId"]
    );
    assert_eq!(status["recoveryPoint"]["name"], "20982486783671");
}

#[tokio::test(flavor = "multi_thread")]
async fn controller_killed_before_it_hears_of_its_restore_finds_it_again() {
    let mut scene = Scene::start(TIME_SCALE).await;
    let held_back = json!({"match": {"operation": "TriggerRestore"},
        "action": {"when": "afterEffect", "delay": "PT60S"}});
    scene
        .emulator
        .set_faults(&json!({"rules": [held_back]}))
        .await
        .unwrap();

    scene.restore("crashed", "testRG/testVM").await;
    eventually("the restore to reach Azure", 60, async || {
        (scene.emulator.accepted_restores().await.unwrap().len() == 1).then_some(())
    })
    .await;
    scene.controller.kill().await.unwrap();
    scene.emulator.clear_faults().await.unwrap();
    scene.controller.restart().await.unwrap();
    let status = scene.finished("crashed").await;

    let accepted = scene.emulator.accepted_restores().await.unwrap();
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    assert_eq!(status["phase"], "Succeeded", "{status}");
    assert_eq!(status["job"]["id"], accepted[0]["caused"]["jobId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn controller_killed_while_the_job_runs_goes_on_following_it() {
    let mut scene = Scene::start(TIME_SCALE).await;

    scene.restore("interrupted", "testRG/testVM").await;
    scene
        .status_when("interrupted", "to run", |status| {
            status["phase"] == "Running"
        })
        .await;
    scene.controller.restart().await.unwrap();
    let status = scene.finished("interrupted").await;

    assert_eq!(status["phase"], "Succeeded", "{status}");
    assert_eq!(scene.emulator.accepted_restores().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_that_is_lost_on_the_way_does_not_make_a_second_job() {
    let scene = Scene::start(TIME_SCALE).await;
    let lost = json!({"match": {"operation": "TriggerRestore"}, "action": {"when": "afterEffect", "reset": true}});
    scene
        .emulator
        .set_faults(&json!({"rules": [lost]}))
        .await
        .unwrap();

    scene.restore("lost", "testRG/testVM").await;
    let status = scene.finished("lost").await;

    assert_eq!(status["phase"], "Succeeded", "{status}");
    assert_eq!(scene.emulator.accepted_restores().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_that_are_not_success_say_so() {
    let scene = Scene::start(TIME_SCALE).await;

    scene.restore("fails", "testRG/fail-1").await;
    scene.restore("warns", "testRG/warn-1").await;
    scene.restore("cancelled", "testRG/cancelled-1").await;
    let failed = scene.finished("fails").await;
    let warned = scene.finished("warns").await;
    let cancelled = scene.finished("cancelled").await;

    assert_eq!(failed["phase"], "Failed", "{failed}");
    let error = failed["job"]["errors"][0].to_string();
    assert!(
        error.contains("UserErrorBCMRestoreStorageAccountNotFound"),
        "{error}"
    );
    assert_eq!(warned["phase"], "PartiallySucceeded", "{warned}");
    assert_eq!(cancelled["phase"], "Cancelled", "{cancelled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn controller_asked_to_stop_exits_with_0() {
    let scene = Scene::start(TIME_SCALE).await;
    assert!(
        scene
            .controller
            .metrics()
            .await
            .unwrap()
            .contains("vmrestore_")
    );

    let exit = scene.controller.stop().await.unwrap();

    assert!(exit.success(), "{exit}\n{}", scene.controller.logs());
}
