//! Faults that tests order: which request, the how-manieth, and what happens to it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::{Call, Reply};
use crate::operation::Operation;
use crate::scenario::RestoreBehaviour;
use crate::wire::http_date;
use crate::world::add;

/// The rules in force. The first one that matches a request, and is due, decides about it.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Rule>>);

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    r#match: Match,
    /// The first request that it applies to, counted from 1 among those that match.
    #[serde(default = "first")]
    nth: u64,
    /// How many requests in a row it applies to; 0 = all from then on.
    #[serde(default = "first")]
    count: u64,
    action: Action,
    /// Requests that have matched so far.
    #[serde(default, skip_deserializing)]
    seen: u64,
    /// Requests that it has been applied to so far.
    #[serde(default, skip_deserializing)]
    applied: u64,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Match {
    method: Option<String>,
    /// Name of an operation, as in `requests`: `TriggerRestore`.
    operation: Option<String>,
    /// Part of the decoded path, in any case.
    path: Option<String>,
    /// Part of the decoded `$filter`, in any case.
    filter: Option<String>,
    client_request_id: Option<String>,
}

/// What happens to a request.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Action {
    /// Whether `delay`, `reset` and `answer` come before or after the request has had its effect.
    pub when: When,
    /// Waits so long, in emulator time.
    pub delay: Option<SignedDuration>,
    /// Closes the connection without an answer.
    pub reset: bool,
    /// Answers this instead.
    pub answer: Option<Answer>,
    pub drop_headers: Vec<String>,
    pub set_headers: BTreeMap<String, String>,
    /// Sends so many bytes of the body, then closes the connection. Content-Length promises all of them.
    pub truncate_body: Option<usize>,
    pub empty_body: bool,
    /// A web page instead of the body, as from a proxy in between; the status stays.
    pub html: bool,
    /// Fields of a restore's behaviour, as in a scenario, for the restore that this request starts.
    pub restore: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    #[default]
    BeforeEffect,
    AfterEffect,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Answer {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Sets `Retry-After` to the HTTP date that is so far ahead on the emulator's clock.
    #[serde(default)]
    pub retry_after_date: Option<SignedDuration>,
    /// An object is sent as JSON, a string as it is.
    #[serde(default)]
    pub body: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    rules: Vec<Rule>,
}

impl Faults {
    /// Replaces all rules.
    ///
    /// # Errors
    /// What cannot be understood, as text.
    pub fn replace(&self, body: &[u8]) -> Result<usize, String> {
        let rules: Rules = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        for rule in &rules.rules {
            rule.check()?;
        }
        let count = rules.rules.len();
        *self.lock() = rules.rules;
        Ok(count)
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The rules, each with what it has seen.
    pub fn shown(&self) -> Value {
        json!({ "rules": *self.lock() })
    }

    /// Counts a request and says what is to happen to it.
    pub fn decide(&self, call: &Call, operation: Operation) -> Option<Action> {
        let mut decided = None;
        for rule in self.lock().iter_mut() {
            if !rule.r#match.fits(call, operation) {
                continue;
            }
            rule.seen += 1;
            let due =
                rule.seen >= rule.nth && (rule.count == 0 || rule.seen < rule.nth + rule.count);
            if due && decided.is_none() {
                rule.applied += 1;
                decided = Some(rule.action.clone());
            }
        }
        decided
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        if self.nth == 0 {
            return Err("nth counts from 1".into());
        }
        if let Some(name) = &self.r#match.operation
            && !crate::ledger::is_operation(name)
        {
            return Err(format!("there is no operation {name}"));
        }
        if let Some(changes) = &self.action.restore {
            RestoreBehaviour::default().changed(changes)?;
        }
        if self
            .action
            .answer
            .as_ref()
            .is_some_and(|answer| !(100..=599).contains(&answer.status))
        {
            return Err("an answer's status is from 100 to 599".into());
        }
        Ok(())
    }
}

impl Match {
    fn fits(&self, call: &Call, operation: Operation) -> bool {
        let is = |wanted: &Option<String>, value: &str| {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        let has = |wanted: &Option<String>, value: &str| {
            wanted
                .as_ref()
                .is_none_or(|wanted| value.to_lowercase().contains(&wanted.to_lowercase()))
        };
        is(&self.method, call.method.as_str())
            && is(&self.operation, operation.name())
            && has(&self.path, &call.path())
            && has(&self.filter, call.query("$filter").unwrap_or_default())
            && is(
                &self.client_request_id,
                call.client_request_id().unwrap_or_default(),
            )
    }
}

impl Answer {
    /// The answer, given at `now` on the emulator's clock.
    pub fn reply(&self, now: Timestamp) -> Reply {
        let status = axum::http::StatusCode::from_u16(self.status)
            .unwrap_or(axum::http::StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = match &self.body {
            Value::Null => Reply::empty(status),
            Value::String(text) => Reply {
                body: text.clone().into(),
                ..Reply::empty(status)
            },
            other => Reply::json(status, other),
        };
        for (name, value) in &self.headers {
            reply.set(name, value);
        }
        if let Some(span) = self.retry_after_date {
            reply.set("Retry-After", &http_date(add(now, span)));
        }
        reply
    }
}

impl Action {
    /// Changes an answer that is on its way out.
    pub fn spoil(&self, reply: &mut Reply) {
        if self.html {
            reply.set("content-type", "text/html");
            reply.body =
                "<!DOCTYPE html><html><body><h1>Service Unavailable</h1></body></html>".into();
        }
        if self.empty_body {
            reply.body = axum::body::Bytes::new();
        }
        for name in &self.drop_headers {
            reply.headers.remove(name.as_str());
        }
        for (name, value) in &self.set_headers {
            reply.set(name, value);
        }
    }
}

fn first() -> u64 {
    1
}
