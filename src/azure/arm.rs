//! Sends requests to Azure Resource Manager: the one place for URLs, headers, time-outs, body limits, log lines and
//! metrics. It decides nothing: what an answer means stands in `verdict`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue,
};
use reqwest::{Method, Url};
use uuid::Uuid;

use super::body::{LIMIT_BYTES, whole_body};
use super::clock::{AnyClock, SharedClock};
use super::deadline::{self, DeadlineLayer};
use super::decode;
use super::scrub::Scrubber;
use super::verdict::{Reply, TransportFault, ours};
use super::{AzureMetrics, AzureOptions, SetupError};
use crate::restore::ids::{OperationId, RequestId};
use crate::restore::ports::Deadline;

/// Time for name, TCP and TLS together. Socket time-outs are real time, also under a time scale.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for a read: Azure's gateway gives up at 60 s (observed).
const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// Time for a trigger: above the gateway's 60 s, so that its answer is not lost for want of patience (design 3).
const TRIGGER_TIMEOUT: Duration = Duration::from_secs(100);

/// Characters that stay as they are in a path segment or a query value (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Sends requests for every vault of the process.
pub(super) struct Arm {
    reads: reqwest::Client,
    triggers: reqwest::Client,
    clock: SharedClock,
    metrics: Arc<dyn AzureMetrics>,
    pub(super) scrubber: Arc<Scrubber>,
}

/// One answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    /// What decides.
    pub reply: Reply,
    /// The body; absent if it broke off or was too long.
    pub body: Option<Vec<u8>>,
    /// What the provider says is left of its budget; noisy, and -1 at times.
    pub remaining: Option<i64>,
    /// Azure's own clock.
    pub date: Option<Timestamp>,
    /// What a new token must claim.
    pub claims: Option<String>,
}

impl Arm {
    pub fn new<C>(
        options: &AzureOptions<C>,
        clock: SharedClock,
        scrubber: Arc<Scrubber>,
    ) -> Result<Self, SetupError> {
        let client = |builder: reqwest::ClientBuilder| builder.build().map_err(SetupError::client);
        let triggers = http_builder(&options.user_agent, options.extra_ca_pem.as_deref())?
            .timeout(TRIGGER_TIMEOUT)
            // A pooled connection may be closed at the moment of the send, which tempts clients to send twice.
            .pool_max_idle_per_host(0)
            .connector_layer(DeadlineLayer::new(clock.clone()));
        let reads = http_builder(&options.user_agent, options.extra_ca_pem.as_deref())?
            .timeout(READ_TIMEOUT);
        Ok(Self {
            reads: client(reads)?,
            triggers: client(triggers)?,
            clock,
            metrics: options.metrics.clone(),
            scrubber,
        })
    }

    /// Sends one GET whose answer may have so many bytes.
    pub async fn get(
        &self,
        operation: &'static str,
        url: Url,
        token: &str,
        body_limit_bytes: usize,
    ) -> Result<Answer, TransportFault> {
        let request_id = Uuid::new_v4().to_string();
        let request = self
            .reads
            .request(Method::GET, url)
            .headers(headers(token, &request_id)?);
        self.exchange(operation, &request_id, request, body_limit_bytes)
            .await
    }

    /// Sends one POST, once, unless the deadline passes before the first byte can be written.
    pub async fn post_once(
        &self,
        url: Url,
        token: &str,
        id: RequestId,
        body: Vec<u8>,
        deadline: Deadline,
    ) -> Result<Answer, TransportFault> {
        if !deadline.allows(self.clock.now()) {
            return Err(TransportFault::TooLate);
        }
        let request_id = id.to_string();
        let request = self
            .triggers
            .request(Method::POST, url)
            .headers(headers(token, &request_id)?)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        deadline::within(
            deadline,
            self.exchange("trigger_restore", &request_id, request, LIMIT_BYTES),
        )
        .await
    }

