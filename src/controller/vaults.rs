//! `RecoveryServicesVault`: whether the controller can use it, and what Azure says about it.

use std::sync::{Arc, PoisonError};

use jiff::SignedDuration;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use serde_json::json;

use crate::api::conditions::{self, ConditionType, Reason, Said, Standing};
use crate::api::v1alpha1 as api;
use crate::restore::facts::{RefusalKind, VaultFacts};
use crate::restore::ports::{Clock, Vault};
use crate::restore::record::{Note, NoteKind};

use super::reconcile::PassFailed;
use super::store::bounded;
use super::tenancy::{self, Clouds};
use super::{Context, announce, reasons, status_write};

/// How often a vault that works is read again.
const PROBE_INTERVAL: SignedDuration = SignedDuration::from_mins(10);
/// How often one that does not work is tried: a fix is picked up within a minute.
const RETRY_INTERVAL: SignedDuration = SignedDuration::from_secs(40);

/// Probes one vault and writes its status.
///
/// # Errors
/// When the API server did not take the status.
pub async fn reconcile<A: Clouds, C: Clock>(
    vault: Arc<DeserializeGuard<api::RecoveryServicesVault>>,
    context: Arc<Context<A, C>>,
) -> Result<Action, PassFailed> {
    let vault = match &vault.0 {
        Ok(vault) => vault,
        Err(invalid) => {
            tracing::error!(name = invalid.metadata.name, namespace = invalid.metadata.namespace, error = %invalid.error, "vault object cannot be decoded; it is left alone");
            return Ok(Action::await_change());
        }
    };
    let key = (vault.namespace().unwrap_or_default(), vault.name_any());
    let now = context.shared.clock.now().boot;
    let last = {
        let probed = context
            .probed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        probed.get(&key).cloned()
    };
    if let Some(last) = last.filter(|last| last.is_of(vault) && now < last.due) {
        return Ok(Action::requeue(context.shared.clock.real(last.due - now)));
    }
    let probed = probe(vault, &context).await;
    let wait = if probed.is_ok() {
        PROBE_INTERVAL
    } else {
        RETRY_INTERVAL
    };
    write(vault, &context, probed).await?;
    let due = context.shared.clock.now().boot + wait;
    let probed = Probed {
        uid: vault.uid(),
        generation: vault.metadata.generation,
        due,
    };
    context
        .probed
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(key, probed);
    Ok(Action::requeue(context.shared.clock.real(wait)))
}

/// The last probe of a vault object.
#[derive(Debug, Clone)]
pub struct Probed {
    uid: Option<String>,
    generation: Option<i64>,
    /// On the boot-time clock.
    due: SignedDuration,
}

impl Probed {
    fn is_of(&self, vault: &api::RecoveryServicesVault) -> bool {
        self.uid == vault.uid() && self.generation == vault.metadata.generation
    }
}

/// When to try again.
pub fn retry<A: Clouds, C: Clock>(
    _: Arc<DeserializeGuard<api::RecoveryServicesVault>>,
    error: &PassFailed,
    context: Arc<Context<A, C>>,
) -> Action {
    tracing::warn!(%error, "the vault's status could not be written; trying again");
    Action::requeue(context.shared.clock.real(SignedDuration::from_secs(5)))
}

async fn probe<A: Clouds, C: Clock>(
    vault: &api::RecoveryServicesVault,
    context: &Context<A, C>,
) -> Result<VaultFacts, Note> {
    let namespace = vault.namespace().unwrap_or_default();
    let handle = context.open(vault, &namespace).await?;
    handle.facts().await.map_err(|error| {
        let kind = match error.kind {
            RefusalKind::Authentication => NoteKind::AuthenticationFailed,
            RefusalKind::Permission => NoteKind::PermissionDenied,
            RefusalKind::VaultNotFound | RefusalKind::NotFound => NoteKind::AzureVaultNotFound,
            RefusalKind::Throttled => NoteKind::Throttled,
            RefusalKind::BadRequest | RefusalKind::ApiVersion => NoteKind::AzureRefused,
            RefusalKind::Busy
            | RefusalKind::Unavailable
            | RefusalKind::Unreadable
            | RefusalKind::TooLate => NoteKind::AzureUnavailable,
        };
        Note {
            kind,
            message: format!("the vault cannot be read: {error}{}", kind.remedy()),
        }
    })
}

async fn write<A: Clouds, C: Clock>(
    vault: &api::RecoveryServicesVault,
    context: &Context<A, C>,
    probed: Result<VaultFacts, Note>,
) -> Result<(), PassFailed> {
    let now = context.shared.clock.now().wall;
    let generation = vault.metadata.generation.unwrap_or_default();
    let old = vault.status.clone().unwrap_or_default();
    let mut new = old.clone();
    let (reason, message) = match &probed {
        Ok(facts) => (
            Reason::VaultReachable,
            format!("the vault lies in {}", facts.location),
        ),
        Err(note) => (
            reasons::of_note(note.kind),
            status_write::cut(&note.message),
        ),
    };
    let good = reason.standing() == Standing::Good;
    let said = |status: bool| Said {
        status: Some(status),
        reason,
        message: conditions::with_guide(message.clone(), reason),
        observed_generation: generation,
    };
    conditions::set(&mut new.conditions, ConditionType::Ready, said(good), now);
    let mut only_if = |yes: bool, about: ConditionType| {
        if yes {
            conditions::set(&mut new.conditions, about, said(true), now);
        } else {
            conditions::unset(&mut new.conditions, about);
        }
    };
    only_if(
        reason.standing() == Standing::Working,
        ConditionType::Reconciling,
    );
    only_if(
        reason.standing() == Standing::Blocked,
        ConditionType::Stalled,
    );
    new.observed_generation = Some(generation);
    new.vault_id = Some(tenancy::arm_id(&vault.spec).to_string());
    if let Ok(facts) = probed {
        new.location = Some(facts.location);
        new.storage_redundancy = facts.storage_redundancy;
        new.cross_region_restore = facts.cross_region_restore;
    }
    if new == old {
        return Ok(());
    }
    new.last_probe_time = Some(now);
    // The comparison of ids is written by the runs, never from this possibly older copy.
    new.job_matching = None;
    let patch = json!({ "status": new });
    let vaults: Api<api::RecoveryServicesVault> = Api::namespaced(
        context.shared.client.clone(),
        &vault.namespace().unwrap_or_default(),
    );
    bounded(vaults.patch_status(
        &vault.name_any(),
        &PatchParams::default(),
        &Patch::Merge(&patch),
    ))
    .await?;
    context.shared.counts.status_written();
    let was = old
        .conditions
        .iter()
        .find(|condition| condition.type_ == ConditionType::Ready.as_str());
    if was.is_none_or(|was| was.reason != reason.as_str()) {
        announce::announce(&context.recorder, vault, reason, &message).await;
    }
    Ok(())
}
