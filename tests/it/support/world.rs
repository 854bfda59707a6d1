//! A world for tests: a namespace of the shared control plane, an emulator and a controller, on one clock.

use super::azure::Azure;
use super::objects::{Restore, Vault, a_reader_binding, a_secret};
use super::{BETWEEN_LOOKS, installed_control_plane, looks_in, reading};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use testbed::proxy::Proxy;
use testbed::{ControlPlane, Controller, ControllerOptions, Emulator, EmulatorOptions};

/// How much faster the clocks of emulator and controller go, if a test does not say: a minute is a second.
pub const SCALE: u32 = 60;

/// Longest real time that a test waits for something; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);

/// The processes of a world.
pub struct Stage {
    pub plane: &'static ControlPlane,
    pub emulator: Emulator,
    pub controller: Controller,
    pub namespace: String,
    /// How the controller was started, to start another one beside it.
    pub options: ControllerOptions,
    /// What stands between the controller and the API server, if the test asked for it.
    proxy: Option<Proxy>,
    pub origin: jiff::Timestamp,
    pub scale: u32,
}

/// A stage as one test sees it, with a client of its own.
pub struct World {
    pub stage: Arc<Stage>,
    pub azure: Azure,
    client: kube::Client,
    namespace: String,
}

/// What differs from the defaults.
#[derive(Default)]
pub struct WorldBuilder {
    prefix: String,
    scale: Option<u32>,
    vaultless: bool,
    own_plane: bool,
    proxied: bool,
    also: Vec<String>,
    controller: ControllerOptions,
}

impl World {
    /// A world with the built-in scenario, and the vault object `vault` that may do everything.
    pub async fn start(prefix: &str) -> Self {
        Self::builder(prefix).start().await
    }

    pub fn builder(prefix: &str) -> WorldBuilder {
        WorldBuilder {
            prefix: prefix.to_owned(),
            ..WorldBuilder::default()
        }
    }

    /// A stage that other tests use too.
    pub fn of(stage: Arc<Stage>) -> Self {
        Self {
            azure: Azure::new(&stage.emulator.ready().http),
            client: stage.plane.client(),
            namespace: stage.namespace.clone(),
            stage,
        }
    }

    /// The same stage, and another namespace of those that its controller works for.
    pub fn in_namespace(&self, name: &str) -> Self {
        let mut world = Self::of(self.stage.clone());
        world.namespace = name.to_owned();
        world
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The controller of a world that no other test uses, to kill and start it.
    pub fn controller(&mut self) -> &mut Controller {
        let stage = Arc::get_mut(&mut self.stage).expect("this world belongs to one test");
        &mut stage.controller
    }

    /// The proxy of a world that has one.
    pub fn proxy(&self) -> &Proxy {
        let proxy = self.stage.proxy.as_ref();
        proxy.expect("this world was built behind a proxy")
    }

    /// Another proxy before the API server, and options of a controller that goes through it.
    pub async fn another_way(&self) -> (Proxy, ControllerOptions) {
        let (proxy, kubeconfig) = a_proxy(self.stage.plane).await;
        let mut options = self.stage.options.clone();
        options.kubeconfig = Some(kubeconfig);
        (proxy, options)
    }

    /// Starts another controller with these options, which need not be ready yet.
    pub async fn another_controller(&self, options: ControllerOptions) -> Controller {
        let started = Controller::start(self.stage.plane, options).await;
        started.unwrap_or_else(|error| panic!("{}", testbed::chain(&error)))
    }

    /// The time of emulator and controller.
    pub fn now(&self) -> jiff::Timestamp {
        let elapsed = jiff::Timestamp::now().duration_since(self.stage.origin);
        let scale = i32::try_from(self.stage.scale).unwrap();
        self.stage.origin.checked_add(elapsed * scale).unwrap()
    }

    /// Lets time pass on the clock of emulator and controller.
    pub async fn pass(&self, time: jiff::SignedDuration) {
        let real = Duration::try_from(time).unwrap() / self.stage.scale;
        tokio::time::sleep(real).await;
    }

    pub fn vault(&self, name: &str) -> Vault {
        Vault::new(name, self.stage.emulator.ready())
    }

    /// Applies a vault object and a Secret `<name>-credentials` with that client secret under `clientSecret`.
    pub async fn add_vault(&self, vault: &Vault, secret: &str) {
        let name = vault.json()["metadata"]["name"].as_str().unwrap();
        self.apply(&a_secret(
            &format!("{name}-credentials"),
            "clientSecret",
            secret,
        ))
        .await;
        self.apply(vault.json()).await;
    }

    /// Gives the principal of the vault object `vault` another client secret; tokens that it has stay good.
    pub async fn rotate_client_secret(&self, secret: &str) {
        self.put_principal(secret, "owner").await;
    }

    /// Gives it another role.
    pub async fn with_role(&self, role: &str) {
        let secret = self.stage.emulator.ready().client_secret.clone();
        self.put_principal(&secret, role).await;
    }

    async fn put_principal(&self, secret: &str, role: &str) {
        let id = &self.stage.emulator.ready().client_id;
        let principal =
            json!({"name": "everything", "clientId": id, "clientSecret": secret, "roles": [role]});
        self.azure.put_principal(id, principal).await;
    }

    fn api(&self, namespace: &str, kind: &str) -> Api<DynamicObject> {
        let kind = match kind {
            "Secret" | "Event" | "Namespace" => GroupVersionKind::gvk("", "v1", kind),
            "RoleBinding" => GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", kind),
            "VmRestore" | "RecoveryServicesVault" => {
                GroupVersionKind::gvk("azurebackup.dev", "v1alpha1", kind)
            }
            other => panic!("no test knows {other}"),
        };
        let mut resource = ApiResource::from_gvk(&kind);
        if kind.kind == "Namespace" {
            return Api::all_with(self.client.clone(), &resource);
        }
        if kind.kind == "RecoveryServicesVault" {
            resource.plural = "recoveryservicesvaults".to_owned();
        }
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }

    /// `kubectl apply` in the world's namespace, or in the one that the object names.
    pub async fn apply(&self, object: &Value) -> Value {
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or(self.namespace());
        let api = self.api(namespace, object["kind"].as_str().unwrap());
        let name = metadata["name"].as_str().unwrap();
        let force = PatchParams::apply("somebody").force();
        let applied = api.patch(name, &force, &Patch::Apply(object)).await;
        serde_json::to_value(applied.unwrap()).unwrap()
    }

    /// Applies a restore and waits until it has ended.
    pub async fn run(&self, restore: &Restore) -> Value {
        self.apply(restore.json()).await;
        self.ended(restore.name()).await
    }

    /// Changes an object by a merge patch.
    pub async fn patch(&self, kind: &str, name: &str, patch: Value) {
        let api = self.api(self.namespace(), kind);
        let patched = api
            .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await;
        patched.unwrap();
    }

    /// As [`Self::patch`], of an object that may be gone.
    pub async fn patch_if_there(&self, kind: &str, name: &str, patch: &Value) {
        let api = self.api(self.namespace(), kind);
        let patched = api
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        match patched {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other.unwrap()),
        }
    }

