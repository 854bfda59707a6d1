//! The two other types of restore: the disks of a machine are replaced, and a new machine is made.

use super::azure::disks_of;
use super::examples::{apply_example, show_manifest};
use super::show::watch;
use crate::{Testbed, TestbedError};
use serde_json::Value;

/// The machine whose disks are replaced, and the one that is made: as `examples/demo` has them.
const REPLACED: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/web-1";
const MADE: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/restores/providers/Microsoft.Compute/virtualMachines/web-2-copy";

/// Replaces disks and makes a machine, at the same time, and says whether Azure has what the runs claim.
pub(super) async fn other_types(bed: &Testbed) -> Result<(bool, [Value; 2]), TestbedError> {
    show_manifest("replace-disks.yaml", &[])?;
    let before = disks_of(bed, REPLACED).await?.unwrap_or_default();
    let none = disks_of(bed, MADE).await?.is_none();
    apply_example(bed, "replace-disks.yaml", &[]).await?;
    let replacing = watch(bed, "replace-disks-web-1", ended).await?;
    apply_example(bed, "new-vm.yaml", &[]).await?;
    let making = watch(bed, "new-vm-web-2", ended).await?;

    let after = disks_of(bed, REPLACED).await?.unwrap_or_default();
    let made = disks_of(bed, MADE).await?.unwrap_or_default();
    println!("  Azure Resource Manager says:");
    println!("    web-1        had {}", before.join(", "));
    println!("                 has {}", after.join(", "));
    println!(
        "    web-2-copy   did {}exist",
        if none { "not " } else { "" }
    );
    println!("                 has {}", made.join(", "));
    let replaced = !after.is_empty() && !after.iter().any(|disk| before.contains(disk));
    Ok((replaced && none && !made.is_empty(), [replacing, making]))
}

async fn ended(status: &Value) -> bool {
    status["finished"] == true
}
