//! Tokens for Azure Resource Manager: got with a client secret through azure_identity, kept until shortly before their end,
//! dropped when Azure refuses them.
//!
//! azure_identity builds the request and reads the token; transport, cache and the meaning of a failure are ours, because
//! its transport cannot take the controller's CA file, its cache runs on real time and cannot drop a refused token, and its
//! errors do not tell a wrong secret from an authority that cannot be reached.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use jiff::SignedDuration;
use reqwest::Url;
use serde_json::Value;

use super::AzureMetrics;
use super::authority::{AuthorityTransport, SeenAuthority};
use super::clock::{SharedClock, with_jitter};
use super::decode::{field, text_of};
use super::scrub::Scrubber;
use super::verdict::{MENDABLE, ours};
use crate::restore::facts::{ErrorText, RefusalKind, VaultError};

/// A token is renewed this long before its end (CONTRACT 12), or after three quarters of its life if that is later.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_mins(5);

/// Wait after the authority could not be reached.
const UNREACHABLE: SignedDuration = SignedDuration::from_secs(15);

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Takes the value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A service principal with its client secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServicePrincipal {
    /// The directory.
    pub tenant_id: String,
    /// The application.
    pub client_id: String,
    /// Its secret.
    pub secret: Secret,
}

/// The tokens of one service principal for one cloud.
pub(super) struct TokenSource {
    principal: ServicePrincipal,
    authority: Url,
    scope: String,
    http: reqwest::Client,
    metrics: Arc<dyn AzureMetrics>,
    clock: SharedClock,
    scrubber: Arc<Scrubber>,
    /// Azure refused a token and has accepted none since.
    refused: AtomicBool,
    /// Held while a token is fetched.
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// What Azure wants the next token to claim.
    claims: Option<String>,
    /// The last failure and until when it stands, so that a thousand runs do not ask a thousand times.
    failed: Option<(SignedDuration, VaultError)>,
}

#[derive(Clone)]
struct Held {
    token: Arc<str>,
    renew_at: SignedDuration,
    ends_at: SignedDuration,
}

/// A token to send.
pub(super) struct Bearer {
    pub token: Arc<str>,
    /// It was got after Azure had refused the one before.
    pub renewed: bool,
}

impl TokenSource {
    pub fn new(
        principal: ServicePrincipal,
        (authority, scope): (Url, String),
        (http, metrics): (reqwest::Client, Arc<dyn AzureMetrics>),
        (clock, scrubber): (SharedClock, Arc<Scrubber>),
    ) -> Self {
        scrubber.remember(principal.secret.expose());
        Self {
            principal,
            authority,
            scope,
            http,
            metrics,
            clock,
            scrubber,
            refused: AtomicBool::new(false),
            state: Default::default(),
        }
    }

    /// A token that lives; a new one if the held one is near its end. While the authority fails, a held token serves until
    /// its end.
    pub async fn get(&self) -> Result<Bearer, VaultError> {
        let mut state = self.state.lock().await;
        let now = self.clock.now().boot;
        let renewed = self.refused.load(Ordering::Relaxed);
        let bearer = |held: &Held| Bearer {
            token: held.token.clone(),
            renewed,
        };
        if let Some(held) = state.held.as_ref().filter(|held| now < held.renew_at) {
            return Ok(bearer(held));
        }
        let living = state.held.clone().filter(|held| now < held.ends_at);
        let failure = match &state.failed {
            Some((until, error)) if now < *until => {
                let retry_after = until.saturating_sub(now);
                VaultError {
                    retry_after,
                    ..error.clone()
                }
            }
            _ => match self.fetch(state.claims.as_deref()).await {
                Ok(held) => {
                    let bearer = bearer(&held);
                    state.held = Some(held);
                    state.failed = None;
                    state.claims = None;
                    return Ok(bearer);
                }
                Err(error) => {
                    let until = self.clock.now().boot.saturating_add(error.retry_after);
                    state.failed = Some((until, error.clone()));
                    error
                }
            },
        };
        match living {
            Some(held) => Ok(bearer(&held)),
            None => Err(VaultError {
                retry_after: with_jitter(failure.retry_after),
                ..failure
            }),
        }
    }

    /// Drops a token that Azure refused, and keeps what it wants instead.
    pub async fn refuse(&self, token: &str, claims: Option<String>) {
        let mut state = self.state.lock().await;
        if state
            .held
            .as_ref()
            .is_some_and(|held| held.token.as_ref() == token)
        {
            state.held = None;
            self.refused.store(true, Ordering::Relaxed);
            state.claims = claims;
        }
    }

    /// Azure took a token.
    pub fn accept(&self) {
        self.refused.store(false, Ordering::Relaxed);
    }

