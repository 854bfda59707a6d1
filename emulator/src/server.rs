//! The listeners: HTTP and HTTPS, both serve everything.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::answers::Answers;
use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::http::Call;
use crate::scenario::Scenario;
use crate::tls::{self, TlsError};

/// Longest request body that is read.
const LONGEST_BODY_BYTES: usize = 4 * 1024 * 1024;

/// How an emulator is started.
#[derive(Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    pub tls_listen: SocketAddr,
    /// Keeps the certificates.
    pub state_dir: PathBuf,
    pub scenario: Scenario,
    pub time_scale: u32,
    pub time_origin: Option<Timestamp>,
    /// Where to write one answer of every shape.
    pub answers_dir: Option<PathBuf>,
}

/// What scripts need to know about a running emulator; printed as one line of JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    pub http: String,
    pub https: String,
    pub ca_file: PathBuf,
    pub token_endpoint: String,
    pub tenant_id: String,
    pub client_id: String,
    pub client_secret: String,
    pub subscription_id: String,
}

/// Why an emulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot make the state directory {path}: {source}")]
    StateDir { path: String, source: io::Error },
    #[error("cannot keep answers in {path}: {source}")]
    Answers { path: String, source: io::Error },
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(
        "{address} is not a loopback address; the emulator's admin interface is open to everybody who reaches it"
    )]
    NotLoopback { address: SocketAddr },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running emulator. It stops when it is dropped.
pub struct Emulator {
    ready: Ready,
    listeners: [JoinHandle<()>; 2],
}

impl Emulator {
    /// Starts both listeners; they accept connections when this returns.
    ///
    /// # Errors
    /// [`StartError`] if an address or the state directory cannot be used.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        std::fs::create_dir_all(&settings.state_dir).map_err(|source| StartError::StateDir {
            path: settings.state_dir.display().to_string(),
            source,
        })?;
        let state_dir = std::path::absolute(&settings.state_dir).unwrap_or(settings.state_dir);
        let (config, ca_file) = tls::prepare(&state_dir)?;
        let (http, http_address) = bind(settings.listen).await?;
        let (https, https_address) = bind(settings.tls_listen).await?;
        let ready = describe(&settings.scenario, http_address, https_address, ca_file);
        let clock = Clock::new(settings.time_scale, settings.time_origin);
        let answers = settings
            .answers_dir
            .map(|folder| {
                Answers::in_folder(&folder).map_err(|source| StartError::Answers {
                    path: folder.display().to_string(),
                    source,
                })
            })
            .transpose()?;
        let gateway = Arc::new(Gateway::new(settings.scenario, clock, answers));
        let plain = tokio::spawn(accept(http, Arc::clone(&gateway), None));
        let secure = tokio::spawn(accept(https, gateway, Some(TlsAcceptor::from(config))));
        Ok(Self {
            ready,
            listeners: [plain, secure],
        })
    }

    pub fn ready(&self) -> &Ready {
        &self.ready
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback { address });
    }
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn describe(scenario: &Scenario, http: SocketAddr, https: SocketAddr, ca_file: PathBuf) -> Ready {
    let principal = scenario.principals.first();
    let tenant = scenario.tenant_id(principal.and_then(|principal| principal.tenant.as_deref()));
    Ready {
        http: format!("http://{http}"),
        https: format!("https://{https}"),
        ca_file,
        token_endpoint: format!("https://{https}/{tenant}/oauth2/v2.0/token"),
        tenant_id: tenant.to_owned(),
        client_id: principal
            .map(|principal| principal.client_id.clone())
            .unwrap_or_default(),
        client_secret: principal
            .map(|principal| principal.client_secret.clone())
            .unwrap_or_default(),
        subscription_id: scenario
            .vaults
            .first()
            .map(|vault| vault.subscription_id.clone())
            .unwrap_or_default(),
    }
}

async fn accept(listener: TcpListener, gateway: Arc<Gateway>, tls: Option<TlsAcceptor>) {
    // Dropping the set ends every connection together with the listener.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&gateway), tls.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, gateway: Arc<Gateway>, tls: Option<TlsAcceptor>) {
    // An answer that is delayed by the network's own waiting would look like a slow Azure.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve(stream, gateway, "http").await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => serve(stream, gateway, "https").await,
            Err(error) => tracing::debug!(%error, "a client broke off the TLS handshake"),
        },
    }
}

async fn serve<S>(stream: S, gateway: Arc<Gateway>, scheme: &'static str)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let gateway = Arc::clone(&gateway);
        async move { answer(&gateway, request, scheme).await.ok_or(NoAnswer) }
    });
    if let Err(error) = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The connection is to be closed without an answer, because a fault says so.
#[derive(Debug, thiserror::Error)]
#[error("closed by a fault")]
struct NoAnswer;

async fn answer(
    gateway: &Gateway,
    request: Request<Incoming>,
    scheme: &'static str,
) -> Option<Response<Body>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(Body::new(body), LONGEST_BODY_BYTES).await else {
        let mut refused = Response::new(Body::empty());
        *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Some(refused);
    };
    gateway.handle(Call::new(parts, body, scheme)).await
}
