//! The world of one run: a namespace, an Azure, a proxy and a controller of its own, before one API server for all.

use super::boundary::{Boundary, Crash, Side, after, of_azure, since};
use super::machine::own_machine;
use super::path::{self, Object, Path};
use super::verdict::{End, is_blocked};
use crate::proxy::{Exchange, Moment, Proxy};
use crate::{
    ControlPlane, Controller, ControllerOptions, Emulator, EmulatorOptions, RestoreType,
    TestbedError, VaultYaml, kubeconfig, vault_yaml,
};
use axum::http;
use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Name of the vault object in every world.
const VAULT: &str = "crash-vault";

/// How often the emulator and the API server are asked whether something has come true.
const POLL: Duration = Duration::from_millis(50);

/// How long after the end of a run its last requests may still come, in real time.
const TRAILING: Duration = Duration::from_secs(2);

/// What all worlds share.
pub(super) struct Shared<'a> {
    pub plane: &'a ControlPlane,
    pub client: Client,
    /// Token of the controller's ServiceAccount.
    pub token: String,
    pub time_scale: u32,
    pub origin: Timestamp,
}

impl<'a> Shared<'a> {
    pub async fn new(plane: &'a ControlPlane, time_scale: u32) -> Result<Self, TestbedError> {
        plane.install().await?;
        let path = plane
            .kubeconfig_for_service_account("vmrestore-system", "vmrestore-controller")
            .await?;
        let text = std::fs::read_to_string(&path)
            .map_err(TestbedError::io(format!("read {}", path.display())))?;
        let token = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("token: "))
            .ok_or_else(|| TestbedError::Unreadable("a kubeconfig without a token".to_owned()))?;
        Ok(Self {
            plane,
            client: plane.client(),
            token: token.to_owned(),
            time_scale,
            origin: Timestamp::now(),
        })
    }
}

/// One world. The controller is not started with it.
pub(super) struct World<'a> {
    shared: &'a Shared<'a>,
    namespace: String,
    proxy: Proxy,
    pub emulator: Emulator,
    pub controller: Option<Controller>,
    options: ControllerOptions,
    object: Object,
    /// The VM that is restored.
    machine: String,
    /// Whether a person has done what the path needs.
    person: Arc<AtomicBool>,
    /// Rules of the path whose request has not come yet.
    pending: Vec<Value>,
    /// Requests of both sides before the last crash, and those that Azure held by then.
    earlier: Earlier,
}

/// What had happened when the controller was killed last.
#[derive(Default)]
struct Earlier {
    kubernetes: Vec<Exchange>,
    azure: usize,
    held: usize,
}

impl<'a> World<'a> {
    /// Everything but the controller, with a vault object and a `VmRestore` that nobody has seen yet.
    pub async fn build(
        shared: &'a Shared<'a>,
        (restore, path): (RestoreType, Path),
    ) -> Result<Self, TestbedError> {
        let options = EmulatorOptions {
            time_scale: Some(shared.time_scale),
            time_origin: Some(shared.origin),
            ..EmulatorOptions::default()
        };
        let (emulator, proxy, namespace) = tokio::try_join!(
            Emulator::start_under(shared.plane.supervisor(), options),
            Proxy::start(shared.plane.url(), shared.plane.ca_file()),
            shared.plane.namespace("crash")
        )?;
        let kubeconfig = shared
            .plane
            .supervisor()
            .folder()
            .join(format!("{namespace}.kubeconfig"));
        let access = kubeconfig::Access {
            url: proxy.url(),
            ca_file: shared.plane.ca_file(),
            user: "vmrestore-controller",
            token: &shared.token,
            // Its own one, where the locks of VMs are.
            namespace: "vmrestore-system",
        };
        kubeconfig::write(&kubeconfig, &access)?;
        let options = ControllerOptions {
            namespaces: vec![namespace.clone()],
            time_scale: Some(shared.time_scale),
            time_origin: Some(shared.origin),
            kubeconfig: Some(kubeconfig),
            ..ControllerOptions::default()
        }
        .reaching(&emulator);
        let machine = match restore {
            // The lock of a VM is one for the whole cluster, and worlds must not wait for each other.
            RestoreType::OriginalLocation => own_machine(&emulator, path, &namespace).await?,
            RestoreType::RestoreDisks | RestoreType::AlternateLocation => path.machine().to_owned(),
        };
        let subscription = &emulator.ready().subscription_id;
        let spec = path::spec(restore, &machine, subscription, VAULT);
        let object = Object::new(shared.client.clone(), &namespace, spec);
        let mut world = Self {
            shared,
            namespace,
            proxy,
            emulator,
            controller: None,
            options,
            object,
            machine,
            person: Arc::default(),
            pending: path.faults(),
            earlier: Earlier::default(),
        };
        world.set_rules(&[]).await?;
        world.create_vault().await?;
        world.object.create().await?;
        let azure = world.emulator.ready().http.clone();
        world.person = world.object.clone().hand_to_a_person(path, azure);
        Ok(world)
    }

