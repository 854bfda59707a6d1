//! Asks Azure for what may forbid a restore before it is sent: the chosen point in full, Resource Guards, the storage account.

use super::super::facts::{ProtectedItem, VaultError};
use super::super::ports::{Clock, RunStore, Vault};
use super::super::record::{ChosenPoint, Intent, Note, Run};
use super::super::request::RestoreRequest;
use super::super::suitability;
use super::{Pass, request_of};

/// Why a restore is not sent now.
pub(super) enum Hindrance {
    /// It cannot work.
    Unsuitable(Box<Note>),
    /// Whether it can was not to be had: the error, and what was tried.
    Trouble(VaultError, &'static str),
}

impl<S: RunStore, V: Vault, C: Clock> Pass<'_, S, V, C> {
    /// Checks a point that was just chosen, and what stands around the restore from it. Gives it back with what else was read.
    pub(super) async fn check(
        &mut self,
        vault: &V,
        run: &Run,
        (item, mut chosen, region): (&ProtectedItem, ChosenPoint, &str),
    ) -> Result<ChosenPoint, Hindrance> {
        let intent = &run.intent;
        if suitability::needs_single_read(intent, &chosen.point) {
            let read = vault.recovery_point(item, &chosen.point.name).await;
            let read = read
                .map_err(|error| Hindrance::Trouble(error, "the recovery point cannot be read"))?;
            if let Some(point) = read {
                chosen.point.details = point.details;
            }
        }
        suitability::of_point(intent, &chosen.point).map_err(Hindrance::Unsuitable)?;
        let request = RestoreRequest::of(intent, &chosen.point, region.to_owned());
        self.ask_around(vault, intent, request).await?;
        Ok(chosen)
    }

    /// Checks again what stands around a restore that is about to be claimed: guards come and go.
    pub(super) async fn check_around(&mut self, vault: &V, run: &Run) -> Result<(), Hindrance> {
        match request_of(run) {
            Some((_, request)) => self.ask_around(vault, &run.intent, request).await,
            None => Ok(()),
        }
    }

    async fn ask_around(
        &mut self,
        vault: &V,
        intent: &Intent,
        mut request: RestoreRequest,
    ) -> Result<(), Hindrance> {
        let around = vault.surroundings(intent.target.storage_account()).await;
        let around = around.map_err(|error| {
            Hindrance::Trouble(error, "the vault's Resource Guards cannot be read")
        })?;
        request.guard_requests.clone_from(&around.guard_requests);
        let suits = suitability::of_surroundings(intent, &request, &around);
        self.memory.guard_requests = around.guard_requests;
        suits.map_err(Hindrance::Unsuitable)
    }
}
