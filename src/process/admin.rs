//! The admin endpoints: `/healthz` (the process is alive), `/readyz` (it can do its work) and
//! `/metrics` (OpenMetrics). Plain HTTP, reads only, nothing secret in any answer.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::metrics::{Metrics, OPENMETRICS};

/// How long a client may keep the end of the process waiting: one that never finishes its request
/// must not use up the grace period that running passes need.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What the process has to wait for before it can do its work. Clones share one state.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<Vec<Condition>>>);

#[derive(Debug)]
struct Condition {
    name: &'static str,
    met: bool,
}

impl Readiness {
    /// Not ready until each of these was [met](Self::met). The names are shown to people by
    /// `/readyz`.
    pub fn awaiting<const N: usize>(names: [&'static str; N]) -> Self {
        let conditions = names.map(|name| Condition { name, met: false });
        Self(Arc::new(Mutex::new(conditions.into())))
    }

    /// Records that `name` holds now. A name that nobody awaits changes nothing.
    pub fn met(&self, name: &str) {
        self.set(name, true);
    }

    /// Records that `name` does not hold any more: `/readyz` fails until it is met again.
    pub fn lost(&self, name: &str) {
        self.set(name, false);
    }

    /// What is still awaited; empty when the process is ready.
    pub fn missing(&self) -> Vec<&'static str> {
        let conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        conditions
            .iter()
            .filter(|condition| !condition.met)
            .map(|condition| condition.name)
            .collect()
    }

    fn set(&self, name: &str, met: bool) {
        let mut conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for condition in conditions.iter_mut().filter(|each| each.name == name) {
            condition.met = met;
        }
    }
}

/// Why the admin endpoints cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen on {address}: choose another address with --listen")]
    Listen {
        /// The address as it was asked for.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The listening socket broke.
    #[error("cannot go on serving the admin endpoints")]
    Serve(#[source] io::Error),
}

/// The bound, not yet served, admin socket.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Binds the socket and logs the real address in the field `listen` (port 0 picks a free one).
    ///
    /// `[::]` falls back to `0.0.0.0` where the node has no IPv6, so that one default serves every
    /// cluster.
    ///
    /// # Errors
    /// [`AdminError::Listen`] if the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> Result<Self, AdminError> {
        let refused = |source| AdminError::Listen { address, source };
        let listener = match TcpListener::bind(address).await {
            Err(_) if is_any_ipv6(address) && !has_ipv6().await => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
            }
            result => result,
        }
        .map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        tracing::info!(listen = %address, "admin endpoints are listening");
        Ok(Self { listener, address })
    }

    /// The real address.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `until` completes; answers that have begun get one second to end.
    ///
    /// # Errors
    /// [`AdminError::Serve`] if the socket breaks.
    pub async fn serve(
        self,
        metrics: Metrics,
        readiness: Readiness,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), AdminError> {
        let (ending, told) = oneshot::channel();
        let server = axum::serve(self.listener, routes(metrics, readiness)).with_graceful_shutdown(
            async move {
                until.await;
                // Err means that the server has ended by itself.
                let _ = ending.send(());
            },
        );
        let too_long = async {
            if told.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            result = server => result.map_err(AdminError::Serve),
            () = too_long => Ok(()),
        }
    }
}

fn is_any_ipv6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

async fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").await.is_ok()
}

fn routes(metrics: Metrics, readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(openmetrics).with_state(metrics))
}

async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, String) {
    let missing = readiness.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        let body = format!("waiting for: {}\n", missing.join(", "));
        (StatusCode::SERVICE_UNAVAILABLE, body)
    }
}

async fn openmetrics(State(metrics): State<Metrics>) -> Response {
    match metrics.openmetrics() {
        Ok(body) => ([(header::CONTENT_TYPE, OPENMETRICS)], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::shutdown::{Shutdown, ShutdownTrigger};

    struct Served {
        url: String,
        readiness: Readiness,
        metrics: Metrics,
        trigger: ShutdownTrigger,
        task: tokio::task::JoinHandle<Result<(), AdminError>>,
    }

    async fn served() -> Served {
        let admin = Admin::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port");
        let url = format!("http://{}", admin.local_addr());
        let readiness = Readiness::awaiting(["definitions", "watch"]);
        let metrics = Metrics::new();
        let (trigger, shutdown) = Shutdown::manual();
        let task = tokio::spawn(admin.serve(metrics.clone(), readiness.clone(), async move {
            shutdown.requested().await;
        }));
        Served {
            url,
            readiness,
            metrics,
            trigger,
            task,
        }
    }

    async fn read(url: String) -> (u16, String, String) {
        crate::process::tls::install_provider();
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let response = client.get(url).send().await.expect("an answer");
        let kind = response
            .headers()
            .get("content-type")
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        (
            response.status().as_u16(),
            kind.unwrap_or_default(),
            response.text().await.expect("a body"),
        )
    }

    #[tokio::test]
    async fn ready_only_while_everything_awaited_is_met() {
        let served = served().await;
        let readyz = format!("{}/readyz", served.url);

        let (status, _, body) = read(readyz.clone()).await;
        assert_eq!(
            (status, body.as_str()),
            (503, "waiting for: definitions, watch\n")
        );

        served.readiness.met("definitions");
        let (status, _, body) = read(readyz.clone()).await;
        assert_eq!((status, body.as_str()), (503, "waiting for: watch\n"));

        served.readiness.met("watch");
        assert_eq!(read(readyz.clone()).await.0, 200);

        served.readiness.lost("watch");
        assert_eq!(read(readyz).await.0, 503);
    }

    #[tokio::test]
    async fn alive_from_the_start_and_metrics_have_their_content_type() {
        let served = served().await;
        served.metrics.claimed();

        let (status, _, _) = read(format!("{}/healthz", served.url)).await;
        assert_eq!(status, 200);
        let (status, kind, body) = read(format!("{}/metrics", served.url)).await;
        assert_eq!((status, kind.as_str()), (200, OPENMETRICS));
        assert!(body.contains("vmrestore_claims_total 1"), "{body}");
        assert_eq!(read(format!("{}/debug", served.url)).await.0, 404);
    }

    #[tokio::test]
    async fn serving_ends_when_it_is_asked_to() {
        let served = served().await;

        served.trigger.start();

        served
            .task
            .await
            .expect("no panic")
            .expect("an orderly end");
    }

    #[tokio::test]
    async fn a_client_that_never_finishes_its_request_does_not_hold_up_the_end() {
        use tokio::io::AsyncWriteExt;
        let served = served().await;
        let address = served.url.trim_start_matches("http://").to_owned();
        let mut client = tokio::net::TcpStream::connect(address).await.expect("open");
        client
            .write_all(b"GET /healthz HTTP/1.1\r\nho")
            .await
            .expect("sent");
        // Connections are accepted in order: after this answer the first one has been accepted too.
        read(format!("{}/healthz", served.url)).await;

        served.trigger.start();

        served
            .task
            .await
            .expect("no panic")
            .expect("an orderly end");
    }

    #[tokio::test]
    async fn a_taken_address_names_the_flag_to_change() {
        let first = Admin::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port");

        let error = Admin::bind(first.local_addr()).await.expect_err("taken");

        assert!(error.to_string().contains("--listen"), "{error}");
    }
}
