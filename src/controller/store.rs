//! The stored object: live reads, and writes by compare-and-swap. Every call to the API server is bounded in time.

use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::runtime::reflector::Store;
use kube::{Client, ResourceExt};
use serde_json::json;
use uuid::Uuid;

use crate::api::conditions::Reason;
use crate::api::v1alpha1 as api;
use crate::restore::following;
use crate::restore::ids::{ArmId, ClaimId, JobId, Scope};
use crate::restore::item_lock::{Holder, HolderState, ItemLock, Taker};
use crate::restore::ports::{Clock, ItemLocks, RunStore, StoreError, Stored};
use crate::restore::record::{Claim, Matching, Phase, Record};

use super::RestoreObjects;
use super::counts::Counts;
use super::item_lock::{ItemLeases, LockingObject};
use super::{reasons, status_read, status_write, translate};

/// Longest wait for one answer of the API server, in real time.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Bounds one call to the API server and sorts its failures.
///
/// # Errors
/// `Lost` when no answer came, so that a write may have happened.
pub async fn bounded<T>(
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Err(_) => Err(StoreError::Lost(format!(
            "no answer within {} s",
            CALL_TIMEOUT.as_secs()
        ))),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(kube::Error::Api(status))) => Err(match status.code {
            404 => StoreError::Gone,
            409 => StoreError::Conflict,
            // The API server may have done it before it or something before it gave up.
            408 | 500..=599 => StoreError::Lost(format!("{} {}", status.code, status.reason)),
            _ => StoreError::Refused(format!(
                "{} {}: {}",
                status.code,
                status.reason,
                status_write::cut(&status.message)
            )),
        }),
        Ok(Err(error)) => Err(StoreError::Lost(kind_of(&error).to_owned())),
    }
}

/// A word for a failure of the connection; the error itself may quote what was sent.
fn kind_of(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::SerdeError(_) => "the answer could not be decoded",
        kube::Error::Auth(_) => "the controller's own credentials could not be used",
        _ => "the connection failed",
    }
}

/// One `VmRestore` at the API server.
pub struct ObjectStore<'a, C> {
    client: &'a Client,
    clock: &'a C,
    scope: &'a Scope,
    counts: &'a dyn Counts,
    stopping: &'a AtomicBool,
    namespace: String,
    name: String,
    uid: String,
    vault: Option<VaultName>,
    watched: &'a [RestoreObjects],
    written: Mutex<Option<Written>>,
}

/// What a status write said.
#[derive(Debug, Clone)]
pub struct Written {
    /// The phase.
    pub phase: Phase,
    /// Reason of `Ready`.
    pub reason: Reason,
    /// Message of `Ready`.
    pub message: String,
}

/// Where the vault object of a run stands, and which vault it names.
#[derive(Debug, Clone)]
pub struct VaultName {
    /// Namespace of the vault object.
    pub namespace: String,
    /// Name of the vault object.
    pub name: String,
    /// The vault's ARM id.
    pub id: ArmId,
}

impl<'a, C: Clock> ObjectStore<'a, C> {
    /// For one object; `vault` if its vault object is known, `watched` every object that the controller sees.
    pub fn new(
        shared: &'a super::Shared<C>,
        object: &api::VmRestore,
        vault: Option<VaultName>,
        watched: &'a [RestoreObjects],
    ) -> Self {
        Self {
            client: &shared.client,
            clock: &shared.clock,
            scope: &shared.scope,
            counts: shared.counts.as_ref(),
            stopping: &shared.stopping,
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            vault,
            watched,
            written: Mutex::new(None),
        }
    }

    /// What the last status write of this pass said, if there was one.
    pub fn last_written(&self) -> Option<Written> {
        self.written.lock().ok()?.clone()
    }

    /// Says that a run which has ended has seen the newest change of its object; nothing else of its status changes.
    ///
    /// # Errors
    /// When the object cannot be read or written.
    pub async fn acknowledge(&self) -> Result<(), StoreError> {
        let stored = self.read().await?;
        let record = stored.run.record.clone();
        if record.end.is_some() {
            self.save(&stored, &record).await?;
        }
        Ok(())
    }

