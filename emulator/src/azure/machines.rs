//! Virtual machines: those that the vaults protect, and those that restores have made.

use serde_json::json;

use super::restore_request::last_segment;
use super::{Answer, Context};
use crate::http::Reply;
use crate::progress::job_at;
use crate::wire::not_found;

/// `GET {resource group}/providers/Microsoft.Compute/virtualMachines/{name}`
///
/// A protected VM exists. A restored one does once its disks do, as Azure makes it from them.
pub fn get(context: &Context<'_>) -> Answer {
    const KIND: &str = "Microsoft.Compute/virtualMachines";
    let names = context.names;
    let wanted = format!(
        "/subscriptions/{}/resourceGroups/{}/providers/{KIND}/{}",
        names.subscription, names.group, names.name
    );
    let protected = context.world.scenario.vaults.iter().flat_map(|vault| {
        let machines = vault.virtual_machines.iter();
        machines.map(|machine| (machine.id(vault), vault.region.clone()))
    });
    let restored = context.world.restores.iter().filter_map(|restore| {
        job_at(restore, context.now).filter(|job| job.disks_exist)?;
        Some((
            restore.request.target_vm.clone()?,
            restore.request.region.clone(),
        ))
    });
    let (id, region) = protected
        .chain(restored)
        .find(|(id, _)| id.eq_ignore_ascii_case(&wanted))
        .ok_or_else(|| not_found(KIND, &names.name, &names.group))?;
    Ok(Reply::ok(&json!({
        "id": id, "name": last_segment(&id), "type": KIND, "location": region,
        "properties": {"provisioningState": "Succeeded"},
    })))
}
