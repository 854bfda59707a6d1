//! The API server cannot be reached for a while, its watches are cut, or it is overloaded.

use super::{a_quick_restore, a_restore_that, attempts, ends_with_its_one_job};
use crate::support::reading::reason;
use crate::support::world::World;
use futures::future::join_all;
use serde_json::json;
use std::time::Duration;
use testbed::proxy::{Asked, Moment, Rule, Trouble, Which};

#[tokio::test(flavor = "multi_thread")]
async fn api_server_that_is_away_for_some_minutes_makes_no_second_job() {
    let world = World::builder("away").behind_a_proxy().start().await;
    // Its answer comes while the API server is away.
    let slow = json!({"when": "afterEffect", "delay": "PT7M"});
    let rule =
        json!({"match": {"operation": "TriggerRestore", "path": "away-sent"}, "action": slow});
    world.azure.set_faults(json!([rule])).await;
    let claim = |name: &str, moment| {
        let held = Rule::new(Which::claim_of(name), Trouble::Held(moment));
        world.proxy().rule(held)
    };
    let held = [
        claim("away-unclaimed", Moment::Before),
        claim("away-claimed", Moment::After),
    ];
    let names = ["away-unclaimed", "away-claimed", "away-sent", "away-runs"];
    let apply = async |name: &str| {
        let goes = json!({"duration": "9m"});
        let restore = a_restore_that(&world, name, goes).await;
        world.apply(restore.json()).await;
    };
    apply("away-runs").await;
    world.with_reason("away-runs", "JobRunning").await;
    apply("away-sent").await;
    let made = async || world.azure.jobs("away-sent").await.pop();
    crate::support::eventually("the job", 60, made).await;
    // Last, as an answer of the API server is not waited for as long as one of Azure.
    apply("away-unclaimed").await;
    apply("away-claimed").await;
    for held in &held {
        held.reached(1).await;
    }

    // With it goes what is held.
    world.proxy().be_away(true);
    tokio::time::sleep(Duration::from_secs(8)).await;
    world.proxy().be_away(false);

    let ended = join_all(names.map(async |name| ends_with_its_one_job(&world, name).await)).await;
    let numbers: Vec<_> = ended.iter().map(attempts).collect();
    // Whether the claim stood could not be read while its trigger was allowed.
    assert_eq!(
        numbers,
        [vec![1], vec![1, 2], vec![1], vec![1]],
        "{ended:#?}"
    );
    for name in names {
        assert_eq!(world.azure.posts(name).await.len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_that_are_cut_again_and_again_hide_nothing_and_cost_little() {
    let world = World::builder("cut").behind_a_proxy().start().await;
    let names: Vec<String> = (0..6).map(|n| format!("cut-{n}")).collect();
    const CUTS: usize = 12;

    for cut in 0..CUTS {
        if cut % 2 == 0 {
            let restore = a_quick_restore(&world, &names[cut / 2]).await;
            world.apply(restore.json()).await;
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        world.proxy().cut_watches();
    }
    join_all(
        names
            .iter()
            .map(async |name| ends_with_its_one_job(&world, name).await),
    )
    .await;

    let watches = count(&world, |asked| asked.is_watch());
    let lists = count(&world, |asked| {
        asked.method == "GET"
            && !asked.is_watch()
            && asked.path.ends_with("s")
            && asked.path.contains("azurebackup")
    });
    // Three watches: of the restores, of the vaults, and of the vaults on behalf of the restores.
    assert!(watches > 3, "nothing was cut");
    assert!(watches <= 3 * (CUTS + 2), "{watches} watches");
    assert!(lists <= 3 * (CUTS + 2), "{lists} lists");
    let before = count(&world, |_| true);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let quiet = count(&world, |_| true) - before;
    assert!(quiet <= 6, "{quiet} requests although nothing happens");
}

fn count(world: &World, wanted: impl Fn(&Asked) -> bool) -> usize {
    let asked = world.proxy().asked();
    asked.iter().filter(|asked| wanted(asked)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn overloaded_api_server_delays_restores_and_no_more() {
    let world = World::builder("overload").behind_a_proxy().start().await;
    let refused = |nth, moment, status| {
        let all = Which::every_boundary();
        Rule::new(all, Trouble::Answered(moment, status))
            .times(0)
            .every(nth)
    };
    let names: Vec<String> = (0..8).map(|n| format!("overload-{n}")).collect();
    world.proxy().rule(refused(1, Moment::Before, 429));
    for name in &names {
        let restore = a_quick_restore(&world, name).await;
        world.apply(restore.json()).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let reads = count(&world, |asked| asked.path.contains("/vmrestores/overload-"));
    // A read every two to four seconds.
    assert!(
        (1..=3 * names.len()).contains(&reads),
        "{reads} reads of an API server that refuses all"
    );
    world.proxy().pass_everything();
    world.proxy().rule(refused(3, Moment::Before, 429));
    world.proxy().rule(refused(5, Moment::Before, 500));
    let late = world.proxy().rule(refused(7, Moment::After, 504));
    late.reached(8).await;
    let some = world.get("VmRestore", "overload-0").await.unwrap();
    assert_ne!(reason(&some), "Blocked");
    world.proxy().pass_everything();

    let ended = names
        .iter()
        .map(async |name| ends_with_its_one_job(&world, name).await);
    join_all(ended).await;
    for name in &names {
        assert_eq!(world.azure.posts(name).await.len(), 1, "{name}");
    }
}
