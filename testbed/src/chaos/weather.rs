//! Faults of the emulated Azure, drawn at random. Pure.
//!
//! Only what Azure may really do: an answer that names a fault (400, 401, 403, 409, 429) is never given after the request
//! has had its effect; resets, time-outs and answers of gateways are given before and after it.

use fastrand::Rng;
use serde_json::{Value, json};

/// Reads that a restore rests on.
const READS: [&str; 8] = [
    "ListJobs",
    "ListJobs",
    "GetJob",
    "GetVaultOperationStatus",
    "GetItemOperationStatus",
    "ListProtectedItems",
    "ListRecoveryPoints",
    "GetVault",
];

/// Up to four rules; the trigger is in most of them.
pub fn rules(rng: &mut Rng) -> Vec<Value> {
    let mut rules = Vec::new();
    if rng.f64() < 0.65 {
        rules.push(rule(
            "TriggerRestore",
            rng.u32(1..=2),
            rng.u32(1..=3),
            trigger_fault(rng),
        ));
    }
    for _ in 0..rng.usize(0..=3) {
        let operation = READS[rng.usize(..READS.len())];
        rules.push(rule(
            operation,
            rng.u32(1..=4),
            rng.u32(1..=6),
            read_fault(rng),
        ));
    }
    if rng.f64() < 0.08 {
        rules.push(rule("GetToken", 1, rng.u32(1..=3), read_fault(rng)));
    }
    rules
}

/// A rule in a few words.
pub fn in_words(rule: &Value) -> String {
    let of = |value: &Value| value.as_str().unwrap_or("every request").to_owned();
    format!(
        "{} no. {}+{}: {}",
        of(&rule["match"]["operation"]),
        rule["nth"],
        rule["count"],
        rule["action"]
    )
}

fn rule(operation: &str, nth: u32, count: u32, action: Value) -> Value {
    json!({"match": {"operation": operation}, "nth": nth, "count": count, "action": action})
}

fn trigger_fault(rng: &mut Rng) -> Value {
    let when = if rng.bool() {
        "beforeEffect"
    } else {
        "afterEffect"
    };
    match rng.u32(0..16) {
        0..3 => json!({"when": when, "reset": true}),
        3..6 => json!({"when": when, "answer": gateway_answer(rng)}),
        6 => json!({"when": when, "delay": format!("{}s", rng.u32(20..90)), "reset": true}),
        // Longer than the client waits: it hears nothing of what happened.
        7 => json!({"when": "afterEffect", "delay": "130s"}),
        8 | 9 => json!({"dropHeaders": ["azure-asyncoperation", "location"], "emptyBody": true}),
        10 => json!({"setHeaders": {"azure-asyncoperation": "%%%", "location": "nowhere"}}),
        11 => json!({"answer": throttled(rng)}),
        12 => {
            json!({"answer": {"status": 409, "body": error("BMSUserErrorObjectLocked", "Another operation is in progress.")}})
        }
        13 => json!({"answer": unauthorized()}),
        14 => {
            json!({"answer": {"status": 403, "body": error("AuthorizationFailed", "The client does not have authorization.")}})
        }
        _ => json!({"html": true}),
    }
}

fn read_fault(rng: &mut Rng) -> Value {
    match rng.u32(0..14) {
        0 | 1 => json!({"when": "afterEffect", "reset": true}),
        2..5 => json!({"answer": gateway_answer(rng)}),
        5 | 6 => json!({"answer": throttled(rng)}),
        7 => json!({"answer": unauthorized()}),
        8 => {
            json!({"answer": {"status": 403, "body": error("AuthorizationFailed", "The client does not have authorization.")}})
        }
        9 => json!({"truncateBody": rng.u32(0..200)}),
        10 => json!({"emptyBody": true}),
        11 => json!({"html": true}),
        12 => json!({"delay": format!("{}s", rng.u32(20..90))}),
        _ => json!({"delay": "130s"}),
    }
}

fn gateway_answer(rng: &mut Rng) -> Value {
    let status = [408, 500, 502, 503, 504][rng.usize(..5)];
    let body = match rng.u32(0..3) {
        0 => Value::Null,
        1 => json!("<html><body>upstream</body></html>"),
        _ => error("InternalServerError", "An error occurred."),
    };
    let headers = if status == 503 && rng.bool() {
        json!({"Retry-After": "20"})
    } else {
        json!({})
    };
    json!({"status": status, "headers": headers, "body": body})
}

fn throttled(rng: &mut Rng) -> Value {
    let headers = match rng.u32(0..3) {
        0 => json!({}),
        1 => json!({"Retry-After": rng.u32(1..90).to_string()}),
        _ => json!({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    };
    json!({"status": 429, "headers": headers, "body": error("ResourceRequestsThrottled", "Please try again later.")})
}

fn unauthorized() -> Value {
    json!({"status": 401,
        "headers": {"WWW-Authenticate": "Bearer error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnt9fQ==\""},
        "body": error("InvalidAuthenticationToken", "The access token is invalid.")})
}

fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_names_a_fault_never_comes_after_the_effect() {
        let mut rng = Rng::with_seed(1);

        for rule in (0..3000).flat_map(|_| rules(&mut rng)) {
            let status = rule["action"]["answer"]["status"].as_u64().unwrap_or(500);
            let after = rule["action"]["when"] == "afterEffect";
            assert!(!after || status == 408 || status >= 500, "{rule}");
        }
    }
}
