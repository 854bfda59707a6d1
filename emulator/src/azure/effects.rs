//! What restores have brought about, and what was there before: virtual machines, their disks and network interfaces.
//!
//! Nothing is stored. What exists at an instant follows from the scenario and the restores, in the order in which they
//! came: a VM whose disks were replaced has those of the last restore that replaced them.

use jiff::Timestamp;

use super::restored_disks::{Placed, done, of_source, restored};
use crate::progress::job_at;
use crate::world::{Restore, World};

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

/// All virtual machines: those that vaults protect, with the disks that they have now, and those that restores made.
pub fn machines(world: &World, now: Timestamp) -> Vec<Machine<'_>> {
    let done = done(world, now);
    let mut all = protected(world);
    for done in done.iter().filter(|done| done.state.machine_exists) {
        let request = &done.restore.request;
        let disks = restored(done);
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

fn protected(world: &World) -> Vec<Machine<'_>> {
    let vaults = world.scenario.vaults.iter();
    vaults
        .flat_map(|vault| {
            let machines = vault.virtual_machines.iter();
            machines.map(move |machine| (machine, machine.id(vault), &vault.region))
        })
        .filter(|(machine, ..)| !machine.deleted)
        .map(|(machine, id, region)| Machine {
            disks: of_source(&id, machine.data_disks),
            location: region.clone(),
            os_type: machine.os_type.clone(),
            id,
            made_by: None,
        })
        .collect()
}
