//! Azure: every accepted request makes a job, jobs come late into the list, answers get lost.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::super::facts::{
    ErrorText, JobDetail, JobError, JobStatus, JobSummary, Operation, OperationStatus, Refusal,
    RefusalKind, SeenJob, Then, TriggerOutcome, VaultError,
};
use super::super::ids::{JobId, OperationId, RequestId};
use super::super::ports::Deadline;
use super::super::record::{Claim, Mark};
use super::script::Answer;
use super::time::{Tick, at};
use super::world::{Fixed, World};

/// What Azure makes of a request, and what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    Accepted,
    AcceptedWithoutOperation,
    AcceptedAndOperationFails,
    AcceptedAndOperationVanishes,
    AcceptedAndMakesNothing,
    /// The answer is lost; the request took effect, or does so up to a tick later.
    LostAndDone,
    LostAndDoneLate,
    LostAndNotDone,
    Busy,
    Throttled,
}

impl Says {
    /// Everything but the good answer.
    pub const FAULTS: [Self; 9] = [
        Self::AcceptedWithoutOperation,
        Self::AcceptedAndOperationFails,
        Self::AcceptedAndOperationVanishes,
        Self::AcceptedAndMakesNothing,
        Self::LostAndDone,
        Self::LostAndDoneLate,
        Self::LostAndNotDone,
        Self::Busy,
        Self::Throttled,
    ];

    fn makes_job(self) -> bool {
        matches!(
            self,
            Self::Accepted
                | Self::AcceptedWithoutOperation
                | Self::AcceptedAndOperationVanishes
                | Self::LostAndDone
                | Self::LostAndDoneLate
        )
    }
}

/// A request that Azure got and has not carried out.
#[derive(Debug, Clone)]
pub struct Post {
    pub run: usize,
    pub attempt: u8,
    pub sent: Tick,
    pub lag: Tick,
}

#[derive(Debug, Clone)]
pub struct Job {
    pub run: usize,
    pub attempt: u8,
    pub started: Tick,
    pub visible: Tick,
    pub ends: Tick,
    pub fails: bool,
}

impl Job {
    pub fn status(&self, now: Tick) -> JobStatus {
        match now >= self.ends {
            false => JobStatus::InProgress,
            true if self.fails => JobStatus::Failed,
            true => JobStatus::Completed,
        }
    }
}

#[derive(Debug, Clone)]
pub struct OperationTruth {
    pub run: usize,
    pub attempt: u8,
    pub fails: bool,
    pub vanishes: bool,
}

fn text() -> ErrorText {
    ErrorText {
        code: "CloudInternalError".to_owned(),
        message: "said Azure".to_owned(),
    }
}

fn refusal(kind: RefusalKind, then: Then) -> TriggerOutcome {
    TriggerOutcome::NotStarted(Refusal {
        kind,
        error: text(),
        then,
    })
}

impl World {
    /// A request to restore reaches Azure: it is checked, carried out and answered.
    pub fn trigger(
        &mut self,
        fixed: &Fixed,
        run: usize,
        own: Option<Claim>,
        request: RequestId,
        deadline: Deadline,
        (says, lag): (Says, Tick),
    ) -> Answer {
        let wait = SignedDuration::from_secs(60);
        if !deadline.allows(at(self.tick)) {
            let late = refusal(RefusalKind::TooLate, Then::RetryAfter(SignedDuration::ZERO));
            return Answer::Triggered(late);
        }
        let requests = &fixed.requests[run];
        let attempt = requests.iter().find(|(_, id)| *id == request);
        let attempt = attempt.map_or(0, |(attempt, _)| *attempt);
        self.check_send(fixed, run, own, attempt);
        let surely_nothing = matches!(
            says,
            Says::Busy | Says::Throttled | Says::AcceptedAndOperationFails
        );
        self.runs[run].in_doubt |= !surely_nothing;
        let operation = OperationId::new(format!("o{}", self.operations.len()));
        let names = matches!(
            says,
            Says::Accepted
                | Says::AcceptedAndOperationFails
                | Says::AcceptedAndOperationVanishes
                | Says::AcceptedAndMakesNothing
        );
        if names {
            self.operations.push(OperationTruth {
                run,
                attempt,
                fails: says == Says::AcceptedAndOperationFails,
                vanishes: says == Says::AcceptedAndOperationVanishes,
            });
        }
        if says.makes_job() {
            self.posts.push(Post {
                run,
                attempt,
                sent: self.tick,
                lag,
            });
            if says != Says::LostAndDoneLate {
                self.carry_out(fixed, self.posts.len() - 1);
            }
        }
        Answer::Triggered(match says {
            Says::LostAndDone | Says::LostAndDoneLate | Says::LostAndNotDone => {
                TriggerOutcome::Unknown {
                    what: "no answer".to_owned(),
                }
            }
            Says::Busy => refusal(RefusalKind::Busy, Then::LookThenRetryAfter(wait)),
            Says::Throttled => refusal(RefusalKind::Throttled, Then::RetryAfter(wait)),
            _ => TriggerOutcome::Accepted {
                operation: names.then_some(operation),
            },
        })
    }

