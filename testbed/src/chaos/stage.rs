//! The processes of a soak, its scaled clock, and short ways to its objects.

use super::identity::Identity;
use super::insisting::{ANSWER_WITHIN, insisting, tolerating};
use super::kind::{self, SUBSCRIPTION, TENANT, VAULT_GROUP};
use super::planned::PlannedRun;
use super::schedule::{NAMESPACES, Schedule, Which};
use super::tally::Tally;
use super::wire::{Wire, kubeconfig_over};
use crate::controller::authority_of;
use crate::restore_type::Place;
use crate::{
    ControlPlane, Controller, ControllerOptions, Emulator, EmulatorOptions, Scenario, Supervisor,
    TestbedError, VaultYaml, vault_yaml,
};
use jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex as Lock;
use std::time::Duration;
use tokio::sync::Mutex;

pub const VAULT_OBJECT: &str = "vault";
pub const RESOLVE: &str = "vmrestore.azurebackup.dev/resolve";
pub const CLAIM: &str = "vmrestore.azurebackup.dev/claim";

/// A controller that may be down on purpose.
pub struct Slot {
    pub controller: Option<Controller>,
    /// Whether it is meant to run; one that ended by itself is then started again.
    pub wanted: bool,
}

/// Everything that runs.
pub struct Stage {
    pub plane: ControlPlane,
    pub emulator: Emulator,
    pub first: Mutex<Slot>,
    pub second: Mutex<Slot>,
    pub schedule: Schedule,
    pub tally: Tally,
    /// An early status of each run, for setting it back.
    pub snapshots: Lock<BTreeMap<usize, Value>>,
    /// Whether the `jobMatching` of each namespace's vault was seen to be `Broken`, with the scaled time.
    pub matching: Lock<Vec<(Timestamp, usize, bool)>>,
    /// What the controllers reach the API server over.
    pub kubernetes: Wire,
    /// What they reach Azure over.
    pub azure: Wire,
    pub identity: Lock<Identity>,
    client: kube::Client,
    options: ControllerOptions,
    origin: Timestamp,
    time_scale: u32,
}

impl Stage {
    /// Starts everything and applies the vault objects.
    pub async fn start(schedule: Schedule, time_scale: u32) -> Result<Self, TestbedError> {
        let supervisor = Supervisor::start()?;
        let origin = Timestamp::now();
        let options = EmulatorOptions {
            scenario: Some(Scenario::Yaml(kind::scenario(&schedule).to_string())),
            time_scale: Some(time_scale),
            time_origin: Some(origin),
        };
        let (plane, emulator) = tokio::try_join!(
            ControlPlane::start_under(supervisor.clone()),
            Emulator::start_under(&supervisor, options)
        )?;
        plane.install().await?;
        let kubernetes = Wire::to(authority_of(plane.url())).await?;
        let azure = Wire::to(authority_of(&emulator.ready().https)).await?;
        let options = ControllerOptions {
            kubeconfig: Some(kubeconfig_over(&kubernetes, &plane).await?),
            allow_azure_hosts: vec![authority_of(&azure.https())],
            time_scale: Some(time_scale),
            time_origin: Some(origin),
            env: [(
                "VMRESTORE_LOG".to_owned(),
                "info,vmrestore=debug".to_owned(),
            )]
            .into(),
            ..ControllerOptions::default()
        }
        .reaching(&emulator);
        let first = Controller::start(&plane, options.clone()).await?;
        first.wait_ready().await?;
        let stage = Self {
            client: plane.client(),
            plane,
            emulator,
            first: Mutex::new(Slot {
                controller: Some(first),
                wanted: true,
            }),
            second: Mutex::new(Slot {
                controller: None,
                wanted: false,
            }),
            schedule,
            tally: Tally::default(),
            snapshots: Lock::default(),
            matching: Lock::default(),
            kubernetes,
            azure,
            identity: Lock::new(Identity {
                role: "owner",
                secret: kind::SECRET.to_owned(),
            }),
            options,
            origin,
            time_scale,
        };
        for (namespace, name) in NAMESPACES.into_iter().enumerate() {
            stage
                .plane
                .kubectl_ok(&["create", "namespace", name])
                .await?;
            stage.apply_vault(namespace).await?;
        }
        Ok(stage)
    }

