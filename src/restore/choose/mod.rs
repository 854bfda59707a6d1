//! Chooses the recovery point and says why.
//!
//! [`PointSelector`] is what the object asks for; `rules` is what may speak against a point; [`newest`] and [`named`] choose;
//! `explain` says it for people. Pure, and total: input order never matters, as the order of points is defined by time,
//! then name (the longer number is the greater one, then the text). The names of a list are unique.

mod explain;
mod rules;
mod selector;

#[cfg(test)]
mod choose_tests;
#[cfg(test)]
mod oracle_tests;

use jiff::Timestamp;

use super::facts::RecoveryPoint;
use super::ids::RecoveryPointName;
use super::record::{Candidate, ChosenPoint, Note, NoteKind};
pub use selector::{Consistency, Criteria, PointSelector, StorageTier, TakenBetween};

use rules::{Rule, Terms, broken};

/// How many points status shows.
const CANDIDATES: usize = 5;

/// How many newer points than the chosen one status shows, if there are older ones too.
const NEWER_CANDIDATES: usize = 3;

/// Who asks, and under which circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Name of the VM, for messages.
    pub vm: &'a str,
    /// The time of the choice.
    pub now: Timestamp,
    /// Whether an archived point may be rehydrated for this restore.
    pub may_rehydrate: bool,
    /// The times that the list was restricted to, if it is not the whole one.
    pub listed: Option<TakenBetween>,
}

impl Question<'_> {
    fn terms(&self) -> Terms {
        Terms {
            now: self.now,
            may_rehydrate: self.may_rehydrate,
        }
    }
}

/// A point and the rules that it breaks.
struct Judged<'a> {
    point: &'a RecoveryPoint,
    broken: Vec<Rule>,
}

impl Judged<'_> {
    fn qualifies(&self) -> bool {
        self.broken.is_empty()
    }
}

/// Chooses the newest point that breaks no rule.
///
/// # Errors
/// A note with how many points each rule rejected, and the nearest one.
pub fn newest(
    points: &[RecoveryPoint],
    criteria: &Criteria,
    question: &Question<'_>,
) -> Result<ChosenPoint, Box<Note>> {
    let mut judged: Vec<Judged> = points
        .iter()
        .map(|point| Judged {
            point,
            broken: broken(point, criteria, question.terms()),
        })
        .collect();
    judged.sort_by(|a, b| order(b.point).cmp(&order(a.point)));
    let Some(at) = judged.iter().position(Judged::qualifies) else {
        return Err(Box::new(Note {
            kind: NoteKind::NoRecoveryPoint,
            message: explain::none_qualifies(&judged, criteria, question),
        }));
    };
    Ok(ChosenPoint {
        point: judged[at].point.clone(),
        reason: explain::won(&judged, judged[at].point, criteria, question),
        candidates: candidates(&judged, at, criteria),
    })
}

/// Takes the point that was named, if it can be restored from.
///
/// # Errors
/// A note that says what is wrong with it.
pub fn named(
    point: Option<RecoveryPoint>,
    name: &RecoveryPointName,
    question: &Question<'_>,
) -> Result<ChosenPoint, Box<Note>> {
    let vm = question.vm;
    let Some(point) = point else {
        return Err(Box::new(Note {
            kind: NoteKind::RecoveryPointNotFound,
            message: format!(
                "vm {vm} has no recovery point {name} (spec.recoveryPoint.name); list them with `az backup recoverypoint list` and create a new VmRestore with one of these names"
            ),
        }));
    };
    let mut broken = broken(&point, &Criteria::default(), question.terms());
    // Nothing has to be put in order.
    broken.retain(|rule| *rule != Rule::Time);
    if let Some(rule) = broken.first() {
        let defect = explain::defect(*rule, &point, &Criteria::default());
        return Err(Box::new(Note {
            kind: NoteKind::RecoveryPointUnusable,
            message: format!(
                "recovery point {name} of vm {vm} (spec.recoveryPoint.name) cannot be restored from: {defect}; create a new VmRestore with another point"
            ),
        }));
    }
    Ok(ChosenPoint {
        reason: format!(
            "named in spec.recoveryPoint.name{}",
            explain::unchecked(&point)
        ),
        candidates: Vec::new(),
        point,
    })
}

/// Points are in order by time; a time that cannot be read comes before all others.
fn order(point: &RecoveryPoint) -> (Option<Timestamp>, usize, &str) {
    let name = point.name.as_str();
    (point.time, name.len(), name)
}

/// The chosen point and those next to it, newest first: a person sees why newer ones lost.
fn candidates(judged: &[Judged<'_>], chosen: usize, criteria: &Criteria) -> Vec<Candidate> {
    let last_start = judged.len().saturating_sub(CANDIDATES);
    let start = chosen.saturating_sub(NEWER_CANDIDATES).min(last_start);
    judged
        .iter()
        .enumerate()
        .skip(start)
        .take(CANDIDATES)
        .map(|(at, other)| Candidate {
            name: other.point.name.clone(),
            time: other.point.time,
            consistency: other.point.consistency.clone(),
            verdict: if at == chosen {
                "chosen".to_owned()
            } else {
                explain::verdict(other, criteria)
            },
        })
        .collect()
}
