//! The `Vault` port: one handle per vault and credential, cheap to clone.

use std::sync::Arc;

use jiff::SignedDuration;

use super::board::{AzureTime, JobSource, Pace, Slice, SliceFault};
use super::gate::Kind;
use super::jobs::{self, Window};
use super::session::{Ask, Session};
use super::verdict::{self, Absence};
use super::versions::Area;
use crate::restore::choose::TakenBetween;
use crate::restore::facts::{
    JobDetail, Listing, Operation, ProtectedItem, RecoveryPoint, RefusalKind, Surroundings,
    TriggerOutcome, VaultError, VaultFacts,
};
use crate::restore::ids::{ArmId, JobId, OperationId, RecoveryPointName};
use crate::restore::ports::{Budget, JobsNeed, Trigger, Vault};

/// One vault as one identity; cheap to clone.
#[derive(Clone)]
pub struct VaultHandle {
    session: Arc<Session>,
    /// What this vault is called in the budget.
    key: Arc<str>,
    poll_interval: SignedDuration,
}

impl VaultHandle {
    pub(super) fn new(session: Arc<Session>, key: Arc<str>, poll_interval: SignedDuration) -> Self {
        Self {
            session,
            key,
            poll_interval,
        }
    }

    fn pace(&self) -> Pace {
        Pace {
            interval: self.interval(),
            between_looks: self.session.gate.between_looks(),
        }
    }
}

impl Vault for VaultHandle {
    async fn ready(&self) -> Result<(), VaultError> {
        self.session.token.get().await.map(|_| ())
    }

    async fn facts(&self) -> Result<VaultFacts, VaultError> {
        self.session.facts_of_vault().await
    }

    async fn protected_item(&self, vm: &ArmId) -> Result<Option<ProtectedItem>, VaultError> {
        self.session.item_of(vm).await
    }

    async fn recovery_points(
        &self,
        item: &ProtectedItem,
        between: Option<TakenBetween>,
    ) -> Result<Vec<RecoveryPoint>, VaultError> {
        self.session.points_of(item, between).await
    }

    async fn recovery_point(
        &self,
        item: &ProtectedItem,
        name: &RecoveryPointName,
    ) -> Result<Option<RecoveryPoint>, VaultError> {
        self.session.point_of(item, name).await
    }

    async fn trigger(&self, trigger: &Trigger<'_>) -> TriggerOutcome {
        self.session.send_trigger(trigger).await
    }

    async fn operation(
        &self,
        item: &ProtectedItem,
        id: &OperationId,
    ) -> Result<Option<Operation>, VaultError> {
        self.session.operation_of(item, id).await
    }

    async fn jobs(&self, need: JobsNeed) -> Result<Listing, VaultError> {
        self.session
            .gate
            .follow(&self.key, self.session.board.pages(), self.interval());
        self.session
            .board
            .listing(need, self.pace(), self.session.as_ref())
            .await
    }

    async fn job(&self, id: &JobId, budget: Budget) -> Result<Option<JobDetail>, VaultError> {
        let below = ["backupJobs", id.as_str()];
        let ask = job_ask("get_job", budget, &below, None, Absence::OnNotFound);
        let Some(body) = self.session.read(&ask).await? else {
            return Ok(None);
        };
        jobs::detail(&body, &self.session.arm.scrubber)
            .map(Some)
            .ok_or_else(|| verdict::unreadable("the job has no name or no properties"))
    }

    async fn virtual_machine_exists(&self, vm: &ArmId) -> Result<bool, VaultError> {
        self.session.virtual_machine_exists(vm).await
    }

    async fn restore_in_progress_in(
        &self,
        vault: &ArmId,
        vm: &ArmId,
    ) -> Result<Option<JobId>, VaultError> {
        self.session.restore_in_progress_in_vault(vault, vm).await
    }

    async fn surroundings(&self, storage_account: &ArmId) -> Result<Surroundings, VaultError> {
        self.session.surroundings_of(storage_account).await
    }

    fn interval(&self) -> SignedDuration {
        self.session.gate.interval(self.poll_interval)
    }
}

impl JobSource for Session {
    async fn azure_time(&self) -> Result<AzureTime, VaultError> {
        Session::azure_time(self).await
    }

    async fn slice(&self, window: Window) -> Result<Slice, SliceFault> {
        let filter = window.filter();
        let ask = job_ask(
            "list_jobs",
            Budget::Needed,
            &["backupJobs"],
            Some(&filter),
            Absence::OfVault,
        );
        match self.pages(&ask).await {
            Ok(page) => {
                let (entries, requests) = page.unwrap_or_default();
                let scrubber = &self.arm.scrubber;
                let jobs: Option<Vec<_>> = entries
                    .iter()
                    .map(|entry| jobs::summary(entry, scrubber))
                    .collect();
                // An entry that cannot be read may be the very job that is looked for: the list proves nothing then.
                let jobs = jobs.ok_or_else(|| {
                    SliceFault::Failed(verdict::unreadable(
                        "the list has a job without a name or properties",
                    ))
                })?;
                Ok(Slice { jobs, requests })
            }
            // Only Azure's own word ends the walk back, not the page of something in between.
            Err(error) if error.kind == RefusalKind::BadRequest && !error.error.code.is_empty() => {
                Err(SliceFault::Refused(error))
            }
            Err(error) => Err(SliceFault::Failed(error)),
        }
    }
}

fn job_ask<'a>(
    operation: &'static str,
    budget: Budget,
    below: &'a [&'a str],
    filter: Option<&'a str>,
    absence: Absence,
) -> Ask<'a> {
    Ask {
        operation,
        kind: Kind::Jobs,
        area: Area::Jobs,
        budget,
        below,
        filter,
        absence,
    }
}
