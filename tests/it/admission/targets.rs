//! Rules for `spec.target`: which field goes with which recovery type, and what each must look like.

use super::{Case, SUBSCRIPTION, a_restore, check_creation, check_update, with};
use serde_json::{Value, json};

const VM: &str =
    "target.virtualMachineId must be the id of a virtual machine: write /subscriptions/";
const NETWORK: &str =
    "target.virtualNetworkId must be the id of a virtual network: write /subscriptions/";
const SUBNET: &str = "target.subnetId must be the id of a subnet: write /subscriptions/";
const NEW_MACHINE: &str = "recoveryType AlternateLocation needs the virtual machine to create and its network: set target.resourceGroupId, target.virtualMachineId, target.virtualNetworkId and target.subnetId";
const ONLY_A_NEW_MACHINE: &str =
    "go with recoveryType AlternateLocation only: remove them, or set recoveryType";
const ONLY_DISKS: &str =
    "target.diskLuns and target.osDiskOnly go with recoveryType RestoreDisks only";
const IN_PLACE: &str =
    "recoveryType OriginalLocation replaces the disks where the virtual machine is: remove";

fn in_group(rest: &str) -> Value {
    json!(format!("{SUBSCRIPTION}/resourceGroups/restores{rest}"))
}

fn compute(kind: &str) -> Value {
    in_group(&format!("/providers/Microsoft.Compute/{kind}/name"))
}

fn network(rest: &str) -> Value {
    in_group(&format!(
        "/providers/Microsoft.Network/virtualNetworks/net{rest}"
    ))
}

/// Another subscription's id in place of the usual one.
fn moved(id: &Value) -> Value {
    let other = "/subscriptions/00000000-0000-0000-0000-000000000009";
    json!(id.as_str().unwrap().replace(SUBSCRIPTION, other))
}

fn an_alternate_location() -> Value {
    let mut restore = with(a_restore(), "/recoveryType", json!("AlternateLocation"));
    for (field, value) in [
        ("/target/resourceGroupId", in_group("")),
        ("/target/virtualMachineId", compute("virtualMachines")),
        ("/target/virtualNetworkId", network("")),
        ("/target/subnetId", network("/subnets/default")),
    ] {
        restore = with(restore, field, value);
    }
    restore
}

