//! Azure: every accepted request makes a job, jobs come late into the list, answers get lost.

use super::checks::Checks;
use super::passes::Passes;
use super::state::{Flight, Job, Operation, Post, State, small};
use super::tables::Board;
use super::time::{SECONDS, Ticks};
use super::words::{Answer, Ended, Listed, Matched, Need, Outcome, Stands};
use super::worlds::Kind;

/// What Azure makes of a request, and what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    Accepted,
    AcceptedWithoutOperation,
    AcceptedAndOperationFails,
    AcceptedAndOperationVanishes,
    AcceptedAndMakesNothing,
    /// The answer is lost; the request took effect, or does so up to a tick later, or never.
    LostAndDone,
    LostAndDoneLate,
    LostAndNotDone,
    Busy,
    Throttled,
    Refused,
}

impl Says {
    /// Everything but the good answer.
    pub const FAULTS: [Self; 10] = [
        Self::AcceptedWithoutOperation,
        Self::AcceptedAndOperationFails,
        Self::AcceptedAndOperationVanishes,
        Self::AcceptedAndMakesNothing,
        Self::LostAndDone,
        Self::LostAndDoneLate,
        Self::LostAndNotDone,
        Self::Busy,
        Self::Throttled,
        Self::Refused,
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

    fn names_operation(self) -> bool {
        matches!(
            self,
            Self::Accepted
                | Self::AcceptedAndOperationFails
                | Self::AcceptedAndOperationVanishes
                | Self::AcceptedAndMakesNothing
        )
    }

    fn surely_starts_nothing(self) -> bool {
        matches!(
            self,
            Self::Busy | Self::Throttled | Self::Refused | Self::AcceptedAndOperationFails
        )
    }
}

/// A request as the pass sends it: its attempt, and the seconds that were left when it asked to send.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    pub attempt: u8,
    pub boot_left: i32,
    pub wall_left: i32,
}

impl State {
    /// A request to restore reaches Azure, unless it is too late for it: it is checked, carried out and answered.
    pub fn trigger(
        &mut self,
        passes: &Passes,
        checks: &mut Checks,
        (place, flight): ((usize, usize), &Flight),
        sent: Sent,
        (says, lag): (Says, u8),
    ) -> Answer {
        let (process, run) = place;
        let seconds = |ticks: Ticks| ticks * i32::try_from(SECONDS).unwrap_or(0);
        let waited = Ticks::from(flight.idle);
        let skew = Ticks::from(self.process(process).skew);
        if seconds(waited) >= sent.boot_left || seconds(waited + skew) >= sent.wall_left {
            return Answer::Triggered(Outcome::TooLate);
        }
        let own = passes.node(flight.node).own;
        checks.send(passes, self, place, (own, sent.attempt));
        let destroys = passes.bounds.runs[run] == Kind::OriginalLocation;
        self.run_mut(run).in_doubt |= destroys && !says.surely_starts_nothing();
        let operation = says.names_operation().then(|| small(self.operations.len()));
        if operation.is_some() {
            self.operations.push(Operation {
                run: small(run),
                attempt: sent.attempt,
                fails: says == Says::AcceptedAndOperationFails,
                vanishes: says == Says::AcceptedAndOperationVanishes,
            });
        }
        if says.makes_job() {
            self.posts.push(Post {
                run: small(run),
                attempt: sent.attempt,
                old: false,
                lag,
            });
            if says != Says::LostAndDoneLate {
                self.carry_out(self.posts.len() - 1);
            }
        }
        Answer::Triggered(match says {
            Says::LostAndDone | Says::LostAndDoneLate | Says::LostAndNotDone => Outcome::Unknown,
            Says::Busy => Outcome::Busy,
            Says::Throttled => Outcome::Throttled,
            Says::Refused => Outcome::Refused,
            _ => Outcome::Accepted(operation),
        })
    }

    /// A request takes effect.
    pub fn carry_out(&mut self, place: usize) {
        let post = self.posts.remove(place);
        self.excused |= post.lag > 1 || !self.fills && self.matching != Matched::Broken;
        self.jobs.push(Job {
            run: post.run,
            attempt: post.attempt,
            stands: Stands::Runs,
            hidden: i8::try_from(post.lag).unwrap_or(i8::MAX),
            age: 0,
            has_id: self.fills,
        });
    }

    fn listed(&self, place: usize) -> Option<Listed> {
        let job = self.jobs.iter().nth(place)?;
        Some(Listed {
            place: small(place),
            run: job.run,
            attempt: job.attempt,
            stands: job.stands,
            age: job.age,
            shown: 0,
            has_id: job.has_id,
        })
    }

    /// Whether a list may leave out jobs that it shows the next time: those that it could show first in this tick.
    pub fn has_young_jobs(&self) -> bool {
        self.jobs.iter().any(|job| job.hidden == 0)
    }

    /// Lists the jobs, or shows what this process has listed already where that serves. Within a tick the clock does not tell
    /// what was first: a list serves a look only if this pass began it after its read.
    pub fn list(
        &mut self,
        passes: &mut Passes,
        (place, flight): ((usize, usize), &Flight),
        need: Need,
        forgets: bool,
    ) -> Answer {
        let number = self.seat(place).board;
        let board = passes.tables.board(number);
        let serves = match need {
            Need::Fresh => passes.node(flight.node).listed,
            Need::Recent => board.begun == Some(0),
            Need::Any => board.begun.is_some(),
        };
        if serves {
            return Answer::Jobs(number);
        }
        let shows = |job: &Job| job.hidden < 0 || job.hidden == 0 && !forgets;
        let jobs = self.jobs.iter().enumerate();
        let mut shown: Vec<Listed> = jobs
            .filter(|(_, job)| shows(job))
            .filter_map(|(place, _)| self.listed(place))
            .map(|listed| Listed {
                shown: flight.idle,
                ..listed
            })
            .collect();
        let is_shown = |old: &Listed| shown.iter().any(|new| new.place == old.place);
        let kept: Vec<Listed> = board
            .jobs
            .iter()
            .copied()
            .filter(|old| !is_shown(old))
            .collect();
        shown.extend(kept);
        shown.sort_unstable();
        let number = passes.tables.number_of_board(Board {
            begun: Some(flight.idle),
            jobs: shown,
        });
        self.seat_mut(place).board = number;
        Answer::Jobs(number)
    }

    pub fn read_job(&self, place: u8) -> Answer {
        Answer::Job(self.listed(usize::from(place)))
    }

    pub fn read_operation(&self, place: u8) -> Answer {
        let operation = self.operations.iter().nth(usize::from(place));
        let known = operation.filter(|operation| !operation.vanishes);
        Answer::Operation(known.map(|operation| {
            let jobs = self.jobs.iter().enumerate();
            let own = |job: &Job| (job.run, job.attempt) == (operation.run, operation.attempt);
            let made = jobs.filter(|(_, job)| own(job)).last();
            Ended {
                place,
                fails: operation.fails,
                job: made
                    .filter(|_| !operation.fails)
                    .map(|(place, _)| small(place)),
            }
        }))
    }
}
