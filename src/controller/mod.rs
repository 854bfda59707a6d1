//! The Kubernetes side: watches both resources and runs a pass for each change and each time that is due.
//!
//! [`reconcile`] is one pass over a `VmRestore`, [`vaults`] one over a `RecoveryServicesVault`; [`tenancy`] decides who may
//! use which vault as whom; [`store`] reads and writes the object, [`item_lock`] the lock of a VM that is written over; [`translate`], [`status_read`], [`status_write`] and
//! [`reasons`] turn it into the words of the deciding side and back; [`announce`] writes events. Generic over Azure, which `app` brings in.

pub mod announce;
pub mod counts;
pub mod item_lock;
pub mod reasons;
pub mod reconcile;
pub mod status_read;
pub mod status_words;
pub mod status_write;
pub mod store;
pub mod target;
pub mod tenancy;
pub mod translate;
pub mod vaults;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::{FutureExt, join_all};
use jiff::SignedDuration;
use k8s_openapi::NamespaceResourceScope;
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{self, Action, Config, Controller};
use kube::runtime::events::Recorder;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::api::v1alpha1::{Phase, RecoveryServicesVault, VmRestore};
use crate::restore::ids::Scope;
use crate::restore::pace::Limits;
use crate::restore::ports::Clock;
use crate::restore::record::{Memory, Note, NoteKind};

use counts::Counts;
use reconcile::Remembered;
use tenancy::Clouds;

/// What every pass needs, whatever its vault.
pub struct Shared<C> {
    /// The API server, without retries of the client.
    pub client: Client,
    /// The one clock.
    pub clock: C,
    /// What separates this cluster's runs from those of others.
    pub scope: Scope,
    /// The limits of the protocol.
    pub limits: Limits,
    /// Where counts go.
    pub counts: Box<dyn Counts>,
    /// Whether the process is about to end: then no new claim is made.
    pub stopping: AtomicBool,
}

/// What a pass works with.
pub struct Context<A: Clouds, C> {
    shared: Shared<C>,
    clouds: A,
    vaults: Vec<tenancy::VaultObjects>,
    restores: Vec<RestoreObjects>,
    memories: Mutex<HashMap<Key, Remembered>>,
    opened: Mutex<HashMap<Key, Opened<A::Vault>>>,
    /// When each vault object is due to be probed again: its own status writes must not cause a probe.
    probed: Mutex<HashMap<Key, vaults::Probed>>,
    recorder: Recorder,
}

/// Namespace and name.
type Key = (String, String);

/// A vault that was opened with a credential read a moment ago.
struct Opened<V> {
    vault: V,
    uid: Option<String>,
    generation: Option<i64>,
    at: SignedDuration,
}

/// How long an opened vault serves before its Secret is read again. A changed one must be picked up within a minute, also by
/// a pass that just missed it and comes back after 50 s.
const CREDENTIAL_AGE: SignedDuration = SignedDuration::from_secs(8);

impl<A: Clouds, C: Clock> Context<A, C> {
    /// The vault, as a restore of that namespace may use it.
    async fn open(&self, vault: &RecoveryServicesVault, namespace: &str) -> Result<A::Vault, Note> {
        let client = &self.shared.client;
        tenancy::allowed(client, vault, namespace).await?;
        let key = (vault.namespace().unwrap_or_default(), vault.name_any());
        if let Some(vault) = self.opened_lately(&key, vault) {
            return Ok(vault);
        }
        let secret = tenancy::credential(client, &self.clouds, vault).await?;
        let opened = self
            .clouds
            .open(&vault.spec, secret)
            .map_err(|error| Note {
                kind: NoteKind::AuthenticationFailed,
                message: format!("vault object {}/{} cannot be used: {error}", key.0, key.1),
            })?;
        let entry = Opened {
            vault: opened.clone(),
            uid: vault.uid(),
            generation: vault.metadata.generation,
            at: self.shared.clock.now().boot,
        };
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, entry);
        Ok(opened)
    }

    fn opened_lately(&self, key: &Key, vault: &RecoveryServicesVault) -> Option<A::Vault> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = opened.get(key)?;
        let same = entry.uid == vault.uid() && entry.generation == vault.metadata.generation;
        (same && self.shared.clock.now().boot < entry.at + CREDENTIAL_AGE)
            .then(|| entry.vault.clone())
    }

    fn take_memory(&self, key: &Key, object: &VmRestore) -> Memory {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.remove(key).unwrap_or_default().of(object)
    }

    fn keep_memory(&self, key: Key, object: &VmRestore, memory: Memory) {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.insert(key, Remembered::new(object, memory));
    }
}

