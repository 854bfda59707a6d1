//! Whatever Azure answers to a read: the restore goes on, it stays one job, and nothing is asked before Azure's time.

use super::a_quick_restore;
use crate::support::azure::{a_vm, an_error};
use crate::support::objects::a_restore;
use crate::support::reading::phase;
use crate::support::world::World;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Every read that a restore rests on, in groups that Azure counts, and throttles, together.
const READS: [&[&str]; 5] = [
    &["GetVault"],
    &["ListProtectedItems"],
    &["ListRecoveryPoints"],
    &["GetVaultOperationStatus"],
    &["ListJobs", "GetJob"],
];

/// One answer, and how many seconds the next request of its group must stay away at least.
struct Fault {
    action: Value,
    asks: i64,
}

fn fault(action: Value) -> Fault {
    Fault { action, asks: 0 }
}

fn answered(status: u16, code: &str) -> Value {
    json!({ "answer": an_error(status, code) })
}

fn with_header(mut action: Value, name: &str, value: &str) -> Value {
    action["answer"]["headers"] = json!({ name: value });
    action
}

/// In this order, one after the other.
fn faults() -> Vec<Fault> {
    let claims = "Bearer error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnt9fQ==\"";
    let mut until_a_date = answered(429, "TooManyRequests");
    until_a_date["answer"]["retryAfterDate"] = "90s".into();
    let mut all = vec![
        fault(json!({"reset": true})),
        fault(json!({"when": "afterEffect", "reset": true})),
        // One real second.
        Fault {
            action: with_header(answered(503, "ServiceUnavailable"), "Retry-After", "1"),
            asks: 60,
        },
        Fault {
            action: answered(429, "TooManyRequests"),
            asks: 60,
        },
        Fault {
            action: with_header(answered(429, "TooManyRequests"), "Retry-After", "1"),
            asks: 60,
        },
        Fault {
            action: until_a_date,
            asks: 89,
        },
        fault(answered(409, "Conflict")),
        fault(with_header(
            answered(401, "InvalidAuthenticationToken"),
            "WWW-Authenticate",
            claims,
        )),
        fault(answered(403, "AuthorizationFailed")),
    ];
    let gateways = [408, 500, 502, 503, 504].map(|status| fault(answered(status, "Broken")));
    all.extend(gateways);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_outlives_every_fault_and_asks_again_no_earlier_than_azure_said() {
    let world = World::start("reads").await;
    let faults = faults();
    let rule = |operation: &str, nth: usize, fault: &Fault| json!({"match": {"operation": operation}, "nth": nth + 1, "action": fault.action});
    let rules = READS.iter().copied().flatten().flat_map(|operation| {
        let numbered = faults.iter().enumerate();
        numbered.map(move |(nth, fault)| rule(operation, nth, fault))
    });
    world.azure.set_faults(rules.collect()).await;
    // Long enough for every read of the job to go wrong.
    let long = json!({"duration": "25m", "operation": {"inProgress": "1m"}});
    world.azure.put_vm(a_vm("reads", long)).await;

    let ended = world.run(&a_restore("reads", "testRG/reads")).await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("reads").await.len(), 1);
    assert_eq!(world.azure.jobs("reads").await.len(), 1);
    let attempts = ended["status"]["attempts"].as_array().unwrap().len();
    assert_eq!(attempts, 1, "{ended:#}");
    let log = world.azure.request_log().await;
    for operation in READS.iter().copied().flatten() {
        let spoilt = |line: &&Value| line["operation"] == *operation && line["fault"].is_string();
        let seen = log.iter().filter(spoilt).count();
        // When the operation cannot be read, the job that is found by its id answers for it.
        let expected = if *operation == "GetVaultOperationStatus" {
            1
        } else {
            faults.len()
        };
        assert!(seen >= expected, "{operation}: {seen} faults");
    }
    for group in READS {
        never_too_early(&log, group, &faults);
    }
}

/// No request of a group follows an answer of it earlier than that answer asked.
fn never_too_early(log: &[Value], group: &[&str], faults: &[Fault]) {
    /// Seconds in which a request may cross the answer on the wire: 50 ms of real time.
    const CROSSING: i64 = 3;

    let of_group = |line: &&Value| group.iter().any(|name| line["operation"] == *name);
    let lines: Vec<&Value> = log.iter().filter(of_group).collect();
    for operation in group {
        let spoilt = |line: &&&Value| line["operation"] == *operation && line["fault"].is_string();
        let own = lines.iter().filter(spoilt);
        for (line, fault) in own.zip(faults) {
            let told = time(line);
            let early = lines.iter().find(|other| {
                let after = time(other).duration_since(told).as_secs();
                after >= CROSSING && after < fault.asks
            });
            assert!(
                early.is_none(),
                "{} at {told} asked for {} s: {early:#?}",
                fault.action,
                fault.asks
            );
        }
    }
}

fn time(line: &Value) -> Timestamp {
    line["time"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn single_read_of_an_operation_falls_back_to_its_item_and_then_to_the_job() {
    let world = World::start("operation").await;
    let absent = |operation: &str| json!({"match": {"operation": operation}, "count": 0, "action": answered(404, "OperationNotFound")});
    let rules = json!([
        absent("GetVaultOperationStatus"),
        absent("GetItemOperationStatus")
    ]);
    world.azure.set_faults(rules).await;

    let ended = world.run(&a_quick_restore(&world, "operation").await).await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("operation").await.len(), 1);
    assert!(world.azure.count("GetItemOperationStatus").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn role_that_is_taken_away_while_a_job_runs_is_waited_for() {
    let world = World::start("role").await;
    let vm = a_vm("role", json!({"duration": "6m"}));
    world.azure.put_vm(vm).await;
    world.apply(a_restore("role", "testRG/role").json()).await;
    world.with_reason("role", "JobRunning").await;

    world.with_role("none").await;
    world.with_reason("role", "PermissionDenied").await;
    world.pass(SignedDuration::from_mins(8)).await;
    world.with_role("owner").await;
    let ended = world.ended("role").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.posts("role").await.len(), 1);
}
