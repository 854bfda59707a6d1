//! Azure as the Kubernetes side opens it.

use std::sync::Arc;
use std::time::Duration;

use crate::api::v1alpha1 as api;
use crate::azure::{
    AllowedHost, ApiVersionOverrides, Azure, AzureMetrics, Cloud, Endpoints, Secret,
    ServicePrincipal, VaultHandle, VaultTarget, check_endpoints,
};
use crate::controller::counts::Counts;
use crate::controller::tenancy::{ClientSecret, Clouds};
use crate::process::metrics::Metrics;
use crate::restore::facts::{ErrorText, RefusalKind, VaultError};
use crate::restore::pace;

/// The one Azure of the process.
#[derive(Clone)]
pub struct AzureClouds {
    /// Its clients, tokens, boards and budgets.
    pub azure: Arc<Azure>,
    /// Hosts that `Custom` endpoints may name.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Whether time is scaled: then the real Azure is refused.
    pub scaled: bool,
}

impl Clouds for AzureClouds {
    type Vault = VaultHandle;

    fn check(&self, vault: &api::RecoveryServicesVaultSpec) -> Result<(), String> {
        match cloud(vault)? {
            Cloud::Custom(endpoints) => {
                check_endpoints(&endpoints, &self.allowed_hosts).map_err(|fault| fault.to_string())
            }
            _ if self.scaled => Err(
                "the controller runs with --time-scale, which is for tests against a Custom cloud only".to_owned(),
            ),
            _ => Ok(()),
        }
    }

    fn open(
        &self,
        vault: &api::RecoveryServicesVaultSpec,
        secret: ClientSecret,
    ) -> Result<VaultHandle, VaultError> {
        let unusable = |message: &str| VaultError {
            kind: RefusalKind::BadRequest,
            error: ErrorText {
                code: String::new(),
                message: message.to_owned(),
            },
            retry_after: pace::LONGEST_WAIT,
        };
        let Some(principal) = &vault.auth.service_principal else {
            return Err(unusable("spec.auth.servicePrincipal is missing"));
        };
        let versions = vault.api_versions.clone().unwrap_or_default();
        self.azure.vault(VaultTarget {
            subscription_id: vault.subscription_id.clone(),
            resource_group: vault.resource_group.clone(),
            name: vault.name.clone(),
            cloud: cloud(vault).map_err(|message| unusable(&message))?,
            poll_interval: vault.poll_interval.value(),
            api_versions: ApiVersionOverrides {
                vault: versions.vault,
                primary: versions.primary,
            },
            credential: ServicePrincipal {
                tenant_id: principal.tenant_id.clone(),
                client_id: principal.client_id.clone(),
                secret: Secret::new(secret.0),
            },
        })
    }
}

fn cloud(vault: &api::RecoveryServicesVaultSpec) -> Result<Cloud, String> {
    Ok(match vault.cloud {
        api::Cloud::AzurePublic => Cloud::AzurePublic,
        api::Cloud::AzureUSGovernment => Cloud::AzureUsGovernment,
        api::Cloud::AzureChina => Cloud::AzureChina,
        api::Cloud::Custom => {
            let endpoints = vault
                .endpoints
                .as_ref()
                .ok_or("spec.endpoints is missing; set it, or another spec.cloud")?;
            Cloud::Custom(Endpoints {
                resource_manager: endpoints.resource_manager.clone(),
                authority: endpoints.authority.clone(),
                audience: endpoints.audience.clone(),
            })
        }
    })
}

/// Counts of both sides, into one set of metrics.
#[derive(Clone)]
pub struct Counted(pub Metrics);

impl AzureMetrics for Counted {
    fn request(&self, operation: &'static str, status: Option<u16>, elapsed: Duration) {
        self.0.azure_request(operation, status, elapsed);
    }
}

impl Counts for Counted {
    fn pass(&self, result: &'static str, took: Duration) {
        self.0.pass(result, took);
    }

    fn status_written(&self) {
        self.0.status_written();
    }

    fn claimed(&self) {
        self.0.claimed();
    }

    fn triggered(&self, outcome: &'static str) {
        self.0.triggered(outcome);
    }

    fn runs(&self, phase: &'static str, count: usize) {
        self.0.set_runs(phase, count);
    }
}
