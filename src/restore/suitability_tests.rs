use super::super::facts::ExtendedLocation;
use super::super::fixtures;
use super::super::options::{NetworkAccess, Options};
use super::*;

const VAULT: &str =
    "/subscriptions/s/resourceGroups/v/providers/Microsoft.RecoveryServices/vaults/vault";

fn account() -> ArmId {
    ArmId::new(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/staging",
    )
}

fn disks(group: &str) -> Target {
    Target::Disks {
        storage_account: account(),
        resource_group: Some(ArmId::new(group)),
    }
}

fn original_location() -> Target {
    Target::OriginalLocation {
        storage_account: account(),
    }
}

fn alternate_location() -> Target {
    Target::AlternateLocation {
        storage_account: account(),
        resource_group: ArmId::new("/subscriptions/s/resourceGroups/g"),
        virtual_machine: ArmId::new("vm"),
        virtual_network: ArmId::new("n"),
        subnet: ArmId::new("n/subnets/s"),
    }
}

/// Restores the disks of `/subscriptions/s/…/web` into a group of its subscription.
fn an_intent(change: impl FnOnce(&mut Intent)) -> Intent {
    let mut intent = fixtures::a_run().intent;
    intent.vault = ArmId::new(VAULT);
    intent.target = disks("/subscriptions/S/resourceGroups/g");
    change(&mut intent);
    intent
}

fn a_point(change: impl FnOnce(&mut RecoveryPoint)) -> RecoveryPoint {
    let mut point = fixtures::a_run().record.point.unwrap().point;
    point.tiers = vec![tier("InstantRP", "Valid"), tier("HardenedRP", "Valid")];
    change(&mut point);
    point
}

fn tier(kind: &str, status: &str) -> Tier {
    Tier {
        kind: kind.to_owned(),
        status: status.to_owned(),
    }
}

fn refusal(intent: &Intent, point: &RecoveryPoint) -> Option<(NoteKind, String)> {
    of_point(intent, point)
        .err()
        .map(|note| (note.kind, note.message))
}

fn kind(intent: &Intent, point: &RecoveryPoint) -> Option<NoteKind> {
    refusal(intent, point).map(|(kind, _)| kind)
}

#[test]
fn an_encrypted_vm_comes_back_as_all_its_disks_in_its_place_only() {
    let encrypted = a_point(|point| point.details.encrypted = Some(true));
    let plain = a_point(|point| point.details.encrypted = Some(false));
    let silent = a_point(|_| {});

    assert_eq!(kind(&an_intent(|_| {}), &encrypted), None);
    type Change = fn(&mut Intent);
    let refused: [(&str, Change); 7] = [
        ("target.diskEncryptionSetId", |intent| {
            intent.options.disk_encryption_set = Some(ArmId::new("/des"));
        }),
        ("RestoreDisks", |intent| intent.target = original_location()),
        ("RestoreDisks", |intent| {
            intent.target = alternate_location()
        }),
        ("target.diskLuns", |intent| {
            intent.options.disks = Disks::WithLuns(vec![0])
        }),
        ("target.osDiskOnly", |intent| {
            intent.options.disks = Disks::OsDiskOnly
        }),
        ("target.zone", |intent| intent.options.zone = Some("1")),
        ("target.resourceGroupId", |intent| {
            intent.target = disks("/subscriptions/other/resourceGroups/g");
        }),
    ];
    for (remedy, change) in refused {
        let intent = an_intent(change);
        let (kind_of_it, message) = refusal(&intent, &encrypted).unwrap();
        assert_eq!(kind_of_it, NoteKind::EncryptedVirtualMachine);
        assert!(message.contains(remedy), "{message}");
        assert_eq!(kind(&intent, &plain), None);
        assert_eq!(kind(&intent, &silent), None, "Azure decides");
    }
}

