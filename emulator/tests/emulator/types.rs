//! Restores of every type: what each needs and excludes, and what it brings about.

use serde_json::{Value, json};

use crate::support::{Answer, Azure, SUBSCRIPTION, TEST_VM, VAULT, Vm, WEB_1, read};

const ID: &str = "0010bff7-2ae6-4674-8a68-29e38cc9ae1c";
const COMPUTE: &str = "providers/Microsoft.Compute";

fn in_group(group: &str, rest: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/{group}{rest}")
}

fn account(name: &str) -> String {
    in_group(
        "testRG",
        &format!("/providers/Microsoft.Storage/storageAccounts/{name}"),
    )
}

fn network() -> String {
    in_group(
        "testRG",
        "/providers/Microsoft.Network/virtualNetworks/testNet",
    )
}

fn machine(group: &str, name: &str) -> String {
    in_group(group, &format!("/{COMPUTE}/virtualMachines/{name}"))
}

/// Fields that make a restore of disks one to another location.
fn alternate(name: &str) -> Value {
    json!({
        "recoveryType": "AlternateLocation", "targetVirtualMachineId": machine("restores", name),
        "virtualNetworkId": network(), "subnetId": format!("{}/subnets/default", network()),
    })
}

/// Fields that make it one to the original location.
fn original() -> Value {
    json!({"recoveryType": "OriginalLocation", "targetResourceGroupId": null})
}

/// Sends a restore from the newest point with some fields changed.
async fn send(azure: &Azure, vm: &Vm, changes: &Value) -> Answer {
    let point = azure.points(vm).await.remove(0);
    let mut body = vm.restore_disks(&point);
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    let path = format!(
        "{}/recoveryPoints/{point}/restore?api-version=2024-04-01",
        vm.item()
    );
    let request = azure
        .request("POST", &path)
        .header("x-ms-client-request-id", ID)
        .json(&json!({ "properties": body }));
    read(request.send().await.unwrap()).await
}

