//! Lists: filters, pages, and letter case.

use serde_json::{Value, json};

use crate::support::{Azure, TEST_VM, VAULT, Vm, WEB_1, vm};

const ID: &str = "9601db77-1a20-11ec-b5f2-c8f750f92764";
const MANY: Vm = vm("many-1");

#[tokio::test]
async fn items_are_filtered_in_both_encodings() {
    let azure = Azure::start().await;
    let list = format!("{VAULT}/backupProtectedItems");

    let new = azure.get(&format!("{list}?$filter=backupManagementType%20eq%20%27AzureIaasVM%27%20and%20itemType%20eq%20%27VM%27")).await;
    let old = azure
        .get(&format!("{list}?%24filter=friendlyName+eq+'TESTVM'"))
        .await;
    let other = azure
        .get(&format!("{list}?$filter=backupManagementType eq 'MAB'"))
        .await;
    let unknown = azure
        .get(&format!("{list}?$filter=backupManagementType eq 'Cheese'"))
        .await;

    assert!(new.values().len() > 10);
    assert_eq!(old.values().len(), 1);
    assert_eq!(other.values().len(), 0);
    assert_eq!(
        (unknown.status, unknown.code()),
        (400, "BMSUserErrorInvalidInput")
    );
    assert_eq!(
        new.values()[0]["properties"]["virtualMachineId"],
        TEST_VM.id()
    );
}

#[tokio::test]
async fn names_match_in_any_case_with_either_semicolon() {
    let azure = Azure::start().await;
    let item = TEST_VM.item();

    let upper = azure
        .get(
            &item
                .to_uppercase()
                .replace("SUBSCRIPTIONS", "Subscriptions"),
        )
        .await;
    let encoded = azure.get(&format!("{}/", item.replace(';', "%3B"))).await;

    assert_eq!(upper.body["name"], "VM;iaasvmcontainerv2;testRG;testVM");
    assert_eq!(encoded.body["name"], "VM;iaasvmcontainerv2;testRG;testVM");
}

#[tokio::test]
async fn an_item_keeps_the_case_of_its_registration() {
    let azure = Azure::start().await;

    let list = azure
        .get(&format!(
            "{VAULT}/backupProtectedItems?$filter=friendlyName eq 'web-3'"
        ))
        .await;

    let item = &list.values()[0];
    assert_eq!(item["name"], "VM;iaasvmcontainerv2;WEB;WEB-3");
    assert!(
        item["properties"]["virtualMachineId"]
            .as_str()
            .unwrap()
            .ends_with("/web/providers/Microsoft.Compute/virtualMachines/web-3")
    );
    let read = azure.get(item["id"].as_str().unwrap()).await;
    assert_eq!(read.status, 200);
}