    async fn exchange(
        &self,
        operation: &'static str,
        request_id: &str,
        request: reqwest::RequestBuilder,
        body_limit_bytes: usize,
    ) -> Result<Answer, TransportFault> {
        let begun = Instant::now();
        let mut path = String::new();
        let sent = match request.build_split() {
            (client, Ok(request)) => {
                path = request.url().path().to_owned();
                client.execute(request).await
            }
            (_, Err(error)) => Err(error),
        };
        let result = match sent {
            Ok(response) => Ok(self.answer(response, body_limit_bytes).await),
            Err(error) => Err(self.fault(error)),
        };
        let elapsed = begun.elapsed();
        match &result {
            Ok(answer) => {
                self.metrics
                    .request(operation, Some(answer.reply.status), elapsed);
                tracing::debug!(
                    azure_operation = operation,
                    path,
                    http_status = answer.reply.status,
                    error_code = answer.reply.error.code,
                    request_id,
                    elapsed_ms = elapsed.as_millis(),
                    "Azure answered"
                );
            }
            Err(fault) => {
                self.metrics.request(operation, None, elapsed);
                tracing::debug!(
                    azure_operation = operation,
                    path,
                    fault = match fault {
                        TransportFault::TooLate => "too late",
                        TransportFault::NotConnected(what) | TransportFault::Lost(what) => what,
                    },
                    request_id,
                    elapsed_ms = elapsed.as_millis(),
                    "Azure did not answer"
                );
            }
        }
        result
    }

    async fn answer(&self, mut response: reqwest::Response, body_limit_bytes: usize) -> Answer {
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let body = whole_body(response, body_limit_bytes).await;
        let error = match (status, &body) {
            (200..=299, _) | (_, None) => ours(""),
            (_, Some(body)) => decode::error_text(body, &self.scrubber),
        };
        let date = one(&headers, "date").and_then(http_date);
        let retry_after = match status {
            200..=299 => None,
            _ => retry_after(
                self.clock.as_ref(),
                &headers,
                date.unwrap_or_else(|| self.clock.now().wall),
                &error.message,
            ),
        };
        Answer {
            reply: Reply {
                status,
                error,
                retry_after,
                operation: operation_id(&headers),
                from_gateway: one(&headers, "x-ms-failure-cause")
                    .is_some_and(|cause| cause.eq_ignore_ascii_case("gateway")),
            },
            body,
            remaining: headers
                .get_all("x-ms-ratelimit-remaining-subscription-resource-requests")
                .iter()
                .filter_map(|value| value.to_str().ok()?.trim().parse().ok())
                .min(),
            date,
            claims: one(&headers, "www-authenticate").and_then(claims_challenge),
        }
    }

    fn fault(&self, error: reqwest::Error) -> TransportFault {
        if deadline::passed(&error) {
            return TransportFault::TooLate;
        }
        let connecting = error.is_connect() || error.is_builder();
        let what = self.scrubber.clean(&causes(error));
        if connecting {
            TransportFault::NotConnected(what)
        } else {
            TransportFault::Lost(what)
        }
    }
}

/// A client for Azure: HTTP/1.1, no redirects (a token must not travel), nothing sent twice by itself, a bounded connect.
pub(super) fn http_builder(
    user_agent: &str,
    extra_ca_pem: Option<&[u8]>,
) -> Result<reqwest::ClientBuilder, SetupError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(user_agent)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT);
    if let Some(pem) = extra_ca_pem {
        let certificates =
            reqwest::Certificate::from_pem_bundle(pem).map_err(SetupError::certificate)?;
        if certificates.is_empty() {
            return Err(SetupError::NoCertificate);
        }
        builder = builder.tls_certs_merge(certificates);
    }
    Ok(builder)
}

/// Builds a URL from path segments and query values, each encoded. A segment that Azure has encoded already is not encoded
/// twice.
pub(super) fn url(base: &Url, segments: &[&str], query: &[(&str, &str)]) -> Url {
    let mut text = base.origin().ascii_serialization();
    for segment in segments {
        let plain = percent_decode_str(segment).decode_utf8_lossy();
        // A segment of dots alone would climb the path.
        let encoded = match plain.as_ref() {
            "." | ".." => plain.replace('.', "%252E"),
            _ => utf8_percent_encode(&plain, ENCODED).to_string(),
        };
        text.push('/');
        text.push_str(&encoded);
    }
    for (at, (key, value)) in query.iter().enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        text.push_str(&format!("{key}={}", utf8_percent_encode(value, ENCODED)));
    }
    Url::parse(&text).expect("an origin of a parsed URL with encoded segments and query is a URL")
}

