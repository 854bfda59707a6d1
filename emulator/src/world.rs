//! What has happened since the emulator started: restores, cancellations, checks. The scenario says how they go on;
//! what they look like at an instant is computed from the clock, nothing runs in the background.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::scenario::{RestoreBehaviour, Scenario};

/// The scenario and what came of it.
#[derive(Debug)]
pub struct World {
    pub scenario: Scenario,
    pub restores: Vec<Restore>,
    pub checks: Vec<Check>,
    attempts: HashMap<String, usize>,
}

/// One accepted `POST …/restore`.
#[derive(Clone, Debug)]
pub struct Restore {
    pub vault_id: String,
    /// `iaasvmcontainerv2;{resource group};{name}`.
    pub registered: String,
    /// The source VM's name.
    pub vm_name: String,
    pub operation_id: String,
    pub job_id: String,
    /// The `x-ms-client-request-id` of the request, as it was sent.
    pub activity_id: String,
    pub accepted: Timestamp,
    pub behaviour: RestoreBehaviour,
    pub request: Requested,
    pub cancels: Vec<Cancel>,
    pub cancel_takes: SignedDuration,
    /// From the job's start to the end of the rehydration, with which the transfer begins; zero where nothing is rehydrated.
    pub rehydration_takes: SignedDuration,
}

/// The parts of a restore request that show up later.
#[derive(Clone, Debug, Default)]
pub struct Requested {
    pub recovery_type: String,
    pub point_name: String,
    pub point_time: Option<Timestamp>,
    /// The point is brought back from the archive first.
    pub rehydration: Option<Rehydration>,
    /// Full id.
    pub storage_account: String,
    pub target_group_id: Option<String>,
    /// Full id of the VM to make.
    pub target_machine_id: Option<String>,
    /// Full ids.
    pub network_id: Option<String>,
    pub subnet_id: Option<String>,
    /// LUNs of `restoreDiskLunList`; none = all disks.
    pub luns: Option<Vec<i64>>,
    pub zone: Option<String>,
    pub disk_encryption_set_id: Option<String>,
    pub secured_disk_encryption_set_id: Option<String>,
    pub network_access: Option<NetworkAccess>,
    pub edge_zone: Option<String>,
    /// The storage account is reached as the vault, not as the caller.
    pub by_vault_identity: bool,
    /// The source VM, and what of it shows up in disks.
    pub source: Source,
}

/// `recoveryPointRehydrationInfo`.
#[derive(Clone, Debug)]
pub struct Rehydration {
    pub priority: String,
    /// How long the rehydrated copy stays.
    pub stays: SignedDuration,
}

/// `targetDiskNetworkAccessSettings`.
#[derive(Clone, Debug)]
pub struct NetworkAccess {
    pub option: String,
    pub disk_access_id: Option<String>,
}

/// The VM that was backed up, as its recovery point knows it.
#[derive(Clone, Debug, Default)]
pub struct Source {
    pub machine_id: String,
    pub data_disks: u32,
    pub os_type: String,
    pub private_disks: bool,
    /// The vault's region: disks and VMs come back there, whatever `region` says.
    pub region: String,
    /// The data comes from the snapshot tier.
    pub from_snapshot: bool,
}

#[derive(Clone, Debug)]
pub struct Cancel {
    pub operation_id: String,
    pub at: Timestamp,
}

/// An asynchronous validation.
#[derive(Clone, Debug)]
pub struct Check {
    pub vault_id: String,
    pub operation_id: String,
    pub accepted: Timestamp,
    /// What it finds, as it is shown.
    pub findings: Vec<Value>,
}

impl World {
    pub fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            restores: Vec::new(),
            checks: Vec::new(),
            attempts: HashMap::new(),
        }
    }

    pub fn restore_by_operation(&self, vault_id: &str, operation: &str) -> Option<&Restore> {
        self.restores.iter().find(|restore| {
            restore.is_in(vault_id) && restore.operation_id.eq_ignore_ascii_case(operation)
        })
    }

    pub fn restore_by_job(&self, vault_id: &str, job: &str, now: Timestamp) -> Option<&Restore> {
        self.restores.iter().find(|restore| {
            restore.is_in(vault_id)
                && restore.job_id.eq_ignore_ascii_case(job)
                && restore.has_job(now)
        })
    }

    /// The number of this restore of an item, counted from 0; ones that the scenario refuses count too.
    pub fn next_restore(&mut self, vault_id: &str, registered: &str) -> usize {
        let key = format!("{vault_id}/{registered}").to_lowercase();
        let count = self.attempts.entry(key).or_insert(0);
        *count += 1;
        *count - 1
    }
}

impl Requested {
    pub fn is(&self, recovery_type: &str) -> bool {
        self.recovery_type == recovery_type
    }

    /// The resource group that disks come back to: the one asked for, or the VM's own where its disks are replaced.
    pub fn disks_group(&self) -> Option<String> {
        match &self.target_group_id {
            Some(group) => Some(group.trim_end_matches('/').to_owned()),
            None if self.is("OriginalLocation") => {
                let id = &self.source.machine_id;
                id.to_lowercase()
                    .find("/providers/")
                    .map(|end| id[..end].to_owned())
            }
            None => None,
        }
    }

    /// Whether it goes to another subscription than that of the source.
    pub fn is_elsewhere(&self) -> bool {
        let subscription = |id: &str| id.split('/').nth(2).unwrap_or_default().to_lowercase();
        self.target_group_id
            .as_ref()
            .is_some_and(|group| subscription(group) != subscription(&self.source.machine_id))
    }

    /// Whether it reads the copy in the vault, also where there is a snapshot (CONTRACT 14).
    pub fn needs_vault_copy(&self) -> bool {
        self.is_elsewhere() || self.zone.is_some()
    }

    /// Whether a disk of the source was asked for. LUN -1 is the OS disk, which always comes back.
    pub fn wants(&self, lun: i64) -> bool {
        self.luns
            .as_ref()
            .is_none_or(|luns| lun == -1 || luns.contains(&lun))
    }
}

impl Restore {
    pub fn is_in(&self, vault_id: &str) -> bool {
        self.vault_id.eq_ignore_ascii_case(vault_id)
    }

    /// When the operation ends, and with it the job starts.
    pub fn job_start(&self) -> Timestamp {
        add(self.accepted, self.behaviour.operation.in_progress)
    }

    /// When the job has rehydrated what it needs and transfers data.
    pub fn transfer_start(&self) -> Timestamp {
        add(self.job_start(), self.rehydration_takes)
    }

    /// Until when the copy that it has rehydrated can be read; none if there is none.
    pub fn rehydrated_until(&self, now: Timestamp) -> Option<Timestamp> {
        let rehydration = self.request.rehydration.as_ref()?;
        let start = self.transfer_start();
        let until = add(start, rehydration.stays);
        let cancelled = self.cancels.iter().any(|cancel| cancel.at < start);
        let there = self.makes_job() && !cancelled && start <= now && now < until;
        there.then_some(until)
    }

    /// Whether a job is made sooner or later.
    pub fn makes_job(&self) -> bool {
        self.behaviour.operation.fails.is_none() && !self.behaviour.operation.makes_no_job
    }

    pub fn has_job(&self, now: Timestamp) -> bool {
        self.makes_job() && now >= self.job_start()
    }

    pub fn is_listed(&self, now: Timestamp) -> bool {
        self.has_job(now) && now >= add(self.job_start(), self.behaviour.list_delay)
    }
}

/// `at + span`, or `at` where that is beyond what can be written.
pub fn add(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(at)
}
