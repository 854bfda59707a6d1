//! Everything that restores have made, in one answer.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::effects::{Machine, machines};
use super::restored_disks::done;
use super::{disks, job_body, machines};
use crate::world::World;

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
