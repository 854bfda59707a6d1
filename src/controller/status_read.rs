//! Reads a stored status. Everything that decides is checked; what only informs is taken as far as it can be read.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::json;

use crate::api::conditions::without_guide;
use crate::api::v1alpha1 as api;
use crate::restore::facts::{
    ErrorText, ExtendedLocation, JobDetail, JobError, JobStatus, JobSummary, JobTask, Operation,
    OperationStatus, PointDetails, RecoveryPoint, Tier,
};
use crate::restore::ids::{ArmId, JobId, OperationId, RecoveryPointName, RunKey};
use crate::restore::record::{
    Attempt, Candidate, ChosenPoint, End, Failure, ItemNames, Note, Phase, Record,
};

use super::reasons;
use super::status_words::{phase_from, state_from};
use super::status_write::cut;

/// Reads the status. Everything that decides is checked; what only informs is taken as far as it can be read.
pub fn record(object: &api::VmRestore) -> Record {
    let status = match object.status.as_ref().map(api::StoredStatus::read) {
        None => return Record::default(),
        Some(Ok(status)) => status,
        Some(Err(error)) => return unreadable(error.to_string()),
    };
    match decided(status) {
        Ok(record) => record,
        Err(why) => unreadable(why),
    }
}

fn unreadable(why: String) -> Record {
    Record {
        unreadable: Some(cut(&why)),
        ..Record::default()
    }
}

/// A status that cannot be understood, with what informs people written over it: as much of it as does not make the rest
/// look understood. Nothing may be triggered because this version wrote over the word that it did not know.
pub fn informed(stored: &api::StoredStatus, status: &api::VmRestoreStatus) -> api::StoredStatus {
    let fields = [
        ("message", json!(status.message)),
        ("conditions", json!(status.conditions)),
        ("phase", json!(status.phase)),
    ];
    let mut informed = stored.clone();
    for (name, value) in fields {
        let next = informed.with_fields([(name.to_owned(), value)].into_iter().collect());
        if next.read().map_or(true, |status| decided(status).is_err()) {
            informed = next;
        }
    }
    informed
}

/// The stored conditions, also of a status that cannot be understood: their times of transition must survive, or each
/// write would cause the next one.
pub fn conditions(stored: &api::StoredStatus) -> Vec<Condition> {
    let conditions = stored.0.get("conditions").cloned();
    conditions
        .and_then(|conditions| serde_json::from_value(conditions).ok())
        .unwrap_or_default()
}

fn decided(status: api::VmRestoreStatus) -> Result<Record, String> {
    let attempts = status
        .attempts
        .iter()
        .map(attempt)
        .collect::<Result<Vec<_>, _>>()?;
    if attempts
        .windows(2)
        .any(|pair| pair[0].number >= pair[1].number)
    {
        return Err("attempts are not in the order of their numbers".to_owned());
    }
    if let Some(key) = &status.run_key
        && key.parse::<RunKey>().is_err()
    {
        return Err(format!("runKey {key} is no UUID"));
    }
    let phase = phase_from(status.phase);
    if status.finished != status.phase.is_finished() {
        return Err(format!(
            "finished is {} but phase is {}",
            status.finished,
            status.phase.as_str()
        ));
    }
    Ok(Record {
        unreadable: None,
        phase,
        end: end(&status, phase),
        note: Note {
            kind: reasons::of_ready(&status.conditions),
            // Where to read on belongs to the reason and is written anew with it.
            message: without_guide(status.message.as_deref().unwrap_or_default()).to_owned(),
        },
        vault: status.vault_id.map(ArmId::new),
        item: status.protected_item.and_then(|item| {
            Some(ItemNames {
                container: item.container_name?,
                name: item.name?,
            })
        }),
        point: status.recovery_point.and_then(point),
        region: status.region,
        attempts,
        operation: status.operation.and_then(operation),
        job: status.job.and_then(job),
        start_time: status.start_time,
        trigger_time: status.trigger_time,
        completion_time: status.completion_time,
    })
}

fn end(status: &api::VmRestoreStatus, phase: Phase) -> Option<End> {
    match phase {
        Phase::Succeeded => Some(End::Succeeded),
        Phase::PartiallySucceeded => Some(End::PartiallySucceeded),
        Phase::Cancelled => Some(End::Cancelled),
        Phase::Failed => Some(End::Failed(
            reasons::failure(&status.conditions).unwrap_or(Failure::JobFailed),
        )),
        Phase::Pending
        | Phase::Triggering
        | Phase::Accepted
        | Phase::Running
        | Phase::Cancelling
        | Phase::Blocked => None,
    }
}

