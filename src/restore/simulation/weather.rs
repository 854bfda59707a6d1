//! What goes wrong, and when: drawn from a seed, or written down by a test.

use super::super::facts::JobStatus;
use super::script::{Line, Moment};
use super::world::{MINUTE, Ms, SECOND};

/// How the world treats a run.
#[derive(Debug, Clone)]
pub struct Weather {
    /// Faults stop here.
    pub storm_ends: Ms,
    /// Of a hundred accesses, how many go wrong while the storm lasts.
    pub trouble: u32,
    /// Whether Azure fills the activity ids.
    pub ids_filled: bool,
    /// What stands there when it does not: nothing, or an id of its own.
    pub instead_of_ids: &'static str,
    /// Answers to the next triggers, before chance decides.
    pub answers: Vec<Answer>,
    /// How long a job stays unlisted, if not by chance.
    pub lag: Option<Ms>,
    /// How jobs end, and after how many minutes, if not by chance.
    pub jobs_end: Option<(JobStatus, &'static str, i64)>,
    /// Whether lists may show jobs later than the window allows for.
    pub lists_late: bool,
    /// What happens to the object and the processes.
    pub events: Vec<(Ms, Event)>,
    /// What happens at the instant of an effect.
    pub scripts: Vec<Vec<Line>>,
}

/// What Azure answers to a trigger, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accepts,
    AcceptsWithoutOperation,
    AcceptsAndOperationFails,
    AcceptsAndOperationVanishes,
    AcceptsAndOperationNamesNoJob,
    AcceptsAndOperationNeverEnds,
    AcceptsAndMakesNothing,
    LosesAnswerAfterEffect,
    LosesAnswerBeforeEffect,
    Refuses401,
    Refuses429,
    Refuses409,
    Refuses400,
    Refuses403,
    NotConnected,
}

impl Answer {
    pub const TROUBLED: [Self; 14] = [
        Self::AcceptsWithoutOperation,
        Self::AcceptsAndOperationFails,
        Self::AcceptsAndOperationVanishes,
        Self::AcceptsAndOperationNamesNoJob,
        Self::AcceptsAndOperationNeverEnds,
        Self::AcceptsAndMakesNothing,
        Self::LosesAnswerAfterEffect,
        Self::LosesAnswerBeforeEffect,
        Self::Refuses401,
        Self::Refuses429,
        Self::Refuses409,
        Self::Refuses400,
        Self::Refuses403,
        Self::NotConnected,
    ];
}

/// What happens from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Crash(usize),
    Pause(usize, Ms),
    EraseStatus,
    RollStatusBack,
    GarbleStatus,
    SpoilAnnotation,
    /// The annotation names the first claim of the run again, as a manifest that was exported with its metadata does.
    FirstClaim,
    RemoveFinalizer,
    Delete,
    Apply,
    Person,
    LoseVault,
    FindVault,
    /// The next answer of the API server is lost, after the effect.
    LoseAnswer,
    /// The status is set back by one write.
    UndoLastWrite,
    /// The list shows no job that it showed for the first time less than the visibility bound ago.
    ForgetYoungJobs,
    /// A person sets the annotation, for the claim that stands.
    Says(Word),
    /// What follows is about this run.
    Aim(usize),
    /// Somebody edits the object's spec.
    Edit(Edit),
    /// The wall clock of a process is set; its boot-time clock is not.
    SetClock(usize, Ms),
    /// Azure stops filling activity ids.
    LeaveIdsOut,
    /// Azure fills them again.
    FillIds,
    /// Somebody restores the VM with another tool.
    RestoreElsewhere,
    /// A second job with the id of the run's last one.
    DuplicateJob,
    /// A person deletes the Lease by hand.
    FreeLock,
    /// Somebody makes a VM of the name that the run would make.
    TakeName,
    /// That VM is deleted.
    FreeName,
    /// Somebody removes the finalizer by force, from an object that is being deleted.
    ForceRemoval,
    /// The cluster is set back: the object is as it was when it was new.
    SetBack,
    /// The manifest is put in place of the object: finalizer and annotation go, the status stays.
    Replace,
}

/// A change of what may change while a run is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Suspend(bool),
    Cancel,
    StartBy(Ms),
    RunTimeout(i64),
    RetryLimit(u8),
}

/// What a person says with the annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Retry,
    Abandon,
}

impl Weather {
    /// No trouble at all.
    pub fn calm() -> Self {
        Self {
            storm_ends: 0,
            trouble: 0,
            ids_filled: true,
            instead_of_ids: "",
            answers: Vec::new(),
            lag: None,
            jobs_end: None,
            lists_late: false,
            events: Vec::new(),
            scripts: Vec::new(),
        }
    }

