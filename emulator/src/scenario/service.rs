//! How the service as a whole answers: quirks, page sizes, throttling.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::ActivityId;

/// How the service as a whole answers: quirks that differ by age and place of the real one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    /// Audiences of tokens that Azure Resource Manager takes, besides the emulator's own addresses.
    pub audiences: Vec<String>,
    pub page_size: PageSize,
    /// Versions below this one show type and status of tiers as numbers (recorded: up to 2021-07-01).
    pub tiers_as_numbers_before: String,
    /// Versions below this one show the actions of a job as numbers (recorded: up to 2022-06-01-preview).
    pub actions_as_numbers_before: String,
    /// Versions below this one show durations as `hh:mm:ss.fffffff`.
    pub colon_durations_before: String,
    /// Versions that are refused as Azure refuses unknown ones.
    pub refused_api_versions: Vec<RefusedVersion>,
    /// `nextLink` carries this version instead of the request's.
    pub next_link_api_version: Option<String>,
    /// A list of jobs may ask for this long a span at most.
    pub longest_job_window: Option<SignedDuration>,
    /// How far back a list of jobs goes that names no dates.
    pub default_job_window: SignedDuration,
    /// What `Retry-After` says on a 202.
    pub retry_after: SignedDuration,
    /// From the cancel request to the job's end.
    pub cancel_takes: SignedDuration,
    /// How long archived points take to be rehydrated.
    pub rehydration: RehydrationTimes,
    /// Answers repeat the client request id twice.
    pub echo_client_request_id_twice: bool,
    /// Poll addresses carry a signature of about 3 kB.
    pub signed_poll_urls: bool,
    /// What jobs of restores that are accepted from now on show as their `activityId`, unless their VM says it.
    pub activity_ids: ActivityId,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            audiences: vec![
                "https://management.azure.com".into(),
                "https://management.core.windows.net".into(),
            ],
            page_size: PageSize::default(),
            tiers_as_numbers_before: "2021-10-01".into(),
            actions_as_numbers_before: "2023-01-01".into(),
            colon_durations_before: "2017-01-01".into(),
            refused_api_versions: Vec::new(),
            next_link_api_version: None,
            longest_job_window: None,
            default_job_window: SignedDuration::from_hours(24),
            retry_after: SignedDuration::from_secs(60),
            cancel_takes: SignedDuration::from_secs(30),
            rehydration: RehydrationTimes::default(),
            echo_client_request_id_twice: false,
            signed_poll_urls: false,
            activity_ids: ActivityId::RequestId,
        }
    }
}

/// How long the rehydration of an archived point takes, by its priority: documented are less than 15 hours and less than one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RehydrationTimes {
    pub standard: SignedDuration,
    pub high: SignedDuration,
}

impl Default for RehydrationTimes {
    fn default() -> Self {
        Self {
            standard: SignedDuration::from_hours(12),
            high: SignedDuration::from_mins(45),
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RefusedVersion {
    pub version: String,
    /// Names of operations (`TriggerRestore`); empty = all.
    #[serde(default)]
    pub operations: Vec<String>,
}

/// Entries on a page of each list.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PageSize {
    pub protected_items: usize,
    pub recovery_points: usize,
    pub jobs: usize,
}

impl Default for PageSize {
    fn default() -> Self {
        Self {
            protected_items: 200,
            recovery_points: 200,
            jobs: 200,
        }
    }
}

/// The two forms of throttling that were observed; both are off unless a scenario switches them on.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Throttling {
    /// Azure Resource Manager's own: a bucket for each subscription and principal that refills all the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Bucket>,
    /// Azure Backup's: so many reads of a kind for each subscription in a window; nothing comes back before it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly: Option<Hourly>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Bucket {
    pub reads: u32,
    pub reads_per_second: f64,
    pub writes: u32,
    pub writes_per_second: f64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            reads: 250,
            reads_per_second: 25.0,
            writes: 200,
            writes_per_second: 10.0,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Hourly {
    /// Lists and single reads of jobs together.
    pub jobs: u32,
    pub operations: u32,
    pub recovery_points: u32,
    pub protected_items: u32,
    pub window: SignedDuration,
    /// Gateways that requests reach in turn; each one counts for itself and shows its own rest.
    pub gateways: u32,
}

impl Default for Hourly {
    fn default() -> Self {
        Self {
            jobs: 150,
            operations: 300,
            recovery_points: 150,
            protected_items: 300,
            window: SignedDuration::from_hours(1),
            gateways: 1,
        }
    }
}
