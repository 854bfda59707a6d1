//! What is known of one run: what its object asks for (`Run`), what was written down about it (`Record`), and what this
//! process alone has seen (`Memory`).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

pub use super::attempt::*;
use super::choose::PointSelector;
use super::facts::{JobDetail, Listing, Now, Operation, RecoveryPoint, TriggerOutcome};
use super::ids::{ArmId, ClaimId, JobId, RecoveryPointName, RunKey};
use super::item_lock::Vacancy;
pub use super::note::*;
use super::options::Options;
use super::request::Target;
use super::standstill::Stillness;

/// One `VmRestore`, read once, in the terms of the deciding side.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its identity; the one in status wins over a computed one.
    pub key: RunKey,
    /// What is asked for. Frozen.
    pub intent: Intent,
    /// What may change while it runs.
    pub control: Control,
    /// The mark on its metadata.
    pub mark: Mark,
    /// What a person decided, if the annotation can be read.
    pub resolve: Option<Resolve>,
    /// Whether somebody deletes the object.
    pub deleting: bool,
    /// What its status says.
    pub record: Record,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The VM.
    pub vm: ArmId,
    /// Which recovery point.
    pub point: PointSelector,
    /// Type and target.
    pub target: Target,
    /// What shapes what is restored.
    pub options: Options,
    /// The vault's ARM id, from the vault object.
    pub vault: ArmId,
}

/// What may change while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// No trigger at or after this instant.
    pub start_by: Option<Timestamp>,
    /// Attempts by itself after the first, 0 to 10.
    pub retry_limit: u8,
    /// After this time the run is no longer followed.
    pub run_timeout: SignedDuration,
    /// Before the trigger nothing is claimed while this stands; after it the job is not followed.
    pub suspend: bool,
    /// A run that would claim ends as cancelled instead. Never taken back.
    pub cancel: bool,
}

/// A claim: the right to send one trigger for one attempt, for a short time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// 1 to 16; 0 stands where an unreadable claim was found, and nothing is ever sent under it.
    pub attempt: u8,
    /// Fresh for every write.
    pub id: ClaimId,
}

/// Finalizer and claim annotation, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Neither is there.
    None,
    /// Both are there and can be read.
    Standing(Claim),
    /// The annotation can be read but the finalizer is missing: a claim too, once the finalizer is back.
    WithoutFinalizer(Claim),
    /// The annotation is missing or cannot be read under our finalizer, or cannot be read without it.
    Unreadable,
}

/// What a person decided about a blocked run, with the annotation `vmrestore.azurebackup.dev/resolve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolve {
    /// Use the next attempt.
    Retry(ClaimId),
    /// Follow this job.
    Adopt(ClaimId, JobId),
    /// End as failed.
    Abandon(ClaimId),
}

/// What status says about the run. Written by compare-and-swap only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The status cannot be understood; why. Nothing of it is used or rewritten but phase, message and conditions.
    pub unreadable: Option<String>,
    /// The state for people.
    pub phase: Phase,
    /// How it ended.
    pub end: Option<End>,
    /// Why it does not go on, or what it waits for.
    pub note: Note,
    /// The vault, pinned when the recovery point is chosen.
    pub vault: Option<ArmId>,
    /// The item, verbatim.
    pub item: Option<ItemNames>,
    /// The chosen point.
    pub point: Option<ChosenPoint>,
    /// The vault's region.
    pub region: Option<String>,
    /// Attempts, by number.
    pub attempts: Vec<Attempt>,
    /// The last operation that was read.
    pub operation: Option<Operation>,
    /// The job that is followed.
    pub job: Option<JobDetail>,
    /// First look of a controller at this run.
    pub start_time: Option<Timestamp>,
    /// The accepted trigger.
    pub trigger_time: Option<Timestamp>,
    /// The end.
    pub completion_time: Option<Timestamp>,
}

