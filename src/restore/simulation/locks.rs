//! The lock of the VM, as the API server stores it.

use super::super::ids::ArmId;
use super::super::item_lock::{self, Holder, HolderState, ItemLock, Taker};
use super::super::ports::{ItemLocks, StoreError};
use super::object_store::Port;
use super::script::Moment;
use super::world::World;

impl World {
    fn item_lock(&self) -> ItemLock {
        let holder = self.lock.map(|(_, run)| Holder {
            key: Some(self.runs[run].key),
            namespace: "n".to_owned(),
            name: format!("r{run}"),
            vault: Some(self.runs[run].intent.vault.clone()),
        });
        ItemLock {
            version: self.lock.map(|(version, _)| version.to_string()),
            holder,
        }
    }

    fn compare_lock(&self, read: &ItemLock) -> Result<(), StoreError> {
        if self.item_lock().version == read.version {
            Ok(())
        } else {
            Err(StoreError::Conflict)
        }
    }
}

impl ItemLocks for Port {
    async fn read_lock(&self, _: &ArmId) -> Result<ItemLock, StoreError> {
        self.world.lock().witness(Moment::AskingForLock);
        self.access(|world| Ok(world.item_lock())).await
    }

    async fn take_lock(&self, read: &ItemLock, _: Taker<'_>) -> Result<(), StoreError> {
        let (run, process) = (self.run, self.process);
        self.world.lock().witness(Moment::TakingLock);
        self.access(|world| {
            world.compare_lock(read)?;
            world.versions += 1;
            let before = world.lock.replace((world.versions, run));
            if before.map(|(_, holder)| holder) != Some(run) {
                world.say(|_| format!("p{process} takes the lock for r{run}, held by {before:?}"));
            }
            Ok(())
        })
        .await
    }

    async fn release_lock(&self, _: &ArmId, read: &ItemLock) -> Result<(), StoreError> {
        let (run, process) = (self.run, self.process);
        self.world.lock().witness(Moment::ReleasingLock);
        self.access(|world| {
            if world.lock.is_none() {
                return Ok(());
            }
            world.compare_lock(read)?;
            world.lock = None;
            world.say(|_| format!("p{process} releases the lock of r{run}"));
            world.witness(Moment::LockReleased);
            Ok(())
        })
        .await
    }

    async fn holder_state(&self, holder: &Holder) -> HolderState {
        let read = self
            .access(|world| {
                let index = holder.name.trim_start_matches('r').parse::<usize>();
                let intended = index.ok().and_then(|index| world.runs.get(index));
                Ok(match intended.and_then(|intended| intended.read()) {
                    Some(run) => item_lock::state_of(&run, holder),
                    None => HolderState::Gone,
                })
            })
            .await;
        read.unwrap_or(HolderState::Unknown)
    }
}
