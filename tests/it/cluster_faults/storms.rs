//! Somebody changes objects while the controller works on them.

use super::{a_quick_restore, a_restore_that, attempts, ends_with_its_one_job};
use crate::support::reading::phase;
use crate::support::world::World;
use futures::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;
use testbed::proxy::{Moment, Rule, Trouble, Which};

/// How often an object is changed: for 12 s, which is longer than its run takes in calm weather.
const CHANGES: u32 = 240;

/// Changes an object every 50 ms.
async fn storm(world: &World, name: &str, change: impl Fn(u32) -> Value) {
    for n in 0..CHANGES {
        world.patch("VmRestore", name, change(n)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_somebody_changes_all_the_time_is_restored_once() {
    let world = World::builder("storm").behind_a_proxy().start().await;
    let label = |n: u32| json!({"metadata": {"labels": {"turn": n.to_string()}}});
    let control = |n: u32| json!({"spec": {"retryLimit": n % 3}});
    let both = |n: u32| {
        if n.is_multiple_of(2) {
            label(n)
        } else {
            control(n)
        }
    };
    let changes: [(&str, &(dyn Fn(u32) -> Value + Sync)); 3] = [
        ("storm-labels", &label),
        ("storm-spec", &control),
        ("storm-both", &both),
    ];

    let runs = changes.map(async |(name, change)| {
        let goes = json!({"duration": "2m", "operation": {"inProgress": "20s"}});
        let restore = a_restore_that(&world, name, goes).await;
        world.apply(restore.json()).await;
        storm(&world, name, change).await;
        let object = world.get("VmRestore", name).await.unwrap();
        assert!(
            !phase(&object).is_empty(),
            "nothing was written: {object:#}"
        );
        ends_with_its_one_job(&world, name).await
    });
    let held = [
        ("at-claim", Which::claim_of("at-claim")),
        (
            "at-record",
            Which::status_of("at-record")
                .that(|body| body.pointer("/status/operation/id").is_some()),
        ),
        (
            "at-end",
            Which::status_of("at-end").that(|body| body["status"]["finished"] == true),
        ),
        ("at-letting-go", Which::letting_go_of("at-letting-go")),
    ];
    let edits = held.map(async |(name, which)| {
        let rules: Vec<_> = (1..=3)
            .map(|_| {
                world
                    .proxy()
                    .rule(Rule::new(which.clone(), Trouble::Held(Moment::Before)))
            })
            .collect();
        let restore = a_quick_restore(&world, name).await;
        world.apply(restore.json()).await;
        for (turn, rule) in (0..).zip(&rules) {
            rule.reached(1).await;
            world.patch("VmRestore", name, both(turn)).await;
            rule.release();
        }
        ends_with_its_one_job(&world, name).await
    });

    let (stormy, edited) = futures::join!(join_all(runs), join_all(edits));
    for object in stormy.iter().chain(&edited) {
        assert_eq!(attempts(object), [1], "{object:#}");
        let name = object["metadata"]["name"].as_str().unwrap();
        assert_eq!(world.azure.posts(name).await.len(), 1, "{name}");
    }
}
