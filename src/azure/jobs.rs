//! Backup jobs: the filter of a listing, and the decoding of list entries and single jobs (CONTRACT 4 and 8).

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::decode::{duration, enum_of, field, percent, text, text_of, time_of};
use super::scrub::Scrubber;
use crate::restore::facts::{JobDetail, JobError, JobStatus, JobSummary, JobTask};
use crate::restore::ids::JobId;

/// `actionsInfo` by number, as older api-versions write it.
const ACTIONS: [&str; 3] = ["Invalid", "Cancellable", "Retriable"];

/// Most tasks, errors, recommendations and properties that are passed on: a status must stay writable.
const LIST_LIMIT: usize = 50;

/// Start times that a request for jobs asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Window {
    /// The filter: restores of every status. The dates are Azure's form, 12-hour clock, UTC, whatever the locale; rounded
    /// outwards to whole seconds.
    pub fn filter(&self) -> String {
        let to = self
            .to
            .saturating_add(SignedDuration::from_secs(1))
            .unwrap_or(self.to);
        format!(
            "operation eq 'Restore' and startTime eq '{}' and endTime eq '{}'",
            azure_date(self.from),
            azure_date(to)
        )
    }
}

/// A time as filters of Azure Backup take it (CONTRACT 4).
pub(super) fn azure_date(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::UTC).datetime();
    let (half, hour) = match time.hour() {
        0 => ("AM", 12),
        hour @ 1..=11 => ("AM", hour),
        12 => ("PM", 12),
        hour => ("PM", hour - 12),
    };
    format!(
        "{:04}-{:02}-{:02} {hour:02}:{:02}:{:02} {half}",
        time.year(),
        time.month(),
        time.day(),
        time.minute(),
        time.second()
    )
}

/// An entry of a list, or what a single read shows of it. `None` without a name or properties.
pub(super) fn summary(job: &Value, scrubber: &Scrubber) -> Option<JobSummary> {
    let properties = field(job, "properties")?;
    let name = field(job, "name")
        .and_then(text)
        .filter(|name| !name.is_empty())
        .or_else(|| {
            let id = text_of(job, "id");
            id.rsplit('/')
                .next()
                .filter(|last| !last.is_empty())
                .map(str::to_owned)
        })?;
    let clean = |name: &str| scrubber.clean(&text_of(properties, name));
    Some(JobSummary {
        id: JobId::new(scrubber.clean(&name)),
        activity_id: clean("activityId"),
        operation: clean("operation"),
        status: JobStatus::parse(&clean("status")),
        started: time_of(properties, "startTime"),
        ended: time_of(properties, "endTime"),
        entity: clean("entityFriendlyName"),
        container: clean("containerName"),
    })
}

/// A job with its details.
pub(super) fn detail(job: &Value, scrubber: &Scrubber) -> Option<JobDetail> {
    let summary = summary(job, scrubber)?;
    let properties = field(job, "properties")?;
    let nothing = Value::Null;
    let more = field(properties, "extendedInfo").unwrap_or(&nothing);
    Some(JobDetail {
        duration: field(properties, "duration").and_then(duration),
        estimated_remaining: field(more, "estimatedRemainingDuration").and_then(duration),
        progress_percent: field(more, "progressPercentage").and_then(percent),
        cancellable: field(properties, "actionsInfo")
            .and_then(Value::as_array)
            .map(|actions| {
                actions
                    .iter()
                    .filter_map(|action| enum_of(action, &ACTIONS))
                    .any(|action| action == "Cancellable")
            }),
        tasks: list(more, "tasksList")
            .map(|entry| task(entry, scrubber))
            .collect(),
        errors: errors(properties, more, scrubber),
        properties: property_bag(more, scrubber),
        summary,
    })
}

fn task(entry: &Value, scrubber: &Scrubber) -> JobTask {
    JobTask {
        name: scrubber.clean(&text_of(entry, "taskId")),
        status: scrubber.clean(&text_of(entry, "status")),
        progress_percent: field(entry, "progressPercentage").and_then(percent),
        details: scrubber.clean(&text_of(entry, "taskExecutionDetails")),
    }
}

/// Why a job failed or warned. Where `errorDetails` is missing the text may stand in `dynamicErrorMessage` alone, which is empty on
/// healthy jobs.
fn errors(properties: &Value, more: &Value, scrubber: &Scrubber) -> Vec<JobError> {
    let errors: Vec<JobError> = list(properties, "errorDetails")
        .map(|entry| job_error(entry, scrubber))
        .collect();
    let message = scrubber.clean(text_of(more, "dynamicErrorMessage").trim());
    if !errors.is_empty() || message.is_empty() {
        return errors;
    }
    vec![JobError {
        code: String::new(),
        title: String::new(),
        message,
        recommendations: Vec::new(),
    }]
}

fn job_error(entry: &Value, scrubber: &Scrubber) -> JobError {
    JobError {
        code: scrubber.clean(&text_of(entry, "errorCode")),
        title: scrubber.clean(&text_of(entry, "errorTitle")),
        message: scrubber.clean(&text_of(entry, "errorString")),
        recommendations: list(entry, "recommendations")
            .filter_map(text)
            .map(|recommendation| scrubber.clean(&recommendation))
            .collect(),
    }
}

