//! What the deciding side needs from the world: a vault in Azure, the stored object, a clock.
//!
//! `azure` implements [`Vault`], `controller` implements [`RunStore`] and [`ItemLocks`], `app` joins them.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};

use super::choose::TakenBetween;
use super::facts::{
    JobDetail, Listing, Now, Operation, ProtectedItem, RecoveryPoint, Surroundings, TriggerOutcome,
    VaultError, VaultFacts,
};
use super::ids::{ArmId, ClaimId, JobId, OperationId, RecoveryPointName, RequestId};
use super::item_lock::{Holder, HolderState, ItemLock, Taker};
use super::record::{Claim, Matching, Record, Run};
use super::request::RestoreRequest;

/// The one clock of the process. Under a time scale both readings and sleeps are scaled together.
pub trait Clock: Send + Sync + 'static {
    /// Both clocks, read together.
    fn now(&self) -> Now;
    /// Sleeps for a duration of this clock.
    fn sleep(&self, duration: SignedDuration) -> impl Future<Output = ()> + Send;
    /// How long a duration of this clock takes in the real world; never negative.
    fn real(&self, duration: SignedDuration) -> std::time::Duration;
}

/// One Recovery Services vault, reached as one identity. Cheap to clone; clones share token, budget and job board.
pub trait Vault: Clone + Send + Sync + 'static {
    /// Gets a token if there is none, so that nothing slow or failing comes between a claim and its trigger.
    fn ready(&self) -> impl Future<Output = Result<(), VaultError>> + Send;

    /// The vault itself.
    fn facts(&self) -> impl Future<Output = Result<VaultFacts, VaultError>> + Send;

    /// The protected item of a VM, or `None` when the vault does not protect it. The vault's items are listed once and
    /// kept for minutes; a VM that is not among them causes one new list, not more often than once in 30 seconds.
    fn protected_item(
        &self,
        vm: &ArmId,
    ) -> impl Future<Output = Result<Option<ProtectedItem>, VaultError>> + Send;

    /// Every recovery point of an item, all pages; with `between` at least all that were taken then. Each name once.
    fn recovery_points(
        &self,
        item: &ProtectedItem,
        between: Option<TakenBetween>,
    ) -> impl Future<Output = Result<Vec<RecoveryPoint>, VaultError>> + Send;

    /// One recovery point, or `None` when Azure has none of that name.
    fn recovery_point(
        &self,
        item: &ProtectedItem,
        name: &RecoveryPointName,
    ) -> impl Future<Output = Result<Option<RecoveryPoint>, VaultError>> + Send;

    /// Sends one restore POST, once, if the deadline has not passed in the moment before the send.
    fn trigger(&self, trigger: &Trigger<'_>) -> impl Future<Output = TriggerOutcome> + Send;

    /// One read of an operation: at the vault, and on 400 or 404 at the item. `None` when neither knows it (any more).
    fn operation(
        &self,
        item: &ProtectedItem,
        id: &OperationId,
    ) -> impl Future<Output = Result<Option<Operation>, VaultError>> + Send;

    /// A complete listing of the vault's restore jobs that satisfies the need; waits for a read that is under way rather
    /// than starting another one.
    fn jobs(&self, need: JobsNeed) -> impl Future<Output = Result<Listing, VaultError>> + Send;

    /// One job with its tasks, errors and properties; `None` when Azure has none of that name.
    ///
    /// # Errors
    /// `RefusalKind::Throttled` without a call when `Spare` is asked and the budget has none.
    fn job(
        &self,
        id: &JobId,
        budget: Budget,
    ) -> impl Future<Output = Result<Option<JobDetail>, VaultError>> + Send;

    /// Whether a VM exists in Azure now, read live; any subscription that the identity may read.
    fn virtual_machine_exists(
        &self,
        vm: &ArmId,
    ) -> impl Future<Output = Result<bool, VaultError>> + Send;

    /// A restore of a VM that is in progress in another vault, as far as this identity may read that vault's jobs.
    fn restore_in_progress_in(
        &self,
        vault: &ArmId,
        vm: &ArmId,
    ) -> impl Future<Output = Result<Option<JobId>, VaultError>> + Send;

    /// What stands around a restore: Resource Guards of the vault and the staging storage account, as far as they may be read.
    /// Kept for minutes. A vault that has nothing of that kind says nothing.
    fn surroundings(
        &self,
        _storage_account: &ArmId,
    ) -> impl Future<Output = Result<Surroundings, VaultError>> + Send {
        async { Ok(Surroundings::default()) }
    }

    /// How often the job list is read now: the vault's `pollInterval`, stretched as the budget demands.
    fn interval(&self) -> SignedDuration;
}

/// How fresh a listing must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobsNeed {
    /// The listing must have been begun at or after this instant of the boot-time clock. `None`: a listing that is
    /// younger than [`Vault::interval`] serves, or any complete one when `any_age`.
    pub begun_after: Option<SignedDuration>,
    /// A complete listing of any age serves: to find what may have been there all the time.
    pub any_age: bool,
    /// A job of interest that started then must be covered by the listing (the date filter takes start times).
    pub since: Option<Timestamp>,
}

