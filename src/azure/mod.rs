//! Azure Backup over HTTP, behind the `Vault` port of `restore`: the only place that talks to Azure.
//!
//! * [`Azure`] lives as long as the process. It hands out a [`VaultHandle`] per vault and credential; handles of the same
//!   two share a `session`: token, api-versions, item list, job board. Budgets (`gate`) are shared per subscription.
//! * A read goes `gate` → `token` → `arm` (send) → `verdict` (what does it mean) → `decode`. A trigger goes the same way,
//!   once, and its verdict has a table of its own.
//! * `arm` decides nothing and `verdict` sends nothing: whoever wants to know what a status code does reads one table.
//! * `board` makes one job list serve every run; `scrub` keeps secrets out of everything that leaves this folder.
//!
//! Every wait and every age is measured on the one clock that the process was given; only socket time-outs are real time.

mod arm;
mod authority;
mod board;
mod body;
mod clock;
mod clouds;
mod codes;
mod deadline;
mod decode;
mod gate;
mod handle;
mod jobs;
mod kept;
mod operations;
mod other_vaults;
mod protected_items;
mod recovery_points;
mod scrub;
mod session;
mod surroundings;
mod token;
mod trigger;
mod verdict;
mod versions;
mod virtual_machines;

#[cfg(test)]
mod fakes;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod recordings_tests;
#[cfg(test)]
mod recovery_points_tests;

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;

pub use clouds::{AllowedHost, Cloud, EndpointFault, Endpoints, NotAHost, check_endpoints};
pub use handle::VaultHandle;
pub use token::{Secret, ServicePrincipal};
pub use versions::ApiVersionOverrides;

use crate::restore::facts::{RefusalKind, VaultError};
use crate::restore::ports::Clock;
use arm::Arm;
use board::Board;
use clock::SharedClock;
use gate::Gate;
use kept::Kept;
use scrub::Scrubber;
use session::Session;
use token::TokenSource;
use versions::Versions;

/// What the process gives.
pub struct AzureOptions<C> {
    /// The one clock of the process.
    pub clock: Arc<C>,
    /// More certificate authorities to trust, PEM (`--azure-ca-file`).
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Hosts that `Custom` endpoints may name (`--allow-azure-host`).
    pub allowed_hosts: Vec<AllowedHost>,
    /// Where requests are counted.
    pub metrics: Arc<dyn AzureMetrics>,
    /// Sent with every request.
    pub user_agent: String,
}

/// Counts requests.
pub trait AzureMetrics: Send + Sync + 'static {
    /// One request was sent (or failed to be): its operation, the HTTP status if an answer came, and how long it took.
    fn request(&self, operation: &'static str, status: Option<u16>, elapsed: Duration);
}

/// Counts nothing.
pub struct NoMetrics;

impl AzureMetrics for NoMetrics {
    fn request(&self, _: &'static str, _: Option<u16>, _: Duration) {}
}

/// The clients cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No HTTP client came about.
    #[error("setting up the HTTP client failed: {0}")]
    Client(String),
    /// The file of certificate authorities cannot be read.
    #[error("reading the certificates of --azure-ca-file failed: {0}")]
    Certificates(String),
    /// It holds none.
    #[error("the file of --azure-ca-file holds no certificate; it must be PEM")]
    NoCertificate,
}

impl SetupError {
    fn client(error: reqwest::Error) -> Self {
        Self::Client(arm::causes(error))
    }

    fn certificate(error: reqwest::Error) -> Self {
        Self::Certificates(arm::causes(error))
    }
}

/// A vault and how to reach it.
#[derive(Debug, Clone)]
pub struct VaultTarget {
    /// The subscription's id.
    pub subscription_id: String,
    /// The vault's resource group.
    pub resource_group: String,
    /// The vault's name.
    pub name: String,
    /// Which Azure.
    pub cloud: Cloud,
    /// How often its jobs are listed while something runs.
    pub poll_interval: SignedDuration,
    /// Versions that are pinned.
    pub api_versions: ApiVersionOverrides,
    /// As whom.
    pub credential: ServicePrincipal,
}

