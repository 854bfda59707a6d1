//! Whatever Azure, or a gateway before it, answers to the trigger.

use super::a_quick_restore;
use crate::support::azure::an_error;
use crate::support::reading::{phase, reason, text};
use crate::support::world::World;
use futures::future::join_all;
use serde_json::{Value, json};

/// What one answer to the first trigger leads to.
struct Case {
    /// The restore and its VM.
    name: String,
    action: Value,
    /// Requests that reach Azure, and whether they carry one id: the same attempt once more, or another one.
    posts: usize,
    one_id: bool,
    /// Least seconds between the first two requests, as Azure asked or as its answer deserves.
    waits: i64,
}

impl Case {
    fn waiting(mut self, seconds: i64) -> Self {
        self.waits = seconds;
        self
    }
}

fn after(name: &str, answer: Value) -> Case {
    let mut action = answer;
    action["when"] = "afterEffect".into();
    Case {
        name: format!("{name}-after"),
        action,
        posts: 1,
        one_id: true,
        waits: 0,
    }
}

/// Nothing took effect, which nobody can know: another attempt follows the window.
fn unknown_before(name: &str, action: Value) -> Case {
    Case {
        name: format!("{name}-before"),
        action,
        posts: 2,
        one_id: false,
        // The adoption window of these tests, from the claim: the request follows it by a moment.
        waits: 540,
    }
}

/// The answer proves that nothing started: the same attempt follows.
fn not_started(name: &str, action: Value) -> Case {
    Case {
        name: format!("{name}-said"),
        action,
        posts: 2,
        one_id: true,
        waits: 0,
    }
}

