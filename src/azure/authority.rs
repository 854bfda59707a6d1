//! Carries what azure_identity asks of the token authority, over our own client, and keeps what came back: azure_identity's
//! errors do not tell a wrong secret from an authority that cannot be reached.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request};
use futures::future::BoxFuture;
use jiff::SignedDuration;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::AzureMetrics;
use super::arm::{causes, retry_after};
use super::body::{LIMIT_BYTES, whole_body};
use super::clock::SharedClock;

/// Carries azure_identity's request over our client and keeps what came back.
pub(super) struct AuthorityTransport {
    http: reqwest::Client,
    claims: Option<String>,
    clock: SharedClock,
    metrics: Arc<dyn AzureMetrics>,
    seen: Mutex<Option<SeenAuthority>>,
}

/// What came of the last exchange.
pub(super) enum SeenAuthority {
    /// No answer, and why.
    Fault(String),
    /// An answer.
    Answer {
        status: u16,
        wait: Option<SignedDuration>,
        body: Vec<u8>,
    },
}

impl fmt::Debug for AuthorityTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorityTransport")
    }
}

impl HttpClient for AuthorityTransport {
    fn execute_request<'a, 'b, 'c>(
        &'a self,
        request: &'b Request,
    ) -> BoxFuture<'c, azure_core::Result<AsyncRawResponse>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(self.carry(request))
    }
}

impl AuthorityTransport {
    /// For one token, which shall carry these claims if Azure asked for any.
    pub fn new(
        http: reqwest::Client,
        claims: Option<String>,
        clock: SharedClock,
        metrics: Arc<dyn AzureMetrics>,
    ) -> Self {
        Self {
            http,
            claims,
            clock,
            metrics,
            seen: Mutex::default(),
        }
    }

    /// What came of it; `None` if nothing was sent.
    pub fn seen(&self) -> Option<SeenAuthority> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    async fn carry(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut form = match request.body() {
            Body::Bytes(bytes) => bytes.to_vec(),
            Body::SeekableStream(_) => return Err(self.fault("a form was expected".to_owned())),
        };
        if let Some(claims) = &self.claims {
            form.extend_from_slice(
                format!("&claims={}", utf8_percent_encode(claims, NON_ALPHANUMERIC)).as_bytes(),
            );
        }
        let mut sending = self.http.post(request.url().clone());
        for (name, value) in request.headers().iter() {
            sending = sending.header(name.as_str(), value.as_str());
        }
        let begun = Instant::now();
        let sent = sending.body(form).send().await;
        let status = sent
            .as_ref()
            .ok()
            .map(|response| response.status().as_u16());
        self.metrics.request("token", status, begun.elapsed());
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Err(self.fault(causes(error))),
        };
        let status = response.status().as_u16();
        let wait = retry_after(
            self.clock.as_ref(),
            response.headers(),
            self.clock.now().wall,
            "",
        );
        let Some(body) = whole_body(response, LIMIT_BYTES).await else {
            return Err(self.fault("its answer broke off".to_owned()));
        };
        tracing::debug!(
            azure_operation = "token",
            http_status = status,
            "the token authority answered"
        );
        let answer = AsyncRawResponse::from_bytes(
            status.into(),
            Headers::from(HashMap::new()),
            body.clone(),
        );
        self.keep(SeenAuthority::Answer { status, wait, body });
        Ok(answer)
    }

    fn fault(&self, what: String) -> azure_core::Error {
        self.keep(SeenAuthority::Fault(what));
        azure_core::Error::with_message(ErrorKind::Io, "the token authority did not answer")
    }

    fn keep(&self, seen: SeenAuthority) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
}
