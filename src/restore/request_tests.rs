use super::super::facts::Tier;
use super::super::options::{Disks, NetworkAccess, Rehydrate};
use super::*;

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

fn disks(group: Option<&str>) -> Target {
    Target::Disks {
        storage_account: account("testAccount"),
        resource_group: group
            .map(|group| ArmId::new(format!("{SUBSCRIPTION}/resourceGroups/{group}"))),
    }
}

fn account(name: &str) -> ArmId {
    ArmId::new(format!(
        "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/{name}"
    ))
}

fn a_request(target: Target) -> RestoreRequest {
    RestoreRequest {
        source: ArmId::new(format!(
            "{SUBSCRIPTION}/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/testVM"
        )),
        recovery_point: RecoveryPointName::new("20982486783671"),
        region: "westus".to_owned(),
        target,
        options: Options::default(),
        edge_zone: None,
        rehydrates: false,
        guard_requests: Vec::new(),
    }
}

fn properties(request: &RestoreRequest) -> Value {
    request.body()["properties"].clone()
}

#[test]
fn lists_of_disks_are_absent_filled_or_empty() {
    let mut request = a_request(disks(None));
    let mut list = |chosen: Disks| {
        request.options.disks = chosen;
        properties(&request).get("restoreDiskLunList").cloned()
    };

    assert_eq!(
        list(Disks::All),
        None,
        "an empty list restores the OS disk alone"
    );
    assert_eq!(list(Disks::WithLuns(vec![0, 7])), Some(json!([0, 7])));
    assert_eq!(list(Disks::OsDiskOnly), Some(json!([])));
}

#[test]
fn an_identity_of_the_vault_takes_the_place_of_the_account_s_id() {
    let mut request = a_request(disks(None));
    request.options.vault_identity = Some(VaultIdentity::SystemAssigned);
    let details = json!({"targetStorageAccountId": account("testAccount").as_str()});

    let system = properties(&request);
    assert_eq!(
        system["identityInfo"],
        json!({"isSystemAssignedIdentity": true})
    );
    assert_eq!(system["identityBasedRestoreDetails"], details);
    assert_eq!(system.get("storageAccountId"), None);

    request.options.vault_identity = Some(VaultIdentity::UserAssigned(ArmId::new("/i")));
    let user = properties(&request);
    assert_eq!(
        user["identityInfo"],
        json!({"isSystemAssignedIdentity": false, "managedIdentityResourceId": "/i"})
    );
}

#[test]
fn only_an_archived_point_is_rehydrated() {
    let mut request = a_request(disks(None));
    request.options.rehydrate = Some(Rehydrate {
        priority: "High",
        retention_days: 12,
    });
    let plain = properties(&request);
    assert_eq!(plain["objectType"], "IaasVMRestoreRequest");
    assert_eq!(plain.get("recoveryPointRehydrationInfo"), None);
    assert!(request.needs_newer_version().is_empty());

    request.rehydrates = true;
    let archived = properties(&request);
    assert_eq!(
        archived["objectType"],
        "IaasVMRestoreWithRehydrationRequest"
    );
    assert_eq!(
        archived["recoveryPointRehydrationInfo"],
        json!({"rehydrationRetentionDuration": "P12D", "rehydrationPriority": "High"})
    );
    assert_eq!(request.needs_newer_version(), ["target.rehydrate"]);
}

