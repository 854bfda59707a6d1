//! The status of a `VmRestore` as the API server stores it.
//!
//! A status may come from a newer version of the controller, from a backup, or from somebody's hand. It stays JSON until it
//! is read, so that an unreadable one neither stops the watch nor gets lost.

use std::borrow::Cow;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::restore_status::VmRestoreStatus;

/// A stored status, not understood yet. Its schema is that of [`VmRestoreStatus`].
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct StoredStatus(pub Value);

/// A stored status that this version cannot understand.
#[derive(Debug, thiserror::Error)]
#[error("cannot understand the stored status: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

impl StoredStatus {
    /// What the status says; an absent one (`null`) reads as the default.
    ///
    /// # Errors
    /// [`Unreadable`] if a field has a wrong type or a phase or attempt state is unknown.
    pub fn read(&self) -> Result<VmRestoreStatus, Unreadable> {
        VmRestoreStatus::read(&self.0)
    }

    /// This status with the fields of `status` in place of its own. Fields that this version does not know stay,
    /// also inside of nested objects and of attempts (matched by number); all other lists are replaced.
    #[must_use]
    pub fn overlaid_with(&self, status: &VmRestoreStatus) -> Self {
        let written = serde_json::to_value(status).expect("a status has string keys only");
        Self(overlay(&KNOWN_FIELDS, &self.0, written))
    }

    /// This status with only the given top-level fields replaced: what may be written over a status that cannot be understood.
    #[must_use]
    pub fn with_fields(&self, fields: Map<String, Value>) -> Self {
        let mut stored = self.0.as_object().cloned().unwrap_or_default();
        stored.extend(fields);
        Self(Value::Object(stored))
    }
}

impl VmRestoreStatus {
    /// Reads a stored status; `null` reads as the default.
    ///
    /// # Errors
    /// [`Unreadable`] if a field has a wrong type or a phase or attempt state is unknown.
    pub fn read(stored: &Value) -> Result<Self, Unreadable> {
        match stored {
            Value::Null => Ok(Self::default()),
            other => Ok(Self::deserialize(other)?),
        }
    }
}

impl JsonSchema for StoredStatus {
    fn schema_name() -> Cow<'static, str> {
        VmRestoreStatus::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        VmRestoreStatus::json_schema(generator)
    }
}

/// The schema of the status with everything inlined: says at each level which fields this version knows.
static KNOWN_FIELDS: LazyLock<Value> = LazyLock::new(|| {
    let settings =
        schemars::generate::SchemaSettings::openapi3().with(|s| s.inline_subschemas = true);
    settings
        .into_generator()
        .into_root_schema_for::<VmRestoreStatus>()
        .to_value()
});

fn overlay(schema: &Value, stored: &Value, written: Value) -> Value {
    let known = schema.get("properties").and_then(Value::as_object);
    match (known, stored, written) {
        (Some(known), Value::Object(stored), Value::Object(mut written)) => {
            let mut result = stored.clone();
            for (field, field_schema) in known {
                match (written.remove(field), stored.get(field)) {
                    (Some(new), Some(old)) => {
                        result.insert(field.clone(), overlay(field_schema, old, new));
                    }
                    (Some(new), None) => {
                        result.insert(field.clone(), new);
                    }
                    (None, _) => {
                        result.remove(field);
                    }
                }
            }
            Value::Object(result)
        }
        (_, Value::Array(stored), Value::Array(written)) => {
            let element = schema.get("items").unwrap_or(&Value::Null);
            let counterpart = |new: &Value| {
                let number = new.get("number")?;
                stored.iter().find(|old| old.get("number") == Some(number))
            };
            let merged = written.into_iter().map(|new| match counterpart(&new) {
                Some(old) => overlay(element, old, new),
                None => new,
            });
            Value::Array(merged.collect())
        }
        (_, _, written) => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_status_reads_as_the_default() {
        assert_eq!(
            StoredStatus(Value::Null).read().unwrap(),
            VmRestoreStatus::default()
        );
        assert_eq!(
            StoredStatus(json!({"observedGeneration": -1}))
                .read()
                .unwrap(),
            VmRestoreStatus::default()
        );
    }

    #[test]
    fn unknown_phase_and_wrong_type_are_unreadable() {
        assert!(StoredStatus(json!({"phase": "Dreaming"})).read().is_err());
        assert!(
            StoredStatus(json!({"attempts": [{"number": "one"}]}))
                .read()
                .is_err()
        );
        assert!(StoredStatus(json!("lost")).read().is_err());
    }

    #[test]
    fn fields_of_a_newer_version_survive_a_write() {
        let stored = StoredStatus(json!({
            "phase": "Running", "waves": 3, "message": "old",
            "job": {"id": "j", "carbon": "4 g", "status": "InProgress", "properties": {"Job Type": "Recover disks"}},
            "attempts": [{"number": 1, "colour": "red"}, {"number": 2, "colour": "blue"}],
        }));
        let mut status = stored.read().unwrap();
        status.message = None;
        status.attempts.remove(0);
        let job = status.job.as_mut().unwrap();
        job.status = Some("Completed".into());
        job.properties.clear();

        let written = stored.overlaid_with(&status).0;

        assert_eq!(written["waves"], 3);
        assert_eq!(written["job"]["carbon"], "4 g");
        assert_eq!(written["job"]["status"], "Completed");
        assert_eq!(written["job"].get("properties"), None);
        assert_eq!(written.get("message"), None);
        assert_eq!(written["attempts"].as_array().unwrap().len(), 1);
        assert_eq!(written["attempts"][0]["colour"], "blue");
    }

    #[test]
    fn status_that_nobody_understands_keeps_all_but_the_given_fields() {
        let stored = StoredStatus(json!({"phase": "Dreaming", "attempts": "none"}));
        let phase = Map::from_iter([("phase".to_owned(), json!("Blocked"))]);

        assert_eq!(
            stored.with_fields(phase).0,
            json!({"phase": "Blocked", "attempts": "none"})
        );
    }
}
