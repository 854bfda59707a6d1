//! A job of which nothing changes for hours.

use super::shaped;
use crate::support::reading::{follows_the_table, is_finished, message, phase, text};
use crate::support::world::World;
use serde_json::json;

/// How fast the clock of the controller goes that waits for hours: six of them are 18 seconds.
const HOURS: u32 = 1200;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_change_for_hours_is_said_to_be_stalled_and_followed_on() {
    let mut world = World::start("stillness").await;
    let restore = shaped(
        &world,
        "still",
        json!({"outcome": "hang", "duration": "100h", "progress": "jump"}),
    )
    .await;
    world.apply(restore.json()).await;
    world.with_reason("still", "JobRunning").await;
    world.controller().kill().await.unwrap();

    let mut patient = world.stage.options.clone();
    patient.time_scale = Some(HOURS);
    // Its clock begins where that of the first controller stands.
    let ahead = world.now().duration_since(jiff::Timestamp::now());
    let origin = jiff::Timestamp::now() - ahead / (i32::try_from(HOURS).unwrap() - 1);
    patient.time_origin = Some(origin);
    let _patient = world.another_controller(patient).await;
    let stalled = world.with_reason("still", "JobStalled").await;

    follows_the_table(&stalled);
    assert_eq!(phase(&stalled), "Running");
    assert!(!is_finished(&stalled));
    assert!(
        message(&stalled).contains("nothing of it has changed for 6 hours"),
        "{}",
        message(&stalled)
    );
    assert_eq!(text(&stalled, "/job/status"), "InProgress");
    let job = text(&stalled, "/job/id").to_owned();
    let ends = json!({"outcome": "completed", "duration": "1s"});
    world
        .azure
        .put(&format!("jobs/{job}/behaviour"), ends)
        .await;
    assert_eq!(phase(&world.ended("still").await), "Succeeded");
    assert_eq!(world.azure.posts("still").await.len(), 1);
}