    pub async fn annotate(&self, restore: &str, key: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {key: value}}});
        self.patch("VmRestore", restore, patch).await;
    }

    pub async fn delete(&self, kind: &str, name: &str) {
        let api = self.api(self.namespace(), kind);
        api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Puts a status in place of the one that stands there, trying again while the controller writes in between.
    pub async fn replace_status(&self, restore: &str, status: Option<Value>) {
        let api = self.api(self.namespace(), "VmRestore");
        for _ in 0..50 {
            let mut object = api.get(restore).await.unwrap();
            object.data["status"] = status.clone().unwrap_or(Value::Null);
            if status.is_none()
                && let Some(data) = object.data.as_object_mut()
            {
                data.remove("status");
            }
            match api
                .replace_status(restore, &PostParams::default(), &object)
                .await
            {
                Ok(_) => return,
                Err(kube::Error::Api(refused)) if refused.code == 409 => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the status of {restore} could not be replaced");
    }

    pub async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let object = self
            .api(self.namespace(), kind)
            .get_opt(name)
            .await
            .unwrap();
        object.map(|object| serde_json::to_value(object).unwrap())
    }

    pub async fn list(&self, kind: &str) -> Vec<Value> {
        let api = self.api(self.namespace(), kind);
        let list = api.list(&ListParams::default()).await.unwrap();
        let json = |object| serde_json::to_value(object).unwrap();
        list.items.into_iter().map(json).collect()
    }

    /// Waits until the restore is as `done` says.
    pub async fn until(&self, restore: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        self.until_object("VmRestore", restore, what, done).await
    }

    pub async fn until_object(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        done: impl Fn(&Value) -> bool,
    ) -> Value {
        let api = self.api(self.namespace(), kind);
        let mut last = Value::Null;
        for _ in 0..looks_in(PATIENCE) {
            if let Some(object) = api.get_opt(name).await.unwrap() {
                last = serde_json::to_value(object).unwrap();
                if done(&last) {
                    return last;
                }
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let log = self.stage.controller.logs();
        let about = format!("\"name\":\"{name}\"");
        let lines = log.lines().filter(|line| line.contains(&about));
        // What the line says, without the spans behind it.
        let lines = lines.map(|line| line.split(",\"target\"").next().unwrap_or(line));
        let mut tail: Vec<&str> = lines.rev().take(25).collect();
        tail.reverse();
        panic!(
            "waited for {name} {what}; it is\n{:#}\n{:#}\n{}",
            last["metadata"],
            last["status"],
            tail.join("\n")
        );
    }

    /// Waits until the run has ended, and checks that its conditions are those of its end.
    pub async fn ended(&self, restore: &str) -> Value {
        let object = self.until(restore, "to end", reading::is_finished).await;
        reading::follows_the_table(&object);
        object
    }

    /// Waits until `Ready` has this reason.
    pub async fn with_reason(&self, restore: &str, reason: &str) -> Value {
        let what = format!("to be {reason}");
        self.until(restore, &what, |object| reading::reason(object) == reason)
            .await
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, restore: &str) {
        let mut looks = 0;
        while let Some(object) = self.get("VmRestore", restore).await {
            assert!(looks < looks_in(PATIENCE), "{restore} stays: {object:#}");
            looks += 1;
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Type and reason of the events of an object, oldest first.
    pub async fn events(&self, object: &str) -> Vec<(String, String)> {
        let mut events = self.list("Event").await;
        events.retain(|event| event["involvedObject"]["name"] == object);
        events.sort_by_key(|event| event["metadata"]["creationTimestamp"].to_string());
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        events
            .iter()
            .map(|event| (word(&event["type"]), word(&event["reason"])))
            .collect()
    }

    /// Waits for an event of that type and reason: events are written after the status.
    pub async fn told(&self, object: &str, kind: &str, reason: &str) {
        let wanted = (kind.to_owned(), reason.to_owned());
        let told = async || self.events(object).await.contains(&wanted).then_some(());
        super::eventually(&format!("the event {reason} of {object}"), 20, told).await;
    }

    /// The value of a metric, given as it stands in the text: `name{label="x"}`; 0 if it is not there.
    pub async fn metric(&self, series: &str) -> f64 {
        let address = self.stage.controller.admin_address().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client
            .get(format!("http://{address}/metrics"))
            .send()
            .await
            .unwrap();
        let text = answer.text().await.unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok())
            .unwrap_or_default()
    }
}

impl WorldBuilder {
    #[must_use]
    pub fn scale(mut self, scale: u32) -> Self {
        self.scale = Some(scale);
        self
    }

    /// Neither vault object nor Secret nor the right to read it.
    #[must_use]
    pub fn without_vault(mut self) -> Self {
        self.vaultless = true;
        self
    }

    /// A control plane that the test may hurt.
    #[must_use]
    pub fn on_its_own_control_plane(mut self) -> Self {
        self.own_plane = true;
        self
    }

    /// The controller reaches the API server through a proxy, which can make trouble.
    #[must_use]
    pub fn behind_a_proxy(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// More namespaces that the controller works for.
    #[must_use]
    pub fn also(mut self, namespaces: &[&str]) -> Self {
        self.also = namespaces.iter().map(|&name| name.to_owned()).collect();
        self
    }

    #[must_use]
    pub fn controller(mut self, change: impl FnOnce(&mut ControllerOptions)) -> Self {
        change(&mut self.controller);
        self
    }

    pub async fn start(self) -> World {
        let plane = match self.own_plane {
            // It ends with this program, as the shared one does.
            true => Box::leak(Box::new(ControlPlane::start().await.unwrap())),
            false => installed_control_plane().await,
        };
        let namespace = plane.namespace(&self.prefix).await.unwrap();
        let origin = jiff::Timestamp::now();
        let scale = self.scale.unwrap_or(SCALE);
        let (time_scale, time_origin) = (Some(scale), Some(origin));
        let emulator = EmulatorOptions {
            scenario: None,
            time_scale,
            time_origin,
        };
        let emulator = Emulator::start_under(plane.supervisor(), emulator)
            .await
            .unwrap_or_else(|error| panic!("{}", testbed::chain(&error)));
        let mut options = self.controller.reaching(&emulator);
        let mut proxy = None;
        if self.proxied {
            let (started, kubeconfig) = a_proxy(plane).await;
            (proxy, options.kubeconfig) = (Some(started), Some(kubeconfig));
        }
        (options.time_scale, options.time_origin) = (time_scale, time_origin);
        options.namespaces = vec![namespace.clone()];
        options.namespaces.extend(self.also);
        options
            .env
            .entry("VMRESTORE_LOG".to_owned())
            .or_insert_with(|| "info,vmrestore=debug".to_owned());
        options.args.push("--adoption-window=10m".to_owned());
        let controller = Controller::start(plane, options.clone())
            .await
            .unwrap_or_else(|error| panic!("{}", testbed::chain(&error)));
        let world = World::of(Arc::new(Stage {
            plane,
            emulator,
            controller,
            namespace,
            options,
            proxy,
            origin,
            scale,
        }));
        if !self.vaultless {
            let secret = world.stage.emulator.ready().client_secret.clone();
            world.apply(&a_reader_binding(world.namespace())).await;
            world.add_vault(&world.vault("vault"), &secret).await;
        }
        if let Err(error) = world.stage.controller.wait_ready().await {
            panic!("{}", testbed::chain(&error));
        }
        world
    }
}

/// A proxy before the API server, and a kubeconfig of the controller's own ServiceAccount that goes through it.
async fn a_proxy(plane: &ControlPlane) -> (Proxy, std::path::PathBuf) {
    let proxy = Proxy::start(plane.url(), plane.ca_file()).await.unwrap();
    let kubeconfig = plane
        .kubeconfig_through(&proxy, "vmrestore-system", "vmrestore-controller")
        .await;
    (proxy, kubeconfig.unwrap())
}
