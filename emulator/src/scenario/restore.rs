//! What a restore of a VM does.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::catalogue::{self, Known, Place};
use super::shapes::{JobShape, Leaves, PollHeaders};

/// One behaviour for every restore, or a list: the n-th restore takes the n-th, the last one goes on for ever.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum RestoreScript {
    Always(Box<RestoreBehaviour>),
    InTurn(Vec<RestoreBehaviour>),
}

impl Default for RestoreScript {
    fn default() -> Self {
        Self::Always(Box::default())
    }
}

impl RestoreScript {
    /// The behaviour of the restore with this number, counted from 0.
    pub fn nth(&self, number: usize) -> RestoreBehaviour {
        match self {
            Self::Always(behaviour) => behaviour.as_ref().clone(),
            Self::InTurn(all) => all
                .get(number)
                .or_else(|| all.last())
                .cloned()
                .unwrap_or_default(),
        }
    }

    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Always(behaviour) => behaviour.check(),
            Self::InTurn(all) => all.iter().try_for_each(RestoreBehaviour::check),
        }
    }
}

/// What happens after `POST …/restore`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RestoreBehaviour {
    /// Code of an error that Azure is known to give: request, operation or job fail with it, wherever it comes up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The request is refused, nothing starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Failure>,
    pub operation: OperationBehaviour,
    pub outcome: Outcome,
    /// From the job's start to its end.
    pub duration: SignedDuration,
    /// The job is in lists only this long after its start; reading it by its id works at once.
    #[serde(skip_serializing_if = "SignedDuration::is_zero")]
    pub list_delay: SignedDuration,
    /// What a job that failed, or completed with warnings, says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<JobError>,
    pub progress: ProgressSeries,
    /// What is transferred, in GB.
    pub size_gb: f64,
    /// What the job shows as its `activityId`.
    #[serde(skip_serializing_if = "ActivityId::is_request_id")]
    pub activity_id: ActivityId,
    /// How the job is written.
    pub job: JobShape,
    /// What is there after an end that is not `Completed`; absent = what that end is known to leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Leaves>,
    /// LUNs of disks that do not come back although they were asked for; -1 is the OS disk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_luns: Vec<i64>,
}

impl RestoreBehaviour {
    /// The behaviour with its `error` spelt out.
    #[must_use]
    pub fn resolved(mut self) -> Self {
        let known = self.error.take().and_then(|code| catalogue::find(&code));
        if let Some(known) = known {
            self.take(known);
        }
        self
    }

    /// Lets a known error come up. Where the scenario says itself how the job ends, it ends so, with this error.
    pub fn take(&mut self, known: &Known) {
        let failure = |status| {
            Some(Failure {
                status,
                code: known.code.to_owned(),
                message: known.text.to_owned(),
            })
        };
        let (outcome, number) = match known.place {
            Place::Request(status) => {
                self.refused = failure(status);
                return;
            }
            Place::Operation => {
                self.operation.fails = failure(409);
                return;
            }
            Place::Failed(number) => (Outcome::Failed, number),
            Place::Warned(number) => (Outcome::CompletedWithWarnings, number),
        };
        if self.outcome == Outcome::Completed {
            self.outcome = outcome;
        }
        self.errors = vec![JobError {
            code: number,
            title: known.code.to_owned(),
            text: known.text.to_owned(),
            recommendations: [known.advice]
                .into_iter()
                .filter(|advice| !advice.is_empty())
                .map(str::to_owned)
                .collect(),
        }];
    }

    /// The behaviour with other values of some fields, given as JSON, spelt out.
    ///
    /// # Errors
    /// What cannot be understood, as text.
    pub fn changed(&self, changes: &serde_json::Value) -> Result<Self, String> {
        let mut merged = serde_json::to_value(self).map_err(|error| error.to_string())?;
        super::edit::merge(&mut merged, changes);
        let changed: Self = serde_json::from_value(merged).map_err(|error| error.to_string())?;
        changed.check()?;
        Ok(changed.resolved())
    }

    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        match &self.error {
            Some(code) if catalogue::find(code).is_none() => {
                Err(format!("no error of restores has the code {code}"))
            }
            _ => Ok(()),
        }
    }
}

