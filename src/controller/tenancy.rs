//! From the reference in a `VmRestore` to the vault that it may use: object, permission, endpoints, credentials, in this
//! order, so that nothing is read on behalf of somebody who may not use it.

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::Api;
use kube::core::{DeserializeGuard, Selector, SelectorExt};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, ResourceExt};

use crate::api::v1alpha1 as api;
use crate::restore::facts::VaultError;
use crate::restore::ids::ArmId;
use crate::restore::ports::{StoreError, Vault};
use crate::restore::record::{Note, NoteKind};

use super::store::{VaultName, bounded};

/// The Azure side, as far as the Kubernetes side opens it.
pub trait Clouds: Clone + Send + Sync + 'static {
    /// One vault.
    type Vault: Vault;

    /// Whether the controller may talk to the endpoints of this vault. Asked before any credential is read.
    ///
    /// # Errors
    /// What is wrong, naming the host and the remedy.
    fn check(&self, vault: &api::RecoveryServicesVaultSpec) -> Result<(), String>;

    /// Opens a vault with a client secret. Handles of one vault and one credential share everything.
    ///
    /// # Errors
    /// When the endpoints or the credential have no usable form.
    fn open(
        &self,
        vault: &api::RecoveryServicesVaultSpec,
        secret: ClientSecret,
    ) -> Result<Self::Vault, VaultError>;
}

/// A client secret on its way from a Secret to Azure. Never shown.
pub struct ClientSecret(pub String);

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientSecret")
    }
}

/// The ARM id of the vault that an object describes.
pub fn arm_id(spec: &api::RecoveryServicesVaultSpec) -> ArmId {
    ArmId::new(format!(
        "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.RecoveryServices/vaults/{}",
        spec.subscription_id, spec.resource_group, spec.name
    ))
}

/// Which vault object a `VmRestore` refers to: namespace and name.
pub fn reference(object: &api::VmRestore) -> (String, String) {
    let vault = &object.spec.vault_ref;
    let namespace = vault.namespace.clone().or_else(|| object.namespace());
    (namespace.unwrap_or_default(), vault.name.clone())
}

/// The vault object of a run, if there is one that can be read.
pub fn find(
    object: &api::VmRestore,
    vaults: &[VaultObjects],
) -> Option<api::RecoveryServicesVault> {
    let (namespace, name) = reference(object);
    let key = ObjectRef::new(&name).within(&namespace);
    let found = vaults.iter().find_map(|store| store.get(&key))?;
    found.0.as_ref().ok().cloned()
}

/// Watched vault objects.
pub type VaultObjects = Store<DeserializeGuard<api::RecoveryServicesVault>>;

/// Name and ARM id of a vault object.
pub fn name_of(vault: &api::RecoveryServicesVault) -> VaultName {
    VaultName {
        namespace: vault.namespace().unwrap_or_default(),
        name: vault.name_any(),
        id: arm_id(&vault.spec),
    }
}

/// Reads the credential of a vault, after its endpoints were checked.
///
/// # Errors
/// A note that names Secret and key.
pub async fn credential<A: Clouds>(
    client: &Client,
    clouds: &A,
    vault: &api::RecoveryServicesVault,
) -> Result<ClientSecret, Note> {
    clouds.check(&vault.spec).map_err(|why| Note {
        kind: NoteKind::EndpointNotAllowed,
        message: format!("vault object {}: {why}", shown(vault)),
    })?;
    let Some(principal) = &vault.spec.auth.service_principal else {
        return Err(Note {
            kind: NoteKind::AuthenticationFailed,
            message: format!(
                "vault object {} has no spec.auth.servicePrincipal; set it",
                shown(vault)
            ),
        });
    };
    let namespace = vault.namespace().unwrap_or_default();
    let name = &principal.secret_ref.name;
    let key = &principal.secret_ref.key;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let secret = match bounded(secrets.get(name)).await {
        Ok(secret) => secret,
        Err(StoreError::Gone) => {
            return Err(Note {
                kind: NoteKind::SecretNotFound,
                message: format!(
                    "Secret {namespace}/{name} (spec.auth.servicePrincipal.secretRef.name of vault object {}) does not exist; create it with the client secret under key {key}",
                    shown(vault)
                ),
            });
        }
        Err(StoreError::Refused(_)) => {
            return Err(Note {
                kind: NoteKind::PermissionDenied,
                message: format!(
                    "the controller may not read Secret {namespace}/{name}; bind ClusterRole vmrestore-credentials-reader to its ServiceAccount in namespace {namespace}"
                ),
            });
        }
        Err(error) => {
            return Err(Note {
                kind: NoteKind::AzureUnavailable,
                message: format!("Secret {namespace}/{name} cannot be read: {error}"),
            });
        }
    };
    let bytes = secret
        .data
        .as_ref()
        .and_then(|data| data.get(key))
        .map(|bytes| bytes.0.as_slice());
    let text = bytes
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .map(str::trim)
        .unwrap_or_default();
    if text.is_empty() {
        return Err(Note {
            kind: NoteKind::SecretKeyMissing,
            message: format!(
                "Secret {namespace}/{name} has no text under key {key} (spec.auth.servicePrincipal.secretRef.key of vault object {}); put the client secret there or name another key",
                shown(vault)
            ),
        });
    }
    Ok(ClientSecret(text.to_owned()))
}

/// A note for a run whose vault object does not exist.
pub fn not_found(object: &api::VmRestore) -> Note {
    let (namespace, name) = reference(object);
    Note {
        kind: NoteKind::VaultNotFound,
        message: format!(
            "RecoveryServicesVault {namespace}/{name} (spec.vaultRef) does not exist, or the controller cannot see it (it may work for other namespaces only, or not understand the object); create it or mend that, and the restore goes on by itself"
        ),
    }
}

/// Whether a namespace may use a vault.
///
/// # Errors
/// A note that names the vault object and its field.
pub async fn allowed(
    client: &Client,
    vault: &api::RecoveryServicesVault,
    namespace: &str,
) -> Result<(), Note> {
    if vault.namespace().as_deref() == Some(namespace) {
        return Ok(());
    }
    let refused = || Note {
        kind: NoteKind::VaultNotAllowed,
        message: format!(
            "RecoveryServicesVault {} (spec.vaultRef) does not allow namespace {namespace}; its owner can add it to spec.allowedNamespaces.names or label the namespace for spec.allowedNamespaces.selector",
            shown(vault)
        ),
    };
    let Some(allowed) = &vault.spec.allowed_namespaces else {
        return Err(refused());
    };
    if allowed.names.iter().any(|name| name == namespace) {
        return Ok(());
    }
    let Some(selector) = &allowed.selector else {
        return Err(refused());
    };
    let Ok(selector) = Selector::try_from(selector.clone()) else {
        return Err(refused());
    };
    let namespaces: Api<Namespace> = Api::all(client.clone());
    match bounded(namespaces.get(namespace)).await {
        Ok(object) if !selects_nothing(&selector) && selector.matches(object.labels()) => Ok(()),
        Ok(_) | Err(StoreError::Gone) => Err(refused()),
        Err(error) => Err(Note {
            kind: NoteKind::AzureUnavailable,
            message: format!("the labels of namespace {namespace} cannot be read: {error}"),
        }),
    }
}

/// An empty selector would match every namespace; who wants that says so by a label that every namespace has.
fn selects_nothing(selector: &Selector) -> bool {
    selector.to_string().is_empty()
}

fn shown(vault: &api::RecoveryServicesVault) -> String {
    format!(
        "{}/{}",
        vault.namespace().unwrap_or_default(),
        vault.name_any()
    )
}