    async fn create_vault(&self) -> Result<(), TestbedError> {
        let ready = self.emulator.ready();
        let yaml = vault_yaml(&VaultYaml {
            namespace: &self.namespace,
            name: VAULT,
            subscription_id: &ready.subscription_id,
            resource_group: "testVaultRG",
            vault: "testVault",
            resource_manager: &ready.https,
            authority: &ready.https,
            tenant_id: &ready.tenant_id,
            client_id: &ready.client_id,
            client_secret: &ready.client_secret,
        });
        let documents = yaml.split("\n---\n").map(|document| {
            serde_saphyr::from_str::<Value>(document)
                .map_err(|error| TestbedError::Unreadable(format!("read a manifest: {error}")))
        });
        for object in documents {
            self.create(&object?).await?;
        }
        Ok(())
    }

    async fn create(&self, object: &Value) -> Result<(), TestbedError> {
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let group = match text("apiVersion") {
            "v1" => "/api/v1".to_owned(),
            version => format!("/apis/{version}"),
        };
        let plural = match text("kind") {
            "RecoveryServicesVault" => "recoveryservicesvaults".to_owned(),
            kind => format!("{}s", kind.to_lowercase()),
        };
        let path = format!("{group}/namespaces/{}/{plural}", self.namespace);
        let request = http::Request::post(path)
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .map_err(|error| TestbedError::Unreadable(format!("make a request: {error}")))?;
        self.shared
            .client
            .request::<Value>(request)
            .await
            .map(drop)
            .map_err(TestbedError::kubernetes(format!(
                "create a {}",
                text("kind")
            )))
    }

    /// The `VmRestore` as it is stored; null while there is none.
    pub async fn object(&self) -> Result<Value, TestbedError> {
        self.object.read().await
    }

    /// Starts the controller, for the first time or again.
    pub async fn start_controller(&mut self) -> Result<(), TestbedError> {
        match &mut self.controller {
            Some(controller) => controller.restart().await,
            none => {
                let controller = Controller::start(self.shared.plane, self.options.clone()).await?;
                *none = Some(controller);
                Ok(())
            }
        }
    }

    /// What the controller has logged so far.
    pub fn controller_log(&self) -> String {
        self.controller
            .as_ref()
            .map(Controller::logs)
            .unwrap_or_default()
    }

    /// Every request that was made since the controller was killed last, each side in its order.
    pub async fn recorded(&self) -> Result<Vec<Boundary>, TestbedError> {
        let kubernetes = since(&self.earlier.kubernetes, self.proxy.seen());
        let kubernetes = kubernetes.into_iter().map(|exchange| Boundary {
            side: Side::Kubernetes,
            exchange,
        });
        let azure = of_azure(&self.emulator.request_log().await?, self.earlier.azure);
        Ok(kubernetes.chain(azure).collect())
    }

    /// Starts the controller, waits for the crash's request, kills the controller there and lets everything pass again.
    /// Says whether that request came. Ordinals count from the last crash.
    pub async fn crash(&mut self, crash: &Crash, within: Duration) -> Result<bool, TestbedError> {
        let exchange = &crash.boundary.exchange;
        let reached = match crash.boundary.side {
            Side::Kubernetes => {
                let exchange = after(&self.earlier.kubernetes, exchange);
                let stopped = self.proxy.stop_at(exchange, crash.moment);
                self.start_controller().await?;
                tokio::select! {
                    stopped = stopped => stopped.is_ok(),
                    ended = self.passed_by(within) => ended.map(|()| false)?,
                }
            }
            Side::Azure => {
                self.set_rules(&[hold(exchange, crash.moment)]).await?;
                self.start_controller().await?;
                tokio::select! {
                    held = self.held_by_azure(crash.moment) => held.map(|()| true)?,
                    ended = self.passed_by(within) => ended.map(|()| false)?,
                }
            }
        };
        if let Some(controller) = &self.controller {
            controller.kill().await?;
        }
        self.proxy.pass_everything();
        self.forget_rules_that_served().await?;
        let log = self.emulator.request_log().await?;
        self.earlier = Earlier {
            kubernetes: self.proxy.seen(),
            azure: log["requests"].as_array().map_or(0, Vec::len),
            held: held(&log),
        };
        Ok(reached)
    }

