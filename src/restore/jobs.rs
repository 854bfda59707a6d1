//! Backup jobs in Azure's words, and the listing of a vault's jobs that many runs share (CONTRACT 8).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::facts::{Now, ProtectedItem};
use super::ids::{JobId, RequestId};

/// Status of a backup job (CONTRACT 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobStatus {
    /// It runs.
    InProgress,
    /// Somebody asked Azure to cancel it and it has not ended yet.
    Cancelling,
    /// It ended well.
    Completed,
    /// It ended, but not everything was done. Never a success.
    CompletedWithWarnings,
    /// It failed.
    Failed,
    /// It was cancelled; written with two l.
    Cancelled,
    /// A value that this version does not know: taken as running.
    Other(String),
}

impl JobStatus {
    /// Reads Azure's text, in any letter case.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "inprogress" => Self::InProgress,
            "cancelling" => Self::Cancelling,
            "completed" => Self::Completed,
            "completedwithwarnings" => Self::CompletedWithWarnings,
            "failed" => Self::Failed,
            "cancelled" | "canceled" => Self::Cancelled,
            _ => Self::Other(text.to_owned()),
        }
    }

    /// The text for status and messages.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InProgress => "InProgress",
            Self::Cancelling => "Cancelling",
            Self::Completed => "Completed",
            Self::CompletedWithWarnings => "CompletedWithWarnings",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Other(text) => text,
        }
    }

    /// Whether nothing more will happen.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Completed | Self::CompletedWithWarnings | Self::Failed | Self::Cancelled => true,
            Self::InProgress | Self::Cancelling | Self::Other(_) => false,
        }
    }
}

/// A job as a list shows it: enough to find it and to see it end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSummary {
    /// Its name.
    pub id: JobId,
    /// The client request id of its trigger; empty where Azure leaves it out.
    pub activity_id: String,
    /// `Restore`, `CrossRegionRestore`, ...
    pub operation: String,
    /// Its status.
    pub status: JobStatus,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The VM's name, in any letter case.
    pub entity: String,
    /// `iaasvmcontainerv2;{resourceGroup};{vm}`: the item's container without its prefix; empty before December 2019.
    pub container: String,
}

impl JobSummary {
    /// Whether the job is of this item: by its container where Azure names it, otherwise by the VM's name.
    pub fn is_of(&self, item: &ProtectedItem) -> bool {
        if self.container.is_empty() {
            return self.entity.eq_ignore_ascii_case(item.source.name());
        }
        let container = item.container.to_lowercase();
        container == self.container.to_lowercase()
            || container.ends_with(&format!(";{}", self.container.to_lowercase()))
    }
}

/// A job as a single read shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDetail {
    /// What a list shows too.
    pub summary: JobSummary,
    /// How long it ran by Azure's count.
    pub duration: Option<SignedDuration>,
    /// How long it will still run by Azure's guess.
    pub estimated_remaining: Option<SignedDuration>,
    /// 0 to 100; often 1 until the end, and it may go down.
    pub progress_percent: Option<u8>,
    /// Whether Azure lists `Cancellable`; it stays on ended jobs and so proves nothing.
    pub cancellable: Option<bool>,
    /// Its steps.
    pub tasks: Vec<JobTask>,
    /// Why it failed or warned.
    pub errors: Vec<JobError>,
    /// Azure's display properties, scrubbed; names with their odd spaces trimmed.
    pub properties: BTreeMap<String, String>,
}

impl JobDetail {
    /// What is known of a job when only a list showed it: its summary, beside what an earlier read of the same job said.
    pub fn from_list(summary: JobSummary, known: Option<&Self>) -> Self {
        match known {
            Some(known) => Self {
                summary,
                ..known.clone()
            },
            None => Self {
                summary,
                duration: None,
                estimated_remaining: None,
                progress_percent: None,
                cancellable: None,
                tasks: Vec::new(),
                errors: Vec::new(),
                properties: BTreeMap::new(),
            },
        }
    }
}

/// One step of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobTask {
    /// Display text, such as `Transfer data from vault`.
    pub name: String,
    /// `NotStarted`, `InProgress`, `Completed`, `Failed`, ...
    pub status: String,
    /// 0 to 100.
    pub progress_percent: Option<u8>,
    /// Such as `30 GBs / 30 GBs Transferred`.
    pub details: String,
}

/// One error of a job. The code's name stands in the title (CONTRACT 10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobError {
    /// Azure's number, such as 400048.
    pub code: String,
    /// Such as `UserErrorBCMRestoreStorageAccountNotFound`.
    pub title: String,
    /// The text, in English if Azure follows the header.
    pub message: String,
    /// What Azure recommends.
    pub recommendations: Vec<String>,
}

/// One complete read of a vault's jobs: everything that Azure still lists, or that it listed since the listing before.
///
/// `Arc` inside: a thousand runs share one listing.
#[derive(Debug, Clone)]
pub struct Listing {
    /// When the first request of this listing was about to be sent, on this process's clock.
    pub begun: Now,
    /// The jobs, from this listing and from those before it.
    jobs: Arc<Vec<SeenJob>>,
    /// Where the jobs of each request are, oldest first: every look of every run asks for sixteen ids.
    by_request: Arc<HashMap<RequestId, Vec<usize>>>,
}