fn headers(token: &str, request_id: &str) -> Result<HeaderMap, TransportFault> {
    let bad = |_| {
        TransportFault::NotConnected(
            "the token cannot stand in a header; nothing was sent".to_owned(),
        )
    };
    let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).map_err(bad)?;
    authorization.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, authorization);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("en-US"));
    headers.insert(
        "x-ms-client-request-id",
        HeaderValue::from_str(request_id).map_err(bad)?,
    );
    Ok(headers)
}

/// The error and what caused it, without its URL, whose query may be signed.
pub(super) fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// The first value of a header.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

/// How long Azure asks to wait: the longest of its headers (milliseconds, seconds, a date), or what the message says
/// (`Please try again after '324' seconds`).
pub(super) fn retry_after(
    clock: &dyn AnyClock,
    headers: &HeaderMap,
    now: Timestamp,
    message: &str,
) -> Option<SignedDuration> {
    /// A wait that nobody means; also keeps later sums in range.
    const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);

    let milliseconds = ["x-ms-retry-after-ms", "retry-after-ms"]
        .into_iter()
        .filter_map(|name| {
            let number: f64 = one(headers, name)?.parse().ok()?;
            let real = SignedDuration::try_from_secs_f64(number / 1000.0).ok()?;
            Some(clock.of_real(real))
        });
    let seconds = one(headers, "retry-after").and_then(|text| match text.parse::<f64>() {
        Ok(number) => SignedDuration::try_from_secs_f64(number)
            .ok()
            .map(|real| clock.of_real(real)),
        Err(_) => http_date(text).map(|date| date.duration_since(now)),
    });
    let told = milliseconds.chain(seconds).max();
    let written = message
        .split_once("after '")
        .and_then(|(_, rest)| rest.split_once("' seconds"))
        .and_then(|(number, _)| number.parse::<u32>().ok())
        .map(|number| SignedDuration::from_secs(i64::from(number)));
    told.max(written)
        .map(|wait| wait.clamp(SignedDuration::ZERO, LONGEST))
}

/// The operation id: the last segment of `Azure-AsyncOperation`, or of `Location` if there is none. Both may be missing,
/// signed, or malformed (CONTRACT 7); the URLs themselves are not kept.
fn operation_id(headers: &HeaderMap) -> Option<OperationId> {
    ["azure-asyncoperation", "location"]
        .into_iter()
        .find_map(|name| {
            let path = one(headers, name)?.split(['?', '#']).next()?;
            let (before, last) = path.trim_end_matches('/').rsplit_once('/')?;
            let id = percent_decode_str(last).decode_utf8().ok()?;
            let plausible = before.contains('/')
                && !id.is_empty()
                && id.len() <= 256
                && !id.contains(char::is_whitespace);
            plausible.then(|| OperationId::new(id))
        })
}

/// The claims that a 401 asks for, decoded from `WWW-Authenticate: Bearer … claims="<base64>"`.
fn claims_challenge(header: &str) -> Option<String> {
    let (_, rest) = header.split_once("claims=\"")?;
    let (encoded, _) = rest.split_once('"')?;
    let bytes = azure_core::base64::decode(encoded)
        .or_else(|_| azure_core::base64::decode_url_safe(encoded))
        .ok()?;
    let claims = String::from_utf8(bytes).ok()?;
    serde_json::from_str::<serde_json::Value>(&claims).ok()?;
    Some(claims)
}

#[cfg(test)]
mod tests {
    use super::super::fakes::FakeClock;
    use super::*;

