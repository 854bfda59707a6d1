//! An emulator, a controller and a namespace with a vault object, on the shared control plane.

use super::{control_plane, eventually};
use serde_json::{Value, json};
use testbed::{
    ControlPlane, Controller, ControllerOptions, Emulator, EmulatorOptions, VaultYaml, vault_yaml,
};

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

/// What a test of a restore needs. The controller watches the scene's namespace only.
pub struct Scene {
    pub plane: &'static ControlPlane,
    pub emulator: Emulator,
    pub controller: Controller,
    pub namespace: String,
}

impl Scene {
    /// Starts with the emulator's built-in scenario, `time_scale` times faster than real time.
    pub async fn start(time_scale: u32) -> Self {
        let plane = control_plane().await;
        let origin = Some(jiff::Timestamp::now());
        let namespace = plane.namespace("scene").await.unwrap();
        let options = EmulatorOptions {
            time_scale: Some(time_scale),
            time_origin: origin,
            ..EmulatorOptions::default()
        };
        let emulator = Emulator::start_under(plane.supervisor(), options)
            .await
            .unwrap();
        let options = ControllerOptions {
            namespaces: vec![namespace.clone()],
            time_scale: Some(time_scale),
            time_origin: origin,
            ..ControllerOptions::default()
        };
        let controller = Controller::start(plane, options.reaching(&emulator))
            .await
            .unwrap();
        controller.wait_ready().await.unwrap();
        let scene = Self {
            plane,
            emulator,
            controller,
            namespace,
        };
        scene.apply(&scene.vault()).await;
        scene
    }

    /// The emulator's vault `testVault` as the object `test-vault`, with its Secret.
    pub fn vault(&self) -> String {
        let ready = self.emulator.ready();
        vault_yaml(&VaultYaml {
            namespace: &self.namespace,
            name: "test-vault",
            subscription_id: &ready.subscription_id,
            resource_group: "testVaultRG",
            vault: "testVault",
            resource_manager: &ready.https,
            authority: &ready.https,
            tenant_id: &ready.tenant_id,
            client_id: &ready.client_id,
            client_secret: &ready.client_secret,
        })
    }

    /// Applies YAML and fails with the API server's own words.
    pub async fn apply(&self, text: &str) {
        if let Err(error) = self.plane.apply_text(text).await {
            panic!("{}", testbed::chain(&error));
        }
    }

    /// Asks for the disks of a VM of the built-in scenario (`resource group/name`).
    pub async fn restore(&self, name: &str, machine: &str) {
        let (group, machine) = machine.split_once('/').expect("resource group/name");
        let restore = json!({
            "apiVersion": "azurebackup.dev/v1alpha1", "kind": "VmRestore",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "vaultRef": {"name": "test-vault"},
                "sourceVirtualMachineId":
                    format!("{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{machine}"),
                "recoveryType": "RestoreDisks",
                "target": {
                    "storageAccountId":
                        format!("{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/testAccount"),
                    "resourceGroupId": format!("{SUBSCRIPTION}/resourceGroups/restores"),
                },
            },
        });
        self.apply(&restore.to_string()).await;
    }

    /// The whole object as it is stored.
    pub async fn object(&self, name: &str) -> Value {
        let args = ["get", "vmr", name, "-n", &self.namespace, "-o", "json"];
        serde_json::from_str(&self.plane.kubectl_ok(&args).await.unwrap()).unwrap()
    }

    /// Its status.
    pub async fn status(&self, name: &str) -> Value {
        self.object(name).await["status"].clone()
    }

    /// The status once it has finished; fails with what the run and the controller last said.
    pub async fn finished(&self, name: &str) -> Value {
        self.status_when(name, "to finish", |status| status["finished"] == true)
            .await
    }

    /// The status once it is as wanted.
    pub async fn status_when(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let what = format!(
            "{name} {what}; log: {}",
            self.controller.log_file().display()
        );
        eventually(&what, 120, async || {
            let status = self.status(name).await;
            wanted(&status).then_some(status)
        })
        .await
    }
}
