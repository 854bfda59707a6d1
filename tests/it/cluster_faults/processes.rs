//! More than one controller, clocks that differ, and processes that stand still.

use super::{a_quick_restore, a_restore_that, attempts, ends_with_its_one_job, settles};
use crate::support::reading::{claim, phase, reason};
use crate::support::world::World;
use crate::support::{eventually, signal};
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use testbed::ControllerOptions;
use testbed::proxy::{Moment, Rule, Trouble, Which};

/// The options of a controller whose clock is ahead by that much at this moment.
fn ahead(world: &World, options: &ControllerOptions, by: SignedDuration) -> ControllerOptions {
    let speed = i32::try_from(world.stage.scale).unwrap() - 1;
    let mut options = options.clone();
    // A scaled clock is ahead by its speed, less one, times the distance of its origin.
    options.time_origin = Some(world.stage.origin.checked_sub(by / speed).unwrap());
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn three_controllers_with_clocks_that_drift_apart_make_one_job_a_run() {
    let mut world = World::start("three").await;
    world.controller().kill().await.unwrap();
    let lost = |name: &str, when: &str| json!({"match": {"operation": "TriggerRestore", "path": name}, "action": {"when": when, "reset": true}});
    let rules = json!([
        lost("three-11", "afterEffect"),
        lost("three-12", "beforeEffect"),
        lost("three-13", "afterEffect"),
    ]);
    world.azure.set_faults(rules).await;
    let names: Vec<String> = (0..20)
        .map(|n| format!("three-{n}-"))
        .map(|name| name + "x")
        .collect();
    for name in &names {
        let restore = a_quick_restore(&world, name).await;
        world.apply(restore.json()).await;
    }

    let options = &world.stage.options;
    let mut faster = ahead(&world, options, SignedDuration::from_mins(6));
    faster.time_scale = Some(world.stage.scale + 4);
    let slower = ahead(&world, options, SignedDuration::from_mins(-6));
    let all = [options.clone(), faster, slower];
    let _controllers = join_all(all.map(|options| world.another_controller(options))).await;

    let ended = join_all(
        names
            .iter()
            .map(async |name| ends_with_its_one_job(&world, name).await),
    )
    .await;
    for (name, object) in names.iter().zip(ended) {
        let numbers: &[u64] = if name.contains("-12-") { &[1, 2] } else { &[1] };
        assert_eq!(attempts(&object), numbers, "{object:#}");
        let posts = world.azure.posts(name).await;
        assert_eq!(posts.len(), numbers.len(), "{posts:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn process_stopped_around_its_trigger_while_another_goes_on_makes_no_second_job() {
    // The window is over before the process's own waits for answers are, which are real time: 5 s and 10 s.
    let builder = World::builder("stopped").scale(120).behind_a_proxy();
    let world = builder.start().await;
    let in_flight = |name: &str, when: &str| json!({"match": {"operation": "TriggerRestore", "path": name}, "action": {"when": when, "delay": "PT20M", "reset": when == "beforeEffect"}});
    let rules = json!([
        in_flight("unsent-", "beforeEffect"),
        in_flight("unheard-", "afterEffect")
    ]);
    world.azure.set_faults(rules).await;
    let held = Rule::new(Which::claim_of("claimed-x"), Trouble::Held(Moment::After));
    let held = world.proxy().rule(held);
    let names = ["claimed-x", "unsent-x", "unheard-x"];
    let apply = async |name: &str| {
        let goes = json!({"duration": "8m"});
        let restore = a_restore_that(&world, name, goes).await;
        world.apply(restore.json()).await;
    };
    apply("unsent-x").await;
    apply("unheard-x").await;
    let asked = async || {
        let object = world.get("VmRestore", "unsent-x").await?;
        claim(&object).map(drop)
    };
    eventually("the claim", 30, asked).await;
    let made = async || world.azure.jobs("unheard-x").await.pop();
    eventually("the job", 30, made).await;
    // Last, as an answer of the API server is not waited for as long as one of Azure.
    apply("claimed-x").await;
    held.reached(1).await;

    // It stops between its claim and its POST, and twice between its POST and the record.
    let stopped = world.stage.controller.pid();
    signal(stopped, "-STOP");
    held.release();
    let (_proxy, options) = world.another_way().await;
    let _other = world.another_controller(options).await;
    let sent = async |name, count| (world.azure.posts(name).await.len() == count).then_some(());
    eventually("another's request", 150, async || {
        sent("claimed-x", 1).await
    })
    .await;
    eventually("another's attempt", 150, async || sent("unsent-x", 2).await).await;
    // The answers have come that it has not read.
    world.pass(SignedDuration::from_mins(20)).await;
    signal(stopped, "-CONT");
    // What it would do, it does at once.
    world.pass(SignedDuration::from_mins(3)).await;

    let ended = join_all(names.map(async |name| ends_with_its_one_job(&world, name).await)).await;
    let numbers: Vec<_> = ended.iter().map(attempts).collect();
    assert_eq!(numbers, [vec![1, 2], vec![1, 2], vec![1]], "{ended:#?}");
    let posts = async |name| world.azure.posts(name).await.len();
    assert_eq!(posts("claimed-x").await, 1, "it must not send any more");
    assert_eq!(posts("unsent-x").await, 2);
    assert_eq!(posts("unheard-x").await, 1);
    assert!(!world.stage.controller.logs().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn controller_that_is_down_for_a_day_finds_what_became_of_its_restores() {
    let mut world = World::builder("day").behind_a_proxy().start().await;
    let sent = json!({"match": {"operation": "TriggerRestore", "path": "day-sent"}, "action": {"when": "afterEffect", "delay": "PT9H"}});
    world.azure.set_faults(json!([sent])).await;
    let hold = |name: &str, moment| {
        let held = Rule::new(Which::claim_of(name), Trouble::Held(moment));
        world.proxy().rule(held)
    };
    let held = [
        hold("day-pending", Moment::Before),
        hold("day-claimed", Moment::After),
        hold("late-pending", Moment::Before),
        hold("late-claimed", Moment::After),
    ];
    let names = [
        "day-pending",
        "day-claimed",
        "day-sent",
        "day-accepted",
        "day-running",
        "day-ended",
    ];
    let late = ["late-pending", "late-claimed"];
    let apply = async |name: &str| {
        let job = match name {
            "day-ended" => "10s",
            _ => "90m",
        };
        let operation = match name {
            "day-accepted" => "90m",
            _ => "4s",
        };
        let goes = json!({"duration": job, "operation": {"inProgress": operation}});
        let mut restore = a_restore_that(&world, name, goes).await;
        if matches!(name, "day-pending" | "day-claimed") {
            restore = restore.with("timeouts.run", "72h");
        }
        world.apply(restore.json()).await;
    };
    for name in names[2..].iter().filter(|name| **name != "day-accepted") {
        apply(name).await;
    }
    world.with_reason("day-running", "JobRunning").await;
    world.ended("day-ended").await;
    let sent = async || world.azure.jobs("day-sent").await.pop();
    eventually("the job", 30, sent).await;
    // Last, as an answer of the API server is not waited for as long as one of Azure, and an operation without a job no longer
    // than the adoption window.
    for name in names[..2].iter().chain(&late).chain(&["day-accepted"]) {
        apply(name).await;
    }
    for held in &held {
        held.reached(1).await;
    }
    let accepted = |object: &Value| phase(object) == "Accepted";
    world
        .until("day-accepted", "to be accepted", accepted)
        .await;

    world.controller().kill().await.unwrap();
    let object = world.get("VmRestore", "day-accepted").await.unwrap();
    assert_eq!(phase(&object), "Accepted", "{object:#}");
    // Longer than `timeouts.run` of those that do not say otherwise.
    let day = SignedDuration::from_hours(25);
    world
        .stage
        .emulator
        .advance_clock(day.try_into().unwrap())
        .await
        .unwrap();
    world.azure.set_faults(json!([])).await;
    world.proxy().pass_everything();
    let options = ahead(&world, &world.stage.options, day);
    let _next = world.another_controller(options).await;

    let ended = join_all(names.map(async |name| ends_with_its_one_job(&world, name).await)).await;
    let numbers: Vec<_> = ended.iter().map(attempts).collect();
    assert_eq!(
        numbers,
        [vec![1], vec![1, 2], vec![1], vec![1], vec![1], vec![1]],
        "{ended:#?}"
    );
    for name in names {
        assert_eq!(world.azure.posts(name).await.len(), 1, "{name}");
    }
    for name in late {
        let object = settles(&world, name).await;
        assert_eq!(reason(&object), "RunTimedOut", "{object:#}");
        assert!(world.azure.posts(name).await.is_empty(), "{object:#}");
    }
}
