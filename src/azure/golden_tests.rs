//! Restore requests as they are sent, one file per type and api-version (`tests/fixtures/restore-requests`). The emulator's tests
//! hold the same files against Microsoft's OpenAPI. `UPDATE_GOLDEN=1` writes them anew.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::trigger::area_of;
use super::versions::{ApiVersionOverrides, Versions};
use crate::restore::facts::ExtendedLocation;
use crate::restore::ids::{ArmId, RecoveryPointName};
use crate::restore::options::{Disks, NetworkAccess, Options, Rehydrate, VaultIdentity};
use crate::restore::request::{RestoreRequest, Target};

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/restore-requests")
}

fn read(file: &Path) -> Value {
    let text = std::fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", file.display()));
    serde_json::from_str(&text).unwrap()
}

fn in_group(group: &str, rest: &str) -> ArmId {
    ArmId::new(format!("{SUBSCRIPTION}/resourceGroups/{group}{rest}"))
}

fn account(name: &str) -> ArmId {
    in_group(
        "testRG",
        &format!("/providers/Microsoft.Storage/storageAccounts/{name}"),
    )
}

fn disks(group: Option<&str>) -> Target {
    Target::Disks {
        storage_account: account("testAccount"),
        resource_group: group.map(|group| in_group(group, "")),
    }
}

fn original_location() -> Target {
    Target::OriginalLocation {
        storage_account: account("testAccount"),
    }
}

fn alternate_location() -> Target {
    let network = "/providers/Microsoft.Network/virtualNetworks/testNet";
    Target::AlternateLocation {
        storage_account: account("testingAccount"),
        resource_group: in_group("targetRG", ""),
        virtual_machine: in_group(
            "targetRG",
            "/providers/Microsoft.Compute/virtualmachines/targetVM",
        ),
        virtual_network: in_group("targetRG", network),
        subnet: in_group("targetRG", &format!("{network}/subnets/default")),
    }
}

fn asked(target: Target, options: Options) -> RestoreRequest {
    let point = match target {
        Target::AlternateLocation { .. } => "348916168024334",
        Target::Disks { .. } | Target::OriginalLocation { .. } => "20982486783671",
    };
    RestoreRequest {
        source: in_group(
            "testRG",
            "/providers/Microsoft.Compute/virtualMachines/testVM",
        ),
        recovery_point: RecoveryPointName::new(point),
        region: "westus".to_owned(),
        target,
        options,
        edge_zone: None,
        rehydrates: false,
        guard_requests: Vec::new(),
    }
}

fn plain(target: Target) -> RestoreRequest {
    asked(target, Options::default())
}

fn chosen(disks_chosen: Disks) -> RestoreRequest {
    let options = Options {
        disks: disks_chosen,
        ..Options::default()
    };
    asked(disks(Some("restores")), options)
}

/// Every option that any type takes, an edge zone and a guard.
fn full(target: Target) -> RestoreRequest {
    let stays = target.overwrites_source();
    let compute = |kind: &str, name: &str| {
        in_group(
            "keys",
            &format!("/providers/Microsoft.Compute/{kind}/{name}"),
        )
    };
    let identity = in_group(
        "keys",
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/restorer",
    );
    let elsewhere = |id: ArmId| (!stays).then_some(id);
    let options = Options {
        disks: Disks::All,
        zone: (!stays).then_some("2"),
        disk_encryption_set: elsewhere(compute("diskEncryptionSets", "disks")),
        secured_vm_os_disk_encryption_set: elsewhere(compute("diskEncryptionSets", "os")),
        vault_identity: Some(if stays {
            VaultIdentity::SystemAssigned
        } else {
            VaultIdentity::UserAssigned(identity)
        }),
        network_access: Some(NetworkAccess {
            option: if stays {
                "SameAsOnSourceDisks"
            } else {
                "EnablePrivateAccessForAllDisks"
            },
            disk_access: elsewhere(compute("diskAccesses", "private")),
        }),
        rehydrate: None,
    };
    RestoreRequest {
        edge_zone: Some(ExtendedLocation {
            name: "losangeles".to_owned(),
            kind: "EdgeZone".to_owned(),
        }),
        guard_requests: vec![
            "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/guards/providers/Microsoft.DataProtection/resourceGuards/guard/triggerRestoreRequests/default".to_owned(),
        ],
        ..asked(target, options)
    }
}

