//! The asynchronous operation of a trigger: it says that the job exists, and its id, never how the restore goes (CONTRACT 7).

use serde_json::Value;

use super::decode::{error_of, field, text, time_of};
use super::gate::Kind;
use super::recovery_points::item_path;
use super::scrub::Scrubber;
use super::session::{Ask, Session};
use super::verdict::{self, Absence};
use super::versions::Area;
use crate::restore::facts::{ErrorText, Operation, OperationStatus, ProtectedItem, VaultError};
use crate::restore::ids::{JobId, OperationId};
use crate::restore::ports::Budget;

impl Session {
    /// One read at the vault, which Azure's own tools use; where it answers 400 or 404, one at the item.
    pub async fn operation_of(
        &self,
        item: &ProtectedItem,
        id: &OperationId,
    ) -> Result<Option<Operation>, VaultError> {
        let at_item = [&item_path(item)[..], &["operationsStatus", id.as_str()]].concat();
        for (operation, below, absence) in [
            (
                "get_vault_operation",
                &["backupOperations", id.as_str()][..],
                Absence::OnNotFoundOrBadRequest,
            ),
            (
                "get_item_operation",
                &at_item[..],
                Absence::OnNotFoundOrBadRequest,
            ),
        ] {
            let ask = Ask {
                operation,
                kind: Kind::Operations,
                area: Area::Operations,
                budget: Budget::Needed,
                below,
                filter: None,
                absence,
            };
            if let Some(body) = self.read(&ask).await? {
                return operation_status(&body, id, &self.arm.scrubber)
                    .map(Some)
                    .ok_or_else(|| verdict::unreadable("the operation has no status"));
            }
        }
        Ok(None)
    }
}

/// An operation's status, or nothing if the body has none.
pub(super) fn operation_status(
    body: &Value,
    id: &OperationId,
    scrubber: &Scrubber,
) -> Option<Operation> {
    let status = field(body, "status")
        .and_then(text)
        .filter(|status| !status.is_empty())?;
    let nothing = Value::Null;
    let properties = field(body, "properties").unwrap_or(&nothing);
    let job = field(properties, "jobId")
        .or_else(|| field(properties, "jobIds").and_then(|ids| ids.get(0)))
        .and_then(text)
        .filter(|job| !job.is_empty());
    let error = field(body, "error")
        .filter(|error| error.is_object())
        .map(|error| error_of(error, scrubber))
        .filter(|error| !error.code.is_empty() || !error.message.is_empty())
        .or_else(|| failed_jobs(properties, scrubber));
    Some(Operation {
        id: id.clone(),
        status: OperationStatus::parse(&scrubber.clean(&status)),
        started: time_of(body, "startTime"),
        ended: time_of(body, "endTime"),
        job: job.map(|job| JobId::new(scrubber.clean(&job))),
        error,
    })
}

/// Why the jobs of an operation that lists several failed: some operations say so here alone (CONTRACT 7).
fn failed_jobs(properties: &Value, scrubber: &Scrubber) -> Option<ErrorText> {
    let failed = field(properties, "failedJobsError")?.as_object()?;
    let said: Vec<String> = failed.values().filter_map(text).take(8).collect();
    (!said.is_empty()).then(|| ErrorText {
        code: String::new(),
        message: scrubber.clean(&said.join("; ")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Option<Operation> {
        operation_status(&body, &OperationId::new("op"), &Scrubber::default())
    }

    #[test]
    fn a_running_operation_has_no_end_and_no_job() {
        let operation = read(json!({
            "id": "op", "name": "op", "status": "InProgress",
            "startTime": "2024-04-28T07:28:38.2093068Z", "endTime": "0001-01-01T00:00:00"
        }))
        .unwrap();

        assert_eq!(operation.status, OperationStatus::InProgress);
        assert_eq!((operation.ended, operation.job), (None, None));
    }

    #[test]
    fn a_done_operation_names_its_job_and_a_failed_one_its_error() {
        let done = read(json!({
            "status": "Succeeded", "endTime": "2024-04-28T07:28:38Z",
            "properties": {"objectType": "OperationStatusJobExtendedInfo", "jobId": "job-1"}
        }))
        .unwrap();
        let failed =
            read(json!({"status": "Failed", "error": {"code": "C", "message": "m"}})).unwrap();

        assert_eq!(done.job, Some(JobId::new("job-1")));
        assert_eq!(failed.error.unwrap().code, "C");
        assert_eq!(read(json!({"name": "op"})), None);
    }

    #[test]
    fn an_operation_may_list_its_jobs_and_why_they_failed() {
        let listed = read(json!({
            "status": "Succeeded",
            "properties": {"objectType": "OperationStatusJobsExtendedInfo", "jobIds": ["job-1"], "failedJobsError": {}}
        }))
        .unwrap();
        let failed = read(json!({
            "status": "Failed", "properties": {"jobIds": [], "failedJobsError": {"job-1": "no space"}}
        }))
        .unwrap();

        assert_eq!(
            (listed.job, listed.error),
            (Some(JobId::new("job-1")), None)
        );
        assert_eq!(failed.job, None);
        assert_eq!(failed.error.unwrap().message, "no space");
    }

    #[test]
    fn an_unknown_status_is_kept_as_it_is() {
        let odd = read(json!({"status": "Preparing", "endTime": "0001-01-01T00:00:00"})).unwrap();

        assert_eq!(odd.status, OperationStatus::Other("Preparing".to_owned()));
    }
}
