//! Backup jobs: list, read, cancel.

use axum::http::StatusCode;
use jiff::SignedDuration;
use uuid::Uuid;

use super::filter::Filter;
use super::items::MANAGEMENT_TYPES;
use super::job_body::{shown, status_of};
use super::{Answer, Context, operations, paging};
use crate::http::{Reply, address_path};
use crate::ledger::Caused;
use crate::progress::{JobState, job_at};
use crate::wire::{invalid_input, not_found, retry_after, service_error};
use crate::world::{Cancel, Restore, add};

const KEYS: &[&str] = &[
    "status",
    "operation",
    "backupManagementType",
    "jobId",
    "startTime",
    "endTime",
];
const STATUSES: &[&str] = &[
    "Invalid",
    "InProgress",
    "Completed",
    "Failed",
    "CompletedWithWarnings",
    "Cancelled",
    "Cancelling",
];
const OPERATIONS: &[&str] = &[
    "Invalid",
    "Register",
    "UnRegister",
    "ConfigureBackup",
    "Backup",
    "Restore",
    "DisableBackup",
    "DeleteBackupData",
    "CrossRegionRestore",
    "Undelete",
    "UpdateCustomerManagedKey",
];
/// How long the operation of a cancellation is asked for before it is done.
const CANCEL_OPERATION: SignedDuration = SignedDuration::from_secs(5);

/// `GET {vault}/backupJobs`, newest first, without `extendedInfo`.
pub fn list(context: &Context<'_>) -> Answer {
    let vault = context.vault()?;
    let service = &context.world.scenario.service;
    let filter = Filter::parse(context.call.query("$filter"), KEYS)?;
    filter.one_of("status", STATUSES)?;
    filter.one_of("operation", OPERATIONS)?;
    filter.one_of("backupManagementType", MANAGEMENT_TYPES)?;
    let to = filter.time("endTime")?;
    let from = match filter.time("startTime")? {
        Some(from) => from,
        None => add(to.unwrap_or(context.now), -service.default_job_window),
    };
    let window = to.unwrap_or(context.now).duration_since(from);
    if window.is_negative() {
        return Err(invalid_input("startTime is later than endTime"));
    }
    if service
        .longest_job_window
        .is_some_and(|longest| window > longest)
    {
        return Err(invalid_input(
            "the time between startTime and endTime is too long",
        ));
    }
    let mut found: Vec<(&Restore, JobState)> = context
        .world
        .restores
        .iter()
        .filter(|restore| restore.is_in(&vault.id()) && restore.is_listed(context.now))
        .filter_map(|restore| job_at(restore, context.now).map(|state| (restore, state)))
        .filter(|(restore, state)| {
            state.started >= from
                && to.is_none_or(|to| state.started <= to)
                && filter.allows("status", status_of(restore, state))
                && filter.allows("operation", "Restore")
                && filter.allows("backupManagementType", "AzureIaasVM")
                && filter.allows("jobId", &restore.job_id)
        })
        .collect();
    found.reverse();
    found.sort_by_key(|(_, state)| std::cmp::Reverse(state.started));
    let entries = found
        .into_iter()
        .map(|(restore, state)| {
            (
                restore.job_id.clone(),
                shown(context, restore, &state, false),
            )
        })
        .collect();
    paging::page(context.call, service, service.page_size.jobs, entries)
}

/// `GET {vault}/backupJobs/{id}`
pub fn get(context: &Context<'_>) -> Answer {
    let (restore, state) = find(context)?;
    Ok(Reply::ok(&shown(context, &restore, &state, true)))
}

/// `POST {vault}/backupJobs/{id}/cancel`
pub fn cancel(context: &mut Context<'_>) -> Answer {
    let (restore, state) = find(context)?;
    if state.status != "InProgress" {
        return Err(service_error(
            StatusCode::BAD_REQUEST,
            "BMSUserErrorJobNotCancellable",
            "The job isn't in a cancelable state.",
        ));
    }
    let operation_id = Uuid::new_v4().to_string();
    let now = context.now;
    if let Some(kept) = context
        .world
        .restores
        .iter_mut()
        .find(|kept| kept.job_id == restore.job_id)
    {
        kept.cancels.push(Cancel {
            operation_id: operation_id.clone(),
            at: now,
        });
    }
    context.caused = Some(Caused {
        operation_id: Some(operation_id.clone()),
        job_id: Some(restore.job_id.clone()),
        status: StatusCode::ACCEPTED.as_u16(),
    });
    let base = format!(
        "{}{}/backupJobs/{}",
        context.call.base(),
        address_path(&context.vault_path()),
        restore.job_id
    );
    let version = context.call.api_version();
    let reply = Reply::empty(StatusCode::ACCEPTED)
        // Recorded 2021 to 2025: this address has a version of its own.
        .with(
            "Azure-AsyncOperation",
            &format!("{base}/operationsStatus/{operation_id}?api-version=2019-05-13-preview"),
        )
        .with(
            "Location",
            &format!("{base}/operationResults/{operation_id}?api-version={version}"),
        );
    Ok(retry_after(
        reply,
        context.clock,
        context.world.scenario.service.retry_after,
    ))
}

/// `GET {vault}/backupJobs/{id}/operationsStatus/{operation}`
pub fn operation_status(context: &Context<'_>) -> Answer {
    let cancel = find_cancel(context)?;
    let end = add(cancel.at, CANCEL_OPERATION);
    let ended = (context.now >= end).then_some(end);
    Ok(Reply::ok(&operations::operation_status(
        &cancel.operation_id,
        cancel.at,
        ended,
        None,
    )))
}

/// `GET {vault}/backupJobs/{id}/operationResults/{operation}`: 202, then 204.
pub fn operation_result(context: &Context<'_>) -> Answer {
    let cancel = find_cancel(context)?;
    let running = context.now < add(cancel.at, CANCEL_OPERATION);
    let reply = if running {
        let again = operations::own_address(context, &context.call.path());
        Reply::empty(StatusCode::ACCEPTED).with("Location", &again)
    } else {
        Reply::empty(StatusCode::NO_CONTENT)
    };
    Ok(retry_after(
        reply,
        context.clock,
        context.world.scenario.service.retry_after,
    ))
}

fn find(context: &Context<'_>) -> Result<(Restore, JobState), Reply> {
    let vault = context.vault()?;
    let name = &context.names.name;
    context
        .world
        .restore_by_job(&vault.id(), name, context.now)
        .and_then(|restore| job_at(restore, context.now).map(|state| (restore.clone(), state)))
        .ok_or_else(|| {
            not_found(
                "Microsoft.RecoveryServices/vaults/backupJobs",
                name,
                &context.names.group,
            )
        })
}

fn find_cancel(context: &Context<'_>) -> Result<Cancel, Reply> {
    let (restore, _) = find(context)?;
    let id = &context.names.operation;
    let found = restore
        .cancels
        .into_iter()
        .find(|cancel| cancel.operation_id.eq_ignore_ascii_case(id));
    found.ok_or_else(|| {
        not_found(
            "Microsoft.RecoveryServices/vaults/backupJobs/operationResults",
            id,
            &context.names.group,
        )
    })
}
