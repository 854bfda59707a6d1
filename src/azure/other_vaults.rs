//! The jobs of another vault than the one that a handle is for: whether a restore of a VM is in progress there. Asked seldom, and
//! only as far as the identity may read that vault (docs/decisions/0021-lock-outlives-a-deletion.md).

use jiff::SignedDuration;

use super::gate::Kind;
use super::jobs::{self, Window};
use super::session::{Ask, Session};
use super::verdict::{self, Absence};
use super::versions::Area;
use crate::restore::facts::{RefusalKind, VaultError};
use crate::restore::ids::{ArmId, JobId};
use crate::restore::ports::Budget;

/// How far back a restore that still runs may have started. Azure refuses a longer window in one request, and the longest
/// rehydration takes a day.
const LONGEST_RESTORE: SignedDuration = SignedDuration::from_hours(29 * 24);

impl Session {
    /// The first restore of a VM of this name that has not ended in another vault. Two VMs of one name are taken for one.
    ///
    /// # Errors
    /// Besides those of every read: `BadRequest` for an id that is not a vault's, so that the token goes nowhere else.
    pub async fn restore_in_progress_in_vault(
        &self,
        vault: &ArmId,
        vm: &ArmId,
    ) -> Result<Option<JobId>, VaultError> {
        let mut below: Vec<&str> = vault.as_str().split('/').skip(1).collect();
        let is_a_vault = below.len() == 8
            && below[5].eq_ignore_ascii_case("Microsoft.RecoveryServices")
            && below[6].eq_ignore_ascii_case("vaults")
            && below.iter().all(|segment| !segment.is_empty());
        if !is_a_vault {
            return Err(VaultError {
                kind: RefusalKind::BadRequest,
                error: verdict::ours(&format!("{vault} is not the id of a vault")),
                retry_after: verdict::MENDABLE,
            });
        }
        below.push("backupJobs");
        let time = self.azure_time().await?;
        let window = Window {
            from: (time.earliest.checked_sub(LONGEST_RESTORE)).unwrap_or(time.earliest),
            to: (time.latest.checked_add(SignedDuration::from_mins(15))).unwrap_or(time.latest),
        };
        let filter = window.filter();
        let ask = Ask {
            operation: "list_jobs_of_another_vault",
            kind: Kind::Jobs,
            area: Area::OtherVaults,
            budget: Budget::Needed,
            below: &below,
            filter: Some(&filter),
            absence: Absence::OfVault,
        };
        let (entries, _) = self.pages(&ask).await?.unwrap_or_default();
        for entry in &entries {
            let job = jobs::summary(entry, &self.arm.scrubber).ok_or_else(|| {
                verdict::unreadable("the list has a job without a name or properties")
            })?;
            let of_vm = job.entity.eq_ignore_ascii_case(vm.name());
            if of_vm && !job.status.is_terminal() {
                return Ok(Some(job.id));
            }
        }
        Ok(None)
    }
}