fn answer(status: u16, code: &str) -> Value {
    json!({ "answer": an_error(status, code) })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_a_trigger_ends_in_one_job() {
    let world = World::start("answers").await;
    let no_headers = json!({"emptyBody": true, "dropHeaders": ["azure-asyncoperation", "location", "retry-after"]});
    let elsewhere =
        json!({"answer": {"status": 302, "headers": {"Location": "https://example.com/login"}}});
    let broken_headers = json!({"setHeaders": {"azure-asyncoperation": "%%%", "location": "nowhere", "retry-after": "soon"}});
    let with = |mut action: Value, headers: Value| {
        action["answer"]["headers"] = headers;
        action
    };
    let throttled = || answer(429, "OperationNotAllowed");
    let mut until_a_date = throttled();
    until_a_date["answer"]["retryAfterDate"] = "3m".into();
    let claims = json!({"WWW-Authenticate": "Bearer error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnt9fQ==\""});
    let asked_to_wait = with(
        answer(503, "ServiceUnavailable"),
        json!({"Retry-After": "1"}),
    );
    let mut cases = vec![
        after("lost", json!({"reset": true})),
        unknown_before("lost", json!({"reset": true})),
        after("t408", answer(408, "RequestTimeout")),
        unknown_before("t408", answer(408, "RequestTimeout")),
        after("empty202", no_headers),
        after("headers", broken_headers),
        after("page", json!({"html": true})),
        after("cut", json!({"truncateBody": 3})),
        after("redirect", elsewhere),
        after("codeless", json!({"answer": {"status": 400, "body": "no"}})),
        after("internal", answer(400, "CloudInternalError")),
        // The item is busy with what this very request has started.
        after("busy", answer(409, "BMSUserErrorObjectLocked")),
        after("conflict", answer(409, "Conflict")),
        not_started("busy", answer(409, "BMSUserErrorObjectLocked")).waiting(60),
        not_started("conflict", answer(409, "Conflict")).waiting(60),
        not_started("token", answer(401, "InvalidAuthenticationToken")),
        not_started(
            "claims",
            with(answer(401, "InvalidAuthenticationToken"), claims),
        ),
        // Roles take minutes to spread.
        not_started("role", answer(403, "AuthorizationFailed")).waiting(40),
        not_started("linked", answer(403, "LinkedAuthorizationFailed")).waiting(40),
        not_started("throttled", throttled()).waiting(60),
        // Two real seconds.
        not_started("seconds", with(throttled(), json!({"Retry-After": "2"}))).waiting(120),
        not_started("date", until_a_date).waiting(179),
        after("asked", asked_to_wait.clone()),
        unknown_before("asked", asked_to_wait),
    ];
    for status in [500, 502, 503, 504] {
        cases.push(after(&format!("s{status}"), answer(status, "Broken")));
        cases.push(unknown_before(
            &format!("s{status}"),
            answer(status, "Broken"),
        ));
    }
    let rule = |case: &Case| json!({"match": {"operation": "TriggerRestore", "path": case.name}, "action": case.action});
    world
        .azure
        .set_faults(cases.iter().map(rule).collect())
        .await;

    let runs = cases.iter().map(async |case| {
        let restore = a_quick_restore(&world, &case.name).await;
        world.run(&restore).await
    });
    let ended = join_all(runs).await;

    for (case, object) in cases.iter().zip(ended) {
        let name = &case.name;
        let posts = world.azure.posts(name).await;
        let jobs = world.azure.jobs(name).await;
        assert_eq!(phase(&object), "Succeeded", "{name}: {object:#}");
        assert_eq!(jobs.len(), 1, "{name}: {posts:#?}");
        assert_eq!(posts.len(), case.posts, "{name}: {posts:#?}");
        let first = &posts[0]["clientRequestId"];
        let one_id = posts.iter().all(|post| post["clientRequestId"] == *first);
        assert_eq!(one_id, case.one_id, "{name}: {posts:#?}");
        assert_eq!(text(&object, "/job/id"), jobs[0], "{name}");
        let attempts = object["status"]["attempts"].as_array().unwrap().len();
        assert_eq!(attempts, if case.one_id { 1 } else { 2 }, "{object:#}");
        if let [one, other] = &posts[..] {
            let waited = instant(other).duration_since(instant(one));
            assert!(waited.as_secs() >= case.waits, "{name}: {waited:#}");
        }
    }
}

fn instant(post: &Value) -> jiff::Timestamp {
    post["time"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn trigger_that_azure_refuses_for_good_ends_the_run_in_its_words() {
    let world = World::start("refused").await;
    world
        .azure
        .once(
            "TriggerRestore",
            answer(400, "UserErrorTargetResourceGroupNotFound"),
        )
        .await;

    let ended = world.run(&a_quick_restore(&world, "refused").await).await;

    assert_eq!(
        (phase(&ended), reason(&ended)),
        ("Failed", "RestoreRefused"),
        "{ended:#}"
    );
    assert!(text(&ended, "/message").contains("UserErrorTargetResourceGroupNotFound as ordered"));
    assert_eq!(world.azure.posts("refused").await.len(), 1);
    assert!(world.azure.jobs("refused").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_cannot_be_understood_delay_a_restore_and_no_more() {
    let world = World::start("garbage").await;
    let reads = [
        "GetVault",
        "ListProtectedItems",
        "ListRecoveryPoints",
        "ListJobs",
        "GetVaultOperationStatus",
        "GetJob",
    ];
    let garbage = [
        json!({"html": true}),
        json!({"truncateBody": 20}),
        json!({"emptyBody": true}),
        json!({"answer": {"status": 200, "body": "this is no JSON"}}),
        json!({"answer": {"status": 200, "body": {"value": 7, "properties": [], "id": {}, "status": 3}}}),
        json!({"answer": {"status": 200, "body": [[], null]}}),
    ];
    let rule = |operation: &str, nth: usize, action: &Value| json!({"match": {"operation": operation}, "nth": nth + 1, "action": action});
    let rules = reads.iter().flat_map(|operation| {
        garbage
            .iter()
            .enumerate()
            .map(|(nth, action)| rule(operation, nth, action))
    });
    world.azure.set_faults(rules.collect()).await;
    // A second VM, so that job and operation are read often enough.
    let (one, other) = (
        a_quick_restore(&world, "garbage-1").await,
        a_quick_restore(&world, "garbage-2").await,
    );

    let ended = futures::join!(world.run(&one), world.run(&other));

    for (object, name) in [(&ended.0, "garbage-1"), (&ended.1, "garbage-2")] {
        assert_eq!(phase(object), "Succeeded", "{object:#}");
        assert_eq!(world.azure.jobs(name).await.len(), 1);
    }
    assert!(world.azure.faults_applied().await > 20);
    assert!(!world.stage.controller.logs().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn api_version_that_azure_refuses_is_followed_by_another_one_and_one_job() {
    let world = World::start("versions").await;
    let refused = ["2019-05-13", "2024-04-01"]
        .map(|version| json!({"version": version, "operations": ["TriggerRestore"]}));
    let refused = json!({"service": {"refusedApiVersions": refused}});
    world.azure.patch(refused).await;
    let plain = a_quick_restore(&world, "plain").await;
    let zoned = a_quick_restore(&world, "zoned").await;
    let zoned = zoned.with("target.zone", "2");

    let ended = futures::join!(world.run(&plain), world.run(&zoned));

    // A request with a field that the article's version lacks never goes back to it.
    for (object, name, versions) in [
        (
            ended.0,
            "plain",
            &["2019-05-13", "2024-04-01", "2026-10-01"][..],
        ),
        (ended.1, "zoned", &["2024-04-01", "2026-10-01"]),
    ] {
        assert_eq!(phase(&object), "Succeeded", "{object:#}");
        let posts = world.azure.posts(name).await;
        let seen: Vec<&str> = (posts.iter())
            .filter_map(|post| post["apiVersion"].as_str())
            .collect();
        assert_eq!(seen, versions, "{posts:#?}");
        let id = &posts[0]["clientRequestId"];
        assert!(posts.iter().all(|post| post["clientRequestId"] == *id));
        assert_eq!(world.azure.jobs(name).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_delays_restores_and_fails_none() {
    let world = World::start("throttled").await;
    let hourly = json!({"jobs": 8, "operations": 3, "recoveryPoints": 2, "protectedItems": 2, "window": "5m"});
    world
        .azure
        .patch(json!({"throttling": {"hourly": hourly}}))
        .await;
    let names = ["slow-0", "slow-1", "slow-2", "slow-3"];

    let runs = names.map(async |name| world.run(&a_quick_restore(&world, name).await).await);
    let ended = join_all(runs).await;

    for (name, object) in names.iter().zip(ended) {
        assert_eq!(phase(&object), "Succeeded", "{object:#}");
        assert_eq!(world.azure.jobs(name).await.len(), 1);
    }
}
