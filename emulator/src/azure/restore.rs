//! The trigger: `POST {item}/recoveryPoints/{name}/restore`.
//!
//! Every accepted request makes its own job. A client request id that was seen before changes nothing about that.

use axum::http::StatusCode;
use uuid::Uuid;

use super::operations::{self, Place};
use super::{Answer, Context, points, restore_request};
use crate::ledger::Caused;
use crate::scenario::{JobError, Outcome, RecoveryPoint, RestoreBehaviour};
use crate::wire::{gateway_error, service_error};
use crate::world::Restore;

/// Accepts a restore.
pub fn trigger(context: &mut Context<'_>) -> Answer {
    let (vault, machine) = context.item()?;
    let point = points::find(context, machine)?;
    if context.call.json().is_null() {
        return Err(gateway_error(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContent",
            "The request content was invalid and could not be deserialized.",
        ));
    }
    let request = restore_request::read(context.call.json(), vault, machine, &point)?;
    let (vault_id, machine) = (vault.id(), machine.clone());
    let number = context.world.next_restore(&vault_id, &machine.registered());
    let mut behaviour = outcome_for(&point, machine.restore.nth(number));
    if behaviour.activity_id.is_request_id() {
        behaviour.activity_id = context.world.scenario.service.activity_ids;
    }
    if let Some(refused) = &behaviour.refused {
        let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::CONFLICT);
        return Err(service_error(status, &refused.code, &refused.message));
    }

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
    context.caused = Some(Caused {
        operation_id: Some(operation_id.clone()),
        job_id: behaviour.operation.fails.is_none().then(|| job_id.clone()),
        status: StatusCode::ACCEPTED.as_u16(),
    });
    context.world.restores.push(Restore {
        vault_id,
        registered: machine.registered(),
        vm_name: machine.name.clone(),
        operation_id: operation_id.clone(),
        job_id,
        activity_id,
        accepted: context.now,
        behaviour,
        request,
        cancels: Vec::new(),
        cancel_takes: context.world.scenario.service.cancel_takes,
    });
    let place = Place {
        path: context.call.path_to(14),
        operation_id,
    };
    Ok(operations::accepted(context, &place))
}

/// A point without a readable copy is noticed late: the job fails.
fn outcome_for(point: &RecoveryPoint, behaviour: RestoreBehaviour) -> RestoreBehaviour {
    if point.usable() || behaviour.refused.is_some() {
        return behaviour;
    }
    RestoreBehaviour {
        outcome: Outcome::Failed,
        errors: vec![JobError {
            code: 400_183,
            title: "UserErrorInstantRpNotFound".into(),
            text:
                "The snapshot of this recovery point was deleted before it was copied to the vault."
                    .into(),
            recommendations: vec!["Choose another recovery point.".into()],
        }],
        ..behaviour
    }
}
