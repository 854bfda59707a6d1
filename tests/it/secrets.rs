//! Nothing secret gets out, also when everything goes wrong.

use crate::support::azure::a_vm;
use crate::support::objects::a_restore;
use crate::support::reading::{phase, text};
use crate::support::world::World;
use serde_json::json;

/// What a token looks like; the middle part decodes to nothing of worth.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJl";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_logs_objects_events_metrics_or_the_ledger() {
    let world = World::builder("secrets")
        .controller(|options| {
            options
                .env
                .insert("VMRESTORE_LOG".to_owned(), "debug".to_owned());
        })
        .start()
        .await;
    let signed = json!({"service": {"signedPollUrls": true}});
    world.azure.patch(signed).await;
    let telling = |status: u16| {
        let message = format!(
            "Authorization: Bearer {TOKEN} at https://x.blob.core.windows.net/c?sv=1&sig=c2VjcmV0%3D failed"
        );
        json!({"answer": {"status": status, "body": {"error": {"code": "UserErrorTelling", "message": message}}}})
    };
    let rules = json!([
        {"match": {"operation": "GetVault"}, "action": telling(500)},
        {"match": {"operation": "ListProtectedItems"}, "action": telling(403)},
        {"match": {"operation": "ListRecoveryPoints"}, "action": telling(400)},
        {"match": {"operation": "ListJobs"}, "action": telling(500)},
        {"match": {"operation": "GetVaultOperationStatus"}, "action": telling(500)},
        {"match": {"operation": "GetJob"}, "action": telling(500)},
        {"match": {"operation": "TriggerRestore", "path": "told-refused"}, "action": telling(400)},
        {"match": {"operation": "TriggerRestore", "path": "told-lost"}, "action": {"when": "afterEffect", "reset": true}},
    ]);
    world.azure.set_faults(rules).await;
    let message = format!(
        "the job cannot reach https://x.blob.core.windows.net/c?sig=c2VjcmV0%3D with {TOKEN}"
    );
    let failing = json!({"outcome": "failed", "duration": "30s", "errors": [{"code": 1, "title": "UserErrorTelling", "text": message}]});
    world.azure.put_vm(a_vm("told-failed", failing)).await;
    world.azure.put_vm(a_vm("told-refused", json!({}))).await;
    world
        .azure
        .put_vm(a_vm("told-lost", json!({"duration": "30s"})))
        .await;
    let wrong = world.vault("wrong").by_principal(2);
    world.add_vault(&wrong, "a-secret-that-is-wrong").await;
    world
        .apply(
            a_restore("told-wrong", "web/web-1")
                .of_vault("wrong")
                .json(),
        )
        .await;

    let runs = ["told-failed", "told-refused", "told-lost"]
        .map(|name| (a_restore(name, &format!("testRG/{name}")), &world));
    let ended =
        futures::future::join_all(runs.map(async |(restore, world)| world.run(&restore).await))
            .await;
    world
        .with_reason("told-wrong", "AuthenticationFailed")
        .await;
    let phases: Vec<&str> = ended.iter().map(phase).collect();
    assert_eq!(phases, ["Failed", "Failed", "Succeeded"], "{ended:#?}");
    assert!(
        text(&ended[0], "/message").contains("the job cannot reach"),
        "{:#}",
        ended[0]
    );

    let mut places = vec![
        ("the log", world.stage.controller.logs()),
        (
            "the metrics",
            world.stage.controller.metrics().await.unwrap(),
        ),
        ("the ledger", world.azure.ledger().await.to_string()),
    ];
    for kind in ["VmRestore", "RecoveryServicesVault", "Event"] {
        places.push((kind, json!(world.list(kind).await).to_string()));
    }
    let secret = world.stage.emulator.ready().client_secret.as_str();
    for (place, text) in &places {
        assert!(text.len() > 100, "{place} is empty: {text}");
        for word in [secret, "a-secret-that-is-wrong", "eyJ", "sig=", "c2VjcmV0"] {
            if let Some(at) = text.find(word) {
                let around: String = text[at.saturating_sub(200)..].chars().take(400).collect();
                panic!("{word} in {place}: {around}");
            }
        }
    }
    assert!(places[0].1.contains("\"DEBUG\""), "the log is verbose");
}