/// Which part of the read budget a call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Only what the job lists leave over.
    Spare,
    /// Needed to end or decide a run: waits only for what Azure itself demands.
    Needed,
}

/// Everything that one trigger needs.
#[derive(Debug, Clone, Copy)]
pub struct Trigger<'a> {
    /// The item, for the path.
    pub item: &'a ProtectedItem,
    /// The request, for path and body.
    pub request: &'a RestoreRequest,
    /// The `x-ms-client-request-id`.
    pub request_id: RequestId,
    /// Nothing is sent at or after these instants.
    pub deadline: Deadline,
}

/// The last moment for a send, on both clocks: the wall clock may be set, the boot-time clock belongs to this machine alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// On the boot-time clock.
    pub boot: SignedDuration,
    /// On the wall clock (the claim's end or `startBy`, whichever is earlier).
    pub wall: Timestamp,
}

impl Deadline {
    /// Whether a send is still allowed.
    pub fn allows(&self, now: Now) -> bool {
        now.boot < self.boot && now.wall < self.wall
    }
}

/// The locks of VMs that are written over, kept where every controller of the cluster sees them, read live.
pub trait ItemLocks: Send + Sync {
    /// Reads the lock of a VM.
    fn read_lock(&self, vm: &ArmId) -> impl Future<Output = Result<ItemLock, StoreError>> + Send;

    /// Makes the run of this object the holder, by compare-and-swap with what was read: takes a free lock, takes over a
    /// held one, or writes down once more that it is ours, so that a release that was decided before fails. `Lost` means
    /// that it may have happened. The lock remembers the run's vault.
    fn take_lock(
        &self,
        read: &ItemLock,
        taker: Taker<'_>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the lock by compare-and-swap with what was read. Only its holder calls this.
    fn release_lock(
        &self,
        vm: &ArmId,
        read: &ItemLock,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads the object of a holder live. Whatever stands in the way is [`HolderState::Unknown`].
    fn holder_state(&self, holder: &Holder) -> impl Future<Output = HolderState> + Send;
}

/// The stored `VmRestore`, read and written at the API server, never from a cache.
pub trait RunStore: ItemLocks {
    /// What a compare-and-swap compares.
    type Version: Clone + Send + Sync;

    /// Reads the object.
    fn read(&self) -> impl Future<Output = Result<Stored<Self::Version>, StoreError>> + Send;

    /// Writes finalizer and claim annotation by compare-and-swap. `Lost` means that the write may have happened.
    fn write_claim(
        &self,
        base: &Stored<Self::Version>,
        claim: Claim,
    ) -> impl Future<Output = Result<Stored<Self::Version>, StoreError>> + Send;

    /// Removes finalizer and annotation by compare-and-swap.
    fn let_go(
        &self,
        base: &Stored<Self::Version>,
    ) -> impl Future<Output = Result<Stored<Self::Version>, StoreError>> + Send;

    /// Writes status by compare-and-swap, if it differs enough from what is stored.
    fn save(
        &self,
        base: &Stored<Self::Version>,
        record: &Record,
    ) -> impl Future<Output = Result<Stored<Self::Version>, StoreError>> + Send;

    /// What the vault's object says about the worth of activity ids, read now.
    fn matching(&self) -> impl Future<Output = Result<Matching, StoreError>> + Send;

    /// Records a comparison in the vault's object.
    fn note_matching(
        &self,
        matching: Matching,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether another `VmRestore` says that this job is its own.
    fn job_is_of_another_run(
        &self,
        job: &JobId,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Counts a trigger by what is known of its outcome; who does not count ignores it.
    fn count_trigger(&self, _outcome: &'static str) {}

    /// Whether a new claim may still be made: a process that is about to end makes none, as its POST could be cut off.
    fn may_claim(&self) -> bool {
        true
    }

    /// A fresh random claim id.
    fn new_claim_id(&self) -> ClaimId;
}

/// One read of the stored object.
#[derive(Debug, Clone)]
pub struct Stored<V> {
    /// What it says.
    pub run: Run,
    /// Its version.
    pub version: V,
    /// When the read had been answered: a look that a claim builds on must begin later.
    pub read_at: Now,
}

/// An access to the API server that did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote in between: start again from a read.
    #[error("somebody else changed the object in between")]
    Conflict,
    /// The object is no more.
    #[error("the object is gone")]
    Gone,
    /// No answer came: the write may have happened.
    #[error("no answer came: {0}")]
    Lost(String),
    /// The API server refused or could not be reached; nothing was written.
    #[error("the API server did not take it: {0}")]
    Refused(String),
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, boot, wall};
    use super::*;

    #[test]
    fn a_send_is_allowed_before_its_deadline_on_both_clocks_and_not_at_it() {
        let deadline = Deadline {
            boot: boot(30),
            wall: wall(30),
        };
        let clocks = |on_wall: i64, on_boot: i64| {
            deadline.allows(Now {
                wall: wall(on_wall),
                boot: boot(on_boot),
            })
        };

        assert!(deadline.allows(at(29)));
        for (on_wall, on_boot) in [(30, 29), (31, 29), (29, 30), (29, 31), (30, 30), (31, 31)] {
            assert!(!clocks(on_wall, on_boot), "{on_wall} {on_boot}");
        }
    }
}
