//! What cannot work, told before anything is sent: by the recovery point, and by what stands around the restore.
//!
//! What the object alone tells is refused by the API server (`api::v1alpha1::target`); here are the rules for which only
//! Azure's data can tell (CONTRACT 5, 6 and 14). What Azure does not say is never held against a restore: then Azure decides.

use super::facts::{RecoveryPoint, Surroundings, Tier};
use super::ids::ArmId;
use super::options::Disks;
use super::record::{Intent, Note, NoteKind};
use super::request::{RestoreRequest, Target};

/// The oldest api-version that is known to have every field of a restore request (design 4).
const HAS_EVERY_FIELD: &str = "2024-04-01";

/// Whether the rules need what only the read of a single point shows.
pub fn needs_single_read(intent: &Intent, point: &RecoveryPoint) -> bool {
    matches!(intent.options.disks, Disks::WithLuns(_)) && point.details.luns.is_none()
}

/// Whether a point is brought back from the archive tier before it is restored: its data lies nowhere else.
pub fn rehydrates(point: &RecoveryPoint) -> bool {
    let usable = |tier: &Tier| is(&tier.status, "Valid") || is(&tier.status, "Rehydrated");
    let archived = |tier: &Tier| is(&tier.kind, "ArchivedRP") && is(&tier.status, "Valid");
    point.tiers.iter().any(archived) && !point.tiers.iter().any(|t| usable(t) && !archived(t))
}

/// Whether a restore may be made from a point.
///
/// # Errors
/// Why not, and what to do.
pub fn of_point(intent: &Intent, point: &RecoveryPoint) -> Result<(), Box<Note>> {
    let rules = [
        encrypted(intent, point),
        not_transferred(intent, point),
        network_access(intent, point),
        missing_disk(intent, point),
        edge_zone(intent, point),
    ];
    rules.into_iter().flatten().next().map_or(Ok(()), Err)
}

/// Whether a restore may be made as things stand around it.
///
/// # Errors
/// Why not, and what to do.
pub fn of_surroundings(
    intent: &Intent,
    request: &RestoreRequest,
    around: &Surroundings,
) -> Result<(), Box<Note>> {
    let rules = [
        foreign_guard(intent, around),
        account_elsewhere(intent, request, around),
        other_subscription(intent, around),
        pinned_version(request, around),
    ];
    rules.into_iter().flatten().next().map_or(Ok(()), Err)
}

fn note(kind: NoteKind, message: String) -> Option<Box<Note>> {
    Some(Box::new(Note { kind, message }))
}

fn is(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word)
}

/// Azure restores a VM that is encrypted in the guest as disks only: all of them, in the VM's own subscription and zone.
fn encrypted(intent: &Intent, point: &RecoveryPoint) -> Option<Box<Note>> {
    if point.details.encrypted != Some(true) {
        return None;
    }
    let elsewhere = (intent.target.resource_group())
        .is_some_and(|group| subscription(group) != subscription(&intent.vm));
    let (wrong, remedy) = if !matches!(intent.target, Target::Disks { .. }) {
        (
            "as this type",
            "recoveryType RestoreDisks, then create a vm from the disks and the template",
        )
    } else if intent.options.disks != Disks::All {
        (
            "disk by disk",
            "neither target.diskLuns nor target.osDiskOnly",
        )
    } else if intent.options.zone.is_some() {
        ("into a zone of your choice", "no target.zone")
    } else if intent.options.disk_encryption_set.is_some() {
        (
            "with another encryption of its disks",
            "no target.diskEncryptionSetId",
        )
    } else if elsewhere {
        (
            "into another subscription",
            "a target.resourceGroupId in the subscription of the vm",
        )
    } else {
        return None;
    };
    note(
        NoteKind::EncryptedVirtualMachine,
        format!(
            "vm {} is encrypted with Azure Disk Encryption (recovery point {}) and cannot be restored {wrong}; create a new VmRestore with {remedy}",
            intent.vm.name(),
            point.name
        ),
    )
}

/// Some restores read the copy in the vault, which is complete hours after the snapshot.
fn not_transferred(intent: &Intent, point: &RecoveryPoint) -> Option<Box<Note>> {
    let elsewhere = (intent.target.resource_group())
        .is_some_and(|group| subscription(group) != subscription(&intent.vault));
    let what = if intent.target.overwrites_source() {
        "a restore to the original location"
    } else if intent.options.zone.is_some() {
        "a restore into a zone (spec.target.zone)"
    } else if elsewhere {
        "a restore into another subscription (spec.target.resourceGroupId)"
    } else {
        return None;
    };
    let in_vault = |tier: &Tier| {
        (is(&tier.kind, "HardenedRP") || is(&tier.kind, "ArchivedRP"))
            && (is(&tier.status, "Valid") || is(&tier.status, "Rehydrated"))
    };
    if point.tiers.is_empty() || point.tiers.iter().any(in_vault) {
        return None;
    }
    note(
        NoteKind::TransferNotFinished,
        format!(
            "the data of recovery point {} of vm {} has not been transferred to the vault yet, and {what} needs it there; the run goes on by itself when it is there, or create a new VmRestore that names an older point",
            point.name,
            intent.vm.name()
        ),
    )
}

