//! The shapes of CONTRACT 8: how jobs write times, durations, enums and progress, and how they end.

use super::{nothing_of_an_address, shaped, world};
use crate::support::reading::{message, phase, text};
use crate::support::world::World;
use futures::future::join_all;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_a_job_is_read_to_its_end() {
    let world = world().await;
    let cases = [
        (
            "job-old",
            json!({"actions": "numbers", "durations": "colons", "times": "withoutZone", "secondType": true}),
        ),
        (
            "job-plain",
            json!({"times": "seconds", "noTasks": true, "noProgress": true}),
        ),
        ("job-tasks", json!({"taskTimes": true, "actions": "names"})),
        ("job-odd", json!({"runningAs": "Preparing"})),
    ];

    let runs = cases.map(|(name, shape)| {
        let world = &world;
        async move {
            let behaviour = json!({"outcome": "hang", "duration": "10m", "job": shape});
            let restore = shaped(world, name, behaviour).await;
            world.apply(restore.json()).await;
            let known = |object: &Value| !text(object, "/job/duration").is_empty();
            let running = world.until(name, "to show its job", known).await;
            let job = text(&running, "/job/id");
            let ends = json!({"outcome": "completed"});
            world
                .azure
                .put(&format!("jobs/{job}/behaviour"), ends)
                .await;
            (name, running, world.ended(name).await)
        }
    });

    for (name, running, ended) in join_all(runs).await {
        assert_eq!(phase(&ended), "Succeeded", "{name}: {ended:#}");
        assert_eq!(phase(&running), "Running", "{name}");
        let instant = |pointer: &str| -> jiff::Timestamp {
            text(&ended, pointer)
                .parse()
                .unwrap_or_else(|error| panic!("{name} {pointer}: {error}"))
        };
        let (start, end) = (instant("/job/startTime"), instant("/job/endTime"));
        let took = end.duration_since(start).as_secs();
        assert!((599..=601).contains(&took), "{name}: {took}");
        let duration: jiff::SignedDuration = text(&ended, "/job/duration").parse().unwrap();
        assert_eq!(duration.as_secs(), 600, "{name}");
        assert_eq!(running["status"]["job"]["cancellable"], true, "{name}");
        assert!(ended["status"]["job"]["cancellable"].is_null(), "{name}");
        nothing_of_an_address(&ended);
        let word = if name == "job-odd" {
            "Preparing"
        } else {
            "InProgress"
        };
        assert_eq!(text(&running, "/job/status"), word, "{name}");
        if name == "job-odd" {
            assert!(
                message(&running).contains("Preparing"),
                "{}",
                message(&running)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_that_falls_in_azure_does_not_fall_in_status() {
    let world = world().await;
    let restore = shaped(
        &world,
        "falls",
        json!({"outcome": "hang", "duration": "1000h"}),
    )
    .await;
    world.apply(restore.json()).await;
    let at = |percent: i64| {
        move |object: &Value| object["status"]["job"]["progressPercent"].as_i64() == Some(percent)
    };
    let first = world.until("falls", "to be at 1 %", at(1)).await;
    let behaviour = format!("jobs/{}/behaviour", text(&first, "/job/id"));
    let change = async |change: Value| world.azure.put(&behaviour, change).await;

    change(json!({"duration": "1s"})).await;
    let most = world.until("falls", "to be at 99 %", at(99)).await;
    change(json!({"progress": "down"})).await;
    let reads = reads_of(&world, text(&first, "/job/id")).await;
    let read_again = async || {
        let now = reads_of(&world, text(&first, "/job/id")).await;
        (now > reads + 1).then_some(())
    };
    crate::support::eventually("more reads of the job", 80, read_again).await;
    let fallen = world.until("falls", "to be seen", |_| true).await;
    change(json!({"outcome": "completed"})).await;
    let ended = world.ended("falls").await;

    assert!(!text(&most, "/job/estimatedRemaining").is_empty());
    assert!(at(99)(&fallen), "{fallen:#}");
    assert!(at(100)(&ended), "{ended:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_warnings_says_what_was_done_and_what_was_not() {
    let world = world().await;
    let behaviour = json!({
        "outcome": "completedWithWarnings", "duration": "2m", "missingLuns": [0],
        "errors": [{
            "code": 400_225, "title": "UserErrorDiskNotRestored", "text": "One disk could not be restored.",
            "recommendations": ["Restore the disk again."],
        }],
    });
    let restore = shaped(&world, "partial", behaviour).await;

    let ended = world.run(&restore).await;

    assert_eq!(phase(&ended), "PartiallySucceeded");
    let job = text(&ended, "/job/id");
    let said = message(&ended);
    for word in [
        "Done: the data was transferred",
        "resource group restores",
        &format!("RSVaultBackup={job}"),
        "Not done:",
        "One disk could not be restored. Restore the disk again.",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let error = &ended["status"]["job"]["errors"][0];
    assert_eq!(error["code"], "400225");
    assert_eq!(error["recommendations"][0], "Restore the disk again.");
    assert_eq!(restored_disks(&world, job).await, 1, "the OS disk alone");
}

/// How often the job was read by its id.
async fn reads_of(world: &World, job: &str) -> usize {
    let of_job = |request: &Value| {
        request["operation"] == "GetJob"
            && request["path"]
                .as_str()
                .is_some_and(|path| path.contains(job))
    };
    let log = world.azure.request_log().await;
    log.iter().filter(|request| of_job(request)).count()
}

async fn restored_disks(world: &World, job: &str) -> usize {
    let effects = world.azure.ask(reqwest::Method::GET, "effects", None).await;
    let disks = effects["disks"].as_array().unwrap().iter();
    disks
        .filter(|disk| disk["tags"]["RSVaultBackup"] == job)
        .count()
}
