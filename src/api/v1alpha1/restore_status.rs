//! What the controller says about a `VmRestore`.
//!
//! The schema has types only, no enum, pattern, length or required field: a status write that the API server refuses after
//! Azure accepted a restore would lose track of that restore. Texts and lists are cut where they are written.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition_list::condition_list;
use super::job_status::{AzureError, Job, Operation, Outputs};

/// What the controller knows about the run. Written by the controller only.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VmRestoreStatus {
    /// metadata.generation that this status is about; -1 until the controller has seen the object.
    #[serde(default = "not_observed")]
    pub observed_generation: i64,
    /// How far the run is: Pending, Triggering, Accepted, Running, Cancelling or Blocked, and at the end Succeeded, PartiallySucceeded, Failed or Cancelled.
    #[serde(default)]
    #[schemars(with = "String")]
    pub phase: Phase,
    /// True once the run has ended, well or badly: kubectl wait --for=jsonpath='{.status.finished}'=true
    #[serde(default)]
    pub finished: bool,
    /// What happens now, or what a person has to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Identity of the run (a UUID made from its content): the same content is the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_key: Option<String>,
    /// Azure resource id of the vault that this run belongs to, fixed when the recovery point is chosen, or when a job or claim of the run is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_id: Option<String>,
    /// Name of the source virtual machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_machine_name: Option<String>,
    /// The machine as the vault knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_item: Option<ProtectedItem>,
    /// Azure region that the restore runs in: that of the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The chosen recovery point, and why this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_point: Option<SelectedRecoveryPoint>,
    /// Every attempt to start the restore, oldest first; 16 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The asynchronous operation that accepts the restore and creates the job. Succeeded means that the job was created, not that anything was restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// The backup job that does the restore, as the portal shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// What the restore has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Outputs>,
    /// Ready always; Reconciling and Stalled while they are true; RecoveryPointSelected, Triggered and OutputsRead once it is so; Complete or Failed at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition_list")]
    pub conditions: Vec<Condition>,
    /// When the controller first worked on the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub start_time: Option<Timestamp>,
    /// When Azure accepted the restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub trigger_time: Option<Timestamp>,
    /// When the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub completion_time: Option<Timestamp>,
}

fn not_observed() -> i64 {
    -1
}

impl Default for VmRestoreStatus {
    fn default() -> Self {
        Self {
            observed_generation: not_observed(),
            phase: Phase::default(),
            finished: false,
            message: None,
            run_key: None,
            vault_id: None,
            virtual_machine_name: None,
            protected_item: None,
            region: None,
            recovery_point: None,
            attempts: Vec::new(),
            operation: None,
            job: None,
            outputs: None,
            conditions: Vec::new(),
            start_time: None,
            trigger_time: None,
            completion_time: None,
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum Phase {
    /// Nothing has been sent to Azure that starts a restore.
    #[default]
    Pending,
    /// The trigger is being sent, or it is not known yet whether Azure took it.
    Triggering,
    /// Azure accepted the restore; its job is not known yet.
    Accepted,
    /// The job is known and has not ended.
    Running,
    /// The job is being cancelled.
    Cancelling,
    /// A person must act; the message says what to do.
    Blocked,
    /// Azure restored everything that was asked for.
    Succeeded,
    /// Azure ended the job with warnings: look at what came back.
    PartiallySucceeded,
    /// The run ended without the restore.
    Failed,
    /// The job was cancelled.
    Cancelled,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Triggering,
        Self::Accepted,
        Self::Running,
        Self::Cancelling,
        Self::Blocked,
        Self::Succeeded,
        Self::PartiallySucceeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word that stands in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Triggering => "Triggering",
            Self::Accepted => "Accepted",
            Self::Running => "Running",
            Self::Cancelling => "Cancelling",
            Self::Blocked => "Blocked",
            Self::Succeeded => "Succeeded",
            Self::PartiallySucceeded => "PartiallySucceeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether the run has ended.
    pub const fn is_finished(self) -> bool {
        match self {
            Self::Succeeded | Self::PartiallySucceeded | Self::Failed | Self::Cancelled => true,
            Self::Pending
            | Self::Triggering
            | Self::Accepted
            | Self::Running
            | Self::Cancelling
            | Self::Blocked => false,
        }
    }
}

/// The machine as the vault knows it. The names are Azure's and are used as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProtectedItem {
    /// Name of the protection container, for example IaasVMContainer;iaasvmcontainerv2;web;web-1
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_name: Option<String>,
    /// Name of the protected item, for example VM;iaasvmcontainerv2;web;web-1
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The chosen recovery point, and why this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectedRecoveryPoint {
    /// Name of the recovery point, a long number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was taken (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Its consistency: AppConsistent, FileSystemConsistent or CrashConsistent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub point_type: Option<String>,
    /// Where its data lies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<RecoveryPointTier>,
    /// The edge zone that the machine was in; it is restored there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_location: Option<ExtendedLocation>,
    /// Why this one was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The first few points that were looked at and what was thought of them; 5 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

/// A place beside the regions of Azure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExtendedLocation {
    /// Its name, for example losangeles
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// EdgeZone.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub location_type: Option<String>,
}

/// One place where the data of a recovery point lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryPointTier {
    /// InstantRP (snapshot), HardenedRP (vault) or ArchivedRP (archive).
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub tier_type: Option<String>,
    /// Valid and Rehydrated can be restored from; Deleted and Disabled cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A recovery point that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Name of the recovery point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was taken (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Its consistency.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub point_type: Option<String>,
    /// Chosen, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
}

/// One attempt to start the restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// 1 for the first attempt.
    #[serde(default)]
    #[schemars(with = "i64")]
    pub number: u32,
    /// The id that went with the request; Azure shows it as the activityId of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The claim under which the request was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_id: Option<String>,
    /// When it was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub claim_time: Option<Timestamp>,
    /// What became of it: Claimed, NotStarted, Conflict, Unknown, Accepted, JobSought, OperationFailed, Running, Adopted, Ended, JobFailed, NotFound, Blocked or Abandoned.
    #[serde(default)]
    #[schemars(with = "String")]
    pub state: AttemptState,
    /// Whether Azure ever answered that it accepted the attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
    /// Id of the operation, if Azure accepted the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
    /// Name of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Why it failed or did not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<AzureError>,
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum AttemptState {
    /// Claimed; the request may be on its way.
    #[default]
    Claimed,
    /// Azure provably did not start a restore: the attempt keeps its number.
    NotStarted,
    /// Azure said that another operation is in the way; a look at the jobs confirms that nothing started.
    Conflict,
    /// The answer was lost or says nothing; the controller looks for its job.
    Unknown,
    /// Azure accepted the request.
    Accepted,
    /// Azure accepted it, but names no job; the controller looks for it.
    JobSought,
    /// Its operation failed without a job.
    OperationFailed,
    /// Its job is known and has not ended.
    Running,
    /// A person said which job is its own; it has not ended.
    Adopted,
    /// Its job has ended, not as failed.
    Ended,
    /// Its job has failed.
    JobFailed,
    /// No job of it was listed within the adoption window.
    NotFound,
    /// It cannot be known what became of it: a person decides.
    Blocked,
    /// A person has given it up.
    Abandoned,
}
