//! Translates between the object and the deciding side, both ways. Total: nothing that stands in an object makes it fail
//! or panic; a status that cannot be understood becomes a record that says so.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use crate::api::v1alpha1 as api;
use crate::restore::facts::{
    ErrorText, JobDetail, JobError, JobStatus, JobSummary, JobTask, Operation, OperationStatus,
    RecoveryPoint, Tier,
};
use crate::restore::ids::{
    ArmId, CanonicalRun, JobId, OperationId, RecoveryPointName, RunKey, Scope,
};
use crate::restore::record::{
    Attempt, AttemptState, Candidate, ChosenPoint, Claim, Control, End, Failure, Intent, ItemNames,
    Mark, Note, Phase, Record, Resolve, Run,
};
use crate::restore::request::Target;

use super::reasons;

/// Holds the object back while a claim stands.
pub const FINALIZER: &str = "vmrestore.azurebackup.dev/trigger";
/// `<attempt>/<claim id>`.
pub const CLAIM: &str = "vmrestore.azurebackup.dev/claim";
/// What a person decided about a blocked run.
pub const RESOLVE: &str = "vmrestore.azurebackup.dev/resolve";

/// Longest text in a status, in characters.
const TEXT: usize = 1024;
/// Most entries of a list that Azure fills.
const LIST: usize = 32;

/// Reads an object. `vault` is the ARM id of its vault, if the vault object is known.
pub fn run(object: &api::VmRestore, vault: Option<ArmId>, scope: &Scope) -> Run {
    let record = record(object);
    let stored_key = stored(object).and_then(|status| status.run_key?.parse().ok());
    let spec = &object.spec;
    let vault = vault
        .or_else(|| record.vault.clone())
        .unwrap_or_else(|| ArmId::new(""));
    let api::RestoreTarget {
        storage_account_id,
        resource_group_id,
    } = &spec.target;
    let target = match spec.recovery_type {
        api::RecoveryType::RestoreDisks => Target::Disks {
            storage_account: ArmId::new(storage_account_id),
            resource_group: resource_group_id.as_ref().map(ArmId::new),
        },
    };
    Run {
        key: stored_key.unwrap_or_else(|| RunKey::compute(scope, &canonical(object, &vault))),
        intent: Intent {
            vm: ArmId::new(&spec.source_virtual_machine_id),
            point: point_name(spec),
            target,
            vault,
        },
        control: Control {
            start_by: spec.start_by,
            retry_limit: spec.retry_limit,
            run_timeout: spec.timeouts.run.value(),
        },
        mark: mark(object),
        resolve: object
            .annotations()
            .get(RESOLVE)
            .and_then(|text| resolve(text)),
        deleting: object.metadata.deletion_timestamp.is_some(),
        record,
    }
}

fn point_name(spec: &api::VmRestoreSpec) -> Option<RecoveryPointName> {
    let selector = spec.recovery_point.as_ref()?;
    selector.name.clone().map(RecoveryPointName::new)
}

/// Canonical form, version 1: every frozen field, the vault by its ARM id. A test enumerates the fields.
fn canonical(object: &api::VmRestore, vault: &ArmId) -> CanonicalRun {
    let spec = &object.spec;
    let id = |text: &str| ArmId::new(text).canonical();
    let recovery_type = match spec.recovery_type {
        api::RecoveryType::RestoreDisks => "RestoreDisks",
    };
    CanonicalRun::new(
        &object.namespace().unwrap_or_default(),
        &object.name_any(),
        vault,
    )
    .with(
        "sourceVirtualMachineId",
        Some(id(&spec.source_virtual_machine_id)),
    )
    .with(
        "recoveryPoint.name",
        point_name(spec).map(|name| name.as_str().to_owned()),
    )
    .with("recoveryType", Some(recovery_type))
    .with(
        "target.storageAccountId",
        Some(id(&spec.target.storage_account_id)),
    )
    .with(
        "target.resourceGroupId",
        spec.target.resource_group_id.as_deref().map(id),
    )
    .with("runId", Some(spec.run_id.as_str()))
}

fn mark(object: &api::VmRestore) -> Mark {
    let held = object
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER);
    let text = object.annotations().get(CLAIM);
    let claim = text.and_then(|text| claim(text));
    let deleting = object.metadata.deletion_timestamp.is_some();
    match (held, text, claim) {
        (true, _, Some(claim)) => Mark::Standing(claim),
        (true, _, None) => Mark::Unreadable,
        (false, None, _) => Mark::None,
        // An object that is being deleted takes no new finalizer: it cannot be held back any more.
        (false, Some(_), _) if deleting => Mark::None,
        (false, Some(_), Some(claim)) => Mark::WithoutFinalizer(claim),
        (false, Some(_), None) => Mark::Unreadable,
    }
}

/// Writes a claim as its annotation shows it.
pub fn claim_text(claim: Claim) -> String {
    format!("{}/{}", claim.attempt, claim.id)
}

fn claim(text: &str) -> Option<Claim> {
    let (attempt, id) = text.split_once('/')?;
    let attempt = attempt
        .parse()
        .ok()
        .filter(|attempt| *attempt <= crate::restore::ids::MAX_ATTEMPTS)?;
    Some(Claim {
        attempt,
        id: id.parse().ok()?,
    })
}

fn resolve(text: &str) -> Option<Resolve> {
    let (word, rest) = text.trim().split_once(':')?;
    match word {
        "retry" => Some(Resolve::Retry(rest.parse().ok()?)),
        "abandon" => Some(Resolve::Abandon(rest.parse().ok()?)),
        "adopt" => {
            let (id, job) = rest.split_once('/')?;
            Some(Resolve::Adopt(id.parse().ok()?, JobId::new(job.trim())))
        }
        _ => None,
    }
}

fn stored(object: &api::VmRestore) -> Option<api::VmRestoreStatus> {
    object.status.as_ref()?.read().ok()
}

/// Reads the status. Everything that decides is checked; what only informs is taken as far as it can be read.
fn record(object: &api::VmRestore) -> Record {
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
            message: status.message.unwrap_or_default(),
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
            soft_deleted: false,
            expires: None,
            managed: None,
        },
        reason: point.reason.unwrap_or_default(),
        candidates: point.candidates.into_iter().filter_map(candidate).collect(),
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

/// Writes the status of a run, without conditions and generation.
pub fn status(run: &Run, record: &Record) -> api::VmRestoreStatus {
    let phase = phase_to(record.phase);
    api::VmRestoreStatus {
        observed_generation: -1,
        phase,
        finished: phase.is_finished(),
        message: text(&record.note.message),
        run_key: Some(run.key.to_string()),
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
        cancellable: job.cancellable,
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

fn time_from(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
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

/// Declares two enums as the same words on both sides.
macro_rules! same_words {
    ($to:ident, $from:ident, $domain:ty, $stored:ty: $($name:ident)+) => {
        fn $to(word: $domain) -> $stored {
            match word {
                $(<$domain>::$name => <$stored>::$name,)+
            }
        }

        fn $from(word: $stored) -> $domain {
            match word {
                $(<$stored>::$name => <$domain>::$name,)+
            }
        }
    };
}

same_words!(phase_to, phase_from, Phase, api::Phase:
    Pending Triggering Accepted Running Cancelling Blocked Succeeded PartiallySucceeded Failed Cancelled);
same_words!(state_to, state_from, AttemptState, api::AttemptState:
    Claimed NotStarted Conflict Unknown Accepted JobSought OperationFailed Running Adopted Ended JobFailed NotFound Blocked Abandoned);