/// The id of the job of a restore that is accepted.
async fn start(azure: &Azure, vm: &Vm, changes: &Value) -> String {
    let accepted = send(azure, vm, changes).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    azure.advance("5s").await;
    let status = azure
        .get(accepted.header("azure-asyncoperation").unwrap())
        .await;
    status.body["properties"]["jobId"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The ended job.
async fn run(azure: &Azure, vm: &Vm, changes: &Value) -> Value {
    let id = start(azure, vm, changes).await;
    azure.advance("3h").await;
    azure.job(&id).await
}

/// Adds a VM `name` to the vault and returns it.
async fn add(azure: &Azure, name: &'static str, registered: &'static str, mut spec: Value) -> Vm {
    spec["resourceGroup"] = "testRG".into();
    if spec["recoveryPoints"].is_null() {
        spec["recoveryPoints"] = json!([{"age": "8h"}]);
    }
    let path = format!("scenario/vaults/testVault/virtualMachines/{name}");
    azure.admin("PUT", &path, spec).await;
    Vm {
        group: "testRG",
        name,
        registered,
    }
}

async fn change_vault(azure: &Azure, changes: Value) {
    let scenario = azure.admin("GET", "scenario", Value::Null).await.body;
    let mut vault = scenario["vaults"][0].clone();
    for (field, value) in changes.as_object().unwrap() {
        vault[field] = value.clone();
    }
    azure.admin("PUT", "scenario/vaults/testVault", vault).await;
}

async fn disk(azure: &Azure, id: &str) -> Value {
    let answer = azure.get(&format!("{id}?api-version=2023-01-02")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

async fn effects(azure: &Azure) -> Value {
    azure.admin("GET", "effects", Value::Null).await.body
}

fn names(values: &Value) -> Vec<&str> {
    let values = values.as_array().unwrap().iter();
    values
        .map(|value| value["name"].as_str().unwrap())
        .collect()
}

fn disk_ids(machine: &Value) -> Vec<String> {
    let profile = &machine["properties"]["storageProfile"];
    let data = profile["dataDisks"].as_array().unwrap().iter();
    std::iter::once(&profile["osDisk"])
        .chain(data)
        .map(|disk| disk["managedDisk"]["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_alternate_location_gets_a_machine_with_disks_and_an_interface() {
    let azure = Azure::start().await;
    let target = machine("restores", "copy-1");
    let id = start(&azure, &TEST_VM, &alternate("copy-1")).await;

    let before = azure.get(&target).await.status;
    let tasks = azure.job(&id).await["extendedInfo"]["tasksList"].clone();
    azure.advance("10m").await;
    let made = azure.get(&target).await;
    let job = azure.job(&id).await;

    assert_eq!((before, made.status), (404, 200), "{}", made.text);
    assert_eq!(tasks[1]["status"], "NotStarted");
    assert_eq!(job["status"], "Completed");
    assert_eq!(
        job["extendedInfo"]["tasksList"][1],
        json!({"taskId": "Create the restored virtual machine", "duration": "PT0S", "status": "Completed", "taskType": "Normal"})
    );
    let bag = &job["extendedInfo"]["propertyBag"];
    assert_eq!(bag["Target VM Name"], "copy-1");
    assert_eq!(bag["Target VNet Name"], "Group testRG testNet");
    assert!(bag["Config Blob Uri"].is_null());
    let disks = disk_ids(&made.body);
    assert_eq!(disks.len(), 2);
    for id in &disks {
        assert!(id.contains("/resourceGroups/restores/"), "{id}");
        let disk = disk(&azure, id).await;
        assert_eq!(disk["tags"]["RSVaultBackup"], id_of(&job, &azure).await);
        assert_eq!(disk["managedBy"], target.as_str());
        assert_eq!(disk["properties"]["diskState"], "Attached");
    }
    assert!(disks[0].contains("/copy1-osdisk-"), "{disks:?}");
    let interface = &made.body["properties"]["networkProfile"]["networkInterfaces"][0]["id"];
    let interface = disk(&azure, interface.as_str().unwrap()).await;
    let configuration = &interface["properties"]["ipConfigurations"][0]["properties"];
    assert_eq!(
        configuration["subnet"]["id"],
        format!("{}/subnets/default", network())
    );
    assert_eq!(
        interface["properties"]["virtualMachine"]["id"],
        target.as_str()
    );
}

/// The id of the only job.
async fn id_of(_: &Value, azure: &Azure) -> Value {
    azure.get(&format!("{VAULT}/backupJobs")).await.values()[0]["name"].clone()
}

#[tokio::test]
async fn an_alternate_location_fails_where_the_machine_exists_or_is_on_its_way() {
    let azure = Azure::start().await;
    let taken = json!({"targetVirtualMachineId": machine("web", "web-2"), "targetResourceGroupId": in_group("web", "")});
    let mut over = alternate("x");
    over["targetVirtualMachineId"] = taken["targetVirtualMachineId"].clone();
    over["targetResourceGroupId"] = taken["targetResourceGroupId"].clone();

    let protected = start(&azure, &WEB_1, &over).await;
    let first = start(&azure, &TEST_VM, &alternate("copy-1")).await;
    let second = start(&azure, &WEB_1, &alternate("COPY-1")).await;
    azure.advance("1h").await;
    let third = run(&azure, &WEB_1, &alternate("copy-1")).await;

    assert_eq!(azure.job(&first).await["status"], "Completed");
    for job in [azure.job(&protected).await, azure.job(&second).await, third] {
        assert_eq!(job["status"], "Failed", "{job}");
        assert_eq!(
            job["errorDetails"][0]["errorTitle"],
            "UserErrorTargetVirtualMachineAlreadyExists"
        );
    }
    assert_eq!(names(&effects(&azure).await["virtualMachines"]), ["copy-1"]);
}

#[tokio::test]
async fn the_original_location_gets_other_disks_and_the_old_ones_stay() {
    let azure = Azure::start().await;
    let source = TEST_VM.id();
    let old = disk_ids(&azure.get(&source).await.body);

    let id = start(&azure, &TEST_VM, &original()).await;
    azure.advance("2m").await;
    let meanwhile = disk_ids(&azure.get(&source).await.body);
    azure.advance("10m").await;
    let new = disk_ids(&azure.get(&source).await.body);
    let job = azure.job(&id).await;

    assert_eq!(meanwhile, old, "disks are replaced at the end");
    assert_eq!(job["status"], "Completed");
    assert_eq!(
        job["extendedInfo"]["propertyBag"]["Job Type"],
        "Replace disks"
    );
    assert_eq!(
        job["extendedInfo"]["propertyBag"]["Target resource group"],
        "testRG"
    );
    assert_eq!(
        job["extendedInfo"]["tasksList"][1]["taskId"],
        "Update the virtual machine"
    );
    assert_eq!(new.len(), old.len());
    for id in &old {
        let disk = disk(&azure, id).await;
        assert_eq!(disk["properties"]["diskState"], "Unattached", "{id}");
        assert!(disk["managedBy"].is_null() && disk["tags"].is_null());
    }
    for restored in &new {
        assert!(restored.contains("/resourceGroups/testRG/"), "{restored}");
        let disk = disk(&azure, restored).await;
        assert_eq!(disk["managedBy"], source.as_str());
        assert_eq!(disk["tags"]["RSVaultBackup"], id.as_str());
    }
    start(&azure, &TEST_VM, &original()).await;
    azure.advance("10m").await;
    let newest = disk_ids(&azure.get(&source).await.body);
    assert!(newest.iter().all(|id| !new.contains(id)), "{newest:?}");
}

#[tokio::test]
async fn the_original_location_needs_its_machine() {
    let azure = Azure::start().await;
    let gone = add(
        &azure,
        "gone-vm",
        "iaasvmcontainerv2;testRG;gone-vm",
        json!({"deleted": true}),
    )
    .await;

    let replaced = run(&azure, &gone, &original()).await;
    let disks = run(&azure, &gone, &json!({})).await;

    assert_eq!(replaced["status"], "Failed");
    assert_eq!(replaced["errorDetails"][0]["errorCode"], 400_094);
    assert_eq!(disks["status"], "Completed", "the backup is still there");
    assert_eq!(azure.get(&gone.id()).await.status, 404);
}

#[tokio::test]
async fn each_type_refuses_the_fields_of_the_others() {
    let azure = Azure::start().await;
    let with = |mut base: Value, changes: Value| {
        for (field, value) in changes.as_object().unwrap() {
            base[field] = value.clone();
        }
        base
    };
    let set = in_group("testRG", &format!("/{COMPUTE}/diskEncryptionSets/des"));
    let access = in_group("testRG", &format!("/{COMPUTE}/diskAccesses/access"));
    let settings = |option: &str, id: Option<&str>| json!({"targetDiskNetworkAccessSettings": {"targetDiskNetworkAccessOption": option, "targetDiskAccessId": id}});
    let rehydration = |info: Value| json!({"objectType": "IaasVMRestoreWithRehydrationRequest", "recoveryPointRehydrationInfo": info});
    let group = in_group("restores", "");
    let refused = [
        (
            "targetResourceGroupId",
            with(original(), json!({"targetResourceGroupId": group})),
        ),
        (
            "OriginalLocation",
            with(
                original(),
                json!({"subnetId": format!("{}/subnets/default", network())}),
            ),
        ),
        ("zones", with(original(), json!({"zones": ["1"]}))),
        (
            "diskEncryptionSetId",
            with(original(), json!({"diskEncryptionSetId": set})),
        ),
        (
            "restoreDiskLunList",
            with(original(), json!({"restoreDiskLunList": [0]})),
        ),
        (
            "restoreDiskLunList",
            with(alternate("x"), json!({"restoreDiskLunList": []})),
        ),
        (
            "AlternateLocation needs",
            with(alternate("x"), json!({"subnetId": null})),
        ),
        (
            "targetVirtualMachineId",
            with(
                alternate("x"),
                json!({"targetVirtualMachineId": machine("testRG", "x")}),
            ),
        ),
        (
            "subnetId",
            with(
                alternate("x"),
                json!({"subnetId": format!("{}2/subnets/default", network())}),
            ),
        ),
        (
            "subnetId",
            with(alternate("x"), json!({"subnetId": network()})),
        ),
        (
            "RestoreDisks",
            json!({"targetVirtualMachineId": machine("restores", "x")}),
        ),
        ("LUN 7", json!({"restoreDiskLunList": [7]})),
        ("zones", json!({"zones": ["1", "2"]})),
        ("zones", json!({"zones": ["4"]})),
        ("zones", json!({"zones": "1"})),
        (
            "diskEncryptionSetId",
            json!({"diskEncryptionSetId": access}),
        ),
        (
            "targetDiskAccessId",
            settings("EnablePrivateAccessForAllDisks", None),
        ),
        (
            "targetDiskAccessId",
            settings("SameAsOnSourceDisks", Some(&access)),
        ),
        ("targetDiskNetworkAccessOption", settings("Whatever", None)),
        (
            "recoveryPointRehydrationInfo",
            json!({"objectType": "IaasVMRestoreWithRehydrationRequest"}),
        ),
        (
            "rehydrationPriority",
            rehydration(
                json!({"rehydrationPriority": "Low", "rehydrationRetentionDuration": "P15D"}),
            ),
        ),
        (
            "rehydrationRetentionDuration",
            rehydration(
                json!({"rehydrationPriority": "High", "rehydrationRetentionDuration": "15"}),
            ),
        ),
        (
            "identityInfo",
            json!({"identityInfo": {"isSystemAssignedIdentity": true}}),
        ),
        ("identityInfo", json!({"identityInfo": {}})),
        (
            "securedVMDetails",
            json!({"securedVMDetails": {"securedVMOsDiskEncryptionSetId": set}}),
        ),
        (
            "extendedLocation",
            json!({"extendedLocation": {"name": "losangeles", "type": "EdgeZone"}}),
        ),
        (
            "originalStorageAccountOption",
            json!({"originalStorageAccountOption": true}),
        ),
        ("encryptionDetails", json!({"encryptionDetails": "no"})),
    ];

    for (word, changes) in refused {
        let answer = send(&azure, &TEST_VM, &changes).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "BMSUserErrorInvalidInput"),
            "{changes}"
        );
        assert!(answer.text.contains(word), "{word}: {}", answer.text);
    }
    assert!(
        effects(&azure).await["disks"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn nulls_and_empty_texts_are_as_absent() {
    let azure = Azure::start().await;
    let article = json!({
        "recoveryType": "OriginalLocation", "affinityGroup": "", "diskEncryptionSetId": null, "subnetId": null,
        "targetDomainNameId": null, "targetResourceGroupId": null, "targetVirtualMachineId": null, "virtualNetworkId": null,
        "zones": [], "identityInfo": null,
    });

    assert_eq!(run(&azure, &TEST_VM, &article).await["status"], "Completed");
}

#[tokio::test]
async fn luns_come_as_numbers_or_strings_and_select_disks() {
    let azure = Azure::start().await;
    let vm = add(
        &azure,
        "luns-1",
        "iaasvmcontainerv2;testRG;luns-1",
        json!({"dataDisks": 3}),
    )
    .await;

    let mut restored = Vec::new();
    for luns in [json!([]), json!([0, 2]), json!(["1"]), Value::Null] {
        let before = effects(&azure).await["disks"].as_array().unwrap().len();
        let job = run(&azure, &vm, &json!({"restoreDiskLunList": luns})).await;
        let made = effects(&azure).await["disks"].as_array().unwrap()[before..].len();
        let named = job["extendedInfo"]["propertyBag"]["Restored disk(s)"].clone();
        restored.push((made, named));
    }

    assert_eq!(
        restored,
        [
            (1, json!("luns-1_OsDisk_1")),
            (
                3,
                json!("luns-1_OsDisk_1; luns-1_DataDisk_0; luns-1_DataDisk_2")
            ),
            (2, json!("luns-1_OsDisk_1; luns-1_DataDisk_1")),
            (4, Value::Null),
        ]
    );
}

#[tokio::test]
async fn what_was_asked_for_disks_shows_on_them() {
    let azure = Azure::start().await;
    let confidential = add(
        &azure,
        "secret-1",
        "iaasvmcontainerv2;testRG;secret-1",
        json!({"confidential": true, "edgeZone": "losangeles", "recoveryPoints": [{"age": "8h", "tiers": ["HardenedRP"]}]}),
    )
    .await;
    let set = in_group("testRG", &format!("/{COMPUTE}/diskEncryptionSets/des"));
    let access = in_group("testRG", &format!("/{COMPUTE}/diskAccesses/access"));

    run(
        &azure,
        &confidential,
        &json!({
            "zones": ["2"], "diskEncryptionSetId": set, "securedVMDetails": {"securedVMOsDiskEncryptionSetId": set},
            "extendedLocation": {"name": "LosAngeles", "type": "EdgeZone"},
            "targetDiskNetworkAccessSettings": {
                "targetDiskNetworkAccessOption": "EnablePrivateAccessForAllDisks", "targetDiskAccessId": access,
            },
        }),
    )
    .await;

    let made = effects(&azure).await["disks"].clone();
    let (os, data) = (&made[0], &made[1]);
    assert!(os["name"].as_str().unwrap().starts_with("secret1-osdisk-"));
    assert!(
        data["name"]
            .as_str()
            .unwrap()
            .starts_with("secret1-datadisk-000-")
    );
    assert_eq!(os["zones"], json!(["2"]));
    assert_eq!(os["extendedLocation"]["name"], "LosAngeles");
    let properties = &os["properties"];
    assert_eq!(properties["creationData"]["createOption"], "Import");
    assert_eq!(
        properties["encryption"]["diskEncryptionSetId"],
        set.as_str()
    );
    assert_eq!(properties["networkAccessPolicy"], "AllowPrivate");
    assert_eq!(properties["diskAccessId"], access.as_str());
    assert_eq!(
        properties["securityProfile"]["secureVMDiskEncryptionSetId"],
        set.as_str()
    );
    assert!(data["properties"]["securityProfile"].is_null());
    let answer = send(&azure, &confidential, &json!({})).await;
    assert!(
        answer.text.contains("extendedLocation"),
        "the edge zone of the point is needed: {}",
        answer.text
    );
}

#[tokio::test]
async fn the_point_and_the_machine_decide_what_is_possible() {
    let azure = Azure::start().await;
    let private = add(
        &azure,
        "private-1",
        "iaasvmcontainerv2;testRG;private-1",
        json!({"privateDisks": true}),
    )
    .await;
    let encrypted = add(
        &azure,
        "ade-1",
        "iaasvmcontainerv2;testRG;ade-1",
        json!({"recoveryPoints": [{"age": "8h", "encrypted": true}]}),
    )
    .await;
    let unmanaged = add(
        &azure,
        "old-1",
        "iaasvmcontainerv2;testRG;old-1",
        json!({"recoveryPoints": [{"age": "8h", "unmanaged": true}]}),
    )
    .await;
    let archived = Vm {
        group: "testRG",
        name: "archived-1",
        registered: "iaasvmcontainerv2;testRG;archived-1",
    };
    let set = in_group("testRG", &format!("/{COMPUTE}/diskEncryptionSets/des"));
    let same = json!({"targetDiskNetworkAccessSettings": {"targetDiskNetworkAccessOption": "SameAsOnSourceDisks"}});
    let rehydrate = json!({
        "objectType": "IaasVMRestoreWithRehydrationRequest",
        "recoveryPointRehydrationInfo": {"rehydrationPriority": "High", "rehydrationRetentionDuration": "P15D"},
    });
    let refused = [
        (&private, json!({})),
        (&encrypted, original()),
        (&encrypted, alternate("x")),
        (&encrypted, json!({"diskEncryptionSetId": set})),
        (&unmanaged, original()),
        (&archived, json!({})),
    ];

    for (vm, changes) in refused {
        let answer = send(&azure, vm, &changes).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "BMSUserErrorInvalidInput"),
            "{} {changes}",
            vm.name
        );
    }
    assert_eq!(run(&azure, &private, &same).await["status"], "Completed");
    assert_eq!(
        effects(&azure).await["disks"][0]["properties"]["networkAccessPolicy"],
        "AllowPrivate"
    );
    assert_eq!(
        run(&azure, &archived, &rehydrate).await["status"],
        "Completed"
    );
    let selected = run(&azure, &encrypted, &json!({"restoreDiskLunList": [0]})).await;
    assert_eq!(
        selected["errorDetails"][0]["errorTitle"],
        "UserErrorEncryptedVmNotSupportedWithDiskEx"
    );
}

#[tokio::test]
async fn what_does_not_exist_is_noticed_late() {
    let azure = Azure::start().await;
    let nowhere = in_group("nowhere", "");
    let subnet = format!("{}/subnets/other", network());
    let mut no_subnet = alternate("x");
    no_subnet["subnetId"] = subnet.into();

    for (changes, title) in [
        (
            json!({"storageAccountId": account("missing")}),
            "UserErrorBCMRestoreStorageAccountNotFound",
        ),
        (
            json!({"targetResourceGroupId": nowhere}),
            "UserErrorTargetResourceGroupNotFound",
        ),
        (no_subnet, "UserErrorTargetNetworkOrSubnetNotFound"),
    ] {
        let job = run(&azure, &TEST_VM, &changes).await;
        assert_eq!(job["status"], "Failed", "{changes}");
        assert_eq!(job["errorDetails"][0]["errorTitle"], title);
        assert!(
            !job["errorDetails"][0]["recommendations"]
                .as_array()
                .unwrap()
                .is_empty()
        );
    }
    assert!(
        effects(&azure).await["disks"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn the_vault_decides_about_identities_and_other_subscriptions() {
    let azure = Azure::start().await;
    let assigned = in_group(
        "testRG",
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup",
    );
    let elsewhere = "/subscriptions/00000000-0000-0000-0000-000000000009/resourceGroups/far";
    change_vault(
        &azure,
        json!({"identity": {"userAssigned": [assigned]}, "customerManagedKey": true, "crossSubscriptionRestore": false}),
    )
    .await;
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"resourceGroups": [in_group("restores", ""), elsewhere]}),
        )
        .await;
    let by_identity = json!({
        "storageAccountId": null, "identityInfo": {"managedIdentityResourceId": assigned},
        "identityBasedRestoreDetails": {"targetStorageAccountId": account("testAccount")},
    });
    let far = json!({"targetResourceGroupId": elsewhere});

    let vault = azure.get(VAULT).await.body;
    let encryption = azure
        .get(&format!(
            "{VAULT}/backupEncryptionConfigs/backupResourceEncryptionConfig"
        ))
        .await
        .body;
    let restored = run(&azure, &TEST_VM, &by_identity).await;
    let refused = send(&azure, &TEST_VM, &far).await;
    change_vault(&azure, json!({"crossSubscriptionRestore": true})).await;
    let allowed = run(&azure, &TEST_VM, &far).await;

    assert_eq!(vault["identity"]["type"], "UserAssigned");
    assert!(vault["identity"]["userAssignedIdentities"][&assigned]["principalId"].is_string());
    let restore = &vault["properties"]["restoreSettings"]["crossSubscriptionRestoreSettings"];
    assert_eq!(restore["crossSubscriptionRestoreState"], "Disabled");
    assert_eq!(
        encryption["properties"]["encryptionAtRestType"],
        "CustomerManaged"
    );
    assert_eq!(restored["status"], "Completed");
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(allowed["status"], "Completed");
    assert_eq!(
        allowed["extendedInfo"]["propertyBag"]["Target Subscription ID"],
        "00000000-0000-0000-0000-000000000009"
    );
}

#[tokio::test]
async fn disks_without_a_target_group_are_left_as_blobs() {
    let azure = Azure::start().await;

    let job = run(
        &azure,
        &WEB_1,
        &json!({"targetResourceGroupId": null, "restoreDiskLunList": [0]}),
    )
    .await;

    let effects = effects(&azure).await;
    assert!(effects["disks"].as_array().unwrap().is_empty());
    let blobs = effects["blobs"].as_array().unwrap();
    assert_eq!(blobs.len(), 4, "{blobs:?}");
    let bag = &job["extendedInfo"]["propertyBag"];
    assert_eq!(blobs[0], bag["Config Blob Uri"]);
    assert_eq!(blobs[1], bag["Template Blob Uri"]);
    assert!(blobs[2].as_str().unwrap().ends_with(".vhd"));
}

#[tokio::test]
async fn ends_that_are_not_success_leave_what_they_are_known_to_leave() {
    let azure = Azure::start().await;
    let cases = [
        (
            "CompletedWithWarnings",
            "OlrBackupFailed",
            original(),
            Value::Null,
            2,
            0,
        ),
        (
            "CompletedWithWarnings",
            "UserErrorSkuNotAvailable",
            alternate("c1"),
            Value::Null,
            2,
            0,
        ),
        (
            "CompletedWithWarnings",
            "UserErrorDiskTagsNotRestored",
            alternate("c2"),
            json!("everything"),
            2,
            1,
        ),
        (
            "CompletedWithWarnings",
            "UserErrorDiskTagsNotRestored",
            json!({}),
            Value::Null,
            2,
            0,
        ),
        (
            "Failed",
            "UserErrorSkuNotAvailable",
            alternate("c3"),
            Value::Null,
            0,
            0,
        ),
        (
            "Failed",
            "UserErrorSkuNotAvailable",
            alternate("c4"),
            json!("disks"),
            2,
            0,
        ),
        (
            "Failed",
            "CloudInternalError",
            json!({}),
            json!("disks"),
            2,
            0,
        ),
    ];

    for (number, (status, error, changes, leaves, disks, machines)) in cases.into_iter().enumerate()
    {
        let outcome = if status == "Failed" {
            "failed"
        } else {
            "completedWithWarnings"
        };
        let behaviour =
            json!({"error": error, "outcome": outcome, "leaves": leaves, "duration": "1m"});
        let vm = add(
            &azure,
            "ends-1",
            "iaasvmcontainerv2;testRG;ends-1",
            json!({ "restore": behaviour }),
        )
        .await;
        let before = effects(&azure).await;
        let source = disk_ids(&azure.get(&vm.id()).await.body);

        let job = run(&azure, &vm, &changes).await;

        let after = effects(&azure).await;
        let more = |what: &str| {
            after[what].as_array().unwrap().len() - before[what].as_array().unwrap().len()
        };
        assert_eq!(job["status"], status, "{number}");
        assert_eq!(job["errorDetails"][0]["errorTitle"], error, "{number}");
        assert_eq!(
            (more("disks"), more("virtualMachines")),
            (disks, machines),
            "{number}"
        );
        assert_eq!(
            disk_ids(&azure.get(&vm.id()).await.body),
            source,
            "{number}: no disk of the source is replaced"
        );
        let tasks = job["extendedInfo"]["tasksList"].as_array().unwrap();
        if let Some(second) = tasks.get(1) {
            let expected = if machines == 1 { "Completed" } else { "Failed" };
            assert_eq!(second["status"], expected, "{number}");
        }
    }
}

#[tokio::test]
async fn a_disk_can_be_missing_although_it_was_asked_for() {
    let azure = Azure::start().await;
    let vm = add(
        &azure,
        "missing-1",
        "iaasvmcontainerv2;testRG;missing-1",
        json!({"dataDisks": 2, "restore": {"outcome": "completedWithWarnings", "missingLuns": [1]}}),
    )
    .await;

    let job = run(&azure, &vm, &json!({"restoreDiskLunList": [0, 1]})).await;

    assert_eq!(
        job["extendedInfo"]["propertyBag"]["Restored disk(s)"],
        "missing-1_OsDisk_1; missing-1_DataDisk_0"
    );
    assert_eq!(effects(&azure).await["disks"].as_array().unwrap().len(), 2);
}
