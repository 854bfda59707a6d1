//! Builders for the tests of the deciding side: a run with defaults, so that a test shows only what matters.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::choose::PointSelector;
use super::facts::{JobStatus, JobSummary, Listing, Now, RecoveryPoint, SeenJob};
use super::ids::{
    ArmId, CanonicalRun, ClaimId, JobId, OperationId, RecoveryPointName, RunKey, Scope,
};
use super::item_lock::Turn;
use super::look::Look;
use super::pace::Limits;
use super::questions;
use super::record::{
    Attempt, AttemptState, ChosenPoint, Claim, Control, Intent, ItemNames, Mark, Matching, Memory,
    Record, Run,
};
use super::request::Target;

pub const LIMITS: Limits = Limits {
    adoption_window: SignedDuration::from_mins(15),
};

pub fn wall(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

/// Both clocks, this many seconds after the start.
pub fn at(seconds: i64) -> Now {
    Now {
        wall: wall(seconds),
        boot: boot(seconds),
    }
}

pub fn boot(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(1_000 + seconds)
}

pub fn mins(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub fn key() -> RunKey {
    RunKey::compute(
        &Scope::new("s"),
        &CanonicalRun::new("n", "r", &ArmId::new("v")),
    )
}

pub fn claim_id(n: u128) -> ClaimId {
    ClaimId::new(Uuid::from_u128(n))
}

/// The claim of an attempt; its id is the attempt's number.
pub fn claim(attempt: u8) -> Claim {
    Claim {
        attempt,
        id: claim_id(attempt.into()),
    }
}

/// An attempt under the claim of its number.
pub fn attempt(number: u8, state: AttemptState) -> Attempt {
    Attempt {
        number,
        request_id: (number > 0).then(|| key().request_id(number)),
        claim: Some(claim(number).id),
        claimed: Some(wall(0)),
        state,
        accepted: false,
        operation: None,
        job: None,
        error: None,
    }
}

pub fn accepted(number: u8, state: AttemptState) -> Attempt {
    Attempt {
        accepted: true,
        operation: Some(OperationId::new("o")),
        ..attempt(number, state)
    }
}

pub fn with_job(attempt: Attempt, job: &str) -> Attempt {
    Attempt {
        job: Some(JobId::new(job)),
        ..attempt
    }
}

/// A run that has chosen its point, with no claim.
pub fn a_run() -> Run {
    Run {
        key: key(),
        intent: Intent {
            vm: ArmId::new(
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web",
            ),
            point: PointSelector::default(),
            target: Target::Disks {
                storage_account: ArmId::new("a"),
                resource_group: None,
            },
            options: Default::default(),
            vault: ArmId::new("v"),
        },
        control: Control {
            start_by: None,
            retry_limit: 2,
            run_timeout: SignedDuration::from_hours(24),
            suspend: false,
            cancel: false,
        },
        mark: Mark::None,
        resolve: None,
        deleting: false,
        record: Record {
            item: Some(ItemNames {
                container: "c".to_owned(),
                name: "i".to_owned(),
            }),
            region: Some("westus".to_owned()),
            point: Some(ChosenPoint {
                point: RecoveryPoint {
                    name: RecoveryPointName::new("1"),
                    object_type: String::new(),
                    time: Some(wall(0)),
                    consistency: String::new(),
                    tiers: Vec::new(),
                    soft_deleted: None,
                    expires: None,
                    managed: None,
                    details: Default::default(),
                },
                reason: String::new(),
                candidates: Vec::new(),
            }),
            start_time: Some(wall(0)),
            ..Record::default()
        },
    }
}

/// A run with these attempts, whose claim is that of the last.
pub fn claimed(attempts: Vec<Attempt>) -> Run {
    let mut run = a_run();
    run.mark = attempts
        .last()
        .map_or(Mark::None, |last| Mark::Standing(claim(last.number)));
    run.record.attempts = attempts;
    run
}

/// A job with the id of an attempt, shown by a listing begun then; first seen ten minutes before the start.
pub fn job(attempt: u8, name: &str, status: JobStatus, shown: i64) -> SeenJob {
    SeenJob {
        job: JobSummary {
            id: JobId::new(name),
            activity_id: key().request_id(attempt).to_string(),
            operation: "Restore".to_owned(),
            status,
            started: Some(wall(0)),
            ended: None,
            entity: "web".to_owned(),
            container: String::new(),
        },
        shown_by_listing_begun: at(shown),
    }
}

/// A look at a second of the clock, by a process that saw every claim and every job at second 0.
pub struct Scene {
    pub run: Run,
    pub listing: Listing,
    pub matching: Matching,
    pub memory: Memory,
    pub now: Now,
    pub told_job_is_free: bool,
    pub turn: Turn,
}

pub fn scene(run: Run, second: i64, jobs: Vec<SeenJob>) -> Scene {
    let mut memory = Memory::default();
    for number in 0..=16 {
        memory.see_claim(claim(number).id, at(0));
    }
    memory.latest_claim = questions::claim_of(&run).map(|claim| claim.id);
    for seen in &jobs {
        memory.see_job_listed(&seen.job.id, at(0));
    }
    for job in run
        .record
        .attempts
        .iter()
        .filter_map(|one| one.job.as_ref())
    {
        memory.see_job(job, at(0));
    }
    Scene {
        run,
        listing: Listing::new(at(second), jobs),
        matching: Matching::Assumed,
        memory,
        now: at(second),
        told_job_is_free: false,
        turn: Turn::NotAsked,
    }
}

impl Scene {
    pub fn look(&self) -> Look<'_> {
        Look {
            run: &self.run,
            listing: &self.listing,
            matching: self.matching,
            memory: &self.memory,
            now: self.now,
            limits: &LIMITS,
            told_job_is_free: self.told_job_is_free,
            turn: &self.turn,
        }
    }
}
