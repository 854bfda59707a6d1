//! What restores have brought about, and what was there before: virtual machines, their disks and network interfaces.
//!
//! Nothing is stored. What exists at an instant follows from the scenario and the restores, in the order in which they
//! came: a VM whose disks were replaced has those of the last restore that replaced them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::request_fields::last_segment;
use super::{disks, job_body, machines};
use crate::progress::{JobState, job_at};
use crate::world::{Restore, World};

/// A disk and the LUN that it has, or had, at a virtual machine; -1 is the OS disk.
#[derive(Clone, Debug)]
pub struct Placed {
    pub lun: i64,
    pub id: String,
}

/// A virtual machine.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    pub id: String,
    pub location: String,
    pub os_type: String,
    pub disks: Vec<Placed>,
    /// The restore that made it.
    pub made_by: Option<&'a Restore>,
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

/// All virtual machines: those that vaults protect, with the disks that they have now, and those that restores made.
pub fn machines(world: &World, now: Timestamp) -> Vec<Machine<'_>> {
    let done = done(world, now);
    let mut all = protected(world);
    for done in done.iter().filter(|done| done.state.machine_exists) {
        let request = &done.restore.request;
        let disks = disks::restored(done);
        if request.is("OriginalLocation") {
            let replaced = all
                .iter_mut()
                .find(|machine| machine.id.eq_ignore_ascii_case(&request.source.machine_id));
            if let Some(machine) = replaced {
                machine.disks = disks;
            }
        } else if let Some(id) = &request.target_machine_id {
            all.push(Machine {
                id: id.clone(),
                location: request.source.region.clone(),
                os_type: request.source.os_type.clone(),
                disks,
                made_by: Some(done.restore),
            });
        }
    }
    all
}

/// Whether a virtual machine exists.
pub fn machine_exists(world: &World, id: &str, now: Timestamp) -> bool {
    machines(world, now)
        .iter()
        .any(|machine| machine.id.eq_ignore_ascii_case(id))
}

/// Whether a restore is on its way that makes this virtual machine.
pub fn is_being_made(world: &World, id: &str, now: Timestamp) -> bool {
    let makes = |restore: &Restore| {
        let target = restore.request.target_machine_id.as_ref();
        target.is_some_and(|target| target.eq_ignore_ascii_case(id)) && restore.makes_job()
    };
    world
        .restores
        .iter()
        .any(|restore| makes(restore) && job_at(restore, now).is_none_or(|job| job.ended.is_none()))
}

/// Everything that restores have made, for `/_emulator/effects`.
pub fn for_admin(world: &World, now: Timestamp) -> Value {
    let done = done(world, now);
    let machines = machines(world, now);
    let made: Vec<&Machine<'_>> = machines
        .iter()
        .filter(|machine| machine.made_by.is_some())
        .collect();
    json!({
        "disks": disks::made(world, now),
        "virtualMachines": made.iter().map(|machine| machines::shown(machine)).collect::<Vec<_>>(),
        "networkInterfaces": made.iter().filter_map(|machine| machines::interface_of(machine)).collect::<Vec<_>>(),
        "blobs": done.iter().flat_map(|done| job_body::blobs(done.restore, &done.state)).collect::<Vec<_>>(),
    })
}

fn protected(world: &World) -> Vec<Machine<'_>> {
    let vaults = world.scenario.vaults.iter();
    vaults
        .flat_map(|vault| {
            let machines = vault.virtual_machines.iter();
            machines.map(move |machine| (machine, machine.id(vault), &vault.region))
        })
        .filter(|(machine, ..)| !machine.deleted)
        .map(|(machine, id, region)| Machine {
            disks: disks::of_source(&id, machine.data_disks),
            location: region.clone(),
            os_type: machine.os_type.clone(),
            id,
            made_by: None,
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
