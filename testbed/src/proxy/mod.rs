//! A proxy between the controller and the API server that writes down every request and can make trouble.
//!
//! It listens on plain HTTP on loopback and forwards to the API server over HTTPS, watches as a stream. A test can lose,
//! hold or answer single requests ([`Rule`]), cut all watches, and be away altogether. Watches and events are
//! no boundaries of a restore: they are counted, but not numbered.

mod listener;
mod route;
mod trouble;

pub use route::route_of;
pub use trouble::{Asked, Exchange, InForce, Moment, Rule, Trouble, Which};

use crate::TestbedError;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

/// The largest request that is forwarded; etcd itself takes 1.5 MB.
const BODY_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// A running proxy. Dropping it ends it.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    away: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    upstream: String,
    http: reqwest::Client,
    book: Mutex<Book>,
    rules: trouble::Rules,
    /// Rises each time that the watches are cut.
    cuts: watch::Sender<u32>,
}

#[derive(Default)]
struct Book {
    asked: Vec<Asked>,
    counts: BTreeMap<(String, String), u32>,
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
            rules: trouble::Rules::default(),
            cuts: watch::Sender::new(0),
        });
        let (away, is_away) = watch::channel(false);
        let task = tokio::spawn(listener::serve(socket, address, is_away, shared.clone()));
        Ok(Self {
            url: format!("http://{address}"),
            shared,
            away,
            task,
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every request that is a boundary, in order.
    pub fn seen(&self) -> Vec<Exchange> {
        let book = self.shared.book();
        let exchanges = book.asked.iter().filter_map(|asked| asked.exchange.clone());
        exchanges.collect()
    }

    /// Every request, in order, also watches and events.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.book().asked.clone()
    }

    /// Makes trouble from now on.
    pub fn rule(&self, rule: Rule) -> InForce {
        self.shared.rules.add(rule)
    }

    /// Stops at this request, once: it gets no answer, and the receiver learns that it came.
    pub fn stop_at(&self, at: Exchange, moment: Moment) -> oneshot::Receiver<()> {
        let (reached, receiver) = oneshot::channel();
        let stop = self.rule(Rule::new(Which::exchange(at), Trouble::Held(moment)));
        tokio::spawn(async move {
            stop.reached(1).await;
            // Without a receiver nobody waits for this stop any more; the request stays unanswered all the same.
            let _ = reached.send(());
        });
        receiver
    }

    /// Forwards everything from now on; what is held stays held.
    pub fn pass_everything(&self) {
        self.shared.rules.clear();
    }

    /// Ends every watch in the middle, as a load balancer does.
    pub fn cut_watches(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Refuses connections, and ends those that stand, until it is told to be there again.
    pub fn be_away(&self, away: bool) {
        self.away.send_replace(away);
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
        parts: &Parts,
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

    /// What the controller gets; nothing if the connection is to be closed.
    async fn pass(&self, parts: Parts, body: Body) -> Option<Response> {
        let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
            return Some(StatusCode::PAYLOAD_TOO_LARGE.into_response());
        };
        let asked = self.book().note(&parts, body.clone());
        let Some((trouble, rule)) = self.rules.decide(&asked) else {
            return Some(self.answer(&parts, body, asked.is_watch()).await);
        };
        let moment = trouble.moment();
        let mut done = None;
        if moment == Moment::After {
            // Whatever the server answers, it has answered: only then has the request had its effect.
            done = Some(self.whole_answer(&parts, body.clone()).await);
        }
        rule.apply();
        match trouble {
            Trouble::Lost(_) => None,
            Trouble::Answered(_, status) => Some(refusal(status)),
            Trouble::Held(_) => {
                rule.released().await;
                match done {
                    Some(answer) => Some(answer),
                    None => Some(self.answer(&parts, body, asked.is_watch()).await),
                }
            }
        }
    }

    async fn answer(&self, parts: &Parts, body: Bytes, is_watch: bool) -> Response {
        let cuts = is_watch.then(|| self.cuts.subscribe());
        match self.forward(parts, body).await {
            Ok(answer) => streamed(answer, cuts),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    }

    async fn whole_answer(&self, parts: &Parts, body: Bytes) -> Response {
        let failed = || StatusCode::BAD_GATEWAY.into_response();
        let Ok(answer) = self.forward(parts, body).await else {
            return failed();
        };
        let (status, headers) = (answer.status(), end_to_end(answer.headers()));
        let Ok(bytes) = answer.bytes().await else {
            return failed();
        };
        (status, headers, bytes).into_response()
    }
}

impl Book {
    /// Writes a request down, with its number if it is a boundary.
    fn note(&mut self, parts: &Parts, body: Bytes) -> Asked {
        let method = parts.method.as_str();
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        let exchange = route_of(path, query).map(|route| {
            let key = (method.to_owned(), route.clone());
            let count = self.counts.entry(key).or_default();
            *count += 1;
            Exchange {
                method: method.to_owned(),
                route,
                ordinal: *count,
            }
        });
        let asked = Asked {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            body,
            exchange,
        };
        self.asked.push(asked.clone());
        asked
    }
}

/// An error as the API server writes it.
fn refusal(status: u16) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = match status {
        409 => "Conflict",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "as ordered", "reason": reason, "code": status,
    });
    let mut response = axum::Json(body).into_response();
    *response.status_mut() = code;
    if status == 429 {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}

/// The answer, chunk by chunk as it comes: a watch never ends by itself, but with the next cut.
fn streamed(answer: reqwest::Response, cuts: Option<watch::Receiver<u32>>) -> Response {
    let (status, headers) = (answer.status(), end_to_end(answer.headers()));
    let chunks = futures::stream::try_unfold((answer, cuts), async |(mut answer, mut cuts)| {
        let cut = async {
            match &mut cuts {
                Some(cuts) => drop(cuts.changed().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            chunk = answer.chunk() => {
                let chunk = chunk.map_err(std::io::Error::other)?;
                Ok(chunk.map(|chunk| (chunk, (answer, cuts))))
            }
            () = cut => Err(std::io::Error::other("cut")),
        }
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

    fn a_get(path: &str) -> Parts {
        let request = axum::http::Request::get(path).body(());
        request.unwrap().into_parts().0
    }

    #[test]
    fn boundaries_are_numbered_by_method_and_route() {
        let mut book = Book::default();

        for path in ["/a", "/b", "/a", "/api/v1/pods?watch=true"] {
            book.note(&a_get(path), Bytes::new());
        }

        let numbered: Vec<_> = book
            .asked
            .iter()
            .map(|asked| asked.exchange.clone())
            .collect();
        assert_eq!(numbered[2].as_ref().unwrap().to_string(), "GET /a #2");
        assert!(numbered[3].is_none() && book.asked[3].is_watch());
    }
}
