//! The words of the item lock: one run at a time may write over a VM (design 3; docs/decisions/0010-item-lock.md).
//!
//! The lock is kept per source VM, not per vault: two vaults must not write over one VM at once either. Its holder is a run
//! key, because an object that is deleted and applied again is the same run.

use super::ids::RunKey;

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
