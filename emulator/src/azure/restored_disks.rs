//! The disks of virtual machines by their ids: which one had when it was backed up, and which a restore has made.

use jiff::Timestamp;

use super::request_fields::last_segment;
use crate::progress::{JobState, job_at};
use crate::world::{Restore, World};

/// What disks are, as ids say it.
pub const KIND: &str = "Microsoft.Compute/disks";

/// A disk and the LUN that it has, or had, at a virtual machine; -1 is the OS disk.
#[derive(Clone, Debug)]
pub struct Placed {
    pub lun: i64,
    pub id: String,
}

/// A restore with its job's state.
pub struct Done<'a> {
    pub restore: &'a Restore,
    pub state: JobState,
}

/// The restores whose disks exist, in their order.
pub fn done(world: &World, now: Timestamp) -> Vec<Done<'_>> {
    world
        .restores
        .iter()
        .filter_map(|restore| job_at(restore, now).map(|state| Done { restore, state }))
        .filter(|done| done.state.disks_exist)
        .collect()
}

/// Names of the source's disks: of those that came back, or of all.
pub fn source_names(restore: &Restore, restored_only: bool) -> Vec<String> {
    luns(restore.request.source.data_disks)
        .filter(|lun| !restored_only || comes_back(restore, *lun))
        .map(|lun| source_disk_name(&restore.vm_name, lun))
        .collect()
}

/// The disks that a VM had when it was backed up.
pub fn of_source(machine_id: &str, data_disks: u32) -> Vec<Placed> {
    luns(data_disks)
        .map(|lun| Placed {
            lun,
            id: beside(
                machine_id,
                KIND,
                &source_disk_name(machine_name(machine_id), lun),
            ),
        })
        .collect()
}

/// The disks that a restore made. Without a target resource group the service leaves VHDs in the storage account instead.
pub fn restored(done: &Done<'_>) -> Vec<Placed> {
    let request = &done.restore.request;
    let Some(group) = request.disks_group() else {
        return Vec::new();
    };
    luns(request.source.data_disks)
        .filter(|lun| comes_back(done.restore, *lun))
        .map(|lun| Placed {
            lun,
            id: format!("{group}/providers/{KIND}/{}", restored_name(done, lun)),
        })
        .collect()
}

/// The id of something in the resource group of this resource.
pub fn beside(id: &str, kind: &str, name: &str) -> String {
    let group = id.split("/providers/").next().unwrap_or(id);
    format!("{group}/providers/{kind}/{name}")
}

/// Name of a source VM's disk.
pub fn source_disk_name(machine: &str, lun: i64) -> String {
    match lun {
        -1 => format!("{machine}_OsDisk_1"),
        lun => format!("{machine}_DataDisk_{lun}"),
    }
}

/// Name of the virtual machine that an id means.
pub fn machine_name(id: &str) -> &str {
    last_segment(id)
}

/// `{vm}-osdisk-{date}-{time}` and `{vm}-datadisk-{LUN}-{date}-{time}`, the VM's name in lower case and without `-`.
fn restored_name(done: &Done<'_>, lun: i64) -> String {
    let target = done.restore.request.target_machine_id.as_deref();
    let vm = target.map_or(done.restore.vm_name.as_str(), machine_name);
    let vm = vm.to_lowercase().replace('-', "");
    let stamp = done.state.started.strftime("%Y%m%d-%H%M%S");
    match lun {
        -1 => format!("{vm}-osdisk-{stamp}"),
        lun => format!("{vm}-datadisk-{lun:03}-{stamp}"),
    }
}

fn luns(data_disks: u32) -> impl Iterator<Item = i64> {
    -1..i64::from(data_disks)
}

fn comes_back(restore: &Restore, lun: i64) -> bool {
    restore.request.wants(lun) && !restore.behaviour.missing_luns.contains(&lun)
}
