//! Backup jobs: list, read, cancel.

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::filter::Filter;
use super::items::MANAGEMENT_TYPES;
use super::{Answer, Context, disks, operations, paging};
use crate::http::{Reply, address_path};
use crate::ledger::Caused;
use crate::progress::{JobState, Task, job_at};
use crate::scenario::ActivityId;
use crate::wire::{
    colon_duration, invalid_input, iso_duration, not_found, retry_after, service_error, time,
    us_time, without_nulls,
};
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
                && filter.allows("status", state.status)
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
    let status = if running {
        StatusCode::ACCEPTED
    } else {
        StatusCode::NO_CONTENT
    };
    Ok(retry_after(
        Reply::empty(status),
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

fn shown(context: &Context<'_>, restore: &Restore, state: &JobState, single: bool) -> Value {
    let ran = state
        .ended
        .unwrap_or(context.now)
        .duration_since(state.started);
    let numbers = context.call.api_version()
        < context
            .world
            .scenario
            .service
            .actions_as_numbers_before
            .as_str();
    let duration = if context.call.api_version()
        < context
            .world
            .scenario
            .service
            .colon_durations_before
            .as_str()
    {
        colon_duration(ran)
    } else {
        iso_duration(ran)
    };
    without_nulls(json!({
        "id": format!("{}/backupJobs/{}", context.vault_path(), restore.job_id),
        "name": restore.job_id,
        "type": "Microsoft.RecoveryServices/vaults/backupJobs",
        "properties": {
            "jobType": "AzureIaaSVMJob",
            // Recorded: it stays when the job has ended, so it does not say that a cancellation would work.
            "actionsInfo": if numbers { json!([1]) } else { json!(["Cancellable"]) },
            "containerName": restore.registered,
            "duration": duration,
            "errorDetails": errors(restore, state),
            "virtualMachineVersion": "Compute",
            "extendedInfo": single.then(|| extended(context, restore, state)),
            "entityFriendlyName": restore.vm_name,
            "backupManagementType": "AzureIaasVM",
            "operation": "Restore",
            "status": state.status,
            "startTime": time(state.started),
            "endTime": state.ended.map(time),
            "activityId": activity_id(restore),
        },
    }))
}

fn activity_id(restore: &Restore) -> Option<String> {
    match restore.behaviour.activity_id {
        ActivityId::RequestId => Some(restore.activity_id.clone()),
        ActivityId::Another => {
            Some(Uuid::new_v5(&Uuid::NAMESPACE_OID, restore.job_id.as_bytes()).to_string())
        }
        ActivityId::Missing => None,
    }
}

fn errors(restore: &Restore, state: &JobState) -> Value {
    if restore.behaviour.errors.is_empty()
        || !matches!(state.status, "Failed" | "CompletedWithWarnings")
    {
        return Value::Null;
    }
    restore
        .behaviour
        .errors
        .iter()
        .map(|error| {
            json!({
                "errorCode": error.code, "errorTitle": error.title, "errorString": error.text,
                "recommendations": error.recommendations,
            })
        })
        .collect()
}

fn extended(context: &Context<'_>, restore: &Restore, state: &JobState) -> Value {
    let newer = context.call.api_version() >= "2023-02-01";
    let task = |task: &Task| {
        json!({
            "taskId": task.name, "duration": "PT0S", "status": task.status, "taskExecutionDetails": task.details,
            "taskType": newer.then_some("Normal"),
        })
    };
    let healthy = newer && state.status == "InProgress";
    json!({
        "tasksList": state.tasks.iter().map(task).collect::<Vec<_>>(),
        "propertyBag": property_bag(restore, state),
        "internalPropertyBag": {"restoreLocationType": restore.request.recovery_type},
        "progressPercentage": state.percent,
        "estimatedRemainingDuration": state.remaining.map(iso_duration),
        "dynamicErrorMessage": healthy.then_some(""),
    })
}

fn property_bag(restore: &Restore, state: &JobState) -> Value {
    let request = &restore.request;
    let disks_only = request.recovery_type == "RestoreDisks";
    let group = request
        .target_group_id
        .as_deref()
        .and_then(|id| id.rsplit('/').next());
    let mut bag = json!({
        "Job Type": match request.recovery_type.as_str() {
            "AlternateLocation" => "Recover VM to an alternate location",
            "OriginalLocation" => "Replace disks",
            _ => "Recover disks",
        },
        "Original VM Name": (request.recovery_type == "AlternateLocation").then(|| restore.vm_name.clone()),
        // Recorded: for restored disks this is a filler.
        "Target VM Name": match (&request.target_vm, disks_only) {
            (Some(name), _) => name.clone(),
            (None, true) => "vmName".to_owned(),
            (None, false) => restore.vm_name.clone(),
        },
        "Target VNet Name": request.network,
        "Target Storage Account Name": request.storage_account,
        // The space at the end of the name is Azure's.
        "Recovery point time ": request.point_time.map(us_time),
        "Target resource group": group,
    });
    if state.has_results() && disks_only {
        add_results(&mut bag, restore);
    }
    bag
}

fn add_results(bag: &mut Value, restore: &Restore) {
    let vm: String = restore
        .vm_name
        .to_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, restore.job_id.as_bytes()).simple();
    let container = format!("{vm}-{hash}");
    let account = restore.request.storage_account.to_lowercase();
    let config = format!("config-{vm}-{}.json", restore.job_id);
    let base = format!("https://{account}.blob.core.windows.net/{container}");
    bag["Config Blob Name"] = config.clone().into();
    bag["Config Blob Container Name"] = container.into();
    bag["Config Blob Uri"] = format!("{base}/{config}").into();
    bag["Template Blob Uri"] = format!("{base}/azuredeploy{}.json", restore.job_id).into();
    if restore.request.luns.is_some() {
        bag["Restored disk(s)"] = disks::source_names(restore, true).join("; ").into();
        bag["Backed-up disk(s)"] = disks::source_names(restore, false).join("; ").into();
    }
}

/// Every job with everything about it, for `/_emulator/jobs`.
pub fn for_admin(restore: &Restore, now: Timestamp) -> Value {
    let state = job_at(restore, now);
    without_nulls(json!({
        "vault": restore.vault_id, "vm": restore.vm_name, "operationId": restore.operation_id,
        "jobId": restore.behaviour.operation.fails.is_none().then(|| restore.job_id.clone()),
        "activityId": activity_id(restore), "clientRequestId": restore.activity_id, "recoveryType": restore.request.recovery_type,
        "accepted": time(restore.accepted),
        "status": state.as_ref().map_or("NotStarted", |state| state.status),
        "listed": restore.is_listed(now),
        "startTime": state.as_ref().map(|state| time(state.started)),
        "endTime": state.as_ref().and_then(|state| state.ended).map(time),
        "behaviour": serde_json::to_value(&restore.behaviour).unwrap_or_default(),
    }))
}
