//! One pass over one `VmRestore`: resolve its vault, run the pass, announce what changed, say when to come back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use tracing::Instrument;

use crate::api::v1alpha1 as api;
use crate::restore::pass::{After, Pass};
use crate::restore::ports::{Clock, StoreError};
use crate::restore::record::Memory;

use super::store::ObjectStore;
use super::tenancy::{self, Clouds};
use super::{Context, announce};

/// Why a pass did not come to its end. The next one starts again from a read.
#[derive(Debug, thiserror::Error)]
#[error("cannot work on the object: {0}")]
pub struct PassFailed(#[from] pub StoreError);

/// Runs one pass.
///
/// # Errors
/// When the API server did not take what the pass needed; [`retry`] says when to try again.
pub async fn reconcile<A: Clouds, C: Clock>(
    object: Arc<DeserializeGuard<api::VmRestore>>,
    context: Arc<Context<A, C>>,
) -> Result<Action, PassFailed> {
    let object = match &object.0 {
        Ok(object) => object,
        Err(invalid) => {
            tracing::error!(name = invalid.metadata.name, namespace = invalid.metadata.namespace, error = %invalid.error, "object cannot be decoded; it is left alone");
            return Ok(Action::await_change());
        }
    };
    let stored = object
        .status
        .as_ref()
        .and_then(|status| status.read().ok())
        .unwrap_or_default();
    let span = tracing::info_span!(
        "pass",
        namespace = object.namespace().unwrap_or_default(),
        name = object.name_any(),
        uid = object.uid().unwrap_or_default(),
        generation = object.metadata.generation,
        phase = stored.phase.as_str(),
        attempt = stored.attempts.last().map(|attempt| attempt.number),
    );
    let started = Instant::now();
    let result = pass(object, &context).instrument(span).await;
    let label = match &result {
        Ok(_) => "done",
        Err(PassFailed(StoreError::Conflict)) => "conflict",
        Err(PassFailed(StoreError::Gone)) => "gone",
        Err(_) => "failed",
    };
    context.shared.counts.pass(label, started.elapsed());
    match result {
        Ok(After::Rest) => Ok(Action::await_change()),
        Ok(After::In(wait)) => Ok(Action::requeue(context.shared.clock.real(wait))),
        Err(PassFailed(StoreError::Gone)) => Ok(Action::await_change()),
        Err(error) => Err(error),
    }
}

/// When to try again after a pass that failed: soon after a conflict, later when the API server is in trouble.
pub fn retry<A: Clouds, C: Clock>(
    _: Arc<DeserializeGuard<api::VmRestore>>,
    error: &PassFailed,
    _: Arc<Context<A, C>>,
) -> Action {
    let PassFailed(error) = error;
    let wait = match error {
        StoreError::Conflict | StoreError::Gone => {
            Duration::from_millis(50 + fastrand::u64(0..100))
        }
        StoreError::Lost(_) | StoreError::Refused(_) => {
            Duration::from_millis(2000 + fastrand::u64(0..2000))
        }
    };
    if !matches!(error, StoreError::Conflict) {
        tracing::warn!(%error, "pass did not come to its end; trying again");
    }
    Action::requeue(wait)
}

async fn pass<A: Clouds, C: Clock>(
    object: &api::VmRestore,
    context: &Context<A, C>,
) -> Result<After, PassFailed> {
    let shared = &context.shared;
    let namespace = object.namespace().unwrap_or_default();
    let vault = tenancy::find(object, &context.vaults);
    let opened = match &vault {
        None => Err(tenancy::not_found(object)),
        Some(vault) => context.open(vault, &namespace).await,
    };
    let store = ObjectStore::new(
        shared,
        object,
        vault.as_ref().map(tenancy::name_of),
        &context.restores,
    );
    let key = (namespace, object.name_any());
    let mut memory = context.take_memory(&key, object);
    let pass = Pass {
        store: &store,
        vault: opened,
        clock: &shared.clock,
        limits: &shared.limits,
        memory: &mut memory,
    };
    let after = pass.run().await;
    context.keep_memory(key, object, memory);
    let after = after?;
    if after == After::Rest && has_unseen_change(object) {
        store.acknowledge().await?;
    }
    announce_change(object, &store, context).await;
    Ok(after)
}

/// Whether a run that has ended does not yet say that it has seen the object's last change, by which tools tell a status
/// that counts from an old one.
fn has_unseen_change(object: &api::VmRestore) -> bool {
    let status = object.status.as_ref().and_then(|status| status.read().ok());
    let deleting = object.metadata.deletion_timestamp.is_some();
    !deleting
        && status.is_some_and(|status| {
            status.finished && Some(status.observed_generation) != object.metadata.generation
        })
}

fn reason_of(object: &api::VmRestore) -> Option<String> {
    let status = object.status.as_ref()?.read().ok()?;
    let ready = status
        .conditions
        .into_iter()
        .find(|condition| condition.type_ == "Ready")?;
    Some(ready.reason)
}

/// Publishes an event when the reason of `Ready` is another one than before this pass.
async fn announce_change<A: Clouds, C: Clock>(
    object: &api::VmRestore,
    store: &ObjectStore<'_, C>,
    context: &Context<A, C>,
) {
    let Some(written) = store.last_written() else {
        return;
    };
    let reason = written.reason;
    if reason_of(object).as_deref() == Some(reason.as_str()) {
        return;
    }
    tracing::info!(phase = ?written.phase, reason = reason.as_str(), "state changed");
    announce::announce(&context.recorder, object, reason, &written.message).await;
}

/// What one process remembers of one object, and of which one.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    uid: String,
    memory: Memory,
}

impl Remembered {
    /// The memory for an object. Claims and jobs are remembered by their ids, also when the object was applied again;
    /// waits belong to one object.
    pub fn of(mut self, object: &api::VmRestore) -> Memory {
        let uid = object.uid().unwrap_or_default();
        if self.uid != uid {
            self.memory.not_before = None;
            self.memory.tries = 0;
            self.memory.last_look = None;
            self.memory.looks_in_vain_since = None;
        }
        self.memory
    }

    /// What is remembered, whatever object is there.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Keeps the memory of an object.
    pub fn new(object: &api::VmRestore, memory: Memory) -> Self {
        Self {
            uid: object.uid().unwrap_or_default(),
            memory,
        }
    }
}