    fn objects(&self) -> Api<api::VmRestore> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn stored(
        &self,
        object: api::VmRestore,
        read_at: crate::restore::facts::Now,
    ) -> Stored<Box<api::VmRestore>> {
        let vault = self.vault.as_ref().map(|vault| vault.id.clone());
        Stored {
            run: translate::run(&object, vault, self.scope),
            version: Box::new(object),
            read_at,
        }
    }

    /// Changes metadata by a merge patch that carries the version that was read, so that the API server compares.
    async fn patch_metadata(
        &self,
        base: &api::VmRestore,
        finalizers: Vec<String>,
        claim: Option<String>,
    ) -> Result<Stored<Box<api::VmRestore>>, StoreError> {
        let patch = json!({"metadata": {
            "resourceVersion": base.resource_version(),
            "uid": base.uid(),
            "finalizers": finalizers,
            "annotations": { translate::CLAIM: claim },
        }});
        let now = self.clock.now();
        let objects = self.objects();
        let object =
            bounded(objects.patch(&self.name, &PatchParams::default(), &Patch::Merge(&patch)))
                .await?;
        Ok(self.stored(object, now))
    }

    fn item_leases(&self) -> ItemLeases<'_> {
        ItemLeases {
            client: self.client,
            scope: self.scope,
            object: LockingObject {
                namespace: &self.namespace,
                name: &self.name,
                uid: &self.uid,
            },
            now: self.clock.now().wall,
        }
    }

    fn vaults(&self, vault: &VaultName) -> Api<api::RecoveryServicesVault> {
        Api::namespaced(self.client.clone(), &vault.namespace)
    }
}

impl<C: Clock> ItemLocks for ObjectStore<'_, C> {
    async fn read_lock(&self, vm: &ArmId) -> Result<ItemLock, StoreError> {
        self.item_leases().read_lock(vm).await
    }

    async fn take_lock(&self, read: &ItemLock, taker: Taker<'_>) -> Result<(), StoreError> {
        self.item_leases().take_lock(read, taker).await
    }

    async fn release_lock(&self, vm: &ArmId, read: &ItemLock) -> Result<(), StoreError> {
        self.item_leases().release_lock(vm, read).await
    }

    async fn holder_state(&self, holder: &Holder) -> HolderState {
        self.item_leases().holder_state(holder).await
    }
}

