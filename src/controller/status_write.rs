//! Writes the status of a run: texts are cut and lists bounded here, so that the API server takes any of them.

use super::reasons;
use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::api::v1alpha1 as api;
use crate::restore::facts::{ErrorText, JobDetail, Operation};
use crate::restore::record::{Attempt, ChosenPoint, Record, Run};

use super::status_words::{phase_to, state_to};

/// Longest text in a status, in characters.
const TEXT: usize = 1024;

/// Most entries of a list that Azure fills.
const LIST: usize = 32;

/// Writes the status of a run, without conditions and generation.
pub fn status(run: &Run, record: &Record) -> api::VmRestoreStatus {
    let phase = phase_to(record.phase);
    api::VmRestoreStatus {
        observed_generation: -1,
        phase,
        finished: phase.is_finished(),
        message: Some(reasons::shown(run, record)).filter(|message| !message.is_empty()),
        run_key: record.vault.as_ref().map(|_| run.key.to_string()),
        vault_id: record.vault.as_ref().map(|vault| vault.to_string()),
        virtual_machine_name: text(run.intent.vm.name()),
        protected_item: record.item.as_ref().map(|item| api::ProtectedItem {
            container_name: Some(item.container.clone()),
            name: Some(item.name.clone()),
        }),
        region: record.region.clone(),
        recovery_point: record.point.as_ref().map(point_to),
        attempts: record.attempts.iter().map(attempt_to).collect(),
        operation: record.operation.as_ref().map(operation_to),
        job: record.job.as_ref().map(job_to),
        outputs: record.job.as_ref().and_then(outputs),
        conditions: Vec::new(),
        start_time: record.start_time,
        trigger_time: record.trigger_time,
        completion_time: record.completion_time,
    }
}

fn point_to(chosen: &ChosenPoint) -> api::SelectedRecoveryPoint {
    api::SelectedRecoveryPoint {
        name: Some(chosen.point.name.to_string()),
        time: chosen.point.time.map(|time| time.to_string()),
        point_type: text(&chosen.point.consistency),
        tiers: chosen
            .point
            .tiers
            .iter()
            .take(LIST)
            .map(|tier| api::RecoveryPointTier {
                tier_type: text(&tier.kind),
                status: text(&tier.status),
            })
            .collect(),
        extended_location: chosen.point.details.edge_zone.as_ref().map(|place| {
            api::ExtendedLocation {
                name: Some(place.name.clone()),
                location_type: Some(place.kind.clone()),
            }
        }),
        reason: text(&chosen.reason),
        candidates: chosen
            .candidates
            .iter()
            .map(|candidate| api::Candidate {
                name: Some(candidate.name.to_string()),
                time: candidate.time.map(|time| time.to_string()),
                point_type: text(&candidate.consistency),
                verdict: text(&candidate.verdict),
            })
            .collect(),
    }
}

fn attempt_to(attempt: &Attempt) -> api::Attempt {
    api::Attempt {
        number: attempt.number.into(),
        request_id: attempt.request_id.map(|id| id.to_string()),
        claim_id: attempt.claim.map(|id| id.to_string()),
        claim_time: attempt.claimed,
        state: state_to(attempt.state),
        accepted: attempt.accepted,
        operation_id: attempt.operation.as_ref().map(ToString::to_string),
        job_id: attempt.job.as_ref().map(ToString::to_string),
        error: attempt.error.as_ref().map(error_to),
    }
}

fn error_to(error: &ErrorText) -> api::AzureError {
    api::AzureError {
        code: text(&error.code),
        message: text(&error.message),
    }
}

fn operation_to(operation: &Operation) -> api::Operation {
    api::Operation {
        id: Some(operation.id.to_string()),
        status: text(operation.status.as_str()),
        start_time: operation.started.map(|time| time.to_string()),
        end_time: operation.ended.map(|time| time.to_string()),
        error: operation.error.as_ref().map(error_to),
    }
}

fn job_to(job: &JobDetail) -> api::Job {
    api::Job {
        id: Some(job.summary.id.to_string()),
        operation: text(&job.summary.operation),
        status: text(job.summary.status.as_str()),
        start_time: job.summary.started.map(|time| time.to_string()),
        end_time: job.summary.ended.map(|time| time.to_string()),
        duration: job.duration.map(whole_seconds),
        progress_percent: job.progress_percent.map(Into::into),
        estimated_remaining: job.estimated_remaining.map(whole_seconds),
        activity_id: text(&job.summary.activity_id),
        // Azure goes on listing the action when there is nothing left to cancel.
        cancellable: job
            .cancellable
            .filter(|_| !job.summary.status.is_terminal()),
        tasks: job
            .tasks
            .iter()
            .take(LIST)
            .map(|task| api::JobTask {
                name: text(&task.name),
                status: text(&task.status),
                progress_percent: task.progress_percent.map(Into::into),
                details: text(&task.details),
            })
            .collect(),
        errors: job
            .errors
            .iter()
            .take(LIST)
            .map(|error| api::JobError {
                code: text(&error.code),
                title: text(&error.title),
                message: text(&error.message),
                recommendations: error
                    .recommendations
                    .iter()
                    .take(LIST)
                    .map(|line| cut(line))
                    .collect(),
            })
            .collect(),
        properties: job
            .properties
            .iter()
            .take(LIST)
            .map(|(key, value)| (cut(key), cut(value)))
            .collect(),
    }
}

/// What a job that ended says it has made; the keys appear only late (recorded: FINDINGS 5).
fn outputs(job: &JobDetail) -> Option<api::Outputs> {
    if !job.summary.status.is_terminal() {
        return None;
    }
    let property = |name: &str| find(&job.properties, name);
    let outputs = api::Outputs {
        template_blob_uri: property("Template Blob Uri"),
        config_blob_uri: property("Config Blob Uri"),
        config_blob_name: property("Config Blob Name"),
    };
    (outputs != api::Outputs::default()).then_some(outputs)
}

fn find(properties: &BTreeMap<String, String>, name: &str) -> Option<String> {
    properties
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .and_then(|(_, value)| text(value))
}

fn whole_seconds(duration: SignedDuration) -> String {
    SignedDuration::from_secs(duration.as_secs()).to_string()
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| cut(text))
}

/// Cuts a text that is too long for a status.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
