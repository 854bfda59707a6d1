//! `/_emulator/`: what tests see and change. Not part of Azure, and open to everybody who reaches the listener.

use axum::http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::azure::{effects_for_admin, job_for_admin};
use crate::gateway::Gateway;
use crate::http::{Call, Reply};
use crate::scenario::{Scenario, catalogue};
use crate::wire::time;

/// What one can ask for, as the answer to everything else.
const HELP: &str = "GET ledger | GET, DELETE requests | GET requests/log | GET, PUT, DELETE faults | GET, PUT clock | GET jobs | \
PUT jobs/{id}/behaviour | GET disks, effects, errors | DELETE tokens | GET, PUT, PATCH scenario | PUT scenario/principals/{clientId} | \
PUT scenario/vaults/{vault} | PUT, DELETE scenario/vaults/{vault}/virtualMachines/{vm}";

/// Answers a request below `/_emulator/`.
pub fn answer(gateway: &Gateway, call: &Call) -> Reply {
    let path: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    let result = match path.as_slice() {
        ["scenario", rest @ ..] => scenario(gateway, call, rest),
        path => other(gateway, call, path),
    };
    result.unwrap_or_else(|(status, message)| Reply::json(status, &json!({ "error": message })))
}

type Outcome = Result<Reply, (StatusCode, String)>;

fn other(gateway: &Gateway, call: &Call, path: &[&str]) -> Outcome {
    let done = || Ok(Reply::empty(StatusCode::NO_CONTENT));
    match (call.method.as_str(), path) {
        ("GET", ["ledger"]) => Ok(Reply::ok(&gateway.ledger.entries())),
        ("GET", ["requests"]) => Ok(Reply::ok(&gateway.ledger.requests())),
        ("GET", ["requests", "log"]) => Ok(Reply::ok(&gateway.ledger.log())),
        ("DELETE", ["requests"]) => {
            gateway.ledger.reset_counts();
            done()
        }
        ("GET", ["faults"]) => Ok(Reply::ok(&gateway.faults.shown())),
        ("PUT", ["faults"]) => {
            let count = gateway.faults.replace(&call.body).map_err(bad)?;
            Ok(Reply::ok(&json!({ "rules": count })))
        }
        ("DELETE", ["faults"]) => {
            gateway.faults.clear();
            done()
        }
        ("GET", ["clock"]) => Ok(clock(gateway)),
        ("PUT", ["clock"]) => set_clock(gateway, call),
        ("GET", ["jobs"]) => {
            let now = gateway.clock.now();
            let jobs: Vec<Value> = gateway
                .world()
                .restores
                .iter()
                .map(|restore| job_for_admin(restore, now))
                .collect();
            Ok(Reply::ok(&json!({ "jobs": jobs })))
        }
        ("PUT", ["jobs", id, "behaviour"]) => set_behaviour(gateway, call, id),
        ("GET", ["disks"]) => {
            let effects = effects_for_admin(&gateway.world(), gateway.clock.now());
            Ok(Reply::ok(&json!({ "disks": effects["disks"] })))
        }
        ("GET", ["effects"]) => Ok(Reply::ok(&effects_for_admin(
            &gateway.world(),
            gateway.clock.now(),
        ))),
        ("GET", ["errors"]) => Ok(Reply::ok(&json!({ "errors": catalogue::shown() }))),
        ("DELETE", ["tokens"]) => {
            gateway.tokens.revoke_all();
            done()
        }
        _ => Err((
            StatusCode::NOT_FOUND,
            format!("the emulator offers: {HELP}"),
        )),
    }
}

fn scenario(gateway: &Gateway, call: &Call, path: &[&str]) -> Outcome {
    let mut world = gateway.world();
    let bad = |error: crate::scenario::ScenarioError| bad(error.to_string());
    match (&call.method, path) {
        (&Method::GET, []) => return Ok(Reply::ok(&world.scenario.shown())),
        (&Method::PUT, []) => {
            world.scenario = Scenario::parse(&String::from_utf8_lossy(&call.body)).map_err(bad)?;
        }
        (&Method::PATCH, []) => world.scenario = world.scenario.merged(call.json()).map_err(bad)?,
        (&Method::PUT, ["principals", id]) => world.scenario.put_principal(id, body(call)?),
        (&Method::PUT, ["vaults", name]) => {
            world.scenario.put_vault(name, body(call)?).map_err(bad)?
        }
        (&Method::PUT, ["vaults", vault, "virtualMachines", name]) => {
            world
                .scenario
                .put_machine(vault, name, body(call)?)
                .map_err(bad)?;
        }
        (&Method::DELETE, ["vaults", vault, "virtualMachines", name]) => {
            let removed = world.scenario.remove_machine(vault, name).map_err(bad)?;
            if removed == 0 {
                return Err((
                    StatusCode::NOT_FOUND,
                    format!("vault {vault} has no VM {name}"),
                ));
            }
        }
        _ => {
            return Err((
                StatusCode::NOT_FOUND,
                format!("the emulator offers: {HELP}"),
            ));
        }
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn clock(gateway: &Gateway) -> Reply {
    Reply::ok(&json!({
        "now": time(gateway.clock.now()), "started": time(gateway.clock.start()), "scale": gateway.clock.scale(),
    }))
}

/// `{"advance": "1h30m"}` or `{"set": "2026-01-01T00:00:00Z"}`.
fn set_clock(gateway: &Gateway, call: &Call) -> Outcome {
    let text = |field: &str| call.json()[field].as_str();
    match (text("advance"), text("set")) {
        (Some(span), None) => {
            let span: SignedDuration = span
                .parse()
                .map_err(|error: jiff::Error| bad(error.to_string()))?;
            gateway.clock.advance(span);
        }
        (None, Some(instant)) => {
            let instant: Timestamp = instant
                .parse()
                .map_err(|error: jiff::Error| bad(error.to_string()))?;
            gateway.clock.set(instant);
        }
        _ => return Err(bad("give either advance, a duration, or set, a time")),
    }
    Ok(clock(gateway))
}

/// Changes how a restore goes on that has been accepted already: `{"outcome": "failed", "duration": "1m"}`.
fn set_behaviour(gateway: &Gateway, call: &Call, id: &str) -> Outcome {
    let mut world = gateway.world();
    let restore = world
        .restores
        .iter_mut()
        .find(|restore| {
            restore.job_id.eq_ignore_ascii_case(id) || restore.operation_id.eq_ignore_ascii_case(id)
        })
        .ok_or_else(|| {
            (
                StatusCode::NOT_FOUND,
                format!("there is no job or operation {id}"),
            )
        })?;
    restore.behaviour = restore.behaviour.changed(call.json()).map_err(bad)?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, (StatusCode, String)> {
    serde_saphyr::from_str(&String::from_utf8_lossy(&call.body))
        .map_err(|error| bad(error.to_string()))
}

fn bad(message: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, message.into())
}
