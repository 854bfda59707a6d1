//! What a backup job says of itself, in the shape that its restore has in the scenario.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Context;
use super::request_fields::last_segment;
use super::restored_disks::source_names;
use crate::progress::{JobState, Task, job_at};
use crate::scenario::{Actions, ActivityId, Durations, Times};
use crate::wire::{
    colon_duration, iso_duration, time, time_in_seconds, time_without_zone, us_time, without_nulls,
};
use crate::world::Restore;

/// How Azure writes "never" in tasks.
const NO_TIME: &str = "0001-01-01T00:00:00";

/// The word that stands for a job's status.
pub fn status_of<'a>(restore: &'a Restore, state: &'a JobState) -> &'a str {
    match &restore.behaviour.job.running_as {
        Some(word) if state.status == "InProgress" => word,
        _ => state.status,
    }
}

/// A job: an entry of a list, or (`single`) with everything about it.
pub fn shown(context: &Context<'_>, restore: &Restore, state: &JobState, single: bool) -> Value {
    let ran = state
        .ended
        .unwrap_or(context.now)
        .duration_since(state.started);
    let shape = &restore.behaviour.job;
    let at = |at: Timestamp| instant(restore, at);
    let mut properties = json!({
        "jobType": if shape.second_type { "AzureIaaSVMJobV2" } else { "AzureIaaSVMJob" },
        // Recorded: it stays when the job has ended, so it does not say that a cancellation would work.
        "actionsInfo": if numbered_actions(context, restore) { json!([1]) } else { json!(["Cancellable"]) },
        "containerName": restore.registered,
        "duration": duration(context, restore, ran),
        "errorDetails": errors(restore, state),
        "virtualMachineVersion": "Compute",
        "entityFriendlyName": restore.vm_name,
        "backupManagementType": "AzureIaasVM",
        "operation": "Restore",
        "status": status_of(restore, state),
        "startTime": at(state.started),
        "endTime": state.ended.map(at),
        "activityId": activity_id(restore),
    });
    if single {
        properties["extendedInfo"] = extended(context, restore, state);
    }
    without_nulls(json!({
        "id": format!("{}/backupJobs/{}", context.vault_path(), restore.job_id),
        "name": restore.job_id,
        "type": "Microsoft.RecoveryServices/vaults/backupJobs",
        "properties": properties,
    }))
}

fn numbered_actions(context: &Context<'_>, restore: &Restore) -> bool {
    let service = &context.world.scenario.service;
    match restore.behaviour.job.actions {
        Actions::ByVersion => {
            context.call.api_version() < service.actions_as_numbers_before.as_str()
        }
        Actions::Names => false,
        Actions::Numbers => true,
    }
}

fn duration(context: &Context<'_>, restore: &Restore, span: SignedDuration) -> String {
    let service = &context.world.scenario.service;
    let colons = match restore.behaviour.job.durations {
        Durations::ByVersion => {
            context.call.api_version() < service.colon_durations_before.as_str()
        }
        Durations::Iso => false,
        Durations::Colons => true,
    };
    if colons {
        colon_duration(span)
    } else {
        iso_duration(span)
    }
}

fn instant(restore: &Restore, at: Timestamp) -> String {
    match restore.behaviour.job.times {
        Times::Fractions => time(at),
        Times::Seconds => time_in_seconds(at),
        Times::WithoutZone => time_without_zone(at),
    }
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
    let as_text = restore.behaviour.job.error_codes_as_text;
    restore
        .behaviour
        .errors
        .iter()
        .map(|error| {
            json!({
                "errorCode": if as_text { json!(error.code.to_string()) } else { json!(error.code) },
                "errorTitle": error.title, "errorString": error.text,
                "recommendations": error.recommendations,
            })
        })
        .collect()
}

fn extended(context: &Context<'_>, restore: &Restore, state: &JobState) -> Value {
    let newer = context.call.api_version() >= "2023-02-01";
    let shape = &restore.behaviour.job;
    let task = |task: &Task| {
        let begun = task.status != "NotStarted";
        let began = if begun {
            instant(restore, state.started)
        } else {
            NO_TIME.to_owned()
        };
        // Recorded of tasks as of operations: the end of what runs is the zero time.
        let ended = match state.ended {
            Some(end) if begun => instant(restore, end),
            _ => NO_TIME.to_owned(),
        };
        json!({
            "taskId": task.name, "duration": "PT0S", "status": task.status, "taskExecutionDetails": task.details,
            "taskType": newer.then_some("Normal"),
            "startTime": shape.task_times.then_some(began), "endTime": shape.task_times.then_some(ended),
        })
    };
    let tasks = if shape.no_tasks {
        &[]
    } else {
        &state.tasks[..]
    };
    // Recorded: also in older versions where a VM is made (s06, s14), not where disks are restored (s13).
    let healthy =
        state.status == "InProgress" && (newer || restore.request.is("AlternateLocation"));
    let told = !shape.no_progress;
    json!({
        "tasksList": tasks.iter().map(task).collect::<Vec<_>>(),
        "propertyBag": property_bag(restore, state),
        "internalPropertyBag": {"restoreLocationType": restore.request.recovery_type},
        "progressPercentage": state.percent.filter(|_| told),
        "estimatedRemainingDuration": state.remaining.filter(|_| told).map(|left| duration(context, restore, left)),
        "dynamicErrorMessage": healthy.then_some(""),
    })
}

