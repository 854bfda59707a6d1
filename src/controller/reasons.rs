//! Which words stand in the conditions: one reason for each thing that the deciding side says.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::status_write;
use crate::api::conditions::{self, ConditionType, Reason, Said, Standing};
use crate::restore::record::{AttemptState, End, Failure, Mark, NoteKind, Record, Run};
use crate::restore::request::Target;

/// Pairs of what the deciding side says and what users read.
const REASONS: [(NoteKind, Reason); 33] = [
    (NoteKind::Selecting, Reason::Selecting),
    (NoteKind::LookingForJob, Reason::LookingForJob),
    (NoteKind::ConfirmingTrigger, Reason::ConfirmingTrigger),
    (NoteKind::Triggering, Reason::Triggering),
    (NoteKind::WaitingForOperation, Reason::WaitingForOperation),
    (NoteKind::JobRunning, Reason::JobRunning),
    (NoteKind::JobStalled, Reason::JobStalled),
    (NoteKind::WaitingForRetry, Reason::WaitingForRetry),
    (NoteKind::Throttled, Reason::Throttled),
    (NoteKind::AzureUnavailable, Reason::AzureUnavailable),
    (NoteKind::ItemBusy, Reason::ItemBusy),
    (NoteKind::VaultNotFound, Reason::VaultNotFound),
    (NoteKind::VaultNotAllowed, Reason::VaultNotAllowed),
    (NoteKind::EndpointNotAllowed, Reason::EndpointNotAllowed),
    (NoteKind::SecretNotFound, Reason::SecretNotFound),
    (NoteKind::SecretKeyMissing, Reason::SecretKeyMissing),
    (NoteKind::AuthenticationFailed, Reason::AuthenticationFailed),
    (NoteKind::PermissionDenied, Reason::PermissionDenied),
    (NoteKind::AzureVaultNotFound, Reason::AzureVaultNotFound),
    (
        NoteKind::VirtualMachineNotProtected,
        Reason::VirtualMachineNotProtected,
    ),
    (NoteKind::NoRecoveryPoint, Reason::NoRecoveryPoint),
    (
        NoteKind::RecoveryPointNotFound,
        Reason::RecoveryPointNotFound,
    ),
    (
        NoteKind::RecoveryPointUnusable,
        Reason::RecoveryPointUnusable,
    ),
    (
        NoteKind::EncryptedVirtualMachine,
        Reason::EncryptedVirtualMachine,
    ),
    (NoteKind::TransferNotFinished, Reason::TransferNotFinished),
    (
        NoteKind::DiskNetworkAccessRequired,
        Reason::DiskNetworkAccessRequired,
    ),
    (
        NoteKind::DiskNotInRecoveryPoint,
        Reason::DiskNotInRecoveryPoint,
    ),
    (
        NoteKind::ResourceGuardInAnotherTenant,
        Reason::ResourceGuardInAnotherTenant,
    ),
    (NoteKind::TargetUnsuitable, Reason::TargetUnsuitable),
    (NoteKind::AzureRefused, Reason::AzureRefused),
    (NoteKind::VaultChanged, Reason::VaultChanged),
    (
        NoteKind::TriggerOutcomeUnknown,
        Reason::TriggerOutcomeUnknown,
    ),
    (NoteKind::StatusUnreadable, Reason::StatusUnreadable),
];

const FAILURES: [(Failure, Reason); 6] = [
    (Failure::JobFailed, Reason::JobFailed),
    (Failure::OperationFailed, Reason::OperationFailed),
    (Failure::RestoreRefused, Reason::RestoreRefused),
    (Failure::StartByPassed, Reason::StartByPassed),
    (Failure::RunTimedOut, Reason::RunTimedOut),
    (Failure::Abandoned, Reason::Abandoned),
];

/// The reason of a run's `Ready` condition.
pub fn of(record: &Record) -> Reason {
    match &record.end {
        Some(End::Succeeded) => Reason::Succeeded,
        Some(End::PartiallySucceeded) => Reason::PartiallySucceeded,
        Some(End::Cancelled) => Reason::JobCancelled,
        Some(End::Failed(failure)) => FAILURES
            .iter()
            .find(|(known, _)| known == failure)
            .map_or(Reason::JobFailed, |(_, reason)| *reason),
        None => of_note(record.note.kind),
    }
}

/// The reason of a note.
pub fn of_note(kind: NoteKind) -> Reason {
    REASONS
        .iter()
        .find(|(known, _)| *known == kind)
        .map_or(Reason::JobRunning, |(_, reason)| *reason)
}

/// What a stored `Ready` condition says, as far as it is known.
pub fn of_ready(conditions: &[Condition]) -> NoteKind {
    let word = reason_of(conditions, ConditionType::Ready);
    let milestone = reason_of(conditions, ConditionType::Triggered);
    let following = word == Some(Reason::JobRunning.as_str());
    if following && milestone == Some(Reason::DuplicateJobs.as_str()) {
        return NoteKind::DuplicateJobs;
    }
    REASONS
        .iter()
        .find(|(_, reason)| Some(reason.as_str()) == word)
        .map_or(NoteKind::Selecting, |(kind, _)| *kind)
}