#[test]
fn a_point_that_lies_in_a_snapshot_only_waits_where_the_vault_is_read() {
    let snapshot = a_point(|point| point.tiers = vec![tier("InstantRP", "Valid")]);
    let expired_copy = a_point(|point| {
        point.tiers = vec![tier("InstantRP", "Valid"), tier("HardenedRP", "Deleted")];
    });
    type Change = fn(&mut Intent);
    let waits: [Change; 3] = [
        |intent| intent.target = original_location(),
        |intent| intent.options.zone = Some("NoZone"),
        |intent| intent.target = disks("/subscriptions/other/resourceGroups/g"),
    ];

    for change in waits {
        let intent = an_intent(change);
        for point in [&snapshot, &expired_copy] {
            assert_eq!(kind(&intent, point), Some(NoteKind::TransferNotFinished));
        }
        for tiers in [
            vec![],
            vec![tier("HardenedRP", "Valid")],
            vec![tier("ArchivedRP", "Valid")],
            vec![tier("ArchivedRP", "Rehydrated")],
        ] {
            assert_eq!(kind(&intent, &a_point(|point| point.tiers = tiers)), None);
        }
    }
    assert_eq!(
        kind(&an_intent(|_| {}), &snapshot),
        None,
        "disks come from snapshots"
    );
}

#[test]
fn private_access_of_a_disk_demands_a_word_and_no_private_access_forbids_it() {
    let said = an_intent(|intent| {
        intent.options.network_access = Some(NetworkAccess {
            option: "SameAsOnSourceDisks",
            disk_access: None,
        });
    });
    let silent = an_intent(|_| {});
    let private = a_point(|point| point.details.private_access = Some(true));
    let public = a_point(|point| point.details.private_access = Some(false));
    let unknown = a_point(|_| {});

    assert_eq!(
        kind(&silent, &private),
        Some(NoteKind::DiskNetworkAccessRequired)
    );
    assert_eq!(kind(&said, &public), Some(NoteKind::TargetUnsuitable));
    for (intent, point) in [
        (&said, &private),
        (&silent, &public),
        (&said, &unknown),
        (&silent, &unknown),
    ] {
        assert_eq!(kind(intent, point), None);
    }
}

#[test]
fn a_lun_that_the_point_does_not_have_is_named_beside_those_it_has() {
    let wants = |luns: &[u8]| {
        let luns = luns.to_vec();
        an_intent(|intent| intent.options.disks = Disks::WithLuns(luns))
    };
    let has = |luns: &[i64]| {
        let luns = luns.to_vec();
        a_point(|point| point.details.luns = Some(luns))
    };
    let listed = a_point(|_| {});

    assert!(needs_single_read(&wants(&[0]), &listed));
    assert!(!needs_single_read(&wants(&[0]), &has(&[0])));
    assert!(!needs_single_read(&an_intent(|_| {}), &listed));
    assert_eq!(kind(&wants(&[0]), &has(&[-1, 0, 1])), None);
    assert_eq!(
        kind(&wants(&[9]), &listed),
        None,
        "a point that does not say"
    );
    let (kind, message) = refusal(&wants(&[1, 3, 7]), &has(&[1, -1, 0])).unwrap();
    assert_eq!(kind, NoteKind::DiskNotInRecoveryPoint);
    assert!(message.contains("no disk with LUN 3, 7"), "{message}");
    assert!(message.contains("it has the LUNs 0, 1"), "{message}");
    let (_, message) = refusal(&wants(&[0]), &has(&[-1])).unwrap();
    assert!(message.contains("no data disk"), "{message}");
}

#[test]
fn only_a_point_that_lies_nowhere_else_is_rehydrated() {
    for (tiers, expected) in [
        (vec![], false),
        (vec![tier("ArchivedRP", "Valid")], true),
        (
            vec![tier("HardenedRP", "Deleted"), tier("ArchivedRP", "Valid")],
            true,
        ),
        (vec![tier("ArchivedRP", "Rehydrated")], false),
        (
            vec![tier("InstantRP", "Valid"), tier("ArchivedRP", "Valid")],
            false,
        ),
        (
            vec![tier("HardenedRP", "Valid"), tier("ArchivedRP", "Valid")],
            false,
        ),
        (vec![tier("ArchivedRP", "Deleted")], false),
    ] {
        let point = a_point(|point| point.tiers.clone_from(&tiers));
        assert_eq!(rehydrates(&point), expected, "{tiers:?}");
    }
}