/// Azure, for the whole process.
pub struct Azure {
    arm: Arc<Arm>,
    authority_http: reqwest::Client,
    metrics: Arc<dyn AzureMetrics>,
    clock: SharedClock,
    allowed_hosts: Vec<AllowedHost>,
    scrubber: Arc<Scrubber>,
    /// Keys a credential without keeping it.
    fingerprints: RandomState,
    sessions: Mutex<Kept<String, Session>>,
    gates: Mutex<Kept<String, Gate>>,
}

impl Azure {
    /// Sets the HTTP clients up. A rustls crypto provider must have been installed.
    ///
    /// # Errors
    /// [`SetupError`] for certificates that cannot be read.
    pub fn new<C: Clock>(options: AzureOptions<C>) -> Result<Self, SetupError> {
        let clock: SharedClock = options.clock.clone();
        let scrubber = Arc::new(Scrubber::default());
        let authority_http =
            arm::http_builder(&options.user_agent, options.extra_ca_pem.as_deref())?
                .timeout(Duration::from_secs(30))
                .build()
                .map_err(SetupError::client)?;
        let arm = Arc::new(Arm::new(&options, clock.clone(), scrubber.clone())?);
        Ok(Self {
            arm,
            authority_http,
            metrics: options.metrics,
            clock,
            allowed_hosts: options.allowed_hosts,
            scrubber,
            fingerprints: RandomState::new(),
            sessions: Mutex::default(),
            gates: Mutex::default(),
        })
    }

    /// A handle to a vault. Sends nothing. Handles of the same vault, versions and credential share everything; another
    /// secret starts afresh, with a token of its own.
    ///
    /// # Errors
    /// `BadRequest` for endpoints that are not allowed and versions that cannot be used.
    pub fn vault(&self, target: VaultTarget) -> Result<VaultHandle, VaultError> {
        let refused = |message: String| VaultError {
            kind: RefusalKind::BadRequest,
            error: verdict::ours(&message),
            retry_after: verdict::MENDABLE,
        };
        let site = target
            .cloud
            .site(&self.allowed_hosts)
            .map_err(|fault| refused(fault.to_string()))?;
        if let Some(fault) = target.api_versions.fault() {
            return Err(refused(fault));
        }
        let now = self.clock.now().boot;
        let subscription = format!(
            "{} {}",
            site.arm.origin().ascii_serialization(),
            target.subscription_id
        )
        .to_ascii_lowercase();
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            let made: Result<_, VaultError> = gates.get_or_make(subscription.clone(), now, || {
                Ok(Gate::new(self.clock.clone()))
            });
            made?
        };
        let key = format!(
            "{subscription} {} {} {:016x}",
            target.resource_group.to_lowercase(),
            target.name.to_lowercase(),
            self.fingerprint(&target, &site)
        );
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_or_make(key.clone(), now, || {
            let vault = [
                "subscriptions",
                &target.subscription_id,
                "resourceGroups",
                &target.resource_group,
                "providers",
                "Microsoft.RecoveryServices",
                "vaults",
                &target.name,
            ];
            Ok(Session {
                vault: vault.map(str::to_owned).to_vec(),
                arm_host: site.arm,
                arm: self.arm.clone(),
                clock: self.clock.clone(),
                token: TokenSource::new(
                    target.credential,
                    (site.authority, site.scope),
                    (self.authority_http.clone(), self.metrics.clone()),
                    (self.clock.clone(), self.scrubber.clone()),
                ),
                gate,
                versions: Versions::new(target.api_versions),
                board: Board::new(self.clock.clone()),
                items: Default::default(),
                facts: Mutex::default(),
                guards: Default::default(),
                regions: Default::default(),
                trigger_refused: AtomicBool::new(false),
                azure_clock: Mutex::default(),
            })
        })?;
        Ok(VaultHandle::new(session, key.into(), target.poll_interval))
    }

    fn fingerprint(&self, target: &VaultTarget, site: &clouds::Site) -> u64 {
        let mut hasher = self.fingerprints.build_hasher();
        target.credential.hash(&mut hasher);
        target.api_versions.hash(&mut hasher);
        (site.authority.as_str(), &site.scope).hash(&mut hasher);
        hasher.finish()
    }
}
