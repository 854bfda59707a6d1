//! `RecoveryServicesVault`: where the backup lies, as whom to restore, and who may.

#![allow(
    rustdoc::bare_urls,
    reason = "the comments are what kubectl explain prints, where link marks would be noise"
)]
#![allow(
    clippy::duplicated_attributes,
    reason = "printer columns repeat their keys, column by column"
)]

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition_list::condition_list;
use super::duration::DurationText;
use super::guid;
use super::label_selector::label_selector;

const GUID: &str = concat!("self.matches('^", guid!(), "$')");
const IMMUTABLE: &str = "self == oldSelf";
const API_VERSION: &str = "self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$')";
const HTTPS: &str = "isURL(self) && url(self).getScheme() == 'https' && url(self).getQuery().size() == 0 && !self.contains('@')";
const HTTPS_OR_LOOPBACK: &str = "isURL(self) && url(self).getQuery().size() == 0 && !self.contains('@') && (url(self).getScheme() == 'https' || (url(self).getScheme() == 'http' && url(self).getHostname() in ['127.0.0.1', '::1', 'localhost']))";
const POLL_INTERVAL: &str = "self.matches('^([0-9]{1,6}[hms])+$') && duration(self) >= duration('10s') && duration(self) <= duration('1h')";

/// Where the backup lies, as whom to restore, and which namespaces may.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, Serialize)]
#[kube(
    group = "azurebackup.dev",
    version = "v1alpha1",
    kind = "RecoveryServicesVault",
    namespaced,
    shortname = "rsv",
    category = "azurebackup",
    status = "RecoveryServicesVaultStatus",
    doc = "A Recovery Services vault of Azure Backup: where it is, as whom the controller reaches it, and which namespaces may restore from it.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the controller can use the vault."
    ),
    printcolumn(
        name = "Vault",
        type_ = "string",
        json_path = ".spec.name",
        description = "Name of the vault in Azure."
    ),
    printcolumn(
        name = "Location",
        type_ = "string",
        json_path = ".status.location",
        description = "Azure region of the vault."
    ),
    printcolumn(
        name = "Resource Group",
        type_ = "string",
        json_path = ".spec.resourceGroup",
        priority = 1,
        description = "Resource group of the vault."
    ),
    printcolumn(
        name = "Subscription",
        type_ = "string",
        json_path = ".spec.subscriptionId",
        priority = 1,
        description = "Subscription of the vault."
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1,
        description = "What is wrong and what to do."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.cloud != 'Custom' || has(self.endpoints)").message("cloud Custom needs endpoints: set endpoints.resourceManager, endpoints.authority and endpoints.audience, or choose another cloud").field_path(".endpoints"),
    validation = Rule::new("self.cloud == 'Custom' || !has(self.endpoints)").message("endpoints go with cloud Custom only: remove endpoints, or set cloud to Custom").field_path(".endpoints")
)]
pub struct RecoveryServicesVaultSpec {
    /// Id of the Azure subscription that the vault lies in, a GUID. Immutable.
    #[schemars(length(max = 36))]
    #[x_kube(
        validation = Rule::new(GUID).message("subscriptionId must be a GUID: write for example 00000000-0000-0000-0000-000000000000"),
        validation = Rule::new(IMMUTABLE).message("subscriptionId cannot change: create another RecoveryServicesVault object for another vault")
    )]
    pub subscription_id: String,

    /// Name of the resource group that the vault lies in. Immutable.
    #[schemars(length(max = 90))]
    #[x_kube(
        validation = Rule::new("self.matches('^[^/?#%\\\\s]+$')").message("resourceGroup must be the name of a resource group, not its id: write for example testVaultRG"),
        validation = Rule::new(IMMUTABLE).message("resourceGroup cannot change: create another RecoveryServicesVault object for another vault")
    )]
    pub resource_group: String,

    /// Name of the vault in Azure. Immutable.
    #[schemars(length(max = 50))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z][A-Za-z0-9-]+$')").message("name must be the name of the vault in Azure, not its id (2 to 50 letters, digits and hyphens, a letter first): write for example testVault"),
        validation = Rule::new(IMMUTABLE).message("name cannot change: create another RecoveryServicesVault object for another vault")
    )]
    pub name: String,

    /// Which Azure cloud the vault lies in.
    #[serde(default)]
    pub cloud: Cloud,

    /// Where to send requests with cloud Custom; refused with any other cloud. The controller must have been started with --allow-azure-host for these hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Endpoints>,

    /// As whom the controller reaches the vault: exactly one method.
    pub auth: Auth,

    /// Which other namespaces may refer to this vault. Left out: its own namespace only, which is always allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,

    /// How often the vault's list of jobs is read while something runs: 10s to 1h, written like 60s or 5m. Azure allows about 150 such reads an hour and subscription; the controller reads less often when that is short.
    #[serde(default = "default_poll_interval")]
    #[schemars(with = "String", length(max = 16))]
    #[x_kube(validation = Rule::new(POLL_INTERVAL).message("pollInterval must be a duration from 10s to 1h: write for example 60s or 5m"))]
    pub poll_interval: DurationText,

    /// Versions of Azure's API to use instead of the built-in ones. Needed only where a cloud lacks the built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_versions: Option<ApiVersions>,
}