impl<C: Clock> RunStore for ObjectStore<'_, C> {
    type Version = Box<api::VmRestore>;

    async fn read(&self) -> Result<Stored<Self::Version>, StoreError> {
        let object = bounded(self.objects().get(&self.name)).await?;
        Ok(self.stored(object, self.clock.now()))
    }

    async fn write_claim(
        &self,
        base: &Stored<Self::Version>,
        claim: Claim,
    ) -> Result<Stored<Self::Version>, StoreError> {
        let mut finalizers = base.version.finalizers().to_vec();
        if !finalizers
            .iter()
            .any(|finalizer| finalizer == translate::FINALIZER)
        {
            finalizers.push(translate::FINALIZER.to_owned());
        }
        self.counts.claimed();
        self.patch_metadata(
            &base.version,
            finalizers,
            Some(translate::claim_text(claim)),
        )
        .await
    }

    async fn let_go(
        &self,
        base: &Stored<Self::Version>,
    ) -> Result<Stored<Self::Version>, StoreError> {
        let mut finalizers = base.version.finalizers().to_vec();
        finalizers.retain(|finalizer| finalizer != translate::FINALIZER);
        self.patch_metadata(&base.version, finalizers, None).await
    }

    async fn save(
        &self,
        base: &Stored<Self::Version>,
        record: &Record,
    ) -> Result<Stored<Self::Version>, StoreError> {
        let object = &base.version;
        let generation = object.metadata.generation.unwrap_or_default();
        let was = translate::run(object, Some(base.run.intent.vault.clone()), self.scope).record;
        let record = following::worth_writing(&was, record);
        let stored = object.status.clone().unwrap_or_default();
        let mut conditions = status_read::conditions(&stored);
        reasons::set(
            &mut conditions,
            &base.run,
            &record,
            generation,
            self.clock.now().wall,
        );
        let mut status = status_write::status(&base.run, &record);
        status.observed_generation = generation;
        status.conditions = conditions;
        let status = match &record.unreadable {
            None => stored.overlaid_with(&status),
            Some(_) => status_read::informed(&stored, &status),
        };
        if status == stored {
            return Ok(base.clone());
        }
        let mut object = object.clone();
        object.status = Some(status);
        self.counts.status_written();
        let now = self.clock.now();
        let objects = self.objects();
        let written =
            bounded(objects.replace_status(&self.name, &PostParams::default(), &object)).await?;
        if let Ok(mut last) = self.written.lock() {
            let (reason, message) = reasons::said(&base.run, &record);
            *last = Some(Written {
                phase: record.phase,
                reason,
                message,
            });
        }
        Ok(self.stored(written, now))
    }

    async fn matching(&self) -> Result<Matching, StoreError> {
        let Some(vault) = &self.vault else {
            return Ok(Matching::default());
        };
        let object = bounded(self.vaults(vault).get(&vault.name)).await?;
        Ok(matching_of(&object))
    }

    async fn note_matching(&self, matching: Matching) -> Result<(), StoreError> {
        let Some(vault) = &self.vault else {
            return Ok(());
        };
        let vaults = self.vaults(vault);
        let object = bounded(vaults.get(&vault.name)).await?;
        if matching_of(&object) == matching {
            return Ok(());
        }
        if matching == Matching::Broken {
            tracing::error!(vault = %vault.id, "jobs of this vault do not carry the ids that were sent");
        }
        let word = match matching {
            Matching::Assumed => api::JobMatchingState::Assumed,
            Matching::Proven => api::JobMatchingState::Proven,
            Matching::Broken => api::JobMatchingState::Broken,
        };
        let patch = json!({"status": {"jobMatching": {"primary": word}}});
        bounded(vaults.patch_status(&vault.name, &PatchParams::default(), &Patch::Merge(&patch)))
            .await?;
        Ok(())
    }

    async fn job_is_of_another_run(&self, job: &JobId) -> Result<bool, StoreError> {
        let other = |object: &api::VmRestore| {
            object.name_any() != self.name
                || object.namespace().unwrap_or_default() != self.namespace
        };
        let says = |object: &api::VmRestore| {
            let status = object.status.as_ref().and_then(|status| status.read().ok());
            status.is_some_and(|status| {
                status.attempts.iter().any(|attempt| {
                    attempt
                        .job_id
                        .as_deref()
                        .is_some_and(|id| id.eq_ignore_ascii_case(job.as_str()))
                })
            })
        };
        let objects = self.watched.iter().flat_map(Store::state);
        Ok(objects
            .filter_map(|object| object.0.as_ref().ok().cloned())
            .any(|object| other(&object) && says(&object)))
    }

    fn may_claim(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }

    fn count_trigger(&self, outcome: &'static str) {
        self.counts.triggered(outcome);
    }

    fn new_claim_id(&self) -> ClaimId {
        ClaimId::new(Uuid::new_v4())
    }
}

/// What the vault's object says about activity ids.
pub fn matching_of(vault: &api::RecoveryServicesVault) -> Matching {
    let state = vault
        .status
        .as_ref()
        .and_then(|status| status.job_matching)
        .map(|matching| matching.primary);
    match state.unwrap_or_default() {
        api::JobMatchingState::Assumed => Matching::Assumed,
        api::JobMatchingState::Proven => Matching::Proven,
        api::JobMatchingState::Broken => Matching::Broken,
    }
}