/// A job with the listing that showed it last.
#[derive(Debug, Clone)]
pub struct SeenJob {
    /// The job.
    pub job: JobSummary,
    /// When the listing that showed it last was begun.
    pub shown_by_listing_begun: Now,
}

impl Listing {
    /// Takes what a complete listing, every page of it, found.
    pub fn new(begun: Now, jobs: Vec<SeenJob>) -> Self {
        let mut by_request: HashMap<RequestId, Vec<usize>> = HashMap::new();
        for (place, seen) in jobs.iter().enumerate() {
            if let Some(id) = RequestId::of_activity(&seen.job.activity_id) {
                by_request.entry(id).or_default().push(place);
            }
        }
        let age = |place: &usize| (&jobs[*place].job.started, &jobs[*place].job.id);
        for places in by_request.values_mut() {
            places.sort_by(|a, b| age(a).cmp(&age(b)));
        }
        Self {
            begun,
            jobs: Arc::new(jobs),
            by_request: Arc::new(by_request),
        }
    }

    /// The jobs that carry this request id, oldest first.
    pub fn of_request(&self, id: RequestId) -> Vec<&SeenJob> {
        let places = self.by_request.get(&id).into_iter().flatten();
        places.map(|place| &self.jobs[*place]).collect()
    }

    /// The jobs that carry no id at all: Azure did not fill it.
    pub fn without_id(&self) -> impl Iterator<Item = &SeenJob> {
        self.jobs
            .iter()
            .filter(|seen| seen.job.activity_id.trim().is_empty())
    }

    /// The restores of an item that have not ended.
    pub fn restores_in_progress(&self, item: &ProtectedItem) -> impl Iterator<Item = &SeenJob> {
        self.jobs
            .iter()
            .filter(|seen| !seen.job.status.is_terminal() && seen.job.is_of(item))
    }

    /// The job of this name.
    pub fn job(&self, id: &JobId) -> Option<&SeenJob> {
        self.jobs
            .iter()
            .find(|seen| seen.job.id.as_str().eq_ignore_ascii_case(id.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, job};
    use super::super::ids::ArmId;
    use super::*;

    fn an_item() -> ProtectedItem {
        ProtectedItem {
            container: "IaasVMContainer;iaasvmcontainerv2;testRG;testVM".to_owned(),
            name: "VM;iaasvmcontainerv2;testRG;testVM".to_owned(),
            source: ArmId::new("/subscriptions/s/virtualMachines/testVM"),
            protection_state: "Protected".to_owned(),
            soft_deleted: false,
        }
    }

    fn a_job(entity: &str, container: &str) -> JobSummary {
        JobSummary {
            entity: entity.to_owned(),
            container: container.to_owned(),
            ..job(1, "j", JobStatus::InProgress, 0).job
        }
    }

    #[test]
    fn a_job_is_of_the_item_of_its_container_whatever_its_vm_is_called() {
        for (container, expected) in [
            ("iaasvmcontainerv2;testrg;testvm", true),
            ("IaasVMContainer;iaasvmcontainerv2;testRG;testVM", true),
            ("iaasvmcontainerv2;otherrg;testvm", false),
            ("containerv2;testrg;testvm", false),
        ] {
            let same_name = a_job("testvm", container).is_of(&an_item());
            assert_eq!(same_name, expected, "{container}");
        }
        assert!(a_job("another", "iaasvmcontainerv2;testrg;testvm").is_of(&an_item()));
    }

    #[test]
    fn an_old_job_without_a_container_is_of_the_vm_of_its_name() {
        assert!(a_job("TESTVM", "").is_of(&an_item()));
        assert!(!a_job("another", "").is_of(&an_item()));
    }

    #[test]
    fn jobs_without_an_id_are_those_whose_id_is_empty() {
        let mut without = job(1, "without", JobStatus::InProgress, 0);
        without.job.activity_id = " ".to_owned();
        let listing = Listing::new(
            at(0),
            vec![job(1, "with", JobStatus::InProgress, 0), without],
        );

        let names: Vec<_> = listing
            .without_id()
            .map(|seen| seen.job.id.as_str())
            .collect();
        assert_eq!(names, ["without"]);
    }

    #[test]
    fn what_was_read_of_a_job_stays_known_when_only_a_list_shows_it() {
        let mut known = JobDetail::from_list(a_job("testVM", ""), None);
        assert_eq!(known.progress_percent, None);
        known.progress_percent = Some(40);
        let mut ended = a_job("testVM", "");
        ended.status = JobStatus::Completed;

        let detail = JobDetail::from_list(ended, Some(&known));

        assert_eq!(detail.progress_percent, Some(40));
        assert_eq!(detail.summary.status, JobStatus::Completed);
    }
}