impl Default for RestoreBehaviour {
    fn default() -> Self {
        Self {
            error: None,
            refused: None,
            operation: OperationBehaviour::default(),
            outcome: Outcome::Completed,
            duration: SignedDuration::from_mins(3),
            list_delay: SignedDuration::ZERO,
            errors: Vec::new(),
            progress: ProgressSeries::Steps,
            size_gb: 127.0,
            activity_id: ActivityId::RequestId,
            job: JobShape::default(),
            leaves: None,
            missing_luns: Vec::new(),
        }
    }
}

/// Whether Azure fills `activityId` with the client request id of the restore request: it always has, and promises nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ActivityId {
    /// The client request id.
    #[default]
    RequestId,
    /// Another id, which nobody sent.
    Another,
    /// The field is missing.
    Missing,
}

impl ActivityId {
    pub fn is_request_id(&self) -> bool {
        *self == Self::RequestId
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Completed,
    CompletedWithWarnings,
    Failed,
    /// Somebody else cancels the job at its end.
    Cancelled,
    /// The job never ends.
    Hang,
}

/// The asynchronous operation that creates the job.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct OperationBehaviour {
    /// How long it is InProgress; the job exists from its end on.
    pub in_progress: SignedDuration,
    /// It fails instead, and no job is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fails: Option<Failure>,
    /// What `operationResults` says at the end.
    pub result: ResultStatus,
    /// The operation's id is the job's id, as seen since February 2021.
    pub id_is_job_id: bool,
    /// Its record is gone this long after it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vanishes_after: Option<SignedDuration>,
    /// Which addresses the 202 carries.
    pub headers: PollHeaders,
    /// `Location` has `subscriptions//subscriptions/`, as printed in Microsoft's article.
    pub malformed_location: bool,
    /// The addresses carry this api-version instead of the request's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_api_version: Option<String>,
    /// The addresses carry a signature of about 3 kB; absent = as `service.signedPollUrls` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_urls: Option<bool>,
    /// It stays `InProgress` for ever; the job starts all the same.
    pub never_ends: bool,
    /// It says `Succeeded` without naming the job.
    pub names_no_job: bool,
    /// It names the job in a list, with `OperationStatusJobsExtendedInfo`.
    pub lists_job: bool,
    /// No job is made, whatever the operation says.
    pub makes_no_job: bool,
    /// What `status` says while it runs, instead of `InProgress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_as: Option<String>,
    /// What `status` says when it fails, instead of `Failed`: `Canceled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_as: Option<String>,
}

impl Default for OperationBehaviour {
    fn default() -> Self {
        Self {
            in_progress: SignedDuration::from_secs(4),
            fails: None,
            result: ResultStatus::NoContent,
            id_is_job_id: false,
            vanishes_after: None,
            headers: PollHeaders::Both,
            malformed_location: false,
            url_api_version: None,
            signed_urls: None,
            never_ends: false,
            names_no_job: false,
            lists_job: false,
            makes_no_job: false,
            running_as: None,
            failed_as: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ResultStatus {
    /// 204, as recorded.
    NoContent,
    /// 200 with the operation's status, as in the article.
    Ok,
    /// 200 without a body, as recorded of the secondary region.
    OkEmpty,
}

/// An error of Azure: where the request itself is refused, `status` is the HTTP status.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Failure {
    #[serde(default = "conflict")]
    pub status: u16,
    pub code: String,
    pub message: String,
}

/// An entry of a job's `errorDetails`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct JobError {
    pub code: i32,
    pub title: String,
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub recommendations: Vec<String>,
}

/// How `progressPercentage` moves.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ProgressSeries {
    /// 1, 50, 94, 99, 100, as in a recorded restore from the vault tier.
    Steps,
    /// 1 to the end, then 100, as in recorded restores from the snapshot tier.
    Jump,
    /// 1, 0, 50, 91.6, 89.4, 100: recorded, it may go down.
    Down,
}

fn conflict() -> u16 {
    409
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_that_the_scenario_names_stays() {
        let mut warned = RestoreBehaviour {
            outcome: Outcome::CompletedWithWarnings,
            ..RestoreBehaviour::default()
        };

        warned.take(catalogue::find("usererrorskunotavailable").unwrap());

        assert_eq!(warned.outcome, Outcome::CompletedWithWarnings);
        assert_eq!(warned.errors[0].title, "UserErrorSkuNotAvailable");
    }
}
