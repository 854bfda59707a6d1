//! The shapes of CONTRACT 7: addresses, results, and operations that fail, disappear or never end.

use super::{nothing_of_an_address, shaped, world};
use crate::support::reading::{is_finished, phase, reason, text};
use futures::future::join_all;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_an_operation_leads_to_its_one_job() {
    let world = world().await;
    let cases = [
        ("only-async", json!({"headers": "asyncOperation"})),
        ("only-location", json!({"headers": "location"})),
        (
            "malformed",
            json!({"headers": "location", "malformedLocation": true}),
        ),
        ("both-malformed", json!({"malformedLocation": true})),
        ("no-headers", json!({"headers": "none"})),
        (
            "signed",
            json!({"signedUrls": true, "urlApiVersion": "2017-07-01"}),
        ),
        ("result-ok", json!({"result": "ok"})),
        ("result-empty", json!({"result": "okEmpty"})),
        ("never-ends", json!({"neverEnds": true})),
        (
            "unknown-word",
            json!({"runningAs": "Preparing", "inProgress": "40s"}),
        ),
        ("lists-job", json!({"listsJob": true})),
        ("names-no-job", json!({"namesNoJob": true})),
        ("vanishes", json!({"vanishesAfter": "1s"})),
        ("equal-ids", json!({"idIsJobId": true})),
    ];

    let runs = cases.map(|(name, operation)| {
        let world = &world;
        async move {
            let behaviour = json!({"duration": "2m", "operation": operation});
            let restore = shaped(world, name, behaviour).await;
            (name, world.run(&restore).await)
        }
    });

    for (name, ended) in join_all(runs).await {
        assert_eq!(phase(&ended), "Succeeded", "{name}: {ended:#}");
        let posts = world.azure.posts(&format!(";{name}/")).await;
        assert_eq!(posts.len(), 1, "{name}: {posts:#?}");
        let caused = &posts[0]["caused"];
        assert_eq!(text(&ended, "/job/id"), caused["jobId"], "{name}");
        nothing_of_an_address(&ended);
        let told = text(&ended, "/attempts/0/operationId");
        if name == "no-headers" {
            assert_eq!(told, "", "{name}");
        } else {
            assert_eq!(told, caused["operationId"], "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_fails_ends_the_run_under_either_name() {
    let world = world().await;
    let error = "UserErrorVmNotFoundDuringRestore";
    let failed = shaped(&world, "op-failed", json!({ "error": error })).await;
    let canceled = shaped(
        &world,
        "op-canceled",
        json!({"error": error, "operation": {"failedAs": "Canceled"}}),
    )
    .await;

    for restore in [failed, canceled] {
        let ended = world.run(&restore).await;

        assert_eq!(reason(&ended), "OperationFailed", "{ended:#}");
        assert_eq!(text(&ended, "/operation/error/code"), error);
        assert_eq!(world.azure.posts(restore.name()).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_restore_without_any_job_is_never_sent_again() {
    let world = world().await;
    let cases = [
        ("ghost", json!({"namesNoJob": true, "makesNoJob": true})),
        (
            "ghost-endless",
            json!({"neverEnds": true, "makesNoJob": true}),
        ),
        (
            "ghost-gone",
            json!({"vanishesAfter": "1s", "makesNoJob": true}),
        ),
        (
            "ghost-untold",
            json!({"headers": "none", "makesNoJob": true}),
        ),
    ];
    for (name, operation) in &cases {
        let restore = shaped(&world, name, json!({ "operation": operation })).await;
        world.apply(restore.json()).await;
    }

    for (name, _) in &cases {
        let object = world.with_reason(name, "TriggerOutcomeUnknown").await;
        nothing_of_an_address(&object);
    }
    // Another window: nothing is sent in it either.
    world.pass(jiff::SignedDuration::from_mins(12)).await;

    for (name, _) in &cases {
        let object = world.until(name, "to be seen", |_| true).await;
        assert!(!is_finished(&object), "{object:#}");
        let posts = world.azure.posts(&format!(";{name}/")).await;
        assert_eq!(posts.len(), 1, "{name}: {object:#}");
    }
}
