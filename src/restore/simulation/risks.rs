//! The residual risks that the design names: what a run that takes one may do wrong is excused for that run, and counted.

use super::super::record::Matching;
use super::world::{Ms, SECOND, World};

/// A residual risk (docs/exactly-once.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// A process stood still between its last check and the send. What writes over a VM takes it only once a person has decided.
    LateSend,
    /// The finalizer was removed by force from an object that was being deleted.
    ForcedRemoval,
    /// The object was set back, claim and all, to what it was before.
    SetBack,
    /// Azure left an activityId out and nobody knew it, or nobody knew it any more.
    IdLeftOut,
    /// A person decided while jobs, or the job of this run, could not be found by their ids.
    DecidedWhileBroken,
    /// The list showed a job later than the window allows for.
    ListedLate,
    /// Two clusters use one scope.
    SharedScope,
    /// Somebody else sent a restore with the id of a run that writes over a VM, before the run's own job was listed.
    IdUsedByOthers,
}

/// A gap between check and send that the window has no room for beside a slow answer and a late list.
pub const LONGEST_GAP: Ms = 60 * SECOND;

/// The latest that a job may be listed for good, after the POST's effect, so that the window holds in the worst case here.
pub const LATEST_LIST: Ms = 650 * SECOND;

impl World {
    /// The run takes a risk: from now on what it does wrong is counted and not held against the protocol.
    pub fn take_risk(&mut self, run: usize, risk: Risk) {
        if self.runs[run].risks.insert(risk) {
            self.say(|_| format!("-- r{run} takes the risk {risk:?}"));
        }
    }

    pub fn violated(&mut self, what: String) {
        self.say(|_| format!("VIOLATION {what}"));
        self.violations.push(what);
    }

    /// As [`Self::violated`], unless the run has taken a risk.
    pub fn violated_by(&mut self, run: usize, what: String) {
        match self.runs[run].risks.first().copied() {
            None => self.violated(format!("r{run}: {what}")),
            Some(risk) => {
                self.say(|_| format!("excused by {risk:?}: {what}"));
                self.excused.push((risk, what));
            }
        }
    }

    /// The vault's object says this of activity ids from now on.
    pub fn learn_matching(&mut self, matching: Matching) {
        self.say(|_| format!("jobMatching is {matching:?}"));
        self.matching = matching;
        let since = self.broken_since.or(Some(self.now));
        self.broken_since = since.filter(|_| matching == Matching::Broken);
        if matching == Matching::Broken {
            return;
        }
        for run in 0..self.runs.len() {
            let hidden = self
                .jobs
                .iter()
                .any(|job| job.run == Some(run) && job.is_hidden());
            if hidden {
                self.take_risk(run, Risk::IdLeftOut);
            }
        }
    }
}
