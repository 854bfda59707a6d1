//! What was asked of the emulator: every mutating request in order, and how often each operation was called.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

use crate::http::Call;
use crate::operation::{Facts, Operation};

/// Requests that are kept one by one; older ones are only counted.
const LOG_LENGTH: usize = 2000;

/// The truth for every test of "exactly once".
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    entries: Vec<Entry>,
    counts: BTreeMap<&'static str, (Facts, u64)>,
    log: Vec<Value>,
    total: u64,
}

/// One mutating request and what it caused.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub seq: u64,
    pub time: String,
    pub operation: &'static str,
    pub method: String,
    pub path: String,
    pub api_version: String,
    pub client_request_id: Option<String>,
    pub principal: Option<String>,
    pub body: Value,
    pub caused: Option<Caused>,
    /// What the request was answered, before a fault changed it; absent if a fault kept it from taking effect.
    pub status: Option<u16>,
    /// What a fault did to it.
    pub fault: Option<String>,
}

/// What a mutating request brought about.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caused {
    pub operation_id: Option<String>,
    pub job_id: Option<String>,
    pub status: u16,
}

/// What is known about a request when it is written down.
#[derive(Debug, Default)]
pub struct Note {
    pub time: String,
    pub principal: Option<String>,
    pub caused: Option<Caused>,
    pub status: Option<u16>,
    pub fault: Option<String>,
}

impl Ledger {
    /// Counts a request as it comes in.
    pub fn count(&self, operation: Operation) {
        let facts = operation.facts();
        let mut books = self.lock();
        books.total += 1;
        books.counts.entry(facts.name).or_insert((facts, 0)).1 += 1;
    }

    /// Writes a request into the log, and a mutating one into the ledger.
    pub fn note(&self, call: &Call, operation: Operation, note: Note) {
        let mut books = self.lock();
        let line = json!({
            "time": note.time, "operation": operation.name(), "method": call.method.as_str(), "path": call.path(),
            "filter": call.query("$filter"), "apiVersion": call.api_version(),
            "clientRequestId": call.client_request_id(), "principal": note.principal, "status": note.status,
            "fault": note.fault,
        });
        if books.log.len() == LOG_LENGTH {
            books.log.remove(0);
        }
        books.log.push(line);
        let mutating = !matches!(call.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        if mutating && operation != Operation::GetToken {
            let seq = books.entries.len() as u64 + 1;
            books.entries.push(Entry {
                seq,
                time: note.time,
                operation: operation.name(),
                method: call.method.to_string(),
                path: call.path(),
                api_version: call.api_version().to_owned(),
                client_request_id: call.client_request_id().map(str::to_owned),
                principal: note.principal,
                body: redacted(call.json()),
                caused: note.caused,
                status: note.status,
                fault: note.fault,
            });
        }
    }

    pub fn entries(&self) -> Value {
        json!({ "entries": self.lock().entries })
    }

    /// Calls per operation, with method and address.
    pub fn requests(&self) -> Value {
        let books = self.lock();
        let counts: serde_json::Map<String, Value> = books
            .counts
            .iter()
            .map(|(name, (_, count))| ((*name).to_owned(), (*count).into()))
            .collect();
        let operations: Vec<Value> = books
            .counts
            .values()
            .map(|(facts, count)| {
                json!({"name": facts.name, "method": facts.method, "route": facts.template, "count": count})
            })
            .collect();
        json!({"counts": counts, "operations": operations, "total": books.total})
    }

    /// The last requests, one by one.
    pub fn log(&self) -> Value {
        json!({ "requests": self.lock().log })
    }

    /// Forgets the counts and the log; the ledger stays.
    pub fn reset_counts(&self) {
        let mut books = self.lock();
        books.counts.clear();
        books.log.clear();
        books.total = 0;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is an operation of this name, in any case.
pub fn is_operation(name: &str) -> bool {
    Operation::ALL
        .iter()
        .any(|operation| operation.name().eq_ignore_ascii_case(name))
}

/// A request body without secrets.
pub fn redacted(body: &Value) -> Value {
    match body {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                let value = if is_secret_name(key) {
                    "[redacted]".into()
                } else {
                    redacted(value)
                };
                (key.clone(), value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::String(text) if text.starts_with("eyJ") => "[redacted]".into(),
        Value::String(text) if text.contains("sig=") => {
            text.split('?').next().unwrap_or_default().into()
        }
        other => other.clone(),
    }
}

/// Whether what stands under such a name is a secret.
pub fn is_secret_name(key: &str) -> bool {
    let key = key.to_lowercase();
    ["secret", "token", "password", "assertion", "keybackupdata"]
        .iter()
        .any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_reach_the_ledger() {
        let body = json!({"a": {"accessTokenString": "x"}, "b": ["eyJhbGciOi", "https://h/p?sv=1&sig=abc"], "c": 1});

        let kept = redacted(&body);

        assert_eq!(
            kept,
            json!({"a": {"accessTokenString": "[redacted]"}, "b": ["[redacted]", "https://h/p"], "c": 1})
        );
    }
}
