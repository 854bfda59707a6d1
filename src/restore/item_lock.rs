//! The item lock: one run at a time may write over a VM (design 3; docs/decisions/0010-item-lock.md). Its words, when a run
//! needs it, and when another run's may be taken over.
//!
//! The lock is kept per source VM, not per vault: two vaults must not write over one VM at once either. Its holder is a run
//! key, because an object that is deleted and applied again is the same run.

use jiff::SignedDuration;

use super::facts::Now;
use super::ids::RunKey;
use super::pace::{self, Limits};
use super::questions::{
    claim_of, followed, is_claim_open, is_forbidden, is_open, may_trigger, resolution,
};
use super::record::{Attempt, AttemptState, Mark, Resolve, Run};

/// One read of the lock of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemLock {
    /// What a compare-and-swap compares; none when there is no lock object yet.
    pub version: Option<String>,
    /// Who holds it.
    pub holder: Option<Holder>,
}

/// A run that holds a lock, and its object at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The run. Absent when what stands there is no run key: somebody else's words, which hold all the same.
    pub key: Option<RunKey>,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

impl ItemLock {
    /// Whether this run holds it.
    pub fn is_held_by(&self, key: RunKey) -> bool {
        self.holder
            .as_ref()
            .is_some_and(|holder| holder.key == Some(key))
    }
}

/// What a live read of a holder's object shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HolderState {
    /// There is no such object any more.
    Gone,
    /// The run has ended and no claim of it stands.
    LetGo,
    /// It still may restore.
    Holds,
    /// It could not be read or understood: that is not *gone*.
    Unknown,
}

/// What the live object of a holder's name says about that holder.
pub fn state_of(run: &Run, holder: &Holder) -> HolderState {
    // Before the vault is pinned the key is not known: the object may be the holder's, applied again or with a lost status.
    if run.record.unreadable.is_some() || run.record.vault.is_none() {
        return HolderState::Unknown;
    }
    if holder.key != Some(run.key) {
        return HolderState::Gone;
    }
    let over = run.record.end.is_some() || run.deleting;
    if over && run.mark == Mark::None {
        HolderState::LetGo
    } else {
        HolderState::Holds
    }
}

/// Whose turn it is to write over a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// This run writes over nothing, or may not trigger now anyway.
    NotAsked,
    /// This run's: it took the lock, or wrote down again that it holds it.
    Ours,
    /// Somebody else's, for this reason.
    Others(String),
}

/// What a run has to do with its lock now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The next look may lead to a claim: the lock must be ours before that look.
    Take,
    /// An outcome is open, or a job runs: a lock that is ours stays ours.
    Keep,
    /// Nothing of the run can start any more, or it may not start now: a lock that is ours goes.
    Release,
}

/// What a run that writes over its VM has to do with the lock; nothing for other runs.
pub fn need(run: &Run, now: Now) -> Option<Need> {
    if !run.intent.target.overwrites_source() {
        return None;
    }
    if run.record.unreadable.is_some()
        || matches!(run.mark, Mark::Unreadable | Mark::WithoutFinalizer(_))
    {
        return Some(Need::Keep);
    }
    let claim = claim_of(run);
    let own = claim.and_then(|claim| run.record.of_claim(claim));
    let lost_open = claim.is_none() && run.record.attempts.iter().any(is_undecided);
    if is_claim_open(claim, own) || lost_open {
        let retry = matches!(resolution(run), Some(Resolve::Retry(_))) && may_trigger(run, now);
        return Some(if retry { Need::Take } else { Need::Keep });
    }
    if run.record.end.is_some() {
        return Some(match own.map(|own| own.state) {
            None
            | Some(
                AttemptState::Ended
                | AttemptState::JobFailed
                | AttemptState::NotStarted
                | AttemptState::OperationFailed
                | AttemptState::Adopted
                | AttemptState::Abandoned,
            ) => Need::Release,
            // Its job may run unlisted until the claim goes.
            Some(
                AttemptState::Claimed
                | AttemptState::Conflict
                | AttemptState::Unknown
                | AttemptState::Accepted
                | AttemptState::JobSought
                | AttemptState::Running
                | AttemptState::NotFound
                | AttemptState::Blocked,
            ) => Need::Keep,
        });
    }
    if followed(run).is_some() {
        return Some(Need::Keep);
    }
    // Only what the object says releases a lock, never a clock: another process, whose clock is behind, may be about to
    // claim, and nothing that it does would make this release fail.
    Some(if may_trigger(run, now) {
        Need::Take
    } else if is_forbidden(run) {
        Need::Release
    } else {
        Need::Keep
    })
}

fn is_undecided(attempt: &Attempt) -> bool {
    is_open(attempt.state) || attempt.state == AttemptState::Accepted
}

/// A lock of another run whose holder was seen to be gone or to have let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacancy {
    /// The lock as it was read; another version starts another window.
    pub(super) lock: ItemLock,
    /// Since when this process has seen it so, on the boot-time clock.
    pub(super) since: SignedDuration,
}

/// Whether a lock that another run holds may be taken over now, after its holder's object was read live.
///
/// # Errors
/// Why not, for a person.
pub fn take_over(
    seen: &mut Option<Vacancy>,
    lock: &ItemLock,
    state: HolderState,
    now: Now,
    limits: &Limits,
) -> Result<(), String> {
    let name = lock.holder.as_ref().map_or_else(String::new, |holder| {
        format!("{}/{}", holder.namespace, holder.name)
    });
    match state {
        HolderState::Holds => {
            *seen = None;
            Err(format!(
                "VmRestore {name} writes over this vm; one run at a time may do so, this one follows"
            ))
        }
        // What could not be read disproves nothing: a holder that came back would have written the lock again.
        HolderState::Unknown => Err(format!(
            "VmRestore {name} holds the lock of this vm and cannot be read or understood now; this run follows once it is known that the other one can restore no more"
        )),
        HolderState::Gone | HolderState::LetGo => {
            let vacancy = match seen.take() {
                Some(vacancy) if vacancy.lock == *lock => vacancy,
                _ => Vacancy {
                    lock: lock.clone(),
                    since: now.boot,
                },
            };
            let over = vacancy.since + limits.adoption_window;
            *seen = Some(vacancy);
            if now.boot >= over {
                return Ok(());
            }
            let until = pace::minute_after(now.wall, over - now.boot);
            Err(format!(
                "VmRestore {name} held the lock of this vm and cannot restore any more; this run follows at about {until}, when anything that it started must be listed"
            ))
        }
    }
}

#[cfg(test)]
#[path = "item_lock_tests.rs"]
mod tests;
