//! What a soak has done and seen so far: counts, and what the harness itself could not do.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counts that grow while a soak runs.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// What was done, by its name.
    pub done: BTreeMap<&'static str, u32>,
    /// Events that could not be carried out, with the reason.
    pub failed: Vec<String>,
    /// Controllers that ended although nobody had ended them, with how.
    pub ended_by_itself: Vec<String>,
    /// By how much the harness itself was late at most: the machine stood still for so long.
    pub longest_stall: Duration,
    /// The position in the schedule.
    pub position: usize,
}

impl Tally {
    pub fn done(&self, what: &'static str) {
        *self.lock().done.entry(what).or_default() += 1;
    }

    pub fn failed(&self, what: String) {
        self.lock().failed.push(what);
    }

    pub fn ended_by_itself(&self, how: String) {
        self.lock().ended_by_itself.push(how);
    }

    pub fn stalled(&self, by: Duration) {
        let mut counts = self.lock();
        counts.longest_stall = counts.longest_stall.max(by);
    }

    pub fn reached(&self, position: usize) {
        self.lock().position = position;
    }

    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// `12 kills, 3 freezes`.
    pub fn in_words(&self) -> String {
        let words: Vec<String> = self
            .done
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        words.join(", ")
    }
}
