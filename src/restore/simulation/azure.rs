//! Azure: every accepted POST makes a job, jobs come late into the list, answers get lost.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::super::choose::TakenBetween;
use super::super::facts::{
    JobDetail, JobError, JobSummary, Listing, Operation, OperationStatus, ProtectedItem,
    RecoveryPoint, RefusalKind, SeenJob, Tier, TriggerOutcome, VaultError, VaultFacts,
};
use super::super::ids::{ArmId, JobId, OperationId, RecoveryPointName};
use super::super::ports::{Budget, Clock, JobsNeed, Trigger, Vault};
use super::answers::{after, refusal, text};
use super::object_store::Port;
use super::risks::{LONGEST_GAP, Risk};
use super::script::Moment;
use super::world::{Job, MINUTE, Ms, OperationEnd, World, wall};

/// How long after its first sight a job may be missing in a list again; the protocol's own bound is not asked here.
const YOUNG: Ms = 5 * MINUTE;

impl World {
    fn summary(&self, job: &Job) -> JobSummary {
        JobSummary {
            id: job.id.clone(),
            activity_id: job.activity_id.clone(),
            operation: "Restore".to_owned(),
            status: job.status(self.now),
            started: Some(wall(job.started)),
            ended: None,
            entity: "web".to_owned(),
            container: String::new(),
        }
    }

    fn detail(&self, job: &Job) -> JobDetail {
        let summary = self.summary(job);
        let done = (100 * (self.now - job.started) / (job.ends - job.started)).clamp(0, 100);
        let errors = if summary.status.is_terminal() && !job.error.is_empty() {
            vec![JobError {
                code: "400000".to_owned(),
                title: job.error.to_owned(),
                message: "said Azure".to_owned(),
                recommendations: Vec::new(),
            }]
        } else {
            Vec::new()
        };
        JobDetail {
            errors,
            progress_percent: u8::try_from(done).ok(),
            properties: BTreeMap::new(),
            ..JobDetail::from_list(summary, None)
        }
    }

    /// A list is taken to be monotone only for jobs that it showed a while ago: of the others it may forget every one.
    fn forget_young(&mut self, shown: &mut Vec<(Job, bool)>, begun: Ms) {
        if self.forgets_young_jobs {
            shown.retain(|(job, _)| job.first_listed.is_none_or(|first| begun >= first + YOUNG));
        }
        let mut new = false;
        for job in &mut self.jobs {
            if job.first_listed.is_none() && shown.iter().any(|(shown, _)| shown.id == job.id) {
                job.first_listed = Some(begun);
                new = true;
            }
        }
        if new {
            self.witness(Moment::Listed);
        }
    }

    /// This process learns nothing of the run's vault now.
    pub fn asked_in_vain(&mut self, run: usize, process: usize) {
        let place = &mut self.runs[run].places[process];
        place.in_vain_since.get_or_insert(self.now);
    }

    fn vault_error(&mut self) -> VaultError {
        let kind = match self.rng.u32(0..4) {
            0 => RefusalKind::Throttled,
            1 => RefusalKind::Permission,
            2 => RefusalKind::VaultNotFound,
            _ => RefusalKind::Unavailable,
        };
        VaultError {
            kind,
            error: text("SomeCode"),
            retry_after: SignedDuration::from_secs(self.rng.i64(0..60)),
        }
    }
}

impl Port {
    /// One read: there, the answer, and back.
    async fn ask<T>(
        &self,
        answer: impl FnOnce(&mut World) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        self.travel().await;
        let result = {
            let mut world = self.world.lock();
            if world.trouble() {
                world.asked_in_vain(self.run, self.process);
                Err(world.vault_error())
            } else {
                answer(&mut world)
            }
        };
        self.travel().await;
        result
    }

    fn shown(&self, need: JobsNeed) -> Option<Listing> {
        let world = self.world.lock();
        let now = world.clock(self.process).boot;
        let board = &world.processes[self.process].board;
        let (begun, _, from) = board.complete?;
        let fresh = match need.begun_after {
            Some(instant) => begun.boot >= instant,
            None => need.any_age || now - begun.boot < interval(),
        };
        let covers = need.any_age
            || need
                .since
                .is_none_or(|since| wall(from) <= since || from == 0);
        (fresh && covers).then(|| Listing::new(begun, board.jobs.clone()))
    }
}