#[test]
fn each_field_that_the_articles_version_lacks_says_so() {
    let with = |change: fn(&mut RestoreRequest, ArmId)| {
        let mut request = a_request(disks(None));
        change(&mut request, ArmId::new("/id"));
        request.needs_newer_version()
    };

    assert!(with(|_, _| {}).is_empty());
    assert!(with(|r, _| r.options.disks = Disks::OsDiskOnly).is_empty());
    for (demands, expected) in [
        (with(|r, _| r.options.zone = Some("1")), "target.zone"),
        (
            with(|r, id| r.options.disk_encryption_set = Some(id)),
            "target.diskEncryptionSetId",
        ),
        (
            with(|r, id| r.options.secured_vm_os_disk_encryption_set = Some(id)),
            "target.securedVmOsDiskEncryptionSetId",
        ),
        (
            with(|r, _| r.options.vault_identity = Some(VaultIdentity::SystemAssigned)),
            "target.vaultIdentity",
        ),
        (
            with(|r, _| {
                r.options.network_access = Some(NetworkAccess {
                    option: "SameAsOnSourceDisks",
                    disk_access: None,
                });
            }),
            "target.diskNetworkAccess",
        ),
        (
            with(|r, _| {
                r.edge_zone = Some(ExtendedLocation {
                    name: "losangeles".to_owned(),
                    kind: "EdgeZone".to_owned(),
                });
            }),
            "the edge zone of the vm",
        ),
        (
            with(|r, _| r.guard_requests.push("/g".to_owned())),
            "the Resource Guard of the vault",
        ),
    ] {
        assert_eq!(demands, [expected]);
    }
}

#[test]
fn what_an_intent_asks_for_takes_place_and_tier_from_the_point() {
    let mut run = super::super::fixtures::a_run();
    run.intent.options.rehydrate = Some(Rehydrate {
        priority: "Standard",
        retention_days: 15,
    });
    let mut point = run.record.point.unwrap().point;
    point.tiers = vec![Tier {
        kind: "ArchivedRP".to_owned(),
        status: "Valid".to_owned(),
    }];
    point.details.edge_zone = Some(ExtendedLocation {
        name: "losangeles".to_owned(),
        kind: "EdgeZone".to_owned(),
    });

    let request = RestoreRequest::of(&run.intent, &point, "westus".to_owned());

    let body = properties(&request);
    assert_eq!(body["objectType"], "IaasVMRestoreWithRehydrationRequest");
    assert_eq!(
        body["extendedLocation"],
        json!({"name": "losangeles", "type": "EdgeZone"})
    );
}

fn original_location() -> Target {
    Target::OriginalLocation {
        storage_account: account("a"),
    }
}

fn alternate_location() -> Target {
    Target::AlternateLocation {
        storage_account: account("a"),
        resource_group: ArmId::new("g"),
        virtual_machine: ArmId::new("vm"),
        virtual_network: ArmId::new("n"),
        subnet: ArmId::new("s"),
    }
}

#[test]
fn each_type_names_itself_and_the_places_that_it_has() {
    let places = [
        "targetResourceGroupId",
        "targetVirtualMachineId",
        "virtualNetworkId",
        "subnetId",
    ];
    for (target, name, sent) in [
        (disks(None), "RestoreDisks", [None; 4]),
        (original_location(), "OriginalLocation", [None; 4]),
        (
            alternate_location(),
            "AlternateLocation",
            [Some("g"), Some("vm"), Some("n"), Some("s")],
        ),
    ] {
        let body = properties(&a_request(target));

        assert_eq!(body["recoveryType"], name);
        assert_eq!(places.map(|place| body[place].as_str()), sent, "{name}");
    }
    let group = format!("{SUBSCRIPTION}/resourceGroups/g");
    assert_eq!(
        properties(&a_request(disks(Some("g"))))["targetResourceGroupId"],
        group
    );
}

#[test]
fn only_replacing_disks_destroys_and_only_another_vm_is_made() {
    let (replaces, makes) = (original_location(), alternate_location());

    let words = |target: &Target| {
        (
            target.may_be_retried(),
            target.overwrites_source(),
            target.creates_virtual_machine().is_some(),
            target.resource_group().is_some(),
        )
    };
    assert_eq!(words(&disks(None)), (true, false, false, false));
    assert_eq!(words(&disks(Some("g"))), (true, false, false, true));
    assert_eq!(words(&makes), (true, false, true, true));
    assert_eq!(words(&replaces), (false, true, false, false));
}
