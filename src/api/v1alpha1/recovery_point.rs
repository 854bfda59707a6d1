//! Which recovery point a `VmRestore` asks for.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::DATE_TIME;

const NAME: &str = "self.matches('^[0-9A-Za-z_-]+$')";

/// A default stands in every object, so `tier` excludes nothing while it has its default.
const NAME_ALONE: &str = "!has(self.name) || (!has(self.atOrBefore) && !has(self.notBefore) && !has(self.minConsistency) && self.tier == 'Any')";

const IN_ORDER: &str = "!has(self.notBefore) || !has(self.atOrBefore) || timestamp(self.notBefore) <= timestamp(self.atOrBefore)";

/// Chooses a recovery point: exactly the one that is named, or the newest of those that fit everything else that stands here.
/// A point that nobody can restore from, such as a soft-deleted or expired one, is never taken.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(NAME_ALONE).message("recoveryPoint.name stands for exactly one recovery point: remove atOrBefore, notBefore, minConsistency and tier, or remove name to let the controller choose").field_path(".name"),
    validation = Rule::new(IN_ORDER).message("recoveryPoint.notBefore is later than recoveryPoint.atOrBefore, so no recovery point can be between them: write an earlier notBefore, or a later atOrBefore").field_path(".notBefore")
)]
pub struct RecoveryPointSelector {
    /// Name of exactly the recovery point to restore, for example "20982486783671" (in quotes: it is a text, not a number). Excludes the other fields. Left out: the newest one that fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new(NAME).message("recoveryPoint.name must be the name of a recovery point, not its id: write for example \"20982486783671\""))]
    pub name: Option<String>,

    /// The newest point that was taken at or before this time, for example "2018-06-04T06:06:01Z": the state of the machine before something went wrong. Left out: up to now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 40))]
    #[x_kube(validation = Rule::new(DATE_TIME).message("recoveryPoint.atOrBefore must be a date and time with a zone: write for example 2018-06-04T06:06:01Z"))]
    pub at_or_before: Option<jiff::Timestamp>,

    /// Refuses points that were taken before this time, for example "2018-06-01T00:00:00Z": rather no restore than one from an old state. Left out: however old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 40))]
    #[x_kube(validation = Rule::new(DATE_TIME).message("recoveryPoint.notBefore must be a date and time with a zone: write for example 2018-06-01T00:00:00Z"))]
    pub not_before: Option<jiff::Timestamp>,

    /// Refuses points of a lesser consistency. AppConsistent: applications wrote their data before the snapshot. FileSystemConsistent: at least the file systems did. CrashConsistent: at least as after a power failure. Left out: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MinConsistency")]
    pub min_consistency: Option<MinConsistency>,

    /// Only points that have a copy in this tier. Snapshot: beside the machine's disks, restored in minutes. VaultStandard: in the vault. VaultArchive: in the archive. This only filters the points: of a point with several copies Azure itself decides which one it reads.
    #[serde(default)]
    pub tier: TierFilter,
}

/// The least consistency of a recovery point, in Azure's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum MinConsistency {
    /// Applications wrote their data before the snapshot was taken.
    AppConsistent,
    /// File systems did, applications may have not.
    FileSystemConsistent,
    /// As after a power failure.
    CrashConsistent,
}

/// Where a copy of the data of a recovery point must lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TierFilter {
    /// Anywhere.
    #[default]
    Any,
    /// A snapshot beside the machine's disks.
    Snapshot,
    /// The vault.
    VaultStandard,
    /// The archive.
    VaultArchive,
}