fn interval() -> SignedDuration {
    SignedDuration::from_secs(60)
}

impl Vault for Port {
    async fn ready(&self) -> Result<(), VaultError> {
        let mut world = self.world.lock();
        if world.trouble() {
            world.asked_in_vain(self.run, self.process);
            Err(world.vault_error())
        } else {
            Ok(())
        }
    }

    async fn facts(&self) -> Result<VaultFacts, VaultError> {
        self.ask(|_| {
            Ok(VaultFacts {
                location: "westus".to_owned(),
                storage_redundancy: None,
                cross_region_restore: None,
                ..VaultFacts::default()
            })
        })
        .await
    }

    async fn protected_item(&self, vm: &ArmId) -> Result<Option<ProtectedItem>, VaultError> {
        let source = vm.clone();
        self.ask(|_| {
            Ok(Some(ProtectedItem {
                container: "c".to_owned(),
                name: "i".to_owned(),
                source,
                protection_state: "Protected".to_owned(),
                soft_deleted: false,
            }))
        })
        .await
    }

    async fn recovery_points(
        &self,
        _: &ProtectedItem,
        _: Option<TakenBetween>,
    ) -> Result<Vec<RecoveryPoint>, VaultError> {
        self.ask(|_| {
            Ok(vec![RecoveryPoint {
                name: RecoveryPointName::new("1"),
                object_type: String::new(),
                time: Some(wall(0)),
                consistency: "AppConsistent".to_owned(),
                tiers: vec![Tier {
                    kind: "HardenedRP".to_owned(),
                    status: "Valid".to_owned(),
                }],
                soft_deleted: Some(false),
                expires: None,
                managed: Some(true),
                details: Default::default(),
            }])
        })
        .await
    }

    /// There is one vault in this world.
    async fn restore_in_progress_in(
        &self,
        _: &ArmId,
        _: &ArmId,
    ) -> Result<Option<JobId>, VaultError> {
        Ok(None)
    }

    async fn recovery_point(
        &self,
        _: &ProtectedItem,
        _: &RecoveryPointName,
    ) -> Result<Option<RecoveryPoint>, VaultError> {
        Ok(None)
    }

    /// The last check and the send are two instants: a process may stand still between them.
    async fn trigger(&self, trigger: &Trigger<'_>) -> TriggerOutcome {
        self.travel().await;
        let now = self.now();
        let (checked, short) = {
            let mut world = self.world.lock();
            if !trigger.deadline.allows(now) {
                world.say(|_| "too late for a send".to_owned());
                return refusal(RefusalKind::TooLate, after(0));
            }
            world.witness(Moment::Checked);
            (world.now, world.rng.i64(1..20))
        };
        self.nap(short).await;
        let (outcome, answer_at) = {
            let mut world = self.world.lock();
            let intended = &world.runs[self.run];
            // What a person says lets go of a claim under which this process may still send.
            let person_decided = intended.person_retried || intended.person_abandoned;
            if world.now - checked > LONGEST_GAP
                && (trigger.request.target.may_be_retried() || person_decided)
            {
                world.take_risk(self.run, Risk::LateSend);
            }
            let late = world.now - checked > LONGEST_GAP;
            world.check_send((self.run, self.process), trigger.request_id, now.wall, late);
            world.post(self.run, trigger)
        };
        let wait = answer_at - self.world.lock().now;
        self.nap(wait).await;
        if let TriggerOutcome::Accepted { .. } = &outcome {
            let mut world = self.world.lock();
            let place = &mut world.runs[self.run].places[self.process];
            place.got_2xx = place.last_claim.map(|claim| claim.attempt);
        }
        outcome
    }