/// Phase, as status shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Before the first claim.
    #[default]
    Pending,
    /// A claim stands and its outcome is open.
    Triggering,
    /// Azure took the trigger; the job is not known yet.
    Accepted,
    /// The job runs.
    Running,
    /// The job is being cancelled.
    Cancelling,
    /// A person must act.
    Blocked,
    /// Done.
    Succeeded,
    /// Azure did not do everything.
    PartiallySucceeded,
    /// Not done.
    Failed,
    /// The job was cancelled.
    Cancelled,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The job is `Completed`.
    Succeeded,
    /// The job is `CompletedWithWarnings`.
    PartiallySucceeded,
    /// The job is `Cancelled`, or the run was cancelled before a trigger.
    Cancelled,
    /// Anything else.
    Failed(Failure),
}

/// Why a run ended as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The job failed.
    JobFailed,
    /// The operation failed without a job.
    OperationFailed,
    /// Azure refused the request for good.
    RestoreRefused,
    /// `startBy` passed before a trigger was sent.
    StartByPassed,
    /// `timeouts.run` passed; the Azure job goes on.
    RunTimedOut,
    /// A person abandoned it.
    Abandoned,
}

/// The names that Azure gave to the protected item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemNames {
    /// Container with prefix.
    pub container: String,
    /// Item with prefix.
    pub name: String,
}

/// The point that was chosen, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenPoint {
    /// The point.
    pub point: RecoveryPoint,
    /// Such as `newest usable: 3 of 41 points qualify`.
    pub reason: String,
    /// It and those next to it, up to five, with a verdict each.
    pub candidates: Vec<Candidate>,
}

/// A point that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: RecoveryPointName,
    /// When it was taken.
    pub time: Option<Timestamp>,
    /// Its consistency.
    pub consistency: String,
    /// Why it was chosen, or not.
    pub verdict: String,
}

/// Whether activity ids can be relied on in a vault (design, "What Azure gives us").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Matching {
    /// Nothing was compared yet.
    #[default]
    Assumed,
    /// A job that was known from its operation carried the id that was sent.
    Proven,
    /// It carried another one, or none.
    Broken,
}

/// What this process has seen of one run. Never stored: another process starts its own windows.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// When this process first saw each claim id, on the boot-time clock.
    pub claims: BTreeMap<ClaimId, SignedDuration>,
    /// The claim that this process saw for the first time last.
    pub latest_claim: Option<ClaimId>,
    /// When this process first knew each job, from an operation, a status or a listing, on the boot-time clock.
    pub jobs: BTreeMap<JobId, SignedDuration>,
    /// When a listing first showed each job to this process, at its end: a job may be known for minutes before.
    pub listed: BTreeMap<JobId, SignedDuration>,
    /// Since when this process looks for jobs of this run and cannot list any, on the boot-time clock.
    pub looks_in_vain_since: Option<SignedDuration>,
    /// The last complete listing that was begun, on the boot-time clock, with this run's vault and credentials.
    pub last_look: Option<SignedDuration>,
    /// When the oldest job of this run that was ever listed started, on Azure's clock: looks must cover it.
    pub oldest_job: Option<Timestamp>,
    /// Not earlier than this, by Azure's word or by our own pace, on the boot-time clock.
    pub not_before: Option<SignedDuration>,
    /// Not earlier than this, whatever is new, as the API server took no word, on the boot-time clock.
    pub refused_until: Option<SignedDuration>,
    /// How often the same thing was tried in a row: what the pace grows with.
    pub tries: u32,
    /// The job that this process has asked Azure about last: after a long absence, the job of a run may have ended before
    /// the run was over.
    pub asked_for: Option<(JobId, SignedDuration)>,
    /// The job that is followed, as it was last read, and since when nothing of it has changed.
    pub stillness: Option<Stillness>,
    /// Jobs whose activity id this process has compared with what was sent.
    pub compared: BTreeSet<JobId>,
    /// What came of a trigger that could not be written down: known to this process alone until it is.
    pub unrecorded: Option<Unrecorded>,
    /// The word of a person that was acted on last, so that it cuts a wait short only once.
    pub heeded: Option<Resolve>,
    /// Another run's item lock whose holder was seen to be gone.
    pub vacancy: Option<Vacancy>,
    /// Whether this process has made sure that the run, which needs it no more, does not hold its item lock.
    pub lock_is_not_held: bool,
    /// What Resource Guards demanded when this process asked last, which is before each claim.
    pub guard_requests: Vec<String>,
}

