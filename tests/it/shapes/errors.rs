//! Every error that a restore is known to have (CONTRACT 8 and 10), as a user sees it.

use super::{nothing_of_an_address, shaped, world};
use crate::support::reading::{message, phase, reason, text};
use futures::future::join_all;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn every_known_error_is_told_by_its_code_and_ends_in_one_job_at_most() {
    let world = world().await;
    let known = world.azure.ask(reqwest::Method::GET, "errors", None).await;
    let known = known["errors"].as_array().unwrap().clone();
    assert!(known.len() >= 30, "{}", known.len());
    // Those go on until the item is free.
    let ends = |code: &str| {
        ![
            "BMSUserErrorObjectLocked",
            "BMSUserErrorConflictingProtectionOperation",
        ]
        .contains(&code)
    };
    let known = known
        .iter()
        .filter(|error| ends(error["code"].as_str().unwrap()));

    let runs = known.enumerate().map(|(number, error)| {
        let world = &world;
        async move {
            let name = format!("error-{number:02}");
            let behaviour = json!({"error": error["code"], "duration": "1m"});
            let restore = shaped(world, &name, behaviour).await.with("retryLimit", 0);
            (error, name, world.run(&restore).await)
        }
    });

    for (error, name, ended) in join_all(runs).await {
        let code = error["code"].as_str().unwrap();
        let (end, why, told) = match error["place"].as_str().unwrap() {
            "request" => ("Failed", "RestoreRefused", "/attempts/0/error/code"),
            "operation" => ("Failed", "OperationFailed", "/operation/error/code"),
            "warned" => (
                "PartiallySucceeded",
                "PartiallySucceeded",
                "/job/errors/0/title",
            ),
            _ => ("Failed", "JobFailed", "/job/errors/0/title"),
        };
        assert_eq!(
            (phase(&ended), reason(&ended)),
            (end, why),
            "{code}: {ended:#}"
        );
        assert_eq!(text(&ended, told), code);
        assert!(
            message(&ended).contains(code)
                && message(&ended).contains(error["text"].as_str().unwrap().trim_end_matches('.')),
            "{code}: {}",
            message(&ended)
        );
        nothing_of_an_address(&ended);
        let posts = world.azure.posts(&format!(";{name}/")).await;
        assert_eq!(posts.len(), 1, "{code}");
    }
}
