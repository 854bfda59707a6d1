//! Joins the parts: the only place that knows every module.

mod clock;
mod clouds;

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};

use crate::api;
use crate::api::v1alpha1::{Cloud, RecoveryServicesVault};
use crate::azure::{AllowedHost, Azure, AzureOptions};
use crate::controller::{self, Settings, Shared};
use crate::process::admin::{Admin, Readiness};
use crate::process::args::RunArguments;
use crate::process::metrics::Metrics;
use crate::process::one_line;
use crate::process::shutdown::Shutdown;
use crate::restore::ids::Scope;
use crate::restore::pace::Limits;

use clock::SystemClock;
use clouds::{AzureClouds, Counted};

const DEFINITIONS: &str = "CustomResourceDefinitions";
const WATCH: &str = "watch";

/// Longest wait for the API server at the start.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the controller does not start. Each is one line that names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartFailed {
    /// No way to the cluster.
    #[error(
        "cannot find the cluster: {0}; give --kubeconfig FILE, or run in a pod with a ServiceAccount"
    )]
    Cluster(String),
    /// The API server does not answer.
    #[error("cannot reach the API server {0}: {1}; check the address and that it runs")]
    Unreachable(String, String),
    /// A right is missing.
    #[error(
        "cannot {0}: the API server says {1}; apply deploy/rbac.yaml or give the ServiceAccount that right"
    )]
    Refused(String, String),
    /// A CRD is missing.
    #[error(
        "cannot find the CustomResourceDefinition {0}; install it: vmrestore-controller crds | kubectl apply --server-side -f -"
    )]
    NoDefinition(String),
    /// Time may not be scaled.
    #[error("cannot run with --time-scale: vault object {0} is not of cloud Custom")]
    ScaledRealAzure(String),
    /// A file cannot be read.
    #[error("cannot read --azure-ca-file {0}: {1}")]
    CertificateFile(String, std::io::Error),
    /// Azure's clients cannot be set up.
    #[error("cannot set up the connections to Azure: {0}")]
    Azure(#[from] crate::azure::SetupError),
    /// A host cannot be used.
    #[error("cannot use --allow-azure-host: {0}")]
    Host(#[from] crate::azure::NotAHost),
    /// The admin endpoints cannot be served.
    #[error("cannot serve /healthz, /readyz and /metrics: {0}")]
    Admin(#[from] crate::process::admin::AdminError),
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(#[from] std::io::Error),
}

/// Runs the controller until a signal ends it.
///
/// # Errors
/// [`StartFailed`], before anything was done.
pub async fn run(arguments: RunArguments) -> Result<(), StartFailed> {
    let (_trigger, shutdown) = Shutdown::on_signals()?;
    let admin = Admin::bind(arguments.listen).await?;
    let readiness = Readiness::awaiting([DEFINITIONS, WATCH]);
    let metrics = Metrics::new();
    let config = config(&arguments).await?;
    let server = config.cluster_url.to_string();
    let client =
        Client::try_from(config).map_err(|error| StartFailed::Cluster(one_line(&error)))?;
    find_definitions(&client, &server).await?;
    readiness.met(DEFINITIONS);
    if arguments.time_scale > 1 {
        refuse_real_azure(&client, &arguments.namespaces, &server).await?;
    }
    let scope = scope(&client, &arguments, &server).await?;
    let clock = SystemClock::new(
        arguments.time_scale,
        arguments.time_origin.unwrap_or_else(jiff::Timestamp::now),
    );
    let clouds = azure(&arguments, clock, &metrics)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        server,
        namespaces = arguments.namespaces.join(","),
        adoption_window = %arguments.adoption_window,
        time_scale = arguments.time_scale,
        "starting"
    );
    let mut namespaces = arguments.namespaces;
    namespaces.sort();
    namespaces.dedup();
    let settings = Settings {
        shared: Shared {
            client,
            clock,
            scope,
            limits: Limits {
                adoption_window: arguments.adoption_window,
            },
            counts: Box::new(Counted(metrics.clone())),
            stopping: false.into(),
        },
        clouds,
        namespaces,
        concurrency: arguments.concurrency,
    };
    let (for_controller, for_admin) = (shutdown.clone(), shutdown);
    let synced = readiness.clone();
    let work = controller::run(
        settings,
        async move { for_controller.requested().await },
        || synced.met(WATCH),
    );
    let serve = admin.serve(
        metrics,
        readiness,
        async move { for_admin.requested().await },
    );
    let ((), served) = tokio::join!(work, serve);
    tracing::info!("stopped");
    Ok(served?)
}

async fn config(arguments: &RunArguments) -> Result<Config, StartFailed> {
    let failed = |error: &dyn std::error::Error| StartFailed::Cluster(one_line(error));
    let mut config = match &arguments.kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).map_err(|error| failed(&error))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(|error| failed(&error))?
        }
        None => Config::infer().await.map_err(|error| failed(&error))?,
    };
    // A write that is sent twice must never look like two: this process retries by reading again, not by sending again.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    Ok(config)
}