/// How the controller is to run.
pub struct Settings<A: Clouds, C> {
    /// What every pass needs.
    pub shared: Shared<C>,
    /// The Azure side.
    pub clouds: A,
    /// The namespaces to watch; none for all.
    pub namespaces: Vec<String>,
    /// Passes at the same time.
    pub concurrency: u16,
}

/// Runs until `until` resolves, then lets the passes that run come to their end. Calls `synced` once both resources have
/// been listed.
pub async fn run<A: Clouds, C: Clock>(
    settings: Settings<A, C>,
    until: impl Future<Output = ()> + Send + Sync + 'static,
    synced: impl FnOnce(),
) {
    let until = until.shared();
    let Settings {
        shared,
        clouds,
        namespaces,
        concurrency,
    } = settings;
    let client = shared.client.clone();
    let places = if namespaces.is_empty() {
        vec![None]
    } else {
        namespaces.into_iter().map(Some).collect()
    };
    let config = Config::default().concurrency(concurrency);
    let vaults: Vec<_> = places
        .iter()
        .map(|place| watching::<RecoveryServicesVault>(&client, place.as_deref()))
        .collect();
    let restores: Vec<_> = places
        .iter()
        .map(|place| watching::<VmRestore>(&client, place.as_deref()))
        .collect();
    let context = Arc::new(Context {
        recorder: announce::recorder(client.clone()),
        vaults: vaults.iter().map(Controller::store).collect(),
        restores: restores.iter().map(Controller::store).collect(),
        memories: Mutex::default(),
        opened: Mutex::default(),
        probed: Mutex::default(),
        shared,
        clouds,
    });
    let follow_vaults = vaults.into_iter().map(|controller| {
        controller
            .with_config(config.clone())
            .graceful_shutdown_on(until.clone())
            .run(vaults::reconcile, vaults::retry, context.clone())
            .for_each(async |result| complain(&result))
    });
    let follow_restores = restores.into_iter().map(|controller| {
        let store = controller.store();
        let touched = places.iter().fold(controller, |controller, place| {
            let mapper = restores_of(store.clone());
            controller.watches(
                api_of::<RecoveryServicesVault>(&client, place.as_deref()),
                watcher::Config::default(),
                mapper,
            )
        });
        let (context, config, until) = (context.clone(), config.clone(), until.clone());
        async move {
            // A restore must not be told that its vault does not exist only because the vaults are not listed yet.
            for vaults in &context.vaults {
                let _ = vaults.wait_until_ready().await;
            }
            touched
                .with_config(config)
                .graceful_shutdown_on(until)
                .run(reconcile::reconcile, reconcile::retry, context)
                .for_each(async |result| complain(&result))
                .await;
        }
    });
    let ready = async {
        for store in &context.restores {
            let _ = store.wait_until_ready().await;
        }
        synced();
    };
    let all = async {
        futures::join!(join_all(follow_vaults), join_all(follow_restores));
    };
    let stopping = async {
        until.clone().await;
        context.shared.stopping.store(true, Ordering::Relaxed);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = all => {}
        () = stopping => {}
        () = async { ready.await; count(&context).await } => {}
    }
}