/// An Azure cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Cloud {
    /// The public cloud.
    #[default]
    AzurePublic,
    /// The cloud of the government of the United States.
    AzureUSGovernment,
    /// The cloud in China, operated by 21Vianet.
    AzureChina,
    /// Another cloud, or an emulator; its addresses stand in endpoints.
    Custom,
}

/// Addresses of a cloud that the controller does not know.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// Base address of Azure Resource Manager, for example https://management.example.com (http only on 127.0.0.1, ::1 or localhost).
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(HTTPS_OR_LOOPBACK).message("endpoints.resourceManager must be an https URL without user and query: write for example https://management.example.com (http is for 127.0.0.1, ::1 and localhost)"))]
    pub resource_manager: String,

    /// Base address of the token service, without the tenant, for example https://login.example.com
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(HTTPS).message("endpoints.authority must be an https URL without user and query: write for example https://login.example.com"))]
    pub authority: String,

    /// For whom tokens are asked, usually the address of Resource Manager, for example https://management.example.com
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(HTTPS).message("endpoints.audience must be an https URL without user and query: write for example https://management.example.com"))]
    pub audience: String,
}

/// As whom the controller reaches the vault: exactly one method.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.servicePrincipal)].filter(given, given).size() == 1").message("auth needs exactly one method: set auth.servicePrincipal"))]
pub struct Auth {
    /// A service principal (app registration) with a client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_principal: Option<ServicePrincipal>,
}

/// A service principal with a client secret.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// Id of the directory (tenant): a GUID, or a domain of it such as contoso.onmicrosoft.com
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9][A-Za-z0-9.-]*$')").message("tenantId must be the id or a domain of the tenant: write for example 00000000-0000-0000-0000-000000000000 or contoso.onmicrosoft.com"))]
    pub tenant_id: String,

    /// Application (client) id of the service principal, a GUID.
    #[schemars(length(max = 36))]
    #[x_kube(validation = Rule::new(GUID).message("clientId must be the application (client) id, a GUID: write for example 00000000-0000-0000-0000-000000000000"))]
    pub client_id: String,

    /// The Secret, in the namespace of this vault object, that holds the client secret.
    pub secret_ref: SecretKeyRef,
}

/// One key of a Secret.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// metadata.name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Key within the Secret's data.
    #[serde(default = "default_secret_key")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9._-]+$')").message("secretRef.key must be a key of a Secret (letters, digits, '-', '_', '.'): write for example clientSecret"))]
    pub key: String,
}

/// Namespaces that may refer to a vault; one that matches either way may.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// Names of namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)))]
    pub names: Vec<String>,

    /// Labels of namespaces. It must ask for something; key kubernetes.io/metadata.name with operator Exists allows every namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label_selector")]
    pub selector: Option<LabelSelector>,
}

/// Versions of Azure's API, written like 2024-04-01.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiVersions {
    /// For reading the vault itself (Microsoft.RecoveryServices/vaults).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 18))]
    #[x_kube(validation = Rule::new(API_VERSION).message("apiVersions.vault must be a date: write for example 2024-04-01"))]
    pub vault: Option<String>,

    /// For all that is done in the vault's own region: protected items, recovery points, restores, operations and jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 18))]
    #[x_kube(
        validation = Rule::new(API_VERSION).message("apiVersions.primary must be a date: write for example 2024-04-01"),
        validation = Rule::new("!(self in ['2018-12-20', '2021-11-15', '2023-01-15', '2026-07-15'])").message("with 2018-12-20, 2021-11-15, 2023-01-15 and 2026-07-15 Azure reads the secondary region: set apiVersions.primary to another version, for example 2024-04-01")
    )]
    pub primary: Option<String>,
}

/// What the controller knows about the vault. Written by the controller only.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryServicesVaultStatus {
    /// metadata.generation that this status is about; -1 until the controller has seen the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: True when the controller can use the vault; otherwise reason and message say what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition_list")]
    pub conditions: Vec<Condition>,
    /// Azure resource id of the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_id: Option<String>,
    /// Azure region of the vault, for example westeurope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// How Azure stores the backups, for example GeoRedundant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_redundancy: Option<String>,
    /// Whether the vault allows restores in the secondary region: Enabled or Disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_region_restore: Option<String>,
    /// Whether jobs can be recognised by the request id that started them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_matching: Option<JobMatching>,
    /// When the vault was last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub last_probe_time: Option<Timestamp>,
}

/// Whether jobs can be recognised by the request id that started them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobMatching {
    /// In the vault's own region: Assumed (not compared yet), Proven (the last job compared carried its id) or Broken (it did not; an unknown outcome then blocks a run).
    #[serde(default)]
    #[schemars(with = "String")]
    pub primary: JobMatchingState,
}

/// What the last comparison of a known job with its request id has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum JobMatchingState {
    /// No job was compared yet.
    #[default]
    Assumed,
    /// The last job that was compared carried the id.
    Proven,
    /// The last job that was compared did not.
    Broken,
}

fn default_poll_interval() -> DurationText {
    DurationText::try_from("60s".to_owned()).expect("60s is a duration")
}

fn default_secret_key() -> String {
    "clientSecret".to_owned()
}
