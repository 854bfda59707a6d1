//! The trigger: `POST {item}/recoveryPoints/{name}/restore`.
//!
//! Every accepted request makes its own job. A client request id that was seen before changes nothing about that.

use axum::http::StatusCode;
use jiff::SignedDuration;
use uuid::Uuid;

use super::operations::{self, Place};
use super::restore_rules::Facts;
use super::{Answer, Context, points, restore_outcome, restore_request, restore_rights};
use crate::http::Reply;
use crate::ledger::Caused;
use crate::scenario::{RestoreBehaviour, VirtualMachine};
use crate::wire::{gateway_error, service_error};
use crate::world::{Requested, Restore};

/// Accepts a restore.
pub fn trigger(context: &mut Context<'_>) -> Answer {
    let (vault, machine) = context.item()?;
    let point = points::find(context, vault, machine)?;
    if context.call.json().is_null() {
        return Err(gateway_error(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized.",
        ));
    }
    let facts = Facts {
        vault,
        machine,
        point: &point,
    };
    let body = restore_request::unwrapped(context.call.json());
    let request = restore_request::read(body, &facts)?;
    restore_rights::check(context, vault, &request)?;
    let (vault, machine) = (vault.clone(), machine.clone());
    let number = context
        .world
        .next_restore(&vault.id(), &machine.registered());
    let ordered = ordered(context, machine.restore.nth(number))?;
    let mut behaviour = restore_outcome::of(context, &request, &point, ordered);
    if behaviour.activity_id.is_request_id() {
        behaviour.activity_id = context.world.scenario.service.activity_ids;
    }
    if let Some(refused) = &behaviour.refused {
        let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::CONFLICT);
        return Err(service_error(status, &refused.code, &refused.message));
    }
    let item = Item {
        vault_id: vault.id(),
        machine: &machine,
    };
    let restore = accepted(context, &item, behaviour, request);
    context.caused = Some(Caused {
        operation_id: Some(restore.operation_id.clone()),
        job_id: restore.makes_job().then(|| restore.job_id.clone()),
        status: StatusCode::ACCEPTED.as_u16(),
    });
    let place = Place {
        path: context.call.path_to(14),
        operation_id: restore.operation_id.clone(),
    };
    let reply = operations::accepted(context, &place, &restore.behaviour.operation);
    context.world.restores.push(restore);
    Ok(reply)
}

/// The scenario's behaviour with what a fault orders for this one restore.
fn ordered(context: &Context<'_>, behaviour: RestoreBehaviour) -> Result<RestoreBehaviour, Reply> {
    let Some(changes) = context.ordered else {
        return Ok(behaviour.resolved());
    };
    behaviour
        .changed(changes)
        .map_err(|what| super::bad_order(&what))
}

/// What is restored.
struct Item<'a> {
    vault_id: String,
    machine: &'a VirtualMachine,
}

fn accepted(
    context: &Context<'_>,
    item: &Item<'_>,
    behaviour: RestoreBehaviour,
    request: Requested,
) -> Restore {
    let service = &context.world.scenario.service;
    let rehydration_takes = match &request.rehydration {
        Some(asked) if asked.priority == "High" => service.rehydration.high,
        Some(_) => service.rehydration.standard,
        None => SignedDuration::ZERO,
    };
    let operation_id = Uuid::new_v4().to_string();
    let job_id = if behaviour.operation.id_is_job_id {
        operation_id.clone()
    } else {
        Uuid::new_v4().to_string()
    };
    let activity_id = context
        .call
        .client_request_id()
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    Restore {
        vault_id: item.vault_id.clone(),
        registered: item.machine.registered(),
        vm_name: item.machine.name.clone(),
        operation_id,
        job_id,
        activity_id,
        accepted: context.now,
        behaviour,
        request,
        cancels: Vec::new(),
        cancel_takes: service.cancel_takes,
        rehydration_takes,
    }
}