    /// These rules before those of the path that are still to come.
    async fn set_rules(&self, first: &[Value]) -> Result<(), TestbedError> {
        let rules: Vec<&Value> = first.iter().chain(&self.pending).collect();
        self.emulator.set_faults(&json!({ "rules": rules })).await
    }

    /// A rule of the path is for one request; that one may have been the crash's.
    async fn forget_rules_that_served(&mut self) -> Result<(), TestbedError> {
        let shown = self.emulator.faults().await?;
        let shown = shown["rules"].as_array().cloned().unwrap_or_default();
        let own = shown.len().saturating_sub(self.pending.len());
        let rules = std::mem::take(&mut self.pending)
            .into_iter()
            .zip(&shown[own..]);
        let unseen = rules.filter(|(_, shown)| shown["seen"].as_u64() == Some(0));
        self.pending = unseen.map(|(rule, _)| rule).collect();
        self.set_rules(&[]).await
    }

    /// Waits until the emulator holds a request, on that side of its effect.
    async fn held_by_azure(&self, moment: Moment) -> Result<(), TestbedError> {
        loop {
            let held = match moment {
                Moment::Before => {
                    self.emulator.faults().await?["rules"][0]["applied"].as_u64() > Some(0)
                }
                // The log has a request when its effect is there.
                Moment::After => held(&self.emulator.request_log().await?) > self.earlier.held,
            };
            if held {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the run is over, or the time: the request that is waited for will not come any more.
    async fn passed_by(&self, within: Duration) -> Result<(), TestbedError> {
        self.settled(within).await?;
        tokio::time::sleep(TRAILING).await;
        Ok(())
    }

    /// Waits until the run has finished and let go of its claim, or until only a person can go on, and returns the object as it is
    /// then.
    pub async fn settled(&self, within: Duration) -> Result<(Value, bool), TestbedError> {
        let start = Instant::now();
        loop {
            let object = self.object().await?;
            let over = object["status"]["finished"] == true
                && claim(&object).is_none()
                && self.person.load(Ordering::Acquire);
            // A job that Azure does not list yet will still be found.
            let settled =
                over || is_blocked(&object) && self.emulator.accepted_restores().await?.is_empty();
            if settled || start.elapsed() > within {
                return Ok((object, settled));
            }
            tokio::time::sleep(4 * POLL).await;
        }
    }

    /// How the run has ended.
    pub async fn end_of_run(&self, object: &Value, settled: bool) -> Result<End, TestbedError> {
        let ledger = self.emulator.ledger().await?;
        // The VM has another name in each world.
        let named = |value: &Value| {
            let text = value.to_string().replace(&self.machine, "machine");
            serde_json::from_str(&text).unwrap_or_default()
        };
        Ok(End::of(&named(object), &named(&ledger), settled))
    }

    /// Ends the processes of this world.
    pub async fn end(self) -> Result<(), TestbedError> {
        if let Some(controller) = &self.controller {
            controller.kill().await?;
        }
        self.emulator.stop().await
    }
}

/// Holds a request on that side of its effect for longer than any run: the controller dies first, and with it the connection.
fn hold(exchange: &Exchange, moment: Moment) -> Value {
    let when = match moment {
        Moment::Before => "beforeEffect",
        Moment::After => "afterEffect",
    };
    json!({
        "match": {"operation": exchange.route, "method": exchange.method},
        "nth": exchange.ordinal,
        "action": {"when": when, "delay": "PT9000H"},
    })
}

/// Requests of the log that were held after their effect.
fn held(log: &Value) -> usize {
    let lines = log["requests"].as_array().into_iter().flatten();
    lines
        .filter(|line| line["fault"] == "answer changed or delayed")
        .count()
}

/// The claim that stands on an object: its annotation, or only its finalizer.
pub(super) fn claim(object: &Value) -> Option<String> {
    let metadata = &object["metadata"];
    let annotation = metadata["annotations"]["vmrestore.azurebackup.dev/claim"].as_str();
    let finalizers = metadata["finalizers"].as_array().into_iter().flatten();
    let held = finalizers
        .filter_map(Value::as_str)
        .any(|finalizer| finalizer == "vmrestore.azurebackup.dev/trigger");
    match annotation {
        Some(annotation) => Some(annotation.to_owned()),
        None => held.then(String::new),
    }
}