#[tokio::test]
async fn points_come_newest_first_and_in_pages() {
    let azure = Azure::start().await;

    let mut page = azure.get(&format!("{}/recoveryPoints", MANY.item())).await;
    let first = page.values().len();
    let mut times: Vec<String> = Vec::new();
    loop {
        times.extend(page.values().iter().map(|point| {
            point["properties"]["recoveryPointTime"]
                .as_str()
                .unwrap()
                .to_owned()
        }));
        let Some(next) = page.body["nextLink"].as_str().map(str::to_owned) else {
            break;
        };
        assert!(
            next.starts_with(&azure.ready().http)
                && next.contains("api-version=2024-04-01")
                && next.contains("$skipToken=")
        );
        page = azure.get(&next).await;
    }

    assert_eq!(first, 200);
    assert_eq!(times.len(), 450);
    assert!(times.windows(2).all(|pair| pair[0] > pair[1]));
    let wrong = azure
        .get(&format!("{}/recoveryPoints?$skipToken=x", MANY.item()))
        .await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn points_are_filtered_by_date_and_read_with_their_disks() {
    let azure = Azure::start().await;
    let all = azure
        .get(&format!("{}/recoveryPoints", TEST_VM.item()))
        .await;

    let none = azure
        .get(&format!("{}/recoveryPoints?$filter=startDate eq '2018-06-04 06:00:00 AM' and endDate eq '2018-06-05 12:00:00 AM'", TEST_VM.item()))
        .await;
    let bad = azure
        .get(&format!(
            "{}/recoveryPoints?$filter=startDate eq '2018-06-04T06:00:00Z'",
            TEST_VM.item()
        ))
        .await;
    let single = azure
        .get(&format!("{}/recoveryPoints/20982486783671", TEST_VM.item()))
        .await;

    assert_eq!(all.values()[0]["name"], "20982486783671");
    assert_eq!(all.values().len(), 12);
    assert!(
        all.values()[0]["properties"]["recoveryPointDiskConfiguration"]["includedDiskList"]
            .is_null()
    );
    assert_eq!(none.values().len(), 0);
    assert_eq!(bad.status, 400);
    let disks = &single.body["properties"]["recoveryPointDiskConfiguration"]["includedDiskList"];
    assert_eq!(disks[0]["lun"], -1);
    assert_eq!(disks[1]["lun"], 0);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_without_details() {
    let azure = Azure::start().await;
    let first = azure.started_job(&WEB_1, ID).await;
    let second = azure.started_job(&TEST_VM, ID).await;
    azure.advance("1m").await;
    let list = format!("{VAULT}/backupJobs");
    let count = async |filter: &str| {
        azure
            .get(&format!("{list}?$filter={filter}"))
            .await
            .values()
            .len()
    };

    let all = azure.get(&list).await;

    let names: Vec<&Value> = all.values().iter().map(|job| &job["name"]).collect();
    assert_eq!(names, [second.as_str(), first.as_str()]);
    assert!(
        all.values()
            .iter()
            .all(|job| job["properties"]["extendedInfo"].is_null())
    );
    assert_eq!(count("operation eq 'Restore'").await, 2);
    assert_eq!(count("operation eq ''").await, 2);
    assert_eq!(count("operation eq 'Backup'").await, 0);
    assert_eq!(count("status eq 'Completed'").await, 1);
    assert_eq!(count("status eq 'InProgress' and operation eq 'Restore' and backupManagementType eq 'AzureIaasVM'").await, 1);
    assert_eq!(count(&format!("jobId eq '{first}'")).await, 1);
}

#[tokio::test]
async fn jobs_are_listed_for_a_day_unless_dates_say_more() {
    let azure = Azure::start().await;
    azure.started_job(&WEB_1, ID).await;
    azure.advance("49h").await;
    let list = format!("{VAULT}/backupJobs");

    let by_default = azure.get(&list).await.values().len();
    let wide = format!(
        "{list}?$filter=startTime eq '2020-01-01 12:00:00 AM' and endTime eq '2099-01-01 12:00:00 AM'"
    );
    let all = azure.get(&wide).await.values().len();
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"service": {"longestJobWindow": "720h"}}),
        )
        .await;
    let too_wide = azure.get(&wide).await;

    assert_eq!((by_default, all), (0, 1));
    assert_eq!(
        (too_wide.status, too_wide.code()),
        (400, "BMSUserErrorInvalidInput")
    );
}

#[tokio::test]
async fn a_job_that_comes_in_between_two_pages_hides_no_other() {
    let azure = Azure::start().await;
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"service": {"pageSize": {"jobs": 2}, "nextLinkApiVersion": "2017-07-01"}}),
        )
        .await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(azure.started_job(&WEB_1, ID).await);
    }

    let first = azure
        .get(&format!(
            "{VAULT}/backupJobs?$filter=operation eq 'Restore'"
        ))
        .await;
    azure.started_job(&WEB_1, ID).await;
    let next = first.body["nextLink"].as_str().unwrap();
    let second = azure.get(next).await;

    assert!(next.contains("api-version=2017-07-01"));
    assert_eq!(first.values().len(), 2);
    assert_eq!(second.values().len(), 1);
    assert_eq!(second.values()[0]["name"], jobs[0].as_str());
    assert!(second.body["nextLink"].is_null());
}

#[tokio::test]
async fn protection_can_change_while_it_runs() {
    let azure = Azure::start().await;
    let vms = "scenario/vaults/testVault/virtualMachines";
    let list = format!("{VAULT}/backupProtectedItems?$filter=friendlyName eq 'new-1'");

    azure
        .admin(
            "PUT",
            &format!("{vms}/new-1"),
            json!({"resourceGroup": "web", "recoveryPoints": [{"name": "77", "age": "1h"}]}),
        )
        .await;
    let there = azure.get(&list).await.values().len();
    azure
        .admin("DELETE", &format!("{vms}/new-1"), Value::Null)
        .await;

    assert_eq!(there, 1);
    assert_eq!(azure.get(&list).await.values().len(), 0);
}
