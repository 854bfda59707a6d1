//! What happens at the instant of an effect: a schedule that says "after the claim write", not "after 340 ms".
//!
//! A script is read line by line: it waits for a moment, lets time pass, or lets something happen. Several scripts run
//! beside each other.

use super::weather::Event;
use super::world::{Ms, World};

/// One line of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Waits until this happens, from now on.
    Until(Moment),
    /// Lets time pass.
    Wait(Ms),
    /// Lets something happen.
    Do(Event),
}

/// An instant between two effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A process is about to write a claim; nothing was sent yet.
    Claiming,
    /// A claim was written; its answer is on its way.
    Claimed,
    /// A process is about to remove a claim; nothing was sent yet.
    LettingGo,
    /// A claim was removed; the answer is on its way.
    LetGo,
    /// A status was written.
    Saved,
    /// The status says for the first time that a person must act.
    Blocked,
    /// The status says for the first time how it ended.
    Ended,
    /// A process has checked for the last time that it may send; nothing was sent yet.
    Checked,
    /// A POST took its effect in Azure; its answer is on its way.
    Posted,
    /// A complete listing showed a job for the first time.
    Listed,
    /// A process is about to read the lock of the VM; nothing was sent yet.
    AskingForLock,
    /// A process is about to take the lock that it has read; nothing was sent yet.
    TakingLock,
    /// A process is about to release the lock; nothing was sent yet.
    ReleasingLock,
    /// The lock was released; the answer is on its way.
    LockReleased,
}

/// A script that is being played.
#[derive(Debug, Clone)]
pub struct Playing {
    lines: std::vec::IntoIter<Line>,
    waits_for: Option<Moment>,
    goes_on: Option<Ms>,
}

impl Playing {
    pub fn of(lines: Vec<Line>) -> Self {
        Self {
            lines: lines.into_iter(),
            waits_for: None,
            goes_on: Some(0),
        }
    }

    /// Reads on; what happens is added to `due`.
    fn read_on(&mut self, now: Ms, due: &mut Vec<Event>) {
        self.goes_on = None;
        for line in self.lines.by_ref() {
            match line {
                Line::Do(event) => due.push(event),
                Line::Wait(ms) => {
                    self.goes_on = Some(now + ms);
                    return;
                }
                Line::Until(moment) => {
                    self.waits_for = Some(moment);
                    return;
                }
            }
        }
    }
}

impl World {
    /// Something happened that a script may wait for.
    pub fn witness(&mut self, moment: Moment) {
        for playing in &mut self.scripts {
            if playing.waits_for == Some(moment) {
                playing.waits_for = None;
                playing.read_on(self.now, &mut self.due);
            }
        }
    }

    /// What is to happen now by the scripts.
    pub fn due_events(&mut self) -> Vec<Event> {
        for playing in &mut self.scripts {
            if playing.goes_on.is_some_and(|at| at <= self.now) {
                playing.read_on(self.now, &mut self.due);
            }
        }
        std::mem::take(&mut self.due)
    }

    /// When a script goes on by itself.
    pub fn next_line(&self) -> Option<Ms> {
        self.scripts.iter().filter_map(|one| one.goes_on).min()
    }
}
