//! Credentials that end, change or vanish while a restore is under way.

use super::{a_quick_restore, asked};
use crate::support::azure::{a_vm, an_error};
use crate::support::objects::{a_restore, a_secret};
use crate::support::reading::{claim, follows_the_table, message, phase, reason, states, text};
use crate::support::world::World;
use jiff::SignedDuration;
use serde_json::{Value, json};

const SECRET: &str = "vault-credentials";

async fn a_long_restore(world: &World, name: &str, restore: Value) {
    world.azure.put_vm(a_vm(name, restore)).await;
    let object = a_restore(name, &format!("testRG/{name}"));
    world.apply(object.json()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_rotated_in_azure_holds_up_a_running_restore_until_the_secret_object_follows() {
    let world = World::start("rotated").await;
    a_long_restore(&world, "rotated", json!({"duration": "12m"})).await;
    world.with_reason("rotated", "JobRunning").await;

    world.rotate_client_secret("another-one").await;
    world.azure.revoke_tokens().await;
    let waiting = world.with_reason("rotated", "AuthenticationFailed").await;
    assert_eq!(states(&waiting), ["Ready=False", "Stalled=True"]);
    assert!(message(&waiting).contains("AADSTS7000215"), "{waiting:#}");
    // Nothing is given up meanwhile, and another restore starts nothing.
    let later = a_quick_restore(&world, "later").await;
    world.apply(later.json()).await;
    world.pass(SignedDuration::from_mins(15)).await;
    assert!(world.azure.posts("later").await.is_empty());
    world
        .apply(&a_secret(SECRET, "clientSecret", "another-one"))
        .await;

    for name in ["rotated", "later"] {
        let ended = world.ended(name).await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        assert_eq!(world.azure.posts(name).await.len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn token_that_is_revoked_between_claim_and_post_starts_nothing_and_the_attempt_follows() {
    let world = World::start("revoked").await;
    // The request is under way for so long before Azure looks at its token.
    let held = json!({"when": "beforeEffect", "delay": "1m"});
    world.azure.once("TriggerRestore", held).await;
    let restore = a_quick_restore(&world, "revoked").await;
    world.apply(restore.json()).await;
    asked(&world, "TriggerRestore").await;

    world.azure.revoke_tokens().await;
    let ended = world.ended("revoked").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    let posts = world.azure.posts("revoked").await;
    assert_eq!(posts.len(), 2, "{posts:#?}");
    assert_eq!(posts[0]["status"], 401);
    assert_eq!(posts[0]["clientRequestId"], posts[1]["clientRequestId"]);
    assert_eq!(world.azure.jobs("revoked").await.len(), 1);
    assert_eq!(ended["status"]["attempts"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_live_for_seconds_are_renewed_before_azure_refuses_one() {
    let world = World::start("short").await;
    // Tokens live in real time.
    world
        .azure
        .change_tenants(|tenant| tenant["tokenLifetime"] = "4s".into())
        .await;
    world.azure.revoke_tokens().await;
    a_long_restore(&world, "short", json!({"duration": "15m"})).await;

    let ended = world.ended("short").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("short").await.len(), 1);
    assert!(world.azure.count("GetToken").await >= 5);
    let log = world.azure.request_log().await;
    let refused = log.iter().filter(|line| line["status"] == 401).count();
    assert!(refused <= 2, "{refused} requests with a dead token");
}

#[tokio::test(flavor = "multi_thread")]
async fn token_endpoint_that_fails_in_every_way_delays_a_restore_and_is_not_asked_early() {
    let world = World::start("authority").await;
    a_long_restore(&world, "authority", json!({"duration": "8m"})).await;
    world.with_reason("authority", "JobRunning").await;
    let with = |status: u16, headers: Value| {
        let mut answer = an_error(status, "no");
        answer["headers"] = headers;
        json!({ "answer": answer })
    };
    let mut until_a_date = with(429, json!({}));
    until_a_date["answer"]["retryAfterDate"] = "90s".into();
    let busy = json!({"answer": {"status": 400, "body": {"error": "temporarily_unavailable"}}});
    // Each with the least seconds until the next request.
    let faults = [
        (json!({"reset": true}), 0),
        (json!({"when": "afterEffect", "reset": true}), 0),
        (json!({"html": true}), 0),
        (json!({"emptyBody": true}), 0),
        (json!({"truncateBody": 9}), 0),
        (busy, 0),
        (with(408, json!({})), 0),
        (with(500, json!({})), 0),
        (with(502, json!({})), 0),
        (with(504, json!({})), 0),
        (with(503, json!({"Retry-After": "1"})), 60),
        (with(429, json!({})), 40),
        (with(429, json!({"Retry-After": "1"})), 60),
        (until_a_date, 89),
    ];
    let rules = faults.iter().enumerate().map(|(nth, (action, _))| json!({"match": {"operation": "GetToken"}, "nth": nth + 1, "action": action}));
    world.azure.set_faults(rules.collect()).await;

    world.azure.revoke_tokens().await;
    let ended = world.ended("authority").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("authority").await.len(), 1);
    let log = world.azure.request_log().await;
    let times: Vec<jiff::Timestamp> = log
        .iter()
        .filter(|line| line["operation"] == "GetToken")
        .map(|line| line["time"].as_str().unwrap().parse().unwrap())
        .collect();
    // The first one is from before.
    let asked = &times[1..];
    assert!(asked.len() > faults.len(), "{asked:?}");
    for (pair, (action, least)) in asked.windows(2).zip(&faults) {
        let waited = pair[1].duration_since(pair[0]).as_secs();
        assert!(waited >= *least, "{action}: {waited} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_deleted_with_a_restore_accepted_and_no_job_yet_hangs_nothing_and_starts_nothing() {
    let world = World::start("secretless").await;
    let slow = json!({"duration": "2m", "operation": {"inProgress": "16m"}});
    for name in ["s-back", "s-deleted"] {
        a_long_restore(&world, name, slow.clone()).await;
        world.with_reason(name, "WaitingForOperation").await;
    }

    world.delete("Secret", SECRET).await;
    world.delete("VmRestore", "s-deleted").await;
    world.with_reason("s-back", "SecretNotFound").await;
    // A 2xx is recorded and nobody can look: after a whole window a person is asked for.
    let blocked = world.with_reason("s-back", "TriggerOutcomeUnknown").await;
    follows_the_table(&blocked);
    let held = world
        .with_reason("s-deleted", "TriggerOutcomeUnknown")
        .await;
    let id = claim(&held).unwrap().split_once('/').unwrap().1.to_owned();
    assert!(message(&held).contains(&format!("abandon:{id}")));
    let resolve = "vmrestore.azurebackup.dev/resolve";
    world
        .annotate("s-deleted", resolve, &format!("abandon:{id}"))
        .await;
    world.gone("s-deleted").await;
    let secret = world.stage.emulator.ready().client_secret.clone();
    world
        .apply(&a_secret(SECRET, "clientSecret", &secret))
        .await;

    let ended = world.ended("s-back").await;
    assert_eq!(
        (phase(&ended), reason(&ended)),
        ("Succeeded", "Succeeded"),
        "{ended:#}"
    );
    for name in ["s-back", "s-deleted"] {
        assert_eq!(world.azure.posts(name).await.len(), 1, "{name}");
    }
    assert_eq!(text(&ended, "/job/id"), world.azure.jobs("s-back").await[0]);
}
