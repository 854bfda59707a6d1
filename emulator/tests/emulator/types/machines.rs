//! Restores that make a virtual machine, and restores that replace its disks.

use serde_json::json;

use super::{
    alternate, disk, disk_ids, effects, in_group, machine, names, network, original, run, start,
};
use crate::support::{Azure, TEST_VM, WEB_1};

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
    for restored in &disks {
        assert!(restored.contains("/resourceGroups/restores/"), "{restored}");
        let disk = disk(&azure, restored).await;
        assert_eq!(disk["tags"]["RSVaultBackup"], id.as_str());
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
    let gone = azure.add_vm("gone-vm", json!({"deleted": true})).await;

    let replaced = run(&azure, &gone, &original()).await;
    let disks = run(&azure, &gone, &json!({})).await;

    assert_eq!(replaced["status"], "Failed");
    assert_eq!(replaced["errorDetails"][0]["errorCode"], 400_094);
    assert_eq!(disks["status"], "Completed", "the backup is still there");
    assert_eq!(azure.get(&gone.id()).await.status, 404);
}
