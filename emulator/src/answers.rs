//! The answers that were given, one of every shape, written to a file: for holding them against Microsoft's OpenAPI when
//! a test run has ended.
//!
//! Two answers of one operation, api-version and status have the same shape if they differ in nothing but digits, ids
//! and how often a list's entries repeat. What a fault has spoilt is not the emulator's own answer and is not kept, and
//! no secret is.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Call, Reply};
use crate::ledger::is_secret_name;
use crate::operation::Operation;

/// A file of answers, one JSON object in a line.
#[derive(Debug)]
pub struct Answers(Mutex<Book>);

#[derive(Debug)]
struct Book {
    file: File,
    shapes: HashSet<u64>,
}

impl Answers {
    /// Makes a file with a name of its own in the folder, which is made if it is absent.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let name = format!("{}.jsonl", Uuid::new_v4().simple());
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(folder.join(name))?;
        Ok(Self(Mutex::new(Book {
            file,
            shapes: HashSet::new(),
        })))
    }

    /// Writes the answer down if it is the first of its shape.
    pub fn keep(&self, call: &Call, operation: Operation, reply: &Reply) {
        // An answer with a token is all secret.
        if operation == Operation::GetToken {
            return;
        }
        let body = if reply.body.is_empty() {
            Value::Null
        } else {
            match serde_json::from_slice(&reply.body) {
                Ok(body) => hidden(body),
                Err(_) => "[not JSON]".into(),
            }
        };
        let version = call.api_version();
        let status = reply.status.as_u16();
        let mut hasher = DefaultHasher::new();
        (operation, version, status, shape(&body).to_string()).hash(&mut hasher);
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !book.shapes.insert(hasher.finish()) {
            return;
        }
        let line = json!({
            "operation": operation.name(), "method": call.method.as_str(), "path": call.path(), "version": version,
            "status": status, "body": body,
        });
        // One write for one line: the process may be killed at any moment.
        if let Err(error) = book.file.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "cannot keep an answer");
        }
    }
}

/// The body with secret texts replaced; other than in the ledger, what is no text keeps its type.
fn hidden(body: Value) -> Value {
    match body {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| {
                let value = match value {
                    Value::String(_) if is_secret_name(&key) => "[redacted]".into(),
                    value => hidden(value),
                };
                (key, value)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(hidden).collect(),
        Value::String(text) if text.starts_with("eyJ") || text.contains("sig=") => {
            "[redacted]".into()
        }
        other => other,
    }
}

/// What is left of a body without its digits and ids, and with each kind of entry once in a list.
fn shape(body: &Value) -> Value {
    match body {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), shape(value)))
            .collect(),
        Value::Array(items) => {
            let mut kinds: Vec<String> = items.iter().map(|item| shape(item).to_string()).collect();
            kinds.sort();
            kinds.dedup();
            kinds.into()
        }
        Value::String(text) => shape_of_text(text).into(),
        Value::Number(number) if number.is_f64() => 0.5.into(),
        Value::Number(_) => 0.into(),
        other => other.clone(),
    }
}

/// `2021-10-26T04:22:37.82Z` becomes `0-0-0T0:0:0.0Z`, an id in a path `id`.
fn shape_of_text(text: &str) -> String {
    let parts = text.split('/').map(|part| {
        if Uuid::try_parse(part).is_ok() {
            return "id".to_owned();
        }
        let mut short = String::new();
        for letter in part.chars() {
            let letter = if letter.is_ascii_digit() { '0' } else { letter };
            if letter != '0' || !short.ends_with('0') {
                short.push(letter);
            }
        }
        short
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_ids_and_repeated_entries_make_no_other_shape() {
        let one = json!({"value": [{"id": "/a/0010bff7-2ae6-4674-8a68-29e38cc9ae1c", "at": "2021-10-26T04:22:37Z", "n": 1}]});
        let other = json!({"value": [
            {"id": "/a/00000000-0000-4000-8000-000000000001", "at": "2022-01-02T14:00:00Z", "n": 70},
            {"id": "/a/00000000-0000-4000-8000-000000000002", "at": "2022-01-02T14:00:00Z", "n": 9},
        ]});

        assert_eq!(shape(&one), shape(&other));
    }

    #[test]
    fn words_types_and_formats_make_another_shape() {
        let base = json!({"status": "InProgress", "at": "2021-10-26T04:22:37Z", "percent": 1});

        for other in [
            json!({"status": "Completed", "at": "2021-10-26T04:22:37Z", "percent": 1}),
            json!({"status": "InProgress", "at": "2021-10-26T04:22:37.5Z", "percent": 1}),
            json!({"status": "InProgress", "at": "2021-10-26T04:22:37Z", "percent": 1.5}),
            json!({"status": "InProgress", "at": "2021-10-26T04:22:37Z"}),
        ] {
            assert_ne!(shape(&base), shape(&other));
        }
    }

    #[test]
    fn secrets_are_hidden_and_types_kept() {
        let body = json!({"accessTokenString": "abc", "keyAndSecret": {"kekUrl": "u"}, "uri": "https://h/p?sig=x"});

        let kept = hidden(body);

        assert_eq!(
            kept,
            json!({"accessTokenString": "[redacted]", "keyAndSecret": {"kekUrl": "u"}, "uri": "[redacted]"})
        );
    }
}
