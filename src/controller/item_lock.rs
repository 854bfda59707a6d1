//! The item lock as a Lease: one per VM that is written over, in the controller's own namespace
//! (docs/decisions/0010-item-lock.md). Every read is live; every write compares the version that was read.
//!
//! The Lease never expires by itself: `renewTime` is for people. Who holds it is a run key, and whether that run still may
//! restore is asked of its object.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, ResourceExt};
use uuid::Uuid;

use crate::api::v1alpha1 as api;
use crate::restore::ids::{ArmId, Scope};
use crate::restore::item_lock::{self, Holder, HolderState, ItemLock, Taker};
use crate::restore::ports::{ItemLocks, StoreError};

use super::store::bounded;
use super::translate;

/// Namespace of the holder's object.
const NAMESPACE: &str = "vmrestore.azurebackup.dev/holder-namespace";

/// Name of the holder's object.
const NAME: &str = "vmrestore.azurebackup.dev/holder-name";

/// UID of the holder's object, for people: an object that is applied again has another one and is the same run.
const UID: &str = "vmrestore.azurebackup.dev/holder-uid";

/// ARM id of the vault whose jobs show what the holder has started: whoever takes the lock over asks it.
const VAULT: &str = "vmrestore.azurebackup.dev/holder-vault";

/// A fresh id for every write: the API server keeps the version when a write changes nothing, and a lock that its holder
/// has written down again must not be released by what was read before.
const WRITE: &str = "vmrestore.azurebackup.dev/holder-write";

/// The VM, for people: the Lease's name is only a hash of it.
const VIRTUAL_MACHINE: &str = "vmrestore.azurebackup.dev/virtual-machine";

/// The locks, as one object reaches them.
pub struct ItemLeases<'a> {
    /// The API server. Its default namespace is the controller's own, where the Leases are.
    pub client: &'a Client,
    /// What separates this cluster's runs from those of others.
    pub scope: &'a Scope,
    /// The object that takes and releases.
    pub object: LockingObject<'a>,
    /// The time of day, for `renewTime`.
    pub now: Timestamp,
}

/// The object whose run takes the lock.
#[derive(Debug, Clone, Copy)]
pub struct LockingObject<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID.
    pub uid: &'a str,
}

/// The name of the Lease of a VM: the same for every way to write its id.
pub fn name_of(vm: &ArmId) -> String {
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, vm.canonical().as_bytes());
    format!("vmrestore-item-{hash}")
}

impl ItemLeases<'_> {
    fn leases(&self) -> Api<Lease> {
        Api::default_namespaced(self.client.clone())
    }

    fn lease(&self, read: &ItemLock, taker: Taker<'_>) -> Lease {
        let vm = taker.vm;
        let write = Uuid::new_v4().to_string();
        let annotations = [
            (NAMESPACE, self.object.namespace),
            (NAME, self.object.name),
            (UID, self.object.uid),
            (VAULT, taker.vault.as_str()),
            (WRITE, &write),
            (VIRTUAL_MACHINE, vm.as_str()),
        ];
        Lease {
            metadata: ObjectMeta {
                name: Some(name_of(vm)),
                resource_version: read.version.clone(),
                annotations: Some(BTreeMap::from(
                    annotations.map(|(key, value)| (key.to_owned(), value.to_owned())),
                )),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(taker.key.to_string()),
                renew_time: Some(MicroTime(self.now)),
                ..LeaseSpec::default()
            }),
        }
    }
}

impl ItemLocks for ItemLeases<'_> {
    async fn read_lock(&self, vm: &ArmId) -> Result<ItemLock, StoreError> {
        match bounded(self.leases().get(&name_of(vm))).await {
            Ok(lease) => Ok(lock_of(&lease)),
            Err(StoreError::Gone) => Ok(ItemLock {
                version: None,
                holder: None,
            }),
            Err(error) => Err(error),
        }
    }

    async fn take_lock(&self, read: &ItemLock, taker: Taker<'_>) -> Result<(), StoreError> {
        let (leases, lease) = (self.leases(), self.lease(read, taker));
        let written = match read.version {
            None => bounded(leases.create(&PostParams::default(), &lease)).await,
            // Not a replacement: the API server makes a Lease that is replaced and gone, whatever version it should have.
            Some(_) => {
                let patch = Patch::Merge(&lease);
                bounded(leases.patch(&name_of(taker.vm), &PatchParams::default(), &patch)).await
            }
        };
        match written {
            Ok(_) => Ok(()),
            // Somebody released it in between.
            Err(StoreError::Gone) => Err(StoreError::Conflict),
            Err(error) => Err(error),
        }
    }

    async fn release_lock(&self, vm: &ArmId, read: &ItemLock) -> Result<(), StoreError> {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                resource_version: read.version.clone(),
                uid: None,
            }),
            ..DeleteParams::default()
        };
        match bounded(self.leases().delete(&name_of(vm), &params)).await {
            Ok(_) | Err(StoreError::Gone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn holder_state(&self, holder: &Holder) -> HolderState {
        if holder.key.is_none() {
            return HolderState::Unknown;
        }
        let objects: Api<api::VmRestore> = Api::namespaced(self.client.clone(), &holder.namespace);
        match bounded(objects.get(&holder.name)).await {
            Ok(object) => item_lock::state_of(&translate::run(&object, None, self.scope), holder),
            Err(StoreError::Gone) => HolderState::Gone,
            Err(StoreError::Conflict | StoreError::Lost(_) | StoreError::Refused(_)) => {
                HolderState::Unknown
            }
        }
    }
}

/// What a Lease says. One without a holder is free, and taken like one that is held: by comparing its version.
fn lock_of(lease: &Lease) -> ItemLock {
    let identity = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.holder_identity.as_deref())
        .filter(|identity| !identity.is_empty());
    let annotation = |key: &str| lease.annotations().get(key).cloned().unwrap_or_default();
    let holder = identity.map(|identity| {
        let (namespace, name) = (annotation(NAMESPACE), annotation(NAME));
        let vault = annotation(VAULT);
        // Without its object's name nobody can ask whether it is gone.
        let named = !namespace.is_empty() && !name.is_empty();
        Holder {
            key: identity.parse().ok().filter(|_| named),
            namespace,
            name,
            vault: (!vault.is_empty()).then(|| ArmId::new(vault)),
        }
    });
    ItemLock {
        version: lease.resource_version(),
        holder,
    }
}

#[cfg(test)]
#[path = "item_lock_tests.rs"]
mod tests;
