//! Recovery points of a protected VM: written one by one, or as a series.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::VirtualMachine;

/// One recovery point, or (with `count`) a series of them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PointSpec {
    /// Name of a single point; made from the VM's name if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How long before the emulator's start it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<SignedDuration>,
    /// When it was taken; excludes `age`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Number of points of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Time between two points of the series; the newest one has `age` or `time`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<SignedDuration>,
    /// AppConsistent, FileSystemConsistent, CrashConsistent; a series takes them in turn.
    pub types: Vec<String>,
    /// Tiers that the point has (default: InstantRP and HardenedRP, both Valid).
    pub tiers: Vec<TierSpec>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub soft_deleted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unmanaged: bool,
    /// What `objectType` says, for a point of another kind of backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_type: Option<String>,
    /// What `recoveryPointTime` says instead of the time, in whatever form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_text: Option<String>,
    /// No version tells expiry and soft deletion, as recorded of some points (s11).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub end_untold: bool,
    /// How long after its time the point expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<SignedDuration>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// How long after its time its data has been transferred to the vault; until then it has no HardenedRP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transferred_after: Option<SignedDuration>,
}

/// A tier by its type alone (then it is Valid), or with its status.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum TierSpec {
    Valid(String),
    With { r#type: String, status: String },
}

/// A recovery point as the vault keeps it.
#[derive(Clone, Debug)]
pub struct RecoveryPoint {
    pub name: String,
    pub time: Timestamp,
    pub kind: String,
    pub tiers: Vec<Tier>,
    pub soft_deleted: bool,
    pub encrypted: bool,
    pub managed: bool,
    pub object_type: String,
    pub time_text: Option<String>,
    pub end_untold: bool,
    pub expires: Option<Timestamp>,
    pub zones: Vec<String>,
    /// When its data has been transferred to the vault; none = long ago.
    pub transferred: Option<Timestamp>,
}

/// One copy of a recovery point. Names as in Azure: InstantRP, HardenedRP, ArchivedRP; Valid, Disabled, Deleted, Rehydrated.
#[derive(Clone, Debug)]
pub struct Tier {
    pub kind: String,
    pub status: String,
    /// Until when a rehydrated copy can be read; none = the scenario does not say.
    pub until: Option<Timestamp>,
}

impl Tier {
    fn is(&self, kind: &str, status: &str) -> bool {
        self.kind == kind && self.status == status
    }

    fn is_readable(&self) -> bool {
        matches!(self.status.as_str(), "Valid" | "Rehydrated")
    }
}

impl RecoveryPoint {
    /// Whether a restore can read any copy.
    pub fn usable(&self) -> bool {
        !self.soft_deleted && self.tiers.iter().any(Tier::is_readable)
    }

    /// Whether it has a snapshot.
    pub fn has_snapshot(&self) -> bool {
        self.tiers.iter().any(|tier| tier.is("InstantRP", "Valid"))
    }

    /// Whether the vault has a copy, be it in its archive.
    pub fn is_in_vault(&self) -> bool {
        self.tiers.iter().any(|tier| {
            tier.is("HardenedRP", "Valid") || tier.kind == "ArchivedRP" && tier.is_readable()
        })
    }

    /// Whether it must be rehydrated before anything can read it.
    pub fn is_only_archived(&self) -> bool {
        let archived = |tier: &Tier| tier.is("ArchivedRP", "Valid");
        let readable = |tier: &Tier| tier.is_readable() && !archived(tier);
        self.tiers.iter().any(archived) && !self.tiers.iter().any(readable)
    }

    /// The point before its data has been transferred to the vault.
    pub fn before_transfer(&mut self) {
        self.tiers.retain(|tier| tier.kind != "HardenedRP");
    }

    /// The point with its archived copy rehydrated.
    pub fn rehydrate(&mut self, until: Timestamp) {
        for tier in &mut self.tiers {
            if tier.is("ArchivedRP", "Valid") {
                tier.status = "Rehydrated".into();
                tier.until = Some(until);
            }
        }
    }
}