/// Why a stored run failed.
pub fn failure(conditions: &[Condition]) -> Option<Failure> {
    let word = reason_of(conditions, ConditionType::Failed)?;
    FAILURES
        .iter()
        .find(|(_, reason)| reason.as_str() == word)
        .map(|(failure, _)| *failure)
}

fn reason_of(conditions: &[Condition], about: ConditionType) -> Option<&str> {
    conditions
        .iter()
        .find(|condition| condition.type_ == about.as_str())
        .map(|condition| condition.reason.as_str())
}

const VHD_WARNING: &str = " (warning: without spec.target.resourceGroupId Azure writes VHD files into the storage account instead of managed disks)";

/// What status says for people: the note, and a warning where the request is legal but seldom wanted.
pub fn message(run: &Run, record: &Record) -> String {
    let writes_vhds = matches!(
        &run.intent.target,
        Target::Disks {
            resource_group: None,
            ..
        }
    );
    let said = &record.note.message;
    // A message that was read back from status has the warning already.
    if !writes_vhds || record.attempts.is_empty() || said.ends_with(VHD_WARNING) {
        return said.clone();
    }
    format!("{said}{VHD_WARNING}")
}

/// Reason and message of a run's `Ready` condition.
pub fn said(run: &Run, record: &Record) -> (Reason, String) {
    let reason = of(record);
    let message = message(run, record);
    let waits = run.deleting
        && matches!(run.mark, Mark::Standing(_))
        && reason.standing() == Standing::Working;
    // Each record that is written meanwhile tells of the deletion itself.
    (if waits { Reason::DeletionWaits } else { reason }, message)
}

/// The message that status and conditions show: of a bounded length, and with where to read on if a person must act.
pub fn shown(run: &Run, record: &Record) -> String {
    let (reason, message) = said(run, record);
    conditions::with_guide(status_write::cut(&message), reason)
}

/// Sets the conditions of a run (design 2.2, table of states).
pub fn set(
    conditions: &mut Vec<Condition>,
    run: &Run,
    record: &Record,
    generation: i64,
    now: Timestamp,
) {
    let (reason, message) = (said(run, record).0, shown(run, record));
    let say = |status: Option<bool>, reason: Reason| Said {
        status,
        reason,
        message: message.clone(),
        observed_generation: generation,
    };
    let mut put = |about: ConditionType, status: Option<Option<bool>>, reason: Reason| match status
    {
        Some(status) => conditions::set(conditions, about, say(status, reason), now),
        None => conditions::unset(conditions, about),
    };
    let standing = reason.standing();
    let only_if = |yes: bool| yes.then_some(Some(true));
    put(
        ConditionType::Ready,
        Some(Some(standing == Standing::Good)),
        reason,
    );
    put(
        ConditionType::Reconciling,
        only_if(standing == Standing::Working),
        reason,
    );
    put(
        ConditionType::Stalled,
        only_if(matches!(standing, Standing::Blocked | Standing::Bad)),
        reason,
    );
    put(
        ConditionType::Complete,
        only_if(record.end == Some(End::Succeeded)),
        reason,
    );
    let failed = record
        .end
        .as_ref()
        .is_some_and(|end| *end != End::Succeeded);
    put(ConditionType::Failed, only_if(failed), reason);
    milestones(conditions, record, generation, now);
}

fn milestones(conditions: &mut Vec<Condition>, record: &Record, generation: i64, now: Timestamp) {
    // Once seen it stays said, also when the job that is followed has ended.
    let duplicate = record.note.kind == NoteKind::DuplicateJobs
        || reason_of(conditions, ConditionType::Triggered) == Some(Reason::DuplicateJobs.as_str());
    let mut reach = |about: ConditionType, reason: Reason, message: String| {
        let said = Said {
            status: Some(true),
            reason,
            message,
            observed_generation: generation,
        };
        conditions::set(conditions, about, said, now);
    };
    if let Some(point) = &record.point {
        reach(
            ConditionType::RecoveryPointSelected,
            Reason::RecoveryPointChosen,
            format!("{}: {}", point.point.name, point.reason),
        );
    }
    let triggered = record
        .attempts
        .iter()
        .rev()
        .find(|attempt| attempt.accepted || attempt.job.is_some());
    if let Some(attempt) = triggered {
        let found = attempt.job.is_some() && attempt.operation.is_none();
        let reason = match attempt.state {
            _ if duplicate => Reason::DuplicateJobs,
            AttemptState::Adopted => Reason::JobAdopted,
            _ if found => Reason::JobAdopted,
            _ => Reason::Accepted,
        };
        reach(
            ConditionType::Triggered,
            reason,
            format!("attempt {}", attempt.number),
        );
    }
    let ended = record
        .job
        .as_ref()
        .filter(|job| job.summary.status.is_terminal());
    if let Some(job) = ended
        && job.properties.keys().any(|key| key.ends_with("Blob Uri"))
    {
        reach(
            ConditionType::OutputsRead,
            Reason::OutputsFound,
            "template and configuration are named in status.outputs".to_owned(),
        );
    }
}
