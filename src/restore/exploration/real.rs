//! The small words of the explorer in those of the ports.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::super::facts::{
    ErrorText, JobDetail, JobError, JobStatus, JobSummary, Operation, ProtectedItem, RecoveryPoint,
    RefusalKind, SeenJob, Then, Tier, TriggerOutcome, VaultError, VaultFacts,
};
use super::super::ids::{ArmId, CanonicalRun, RecoveryPointName, RunKey, Scope};
use super::super::item_lock::{Holder, ItemLock};
use super::super::ports::StoreError;
use super::super::record::{Control, Intent, Record, Run};
use super::super::request::Target;
use super::super::simulation::answers::{refusal, text};
use super::names::{job_name, operation_name};
use super::time::{SECONDS, Ticks, at, wall};
use super::words::{Controls, Ended, Fault, Listed, Outcome, View};
use super::worlds::{Bounds, Kind};

/// The run with this number.
pub fn key_of(run: u8) -> RunKey {
    let canonical = CanonicalRun::new("n", &format!("r{run}"), &ArmId::new("v"));
    RunKey::compute(&Scope::new("s"), &canonical)
}

fn target(kind: Kind) -> Target {
    let storage_account = ArmId::new(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
    );
    match kind {
        Kind::OriginalLocation => Target::OriginalLocation { storage_account },
        Kind::RestoreDisks => Target::Disks {
            storage_account,
            resource_group: None,
        },
    }
}

/// What a run asks for.
pub fn intent(kind: Kind) -> Intent {
    Intent {
        vm: ArmId::new(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web",
        ),
        point: Default::default(),
        target: target(kind),
        options: Default::default(),
        vault: ArmId::new("v"),
    }
}

fn control(bounds: &Bounds, controls: Controls, time: Ticks) -> Control {
    Control {
        start_by: controls.start_by.map(|left| wall(time + Ticks::from(left))),
        retry_limit: bounds.retry_limit,
        run_timeout: bounds
            .run_timeout
            .map_or(SignedDuration::from_hours(24), |ticks| {
                SignedDuration::from_secs(i64::from(ticks) * SECONDS)
            }),
        suspend: controls.suspend,
        cancel: controls.cancel,
    }
}

/// The object as a pass reads it so many ticks after it began.
pub fn run(bounds: &Bounds, view: View, record: Record, time: Ticks) -> Run {
    Run {
        key: key_of(view.run),
        intent: intent(bounds.runs[usize::from(view.run)]),
        control: control(bounds, view.controls, time),
        mark: view.mark.mark(),
        resolve: view.resolve.map(super::words::Word::resolve),
        deleting: view.deleting,
        record,
    }
}

fn summary(job: Listed, time: Ticks) -> JobSummary {
    let id = key_of(job.run).request_id(job.attempt);
    JobSummary {
        id: job_name(job.place),
        activity_id: if job.has_id {
            id.to_string()
        } else {
            String::new()
        },
        operation: "Restore".to_owned(),
        status: job.stands.status(),
        // Of two jobs of one tick the later one started later.
        started: Some(
            wall(time - Ticks::from(job.age)) + SignedDuration::from_secs(job.place.into()),
        ),
        ended: None,
        entity: "web".to_owned(),
        container: String::new(),
    }
}

/// A job in a list.
pub fn seen(job: Listed, time: Ticks) -> SeenJob {
    SeenJob {
        job: summary(job, time),
        shown_by_listing_begun: at(time - Ticks::from(job.shown), 0),
    }
}

/// A job as a single read shows it.
pub fn detail(job: Listed, time: Ticks) -> JobDetail {
    let summary = summary(job, time);
    let errors = match summary.status {
        JobStatus::Failed => vec![JobError {
            code: "400000".to_owned(),
            title: "CloudInternalError".to_owned(),
            message: "said Azure".to_owned(),
            recommendations: Vec::new(),
        }],
        _ => Vec::new(),
    };
    JobDetail {
        errors,
        properties: BTreeMap::new(),
        ..JobDetail::from_list(summary, None)
    }
}

/// What an operation says.
pub fn operation(ended: Ended) -> Operation {
    Operation {
        status: ended.status(),
        job: ended.job.map(job_name),
        error: ended.fails.then(|| text("CloudInternalError")),
        ..Operation::unread(operation_name(ended.place))
    }
}

/// What a trigger is answered.
pub fn outcome(outcome: Outcome) -> TriggerOutcome {
    let minute = SignedDuration::from_secs(60);
    match outcome {
        Outcome::Accepted(operation) => TriggerOutcome::Accepted {
            operation: operation.map(operation_name),
        },
        Outcome::Unknown => TriggerOutcome::Unknown {
            what: "no answer".to_owned(),
        },
        Outcome::Busy => refusal(RefusalKind::Busy, Then::LookThenRetryAfter(minute)),
        Outcome::Throttled => refusal(RefusalKind::Throttled, Then::RetryAfter(minute)),
        Outcome::Refused => refusal(RefusalKind::BadRequest, Then::GiveUp),
        Outcome::TooLate => refusal(RefusalKind::TooLate, Then::RetryAfter(SignedDuration::ZERO)),
    }
}

/// An access to the API server that did not work.
pub fn store_error(fault: Fault) -> StoreError {
    match fault {
        Fault::Conflict => StoreError::Conflict,
        Fault::Gone => StoreError::Gone,
        Fault::Lost => StoreError::Lost("no answer".to_owned()),
        Fault::Refused => StoreError::Refused("not now".to_owned()),
    }
}

/// A read of Azure that did not work.
pub fn not_read() -> VaultError {
    VaultError {
        kind: RefusalKind::Unavailable,
        error: ErrorText {
            code: String::new(),
            message: "said Azure".to_owned(),
        },
        retry_after: SignedDuration::from_secs(30),
    }
}

/// The lock of the VM.
pub fn lock(lock: Option<(u8, u8)>) -> ItemLock {
    ItemLock {
        version: lock.map(|(version, _)| version.to_string()),
        holder: lock.map(|(_, run)| holder(run)),
    }
}

/// A run as the holder of a lock.
pub fn holder(run: u8) -> Holder {
    Holder {
        key: Some(key_of(run)),
        namespace: "n".to_owned(),
        name: run.to_string(),
        vault: Some(ArmId::new("v")),
    }
}

/// The vault.
pub fn facts() -> VaultFacts {
    VaultFacts {
        location: "westus".to_owned(),
        storage_redundancy: None,
        cross_region_restore: None,
        ..VaultFacts::default()
    }
}

/// The item that every run restores.
pub fn item(vm: &ArmId) -> ProtectedItem {
    ProtectedItem {
        container: "c".to_owned(),
        name: "i".to_owned(),
        source: vm.clone(),
        protection_state: "Protected".to_owned(),
        soft_deleted: false,
    }
}

/// Its only recovery point.
pub fn point() -> RecoveryPoint {
    RecoveryPoint {
        name: RecoveryPointName::new("1"),
        object_type: String::new(),
        // Older than any clock that is set wrong.
        time: Some(wall(-100_000)),
        consistency: "AppConsistent".to_owned(),
        tiers: vec![Tier {
            kind: "HardenedRP".to_owned(),
            status: "Valid".to_owned(),
        }],
        soft_deleted: Some(false),
        expires: None,
        managed: Some(true),
        details: Default::default(),
    }
}
