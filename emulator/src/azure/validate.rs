//! Azure's own check before a restore, at once and as an asynchronous operation. It finds what the scenario says.

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::request_fields::last_segment;
use super::restore_request;
use super::restore_rules::Facts;
use super::{Answer, Context, operations, points};
use crate::http::{Reply, address_path};
use crate::ledger::Caused;
use crate::scenario::{Vault, VirtualMachine, catalogue};
use crate::wire::{invalid_input, not_found, retry_after};
use crate::world::{Check, add};

/// How long an asynchronous check takes.
const TAKES: SignedDuration = SignedDuration::from_secs(5);

/// `POST {vault}/backupValidateOperation`
pub fn at_once(context: &Context<'_>) -> Answer {
    let vault = context.vault()?;
    let findings = check(context, vault)?;
    Ok(Reply::ok(&answer(&findings)))
}

/// `POST {vault}/backupTriggerValidateOperation`
pub fn trigger(context: &mut Context<'_>) -> Answer {
    let vault = context.vault()?;
    let findings = check(context, vault)?;
    let vault_id = vault.id();
    let operation_id = Uuid::new_v4().to_string();
    context.caused = Some(Caused {
        operation_id: Some(operation_id.clone()),
        job_id: None,
        status: StatusCode::ACCEPTED.as_u16(),
    });
    context.world.checks.push(Check {
        vault_id,
        operation_id: operation_id.clone(),
        accepted: context.now,
        findings,
    });
    let base = format!(
        "{}{}",
        context.call.base(),
        address_path(&context.vault_path())
    );
    let version = context.call.api_version();
    let reply = Reply::empty(StatusCode::ACCEPTED)
        .with(
            "Azure-AsyncOperation",
            &format!(
                "{base}/backupValidateOperationsStatuses/{operation_id}?api-version={version}"
            ),
        )
        .with(
            "Location",
            &format!("{base}/backupValidateOperationResults/{operation_id}?api-version={version}"),
        );
    Ok(retry_after(
        reply,
        context.clock,
        SignedDuration::from_secs(10),
    ))
}

/// `GET {vault}/backupValidateOperationsStatuses/{id}`
pub fn status(context: &Context<'_>) -> Answer {
    let check = find(context)?;
    let end = add(check.accepted, TAKES);
    let ended = (context.now >= end).then_some(end);
    let mut body = operations::operation_status(&check.operation_id, check.accepted, ended, None);
    if ended.is_some() {
        let mut properties = answer(&check.findings);
        properties["objectType"] = "OperationStatusValidateOperationExtendedInfo".into();
        body["properties"] = properties;
    }
    Ok(Reply::ok(&body))
}

/// `GET {vault}/backupValidateOperationResults/{id}`
pub fn result(context: &Context<'_>) -> Answer {
    let check = find(context)?;
    if context.now < add(check.accepted, TAKES) {
        let again = context.call.path();
        let status = format!(
            "{}/backupValidateOperationsStatuses/{}",
            context.vault_path(),
            check.operation_id
        );
        let reply = Reply::empty(StatusCode::ACCEPTED)
            .with("Location", &operations::own_address(context, &again))
            .with(
                "Azure-AsyncOperation",
                &operations::own_address(context, &status),
            );
        return Ok(retry_after(
            reply,
            context.clock,
            SignedDuration::from_secs(10),
        ));
    }
    Ok(Reply::ok(&answer(&check.findings)))
}

fn answer(findings: &[Value]) -> Value {
    json!({"validateOperationResponse": {"validationResults": findings}})
}

/// What the check finds about restores of a VM.
fn findings(machine: &VirtualMachine) -> Vec<Value> {
    machine
        .validation
        .iter()
        .filter_map(|code| catalogue::find(code))
        .map(|known| {
            json!({"code": known.code, "message": known.text, "recommendations": [known.advice]})
        })
        .collect()
}

/// The body names item and point by `id`; versions without it are taken at their word.
fn check(context: &Context<'_>, vault: &Vault) -> Result<Vec<Value>, Reply> {
    let body = context.call.json();
    let properties = if body["properties"].is_null() {
        body
    } else {
        &body["properties"]
    };
    if properties["objectType"] != "ValidateIaasVMRestoreOperationRequest" {
        return Err(invalid_input("objectType of the validation"));
    }
    let request = &properties["restoreRequest"];
    if !request.is_object() {
        return Err(invalid_input("restoreRequest is missing"));
    }
    let Some(id) = body["id"].as_str() else {
        return Ok(Vec::new());
    };
    let parts: Vec<&str> = id.split('/').collect();
    let part_after = |name: &str| {
        parts
            .iter()
            .position(|part| part.eq_ignore_ascii_case(name))
            .and_then(|at| parts.get(at + 1))
            .copied()
    };
    let (container, item) = (
        part_after("protectionContainers"),
        part_after("protectedItems"),
    );
    let machine = vault
        .protected(container.unwrap_or_default(), item.unwrap_or_default())
        .ok_or_else(|| invalid_input("id names no protected item of this vault"))?;
    let point = points::of(context, vault, machine)
        .find(|point| point.name == last_segment(id))
        .ok_or_else(|| invalid_input("id names no recovery point of the protected item"))?;
    let facts = Facts {
        vault,
        machine,
        point: &point,
    };
    restore_request::read(request, &facts).map(|_| findings(machine))
}

fn find(context: &Context<'_>) -> Result<Check, Reply> {
    let vault = context.vault()?;
    let id = &context.names.operation;
    let found = context.world.checks.iter().find(|check| {
        check.vault_id.eq_ignore_ascii_case(&vault.id())
            && check.operation_id.eq_ignore_ascii_case(id)
    });
    let kind = "Microsoft.RecoveryServices/vaults/backupValidateOperationResults";
    found
        .cloned()
        .ok_or_else(|| not_found(kind, id, &context.names.group))
}
