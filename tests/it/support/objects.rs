//! Objects as users write them, with defaults for what a test does not care about.

use serde_json::{Value, json};

pub const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

/// A `VmRestore` of a VM of the built-in scenario.
#[derive(Clone)]
pub struct Restore(Value);

/// Restores all disks of `vm` (`resource group/name`) with the vault object `vault` of the same namespace.
pub fn a_restore(name: &str, vm: &str) -> Restore {
    let (group, vm) = vm
        .split_once('/')
        .expect("a vm is written resource group/name");
    Restore(json!({
        "apiVersion": "azurebackup.dev/v1alpha1",
        "kind": "VmRestore",
        "metadata": {"name": name},
        "spec": {
            "vaultRef": {"name": "vault"},
            "sourceVirtualMachineId":
                format!("{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{vm}"),
            "recoveryType": "RestoreDisks",
            "target": {
                "storageAccountId":
                    format!("{SUBSCRIPTION}/resourceGroups/web/providers/Microsoft.Storage/storageAccounts/webstaging"),
                "resourceGroupId": format!("{SUBSCRIPTION}/resourceGroups/restores"),
            },
        },
    }))
}

impl Restore {
    /// Sets one field of the spec, by its JSON pointer.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        let mut at = &mut self.0["spec"];
        for part in field.split('.') {
            at = &mut at[part];
        }
        *at = value.into();
        self
    }

    #[must_use]
    pub fn of_vault(self, name: &str) -> Self {
        self.with("vaultRef.name", name)
    }

    #[must_use]
    pub fn without_resource_group(mut self) -> Self {
        if let Some(target) = self.0["spec"]["target"].as_object_mut() {
            target.remove("resourceGroupId");
        }
        self
    }

    pub fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub fn json(&self) -> &Value {
        &self.0
    }
}

/// A `RecoveryServicesVault` that reaches the emulator, and what it refers to.
#[derive(Clone)]
pub struct Vault(Value);

impl Vault {
    pub fn new(name: &str, ready: &testbed::EmulatorReady) -> Self {
        Self(json!({
            "apiVersion": "azurebackup.dev/v1alpha1",
            "kind": "RecoveryServicesVault",
            "metadata": {"name": name},
            "spec": {
                "subscriptionId": ready.subscription_id,
                "resourceGroup": "testVaultRG",
                "name": "testVault",
                "cloud": "Custom",
                "endpoints": {
                    "resourceManager": ready.https,
                    "authority": ready.https,
                    "audience": ready.https,
                },
                "auth": {"servicePrincipal": {
                    "tenantId": ready.tenant_id,
                    "clientId": ready.client_id,
                    "secretRef": {"name": format!("{name}-credentials"), "key": "clientSecret"},
                }},
            },
        }))
    }

    /// Sets one field of the spec, by its path with dots.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        let mut at = &mut self.0["spec"];
        for part in field.split('.') {
            at = &mut at[part];
        }
        *at = value.into();
        self
    }

    /// Another principal of the built-in scenario, by the last digit of its id.
    #[must_use]
    pub fn by_principal(self, digit: u8) -> Self {
        self.with(
            "auth.servicePrincipal.clientId",
            format!("a0000000-0000-4000-8000-00000000000{digit}"),
        )
    }

    pub fn json(&self) -> &Value {
        &self.0
    }
}

/// A Secret with one entry.
pub fn a_secret(name: &str, key: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: value}})
}

/// The right of the controller to read the Secrets of a namespace.
pub fn a_reader_binding(namespace: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "vmrestore-credentials-reader", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "vmrestore-credentials-reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "vmrestore-controller", "namespace": "vmrestore-system"}],
    })
}