fn attempt(attempt: &api::Attempt) -> Result<Attempt, String> {
    let number = u8::try_from(attempt.number)
        .ok()
        .filter(|number| *number <= crate::restore::ids::MAX_ATTEMPTS)
        .ok_or_else(|| format!("attempt {} is out of range", attempt.number))?;
    let id = |text: &Option<String>, field: &str| match text {
        None => Ok(None),
        Some(text) => uuid::Uuid::parse_str(text)
            .map(|_| Some(text.clone()))
            .map_err(|_| format!("{field} of attempt {number} is no UUID")),
    };
    let claim = id(&attempt.claim_id, "claimId")?.and_then(|text| text.parse().ok());
    let request_id = id(&attempt.request_id, "requestId")?.and_then(|text| text.parse().ok());
    Ok(Attempt {
        number,
        request_id,
        claim,
        claimed: attempt.claim_time,
        state: state_from(attempt.state),
        accepted: attempt.accepted,
        operation: attempt.operation_id.clone().map(OperationId::new),
        job: attempt.job_id.clone().map(JobId::new),
        error: attempt.error.as_ref().map(error),
    })
}

fn error(error: &api::AzureError) -> ErrorText {
    ErrorText {
        code: error.code.clone().unwrap_or_default(),
        message: error.message.clone().unwrap_or_default(),
    }
}

fn point(point: api::SelectedRecoveryPoint) -> Option<ChosenPoint> {
    let tiers = point.tiers.into_iter().map(|tier| Tier {
        kind: tier.tier_type.unwrap_or_default(),
        status: tier.status.unwrap_or_default(),
    });
    Some(ChosenPoint {
        point: RecoveryPoint {
            name: RecoveryPointName::new(point.name?),
            object_type: String::new(),
            time: time_from(point.time.as_deref()),
            consistency: point.point_type.unwrap_or_default(),
            tiers: tiers.collect(),
            soft_deleted: None,
            expires: None,
            managed: None,
            details: PointDetails {
                edge_zone: point.extended_location.and_then(edge_zone),
                ..PointDetails::default()
            },
        },
        reason: point.reason.unwrap_or_default(),
        candidates: point.candidates.into_iter().filter_map(candidate).collect(),
    })
}

fn edge_zone(place: api::ExtendedLocation) -> Option<ExtendedLocation> {
    Some(ExtendedLocation {
        name: place.name?,
        kind: place.location_type?,
    })
}

fn candidate(candidate: api::Candidate) -> Option<Candidate> {
    Some(Candidate {
        name: RecoveryPointName::new(candidate.name?),
        time: time_from(candidate.time.as_deref()),
        consistency: candidate.point_type.unwrap_or_default(),
        verdict: candidate.verdict.unwrap_or_default(),
    })
}

fn operation(operation: api::Operation) -> Option<Operation> {
    Some(Operation {
        id: OperationId::new(operation.id?),
        status: OperationStatus::parse(&operation.status.unwrap_or_default()),
        started: time_from(operation.start_time.as_deref()),
        ended: time_from(operation.end_time.as_deref()),
        job: None,
        error: operation.error.as_ref().map(error),
    })
}

fn job(job: api::Job) -> Option<JobDetail> {
    let duration = |text: Option<String>| text.and_then(|text| text.parse::<SignedDuration>().ok());
    Some(JobDetail {
        summary: JobSummary {
            id: JobId::new(job.id?),
            activity_id: job.activity_id.unwrap_or_default(),
            operation: job.operation.unwrap_or_default(),
            status: JobStatus::parse(&job.status.unwrap_or_default()),
            started: time_from(job.start_time.as_deref()),
            ended: time_from(job.end_time.as_deref()),
            entity: String::new(),
            container: String::new(),
        },
        duration: duration(job.duration),
        estimated_remaining: duration(job.estimated_remaining),
        progress_percent: job
            .progress_percent
            .and_then(|percent| u8::try_from(percent).ok()),
        cancellable: job.cancellable,
        tasks: job
            .tasks
            .into_iter()
            .map(|task| JobTask {
                name: task.name.unwrap_or_default(),
                status: task.status.unwrap_or_default(),
                progress_percent: task
                    .progress_percent
                    .and_then(|percent| u8::try_from(percent).ok()),
                details: task.details.unwrap_or_default(),
            })
            .collect(),
        errors: job
            .errors
            .into_iter()
            .map(|error| JobError {
                code: error.code.unwrap_or_default(),
                title: error.title.unwrap_or_default(),
                message: error.message.unwrap_or_default(),
                recommendations: error.recommendations,
            })
            .collect(),
        properties: job.properties,
    })
}

fn time_from(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