fn property_bag(restore: &Restore, state: &JobState) -> Value {
    let request = &restore.request;
    let disks_only = request.is("RestoreDisks");
    let alternate = request.is("AlternateLocation");
    let group = request.disks_group();
    let subscription = |id: &str| id.split('/').nth(2).unwrap_or_default().to_owned();
    let target = request.target_machine_id.as_deref();
    // Recorded (s14): named only where it is another one.
    let elsewhere = group
        .as_deref()
        .map(subscription)
        .filter(|other| !other.eq_ignore_ascii_case(&subscription(&request.source.machine_id)));
    let mut bag = json!({
        "Job Type": match request.recovery_type.as_str() {
            "AlternateLocation" => "Recover VM to an alternate location",
            "OriginalLocation" => "Replace disks",
            _ => "Recover disks",
        },
        "Original VM Name": alternate.then(|| restore.vm_name.clone()),
        // Recorded: for restored disks this is a filler.
        "Target VM Name": match (target, disks_only) {
            (Some(target), _) => last_segment(target).to_owned(),
            (None, true) => "vmName".to_owned(),
            (None, false) => restore.vm_name.clone(),
        },
        "Target Subscription ID": elsewhere,
        "Target VNet Name": request.network_id.as_deref().map(network_name),
        "Target Storage Account Name": last_segment(&request.storage_account),
        // The space at the end of the name is Azure's.
        "Recovery point time ": request.point_time.map(us_time),
        "Target resource group": group.as_deref().map(last_segment),
    });
    if state.has_results() && disks_only {
        add_results(&mut bag, restore);
    }
    bag
}

/// `Group {group} {network}`, as in property bags.
fn network_name(id: &str) -> String {
    let group = id.split('/').nth(4).unwrap_or_default();
    format!("Group {group} {}", last_segment(id))
}

/// Names of what a restore of disks writes into the storage account.
struct Staged {
    container: String,
    config: String,
    template: String,
    base: String,
}

fn staged(restore: &Restore) -> Staged {
    let vm: String = restore
        .vm_name
        .to_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, restore.job_id.as_bytes()).simple();
    let container = format!("{vm}-{hash}");
    let account = last_segment(&restore.request.storage_account).to_lowercase();
    Staged {
        config: format!("config-{vm}-{}.json", restore.job_id),
        template: format!("azuredeploy{}.json", restore.job_id),
        base: format!("https://{account}.blob.core.windows.net/{container}"),
        container,
    }
}

fn add_results(bag: &mut Value, restore: &Restore) {
    let staged = staged(restore);
    bag["Config Blob Name"] = staged.config.clone().into();
    bag["Config Blob Container Name"] = staged.container.into();
    bag["Config Blob Uri"] = format!("{}/{}", staged.base, staged.config).into();
    bag["Template Blob Uri"] = format!("{}/{}", staged.base, staged.template).into();
    if restore.request.luns.is_some() {
        bag["Restored disk(s)"] = source_names(restore, true).join("; ").into();
        bag["Backed-up disk(s)"] = source_names(restore, false).join("; ").into();
    }
}

/// Addresses of the blobs that a restore has left in the storage account: configuration and template, and the disks
/// themselves where no resource group was named.
pub fn blobs(restore: &Restore, state: &JobState) -> Vec<String> {
    if !restore.request.is("RestoreDisks") || !state.disks_exist {
        return Vec::new();
    }
    let staged = staged(restore);
    let mut blobs = vec![format!("{}/{}", staged.base, staged.config)];
    if state.has_results() {
        blobs.push(format!("{}/{}", staged.base, staged.template));
    }
    if restore.request.target_group_id.is_none() {
        let disks = source_names(restore, true);
        blobs.extend(
            disks
                .iter()
                .map(|disk| format!("{}/{}.vhd", staged.base, disk.to_lowercase())),
        );
    }
    blobs
}

/// Every job with everything about it, for `/_emulator/jobs`.
pub fn for_admin(restore: &Restore, now: Timestamp) -> Value {
    let state = job_at(restore, now);
    without_nulls(json!({
        "vault": restore.vault_id, "vm": restore.vm_name, "operationId": restore.operation_id,
        "jobId": restore.makes_job().then(|| restore.job_id.clone()),
        "activityId": activity_id(restore), "clientRequestId": restore.activity_id, "recoveryType": restore.request.recovery_type,
        "accepted": time(restore.accepted),
        "status": state.as_ref().map_or("NotStarted", |state| state.status),
        "listed": restore.is_listed(now),
        "startTime": state.as_ref().map(|state| time(state.started)),
        "endTime": state.as_ref().and_then(|state| state.ended).map(time),
        "behaviour": serde_json::to_value(&restore.behaviour).unwrap_or_default(),
    }))
}
