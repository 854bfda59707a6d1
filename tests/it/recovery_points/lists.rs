//! Long lists, parts of them, and pages that lead elsewhere.

use super::{a_vm_with, choosing, restored_point, world};
use crate::support::reading::{message, phase, text};
use crate::support::world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

async fn lists(world: &World) -> u64 {
    world.azure.count("ListRecoveryPoints").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_one_of_9999_points_is_found_within_bounds() {
    let world = World::start("vast").await;
    // Azure's links to the next page were recorded with an old version, at which tiers are numbers (CONTRACT 4).
    let old_links = json!({"service": {"nextLinkApiVersion": "2017-07-01"}});
    world.azure.patch(old_links).await;
    // The first restore warms up what every restore needs, so that the memory below is that of the list.
    let small = world.run(&choosing("small", "stopped-1", json!({}))).await;
    assert_eq!(phase(&small), "Succeeded", "{small:#}");
    let before_kib = world.stage.controller.peak_memory_kib();
    let lists_before = lists(&world).await;

    let begun = Instant::now();
    let restore = choosing("vast", "vast-1", json!({"minConsistency": "AppConsistent"}));
    world.apply(restore.json()).await;
    let chosen = |object: &Value| !object["status"]["recoveryPoint"].is_null();
    world.until("vast", "to have chosen", chosen).await;
    let took = begun.elapsed();
    let requests = lists(&world).await - lists_before;
    let after_kib = world.stage.controller.peak_memory_kib();

    let ended = world.ended("vast").await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    println!(
        "9,999 points: {requests} requests, {took:.1?}, peak memory {before_kib:?} KiB before and {after_kib:?} KiB after"
    );
    assert_eq!(
        text(&ended, "/recoveryPoint/reason"),
        "newest AppConsistent: 3333 of 9999 points qualify"
    );
    assert_eq!(requests, 50);
    if let (Some(before), Some(after)) = (before_kib, after_kib) {
        assert!(
            after < before + 48 * 1024,
            "{before} KiB became {after} KiB"
        );
    }

    // A bound at both ends makes one request of it.
    let time: jiff::Timestamp = text(&ended, "/recoveryPoint/time").parse().unwrap();
    let first = time - jiff::SignedDuration::from_hours(24);
    let window = json!({"atOrBefore": time.to_string(), "notBefore": first.to_string()});
    let lists_before = lists(&world).await;
    let part = world.run(&choosing("part", "vast-1", window)).await;
    assert_eq!(lists(&world).await - lists_before, 1);
    assert_eq!(
        text(&part, "/recoveryPoint/name"),
        text(&ended, "/recoveryPoint/name")
    );
    // Of the day before and the day after, as far as it is over: two newer points.
    let reason = text(&part, "/recoveryPoint/reason");
    assert!(
        reason.contains(": 25 of the 51 points taken from "),
        "{reason}"
    );

    // Nothing that fits: the whole list explains it, and is not read again at once.
    let lists_before = lists(&world).await;
    let before_all =
        json!({"atOrBefore": "2001-01-01T00:00:00Z", "notBefore": "2000-01-01T00:00:00Z"});
    world
        .apply(choosing("none", "vast-1", before_all).json())
        .await;
    let none = world.with_reason("none", "NoRecoveryPoint").await;
    assert!(
        message(&none).contains("none of the 9999 recovery points of vm vast-1 qualifies")
            && message(&none).contains("9999 later than atOrBefore")
            && message(&none).contains("the points are listed again every 25 minutes"),
        "{}",
        message(&none)
    );
    world.pass(jiff::SignedDuration::from_mins(10)).await;
    assert_eq!(lists(&world).await - lists_before, 51);
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_are_asked_of_azure_only_where_the_object_bounds_both_ends() {
    let world = world().await;
    let points = json!([{"count": 400, "age": "1h", "every": "24h"}]);
    world.azure.put_vm(a_vm_with("dates", points)).await;
    let of = async |name: &str, selector: Value| {
        let ended = world.run(&choosing(name, "dates", selector)).await;
        assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
        text(&ended, "/recoveryPoint/reason").to_owned()
    };
    let day = |days: i64| {
        let time = world.now() - jiff::SignedDuration::from_hours(24 * days);
        time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };

    let whole = of("dates-at", json!({"atOrBefore": day(10)})).await;
    let recent = of("dates-from", json!({"notBefore": day(10)})).await;
    let between = of(
        "dates-between",
        json!({"notBefore": day(20), "atOrBefore": day(10)}),
    )
    .await;

    assert!(whole.contains("of 400 points qualify"), "{whole}");
    assert!(
        recent.contains("10 of the 11 points taken from"),
        "{recent}"
    );
    assert!(
        between.contains("10 of the 12 points taken from"),
        "{between}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_page_on_a_foreign_host_is_never_asked_for() {
    let world = world().await;
    world
        .azure
        .put_vm(a_vm_with("lured", json!([{"name": "1", "age": "8h"}])))
        .await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let foreign = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    let page = json!({"value": [], "nextLink": format!("http://{foreign}/points?$skipToken=1")});
    world
        .azure
        .set_faults(json!([{
            "match": {"operation": "ListRecoveryPoints", "path": "lured"}, "count": 0,
            "action": {"answer": {"status": 200, "body": page}},
        }]))
        .await;

    world
        .apply(choosing("lured", "lured", json!({})).json())
        .await;
    let object = world.with_reason("lured", "AzureUnavailable").await;
    let said = "the next page of a list lies on another host, 127.0.0.1; it is not followed";
    assert!(message(&object).contains(said), "{}", message(&object));
    world.pass(jiff::SignedDuration::from_mins(2)).await;
    assert!(
        world.azure.faults_applied().await >= 2,
        "it was asked again"
    );
    assert_eq!(
        calls.load(Ordering::SeqCst),
        0,
        "somebody called the foreign host"
    );
    world.azure.set_faults(json!([])).await;

    let ended = world.ended("lured").await;
    assert_eq!(phase(&ended), "Succeeded");
    assert_eq!(restored_point(&world, &ended, "lured").await, "1");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}