impl PointSpec {
    /// What is wrong with the entry.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.age.is_some() && self.time.is_some() {
            return Err("a recovery point has both age and time".into());
        }
        if self.count.is_some() && self.name.is_some() {
            return Err("a series of recovery points cannot have a name".into());
        }
        if self.count.is_some_and(|count| count > 10_000) {
            return Err(
                "a series has more than 10000 recovery points; a VM has at most 9999".into(),
            );
        }
        Ok(())
    }

    fn expand(
        &self,
        machine: &VirtualMachine,
        number: usize,
        started: Timestamp,
    ) -> Vec<RecoveryPoint> {
        let newest = self.newest(started);
        let every = self.every.unwrap_or(SignedDuration::from_hours(24));
        (0..self.count.unwrap_or(1))
            .map(|index| {
                let back = every
                    .checked_mul(i32::try_from(index).unwrap_or(0))
                    .unwrap_or_default();
                let time = newest.saturating_sub(back).unwrap_or(newest);
                RecoveryPoint {
                    name: self
                        .name
                        .clone()
                        .unwrap_or_else(|| made_up_name(&machine.registered(), number, index)),
                    time,
                    kind: in_turn(&self.types, index).unwrap_or_else(|| "AppConsistent".into()),
                    tiers: self.tiers(),
                    soft_deleted: self.soft_deleted,
                    encrypted: self.encrypted,
                    managed: !self.unmanaged,
                    object_type: self
                        .object_type
                        .clone()
                        .unwrap_or_else(|| "IaasVMRecoveryPoint".into()),
                    time_text: self.time_text.clone(),
                    end_untold: self.end_untold,
                    expires: self
                        .expires_after
                        .and_then(|after| time.checked_add(after).ok()),
                    zones: self.zones.clone(),
                    transferred: self
                        .transferred_after
                        .and_then(|after| time.checked_add(after).ok()),
                }
            })
            .collect()
    }

    fn newest(&self, started: Timestamp) -> Timestamp {
        self.time.unwrap_or_else(|| {
            let age = self.age.unwrap_or(SignedDuration::from_hours(12));
            started.saturating_sub(age).unwrap_or(started)
        })
    }

    fn tiers(&self) -> Vec<Tier> {
        let valid = |kind: &str| Tier {
            kind: kind.into(),
            status: "Valid".into(),
            until: None,
        };
        if self.tiers.is_empty() {
            return vec![valid("InstantRP"), valid("HardenedRP")];
        }
        self.tiers
            .iter()
            .map(|tier| match tier {
                TierSpec::Valid(kind) => valid(kind),
                TierSpec::With { r#type, status } => Tier {
                    kind: r#type.clone(),
                    status: status.clone(),
                    until: None,
                },
            })
            .collect()
    }
}

impl VirtualMachine {
    /// Time of the newest recovery point, without making up all the others.
    pub fn newest_point(&self, started: Timestamp) -> Option<Timestamp> {
        self.recovery_points
            .iter()
            .filter(|spec| spec.count != Some(0))
            .map(|spec| spec.newest(started))
            .max()
    }

    /// All recovery points, newest first, as recorded.
    pub fn points(&self, started: Timestamp) -> Vec<RecoveryPoint> {
        let mut points: Vec<RecoveryPoint> = self
            .recovery_points
            .iter()
            .enumerate()
            .flat_map(|(number, spec)| spec.expand(self, number, started))
            .collect();
        points.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| b.name.cmp(&a.name)));
        points
    }
}

fn in_turn(kinds: &[String], index: u32) -> Option<String> {
    let index = usize::try_from(index).unwrap_or(0);
    (!kinds.is_empty()).then(|| kinds[index % kinds.len()].clone())
}

/// A decimal name of up to 18 digits, the same in every run: Azure's are beyond what a double holds.
fn made_up_name(registered: &str, number: usize, index: u32) -> String {
    let seed = format!("{}/{number}/{index}", registered.to_lowercase());
    let hash = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, seed.as_bytes()).as_u128();
    (100_000_000_000_000_000 + hash % 800_000_000_000_000_000).to_string()
}