fn rehydrated(target: Target) -> RestoreRequest {
    let options = Options {
        rehydrate: Some(Rehydrate {
            priority: "High",
            retention_days: 15,
        }),
        ..Options::default()
    };
    RestoreRequest {
        rehydrates: true,
        ..asked(target, options)
    }
}

fn requests() -> Vec<(&'static str, RestoreRequest)> {
    vec![
        ("restore-disks", plain(disks(Some("restores")))),
        ("restore-disks-as-vhds", plain(disks(None))),
        (
            "restore-disks-selected",
            chosen(Disks::WithLuns(vec![0, 3])),
        ),
        ("restore-disks-os-disk-only", chosen(Disks::OsDiskOnly)),
        ("restore-disks-full", full(disks(Some("restores")))),
        (
            "restore-disks-rehydrated",
            rehydrated(disks(Some("restores"))),
        ),
        ("original-location", plain(original_location())),
        ("original-location-full", full(original_location())),
        (
            "original-location-rehydrated",
            rehydrated(original_location()),
        ),
        ("alternate-location", plain(alternate_location())),
        ("alternate-location-full", full(alternate_location())),
        (
            "alternate-location-rehydrated",
            rehydrated(alternate_location()),
        ),
    ]
}

#[test]
fn every_request_is_sent_as_its_file_says_with_the_version_that_its_name_says() {
    let versions = Versions::new(ApiVersionOverrides::default());
    let mut files = Vec::new();
    for (name, request) in requests() {
        let version = versions.current(area_of(&request));
        let file = folder().join(format!("{name}.{version}.json"));
        let text = format!("{:#}\n", request.body());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, text).unwrap();
        }
        assert_eq!(read(&file), request.body(), "{}", file.display());
        files.push(file);
    }
    let there = std::fs::read_dir(folder()).unwrap();
    let there = there.filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert_eq!(there.count(), files.len(), "a file without a request");
}

/// Fields of the article's bodies that are not sent, and why that changes nothing (CONTRACT 5).
const LEFT_OUT: [(&str, &str); 8] = [
    (
        "encryptionDetails",
        "newer clients omit it: `encryptionEnabled: false` is the default",
    ),
    (
        "affinityGroup",
        "classic VMs only; the article sends an empty one",
    ),
    (
        "diskEncryptionSetId",
        "an explicit null, accepted and the same as absent",
    ),
    ("subnetId", "an explicit null"),
    ("targetDomainNameId", "an explicit null; classic VMs only"),
    ("targetResourceGroupId", "an explicit null"),
    ("targetVirtualMachineId", "an explicit null"),
    ("virtualNetworkId", "an explicit null"),
];

#[test]
fn the_articles_bodies_are_reproduced_up_to_what_says_nothing() {
    let of_the_article = [
        ("restore-disks", plain(disks(None))),
        (
            "restore-disks-selected",
            asked(
                disks(None),
                Options {
                    disks: Disks::WithLuns(vec![0]),
                    ..Options::default()
                },
            ),
        ),
        ("original-location", plain(original_location())),
        ("alternate-location", plain(alternate_location())),
    ];
    let versions = Versions::new(ApiVersionOverrides::default());
    for (name, request) in of_the_article {
        let article = read(&folder().join(format!("article/{name}.json")));
        let article = article["properties"].as_object().unwrap().clone();
        let ours = request.body()["properties"].as_object().unwrap().clone();

        let missing: Map<String, Value> = article
            .iter()
            .filter(|(field, _)| !ours.contains_key(*field))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        for (field, value) in &missing {
            assert!(
                LEFT_OUT.iter().any(|(known, _)| known == field),
                "{name}: {field}"
            );
            let says_nothing = value.is_null()
                || *value == ""
                || *value == serde_json::json!({"encryptionEnabled": false});
            assert!(says_nothing, "{name}: {field} is {value}");
        }
        let sent: Map<String, Value> = article
            .into_iter()
            .filter(|(field, _)| !missing.contains_key(field))
            .collect();
        assert_eq!(ours, sent, "{name}");
        assert_eq!(versions.current(area_of(&request)), "2019-05-13", "{name}");
    }
}
