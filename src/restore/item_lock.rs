//! The item lock: one run at a time may write over a VM (design 3; docs/decisions/0010-item-lock.md). Its words, when a run
//! needs it, and when another run's may be taken over.
//!
//! The lock is kept per source VM, not per vault: two vaults must not write over one VM at once either. Its holder is a run
//! key, because an object that is deleted and applied again is the same run.

use jiff::SignedDuration;

use super::facts::Now;
use super::ids::{ArmId, JobId, RunKey};
use super::pace::{self, Limits};
use super::questions::{
    claim_of, followed, is_claim_open, is_forbidden, is_undecided, may_trigger, resolution,
};
use super::record::{AttemptState, Mark, Resolve, Run};

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
    /// The vault whose jobs show what the run has started. Absent where an older version wrote it down.
    pub vault: Option<ArmId>,
}

/// A run that takes a lock.
#[derive(Debug, Clone, Copy)]
pub struct Taker<'a> {
    /// The VM whose lock it is.
    pub vm: &'a ArmId,
    /// The run.
    pub key: RunKey,
    /// The vault whose jobs show what the run will have started.
    pub vault: &'a ArmId,
}

impl<'a> Taker<'a> {
    /// The run as one that takes the lock of its VM.
    pub fn of(run: &'a Run) -> Self {
        Self {
            vm: &run.intent.vm,
            key: run.key,
            vault: &run.intent.vault,
        }
    }
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
    /// The run has ended, or knows no vault, and no claim of it stands: it cannot send anything without taking the lock anew.
    /// What it has started may still run.
    LetGo,
    /// It still may restore.
    Holds,
    /// It could not be read or understood: that is not *gone*.
    Unknown,
}

/// What the live object of a holder's name says about that holder.
pub fn state_of(run: &Run, holder: &Holder) -> HolderState {
    if run.record.unreadable.is_some() {
        return HolderState::Unknown;
    }
    // Before the vault is pinned the key is not known: the object may be the holder's, applied again or with a lost status.
    // Either way it must choose its point, and then take the lock anew, before it can claim.
    if run.record.vault.is_none() {
        return if run.mark == Mark::None {
            HolderState::LetGo
        } else {
            HolderState::Unknown
        };
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
    if may_be_writing(run) {
        return Some(Need::Keep);
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
    let record = &run.record;
    // It says nothing of a job that may run: a look does.
    let is_erased = record.point.is_none() && record.attempts.is_empty();
    Some(if may_trigger(run, now) {
        Need::Take
    } else if is_forbidden(run) && !is_erased {
        Need::Release
    } else {
        Need::Keep
    })
}

/// Whether a job of the run may still write over the VM: it ran when it was last heard of. A run that timed out, or whose
/// object is deleted, does not follow its job to the end.
pub fn may_be_writing(run: &Run) -> bool {
    let job = run.record.job.as_ref().map(|job| &job.summary);
    let ended = |id: &JobId| job.is_some_and(|job| job.id == *id && job.status.is_terminal());
    run.record.attempts.iter().any(|attempt| {
        matches!(attempt.state, AttemptState::Running | AttemptState::Adopted)
            && !attempt.job.as_ref().is_some_and(ended)
    })
}

/// A lock of another run whose holder was seen to be gone or to have let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacancy {
    /// The lock as it was read; another version starts another window.
    pub(super) lock: ItemLock,
    /// Since when this process has seen it so, on the boot-time clock.
    pub(super) since: SignedDuration,
}

/// The vault, other than this run's own, that shows whether what the holder started has ended. The run's own look shows it in
/// its own vault.
pub fn to_be_asked<'a>(lock: &'a ItemLock, run: &Run) -> Option<&'a ArmId> {
    let vault = lock.holder.as_ref()?.vault.as_ref()?;
    (*vault != run.intent.vault).then_some(vault)
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