    /// From a seed, for so many runs.
    pub fn drawn(rng: &mut fastrand::Rng, runs: usize) -> Self {
        let storm_ends = MINUTE * rng.i64(1..70);
        let mut events: Vec<(Ms, Event)> = Vec::new();
        for _ in 0..rng.usize(0..8) {
            // Most of what matters happens around the first trigger.
            let at = if rng.bool() {
                rng.i64(0..12 * SECOND)
            } else {
                rng.i64(0..storm_ends)
            };
            let event = Event::drawn(rng);
            let run = rng.usize(0..runs);
            events.extend([(at, Event::Aim(run)), (at, event)]);
            // Somebody applies the manifest again, and lifts a suspension, mostly.
            let later = at + rng.i64(SECOND..40 * MINUTE);
            match event {
                Event::Delete | Event::ForceRemoval => {
                    events.extend([(later, Event::Aim(run)), (later, Event::Apply)]);
                }
                Event::Edit(Edit::Suspend(true)) if rng.u32(0..4) > 0 => {
                    let lifted = Event::Edit(Edit::Suspend(false));
                    events.extend([(later, Event::Aim(run)), (later, lifted)]);
                }
                _ => {}
            }
        }
        events.push((storm_ends, Event::FindVault));
        for _ in 0..rng.usize(0..4) {
            let at = rng.i64(10 * MINUTE..100 * MINUTE);
            events.extend([(at, Event::Aim(rng.usize(0..runs))), (at, Event::Person)]);
        }
        events.sort_by_key(|(at, _)| *at);
        Self {
            storm_ends,
            trouble: *rng.choice(&[0, 5, 15, 40]).unwrap_or(&0),
            ids_filled: rng.u32(0..8) > 0,
            instead_of_ids: *rng.choice(&["", "azure-s-own"]).unwrap_or(&""),
            answers: Vec::new(),
            lag: None,
            jobs_end: None,
            lists_late: rng.u32(0..32) == 0,
            events,
            scripts: Self::scripts_drawn(rng),
        }
    }

    /// Some schedules strike at the very instant between two effects.
    fn scripts_drawn(rng: &mut fastrand::Rng) -> Vec<Vec<Line>> {
        if rng.u32(0..4) > 0 {
            return Vec::new();
        }
        let moments = [
            Moment::Claiming,
            Moment::Claimed,
            Moment::Checked,
            Moment::Posted,
            Moment::LettingGo,
            Moment::LetGo,
            Moment::Ended,
        ];
        let moment = moments[rng.usize(0..moments.len())];
        let mut lines = vec![Line::Until(moment)];
        if rng.u32(0..4) == 0 {
            lines.push(Line::Until(moment));
        }
        lines.push(Line::Do(Event::Aim(0)));
        // A vault that goes so late would not come back.
        match Event::drawn(rng) {
            Event::LoseVault => Vec::new(),
            event => {
                lines.push(Line::Do(event));
                vec![lines]
            }
        }
    }
}

impl Event {
    fn drawn(rng: &mut fastrand::Rng) -> Self {
        let process = rng.usize(0..2);
        match rng.u32(0..40) {
            0..=7 => Self::Crash(process),
            8..=12 => Self::Pause(process, rng.i64(SECOND..40 * MINUTE)),
            13..=15 => Self::EraseStatus,
            16..=18 => Self::RollStatusBack,
            19 => Self::GarbleStatus,
            20 => Self::SpoilAnnotation,
            21 => Self::RemoveFinalizer,
            22..=24 => Self::Delete,
            25..=26 => Self::LoseVault,
            27..=31 => Self::Edit(Edit::drawn(rng)),
            32 => Self::SetClock(process, rng.i64(-6 * 60 * MINUTE..6 * 60 * MINUTE)),
            33 => Self::LeaveIdsOut,
            34 => Self::FillIds,
            35 => Self::RestoreElsewhere,
            36 => Self::DuplicateJob,
            37 => Self::TakeName,
            38 => Self::FreeName,
            _ => match rng.u32(0..3) {
                0 => Self::SetBack,
                _ => Self::ForceRemoval,
            },
        }
    }
}

impl Edit {
    fn drawn(rng: &mut fastrand::Rng) -> Self {
        match rng.u32(0..6) {
            0 | 1 => Self::Suspend(true),
            2 => Self::Cancel,
            3 => Self::StartBy(rng.i64(0..60 * MINUTE)),
            4 => Self::RunTimeout(rng.i64(1..90)),
            _ => Self::RetryLimit(rng.u8(0..4)),
        }
    }
}