fn an_original_location() -> Value {
    with(
        with(a_restore(), "/recoveryType", json!("OriginalLocation")),
        "/startBy",
        json!("2026-11-22T18:00:00Z"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_machine_needs_its_place_and_nothing_else_has_one() {
    let no_vm = in_group("/providers/Microsoft.Compute/disks/name");
    let cases: Vec<Case> = vec![
        ("", an_alternate_location(), None),
        ("/target/resourceGroupId", Value::Null, Some(NEW_MACHINE)),
        ("/target/virtualMachineId", Value::Null, Some(NEW_MACHINE)),
        ("/target/virtualNetworkId", Value::Null, Some(NEW_MACHINE)),
        ("/target/subnetId", Value::Null, Some(NEW_MACHINE)),
        // the shape of each id, in any letter case
        ("/target/virtualMachineId", no_vm, Some(VM)),
        ("/target/virtualMachineId", json!("web-1"), Some(VM)),
        (
            "/target/virtualNetworkId",
            network("/subnets/default"),
            Some(NETWORK),
        ),
        ("/target/virtualNetworkId", json!("net"), Some(NETWORK)),
        ("/target/subnetId", json!("default"), Some(SUBNET)),
        ("/target/subnetId", network(""), Some(SUBNET)),
        (
            "/target/virtualMachineId",
            json!(compute("virtualMachines").as_str().unwrap().to_uppercase()),
            None,
        ),
        (
            "/target/subnetId",
            json!(network("/subnets/default").as_str().unwrap().to_uppercase()),
            None,
        ),
        // what lies in what
        (
            "/target/virtualMachineId",
            json!(format!(
                "{SUBSCRIPTION}/resourceGroups/restores2/providers/Microsoft.Compute/virtualMachines/new"
            )),
            Some(
                "target.virtualMachineId must lie in target.resourceGroupId: write <resourceGroupId>/providers/",
            ),
        ),
        (
            "/target/subnetId",
            json!(network("2/subnets/default")),
            Some(
                "target.subnetId must be a subnet of target.virtualNetworkId: write <virtualNetworkId>/subnets/<name>",
            ),
        ),
        (
            "/target/virtualNetworkId",
            moved(&network("")),
            Some("target.virtualNetworkId must lie in the subscription of target.resourceGroupId"),
        ),
        // what a new machine may have besides
        ("/target/zone", json!("1"), None),
        (
            "/target/diskEncryptionSetId",
            compute("diskEncryptionSets"),
            None,
        ),
        ("/target/diskLuns", json!([0]), Some(ONLY_DISKS)),
        ("/target/osDiskOnly", json!(true), Some(ONLY_DISKS)),
        ("/target/osDiskOnly", json!(false), Some(ONLY_DISKS)),
    ];
    check_creation("VmRestore", &an_alternate_location(), cases).await;

    let others = [
        ("/target/virtualMachineId", compute("virtualMachines")),
        ("/target/virtualNetworkId", network("")),
        ("/target/subnetId", network("/subnets/default")),
    ];
    for base in [a_restore(), an_original_location()] {
        let cases = others
            .clone()
            .map(|(field, value)| (field, value, Some(ONLY_A_NEW_MACHINE)));
        check_creation("VmRestore", &base, cases.to_vec()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_in_place_needs_an_end_of_its_beginning_and_no_other_place() {
    let cases: Vec<Case> = vec![
        ("", an_original_location(), None),
        (
            "/startBy",
            Value::Null,
            Some("recoveryType OriginalLocation needs startBy, after which nothing is started"),
        ),
        ("/target/resourceGroupId", in_group(""), Some(IN_PLACE)),
        ("/target/zone", json!("NoZone"), Some(IN_PLACE)),
        (
            "/target/diskEncryptionSetId",
            compute("diskEncryptionSets"),
            Some(IN_PLACE),
        ),
        (
            "/target/securedVmOsDiskEncryptionSetId",
            compute("diskEncryptionSets"),
            Some(IN_PLACE),
        ),
        ("/target/diskLuns", json!([0]), Some(ONLY_DISKS)),
        ("/target/osDiskOnly", json!(true), Some(ONLY_DISKS)),
        // what all types may have
        (
            "/target/vaultIdentity",
            json!({"type": "SystemAssigned"}),
            None,
        ),
        (
            "/target/diskNetworkAccess",
            json!({"option": "SameAsOnSourceDisks"}),
            None,
        ),
        ("/target/rehydrate", json!({"priority": "High"}), None),
    ];
    check_creation("VmRestore", &an_original_location(), cases).await;

    // startBy may move, and may not go.
    let updates: Vec<Case> = vec![
        ("/startBy", json!("2027-11-22T18:00:00Z"), None),
        (
            "/startBy",
            Value::Null,
            Some("recoveryType OriginalLocation needs startBy"),
        ),
    ];
    check_update("VmRestore", &an_original_location(), updates).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_zones_and_everything_else_are_checked_when_created() {
    let luns_twice = "target.diskLuns must name each LUN once: remove the second one";
    let excludes = "target.osDiskOnly excludes target.diskLuns: remove osDiskOnly";
    let set = "must be the id of a disk encryption set: write /subscriptions/";
    let identity = "target.vaultIdentity.resourceId names a user-assigned identity: set it with type UserAssigned";
    let access =
        "target.diskNetworkAccess.diskAccessId goes with option EnablePrivateAccessForAllDisks";
    let an_identity =
        in_group("/providers/Microsoft.ManagedIdentity/userAssignedIdentities/restorer");
    let private =
        |id: Value| json!({"option": "EnablePrivateAccessForAllDisks", "diskAccessId": id});
    let user = |id: Value| json!({"type": "UserAssigned", "resourceId": id});
    let all: Vec<u8> = (0..64).collect();
    let too_many: Vec<u8> = (0..65).collect();
    let cases: Vec<Case> = vec![
        ("/target/diskLuns", json!([0]), None),
        ("/target/diskLuns", json!(all), None),
        ("/target/diskLuns", json!([]), Some("spec.target.diskLuns")),
        (
            "/target/diskLuns",
            json!(too_many),
            Some("spec.target.diskLuns"),
        ),
        (
            "/target/diskLuns",
            json!([64]),
            Some("should be less than or equal to 63"),
        ),
        (
            "/target/diskLuns",
            json!([-1]),
            Some("should be greater than or equal to 0"),
        ),
        (
            "/target/diskLuns",
            json!(["0"]),
            Some("spec.target.diskLuns[0]"),
        ),
        ("/target/diskLuns", json!([3, 1, 3]), Some(luns_twice)),
        ("/target/osDiskOnly", json!(true), None),
        (
            "/target",
            with(a_restore(), "/target/diskLuns", json!([0]))["target"].clone(),
            None,
        ),
        (
            "/target",
            with(
                with(a_restore(), "/target/diskLuns", json!([0])),
                "/target/osDiskOnly",
                json!(true),
            )["target"]
                .clone(),
            Some(excludes),
        ),
        (
            "/target",
            with(
                with(a_restore(), "/target/diskLuns", json!([0])),
                "/target/osDiskOnly",
                json!(false),
            )["target"]
                .clone(),
            None,
        ),
        ("/target/zone", json!("3"), None),
        ("/target/zone", json!("NoZone"), None),
        (
            "/target/zone",
            json!("4"),
            Some("supported values: \"1\", \"2\", \"3\", \"NoZone\""),
        ),
        ("/target/zone", json!(1), Some("spec.target.zone")),
        (
            "/target/diskEncryptionSetId",
            compute("diskEncryptionSets"),
            None,
        ),
        ("/target/diskEncryptionSetId", compute("disks"), Some(set)),
        (
            "/target/securedVmOsDiskEncryptionSetId",
            compute("diskEncryptionSets"),
            None,
        ),
        (
            "/target/securedVmOsDiskEncryptionSetId",
            json!("des"),
            Some(set),
        ),
        (
            "/target/vaultIdentity",
            json!({"type": "SystemAssigned"}),
            None,
        ),
        ("/target/vaultIdentity", user(an_identity.clone()), None),
        (
            "/target/vaultIdentity",
            json!({"type": "UserAssigned"}),
            Some(identity),
        ),
        (
            "/target/vaultIdentity",
            json!({"type": "SystemAssigned", "resourceId": an_identity}),
            Some(identity),
        ),
        (
            "/target/vaultIdentity",
            user(json!("restorer")),
            Some(
                "target.vaultIdentity.resourceId must be the id of a user-assigned identity: write /subscriptions/",
            ),
        ),
        (
            "/target/vaultIdentity",
            json!({}),
            Some("spec.target.vaultIdentity.type"),
        ),
        (
            "/target/diskNetworkAccess",
            private(compute("diskAccesses")),
            None,
        ),
        (
            "/target/diskNetworkAccess",
            json!({"option": "EnablePublicAccessForAllDisks"}),
            None,
        ),
        (
            "/target/diskNetworkAccess",
            json!({"option": "EnablePrivateAccessForAllDisks"}),
            Some(access),
        ),
        (
            "/target/diskNetworkAccess",
            json!({"option": "SameAsOnSourceDisks", "diskAccessId": compute("diskAccesses")}),
            Some(access),
        ),
        (
            "/target/diskNetworkAccess",
            private(compute("disks")),
            Some(
                "target.diskNetworkAccess.diskAccessId must be the id of a disk access: write /subscriptions/",
            ),
        ),
        (
            "/target/rehydrate",
            json!({"priority": "Standard", "retentionDays": 10}),
            None,
        ),
        (
            "/target/rehydrate",
            json!({"priority": "High", "retentionDays": 30}),
            None,
        ),
        (
            "/target/rehydrate",
            json!({"priority": "High", "retentionDays": 9}),
            Some("should be greater than or equal to 10"),
        ),
        (
            "/target/rehydrate",
            json!({"priority": "High", "retentionDays": 31}),
            Some("should be less than or equal to 30"),
        ),
        (
            "/target/rehydrate",
            json!({"retentionDays": 20}),
            Some("spec.target.rehydrate.priority"),
        ),
        (
            "/target/rehydrate",
            json!({"priority": "Soon"}),
            Some("supported values: \"Standard\", \"High\""),
        ),
    ];

    check_creation("VmRestore", &a_restore(), cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_a_target_ever_changes() {
    let frozen = Some("cannot change once a VmRestore exists: create a new VmRestore instead");
    let cases: Vec<Case> = vec![
        ("/recoveryType", json!("OriginalLocation"), frozen),
        ("/target/diskLuns", json!([0]), frozen),
        ("/target/osDiskOnly", json!(true), frozen),
        ("/target/zone", json!("1"), frozen),
        (
            "/target/diskEncryptionSetId",
            compute("diskEncryptionSets"),
            frozen,
        ),
        (
            "/target/securedVmOsDiskEncryptionSetId",
            compute("diskEncryptionSets"),
            frozen,
        ),
        (
            "/target/vaultIdentity",
            json!({"type": "SystemAssigned"}),
            frozen,
        ),
        (
            "/target/diskNetworkAccess",
            json!({"option": "SameAsOnSourceDisks"}),
            frozen,
        ),
        ("/target/rehydrate", json!({"priority": "High"}), frozen),
    ];
    check_update("VmRestore", &a_restore(), cases).await;

    let of_a_machine: Vec<Case> = vec![
        ("/target/virtualMachineId", compute("virtualMachines"), None),
        (
            "/target/virtualMachineId",
            in_group("/providers/Microsoft.Compute/virtualMachines/other"),
            frozen,
        ),
        ("/target/virtualNetworkId", Value::Null, frozen),
        ("/target/subnetId", network("/subnets/other"), frozen),
    ];
    check_update("VmRestore", &an_alternate_location(), of_a_machine).await;
}