/// Asks the API server something at the start; one that is only starting itself (429, 5xx) is given a moment.
async fn ask<T>(
    what: &str,
    server: &str,
    call: impl AsyncFn() -> Result<T, kube::Error>,
) -> Result<Option<T>, StartFailed> {
    let give_up = Instant::now() + START_TIMEOUT;
    loop {
        match tokio::time::timeout_at(give_up.into(), call()).await {
            Ok(Ok(value)) => return Ok(Some(value)),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(None),
            Ok(Err(kube::Error::Api(status)))
                if is_passing(status.code) && Instant::now() < give_up =>
            {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Ok(Err(kube::Error::Api(status))) => {
                let said = format!("{} {}", status.code, status.message);
                return Err(StartFailed::Refused(what.to_owned(), said));
            }
            Ok(Err(error)) => {
                return Err(StartFailed::Unreachable(
                    server.to_owned(),
                    one_line(&error),
                ));
            }
            Err(_) => {
                let said = format!("no answer within {} s", START_TIMEOUT.as_secs());
                return Err(StartFailed::Unreachable(server.to_owned(), said));
            }
        }
    }
}

fn is_passing(code: u16) -> bool {
    code == 429 || code >= 500
}

async fn find_definitions(client: &Client, server: &str) -> Result<(), StartFailed> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in api::crds() {
        let name = crd.name_any();
        let what = format!("read the CustomResourceDefinition {name}");
        if ask(&what, server, async || definitions.get(&name).await)
            .await?
            .is_none()
        {
            return Err(StartFailed::NoDefinition(name));
        }
    }
    Ok(())
}

async fn refuse_real_azure(
    client: &Client,
    namespaces: &[String],
    server: &str,
) -> Result<(), StartFailed> {
    let everywhere: Api<RecoveryServicesVault> = Api::all(client.clone());
    let places = match namespaces {
        [] => vec![everywhere],
        some => some
            .iter()
            .map(|namespace| Api::namespaced(client.clone(), namespace))
            .collect(),
    };
    for place in places {
        let vaults = ask("list RecoveryServicesVaults", server, async || {
            place.list(&ListParams::default()).await
        })
        .await?;
        let real = vaults
            .into_iter()
            .flatten()
            .find(|vault| vault.spec.cloud != Cloud::Custom);
        if let Some(vault) = real {
            let namespace = vault.namespace().unwrap_or_default();
            return Err(StartFailed::ScaledRealAzure(format!(
                "{namespace}/{}",
                vault.name_any()
            )));
        }
    }
    Ok(())
}

async fn scope(
    client: &Client,
    arguments: &RunArguments,
    server: &str,
) -> Result<Scope, StartFailed> {
    if let Some(scope) = &arguments.scope {
        return Ok(Scope::new(scope));
    }
    let what = "read the namespace kube-system, whose UID is the default of --scope";
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let uid = ask(what, server, async || namespaces.get("kube-system").await)
        .await?
        .and_then(|namespace| namespace.uid());
    uid.map(|uid| Scope::new(&uid))
        .ok_or_else(|| StartFailed::Refused(what.to_owned(), "that it does not exist".to_owned()))
}

fn azure(
    arguments: &RunArguments,
    clock: SystemClock,
    metrics: &Metrics,
) -> Result<AzureClouds, StartFailed> {
    let extra_ca_pem = match &arguments.azure_ca_file {
        None => None,
        Some(path) => Some(
            std::fs::read(path)
                .map_err(|error| StartFailed::CertificateFile(path.display().to_string(), error))?,
        ),
    };
    let allowed_hosts = arguments
        .allow_azure_hosts
        .iter()
        .map(|host| host.to_string().parse())
        .collect::<Result<Vec<AllowedHost>, _>>()?;
    let azure = Azure::new(AzureOptions {
        clock: Arc::new(clock),
        extra_ca_pem,
        allowed_hosts: allowed_hosts.clone(),
        metrics: Arc::new(Counted(metrics.clone())),
        user_agent: format!("vmrestore/{}", env!("CARGO_PKG_VERSION")),
    })?;
    Ok(AzureClouds {
        azure: Arc::new(azure),
        allowed_hosts,
        scaled: arguments.time_scale > 1,
    })
}
