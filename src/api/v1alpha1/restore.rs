//! `VmRestore`: one run of one restore.

#![allow(
    clippy::duplicated_attributes,
    reason = "printer columns repeat their keys, column by column"
)]

use kube::core::{Message, Rule};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{DATE_TIME, DurationText};
use super::recovery_point::RecoveryPointSelector;
use super::stored_status::StoredStatus;
use super::target::{self, RestoreTarget, arm_id};

/// Fields of the spec that are fixed once the object exists: together they say which restore is meant.
pub const FROZEN: [&str; 6] = [
    "vaultRef",
    "sourceVirtualMachineId",
    "recoveryPoint",
    "recoveryType",
    "target",
    "runId",
];

/// Fields of the spec that may change while the run goes on.
pub const CONTROL: [&str; 3] = ["startBy", "retryLimit", "timeouts"];

const VIRTUAL_MACHINE_ID: &str =
    arm_id!("/providers/Microsoft[.]Compute/virtualMachines/[^/?#%\\\\s]{1,64}");
const TIMEOUT: &str = "self.matches('^([0-9]{1,6}[hms])+$') && duration(self) >= duration('1s') && duration(self) <= duration('720h')";

/// One rule for all frozen fields; `has` on both sides also catches an optional field that is added or removed.
fn frozen_fields_stay() -> Rule {
    let unchanged = FROZEN.map(|f| {
        format!("has(self.{f}) == has(oldSelf.{f}) && (!has(self.{f}) || self.{f} == oldSelf.{f})")
    });
    Rule::new(unchanged.join(" && ")).message(Message::Message(format!(
        "{} cannot change once a VmRestore exists: create a new VmRestore instead (with another metadata.name, or another spec.runId to repeat the same restore)",
        FROZEN.join(", ")
    )))
}

/// The restore that is wanted. The first six fields say which restore is meant and are fixed from creation; to restore
/// something else, or once more, create another VmRestore. startBy, retryLimit and timeouts may change at any time.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, Serialize)]
#[kube(
    group = "azurebackup.dev",
    version = "v1alpha1",
    kind = "VmRestore",
    namespaced,
    shortname = "vmr",
    category = "azurebackup",
    status = "StoredStatus",
    doc = "One run of one restore of an Azure virtual machine from Azure Backup. The controller chooses the recovery point, starts the restore exactly once, follows Azure's operation and job, and writes all of it into status.",
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "How far the run is."
    ),
    printcolumn(
        name = "VM",
        type_ = "string",
        json_path = ".status.virtualMachineName",
        description = "Name of the source virtual machine."
    ),
    printcolumn(
        name = "Type",
        type_ = "string",
        json_path = ".spec.recoveryType",
        description = "What is restored."
    ),
    printcolumn(
        name = "Point",
        type_ = "string",
        json_path = ".status.recoveryPoint.time",
        description = "Time of the chosen recovery point."
    ),
    printcolumn(
        name = "Progress",
        type_ = "integer",
        json_path = ".status.job.progressPercent",
        description = "Percent, as Azure reports it; often jumps from 1 to 100."
    ),
    printcolumn(
        name = "Job",
        type_ = "string",
        json_path = ".status.job.id",
        description = "Name of the job in the vault."
    ),
    printcolumn(
        name = "Operation",
        type_ = "string",
        json_path = ".status.operation.id",
        priority = 1,
        description = "Id of the asynchronous operation that created the job."
    ),
    printcolumn(
        name = "Attempt",
        type_ = "integer",
        json_path = ".status.attempts[-1:].number",
        priority = 1,
        description = "Number of the newest attempt."
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.message",
        priority = 1,
        description = "What happens now, or what to do."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = frozen_fields_stay(),
    validation = target::a_new_machine_needs_its_place(),
    validation = target::only_alternate_location_makes_a_machine(),
    validation = target::only_restore_disks_chooses_disks(),
    validation = target::original_location_has_its_place(),
    validation = target::original_location_needs_start_by()
)]
pub struct VmRestoreSpec {
    /// The RecoveryServicesVault object that says where the backup lies and as whom to restore. Fixed from creation.
    pub vault_ref: VaultRef,

