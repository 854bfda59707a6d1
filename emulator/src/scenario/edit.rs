//! Changing a scenario while the emulator runs.

use serde_json::Value;

use super::{Principal, Scenario, ScenarioError, Vault, VirtualMachine};

impl Scenario {
    /// Applies a JSON merge patch (RFC 7386): objects are merged, `null` removes, lists are replaced whole.
    ///
    /// # Errors
    /// [`ScenarioError`] if the result is no scenario; then nothing has changed.
    pub fn merged(&self, patch: &Value) -> Result<Self, ScenarioError> {
        let mut current = serde_json::to_value(self).map_err(syntax)?;
        merge(&mut current, patch);
        Self::parse(&current.to_string())
    }

    /// Adds a principal, or replaces the one with this client id.
    pub fn put_principal(&mut self, client_id: &str, mut principal: Principal) {
        principal.client_id = client_id.to_owned();
        let same = |other: &Principal| other.client_id.eq_ignore_ascii_case(client_id);
        put(&mut self.principals, same, principal);
    }

    /// Adds a vault, or replaces the one with this name.
    ///
    /// # Errors
    /// [`ScenarioError`] if one of its VMs contradicts itself.
    pub fn put_vault(&mut self, name: &str, mut vault: Vault) -> Result<(), ScenarioError> {
        vault.name = name.to_owned();
        let mut changed = self.clone();
        let same = |other: &Vault| other.name.eq_ignore_ascii_case(name);
        put(&mut changed.vaults, same, vault);
        changed.check()?;
        *self = changed;
        Ok(())
    }

    /// Adds a protected VM to a vault, or replaces the one with this name (and resource group).
    ///
    /// # Errors
    /// [`ScenarioError`] if there is no such vault, or the VM contradicts itself.
    pub fn put_machine(
        &mut self,
        vault_name: &str,
        name: &str,
        mut machine: VirtualMachine,
    ) -> Result<(), ScenarioError> {
        machine.name = name.to_owned();
        let vault = self.vault_named(vault_name)?;
        machine.check(vault)?;
        let group = machine.resource_group.clone();
        let same = |other: &VirtualMachine| {
            other.name.eq_ignore_ascii_case(name)
                && other.resource_group.eq_ignore_ascii_case(&group)
        };
        put(&mut vault.virtual_machines, same, machine);
        Ok(())
    }

    /// Stops protecting the VMs with this name, as if their backup data had been deleted. Returns how many there were.
    ///
    /// # Errors
    /// [`ScenarioError`] if there is no such vault.
    pub fn remove_machine(&mut self, vault_name: &str, name: &str) -> Result<usize, ScenarioError> {
        let machines = &mut self.vault_named(vault_name)?.virtual_machines;
        let before = machines.len();
        machines.retain(|machine| !machine.name.eq_ignore_ascii_case(name));
        Ok(before - machines.len())
    }

    /// The scenario as JSON, without the secrets of its principals.
    pub fn shown(&self) -> Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        if let Some(principals) = shown["principals"].as_array_mut() {
            for principal in principals {
                principal["clientSecret"] = "[redacted]".into();
            }
        }
        shown
    }

    fn vault_named(&mut self, name: &str) -> Result<&mut Vault, ScenarioError> {
        self.vaults
            .iter_mut()
            .find(|vault| vault.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| ScenarioError::Content(format!("it has no vault {name}")))
    }
}

fn put<T>(all: &mut Vec<T>, same: impl Fn(&T) -> bool, new: T) {
    match all.iter_mut().find(|other| same(other)) {
        Some(old) => *old = new,
        None => all.push(new),
    }
}

pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(fields) = target {
        for (key, change) in changes {
            if change.is_null() {
                fields.remove(key);
            } else {
                merge(fields.entry(key.clone()).or_insert(Value::Null), change);
            }
        }
    }
}

fn syntax(error: serde_json::Error) -> ScenarioError {
    ScenarioError::Syntax(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let scenario = Scenario::built_in().unwrap();

        let patched = scenario
            .merged(&json!({"service": {"pageSize": {"jobs": 2}}}))
            .unwrap();

        assert_eq!(patched.service.page_size.jobs, 2);
        assert_eq!(
            patched.service.page_size.protected_items,
            scenario.service.page_size.protected_items
        );
        assert_eq!(patched.vaults.len(), scenario.vaults.len());
        assert_eq!(
            patched.principals[0].client_secret,
            scenario.principals[0].client_secret
        );
    }

    #[test]
    fn shown_scenarios_have_no_secret() {
        let scenario = Scenario::built_in().unwrap();

        let shown = scenario.shown().to_string();

        for principal in &scenario.principals {
            assert!(!shown.contains(&principal.client_secret));
        }
    }
}
