//! Takes, keeps and releases the lock of a VM that is written over (docs/decisions/0010-item-lock.md).

use super::super::ids::ArmId;
use super::super::item_lock::{self, Holder, ItemLock, Need, Taker, Turn};
use super::super::ports::{Clock, RunStore, StoreError, Vault};
use super::super::record::Run;
use super::Pass;

impl<S: RunStore, V: Vault, C: Clock> Pass<'_, S, V, C> {
    /// Whose turn it is: takes the lock before a look that may lead to a claim, or says who holds it. A lock that is ours is
    /// written again, so that a release which another process decided on before fails.
    pub(super) async fn take_turn(&mut self, run: &Run, vault: &V) -> Result<Turn, StoreError> {
        if item_lock::need(run, self.clock.now()) != Some(Need::Take) {
            return Ok(Turn::NotAsked);
        }
        let vm = &run.intent.vm;
        let lock = match self.store.read_lock(vm).await {
            Ok(lock) => lock,
            Err(error) => return unreachable(error),
        };
        if let Some(holder) = lock.holder.as_ref().filter(|_| !lock.is_held_by(run.key)) {
            let state = self.store.holder_state(holder).await;
            let now = self.clock.now();
            let turn =
                item_lock::take_over(&mut self.memory.vacancy, &lock, state, now, self.limits);
            let turn = match (turn, item_lock::to_be_asked(&lock, run)) {
                (Ok(()), Some(other)) => ended_elsewhere(vault, holder, other, vm).await,
                (turn, _) => turn,
            };
            if let Err(why) = turn {
                return Ok(Turn::Others(why));
            }
            tracing::info!(vm = %vm, "takes over the lock of the vm: its holder can restore no more");
        }
        self.memory.lock_is_not_held = false;
        match self.store.take_lock(&lock, Taker::of(run)).await {
            Ok(()) => Ok(Turn::Ours),
            Err(error) => unreachable(error),
        }
    }

    /// Releases the lock if it is ours. The lock is read before the object, so that what the object says is never older than
    /// the lock that goes.
    pub(super) async fn release_lock(&mut self, run: &Run) -> Result<(), StoreError> {
        let vm = &run.intent.vm;
        let lock = self.store.read_lock(vm).await?;
        if lock.is_held_by(run.key) {
            let again = match self.store.read().await {
                Ok(stored) => item_lock::need(&stored.run, self.clock.now()),
                Err(StoreError::Gone) => Some(Need::Release),
                Err(error) => return Err(error),
            };
            if again != Some(Need::Release) {
                return Ok(());
            }
            self.store.release_lock(vm, &lock).await?;
        }
        self.memory.lock_is_not_held = true;
        Ok(())
    }

    /// The lock, read before the claim of a deletion goes, if it is ours and goes with it.
    pub(super) async fn lock_that_goes_with(
        &self,
        run: &Run,
    ) -> Result<Option<ItemLock>, StoreError> {
        // What a job may still write over stays locked: whoever takes the lock over sees that it has ended.
        if !run.deleting || !run.intent.target.overwrites_source() || item_lock::may_be_writing(run)
        {
            return Ok(None);
        }
        let lock = self.store.read_lock(&run.intent.vm).await?;
        Ok(lock.is_held_by(run.key).then_some(lock))
    }
}

/// Whether everything that a holder started in another vault has ended, as that vault tells.
async fn ended_elsewhere<V: Vault>(
    vault: &V,
    holder: &Holder,
    other: &ArmId,
    vm: &ArmId,
) -> Result<(), String> {
    let name = format!("{}/{}", holder.namespace, holder.name);
    match vault.restore_in_progress_in(other, vm).await {
        Ok(None) => Ok(()),
        Ok(Some(job)) => Err(format!(
            "VmRestore {name} held the lock of this vm, and job {job} of vault {other} restores the vm; this run follows when it has ended"
        )),
        Err(error) => Err(format!(
            "VmRestore {name} held the lock of this vm, and whether a restore that it started in vault {other} has ended cannot be read ({error}); let the identity of this run's vault object read the jobs there, or delete the Lease of this vm in the controller's namespace once none runs"
        )),
    }
}

/// A refusal must be read in status: nothing else of the run's is refused.
fn unreachable(error: StoreError) -> Result<Turn, StoreError> {
    match error {
        StoreError::Refused(why) => Ok(Turn::Others(format!(
            "the lock of this vm cannot be read or written: {why}"
        ))),
        StoreError::Conflict | StoreError::Gone | StoreError::Lost(_) => Err(error),
    }
}
