//! Finds the item and chooses the recovery point.

use super::super::choose::{self, Question};
use super::super::ports::{Clock, JobsNeed, RunStore, StoreError, Stored, Vault};
use super::super::progress;
use super::super::record::{Note, NoteKind};
use super::checking::Hindrance;
use super::{AT_ONCE, After, Pass};

impl<S: RunStore, V: Vault, C: Clock> Pass<'_, S, V, C> {
    /// Finds item and point. A run that is new here but not in Azure (its object was deleted and applied again, its status
    /// erased) finds its job in what the vault is known to list and chooses nothing.
    pub(super) async fn select(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
    ) -> Result<After, StoreError> {
        let known = JobsNeed {
            begun_after: None,
            any_age: true,
            since: None,
        };
        let listing = match self.prepare(&vault, known).await {
            Ok(listing) => listing,
            Err(error) => {
                return self
                    .trouble(&stored, &error, "the vault's jobs cannot be listed")
                    .await;
            }
        };
        if stored
            .run
            .key
            .request_ids()
            .any(|(_, id)| !listing.of_request(id).is_empty())
        {
            return self.look(vault, stored).await;
        }
        self.choose(vault, stored).await
    }

    pub(super) async fn choose(
        &mut self,
        vault: V,
        stored: Stored<S::Version>,
    ) -> Result<After, StoreError> {
        let intent = &stored.run.intent;
        let facts = match vault.facts().await {
            Ok(facts) => facts,
            Err(error) => {
                return self
                    .trouble(&stored, &error, "the vault cannot be read")
                    .await;
            }
        };
        let item = match vault.protected_item(&intent.vm).await {
            Ok(Some(item)) => item,
            Ok(None) => {
                let note = Note {
                    kind: NoteKind::VirtualMachineNotProtected,
                    message: format!(
                        "vault {} protects no vm {} (spec.sourceVirtualMachineId); protect it, or create a new VmRestore with the id of a vm that `az backup item list` shows",
                        intent.vault.name(),
                        intent.vm
                    ),
                };
                return self.stand_still(&stored, note).await;
            }
            Err(error) => {
                return self
                    .trouble(
                        &stored,
                        &error,
                        "the vault's protected items cannot be listed",
                    )
                    .await;
            }
        };
        let now = self.clock.now();
        let question = Question {
            vm: intent.vm.name(),
            now: now.wall,
            may_rehydrate: intent.options.rehydrate.is_some(),
        };
        let chosen = match &intent.point {
            Some(name) => match vault.recovery_point(&item, name).await {
                Ok(point) => choose::named(point, name, &question),
                Err(error) => {
                    return self
                        .trouble(&stored, &error, "the recovery point cannot be read")
                        .await;
                }
            },
            None => match vault.recovery_points(&item).await {
                Ok(points) => choose::newest(&points, &question),
                Err(error) => {
                    return self
                        .trouble(&stored, &error, "the recovery points cannot be listed")
                        .await;
                }
            },
        };
        let chosen = match chosen {
            Ok(chosen) => chosen,
            Err(note) => return self.stand_still(&stored, *note).await,
        };
        let checked = self.check(&vault, &stored.run, (&item, chosen, &facts.location));
        let chosen = match Box::pin(checked).await {
            Ok(chosen) => chosen,
            Err(Hindrance::Unsuitable(note)) => return self.stand_still(&stored, *note).await,
            Err(Hindrance::Trouble(error, what)) => {
                return self.trouble(&stored, &error, what).await;
            }
        };
        let mut record = stored.run.record.clone();
        progress::unblocked(&mut record);
        // What follows belongs to this vault: a vault object that comes to name another one must not take the run with it.
        record.vault.get_or_insert_with(|| intent.vault.clone());
        progress::selected(&mut record, &item, chosen, &facts.location);
        self.memory.went_forward();
        self.save(&stored, &record).await?;
        Ok(AT_ONCE)
    }
}