/// Display properties. Names lose the odd spaces that some have at their end.
fn property_bag(more: &Value, scrubber: &Scrubber) -> BTreeMap<String, String> {
    let Some(bag) = field(more, "propertyBag").and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    bag.iter()
        .filter_map(|(name, value)| {
            Some((scrubber.clean(name.trim()), scrubber.clean(&text(value)?)))
        })
        .take(LIST_LIMIT)
        .collect()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    field(value, name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(LIST_LIMIT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_are_azures_twelve_hour_clock() {
        for (time, expected) in [
            ("2025-04-06T09:25:04Z", "2025-04-06 09:25:04 AM"),
            ("2025-04-06T00:00:00Z", "2025-04-06 12:00:00 AM"),
            ("2025-04-06T12:00:00Z", "2025-04-06 12:00:00 PM"),
            ("2025-12-31T23:59:59.9Z", "2025-12-31 11:59:59 PM"),
        ] {
            assert_eq!(azure_date(time.parse().unwrap()), expected);
        }
    }

    #[test]
    fn the_filter_asks_for_restores_of_every_status() {
        let window = Window {
            from: "2025-04-06T09:25:04.7Z".parse().unwrap(),
            to: "2025-05-06T09:25:04.2Z".parse().unwrap(),
        };

        assert_eq!(
            window.filter(),
            "operation eq 'Restore' and startTime eq '2025-04-06 09:25:04 AM' and endTime eq '2025-05-06 09:25:05 AM'"
        );
    }

    #[test]
    fn a_failed_job_tells_its_error() {
        let body = json!({
            "name": "j", "properties": {
                "jobType": "AzureIaaSVMJob", "status": "Failed", "operation": "Restore", "actionsInfo": [1],
                "duration": "PT1H41M27.1466778S", "activityId": "a", "startTime": "2021-07-19T10:50:00.1234567Z",
                "endTime": "2021-07-19T12:32:00Z", "entityFriendlyName": "vm", "containerName": "iaasvmcontainerv2;rg;vm",
                "errorDetails": [{
                    "errorCode": 400048, "errorTitle": "UserErrorBCMRestoreStorageAccountNotFound",
                    "errorString": "gone", "recommendations": ["make it again"]
                }],
                "extendedInfo": {
                    "tasksList": [{"taskId": "Transfer data from vault", "status": "Failed", "duration": "PT0S"}],
                    "propertyBag": {"Recovery point time ": "4/28/2024 6:41:00 AM", "Config Blob Uri": "https://a/b?sig=x"},
                    "progressPercentage": 91.6, "estimatedRemainingDuration": "PT0S", "dynamicErrorMessage": ""
                }
            }
        });

        let job = detail(&body, &Scrubber::default()).unwrap();

        assert_eq!(job.summary.status, JobStatus::Failed);
        assert_eq!(job.errors[0].code, "400048");
        assert_eq!(job.errors[0].recommendations, ["make it again"]);
        assert_eq!(job.cancellable, Some(true));
        assert_eq!(job.progress_percent, Some(91));
        assert_eq!(
            job.properties["Recovery point time"],
            "4/28/2024 6:41:00 AM"
        );
        assert_eq!(job.properties["Config Blob Uri"], "https://a/b?[removed]");
        assert_eq!(job.duration.unwrap().as_secs(), 6087);
    }

    #[test]
    fn a_job_comes_in_each_of_its_shapes() {
        let old = json!({"name": "j", "properties": {
            "jobType": "AzureIaaSVMJobV2", "status": "Preparing", "actionsInfo": [0, 2], "duration": "01:41:27.1466778",
            "startTime": "2021-07-19T10:50:00.1234567", "endTime": "0001-01-01T00:00:00",
            "errorDetails": [{"errorCode": "400048"}],
            "extendedInfo": {"tasksList": [], "estimatedRemainingDuration": "00:02:00", "progressPercentage": "7"}
        }});
        let bare = json!({"name": "j", "properties": {"status": "Failed", "actionsInfo": ["Cancellable"],
            "extendedInfo": {"dynamicErrorMessage": "it broke"}}});

        let (old, bare) = [&old, &bare]
            .map(|body| detail(body, &Scrubber::default()).unwrap())
            .into();

        assert_eq!(old.summary.status, JobStatus::Other("Preparing".to_owned()));
        assert_eq!(old.summary.ended, None);
        assert_eq!(
            old.summary.started,
            Some("2021-07-19T10:50:00.1234567Z".parse().unwrap())
        );
        assert_eq!(old.cancellable, Some(false));
        assert_eq!(old.duration.unwrap().as_secs(), 6087);
        assert_eq!(old.estimated_remaining.unwrap().as_secs(), 120);
        assert_eq!(old.progress_percent, Some(7));
        assert_eq!(old.errors[0].code, "400048");
        assert_eq!(
            (bare.cancellable, bare.progress_percent),
            (Some(true), None)
        );
        assert_eq!(bare.errors[0].message, "it broke");
    }

    #[test]
    fn an_entry_without_a_name_or_properties_is_no_job() {
        for body in [
            json!({}),
            json!({"name": "j"}),
            json!({"properties": {}}),
            json!(7),
            json!(null),
        ] {
            assert!(detail(&body, &Scrubber::default()).is_none(), "{body}");
        }
    }
}