    /// Azure resource id of the backed-up virtual machine, in any letter case. The machine itself may be gone. Fixed from creation.
    /// Example: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/web-1
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(VIRTUAL_MACHINE_ID).message("sourceVirtualMachineId must be the id of a virtual machine: write /subscriptions/<subscription id>/resourceGroups/<resource group>/providers/Microsoft.Compute/virtualMachines/<name>"))]
    pub source_virtual_machine_id: String,

    /// Which recovery point to restore. Left out: the newest one that can be used. Fixed from creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_point: Option<RecoveryPointSelector>,

    /// What to restore, in Azure's own names. Fixed from creation.
    /// RestoreDisks: the disks of the machine become new disks; nothing that exists is changed.
    /// OriginalLocation: the disks of the machine itself are replaced. It must exist; its old disks stay beside it. Needs startBy. One run at a time does this for one machine.
    /// AlternateLocation: a new machine is created. Needs target.resourceGroupId, virtualMachineId, virtualNetworkId and subnetId.
    pub recovery_type: RecoveryType,

    /// Where the restored things go. Fixed from creation.
    pub target: RestoreTarget,

    /// Sets apart runs with the same content. To do the same restore once more, create a VmRestore with another runId.
    /// The same name and content with the same runId is always the same run, also after the object was deleted and applied again. Fixed from creation.
    #[serde(default)]
    #[schemars(length(max = 63))]
    pub run_id: String,

    /// No restore is started after this time (RFC 3339, for example 2026-11-22T18:00:00Z); one that has been started is still found and followed.
    /// Required for OriginalLocation. Recommended for manifests kept in Git: Azure forgets its jobs after some months, and a manifest applied to a rebuilt cluster would then start anew. May change at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 40))]
    #[x_kube(validation = Rule::new(DATE_TIME).message("startBy must be a date and time with a zone, before 9999-12-30: write for example 2026-11-22T18:00:00Z"))]
    pub start_by: Option<jiff::Timestamp>,

    /// How many new attempts the controller makes by itself after a failure that Azure calls passing, or after an unknown outcome where that is safe: 0 to 10. May change at any time.
    #[serde(default = "default_retry_limit")]
    #[schemars(with = "i32", range(min = 0, max = 10))]
    pub retry_limit: u8,

    /// How long to wait for what. May change at any time.
    #[serde(default)]
    pub timeouts: Timeouts,
}

/// Refers to a RecoveryServicesVault object.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultRef {
    /// metadata.name of the RecoveryServicesVault object (not the name of the vault in Azure).
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Namespace of that object. Left out: the namespace of this VmRestore. Another namespace must be allowed in the vault's allowedNamespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// What to restore, in Azure's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum RecoveryType {
    /// The disks of the machine become new disks; nothing that exists is changed.
    RestoreDisks,
    /// The disks of the machine itself are replaced.
    OriginalLocation,
    /// A new machine is created.
    AlternateLocation,
}

impl RecoveryType {
    /// Azure's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RestoreDisks => "RestoreDisks",
            Self::OriginalLocation => "OriginalLocation",
            Self::AlternateLocation => "AlternateLocation",
        }
    }
}

/// How long to wait for what.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// How long the controller follows the run, from its start: 1s to 720h, written like 24h, 90m or 1h30m. After that the run ends as Failed with reason RunTimedOut; the job in Azure goes on.
    #[serde(default = "default_run_timeout")]
    #[schemars(with = "String", length(max = 16))]
    #[x_kube(validation = Rule::new(TIMEOUT).message("timeouts.run must be a duration from 1s to 720h: write for example 24h, 90m or 1h30m"))]
    pub run: DurationText,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            run: default_run_timeout(),
        }
    }
}

fn default_retry_limit() -> u8 {
    2
}

fn default_run_timeout() -> DurationText {
    DurationText::try_from("24h".to_owned()).expect("24h is a duration")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_field_of_the_spec_is_either_frozen_or_control() {
        let generator = schemars::generate::SchemaSettings::openapi3().into_generator();
        let schema = generator.into_root_schema_for::<VmRestoreSpec>().to_value();
        let fields: BTreeSet<&str> = schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();

        let listed: BTreeSet<&str> = FROZEN.into_iter().chain(CONTROL).collect();

        assert_eq!(fields, listed, "list a new field in FROZEN or in CONTROL");
        assert_eq!(
            listed.len(),
            FROZEN.len() + CONTROL.len(),
            "a field cannot be both"
        );
    }
}