    /// Invariants 1 to 3, at the moment of a send.
    fn check_send(&mut self, fixed: &Fixed, run: usize, own: Option<Claim>, attempt: u8) {
        let standing = self.runs[run].object.as_ref().map(|object| object.mark);
        let stands = own.is_some_and(|own| standing == Some(Mark::Standing(own)));
        if (!stands || own.is_some_and(|own| own.attempt != attempt)) && !self.runs[run].meddled {
            self.violated(format!(
                "a request without a standing claim: {own:?}, {standing:?}"
            ));
        }
        if self.excused || self.runs[run].person_retried {
            return;
        }
        if self.posts.iter().any(|post| post.run == run) {
            self.violated("a request although an earlier one is under way".to_owned());
        }
        let now = self.tick;
        let mut jobs = self.jobs.iter().enumerate();
        let own_job = jobs.find(|(_, job)| {
            let counts = job.status(now) != JobStatus::Failed || fixed.bounds.overwrites;
            job.run == run && counts
        });
        if let Some((index, _)) = own_job {
            self.violated(format!("a request although job j{index} of the run counts"));
        }
        if !fixed.bounds.overwrites {
            return;
        }
        if self.runs[run].in_doubt {
            self.violated("a request that overwrites after an unknown outcome".to_owned());
        }
        if !matches!(self.lock, Some((_, holder)) if holder == run) && !self.runs[run].meddled {
            self.violated("a request that overwrites without the lock".to_owned());
        }
        let busy = |job: &Job| job.run != run && job.status(now) == JobStatus::InProgress;
        if self.jobs.iter().any(busy) || self.posts.iter().any(|post| post.run != run) {
            self.violated("a request that overwrites while another restore runs".to_owned());
        }
    }

    /// A request takes effect.
    pub fn carry_out(&mut self, fixed: &Fixed, index: usize) {
        let post = self.posts.remove(index);
        let fails = self.jobs.len() < usize::from(fixed.bounds.failing_jobs);
        self.excused |= post.lag > 1;
        self.jobs.push(Job {
            run: post.run,
            attempt: post.attempt,
            started: self.tick,
            visible: self.tick + post.lag,
            ends: self.tick + if fails { 1 } else { fixed.bounds.job_ticks },
            fails,
        });
    }

    fn summary(&self, fixed: &Fixed, index: usize) -> JobSummary {
        let job = &self.jobs[index];
        let requests = &fixed.requests[job.run];
        let sent = requests.iter().find(|(number, _)| *number == job.attempt);
        let id = sent.filter(|_| fixed.bounds.ids_filled);
        JobSummary {
            id: self.job_id(index),
            activity_id: id.map_or_else(String::new, |(_, id)| id.to_string()),
            operation: "Restore".to_owned(),
            status: job.status(self.tick),
            started: Some(at(job.started).wall),
            ended: None,
            entity: "web".to_owned(),
            container: String::new(),
        }
    }

    /// Whether a list may leave out jobs that it shows the next time: those that it could show first in this tick.
    pub fn has_young_jobs(&self) -> bool {
        self.jobs.iter().any(|job| job.visible == self.tick)
    }

    /// What a list shows. It is no older than its request, and may forget young jobs.
    pub fn list(&self, fixed: &Fixed, begun: Tick, forgets: bool) -> Vec<SeenJob> {
        let shown = |job: &Job| job.visible < self.tick || job.visible == self.tick && !forgets;
        (0..self.jobs.len())
            .filter(|index| shown(&self.jobs[*index]))
            .map(|index| SeenJob {
                job: self.summary(fixed, index),
                shown_by_listing_begun: at(begun),
            })
            .collect()
    }

    pub fn job(&self, fixed: &Fixed, id: &JobId) -> Option<Box<JobDetail>> {
        let index = (0..self.jobs.len()).find(|index| self.job_id(*index) == *id)?;
        let summary = self.summary(fixed, index);
        let errors = match summary.status {
            JobStatus::Failed => vec![JobError {
                code: "400000".to_owned(),
                title: "CloudInternalError".to_owned(),
                message: "said Azure".to_owned(),
                recommendations: Vec::new(),
            }],
            _ => Vec::new(),
        };
        Some(Box::new(JobDetail {
            errors,
            properties: BTreeMap::new(),
            ..JobDetail::from_list(summary, None)
        }))
    }

    pub fn operation(&self, id: &OperationId) -> Option<Operation> {
        let index: usize = id.as_str().trim_start_matches('o').parse().ok()?;
        let truth = self.operations.get(index).filter(|truth| !truth.vanishes)?;
        let made = self
            .jobs
            .iter()
            .rposition(|job| job.run == truth.run && job.attempt == truth.attempt);
        Some(Operation {
            id: id.clone(),
            status: match truth.fails {
                true => OperationStatus::Failed,
                false => OperationStatus::Succeeded,
            },
            started: None,
            ended: None,
            job: made.map(|index| self.job_id(index)),
            error: truth.fails.then(text),
        })
    }
}

/// A list that could not be read.
pub fn not_listed() -> Answer {
    Answer::NotRead(VaultError {
        kind: RefusalKind::Unavailable,
        error: text(),
        retry_after: SignedDuration::from_secs(30),
    })
}