impl Memory {
    /// Notes that this process sees a claim; only the first sight of each claim id counts.
    pub fn see_claim(&mut self, claim: ClaimId, now: Now) {
        if let Entry::Vacant(place) = self.claims.entry(claim) {
            place.insert(now.boot);
            self.latest_claim = Some(claim);
        }
    }

    /// The claim was let go by our own hand: it is not missed.
    pub fn forget_claims(&mut self) {
        self.claims.clear();
        self.latest_claim = None;
    }

    /// Notes a complete listing.
    pub fn saw(&mut self, listing: &Listing) {
        let begun = listing.begun.boot;
        self.last_look = self.last_look.max(Some(begun));
        // One that was begun before says nothing of now.
        self.looks_in_vain_since = self.looks_in_vain_since.filter(|since| begun < *since);
    }

    /// Notes that a listing shows a job; only the first one counts.
    pub fn see_job_listed(&mut self, job: &JobId, now: Now) {
        self.jobs.entry(job.clone()).or_insert(now.boot);
        self.listed.entry(job.clone()).or_insert(now.boot);
    }

    /// Notes that this process sees a job; only the first sight counts.
    pub fn see_job(&mut self, job: &JobId, now: Now) {
        self.jobs.entry(job.clone()).or_insert(now.boot);
    }

    /// Whether it may still decide something once the object is gone: an object of the same run may be applied again.
    pub fn outlives_object(&self, now: Now, window: SignedDuration) -> bool {
        let young = |seen: &SignedDuration| now.boot < *seen + window;
        self.claims.values().any(young)
    }

    /// Nothing is tried before this much time has passed.
    pub fn wait(&mut self, now: Now, duration: SignedDuration) {
        self.not_before = Some(now.boot + duration);
    }

    /// Something went forward: waits start small again.
    pub fn went_forward(&mut self) {
        self.not_before = None;
        self.tries = 0;
    }
}

impl Record {
    /// The attempt of that number.
    pub fn attempt(&self, number: u8) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.number == number)
    }

    /// Whether it says what a deletion waits for, or how a person lets it go.
    pub fn tells_of_deletion(&self) -> bool {
        let says = |words| self.note.message.contains(words);
        says("the deletion waits") || says("abandon:") || self.unreadable.is_some()
    }

    /// Whether the run is blocked because what became of a claim cannot be known.
    pub fn is_blocked_on_a_claim(&self) -> bool {
        self.attempts
            .iter()
            .any(|attempt| attempt.state == AttemptState::Blocked)
    }

    /// What is recorded about a claim: only what was written under that very claim id counts.
    pub fn of_claim(&self, claim: Claim) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.number == claim.attempt && attempt.claim == Some(claim.id))
    }
}

/// What came of a trigger, and the claim that it was sent under.
#[derive(Debug, Clone)]
pub struct Unrecorded {
    /// The claim.
    pub claim: Claim,
    /// When it was about to be written.
    pub claimed: Now,
    /// What came of it.
    pub outcome: TriggerOutcome,
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, boot, claim};
    use super::*;

    #[test]
    fn what_was_seen_of_a_claim_is_kept_for_a_window_after_its_object_is_gone() {
        let window = SignedDuration::from_mins(15);
        let mut memory = Memory::default();
        assert!(!memory.outlives_object(at(0), window));

        memory.see_claim(claim(1).id, at(0));
        assert!(memory.outlives_object(at(15 * 60 - 1), window));
        assert!(!memory.outlives_object(at(15 * 60), window));
    }

    #[test]
    fn waits_start_small_again_when_something_went_forward() {
        let mut memory = Memory {
            tries: 7,
            ..Memory::default()
        };
        memory.wait(at(10), SignedDuration::from_secs(5));
        assert_eq!(memory.not_before, Some(boot(15)));

        memory.went_forward();

        assert_eq!((memory.not_before, memory.tries), (None, 0));
    }
}