    async fn fetch(&self, claims: Option<&str>) -> Result<Held, VaultError> {
        let transport = Arc::new(AuthorityTransport::new(
            self.http.clone(),
            claims.map(str::to_owned),
            self.clock.clone(),
            self.metrics.clone(),
        ));
        let token = match self.credential(transport.clone()) {
            Ok(credential) => credential.get_token(&[self.scope.as_str()], None).await,
            Err(error) => Err(error),
        };
        match token {
            Ok(token) if !token.token.secret().is_empty() => {
                self.scrubber.remember(token.token.secret());
                let life = token.expires_on - azure_core::time::OffsetDateTime::now_utc();
                let life = self
                    .clock
                    .of_real(SignedDuration::from_secs(life.whole_seconds().max(1)));
                let now = self.clock.now().boot;
                let renew_in = life.saturating_sub(RENEW_BEFORE).max(life * 3 / 4);
                Ok(Held {
                    token: token.token.secret().into(),
                    renew_at: now.saturating_add(renew_in),
                    ends_at: now.saturating_add(life),
                })
            }
            Ok(_) => Err(self.unreadable("the token is empty")),
            Err(error) => Err(self.meaning(transport.seen(), &error)),
        }
    }

    fn credential(
        &self,
        transport: Arc<AuthorityTransport>,
    ) -> azure_core::Result<Arc<ClientSecretCredential>> {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = self.authority.to_string();
        ClientSecretCredential::new(
            &self.principal.tenant_id,
            self.principal.client_id.clone(),
            azure_core::credentials::Secret::new(self.principal.secret.expose().to_owned()),
            Some(ClientSecretCredentialOptions {
                client_options: ClientOptions {
                    transport: Some(Transport::new(transport)),
                    retry: RetryOptions::none(),
                    cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
                    ..Default::default()
                },
            }),
        )
    }

    /// Tells what a person must mend from what passes by itself.
    fn meaning(&self, seen: Option<SeenAuthority>, error: &azure_core::Error) -> VaultError {
        let ServicePrincipal {
            tenant_id,
            client_id,
            ..
        } = &self.principal;
        match seen {
            // Nothing was sent: azure_identity refused the settings.
            None => VaultError {
                kind: RefusalKind::Authentication,
                error: ours(&self.scrubber.clean(&format!(
                    "no token can be asked for as client {client_id} of tenant {tenant_id}: {error}"
                ))),
                retry_after: MENDABLE,
            },
            Some(SeenAuthority::Fault(what)) => VaultError {
                kind: RefusalKind::Unavailable,
                error: ours(&self.scrubber.clean(&format!(
                    "the token authority {} cannot be reached: {what}",
                    self.authority.origin().ascii_serialization()
                ))),
                retry_after: UNREACHABLE,
            },
            Some(SeenAuthority::Answer { status, wait, body }) => self.refusal(status, wait, &body),
        }
    }

    fn refusal(&self, status: u16, wait: Option<SignedDuration>, body: &[u8]) -> VaultError {
        let ServicePrincipal {
            tenant_id,
            client_id,
            ..
        } = &self.principal;
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = text_of(&body, "error");
        let description = text_of(&body, "error_description");
        let number = field(&body, "error_codes")
            .and_then(|codes| codes.get(0))
            .and_then(Value::as_u64);
        let code = match (number, description.split_once(':')) {
            (Some(number), _) => format!("AADSTS{number}"),
            (None, Some((code, _))) if code.starts_with("AADSTS") => code.to_owned(),
            _ => name.clone(),
        };
        // What follows is Microsoft's own trace, and another text each time.
        let described = description.lines().next().unwrap_or_default();
        let described = described.split(" Trace ID:").next().unwrap_or_default();
        let error = |what: &str| ErrorText {
            code: self.scrubber.clean(&code),
            message: self.scrubber.clean(&format!(
                "{what} (client {client_id}, tenant {tenant_id}): {described}"
            )),
        };
        let (kind, error, least) = match status {
            429 => (
                RefusalKind::Throttled,
                error("the token authority throttles"),
                MENDABLE,
            ),
            408 | 500..=599 => (
                RefusalKind::Unavailable,
                error(&format!("the token authority answers HTTP {status}")),
                UNREACHABLE,
            ),
            400..=499 if name == "temporarily_unavailable" => (
                RefusalKind::Unavailable,
                error("the token authority is busy"),
                UNREACHABLE,
            ),
            400..=499 if !code.is_empty() => (
                RefusalKind::Authentication,
                error("the token authority refuses the credentials"),
                MENDABLE,
            ),
            _ => {
                return self.unreadable(&format!("HTTP {status} without a token or an error code"));
            }
        };
        VaultError {
            kind,
            error,
            retry_after: wait.unwrap_or_default().max(least),
        }
    }

    fn unreadable(&self, what: &str) -> VaultError {
        VaultError {
            kind: RefusalKind::Unreadable,
            error: ours(&format!(
                "the answer of the token authority {} cannot be understood: {what}",
                self.authority.origin().ascii_serialization()
            )),
            retry_after: MENDABLE,
        }
    }
}