    fn headers_of(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn segments_are_encoded_once() {
        let base = Url::parse("https://management.azure.com").unwrap();

        for (segment, expected) in [
            (
                "VM;iaasvmcontainerv2;rg;vm",
                "VM%3Biaasvmcontainerv2%3Brg%3Bvm",
            ),
            ("VM%3Brg", "VM%3Brg"),
            ("a/b?c#d", "a%2Fb%3Fc%23d"),
            ("..", "%252E%252E"),
            ("Gruppe ü(1)", "Gruppe%20%C3%BC%281%29"),
            ("NjQ3;==", "NjQ3%3B%3D%3D"),
        ] {
            let url = url(
                &base,
                &["subscriptions", segment],
                &[("api-version", "1"), ("$filter", "a eq 'b'")],
            );
            assert_eq!(
                url.as_str(),
                format!(
                    "https://management.azure.com/subscriptions/{expected}?api-version=1&$filter=a%20eq%20%27b%27"
                )
            );
        }
    }

    #[test]
    fn waits_are_read_from_every_form_and_the_longest_counts() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let clock = FakeClock::default().shared();
        for (pairs, message, expected) in [
            (&[][..], "", None),
            (&[("retry-after", "17")][..], "", Some(17.0)),
            (&[("retry-after", "1.5")], "", Some(1.5)),
            (
                &[("retry-after", "Sun, 22 Nov 2026 10:01:00 GMT")],
                "",
                Some(60.0),
            ),
            (
                &[("retry-after", "Sun, 22 Nov 2026 09:00:00 GMT")],
                "",
                Some(0.0),
            ),
            (&[("x-ms-retry-after-ms", "250")], "", Some(0.25)),
            (
                &[("x-ms-retry-after-ms", "9000"), ("retry-after", "2")],
                "",
                Some(9.0),
            ),
            (&[("retry-after", "-3")], "", Some(0.0)),
            (&[("retry-after", "soon")], "", None),
            (&[("retry-after", "1e300")], "", None),
            (&[], "Please try again after '324' seconds.", Some(324.0)),
        ] {
            let wait = retry_after(clock.as_ref(), &headers_of(pairs), now, message)
                .map(|wait| wait.as_secs_f64());
            assert_eq!(wait, expected, "{pairs:?} {message}");
        }
    }

    #[test]
    fn a_clock_that_runs_faster_waits_as_long_in_real_time() {
        #[derive(Clone)]
        struct Sixty(FakeClock);
        impl crate::restore::ports::Clock for Sixty {
            fn now(&self) -> crate::restore::facts::Now {
                crate::restore::ports::Clock::now(&self.0)
            }
            async fn sleep(&self, _: SignedDuration) {}
            fn real(&self, duration: SignedDuration) -> Duration {
                Duration::try_from(duration).unwrap() / 60
            }
        }
        let clock = Sixty(FakeClock::default());

        let wait = retry_after(
            &clock,
            &headers_of(&[("x-ms-retry-after-ms", "500")]),
            Timestamp::UNIX_EPOCH,
            "",
        );

        assert_eq!(wait, Some(SignedDuration::from_secs(30)));
    }

    #[test]
    fn the_operation_id_is_the_last_segment() {
        let v = "https://management.azure.com/subscriptions/s/x/operationsStatus";
        for (pairs, expected) in [
            (vec![("azure-asyncoperation", format!("{v}/op-1?api-version=1&t=1&s=abc"))], Some("op-1")),
            (vec![("azure-asyncoperation", format!("{v}/NjQ3%3D?x"))], Some("NjQ3=")),
            (vec![("location", "https://management.azure.com/subscriptions//subscriptions/s/operationResults/op-2".to_owned())], Some("op-2")),
            (vec![("azure-asyncoperation", String::new()), ("location", format!("{v}/op-3"))], Some("op-3")),
            (vec![("location", "nonsense".to_owned())], None),
            (vec![], None),
        ] {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(operation_id(&headers_of(&pairs)).as_ref().map(OperationId::as_str), expected, "{pairs:?}");
        }
    }

    #[test]
    fn claims_challenges_are_decoded() {
        let claims = r#"{"access_token":{"nbf":{"essential":true}}}"#;
        let encoded = azure_core::base64::encode(claims);

        let header = format!("Bearer error=\"insufficient_claims\", claims=\"{encoded}\"");

        assert_eq!(claims_challenge(&header).as_deref(), Some(claims));
        assert_eq!(claims_challenge("Bearer claims=\"!\""), None);
        assert_eq!(claims_challenge("Bearer"), None);
    }
}