fn network_access(intent: &Intent, point: &RecoveryPoint) -> Option<Box<Note>> {
    let vm = intent.vm.name();
    match (point.details.private_access, &intent.options.network_access) {
        (Some(true), None) => note(
            NoteKind::DiskNetworkAccessRequired,
            format!(
                "a disk of vm {vm} has private access (recovery point {}), so the restore must say what the restored disks get; create a new VmRestore with target.diskNetworkAccess, for example option SameAsOnSourceDisks",
                point.name
            ),
        ),
        (Some(false), Some(_)) => note(
            NoteKind::TargetUnsuitable,
            format!(
                "no disk of vm {vm} has private access (recovery point {}), and Azure takes spec.target.diskNetworkAccess only if one has; create a new VmRestore without it",
                point.name
            ),
        ),
        (Some(_) | None, _) => None,
    }
}

fn missing_disk(intent: &Intent, point: &RecoveryPoint) -> Option<Box<Note>> {
    let (Disks::WithLuns(wanted), Some(there)) = (&intent.options.disks, &point.details.luns)
    else {
        return None;
    };
    let text = |luns: &[i64]| {
        let mut luns = luns.to_vec();
        luns.sort_unstable();
        let luns: Vec<String> = luns.iter().map(ToString::to_string).collect();
        luns.join(", ")
    };
    let missing: Vec<i64> = (wanted.iter().copied().map(i64::from))
        .filter(|lun| !there.contains(lun))
        .collect();
    if missing.is_empty() {
        return None;
    }
    // The OS disk is listed with LUN -1 and always comes along.
    let data: Vec<i64> = there.iter().copied().filter(|lun| *lun >= 0).collect();
    let has = match data.is_empty() {
        true => "no data disk".to_owned(),
        false => format!("the LUNs {}", text(&data)),
    };
    note(
        NoteKind::DiskNotInRecoveryPoint,
        format!(
            "recovery point {} of vm {} has no disk with LUN {} (spec.target.diskLuns), it has {has}; create a new VmRestore with these",
            point.name,
            intent.vm.name(),
            text(&missing)
        ),
    )
}

/// What was in an edge zone is restored there, which Azure cannot do across subscriptions.
fn edge_zone(intent: &Intent, point: &RecoveryPoint) -> Option<Box<Note>> {
    let zone = point.details.edge_zone.as_ref()?;
    let group = intent.target.resource_group()?;
    if subscription(group) == subscription(&intent.vault) {
        return None;
    }
    note(
        NoteKind::TargetUnsuitable,
        format!(
            "vm {} was in the edge zone {} (recovery point {}), and Azure restores from there into the vault's own subscription only; create a new VmRestore whose target.resourceGroupId lies in it",
            intent.vm.name(),
            zone.name,
            point.name
        ),
    )
}

fn foreign_guard(intent: &Intent, around: &Surroundings) -> Option<Box<Note>> {
    let guard = around.foreign_guard.as_ref()?;
    note(
        NoteKind::ResourceGuardInAnotherTenant,
        format!(
            "restores from vault {} are protected by the Resource Guard {guard}, which belongs to another tenant, and the controller has no token of that tenant; take the restore out of the operations that the guard protects, or restore with az backup and --tenant-id",
            intent.vault.name()
        ),
    )
}

fn account_elsewhere(
    intent: &Intent,
    request: &RestoreRequest,
    around: &Surroundings,
) -> Option<Box<Note>> {
    let region = around.storage_account_region.as_deref()?;
    if plain(region) == plain(&request.region) {
        return None;
    }
    note(
        NoteKind::TargetUnsuitable,
        format!(
            "storage account {} (spec.target.storageAccountId) is in {region} and the vault in {}; create a new VmRestore with a storage account in the vault's region",
            intent.target.storage_account().name(),
            request.region
        ),
    )
}

/// A region without regard to how it is written: `West US` is `westus`.
fn plain(region: &str) -> String {
    region.replace(' ', "").to_lowercase()
}

fn other_subscription(intent: &Intent, around: &Surroundings) -> Option<Box<Note>> {
    let state = around.cross_subscription_restore.as_deref()?;
    let group = intent.target.resource_group()?;
    if is(state, "Enabled") || subscription(group) == subscription(&intent.vault) {
        return None;
    }
    note(
        NoteKind::TargetUnsuitable,
        format!(
            "spec.target.resourceGroupId lies in another subscription than vault {}, whose Cross Subscription Restore is {state}; enable it in the vault's properties where that is possible, or create a new VmRestore with a resource group in the vault's subscription",
            intent.vault.name()
        ),
    )
}

fn pinned_version(request: &RestoreRequest, around: &Surroundings) -> Option<Box<Note>> {
    let pinned = around.pinned_version.as_deref()?;
    let demands = request.needs_newer_version();
    if demands.is_empty() || pinned >= HAS_EVERY_FIELD {
        return None;
    }
    note(
        NoteKind::TargetUnsuitable,
        format!(
            "spec.apiVersions.primary of the RecoveryServicesVault pins api-version {pinned}, which does not know what this restore asks for ({}); pin {HAS_EVERY_FIELD} or a newer one, or remove the pin",
            demands.join(", ")
        ),
    )
}

fn subscription(id: &ArmId) -> Option<String> {
    id.segment_after("subscriptions").map(str::to_lowercase)
}

#[cfg(test)]
#[path = "suitability_tests.rs"]
mod tests;
