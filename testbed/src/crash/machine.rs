//! A VM of its own for a world.

use super::path::Path;
use crate::{Emulator, TestbedError};
use serde_json::{Value, json};

/// Adds a copy of the path's VM with a name that no other world has.
pub async fn own_machine(
    emulator: &Emulator,
    path: Path,
    namespace: &str,
) -> Result<String, TestbedError> {
    const VAULT_IN_AZURE: &str = "testVault";
    let scenario = emulator.scenario().await?;
    let named = |list: &Value, name: &str| {
        let found = list.as_array().into_iter().flatten();
        let mut found = found.filter(|one| one["name"] == name);
        found.next().cloned().unwrap_or_default()
    };
    let vault = named(&scenario["vaults"], VAULT_IN_AZURE);
    let mut machine = named(&vault["virtualMachines"], path.machine());
    let name = format!("vm-of-{namespace}");
    machine["name"] = name.as_str().into();
    // Points without a name get one that is made from that of the VM.
    machine["recoveryPoints"] =
        json!([{"name": "20982486783671", "age": "6h", "types": ["AppConsistent"]}]);
    emulator.put_machine(VAULT_IN_AZURE, &machine).await?;
    Ok(name)
}