    /// Applies the vault object of a namespace and its Secret, until the API server takes it.
    pub async fn apply_vault(&self, namespace: usize) -> Result<(), TestbedError> {
        let yaml = self.vault_yaml(namespace);
        let mut tries = 0;
        loop {
            match self.plane.apply_text(&yaml).await {
                Ok(_) => return Ok(()),
                Err(error) if tries >= 5 => return Err(error),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Deletes the vault object of a namespace; the Secret stays.
    pub async fn delete_vault(&self, namespace: usize) -> Result<(), TestbedError> {
        let name = NAMESPACES[namespace];
        let command = [
            "delete",
            "rsv",
            VAULT_OBJECT,
            "-n",
            name,
            "--ignore-not-found",
            "--wait=false",
        ];
        self.plane.kubectl_ok(&command).await.map(drop)
    }

    fn vault_yaml(&self, namespace: usize) -> String {
        let azure = self.azure.https();
        vault_yaml(&VaultYaml {
            namespace: NAMESPACES[namespace],
            name: VAULT_OBJECT,
            subscription_id: SUBSCRIPTION,
            resource_group: VAULT_GROUP,
            vault: kind::vault_of(namespace),
            resource_manager: &azure,
            authority: &azure,
            tenant_id: TENANT,
            client_id: kind::CLIENT,
            client_secret: &self.secret(),
        })
    }

    pub fn slot(&self, which: Which) -> &Mutex<Slot> {
        match which {
            Which::First => &self.first,
            Which::Second => &self.second,
        }
    }

    /// Another controller with the settings of the first, but for its wall clock, which is wrong.
    pub async fn another_controller(&self) -> Result<Controller, TestbedError> {
        // A clock that began to run faster so much earlier is ahead by so much times the scale, less itself.
        let faster = i64::from(self.time_scale.saturating_sub(1).max(1));
        let earlier = SignedDuration::from_millis(self.schedule.skew_seconds * 1000 / faster);
        let options = ControllerOptions {
            time_origin: Some(self.origin.saturating_sub(earlier).unwrap_or(self.origin)),
            ..self.options.clone()
        };
        Controller::start(&self.plane, options).await
    }

    /// The scaled time, which emulator and controllers agree about.
    pub fn now(&self) -> Timestamp {
        let real = Timestamp::now().duration_since(self.origin);
        let scale = i32::try_from(self.time_scale).unwrap_or(1);
        self.origin
            .saturating_add(real.checked_mul(scale).unwrap_or(real))
            .unwrap_or(self.origin)
    }

    /// The scaled time, so many minutes from now, as YAML writes it.
    pub fn in_minutes(&self, minutes: u32) -> String {
        let later = self
            .now()
            .saturating_add(SignedDuration::from_mins(minutes.into()));
        later
            .unwrap_or(self.origin)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string()
    }

    pub fn restores(&self, namespace: usize) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("azurebackup.dev", "v1alpha1", "VmRestore");
        let resource = ApiResource::from_gvk_with_plural(&kind, "vmrestores");
        Api::namespaced_with(self.client.clone(), NAMESPACES[namespace], &resource)
    }

    pub fn secrets(&self, namespace: usize) -> Api<k8s_openapi::api::core::v1::Secret> {
        Api::namespaced(self.client.clone(), NAMESPACES[namespace])
    }

    pub fn run(&self, run: usize) -> &PlannedRun {
        &self.schedule.runs[run]
    }

    /// Every token that Azure has issued is worth nothing from now on.
    pub async fn revoke_tokens(&self) -> Result<(), TestbedError> {
        let url = format!("{}/_emulator/tokens", self.emulator.ready().http);
        let what = || TestbedError::http("revoke the tokens");
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWER_WITHIN)
            .build();
        let sent = http.map_err(what())?.delete(url).send().await;
        sent.and_then(reqwest::Response::error_for_status)
            .map(drop)
            .map_err(what())
    }

    /// The objects of a run: those of its namespace.
    pub fn objects_of(&self, run: usize) -> Api<DynamicObject> {
        self.restores(self.run(run).namespace)
    }

    /// The object of a run as a person would apply it.
    pub fn manifest(&self, run: usize) -> Value {
        let planned = self.run(run);
        let name = Schedule::name_of(run);
        let place = Place {
            storage_account: kind::storage_account_id(run),
            resource_group: kind::group_id(kind::TARGET_GROUP),
            machine: kind::made_machine_id(planned.makes.as_deref().unwrap_or_default()),
            network: kind::network_id(),
        };
        let mut manifest = json!({
            "apiVersion": "azurebackup.dev/v1alpha1", "kind": "VmRestore",
            "metadata": {"name": name, "namespace": NAMESPACES[planned.namespace]},
            "spec": {
                "vaultRef": {"name": VAULT_OBJECT},
                "sourceVirtualMachineId": kind::machine_id(&planned.machine),
                "recoveryType": planned.restore.as_str(),
                "target": planned.restore.target(&place),
                "retryLimit": planned.retry_limit,
                "timeouts": {"run": planned.run_timeout},
            },
        });
        if let Some(minutes) = planned.start_by_minutes {
            manifest["spec"]["startBy"] = self.in_minutes(minutes).into();
        }
        manifest
    }

    /// Creates the object of a run.
    pub async fn create(&self, run: usize) -> Result<(), TestbedError> {
        let object: DynamicObject = serde_json::from_value(self.manifest(run))
            .map_err(|error| TestbedError::Unreadable(format!("make an object: {error}")))?;
        insisting("create a VmRestore", async || {
            let made = self
                .objects_of(run)
                .create(&PostParams::default(), &object)
                .await;
            tolerating(made.map(drop), 409)
        })
        .await
    }

    /// Applies a merge patch to the object of a run, if it exists.
    pub async fn patch(&self, run: usize, patch: &Value) -> Result<(), TestbedError> {
        insisting("change a VmRestore", async || {
            let name = Schedule::name_of(run);
            let patched = self
                .objects_of(run)
                .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
                .await;
            tolerating(patched.map(drop), 404)
        })
        .await
    }

    /// Writes the status of a run, whatever stood there, if the object exists.
    pub async fn write_status(&self, run: usize, status: &Value) -> Result<(), TestbedError> {
        let name = Schedule::name_of(run);
        insisting("write the status of a VmRestore", async || {
            let objects = self.objects_of(run);
            let Some(mut object) = objects.get_opt(&name).await? else {
                return Ok(());
            };
            object.data["status"] = status.clone();
            let params = PostParams::default();
            tolerating(
                objects
                    .replace_status(&name, &params, &object)
                    .await
                    .map(drop),
                404,
            )
        })
        .await
    }

    /// The object of a run, if it exists.
    pub async fn object(&self, run: usize) -> Result<Option<Value>, TestbedError> {
        let name = Schedule::name_of(run);
        let found = insisting("read a VmRestore", async || {
            self.objects_of(run).get_opt(&name).await
        })
        .await?;
        Ok(found.and_then(|object| serde_json::to_value(object).ok()))
    }

    /// Notes whether the vault object of each namespace says that ids are not filled.
    pub async fn note_matching(&self) {
        let kind = GroupVersionKind::gvk("azurebackup.dev", "v1alpha1", "RecoveryServicesVault");
        let resource = ApiResource::from_gvk_with_plural(&kind, "recoveryservicesvaults");
        for (namespace, name) in NAMESPACES.into_iter().enumerate() {
            let vaults: Api<DynamicObject> =
                Api::namespaced_with(self.client.clone(), name, &resource);
            // One that cannot be read now is read next time.
            if let Ok(Ok(Some(vault))) =
                tokio::time::timeout(ANSWER_WITHIN, vaults.get_opt(VAULT_OBJECT)).await
            {
                let broken = vault.data["status"]["jobMatching"]["primary"] == "Broken";
                let mut seen = self
                    .matching
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                seen.push((self.now(), namespace, broken));
            }
        }
    }

    /// All objects of the soak.
    pub async fn objects(&self) -> Result<Vec<Value>, TestbedError> {
        let mut all = Vec::new();
        for namespace in 0..NAMESPACES.len() {
            let listed = insisting("list the VmRestores", async || {
                self.restores(namespace).list(&ListParams::default()).await
            })
            .await?;
            all.extend(
                listed
                    .into_iter()
                    .filter_map(|object| serde_json::to_value(object).ok()),
            );
        }
        Ok(all)
    }
}
