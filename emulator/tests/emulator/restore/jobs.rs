//! The job: how it goes on, what it says, how it ends.

use serde_json::{Value, json};

use super::ID;
use crate::support::{Answer, Azure, SUBSCRIPTION, TEST_VM, VAULT, WEB_1, read, vm};

#[tokio::test]
async fn a_job_follows_the_recorded_series() {
    let azure = Azure::start().await;
    let id = azure.started_job(&TEST_VM, ID).await;

    let mut seen = Vec::new();
    for _ in 0..5 {
        let job = azure.job(&id).await;
        seen.push((
            job["status"].clone(),
            job["extendedInfo"]["progressPercentage"].clone(),
        ));
        azure.advance("45s").await;
    }

    let expected: Vec<(Value, Value)> = [
        ("InProgress", 1.0),
        ("InProgress", 50.0),
        ("InProgress", 94.0),
        ("InProgress", 94.0),
        ("Completed", 100.0),
    ]
    .map(|(status, percent)| (json!(status), json!(percent)))
    .to_vec();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_job_says_what_was_recorded() {
    let azure = Azure::start().await;
    let id = azure.started_job(&TEST_VM, ID).await;

    let running = azure.job(&id).await;
    azure.advance("10m").await;
    let done = azure.job(&id).await;

    assert_eq!(running["activityId"], ID);
    assert_eq!(running["containerName"], "iaasvmcontainerv2;testRG;testVM");
    assert!(running["endTime"].is_null() && running["errorDetails"].is_null());
    let bag = &running["extendedInfo"]["propertyBag"];
    assert_eq!(bag["Job Type"], "Recover disks");
    assert_eq!(bag["Target VM Name"], "vmName");
    assert!(
        bag["Recovery point time "].as_str().unwrap().ends_with('M'),
        "the key ends with a space"
    );
    assert!(bag["Config Blob Uri"].is_null());
    assert_eq!(
        running["extendedInfo"]["internalPropertyBag"]["restoreLocationType"],
        "RestoreDisks"
    );
    assert_eq!(done["duration"], "PT3M");
    let bag = &done["extendedInfo"]["propertyBag"];
    assert_eq!(bag["Config Blob Name"], format!("config-testvm-{id}.json"));
    assert!(
        bag["Template Blob Uri"]
            .as_str()
            .unwrap()
            .ends_with(&format!("azuredeploy{id}.json"))
    );
    assert!(
        bag["Restored disk(s)"].is_null(),
        "no list of LUNs was sent"
    );
    assert_eq!(
        done["extendedInfo"]["tasksList"][0]["taskExecutionDetails"],
        "127 GBs / 127 GBs Transferred"
    );
}

#[tokio::test]
async fn restored_disks_carry_the_job_and_exist_before_it_ends() {
    let azure = Azure::start().await;
    let disks = format!(
        "{SUBSCRIPTION}/resourcegroups/RESTORES/providers/microsoft.compute/disks?api-version=2023-01-02"
    );
    let id = azure.started_job(&WEB_1, ID).await;

    let of_restores = |answer: &Answer| {
        let disks = answer.values().iter();
        disks
            .filter(|disk| !disk["tags"]["RSVaultBackup"].is_null())
            .count()
    };
    let none = azure.get(&disks).await.values().len();
    azure.advance("16s").await;
    let early = azure.get(&disks).await;
    let running = azure.job(&id).await["status"].clone();
    let everywhere = azure
        .get(&format!(
            "{SUBSCRIPTION}/providers/Microsoft.Compute/disks?api-version=2023-01-02"
        ))
        .await;

    assert_eq!(none, 0);
    assert_eq!(running, "InProgress");
    assert_eq!(early.values().len(), 2);
    assert!(
        early
            .values()
            .iter()
            .all(|disk| disk["tags"]["RSVaultBackup"] == id.as_str())
    );
    assert_eq!(of_restores(&everywhere), 2);
}

#[tokio::test]
async fn selected_disks_are_named_in_the_job() {
    let azure = Azure::start().await;
    let point = azure.points(&WEB_1).await.remove(0);
    let path = format!("{}/recoveryPoints/{point}/restore", WEB_1.item());
    let mut body = WEB_1.restore_disks(&point);
    body["restoreDiskLunList"] = json!([]);

    let accepted = azure.post(&path, &body).await;
    azure.advance("1m").await;

    assert_eq!(
        accepted.status, 202,
        "a body without properties around it is taken: {}",
        accepted.text
    );
    let jobs = azure.get(&format!("{VAULT}/backupJobs")).await;
    let job = azure.job(jobs.values()[0]["name"].as_str().unwrap()).await;
    let bag = &job["extendedInfo"]["propertyBag"];
    assert_eq!(bag["Restored disk(s)"], "web-1_OsDisk_1");
    assert_eq!(bag["Backed-up disk(s)"], "web-1_OsDisk_1; web-1_DataDisk_0");
    let disks = azure.admin("GET", "disks", Value::Null).await;
    assert_eq!(disks.body["disks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn jobs_end_as_the_scenario_says() {
    let azure = Azure::start().await;
    let warn = vm("warn-1");
    let fail = vm("fail-1");
    let cancelled = vm("cancelled-1");
    let hang = vm("hang-1");
    let mut jobs = Vec::new();
    for vm in [&warn, &fail, &cancelled, &hang] {
        jobs.push(azure.started_job(vm, ID).await);
    }

    azure.advance("2h").await;

    let warned = azure.job(&jobs[0]).await;
    assert_eq!(warned["status"], "CompletedWithWarnings");
    assert_eq!(
        warned["errorDetails"][0]["errorTitle"],
        "UserErrorDiskTagsNotRestored"
    );
    let failed = azure.job(&jobs[1]).await;
    assert_eq!(failed["status"], "Failed");
    assert_eq!(failed["errorDetails"][0]["errorCode"], 400_048);
    assert!(failed["extendedInfo"]["progressPercentage"].is_null());
    assert_eq!(failed["extendedInfo"]["estimatedRemainingDuration"], "PT0S");
    assert_eq!(failed["extendedInfo"]["tasksList"][0]["status"], "Failed");
    assert_eq!(azure.job(&jobs[2]).await["status"], "Cancelled");
    assert_eq!(azure.job(&jobs[3]).await["status"], "InProgress");
}

#[tokio::test]
async fn a_late_job_can_be_read_before_it_is_listed() {
    let azure = Azure::start().await;
    let id = azure.started_job(&vm("late-1"), ID).await;
    let list = format!("{VAULT}/backupJobs");

    let early = azure.get(&list).await.values().len();
    let read = azure.job(&id).await["status"].clone();
    azure.advance("4m").await;

    assert_eq!(early, 0);
    assert_eq!(read, "InProgress");
    assert_eq!(azure.get(&list).await.values().len(), 1);
}

#[tokio::test]
async fn a_cancelled_job_is_cancelling_at_once_and_cancelled_later() {
    let azure = Azure::start().await;
    let id = azure.started_job(&TEST_VM, ID).await;
    let cancel = format!("{VAULT}/backupJobs/{id}/cancel");

    let accepted = read(azure.request("POST", &cancel).send().await.unwrap()).await;
    let cancelling = azure.job(&id).await["status"].clone();
    let again = read(azure.request("POST", &cancel).send().await.unwrap()).await;
    let running = azure.get(accepted.header("location").unwrap()).await.status;
    azure.advance("31s").await;
    let done = azure.get(accepted.header("location").unwrap()).await.status;

    assert_eq!(accepted.status, 202);
    assert!(
        accepted
            .header("azure-asyncoperation")
            .unwrap()
            .ends_with("api-version=2019-05-13-preview")
    );
    assert_eq!(cancelling, "Cancelling");
    assert_eq!(
        (again.status, again.code()),
        (400, "BMSUserErrorJobNotCancellable")
    );
    assert_eq!((running, done), (202, 204));
    assert_eq!(azure.job(&id).await["status"], "Cancelled");
}

#[tokio::test]
async fn a_restore_from_a_point_without_a_copy_fails_late() {
    let azure = Azure::start().await;
    let id = azure.started_job(&vm("badpoints-1"), ID).await;

    azure.advance("1h").await;

    let job = azure.job(&id).await;
    assert_eq!(job["status"], "Failed");
    assert_eq!(
        job["errorDetails"][0]["errorTitle"],
        "UserErrorInstantRpNotFound"
    );
}

#[tokio::test]
async fn jobs_show_another_id_or_none_while_the_service_does_not_fill_it() {
    let azure = Azure::start().await;
    let mut shown = Vec::new();
    for ids in ["another", "missing", "requestId"] {
        let service = json!({"service": {"activityIds": ids}});
        azure.admin("PATCH", "scenario", service).await;
        shown.push(azure.started_job(&TEST_VM, ID).await);
    }

    let mut jobs = Vec::new();
    for id in &shown {
        jobs.push(azure.job(id).await["activityId"].clone());
    }

    assert!(jobs[0].is_string() && jobs[0] != ID, "{jobs:?}");
    assert!(jobs[1].is_null(), "{jobs:?}");
    assert_eq!(jobs[2], ID);
    let sent = azure.admin("GET", "jobs", Value::Null).await.body;
    assert!(
        sent["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|job| job["clientRequestId"] == ID)
    );
}
