//! One request as the emulator sees it, and its answer.

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, request};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

/// Characters that an address cannot hold as they are. `;` stays: the real service writes it raw.
const IN_ADDRESS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'#')
    .add(b'?')
    .add(b'{')
    .add(b'}')
    .add(b'%')
    .add(b'\\')
    .add(b'^')
    .add(b'|');
/// Characters that a query value cannot hold as they are.
const IN_QUERY: &AsciiSet = &IN_ADDRESS
    .add(b'&')
    .add(b'+')
    .add(b'=')
    .add(b'/')
    .add(b'\'');

static NO_BODY: LazyLock<Value> = LazyLock::new(|| Value::Null);

/// A request, with path and query decoded.
#[derive(Debug)]
pub struct Call {
    pub method: Method,
    /// `http` or `https`: how the client came.
    pub scheme: &'static str,
    pub host: String,
    /// Decoded, without empty ones: double and trailing slashes do not count.
    pub segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    pub body: Bytes,
    json: Option<Value>,
}

impl Call {
    pub fn new(parts: request::Parts, body: Bytes, scheme: &'static str) -> Self {
        let host = header_of(&parts.headers, "host")
            .map(str::to_owned)
            .or_else(|| parts.uri.authority().map(ToString::to_string))
            .unwrap_or_else(|| "127.0.0.1".into());
        let segments = parts
            .uri
            .path()
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decode)
            .collect();
        let query = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (
                    decode(&key.replace('+', " ")),
                    decode(&value.replace('+', " ")),
                )
            })
            .collect();
        let json = serde_json::from_slice(&body).ok();
        Self {
            method: parts.method,
            scheme,
            host,
            segments,
            query,
            headers: parts.headers,
            body,
            json,
        }
    }

    /// A query parameter, by name without regard to case.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_of(&self.headers, name)
    }

    pub fn api_version(&self) -> &str {
        self.query("api-version").unwrap_or_default()
    }

    pub fn client_request_id(&self) -> Option<&str> {
        self.header("x-ms-client-request-id")
            .filter(|id| !id.is_empty())
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> &Value {
        self.json.as_ref().unwrap_or(&NO_BODY)
    }

    /// Scheme and host that the client used, without a trailing slash.
    pub fn base(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }

    /// The decoded path of the first `count` segments, in the case of the request, as Azure echoes it.
    pub fn path_to(&self, count: usize) -> String {
        self.segments
            .iter()
            .take(count)
            .fold(String::new(), |path, segment| path + "/" + segment)
    }

    pub fn path(&self) -> String {
        self.path_to(self.segments.len())
    }
}

/// An answer before the headers that every answer has.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
        }
        .with("content-type", "application/json")
    }

    pub fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// Adds a header; one that cannot be written is left out.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub fn set(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
    }

    pub fn add(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            self.headers.append(name, value);
        }
    }

    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// A path as it stands in an address: `;` raw, what cannot stand there encoded.
pub fn address_path(path: &str) -> String {
    utf8_percent_encode(path, IN_ADDRESS).to_string()
}

/// A value as it stands in a query.
pub fn query_value(value: &str) -> String {
    utf8_percent_encode(value, IN_QUERY).to_string()
}

/// Reads a form or query string.
pub fn form(body: &[u8]) -> Vec<(String, String)> {
    String::from_utf8_lossy(body)
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| {
            (
                decode(&key.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

fn header_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
