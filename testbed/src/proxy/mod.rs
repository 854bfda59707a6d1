//! A proxy between the controller and the API server that writes down every request and can stop at one of them.
//!
//! It listens on plain HTTP on loopback and forwards to the API server over HTTPS, watches as a stream. Watches, leases
//! and events are forwarded without being written down: they are no boundaries of a restore.

mod route;

pub use route::route_of;

use crate::TestbedError;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The largest request that is forwarded; etcd itself takes 1.5 MB.
const BODY_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// One request among those that it resembles: the third `GET` of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    pub method: String,
    /// The path with placeholders for names, or the name of an operation.
    pub route: String,
    /// Which one of this method and route, counted from 1.
    pub ordinal: u32,
}

impl std::fmt::Display for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} #{}", self.method, self.route, self.ordinal)
    }
}

/// On which side of its effect a request is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The server never sees it.
    Before,
    /// The server has done it, and nobody is told.
    After,
}

impl Moment {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::Before, Self::After];

    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// A running proxy. Dropping it ends it.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    upstream: String,
    http: reqwest::Client,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    seen: Vec<Exchange>,
    counts: BTreeMap<(String, String), u32>,
    stop: Option<Stop>,
}

struct Stop {
    at: Exchange,
    moment: Moment,
    reached: oneshot::Sender<()>,
}

impl Proxy {
    /// Starts on a free port, in front of the API server at `upstream`, whose CA is in `ca_file`.
    ///
    /// # Errors
    /// If the CA cannot be read or no socket can be opened.
    pub async fn start(upstream: &str, ca_file: &Path) -> Result<Self, TestbedError> {
        crate::install_crypto_provider();
        let pem = std::fs::read(ca_file)
            .map_err(TestbedError::io(format!("read {}", ca_file.display())))?;
        let ca = reqwest::Certificate::from_pem(&pem)
            .map_err(TestbedError::http("read the API server's CA"))?;
        let http = reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(TestbedError::http("make an HTTP client"))?;
        let socket = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(TestbedError::io("listen on loopback"))?;
        let address = socket
            .local_addr()
            .map_err(TestbedError::io("listen on loopback"))?;
        let shared = Arc::new(Shared {
            upstream: upstream.trim_end_matches('/').to_owned(),
            http,
            book: Mutex::default(),
        });
        let routes = Router::new().fallback(pass).with_state(shared.clone());
        let task = tokio::spawn(async move {
            // Serving ends only with the task; a broken connection ends that connection alone.
            let _ = axum::serve(socket, routes).await;
        });
        Ok(Self {
            url: format!("http://{address}"),
            shared,
            task,
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every request that was written down, in order.
    pub fn seen(&self) -> Vec<Exchange> {
        self.shared.book().seen.clone()
    }

    /// Stops at this request, once: it gets no answer, and the receiver learns that it came.
    pub fn stop_at(&self, at: Exchange, moment: Moment) -> oneshot::Receiver<()> {
        let (reached, receiver) = oneshot::channel();
        self.shared.book().stop = Some(Stop {
            at,
            moment,
            reached,
        });
        receiver
    }

    /// Forwards everything from now on.
    pub fn pass_everything(&self) {
        self.shared.book().stop = None;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(
        &self,
        parts: &axum::http::request::Parts,
        body: Bytes,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let mut request = self
            .http
            .request(parts.method.clone(), format!("{}{path}", self.upstream))
            .headers(end_to_end(&parts.headers));
        if !body.is_empty() {
            request = request.body(body);
        }
        request.send().await
    }
}

impl Book {
    /// Writes a request down; returns the stop that is meant for it, if there is one.
    fn note(&mut self, method: &str, route: String) -> Option<Stop> {
        let ordinal = self
            .counts
            .entry((method.to_owned(), route.clone()))
            .and_modify(|count| *count += 1)
            .or_insert(1);
        let exchange = Exchange {
            method: method.to_owned(),
            route,
            ordinal: *ordinal,
        };
        self.seen.push(exchange.clone());
        self.stop.take_if(|stop| stop.at == exchange)
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let query = parts.uri.query().unwrap_or_default();
    let stop = route_of(parts.uri.path(), query)
        .and_then(|route| shared.book().note(parts.method.as_str(), route));
    match stop {
        None => match shared.forward(&parts, body).await {
            Ok(answer) => streamed(answer),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        },
        Some(stop) => {
            if stop.moment == Moment::After {
                // Whatever the server answers, it has answered: only then has the request had its effect.
                if let Ok(answer) = shared.forward(&parts, body).await {
                    let _ = answer.bytes().await;
                }
            }
            // Without a receiver nobody waits for this stop any more; the request stays unanswered all the same.
            let _ = stop.reached.send(());
            std::future::pending().await
        }
    }
}

/// The answer, chunk by chunk as it comes: a watch never ends by itself.
fn streamed(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), end_to_end(answer.headers()));
    let chunks = futures::stream::try_unfold(answer, async |mut answer| {
        Ok::<_, reqwest::Error>(answer.chunk().await?.map(|chunk| (chunk, answer)))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Headers without those that belong to one connection.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    const OF_ONE_CONNECTION: [HeaderName; 5] = [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    let mut kept = headers.clone();
    for name in OF_ONE_CONNECTION {
        kept.remove(name);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_for_one_request_only() {
        let mut book = Book::default();
        let (reached, _receiver) = oneshot::channel();
        book.stop = Some(Stop {
            at: Exchange {
                method: "GET".to_owned(),
                route: "/a".to_owned(),
                ordinal: 2,
            },
            moment: Moment::Before,
            reached,
        });

        let stopped: Vec<bool> = ["GET", "PUT", "GET", "GET"]
            .into_iter()
            .map(|method| book.note(method, "/a".to_owned()).is_some())
            .collect();

        assert_eq!(stopped, [false, false, true, false]);
        assert_eq!(book.seen[2].to_string(), "GET /a #2");
    }
}
