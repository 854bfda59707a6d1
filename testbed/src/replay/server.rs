//! The recording as a server: HTTPS on loopback, the token endpoint, and the pace of time.

use super::player::{Asked, Given, Player, Report};
use crate::TestbedError;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The address of Azure in recordings; the server's own stands there in its answers.
const RECORDED_HOST: &str = "https://management.azure.com";

/// The largest request that is read; restore requests have about 2 kB.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// Directory, principal and secret that the token endpoint knows. They open nothing but this server.
pub const TENANT_ID: &str = "72f98800-0000-4000-8000-00000000000a";
pub const CLIENT_ID: &str = "a0000000-0000-4000-8000-00000000000a";
pub const CLIENT_SECRET: &str = "replayed-secret";

/// A recording that is being played. Dropping it ends the server.
pub struct Server {
    pub url: String,
    pub ca_file: PathBuf,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    player: Mutex<Player>,
    token: String,
    url: String,
    started: Instant,
    origin: Timestamp,
    /// How long after the start the restore came, in real time.
    restored: Mutex<Option<Duration>>,
    time_scale: u32,
}

impl Server {
    /// Starts on a free port and writes its CA into `folder`.
    ///
    /// # Errors
    /// If no certificate or socket can be made.
    pub async fn start(
        player: Player,
        time_scale: u32,
        folder: &Path,
    ) -> Result<Self, TestbedError> {
        crate::install_crypto_provider();
        let (acceptor, ca_pem) = certificate()?;
        let ca_file = folder.join(format!("replay-ca-{}.pem", uuid::Uuid::new_v4().simple()));
        std::fs::write(&ca_file, ca_pem)
            .map_err(TestbedError::io(format!("write {}", ca_file.display())))?;
        let socket = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(TestbedError::io("listen on loopback"))?;
        let address = socket
            .local_addr()
            .map_err(TestbedError::io("listen on loopback"))?;
        let url = format!("https://{address}");
        let shared = Arc::new(Shared {
            player: Mutex::new(player),
            token: uuid::Uuid::new_v4().to_string(),
            url: url.clone(),
            started: Instant::now(),
            origin: Timestamp::now(),
            restored: Mutex::new(None),
            time_scale,
        });
        let routes = Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move {
            // Serving ends only with the task; a broken connection ends that connection alone.
            let _ = axum::serve(TlsListener { socket, acceptor }, routes).await;
        });
        Ok(Self {
            url,
            ca_file,
            shared,
            task,
        })
    }

    /// What has happened so far.
    pub fn report(&self) -> Report {
        lock(&self.shared.player).report.clone()
    }

    /// The last recorded state of the job.
    pub fn last_job(&self) -> Option<Value> {
        lock(&self.shared.player).last_job().cloned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn scaled(&self, real: Duration) -> SignedDuration {
        SignedDuration::try_from(real.saturating_mul(self.time_scale))
            .unwrap_or(SignedDuration::MAX)
    }

    fn since_restore(&self) -> SignedDuration {
        match *lock(&self.restored) {
            Some(at) => self.scaled(self.elapsed().saturating_sub(at)),
            None => SignedDuration::ZERO,
        }
    }

    /// What the server's clock shows, as an HTTP date.
    fn date(&self) -> String {
        let now = self
            .origin
            .saturating_add(self.scaled(self.elapsed()))
            .unwrap_or(self.origin);
        let printer = rfc2822::DateTimePrinter::new();
        printer
            .timestamp_to_rfc9110_string(&now)
            .unwrap_or_default()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path();
    if path.ends_with("/oauth2/v2.0/token") {
        return token(&shared, &bytes);
    }
    if path.ends_with("/.well-known/openid-configuration") {
        return json_response(StatusCode::OK, &openid_configuration(&shared));
    }
    if bearer(&parts.headers) != Some(shared.token.as_str()) {
        let body = json!({"error": {"code": "AuthenticationFailed", "message": "the token is not from here"}});
        let mut response = json_response(StatusCode::UNAUTHORIZED, &body);
        set(
            &mut response,
            "www-authenticate",
            "Bearer authorization_uri=\"https://127.0.0.1\"",
        );
        return response;
    }

    let asked = Asked {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        client_request_id: header(&parts.headers, "x-ms-client-request-id"),
        body: serde_json::from_slice(&bytes).ok(),
    };
    let given = {
        let mut player = lock(&shared.player);
        let before = player.is_triggered();
        let given = player.answer(&asked, shared.since_restore());
        if !before && player.is_triggered() {
            *lock(&shared.restored) = Some(shared.elapsed());
        }
        given
    };
    response(&shared, &asked, given)
}

fn response(shared: &Shared, asked: &Asked, given: Given) -> Response {
    let status = StatusCode::from_u16(given.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match &given.body {
        Some(body) => json_response(status, body),
        None => status.into_response(),
    };
    for (name, value) in &given.headers {
        let value = value.replace(RECORDED_HOST, &shared.url);
        if let (Ok(name), Ok(value)) = (
            axum::http::HeaderName::try_from(name.as_str()),
            axum::http::HeaderValue::try_from(value),
        ) {
            if name == "content-type" {
                response.headers_mut().insert(name, value);
            } else {
                response.headers_mut().append(name, value);
            }
        }
    }
    set(&mut response, "date", &shared.date());
    if let Some(id) = &asked.client_request_id {
        set(&mut response, "x-ms-client-request-id", id);
    }
    response
}

fn token(shared: &Shared, form: &[u8]) -> Response {
    let form = format!("?{}", String::from_utf8_lossy(form));
    let field = |name| super::recording::query(&form, name);
    if field("client_id").as_deref() != Some(CLIENT_ID)
        || field("client_secret").as_deref() != Some(CLIENT_SECRET)
    {
        let body = json!({"error": "invalid_client", "error_description": "unknown client or wrong secret"});
        return json_response(StatusCode::UNAUTHORIZED, &body);
    }
    // A life that outlasts every recording, also where time is scaled.
    let body = json!({"token_type": "Bearer", "expires_in": 86400, "ext_expires_in": 86400,
        "access_token": shared.token});
    json_response(StatusCode::OK, &body)
}

fn openid_configuration(shared: &Shared) -> Value {
    let base = format!("{}/{TENANT_ID}", shared.url);
    json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "issuer": format!("{base}/v2.0"),
    })
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    set(&mut response, "content-type", "application/json");
    response
}

fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = axum::http::HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("authorization")?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

/// A server certificate for 127.0.0.1 and the CA that signed it, in PEM.
fn certificate() -> Result<(TlsAcceptor, String), TestbedError> {
    let failed =
        |error: rcgen::Error| TestbedError::Unreadable(format!("make a certificate: {error}"));
    let mut ca = rcgen::CertificateParams::new(Vec::new()).map_err(failed)?;
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name
        .push(rcgen::DnType::CommonName, "vmrestore replay CA");
    let ca = rcgen::CertifiedIssuer::self_signed(ca, rcgen::KeyPair::generate().map_err(failed)?)
        .map_err(failed)?;
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let names = ["127.0.0.1", "localhost"].map(str::to_owned);
    let server = rcgen::CertificateParams::new(names.to_vec()).map_err(failed)?;
    let server = server.signed_by(&key, &ca).map_err(failed)?;
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| {
        TestbedError::Unreadable(format!("read the key of a certificate: {error}"))
    })?;
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], key)
        .map_err(|error| TestbedError::Unreadable(format!("use a certificate: {error}")))?;
    Ok((TlsAcceptor::from(Arc::new(config)), ca.as_ref().pem()))
}

/// Accepts connections and shakes hands; a client that does not is let go.
struct TlsListener {
    socket: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.socket.accept().await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let handshake =
                tokio::time::timeout(Duration::from_secs(5), self.acceptor.accept(stream));
            if let Ok(Ok(stream)) = handshake.await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.socket.local_addr()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