#[test]
fn what_was_in_an_edge_zone_stays_in_its_subscription() {
    let there = a_point(|point| {
        point.details.edge_zone = Some(ExtendedLocation {
            name: "losangeles".to_owned(),
            kind: "EdgeZone".to_owned(),
        });
    });
    let elsewhere = an_intent(|intent| {
        intent.target = disks("/subscriptions/other/resourceGroups/g");
    });

    assert_eq!(kind(&elsewhere, &there), Some(NoteKind::TargetUnsuitable));
    assert_eq!(kind(&an_intent(|_| {}), &there), None);
    assert_eq!(kind(&elsewhere, &a_point(|_| {})), None);
}

fn around(intent: &Intent, change: impl FnOnce(&mut Surroundings)) -> Option<(NoteKind, String)> {
    let request = RestoreRequest::of(intent, &a_point(|_| {}), "westus".to_owned());
    let mut around = Surroundings::default();
    change(&mut around);
    of_surroundings(intent, &request, &around)
        .err()
        .map(|note| (note.kind, note.message))
}

#[test]
fn a_guard_of_another_tenant_has_its_own_reason() {
    let refused = around(&an_intent(|_| {}), |around| {
        around.foreign_guard = Some(ArmId::new("/subscriptions/x/guard"));
    });

    let (kind, message) = refused.unwrap();
    assert_eq!(kind, NoteKind::ResourceGuardInAnotherTenant);
    assert!(message.contains("/subscriptions/x/guard"), "{message}");
}

#[test]
fn a_storage_account_of_another_region_is_refused_however_the_region_is_written() {
    let in_region = |region: &str| {
        around(&an_intent(|_| {}), |around| {
            around.storage_account_region = Some(region.to_owned());
        })
    };

    assert_eq!(in_region("westus"), None);
    assert_eq!(in_region("West US"), None);
    let (kind, message) = in_region("eastus").unwrap();
    assert_eq!(kind, NoteKind::TargetUnsuitable);
    assert!(
        message.contains("staging") && message.contains("eastus"),
        "{message}"
    );
}

#[test]
fn another_subscription_needs_a_vault_that_allows_it() {
    let elsewhere = an_intent(|intent| {
        intent.target = disks("/subscriptions/other/resourceGroups/g");
    });
    let state = |intent: &Intent, state: &str| {
        around(intent, |around| {
            around.cross_subscription_restore = Some(state.to_owned());
        })
        .map(|(kind, _)| kind)
    };

    assert_eq!(state(&elsewhere, "Enabled"), None);
    assert_eq!(
        around(&elsewhere, |_| {}),
        None,
        "a vault that does not say"
    );
    for forbidden in ["Disabled", "PermanentlyDisabled"] {
        assert_eq!(
            state(&elsewhere, forbidden),
            Some(NoteKind::TargetUnsuitable)
        );
        assert_eq!(state(&an_intent(|_| {}), forbidden), None);
    }
}

#[test]
fn a_pinned_version_that_lacks_a_field_is_refused_before_azure_overlooks_it() {
    let zoned = an_intent(|intent| {
        intent.options = Options {
            zone: Some("1"),
            ..Options::default()
        };
    });
    let pinned = |intent: &Intent, version: &str| {
        around(intent, |around| {
            around.pinned_version = Some(version.to_owned())
        })
    };

    for version in ["2019-05-13", "2023-06-01"] {
        let (kind, message) = pinned(&zoned, version).unwrap();
        assert_eq!(kind, NoteKind::TargetUnsuitable);
        assert!(message.contains("target.zone"), "{message}");
        assert_eq!(pinned(&an_intent(|_| {}), version), None);
    }
    assert_eq!(pinned(&zoned, "2024-04-01"), None);
    assert_eq!(pinned(&zoned, "2024-07-30-preview"), None);
    assert_eq!(around(&zoned, |_| {}), None);

    let mut guarded = RestoreRequest::of(&an_intent(|_| {}), &a_point(|_| {}), "westus".into());
    guarded.edge_zone = Some(ExtendedLocation {
        name: "losangeles".to_owned(),
        kind: "EdgeZone".to_owned(),
    });
    guarded.guard_requests.push("/g".to_owned());
    let around = Surroundings {
        pinned_version: Some("2019-05-13".to_owned()),
        ..Surroundings::default()
    };
    let note = of_surroundings(&an_intent(|_| {}), &guarded, &around).unwrap_err();
    assert!(note.message.contains("edge zone") && note.message.contains("Resource Guard"));
}
