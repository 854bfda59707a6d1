//! A small Azure on loopback: what it is asked it remembers, what it answers a test says.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;

/// One request as the small Azure saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    /// Path and query, as sent.
    pub(super) target: String,
    pub(super) token: String,
    pub(super) request_id: String,
    pub(super) language: String,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn is(&self, part: &str) -> bool {
        self.target.contains(part)
    }
}

type Answers = dyn Fn(&Seen) -> Response + Send + Sync;

/// A small Azure: plain HTTP for Resource Manager, HTTPS for tokens.
pub(super) struct SmallAzure {
    pub(super) clock: FakeClock,
    pub(super) arm: String,
    authority: String,
    pub(super) ca_pem: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(super) tokens: Arc<AtomicUsize>,
}

impl SmallAzure {
    pub(super) async fn answering(
        answers: impl Fn(&Seen) -> Response + Send + Sync + 'static,
    ) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, answers): (_, Arc<Answers>) = (seen.clone(), Arc::new(answers));
        let router = Router::new().fallback(move |request: Request| {
            let (log, answers) = (log.clone(), answers.clone());
            async move {
                let request = seen_request(request).await;
                log.lock().unwrap().push(request.clone());
                answers(&request)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let arm = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self::with_arm(arm, seen).await
    }

    pub(super) async fn with_arm(arm: String, seen: Arc<Mutex<Vec<Seen>>>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tokens = Arc::new(AtomicUsize::new(0));
        let (authority, ca_pem) = token_endpoint(tokens.clone()).await;
        Self {
            clock: FakeClock::default(),
            arm,
            authority,
            ca_pem,
            seen,
            tokens,
        }
    }

    pub(super) fn azure(&self) -> Azure {
        Azure::new(AzureOptions {
            clock: Arc::new(self.clock.clone()),
            extra_ca_pem: Some(self.ca_pem.clone().into_bytes()),
            allowed_hosts: vec!["127.0.0.1".parse().unwrap()],
            metrics: Arc::new(NoMetrics),
            user_agent: "vmrestore-test".to_owned(),
        })
        .unwrap()
    }

    pub(super) fn target(&self) -> VaultTarget {
        VaultTarget {
            subscription_id: "sub".to_owned(),
            resource_group: "vaultRG".to_owned(),
            name: "testVault".to_owned(),
            cloud: Cloud::Custom(Endpoints {
                resource_manager: self.arm.clone(),
                authority: self.authority.clone(),
                audience: "https://127.0.0.1".to_owned(),
            }),
            poll_interval: SignedDuration::from_secs(60),
            api_versions: ApiVersionOverrides::default(),
            credential: ServicePrincipal {
                tenant_id: "tenant".to_owned(),
                client_id: "client".to_owned(),
                secret: Secret::new(SECRET),
            },
        }
    }

    pub(super) fn vault(&self) -> VaultHandle {
        self.azure().vault(self.target()).unwrap()
    }

    pub(super) fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn count(&self, part: &str) -> usize {
        self.requests().iter().filter(|seen| seen.is(part)).count()
    }
}

async fn seen_request(request: Request) -> Seen {
    let (parts, body) = request.into_parts();
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    Seen {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        token: header("authorization")
            .trim_start_matches("Bearer ")
            .to_owned(),
        request_id: header("x-ms-client-request-id"),
        language: header("accept-language"),
        body: String::from_utf8_lossy(&axum::body::to_bytes(body, 1 << 20).await.unwrap())
            .into_owned(),
    }
}

/// Tokens `token-0001`, `token-0002`, …; AADSTS errors for another secret, client or tenant.
async fn token_endpoint(count: Arc<AtomicUsize>) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(move |request: Request| {
        let count = count.clone();
        async move { token_answer(&seen_request(request).await, &count) }
    });
    let tls = TlsListener {
        listener,
        acceptor: TlsAcceptor::from(Arc::new(config)),
    };
    tokio::spawn(async move { axum::serve(tls, router).await });
    (url, made.cert.pem())
}

fn token_answer(request: &Seen, count: &AtomicUsize) -> Response {
    let refusal = |number: u32, error: &str, text: &str| {
        reply(
            401,
            json!({
                "error": error, "error_description": format!("AADSTS{number}: {text}\r\nTrace ID: x"),
                "error_codes": [number]
            }),
        )
    };
    if !request.is("/tenant/") {
        return refusal(90002, "invalid_request", "Tenant was not found.");
    }
    if !request.body.contains("client_id=client") {
        return refusal(700016, "unauthorized_client", "Application was not found.");
    }
    if request.body.contains("client_secret=broken") {
        return reply(503, json!({}));
    }
    if !request.body.contains("client_secret=s3cr3t") {
        return refusal(7000215, "invalid_client", "Invalid client secret provided.");
    }
    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
    let claims = if request.body.contains("claims=") {
        "-with-claims"
    } else {
        ""
    };
    reply(
        200,
        json!({"token_type": "Bearer", "expires_in": 3600, "access_token": format!("token-{number:04}{claims}")}),
    )
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else {
                continue;
            };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

pub(super) fn reply(status: u16, body: Value) -> Response {
    raw(status, &[], body.to_string())
}

pub(super) fn raw(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    // Azure's clock agrees with the fake one unless a test says otherwise.
    if !headers.iter().any(|(name, _)| *name == "date") {
        response = response.header("date", "Sun, 22 Nov 2026 10:00:00 GMT");
    }
    response.body(Body::from(body.into())).unwrap()
}

pub(super) fn fault(status: u16, code: &str) -> Response {
    reply(status, json!({"error": {"code": code, "message": "told"}}))
}

pub(super) fn list(values: Vec<Value>) -> Response {
    reply(200, json!({"value": values}))
}

/// An Azure that takes one request per connection and then writes these bytes and hangs up.
pub(super) async fn broken_azure(bytes: &'static [u8]) -> (SmallAzure, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let arm = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut buffer = [0; 65536];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(bytes).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    (SmallAzure::with_arm(arm, Arc::default()).await, connections)
}
