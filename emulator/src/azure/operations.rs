//! The asynchronous operation of a restore: accepted, its status, its result.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Context};
use crate::http::{Reply, address_path};
use crate::scenario::{Failure, OperationBehaviour, PollHeaders, ResultStatus};
use crate::wire::{not_found, retry_after, time};
use crate::world::{Restore, add};

/// What `endTime` says while an operation runs: without `Z`, as recorded.
const NO_TIME: &str = "0001-01-01T00:00:00";

/// Where an operation is asked for: below the protected item.
pub struct Place {
    pub path: String,
    pub operation_id: String,
}

/// The 202: both addresses on the host that the client used, no body.
pub fn accepted(context: &Context<'_>, place: &Place, behaviour: &OperationBehaviour) -> Reply {
    let mut reply = Reply::empty(StatusCode::ACCEPTED);
    let which = behaviour.headers;
    if matches!(which, PollHeaders::Both | PollHeaders::AsyncOperation) {
        let status = address(context, place, "operationsStatus", behaviour);
        reply.set("Azure-AsyncOperation", &status);
    }
    if matches!(which, PollHeaders::Both | PollHeaders::Location) {
        let mut result = address(context, place, "operationResults", behaviour);
        if behaviour.malformed_location {
            // As printed in Microsoft's article, and nowhere recorded.
            result = result.replacen("/subscriptions/", "/subscriptions//subscriptions/", 1);
        }
        reply.set("Location", &result);
    }
    retry_after(
        reply,
        context.clock,
        context.world.scenario.service.retry_after,
    )
}

/// `GET {item}/operationsStatus/{id}` and `GET {vault}/backupOperations/{id}`: always 200.
pub fn status(context: &Context<'_>) -> Answer {
    let restore = find(context)?;
    Ok(Reply::ok(&status_of(&restore, context.now)))
}

/// `GET {item}/operationResults/{id}`: 202 while it runs, then 204 or 200.
pub fn item_result(context: &Context<'_>) -> Answer {
    let restore = find(context)?;
    let place = Place {
        path: context.call.path_to(14),
        operation_id: restore.operation_id.clone(),
    };
    let status = address(
        context,
        &place,
        "operationsStatus",
        &restore.behaviour.operation,
    );
    Ok(result(context, &restore).with("Azure-AsyncOperation", &status))
}

/// `GET {vault}/backupOperationResults/{id}`: as declared, never with a body.
pub fn vault_result(context: &Context<'_>) -> Answer {
    let restore = find(context)?;
    let mut reply = result(context, &restore);
    reply.headers.remove("content-type");
    Ok(Reply {
        body: axum::body::Bytes::new(),
        ..reply
    })
}

/// Body of an operation's status.
pub fn operation_status(
    id: &str,
    started: Timestamp,
    ended: Option<Timestamp>,
    failed: Option<&Failure>,
) -> Value {
    let status = match (ended, failed) {
        (None, _) => "InProgress",
        (Some(_), None) => "Succeeded",
        (Some(_), Some(_)) => "Failed",
    };
    let mut body = json!({
        "id": id, "name": id, "status": status, "startTime": time(started),
        "endTime": ended.map_or_else(|| NO_TIME.to_owned(), time),
    });
    if let (Some(failure), Some(_)) = (failed, ended) {
        body["error"] = json!({"code": failure.code, "message": failure.message});
    }
    body
}

fn find(context: &Context<'_>) -> Result<Restore, Reply> {
    let vault = context.vault()?;
    let names = context.names;
    if !names.item.is_empty() {
        context.item()?;
    }
    let restore = context
        .world
        .restore_by_operation(&vault.id(), &names.operation);
    let kept = |restore: &&Restore| {
        let life = restore.behaviour.operation.vanishes_after;
        life.is_none_or(|life| context.now < add(restore.accepted, life))
            && (names.item.is_empty()
                || names
                    .item
                    .eq_ignore_ascii_case(&format!("VM;{}", restore.registered)))
    };
    restore.filter(kept).cloned().ok_or_else(|| {
        not_found(
            "Microsoft.RecoveryServices/vaults/backupOperations",
            &names.operation,
            &names.group,
        )
    })
}

fn status_of(restore: &Restore, now: Timestamp) -> Value {
    let behaviour = &restore.behaviour.operation;
    let end = restore.job_start();
    let ended = now >= end && !behaviour.never_ends;
    let failed = behaviour.fails.is_some();
    // Recorded: a done restore operation has endTime equal to startTime.
    let started = if ended && !failed {
        end
    } else {
        restore.accepted
    };
    let mut body = operation_status(
        &restore.operation_id,
        started,
        ended.then_some(end),
        behaviour.fails.as_ref(),
    );
    let word = match (ended, failed) {
        (false, _) => &behaviour.running_as,
        (true, true) => &behaviour.failed_as,
        (true, false) => &None,
    };
    if let Some(word) = word {
        body["status"] = word.as_str().into();
    }
    if ended && !failed && !behaviour.names_no_job {
        body["properties"] = if behaviour.lists_job {
            json!({
                "objectType": "OperationStatusJobsExtendedInfo", "jobIds": [restore.job_id],
                "failedJobsError": {},
            })
        } else {
            json!({"objectType": "OperationStatusJobExtendedInfo", "jobId": restore.job_id})
        };
    }
    body
}

fn result(context: &Context<'_>, restore: &Restore) -> Reply {
    let behaviour = &restore.behaviour.operation;
    let running = behaviour.never_ends || context.now < restore.job_start();
    let reply = match (running, behaviour.result) {
        (true, _) => Reply::json(StatusCode::ACCEPTED, &json!({}))
            .with("Location", &own_address(context, &context.call.path())),
        (false, ResultStatus::NoContent) => Reply::empty(StatusCode::NO_CONTENT),
        (false, ResultStatus::Ok) => Reply::ok(&status_of(restore, context.now)),
        (false, ResultStatus::OkEmpty) => Reply::empty(StatusCode::OK),
    };
    retry_after(
        reply,
        context.clock,
        context.world.scenario.service.retry_after,
    )
}

/// An address of the host that the client used, at the version that it used: what a 202 tells it to ask again.
pub fn own_address(context: &Context<'_>, path: &str) -> String {
    let (base, version) = (context.call.base(), context.call.api_version());
    format!("{base}{}?api-version={version}", address_path(path))
}

fn address(
    context: &Context<'_>,
    place: &Place,
    kind: &str,
    behaviour: &OperationBehaviour,
) -> String {
    let path = address_path(&format!("{}/{kind}/{}", place.path, place.operation_id));
    let version = behaviour.url_api_version.as_deref();
    let mut address = format!(
        "{}{path}?api-version={}",
        context.call.base(),
        version.unwrap_or(context.call.api_version())
    );
    let signed = behaviour
        .signed_urls
        .unwrap_or(context.world.scenario.service.signed_poll_urls);
    if signed {
        let ticks = context.now.as_millisecond();
        let certificate = "MIIHemulated".repeat(240);
        let signature = "c2lnbmF0dXJl".repeat(28);
        address += &format!(
            "&t={ticks}&c={certificate}&s={signature}&h={}",
            uuid::Uuid::new_v4().simple()
        );
    }
    address
}
