//! The odd shapes that operations and jobs are known to have (CONTRACT 7 and 8), to be chosen one by one.

use serde::{Deserialize, Serialize};

/// Which of the two addresses the 202 of a restore carries.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PollHeaders {
    /// `Azure-AsyncOperation` and `Location`, as recorded.
    #[default]
    Both,
    /// `Azure-AsyncOperation` alone.
    AsyncOperation,
    /// `Location` alone.
    Location,
    /// Neither.
    None,
}

/// How a job is written.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct JobShape {
    /// What `status` says while the job runs, instead of `InProgress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_as: Option<String>,
    /// Whether `actionsInfo` is made of names or of numbers.
    pub actions: Actions,
    /// How instants are written.
    pub times: Times,
    /// How durations are written.
    pub durations: Durations,
    /// The other type of job: `AzureIaaSVMJobV2`.
    pub second_type: bool,
    /// Tasks tell when they began and ended.
    pub task_times: bool,
    /// `tasksList` is empty, as in 2017.
    pub no_tasks: bool,
    /// No percentage and no remaining time, as before October 2018.
    pub no_progress: bool,
    /// `errorCode` is text.
    pub error_codes_as_text: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Actions {
    /// As `service.actionsAsNumbersBefore` says.
    #[default]
    ByVersion,
    Names,
    Numbers,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Times {
    /// `2024-04-28T07:28:38.2093068Z`
    #[default]
    Fractions,
    /// `2024-04-28T07:28:38Z`
    Seconds,
    /// `2024-04-28T07:28:38.2093068`, meaning UTC.
    WithoutZone,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Durations {
    /// As `service.colonDurationsBefore` says.
    #[default]
    ByVersion,
    /// `PT1H41M27.1466778S`
    Iso,
    /// `01:41:27.1466778`
    Colons,
}

/// What is there after an end that is not `Completed`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Leaves {
    Nothing,
    /// The disks, but no virtual machine that uses them.
    Disks,
    /// Everything that was asked for.
    Everything,
}
