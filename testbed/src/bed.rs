//! Control plane, emulator and controller, wired to each other.

use crate::{
    ControlPlane, Controller, ControllerOptions, Emulator, EmulatorOptions, Supervisor,
    TestbedError,
};

/// Everything that a restore needs, running. Stopped in order: controller, emulator, API server, etcd.
pub struct Testbed {
    pub controller: Controller,
    pub emulator: Emulator,
    pub plane: ControlPlane,
}

/// What differs from the defaults.
#[derive(Clone, Debug, Default)]
pub struct TestbedBuilder {
    emulator: EmulatorOptions,
    controller: ControllerOptions,
}

impl Testbed {
    /// Starts with the built-in scenario in real time, unless told otherwise.
    pub fn builder() -> TestbedBuilder {
        TestbedBuilder::default()
    }

    /// Stops everything in order and returns when that is done.
    pub async fn stop(self) {
        let supervisor = self.plane.supervisor().clone();
        // Closing the pipe stops all stages in order; the handles have nothing left to do after that.
        supervisor.stop().await;
    }

    /// YAML of a Secret and a vault object that reaches the emulator with it, both in `namespace`.
    pub fn vault_yaml(
        &self,
        namespace: &str,
        name: &str,
        resource_group: &str,
        vault: &str,
    ) -> String {
        let ready = self.emulator.ready();
        vault_yaml(&VaultYaml {
            namespace,
            name,
            subscription_id: &ready.subscription_id,
            resource_group,
            vault,
            resource_manager: &ready.https,
            authority: &ready.https,
            tenant_id: &ready.tenant_id,
            client_id: &ready.client_id,
            client_secret: &ready.client_secret,
        })
    }
}

impl TestbedBuilder {
    /// One clock for the emulator and the controller: `scale` seconds pass in one.
    #[must_use]
    pub fn time_scale(mut self, scale: u32) -> Self {
        let origin = jiff::Timestamp::now();
        (self.emulator.time_scale, self.emulator.time_origin) = (Some(scale), Some(origin));
        (self.controller.time_scale, self.controller.time_origin) = (Some(scale), Some(origin));
        self
    }

    /// What the emulator plays; the built-in scenario if not said.
    #[must_use]
    pub fn scenario(mut self, scenario: crate::Scenario) -> Self {
        self.emulator.scenario = Some(scenario);
        self
    }

    /// Changes how the controller is started; the emulator's host and CA are added.
    #[must_use]
    pub fn controller(mut self, change: impl FnOnce(&mut ControllerOptions)) -> Self {
        change(&mut self.controller);
        self
    }

    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// If a binary is missing or a process does not come up.
    pub async fn start(self) -> Result<Testbed, TestbedError> {
        let supervisor = Supervisor::start()?;
        let (plane, emulator) = tokio::try_join!(
            ControlPlane::start_under(supervisor.clone()),
            Emulator::start_under(&supervisor, self.emulator)
        )?;
        let controller = Controller::start(&plane, self.controller.reaching(&emulator)).await?;
        controller.wait_ready().await?;
        Ok(Testbed {
            controller,
            emulator,
            plane,
        })
    }
}

/// The values of a vault object for a `Custom` cloud and of its Secret.
pub struct VaultYaml<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub subscription_id: &'a str,
    pub resource_group: &'a str,
    pub vault: &'a str,
    pub resource_manager: &'a str,
    pub authority: &'a str,
    pub tenant_id: &'a str,
    pub client_id: &'a str,
    pub client_secret: &'a str,
}

/// A Secret with the client secret, the vault object that refers to it, and the right to read Secrets of that
/// namespace: the controller has it only where an admin binds the role (`deploy/rbac.yaml`).
pub fn vault_yaml(values: &VaultYaml<'_>) -> String {
    let VaultYaml {
        namespace,
        name,
        subscription_id,
        resource_group,
        vault,
        resource_manager,
        authority,
        tenant_id,
        client_id,
        client_secret,
    } = values;
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: {name}-credentials, namespace: {namespace}}}
stringData:
  clientSecret: \"{client_secret}\"
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: vmrestore-credentials-reader, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: vmrestore-credentials-reader}}
subjects: [{{kind: ServiceAccount, name: vmrestore-controller, namespace: vmrestore-system}}]
---
apiVersion: azurebackup.dev/v1alpha1
kind: RecoveryServicesVault
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  subscriptionId: {subscription_id}
  resourceGroup: {resource_group}
  name: {vault}
  cloud: Custom
  endpoints:
    resourceManager: {resource_manager}
    authority: {authority}
    audience: {authority}
  auth:
    servicePrincipal:
      tenantId: {tenant_id}
      clientId: {client_id}
      secretRef: {{name: {name}-credentials, key: clientSecret}}
"
    )
}