/// Counts runs by phase and forgets what no object needs any more, until it is dropped.
async fn count<A: Clouds, C: Clock>(context: &Context<A, C>) {
    loop {
        let objects: Vec<_> = context.restores.iter().flat_map(Store::state).collect();
        let readable = || objects.iter().filter_map(|object| object.0.as_ref().ok());
        for phase in Phase::ALL {
            let in_phase = |object: &&VmRestore| {
                let status = object.status.as_ref().and_then(|status| status.read().ok());
                status.unwrap_or_default().phase == phase
            };
            context
                .shared
                .counts
                .runs(phase.as_str(), readable().filter(in_phase).count());
        }
        let known: HashSet<Key> = readable()
            .map(|object| (object.namespace().unwrap_or_default(), object.name_any()))
            .collect();
        let (now, window) = (
            context.shared.clock.now(),
            context.shared.limits.adoption_window,
        );
        context
            .memories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|key, one| known.contains(key) || one.memory().outlives_object(now, window));
        let vaults: HashSet<Key> = context
            .vaults
            .iter()
            .flat_map(Store::state)
            .map(|vault| (vault.namespace().unwrap_or_default(), vault.name_any()))
            .collect();
        context
            .opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|key, _| vaults.contains(key));
        context
            .probed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|key, _| vaults.contains(key));
        tokio::time::sleep(COUNT_INTERVAL).await;
    }
}

/// How often runs are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(15);

type RestoreObjects = Store<DeserializeGuard<VmRestore>>;

/// The restores that refer to a vault object, when something changed there that matters to them.
fn restores_of(
    restores: RestoreObjects,
) -> impl Fn(DeserializeGuard<RecoveryServicesVault>) -> Vec<ObjectRef<DeserializeGuard<VmRestore>>>
+ Send
+ Sync
+ 'static {
    // Generation and reason of Ready, as they were when the restores were last told.
    type Told = (Option<i64>, Option<String>);
    let seen: Mutex<HashMap<Key, Told>> = Mutex::default();
    move |vault| {
        let Ok(vault) = &vault.0 else {
            return Vec::new();
        };
        let key = (vault.namespace().unwrap_or_default(), vault.name_any());
        let ready = vault.status.as_ref().and_then(|status| {
            status
                .conditions
                .iter()
                .find(|condition| condition.type_ == "Ready")
        });
        let now = (
            vault.metadata.generation,
            ready.map(|ready| ready.reason.clone()),
        );
        let before = seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.clone(), now.clone());
        if before == Some(now) {
            return Vec::new();
        }
        let objects = restores.state();
        let refers = objects.iter().filter(|object| {
            object
                .0
                .as_ref()
                .is_ok_and(|object| tenancy::reference(object) == key)
        });
        refers
            .map(|object| ObjectRef::from_obj(object.as_ref()))
            .collect()
    }
}

fn watching<K>(client: &Client, namespace: Option<&str>) -> Controller<DeserializeGuard<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    Controller::new(api_of(client, namespace), watcher::Config::default())
}

fn api_of<K>(client: &Client, namespace: Option<&str>) -> Api<DeserializeGuard<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Trouble of the watch itself; the passes speak for themselves.
fn complain<K: Resource<DynamicType = ()>, E: std::error::Error + 'static>(
    result: &Result<(ObjectRef<K>, Action), controller::Error<E, watcher::Error>>,
) {
    match result {
        Err(controller::Error::QueueError(error)) => {
            tracing::warn!(error = %process_word(error), "the watch is in trouble; trying again");
        }
        Err(controller::Error::RunnerError(_)) => {
            tracing::warn!("the scheduler is in trouble; trying again")
        }
        Ok(_)
        | Err(controller::Error::ObjectNotFound(_) | controller::Error::ReconcilerFailed(..)) => {}
    }
}

fn process_word(error: &watcher::Error) -> &'static str {
    match error {
        watcher::Error::InitialListFailed(_) => "the list was refused",
        watcher::Error::WatchStartFailed(_) => "the watch was refused",
        watcher::Error::WatchError(_) => "the API server ended the watch",
        watcher::Error::WatchFailed(_) => "the connection failed",
        watcher::Error::NoResourceVersion => "the list had no version",
    }
}