    async fn operation(
        &self,
        _: &ProtectedItem,
        id: &OperationId,
    ) -> Result<Option<Operation>, VaultError> {
        let id = id.clone();
        self.ask(|world| {
            let Some(truth) = world
                .operations
                .iter()
                .find(|one| one.id == id.as_str())
                .cloned()
            else {
                return Ok(None);
            };
            let mut read = Operation {
                id,
                status: OperationStatus::InProgress,
                started: None,
                ended: None,
                job: None,
                error: None,
            };
            if world.now < truth.done_at {
                return Ok(Some(read));
            }
            match truth.end {
                OperationEnd::NeverEnds => {}
                OperationEnd::Vanishes => return Ok(None),
                OperationEnd::SucceedsWithoutJob => read.status = OperationStatus::Succeeded,
                OperationEnd::Fails => {
                    read.status = OperationStatus::Failed;
                    read.error = Some(text(if truth.transient {
                        "CloudInternalError"
                    } else {
                        "UserErrorSomething"
                    }));
                }
                OperationEnd::NamesJob => {
                    read.status = OperationStatus::Succeeded;
                    let made = world
                        .jobs
                        .iter()
                        .rev()
                        .find(|job| (job.run, job.attempt) == (Some(truth.run), truth.attempt));
                    read.job = made.map(|job| job.id.clone());
                }
            }
            Ok(Some(read))
        })
        .await
    }

    async fn jobs(&self, need: JobsNeed) -> Result<Listing, VaultError> {
        if let Some(listing) = self.shown(need) {
            let mut world = self.world.lock();
            let at = world.processes[self.process].board.complete;
            let place = &mut world.runs[self.run].places[self.process];
            let begun = at.map_or(0, |(_, begun, _)| begun);
            place.in_vain_since = place.in_vain_since.filter(|since| begun < *since);
            return Ok(listing);
        }
        let begun = self.now();
        let begun_ms = self.world.lock().now;
        let (run, process) = (self.run, self.process);
        self.ask(|world| {
            world.runs[run].places[process].in_vain_since = None;
            let before = world.processes[process].board.complete.map(|(_, at, _)| at);
            // Azure may answer from any instant after the request was begun; the earliest shows the least.
            let from = before.map_or(0, |before| {
                let since = need.since.map_or(before, |since| {
                    let since = since.duration_since(wall(0)).as_millis() as Ms;
                    since.min(before)
                });
                (since - 15 * MINUTE).max(0)
            });
            let mut shown = Vec::new();
            for job in &world.jobs {
                if job.visible > begun_ms || job.started < from && from > 0 {
                    continue;
                }
                shown.push((job.clone(), job.solid <= begun_ms));
            }
            shown.retain(|(_, solid)| *solid || world.rng.u32(0..100) < 70);
            world.forget_young(&mut shown, begun_ms);
            let seen: Vec<SeenJob> = shown
                .iter()
                .map(|(job, _)| SeenJob {
                    job: world.summary(job),
                    shown_by_listing_begun: begun,
                })
                .collect();
            let board = &mut world.processes[process].board;
            board
                .jobs
                .retain(|old| seen.iter().all(|new| new.job.id != old.job.id));
            board.jobs.extend(seen);
            board.complete = Some((begun, begun_ms, from));
            Ok(Listing::new(begun, board.jobs.clone()))
        })
        .await
    }

    async fn job(&self, id: &JobId, budget: Budget) -> Result<Option<JobDetail>, VaultError> {
        let id = id.clone();
        self.ask(|world| {
            if budget == Budget::Spare && world.chance(30) {
                return Err(VaultError {
                    kind: RefusalKind::Throttled,
                    error: text(""),
                    retry_after: SignedDuration::from_secs(10),
                });
            }
            let job = world.jobs.iter().find(|job| job.id == id).cloned();
            Ok(job.map(|job| world.detail(&job)))
        })
        .await
    }

    async fn virtual_machine_exists(&self, _: &ArmId) -> Result<bool, VaultError> {
        self.ask(|world| Ok(world.target_exists_since(self.run).is_some()))
            .await
    }

    fn interval(&self) -> SignedDuration {
        interval()
    }
}
