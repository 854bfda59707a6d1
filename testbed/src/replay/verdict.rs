//! The final status of a run beside what was recorded.

use super::made_up::{recorded_point, text};
use super::player::Report;
use super::recording::{Recording, Restore};
use jiff::Timestamp;
use serde_json::Value;

/// What a run has to arrive at.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The phase at the end; absent if the recording ends while the job runs.
    pub phase: Option<&'static str>,
    pub job_status: String,
    pub progress: Option<f64>,
    /// Code and title of each error of the job.
    pub errors: Vec<(String, String)>,
}

impl Expected {
    /// What the last recorded state of a job demands.
    pub fn of(last_job: Option<&Value>) -> Self {
        let properties = last_job
            .map(|job| &job["properties"])
            .unwrap_or(&Value::Null);
        let job_status = text(properties, "status").to_owned();
        let phase = match job_status.as_str() {
            "Completed" => Some("Succeeded"),
            "CompletedWithWarnings" => Some("PartiallySucceeded"),
            "Failed" => Some("Failed"),
            "Cancelled" => Some("Cancelled"),
            _ => None,
        };
        let errors = properties["errorDetails"].as_array().into_iter().flatten();
        Self {
            phase,
            progress: properties
                .pointer("/extendedInfo/progressPercentage")
                .and_then(Value::as_f64),
            errors: errors
                .map(|error| {
                    (
                        error["errorCode"].to_string(),
                        text(error, "errorTitle").to_owned(),
                    )
                })
                .collect(),
            job_status,
        }
    }

    /// Whether a status has arrived: the run is over, or it shows the last recorded state.
    pub fn is_reached(&self, status: &Value) -> bool {
        let finished = status["finished"].as_bool().unwrap_or_default();
        match self.phase {
            Some(_) => finished,
            None => {
                let same_progress = self
                    .progress
                    .is_none_or(|progress| is_progress(status, progress));
                finished || (self.shows_job_status(status) && same_progress)
            }
        }
    }

    fn shows_job_status(&self, status: &Value) -> bool {
        // A recording that ends before its job was read asks only for a job.
        let shown = text(&status["job"], "status");
        if self.job_status.is_empty() {
            !shown.is_empty()
        } else {
            shown == self.job_status
        }
    }
}

/// What differs, a line each; empty if the run ended as recorded.
pub fn differences(
    recording: &Recording,
    restore: &Restore,
    expected: &Expected,
    report: &Report,
    status: &Value,
) -> Vec<String> {
    let mut differences: Vec<String> = Vec::new();
    let mut compare = |what: &str, ours: &str, recorded: &str| {
        if !ours.eq_ignore_ascii_case(recorded) {
            differences.push(format!(
                "{what} is {}, recorded was {recorded}",
                or_nothing(ours)
            ));
        }
    };
    if let Some(phase) = expected.phase {
        compare("phase", text(status, "phase"), phase);
    }
    if let Some(operation) = &restore.operation {
        compare("operation.id", text(&status["operation"], "id"), operation);
    }
    if let Some(job) = &restore.job {
        compare("job.id", text(&status["job"], "id"), job);
    }
    if !expected.job_status.is_empty() {
        compare(
            "job.status",
            text(&status["job"], "status"),
            &expected.job_status,
        );
    }
    compare(
        "recoveryPoint.name",
        text(&status["recoveryPoint"], "name"),
        &restore.recovery_point,
    );
    if let Some(point) = recorded_point(recording, restore, &restore.recovery_point) {
        let recorded = &point["properties"];
        compare(
            "recoveryPoint.type",
            text(&status["recoveryPoint"], "type"),
            text(recorded, "recoveryPointType"),
        );
        let (ours, theirs) = (
            text(&status["recoveryPoint"], "time"),
            text(recorded, "recoveryPointTime"),
        );
        if !same_second(ours, theirs) {
            differences.push(format!(
                "recoveryPoint.time is {}, recorded was {theirs}",
                or_nothing(ours)
            ));
        }
    }
    if let Some(progress) = expected.progress
        && !is_progress(status, progress)
    {
        let ours = status
            .pointer("/job/progressPercent")
            .unwrap_or(&Value::Null);
        differences.push(format!(
            "job.progressPercent is {ours}, recorded was {progress}"
        ));
    }
    let shown = status["job"]["errors"].to_string();
    for (code, title) in &expected.errors {
        if !shown.contains(title.as_str()) && !shown.contains(code.as_str()) {
            differences.push(format!("job.errors does not have {code} {title}"));
        }
    }
    let sent = report.request_id.as_deref().unwrap_or_default();
    let attempts = status["attempts"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if sent.is_empty() {
        differences
            .push("the restore was never sent, or without x-ms-client-request-id".to_owned());
    } else if !attempts
        .iter()
        .any(|attempt| text(attempt, "requestId").eq_ignore_ascii_case(sent))
    {
        differences.push(format!(
            "no attempt in the status has the request id {sent} of the restore"
        ));
    }
    differences.extend(
        report
            .body
            .wrong
            .iter()
            .map(|line| format!("restore request: {line}")),
    );
    differences.extend(
        report
            .unrecorded_writes
            .iter()
            .map(|write| format!("a write that was not recorded: {write}")),
    );
    differences
}

fn is_progress(status: &Value, recorded: f64) -> bool {
    let ours = status
        .pointer("/job/progressPercent")
        .and_then(Value::as_f64);
    ours.is_some_and(|ours| (ours - recorded).abs() <= 1.0)
}

fn same_second(ours: &str, theirs: &str) -> bool {
    match (ours.parse::<Timestamp>(), theirs.parse::<Timestamp>()) {
        (Ok(ours), Ok(theirs)) => {
            ours.duration_since(theirs).abs() < jiff::SignedDuration::from_secs(1)
        }
        _ => ours == theirs,
    }
}

fn or_nothing(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_job_that_still_runs_demands_its_last_state_only() {
        let job = json!({"properties": {"status": "InProgress", "extendedInfo": {"progressPercentage": 50.0}}});

        let expected = Expected::of(Some(&job));

        assert_eq!(expected.phase, None);
        assert!(
            !expected.is_reached(&json!({"job": {"status": "InProgress", "progressPercent": 1}}))
        );
        assert!(
            expected.is_reached(&json!({"job": {"status": "InProgress", "progressPercent": 50}}))
        );
    }

    #[test]
    fn an_ended_job_demands_its_phase_and_its_errors() {
        let job = json!({"properties": {"status": "Failed", "errorDetails": [{"errorCode": 400048, "errorTitle": "Gone"}]}});

        let expected = Expected::of(Some(&job));

        assert_eq!(expected.phase, Some("Failed"));
        assert_eq!(expected.errors, [("400048".to_owned(), "Gone".to_owned())]);
        assert!(expected.is_reached(&json!({"finished": true})));
    }
}
