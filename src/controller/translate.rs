//! Translates between the object and the deciding side, both ways. Total: nothing that stands in an object makes it fail
//! or panic; a status that cannot be understood becomes a record that says so.

use jiff::Timestamp;
use kube::ResourceExt;
use uuid::Uuid;

use crate::api::v1alpha1 as api;
use crate::restore::choose::{Consistency, Criteria, PointSelector, StorageTier};
use crate::restore::ids::{ArmId, CanonicalRun, ClaimId, JobId, RecoveryPointName, RunKey, Scope};
use crate::restore::record::{Claim, Control, Intent, Mark, Resolve, Run};

use super::status_read::record;
use super::target;

/// Holds the object back while a claim stands.
pub const FINALIZER: &str = "vmrestore.azurebackup.dev/trigger";

/// `<attempt>/<claim id>`.
pub const CLAIM: &str = "vmrestore.azurebackup.dev/claim";

/// What a person decided about a blocked run.
pub const RESOLVE: &str = "vmrestore.azurebackup.dev/resolve";

/// Reads an object. `vault` is the ARM id of its vault, if the vault object is known.
pub fn run(object: &api::VmRestore, vault: Option<ArmId>, scope: &Scope) -> Run {
    let record = record(object);
    // A key counts only beside the vault that it was made with: before the first claim the vault object may not even exist.
    let stored_key = stored(object)
        .filter(|status| status.vault_id.is_some())
        .and_then(|status| status.run_key?.parse().ok());
    let spec = &object.spec;
    let vault = vault
        .or_else(|| record.vault.clone())
        .unwrap_or_else(|| ArmId::new(""));
    Run {
        key: stored_key.unwrap_or_else(|| RunKey::compute(scope, &canonical(object, &vault))),
        intent: Intent {
            vm: ArmId::new(&spec.source_virtual_machine_id),
            point: point_selector(spec),
            target: target::target(spec),
            options: target::options(&spec.target),
            vault,
        },
        control: Control {
            start_by: spec.start_by,
            retry_limit: spec.retry_limit,
            run_timeout: spec.timeouts.run.value(),
            // The API of this version has neither field.
            suspend: false,
            cancel: false,
        },
        mark: mark(object),
        resolve: object
            .annotations()
            .get(RESOLVE)
            .and_then(|text| resolve(text)),
        deleting: object.metadata.deletion_timestamp.is_some(),
        record,
    }
}

fn point_selector(spec: &api::VmRestoreSpec) -> PointSelector {
    let Some(selector) = &spec.recovery_point else {
        return PointSelector::default();
    };
    if let Some(name) = &selector.name {
        return PointSelector::Named(RecoveryPointName::new(name));
    }
    PointSelector::Newest(Criteria {
        at_or_before: selector.at_or_before,
        not_before: selector.not_before,
        min_consistency: selector.min_consistency.map(|least| match least {
            api::MinConsistency::AppConsistent => Consistency::AppConsistent,
            api::MinConsistency::FileSystemConsistent => Consistency::FileSystemConsistent,
            api::MinConsistency::CrashConsistent => Consistency::CrashConsistent,
        }),
        tier: match selector.tier {
            api::TierFilter::Any => None,
            api::TierFilter::Snapshot => Some(StorageTier::Snapshot),
            api::TierFilter::VaultStandard => Some(StorageTier::VaultStandard),
            api::TierFilter::VaultArchive => Some(StorageTier::VaultArchive),
        },
    })
}

/// Adds what chooses the recovery point. Times count as instants, in whatever zone they were written.
fn with_point(run: CanonicalRun, selector: &PointSelector) -> CanonicalRun {
    let criteria = match selector {
        PointSelector::Named(name) => return run.with("recoveryPoint.name", Some(name.as_str())),
        PointSelector::Newest(criteria) => criteria,
    };
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    run.with("recoveryPoint.atOrBefore", time(criteria.at_or_before))
        .with("recoveryPoint.notBefore", time(criteria.not_before))
        .with(
            "recoveryPoint.minConsistency",
            criteria.min_consistency.map(Consistency::as_str),
        )
        .with("recoveryPoint.tier", criteria.tier.map(StorageTier::as_str))
}

/// Canonical form, version 1: every frozen field, the vault by its ARM id. A test enumerates the fields.
fn canonical(object: &api::VmRestore, vault: &ArmId) -> CanonicalRun {
    let spec = &object.spec;
    let id = |text: &str| ArmId::new(text).canonical();
    let run = CanonicalRun::new(
        &object.namespace().unwrap_or_default(),
        &object.name_any(),
        vault,
    );
    let run = with_point(run, &point_selector(spec))
        .with(
            "sourceVirtualMachineId",
            Some(id(&spec.source_virtual_machine_id)),
        )
        .with("recoveryType", Some(spec.recovery_type.as_str()))
        .with("runId", Some(spec.run_id.as_str()));
    target::identified_by(run, &spec.target)
}

fn mark(object: &api::VmRestore) -> Mark {
    let held = object
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER);
    let text = object.annotations().get(CLAIM);
    let claim = text.and_then(|text| claim(text));
    let deleting = object.metadata.deletion_timestamp.is_some();
    match (held, text, claim) {
        (true, _, Some(claim)) => Mark::Standing(claim),
        (true, _, None) => Mark::Unreadable,
        (false, None, _) => Mark::None,
        // An object that is being deleted takes no new finalizer: it cannot be held back any more.
        (false, Some(_), _) if deleting => Mark::None,
        (false, Some(_), Some(claim)) => Mark::WithoutFinalizer(claim),
        (false, Some(_), None) => Mark::Unreadable,
    }
}

/// Writes a claim as its annotation shows it.
pub fn claim_text(claim: Claim) -> String {
    format!("{}/{}", claim.attempt, claim.id)
}

fn claim(text: &str) -> Option<Claim> {
    let (attempt, id) = text.split_once('/')?;
    let attempt = attempt
        .parse()
        .ok()
        .filter(|attempt| *attempt <= crate::restore::ids::MAX_ATTEMPTS)?;
    Some(Claim {
        attempt,
        id: id.parse().ok()?,
    })
}

fn resolve(text: &str) -> Option<Resolve> {
    // Whatever begins so says that a person gave the run up, and stops claims even if its id cannot be read.
    let text = text.trim();
    let word = text.get(..ABANDON.len());
    if word.is_some_and(|word| word.eq_ignore_ascii_case(ABANDON)) {
        let id = text
            .split_once(':')
            .and_then(|(_, rest)| rest.trim().parse().ok());
        return Some(Resolve::Abandon(id.unwrap_or(ClaimId::new(Uuid::nil()))));
    }
    let (word, rest) = text.split_once(':')?;
    match word {
        "retry" => Some(Resolve::Retry(rest.trim().parse().ok()?)),
        "adopt" => {
            let (id, job) = rest.split_once('/')?;
            Some(Resolve::Adopt(
                id.trim().parse().ok()?,
                JobId::new(job.trim()),
            ))
        }
        _ => None,
    }
}

const ABANDON: &str = "abandon";

fn stored(object: &api::VmRestore) -> Option<api::VmRestoreStatus> {
    object.status.as_ref()?.read().ok()
}

#[cfg(test)]
#[path = "translate_tests.rs"]
mod tests;
