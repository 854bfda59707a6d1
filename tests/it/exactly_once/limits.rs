//! Attempts, `retryLimit`, `startBy` and `timeouts.run`.

use super::a_quick_restore;
use crate::support::azure::a_vm;
use crate::support::objects::a_restore;
use crate::support::reading::{message, phase, reason};
use crate::support::world::World;
use jiff::SignedDuration;
use serde_json::json;

fn failing(code: &str) -> serde_json::Value {
    json!({"outcome": "failed", "duration": "20s", "errors": [{"code": 1, "title": code, "text": "as ordered"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_failure_of_a_job_is_followed_by_as_many_attempts_as_are_allowed() {
    let world = World::start("attempts").await;
    let passing = failing("CloudInternalError");
    world
        .azure
        .put_vm(a_vm("then-good", json!([passing, {"duration": "30s"}])))
        .await;
    world
        .azure
        .put_vm(a_vm("never-good", passing.clone()))
        .await;
    world.azure.put_vm(a_vm("no-retry", passing)).await;
    world
        .azure
        .put_vm(a_vm("for-good", failing("UserErrorForGood")))
        .await;

    let (good, never, none, for_good) = (
        a_restore("then-good", "testRG/then-good"),
        a_restore("never-good", "testRG/never-good").with("retryLimit", 1),
        a_restore("no-retry", "testRG/no-retry").with("retryLimit", 0),
        a_restore("for-good", "testRG/for-good"),
    );
    let (good, never, none, for_good) = futures::join!(
        world.run(&good),
        world.run(&never),
        world.run(&none),
        world.run(&for_good)
    );

    assert_eq!(phase(&good), "Succeeded", "{good:#}");
    assert_eq!(
        (phase(&never), reason(&never)),
        ("Failed", "JobFailed"),
        "{never:#}"
    );
    assert!(
        message(&never).contains("as ordered"),
        "{}",
        message(&never)
    );
    assert_eq!(
        (phase(&none), reason(&none)),
        ("Failed", "JobFailed"),
        "{none:#}"
    );
    assert_eq!(phase(&for_good), "Failed", "{for_good:#}");
    for (vm, jobs) in [
        ("then-good", 2),
        ("never-good", 2),
        ("no-retry", 1),
        ("for-good", 1),
    ] {
        let posts = world.azure.posts(vm).await;
        assert_eq!(world.azure.jobs(vm).await.len(), jobs, "{posts:#?}");
        assert_eq!(posts.len(), jobs, "{posts:#?}");
        if let [one, other] = &posts[..] {
            assert_ne!(one["clientRequestId"], other["clientRequestId"], "{vm}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_started_after_start_by() {
    let world = World::start("startby").await;
    let past = world
        .now()
        .checked_sub(SignedDuration::from_mins(1))
        .unwrap();
    let late = a_quick_restore(&world, "late")
        .await
        .with("startBy", past.to_string());
    let future = world
        .now()
        .checked_add(SignedDuration::from_hours(1))
        .unwrap();
    let in_time = a_quick_restore(&world, "in-time")
        .await
        .with("startBy", future.to_string());

    let (late, in_time) = futures::join!(world.run(&late), world.run(&in_time));

    assert_eq!(
        (phase(&late), reason(&late)),
        ("Failed", "StartByPassed"),
        "{late:#}"
    );
    assert!(
        message(&late).contains("spec.startBy"),
        "{}",
        message(&late)
    );
    assert!(world.azure.posts("late").await.is_empty());
    assert_eq!(phase(&in_time), "Succeeded", "{in_time:#}");

    // startBy is no part of what a run is: applied again after it, the run finds its own job and starts nothing.
    world.delete("VmRestore", "in-time").await;
    world.gone("in-time").await;
    let again = a_quick_restore(&world, "in-time")
        .await
        .with("startBy", past.to_string());
    let ended = world.run(&again).await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("in-time").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn run_that_takes_too_long_ends_and_says_that_the_job_goes_on() {
    let world = World::start("timeout").await;
    let restore = a_restore("hang", "testRG/hang-1").with("timeouts.run", "20m");

    let ended = world.run(&restore).await;

    assert_eq!(
        (phase(&ended), reason(&ended)),
        ("Failed", "RunTimedOut"),
        "{ended:#}"
    );
    let job = world.azure.jobs("hang-1").await.remove(0);
    assert!(message(&ended).contains(&job), "{}", message(&ended));
    assert!(
        message(&ended).contains("goes on in Azure"),
        "{}",
        message(&ended)
    );
}
