//! What goes over the wire: every test runs the port against a small Azure of its own on loopback, token endpoint included.

mod points;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::fakes::FakeClock;
use super::*;
use crate::restore::facts::{ProtectedItem, Refusal, RefusalKind, Then, TriggerOutcome};
use crate::restore::ids::{
    ArmId, CanonicalRun, JobId, OperationId, RecoveryPointName, RequestId, RunKey, Scope,
};
use crate::restore::ports::{Budget, Deadline, JobsNeed, Trigger, Vault};
use crate::restore::request::{RestoreRequest, Target};

const SECRET: &str = "s3cr3t~Value.0123";
const VM: &str =
    "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm";

/// One request as the small Azure saw it.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    /// Path and query, as sent.
    target: String,
    token: String,
    request_id: String,
    language: String,
    body: String,
}

impl Seen {
    fn is(&self, part: &str) -> bool {
        self.target.contains(part)
    }
}

type Answers = dyn Fn(&Seen) -> Response + Send + Sync;

/// A small Azure: plain HTTP for Resource Manager, HTTPS for tokens.
struct SmallAzure {
    clock: FakeClock,
    arm: String,
    authority: String,
    ca_pem: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    tokens: Arc<AtomicUsize>,
}

impl SmallAzure {
    async fn answering(answers: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
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

    async fn with_arm(arm: String, seen: Arc<Mutex<Vec<Seen>>>) -> Self {
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

    fn azure(&self) -> Azure {
        Azure::new(AzureOptions {
            clock: Arc::new(self.clock.clone()),
            extra_ca_pem: Some(self.ca_pem.clone().into_bytes()),
            allowed_hosts: vec!["127.0.0.1".parse().unwrap()],
            metrics: Arc::new(NoMetrics),
            user_agent: "vmrestore-test".to_owned(),
        })
        .unwrap()
    }

    fn target(&self) -> VaultTarget {
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

    fn vault(&self) -> VaultHandle {
        self.azure().vault(self.target()).unwrap()
    }

    fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn count(&self, part: &str) -> usize {
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

fn reply(status: u16, body: Value) -> Response {
    raw(status, &[], body.to_string())
}

fn raw(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
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

fn fault(status: u16, code: &str) -> Response {
    reply(status, json!({"error": {"code": code, "message": "told"}}))
}

fn list(values: Vec<Value>) -> Response {
    reply(200, json!({"value": values}))
}

fn a_job(name: &str, activity_id: &str, started: &str) -> Value {
    json!({"name": name, "properties": {
        "jobType": "AzureIaaSVMJob", "operation": "Restore", "status": "InProgress",
        "startTime": started, "activityId": activity_id, "entityFriendlyName": "vm"
    }})
}

fn an_item() -> ProtectedItem {
    ProtectedItem {
        container: "IaasVMContainer;iaasvmcontainerv2;rg;vm".to_owned(),
        name: "VM;iaasvmcontainerv2;rg;vm".to_owned(),
        source: ArmId::new(VM),
        protection_state: "Protected".to_owned(),
        soft_deleted: false,
    }
}

fn a_request() -> RestoreRequest {
    RestoreRequest {
        source: ArmId::new(VM),
        recovery_point: RecoveryPointName::new("20982486783671"),
        region: "westus".to_owned(),
        target: Target::Disks {
            storage_account: ArmId::new("/subscriptions/sub/x"),
            resource_group: None,
        },
    }
}

fn a_request_id() -> RequestId {
    RunKey::compute(
        &Scope::new("s"),
        &CanonicalRun::new("n", "r", &ArmId::new("v")),
    )
    .request_id(1)
}

async fn trigger(vault: &VaultHandle, deadline: Deadline) -> TriggerOutcome {
    let (item, request) = (an_item(), a_request());
    vault
        .trigger(&Trigger {
            item: &item,
            request: &request,
            request_id: a_request_id(),
            deadline,
        })
        .await
}

/// In 30 s on both clocks.
fn soon(clock: &FakeClock) -> Deadline {
    let now = Clock::now(clock);
    let life = SignedDuration::from_secs(30);
    Deadline {
        boot: now.boot + life,
        wall: now.wall + life,
    }
}

fn any_need() -> JobsNeed {
    JobsNeed {
        begun_after: None,
        any_age: false,
        since: None,
    }
}

fn look(clock: &FakeClock) -> JobsNeed {
    JobsNeed {
        begun_after: Some(Clock::now(clock).boot),
        any_age: false,
        since: None,
    }
}

#[tokio::test]
async fn a_trigger_is_one_post_with_the_id_the_token_and_the_body() {
    let azure = SmallAzure::answering(|_| {
        let operation = "https://elsewhere.example/x/operationsStatus/op-1?api-version=2019-05-13&t=1&s=signature";
        raw(202, &[("azure-asyncoperation", operation), ("retry-after", "60")], "")
    })
    .await;

    let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

    let TriggerOutcome::Accepted {
        operation: Some(operation),
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(operation.as_str(), "op-1");
    let [request] = &azure.requests()[..] else {
        panic!("not one request")
    };
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.target,
        "/subscriptions/sub/resourceGroups/vaultRG/providers/Microsoft.RecoveryServices/vaults/testVault/backupFabrics/Azure\
         /protectionContainers/IaasVMContainer%3Biaasvmcontainerv2%3Brg%3Bvm/protectedItems/VM%3Biaasvmcontainerv2%3Brg%3Bvm\
         /recoveryPoints/20982486783671/restore?api-version=2019-05-13"
    );
    assert_eq!(request.token, "token-0001");
    assert_eq!(request.language, "en-US");
    assert_eq!(request.request_id, a_request_id().to_string());
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        a_request().body()
    );
}

#[tokio::test]
async fn a_trigger_is_never_sent_twice_whatever_the_answer() {
    for (status, code) in [
        (401, "InvalidAuthenticationToken"),
        (400, "NoRegisteredProviderFound"),
        (429, "TooManyRequests"),
        (500, "InternalServerError"),
        (503, "ServerBusy"),
        (504, "GatewayTimeout"),
        (307, ""),
        (409, "BMSUserErrorObjectLocked"),
    ] {
        let azure = SmallAzure::answering(move |_| {
            let body = json!({"error": {"code": code, "message": "told"}}).to_string();
            raw(
                status,
                &[("location", "/again"), ("retry-after", "1")],
                body,
            )
        })
        .await;

        let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

        assert_eq!(azure.requests().len(), 1, "{status} {outcome:?}");
        assert!(
            !matches!(outcome, TriggerOutcome::Accepted { .. }),
            "{status}"
        );
    }
}

#[tokio::test]
async fn after_a_401_the_next_trigger_has_a_new_token_with_the_claims_that_azure_wants() {
    let claims = azure_core::base64::encode(r#"{"access_token":{"nbf":{"essential":true}}}"#);
    let azure =
        SmallAzure::answering(
            move |request| match request.token.ends_with("with-claims") {
                true => raw(202, &[], ""),
                false => raw(
                    401,
                    &[("www-authenticate", &format!("Bearer claims=\"{claims}\""))],
                    "",
                ),
            },
        )
        .await;
    let vault = azure.vault();

    let first = trigger(&vault, soon(&azure.clock)).await;
    vault.ready().await.unwrap();
    let second = trigger(&vault, soon(&azure.clock)).await;

    let TriggerOutcome::NotStarted(Refusal { then, .. }) = first else {
        panic!("{first:?}")
    };
    assert_eq!(then, Then::RetryAfter(SignedDuration::ZERO));
    assert_eq!(second, TriggerOutcome::Accepted { operation: None });
    assert_eq!(azure.requests().len(), 2);
}

#[tokio::test]
async fn a_refused_version_gives_way_to_the_next_row_for_the_next_trigger() {
    let azure = SmallAzure::answering(|request| match request.is("2019-05-13") {
        true => fault(400, "InvalidApiVersionParameter"),
        false => raw(202, &[], ""),
    })
    .await;
    let vault = azure.vault();

    let first = trigger(&vault, soon(&azure.clock)).await;
    let second = trigger(&vault, soon(&azure.clock)).await;

    assert!(
        matches!(
            first,
            TriggerOutcome::NotStarted(Refusal {
                then: Then::RetryAfter(_),
                ..
            })
        ),
        "{first:?}"
    );
    assert_eq!(second, TriggerOutcome::Accepted { operation: None });
    assert!(azure.requests()[1].is("api-version=2024-04-01"));
}

#[tokio::test]
async fn nothing_is_sent_after_the_deadline() {
    let azure = SmallAzure::answering(|_| raw(202, &[], "")).await;
    let vault = azure.vault();
    vault.ready().await.unwrap();
    let deadline = soon(&azure.clock);
    azure.clock.advance(SignedDuration::from_secs(30));

    let outcome = trigger(&vault, deadline).await;

    let TriggerOutcome::NotStarted(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.kind, RefusalKind::TooLate);
    assert!(azure.requests().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_when_the_deadline_passes_while_connecting() {
    // Each look at the clock moves it by 20 s: those of token, gate and the check before connecting are in time, the one
    // when the connection stands is not.
    #[derive(Clone)]
    struct Impatient(FakeClock, Arc<AtomicUsize>);
    impl Clock for Impatient {
        fn now(&self) -> crate::restore::facts::Now {
            if self.1.load(Ordering::SeqCst) > 0 {
                self.1.fetch_add(1, Ordering::SeqCst);
                self.0.advance(SignedDuration::from_secs(20));
            }
            Clock::now(&self.0)
        }
        async fn sleep(&self, _: SignedDuration) {}
        fn real(&self, duration: SignedDuration) -> Duration {
            Clock::real(&self.0, duration)
        }
    }
    let azure = SmallAzure::answering(|_| raw(202, &[], "")).await;
    let moving = Arc::new(AtomicUsize::new(0));
    let client = Azure::new(AzureOptions {
        clock: Arc::new(Impatient(azure.clock.clone(), moving.clone())),
        extra_ca_pem: Some(azure.ca_pem.clone().into_bytes()),
        allowed_hosts: vec!["127.0.0.1".parse().unwrap()],
        metrics: Arc::new(NoMetrics),
        user_agent: "vmrestore-test".to_owned(),
    })
    .unwrap();
    let vault = client.vault(azure.target()).unwrap();
    vault.ready().await.unwrap();
    let mut deadline = soon(&azure.clock);
    deadline.boot += SignedDuration::from_secs(40);
    deadline.wall += SignedDuration::from_secs(40);
    moving.store(1, Ordering::SeqCst);

    let outcome = trigger(&vault, deadline).await;

    let TriggerOutcome::NotStarted(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.kind, RefusalKind::TooLate, "{refusal:?}");
    assert_eq!(moving.load(Ordering::SeqCst) - 1, 4, "looks at the clock");
    assert!(azure.requests().is_empty());
}

#[tokio::test]
async fn a_refused_connection_is_nothing_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let arm = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let azure = SmallAzure::with_arm(arm, Arc::default()).await;

    let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

    let TriggerOutcome::NotStarted(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.kind, RefusalKind::Unavailable);
}

/// An Azure that takes one request per connection and then writes these bytes and hangs up.
async fn broken_azure(bytes: &'static [u8]) -> (SmallAzure, Arc<AtomicUsize>) {
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

#[tokio::test]
async fn an_answer_that_is_lost_is_unknown_and_not_repeated() {
    for (bytes, accepted) in [
        (&b""[..], false),
        (b"HTTP/1.1 2", false),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"error\":{\"code\":\"Invalid\"", false),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 500\r\n\r\nhalf", true),
        (b"nonsense\r\n\r\n", false),
    ] {
        let (azure, connections) = broken_azure(bytes).await;

        let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

        assert_eq!(connections.load(Ordering::SeqCst), 1);
        match accepted {
            true => assert_eq!(outcome, TriggerOutcome::Accepted { operation: None }),
            false => assert!(matches!(outcome, TriggerOutcome::Unknown { .. }), "{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn broken_answers_to_reads_are_errors_with_a_retry() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html></h",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"value\": 7}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"value\": []",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (azure, _) = broken_azure(bytes).await;
        let vault = azure.vault();

        let errors = [
            vault.facts().await.err(),
            vault.protected_item(&ArmId::new(VM)).await.err(),
            vault.recovery_points(&an_item(), None).await.err(),
            vault.jobs(any_need()).await.err(),
            vault.job(&JobId::new("j"), Budget::Needed).await.err(),
            vault
                .operation(&an_item(), &OperationId::new("o"))
                .await
                .err(),
        ];

        for (at, error) in errors.into_iter().enumerate() {
            let error = error
                .unwrap_or_else(|| panic!("call {at} took {:?}", String::from_utf8_lossy(bytes)));
            assert!(
                matches!(
                    error.kind,
                    RefusalKind::Unreadable | RefusalKind::Unavailable
                ),
                "{error:?}"
            );
            assert!(error.retry_after.is_positive());
        }
    }
}

#[tokio::test]
async fn token_failures_say_what_to_mend() {
    let azure = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let client = azure.azure();
    let with = |change: fn(&mut ServicePrincipal)| {
        let mut target = azure.target();
        change(&mut target.credential);
        client.vault(target).unwrap()
    };

    let wrong_secret = with(|principal| principal.secret = Secret::new("wrong-secret"))
        .ready()
        .await
        .unwrap_err();
    let wrong_client = with(|principal| principal.client_id = "other".to_owned())
        .ready()
        .await
        .unwrap_err();
    let wrong_tenant = with(|principal| principal.tenant_id = "elsewhere".to_owned())
        .ready()
        .await
        .unwrap_err();
    let no_secret = with(|principal| principal.secret = Secret::new(""))
        .ready()
        .await
        .unwrap_err();
    let down = with(|principal| principal.secret = Secret::new("broken"))
        .ready()
        .await
        .unwrap_err();

    for (error, code) in [
        (&wrong_secret, "AADSTS7000215"),
        (&wrong_client, "AADSTS700016"),
        (&wrong_tenant, "AADSTS90002"),
        (&no_secret, ""),
    ] {
        assert_eq!(error.kind, RefusalKind::Authentication, "{error:?}");
        assert_eq!(error.error.code, code);
        assert!(
            error.retry_after >= SignedDuration::from_secs(40)
                && error.retry_after < SignedDuration::from_secs(50)
        );
        assert!(!error.to_string().contains("wrong-secret"));
    }
    assert_eq!(down.kind, RefusalKind::Unavailable, "{down:?}");
    assert!(azure.requests().is_empty());
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_or_trusted_is_unavailable() {
    let azure = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let other = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let mut closed = azure.target();
    if let Cloud::Custom(endpoints) = &mut closed.cloud {
        endpoints.authority = "https://127.0.0.1:1".to_owned();
    }

    let unreachable = azure
        .azure()
        .vault(closed)
        .unwrap()
        .ready()
        .await
        .unwrap_err();
    let untrusted = azure
        .azure()
        .vault(other.target())
        .unwrap()
        .ready()
        .await
        .unwrap_err();

    assert_eq!(
        unreachable.kind,
        RefusalKind::Unavailable,
        "{unreachable:?}"
    );
    assert_eq!(untrusted.kind, RefusalKind::Unavailable, "{untrusted:?}");
    assert!(
        untrusted.to_string().to_lowercase().contains("certificate"),
        "{untrusted}"
    );
}

#[tokio::test]
async fn a_token_is_shared_renewed_before_its_end_and_at_once_for_another_secret() {
    let azure = SmallAzure::answering(|_| reply(200, json!({"location": "westus"}))).await;
    let client = azure.azure();
    let vault = client.vault(azure.target()).unwrap();

    vault.ready().await.unwrap();
    client.vault(azure.target()).unwrap().ready().await.unwrap();
    assert_eq!(azure.tokens.load(Ordering::SeqCst), 1);
    azure.clock.advance(SignedDuration::from_mins(56));
    vault.ready().await.unwrap();
    assert_eq!(azure.tokens.load(Ordering::SeqCst), 2);
    let mut target = azure.target();
    target.credential.secret = Secret::new("s3cr3t~Value.new");
    client.vault(target).unwrap().ready().await.unwrap();

    assert_eq!(azure.tokens.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_read_gets_one_new_token_and_then_gives_up() {
    let azure = SmallAzure::answering(|_| raw(401, &[], "")).await;

    let error = azure.vault().facts().await.unwrap_err();

    assert_eq!(error.kind, RefusalKind::Authentication);
    assert_eq!(azure.requests().len(), 2);
    assert_ne!(azure.requests()[0].token, azure.requests()[1].token);
}

#[tokio::test]
async fn pages_are_followed_verbatim_and_only_to_the_vaults_own_host() {
    let next: Arc<Mutex<String>> = Arc::default();
    let link = next.clone();
    let azure = SmallAzure::answering(move |request| match request.is("skipToken") {
        true => list(vec![json!({"name": "2", "properties": {}})]),
        false => reply(
            200,
            json!({"value": [{"name": "1", "properties": {}}], "nextLink": *link.lock().unwrap()}),
        ),
    })
    .await;
    let vault = azure.vault();

    *next.lock().unwrap() = format!(
        "{}/x?api-version=2017-07-01&$skipToken=%3Ca%3E%2Bb",
        azure.arm
    );
    let points = vault.recovery_points(&an_item(), None).await.unwrap();
    *next.lock().unwrap() = "https://evil.example/x?$skipToken=1".to_owned();
    let elsewhere = vault.recovery_points(&an_item(), None).await.unwrap_err();
    *next.lock().unwrap() = format!("{}/x?$skipToken=1", azure.arm.replace("http:", "https:"));
    let other_scheme = vault.recovery_points(&an_item(), None).await.unwrap_err();

    assert_eq!(points.len(), 2);
    assert_eq!(
        azure.requests()[1].target,
        "/x?api-version=2017-07-01&$skipToken=%3Ca%3E%2Bb"
    );
    assert_eq!(elsewhere.kind, RefusalKind::Unreadable);
    assert_eq!(other_scheme.kind, RefusalKind::Unreadable);
    assert_eq!(azure.requests().len(), 4);
}

#[tokio::test]
async fn throttling_closes_the_gate_for_its_kind_until_the_time_that_azure_named() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => raw(429, &[("retry-after", "324")], "{}"),
        false => list(vec![]),
    })
    .await;
    let vault = azure.vault();

    let told = vault
        .job(&JobId::new("j"), Budget::Needed)
        .await
        .unwrap_err();
    let kept = vault
        .job(&JobId::new("j"), Budget::Needed)
        .await
        .unwrap_err();
    vault.recovery_points(&an_item(), None).await.unwrap();

    for error in [told, kept] {
        assert_eq!(error.kind, RefusalKind::Throttled);
        assert!(
            error.retry_after >= SignedDuration::from_secs(324),
            "{error:?}"
        );
    }
    assert_eq!(azure.count("backupJobs"), 1);
    azure.clock.advance(SignedDuration::from_secs(325));
    assert!(vault.job(&JobId::new("j"), Budget::Needed).await.is_err());
    assert_eq!(azure.count("backupJobs"), 2);
}

#[tokio::test]
async fn the_first_listing_goes_back_180_days_in_slices_and_later_ones_start_before_it() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => list(vec![a_job("j", "a", "2026-11-22T09:59:00Z")]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;
    let vault = azure.vault();

    vault.jobs(look(&azure.clock)).await.unwrap();
    let first = azure.count("backupJobs");
    azure.clock.advance(SignedDuration::from_secs(1));
    vault.jobs(look(&azure.clock)).await.unwrap();

    assert_eq!(first, 7); // 180 days and the overlaps
    assert_eq!(azure.count("backupJobs"), 8);
    let last = azure.requests().last().unwrap().target.clone();
    let filter = percent_encoding::percent_decode_str(&last)
        .decode_utf8()
        .unwrap()
        .into_owned();
    assert!(
        filter.ends_with(
            "$filter=operation eq 'Restore' and startTime eq '2026-11-22 09:45:00 AM' and endTime eq '2026-11-22 10:15:02 AM'"
        ),
        "{filter}"
    );
}

#[tokio::test]
async fn dates_are_azures_and_not_ours() {
    let azure = SmallAzure::answering(|request| {
        let body = if request.is("backupJobs") {
            json!({"value": []})
        } else {
            json!({"location": "westus"})
        };
        raw(
            200,
            &[("date", "Sun, 22 Nov 2026 12:30:00 GMT")],
            body.to_string(),
        )
    })
    .await;

    azure.vault().jobs(look(&azure.clock)).await.unwrap();

    let requests = azure.requests();
    let first = requests.iter().find(|seen| seen.is("backupJobs")).unwrap();
    assert!(
        first.is("2026-11-22%2012%3A45%3A01%20PM"),
        "{}",
        first.target
    );
}

#[tokio::test]
async fn a_date_that_is_behind_our_clock_hides_no_job() {
    let azure = SmallAzure::answering(|request| {
        let body = if request.is("backupJobs") {
            json!({"value": []})
        } else {
            json!({"location": "westus"})
        };
        raw(
            200,
            &[("date", "Sun, 22 Nov 2026 05:00:00 GMT")],
            body.to_string(),
        )
    })
    .await;
    let vault = azure.vault();

    vault.jobs(look(&azure.clock)).await.unwrap();
    azure.clock.advance(SignedDuration::from_secs(1));
    vault.jobs(look(&azure.clock)).await.unwrap();

    let requests = azure.requests();
    let lists: Vec<_> = requests
        .iter()
        .filter(|seen| seen.is("backupJobs"))
        .collect();
    assert!(
        lists[0].is("2026-11-22%2010%3A15%3A01%20AM"),
        "{}",
        lists[0].target
    );
    let last = lists.last().unwrap();
    assert!(
        last.is("2026-11-22%2004%3A45%3A00%20AM") && last.is("2026-11-22%2010%3A15%3A02%20AM"),
        "{}",
        last.target
    );
}

#[tokio::test]
async fn the_walk_back_ends_at_azures_first_refusal() {
    let slices = AtomicUsize::new(0);
    let azure = SmallAzure::answering(move |request| match request.is("backupJobs") {
        true if slices.fetch_add(1, Ordering::SeqCst) < 2 => list(vec![]),
        true => fault(400, "BMSUserErrorInvalidInput"),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;

    azure.vault().jobs(look(&azure.clock)).await.unwrap();

    assert_eq!(azure.count("backupJobs"), 3);
}

#[tokio::test]
async fn a_refusal_of_the_newest_slice_or_a_broken_page_makes_no_listing() {
    for (status, code) in [
        (400, "BMSUserErrorInvalidInput"),
        (500, "InternalServerError"),
    ] {
        let azure = SmallAzure::answering(move |request| match request.is("backupJobs") {
            true => fault(status, code),
            false => reply(200, json!({"location": "westus"})),
        })
        .await;
        let vault = azure.vault();

        vault.jobs(look(&azure.clock)).await.unwrap_err();
        vault
            .jobs(JobsNeed {
                any_age: true,
                ..any_need()
            })
            .await
            .unwrap_err();

        assert_eq!(azure.count("backupJobs"), 1, "the failure is shared");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_read_makes_no_listing() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => list(vec![json!({"name": "j"})]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;

    let error = azure.vault().jobs(look(&azure.clock)).await.unwrap_err();

    assert_eq!(error.kind, RefusalKind::Unreadable);
}

#[tokio::test]
async fn a_thousand_looks_share_one_listing_and_later_ones_get_another() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => list(vec![a_job("j", "a", "2026-11-22T09:59:00Z")]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;
    let vault = azure.vault();
    vault.jobs(look(&azure.clock)).await.unwrap();
    azure.clock.advance(SignedDuration::from_secs(1));
    let before = azure.count("backupJobs");

    let need = look(&azure.clock);
    let looks = (0..1000).map(|_| vault.jobs(need));
    for listing in futures::future::join_all(looks).await {
        assert!(listing.unwrap().begun.boot >= need.begun_after.unwrap());
    }

    assert_eq!(azure.count("backupJobs"), before + 1);
    vault.jobs(any_need()).await.unwrap();
    assert_eq!(
        azure.count("backupJobs"),
        before + 1,
        "younger than the interval"
    );
    azure.clock.advance(SignedDuration::from_secs(60));
    vault.jobs(any_need()).await.unwrap();
    assert_eq!(azure.count("backupJobs"), before + 2);
}

#[tokio::test]
async fn a_followed_job_stays_covered_and_what_was_seen_stays_known() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        // Azure shows the old job only if the dates reach it.
        true if request.is("2026-11-22%2006%3A45%3A00")
            || !request.is("startTime%20eq%20%272026-11-22") =>
        {
            list(vec![a_job("old", "a", "2026-11-22T07:00:00Z")])
        }
        true => list(vec![]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;
    let vault = azure.vault();
    let since: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
    let old = JobId::new("old");

    let first = vault.jobs(look(&azure.clock)).await.unwrap();
    azure.clock.advance(SignedDuration::from_secs(61));
    let second = vault.jobs(any_need()).await.unwrap();
    let third = vault
        .jobs(JobsNeed {
            since: Some(since),
            ..any_need()
        })
        .await
        .unwrap();

    assert_eq!(first.job(&old).unwrap().shown_by_listing_begun, first.begun);
    assert_eq!(
        second.job(&old).unwrap().shown_by_listing_begun,
        first.begun
    );
    assert_eq!(third.job(&old).unwrap().shown_by_listing_begun, third.begun);
}

#[tokio::test]
async fn items_are_listed_once_and_a_missing_vm_causes_a_new_list_only_now_and_then() {
    let azure = SmallAzure::answering(|_| {
        let id = "/subscriptions/sub/x/protectionContainers/C;rg;vm/protectedItems/VM;rg;vm";
        list(vec![
            json!({"id": id, "properties": {"sourceResourceId": VM.to_uppercase()}}),
        ])
    })
    .await;
    let vault = azure.vault();

    let found = vault
        .protected_item(&ArmId::new(VM))
        .await
        .unwrap()
        .unwrap();
    let other = ArmId::new("/subscriptions/other");
    for _ in 0..10 {
        assert_eq!(vault.protected_item(&other).await.unwrap(), None);
    }
    assert_eq!(azure.requests().len(), 1);
    azure.clock.advance(SignedDuration::from_secs(31));
    assert_eq!(vault.protected_item(&other).await.unwrap(), None);
    vault
        .protected_item(&ArmId::new(VM))
        .await
        .unwrap()
        .unwrap();

    assert_eq!(
        (found.container.as_str(), found.name.as_str()),
        ("C;rg;vm", "VM;rg;vm")
    );
    assert_eq!(azure.requests().len(), 2);
}

#[tokio::test]
async fn an_operation_is_asked_at_the_vault_first_and_then_at_the_item() {
    let azure = SmallAzure::answering(|request| match request.is("backupOperations") {
        true => fault(400, "BMSUserErrorInvalidInput"),
        false if request.is("gone") => fault(404, "OperationNotFound"),
        false => reply(
            200,
            json!({"status": "Succeeded", "properties": {"jobId": "job-1"}}),
        ),
    })
    .await;
    let vault = azure.vault();

    let found = vault
        .operation(&an_item(), &OperationId::new("op"))
        .await
        .unwrap()
        .unwrap();
    let gone = vault
        .operation(&an_item(), &OperationId::new("gone"))
        .await
        .unwrap();

    assert_eq!(found.job, Some(JobId::new("job-1")));
    assert_eq!(gone, None);
    assert_eq!(azure.requests().len(), 4);
}

#[tokio::test]
async fn a_missing_vault_and_a_missing_role_come_back_within_a_minute() {
    let azure = SmallAzure::answering(|request| match request.is("backupProtectedItems") {
        true => fault(403, "AuthorizationFailed"),
        false => fault(404, "ResourceNotFound"),
    })
    .await;
    let vault = azure.vault();

    let missing = vault.facts().await.unwrap_err();
    let forbidden = vault.protected_item(&ArmId::new(VM)).await.unwrap_err();

    assert_eq!(missing.kind, RefusalKind::VaultNotFound);
    assert_eq!(forbidden.kind, RefusalKind::Permission);
    for error in [missing, forbidden] {
        assert!(
            error.retry_after < SignedDuration::from_secs(46),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_echoes_token_or_secret_is_scrubbed() {
    let azure = SmallAzure::answering(|request| {
        let message = format!("you sent {} and {SECRET}", request.token);
        reply(400, json!({"error": {"code": "C", "message": message}}))
    })
    .await;

    let error = azure.vault().facts().await.unwrap_err();
    let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

    let text = format!("{error:?} {error} {outcome:?} {:?}", azure.target());
    assert!(
        !text.contains("token-0") && !text.contains(SECRET),
        "{text}"
    );
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_refused_before_anything_is_sent() {
    let azure = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let mut target = azure.target();
    if let Cloud::Custom(endpoints) = &mut target.cloud {
        endpoints.authority = "https://evil.example".to_owned();
    }

    let refused = azure.azure().vault(target).err().unwrap();

    assert!(refused.to_string().contains("evil.example"), "{refused}");
    assert_eq!(azure.tokens.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_throttled_trigger_is_not_sent_again_before_its_time() {
    let azure = SmallAzure::answering(|_| raw(429, &[("retry-after", "100")], "{}")).await;
    let vault = azure.vault();

    let told = trigger(&vault, soon(&azure.clock)).await;
    azure.clock.advance(SignedDuration::from_secs(99));
    let kept = trigger(&vault, soon(&azure.clock)).await;
    assert_eq!(azure.requests().len(), 1);
    azure.clock.advance(SignedDuration::from_secs(1));
    trigger(&vault, soon(&azure.clock)).await;

    for outcome in [told, kept] {
        let TriggerOutcome::NotStarted(refusal) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(refusal.kind, RefusalKind::Throttled);
        assert!(matches!(refusal.then, Then::RetryAfter(wait) if wait.is_positive()));
    }
    assert_eq!(azure.requests().len(), 2);
}

#[tokio::test]
async fn a_listing_that_is_cut_off_leaves_the_board_to_the_next() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => list(vec![]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;
    let vault = azure.vault();
    vault.ready().await.unwrap();

    let cut = tokio::time::timeout(Duration::ZERO, vault.jobs(look(&azure.clock))).await;
    let next = tokio::time::timeout(Duration::from_secs(20), vault.jobs(look(&azure.clock))).await;

    assert!(cut.is_err());
    next.unwrap().unwrap();
}

thread_local! {
    /// What was logged on this thread; a test and everything that it sends run on one.
    static LOG: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Writes to the log of its thread. For the whole process, because a subscriber of one thread does not hear call sites that
/// another thread met first.
struct ThreadLog;

impl std::io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_hold_no_secret_and_no_query_and_one_line_per_request() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(|| ThreadLog)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let azure = SmallAzure::answering(|request| match request.is("/restore") {
        true => {
            let operation = "https://127.0.0.1/x/op-1?api-version=1&s=signature-of-the-url";
            raw(
                202,
                &[("azure-asyncoperation", operation), ("location", operation)],
                "",
            )
        }
        false => fault(400, "BMSUserErrorInvalidInput"),
    })
    .await;
    let vault = azure.vault();

    trigger(&vault, soon(&azure.clock)).await;
    vault.recovery_points(&an_item(), None).await.unwrap_err();

    let text = String::from_utf8(LOG.take()).unwrap();
    for secret in [SECRET, "token-0", "signature-of-the-url", "client_secret"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let ours: Vec<_> = text
        .lines()
        .filter(|line| line.contains("vmrestore::azure::arm"))
        .collect();
    assert_eq!(ours.len(), 2, "{text}");
    assert!(
        ours[0].contains("azure_operation=\"trigger_restore\"")
            && ours[0].contains("http_status=202"),
        "{text}"
    );
    assert!(
        ours[1].contains("error_code=\"BMSUserErrorInvalidInput\"")
            && !ours[1].contains("api-version"),
        "{text}"
    );
}

#[tokio::test]
async fn a_virtual_machine_is_missing_only_when_azure_says_so() {
    let answers = Arc::new(Mutex::new(Vec::new()));
    let next = answers.clone();
    let azure = SmallAzure::answering(move |_| {
        let (status, code): (u16, &str) = next.lock().unwrap().pop().unwrap();
        match status {
            200 => reply(200, json!({"name": "new", "location": "westus"})),
            _ if code.is_empty() => reply(status, json!({})),
            _ => fault(status, code),
        }
    })
    .await;
    let vault = azure.vault();
    let target = ArmId::new(
        "/subscriptions/other/resourceGroups/restores/providers/Microsoft.Compute/virtualmachines/new",
    );

    for (status, code, expected) in [
        (200, "", Some(true)),
        (404, "ResourceNotFound", Some(false)),
        (404, "NotFound", Some(false)),
        (404, "ResourceGroupNotFound", Some(false)),
        (404, "SubscriptionNotFound", None),
        (404, "", None),
        (403, "AuthorizationFailed", None),
        (500, "InternalServerError", None),
    ] {
        answers.lock().unwrap().push((status, code));
        let said = vault.virtual_machine_exists(&target).await;
        assert_eq!(said.ok(), expected, "{status} {code}");
    }
    let asked = &azure.requests()[0];
    assert_eq!(asked.method, "GET");
    assert_eq!(
        asked.target,
        "/subscriptions/other/resourceGroups/restores/providers/Microsoft.Compute/virtualmachines/new?api-version=2024-07-01"
    );
}

#[tokio::test]
async fn only_the_id_of_a_virtual_machine_is_asked_for() {
    let azure = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let vault = azure.vault();

    for id in [
        "",
        "vm",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines",
        "/subscriptions/s/resourceGroups//providers/Microsoft.Compute/virtualMachines/vm",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/vm",
    ] {
        let said = vault.virtual_machine_exists(&ArmId::new(id)).await;
        assert_eq!(said.unwrap_err().kind, RefusalKind::BadRequest, "{id}");
    }
    assert_eq!(azure.requests().len(), 0);
}
