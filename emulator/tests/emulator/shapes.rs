//! Odd shapes of operations and jobs, and every error that a restore can have: chosen by a scenario or by a fault.

use serde_json::{Value, json};

use crate::support::{Answer, Azure, TEST_VM, VAULT, Vm, vm};

const ID: &str = "0010bff7-2ae6-4674-8a68-29e38cc9ae1c";
const SHAPED: Vm = vm("shaped-1");

/// An emulator with a VM whose restores go like this.
async fn with(restore: Value) -> Azure {
    let azure = Azure::start().await;
    shape(&azure, restore).await;
    azure
}

async fn shape(azure: &Azure, restore: Value) {
    let machine =
        json!({"resourceGroup": "testRG", "recoveryPoints": [{"age": "8h"}], "restore": restore});
    azure
        .admin(
            "PUT",
            "scenario/vaults/testVault/virtualMachines/shaped-1",
            machine,
        )
        .await;
}

/// The operation of the restore that was accepted last.
async fn operation(azure: &Azure) -> Answer {
    let ledger = azure.ledger().await;
    let id = ledger.last().unwrap()["caused"]["operationId"]
        .as_str()
        .unwrap()
        .to_owned();
    azure.get(&format!("{VAULT}/backupOperations/{id}")).await
}

/// The job of the restore that was accepted last, and its entry in the list.
async fn job(azure: &Azure) -> (Value, Value) {
    let list = azure.get(&format!("{VAULT}/backupJobs")).await;
    let entry = list.values()[0].clone();
    let job = azure
        .get(&format!(
            "{VAULT}/backupJobs/{}",
            entry["name"].as_str().unwrap()
        ))
        .await;
    (job.body["properties"].clone(), entry["properties"].clone())
}

#[tokio::test]
async fn an_accepted_restore_carries_the_headers_that_are_chosen() {
    let azure = Azure::start().await;
    for (which, status, location) in [
        ("both", true, true),
        ("asyncOperation", true, false),
        ("location", false, true),
        ("none", false, false),
    ] {
        shape(&azure, json!({"operation": {"headers": which}})).await;

        let accepted = azure.restore(&SHAPED, ID).await;

        assert_eq!(accepted.status, 202);
        let has = |name: &str| accepted.header(name).is_some();
        assert_eq!(
            (has("azure-asyncoperation"), has("location")),
            (status, location),
            "{which}"
        );
    }
}

#[tokio::test]
async fn poll_addresses_can_be_malformed_signed_and_of_another_version() {
    let azure = with(json!({"operation": {
        "malformedLocation": true, "signedUrls": true, "urlApiVersion": "2017-07-01",
    }}))
    .await;

    let accepted = azure.restore(&SHAPED, ID).await;

    let location = accepted.header("location").unwrap();
    let status = accepted.header("azure-asyncoperation").unwrap();
    assert!(
        location.contains("/subscriptions//subscriptions/"),
        "{location}"
    );
    assert!(!status.contains("//subscriptions"), "{status}");
    for address in [location, status] {
        assert!(address.contains("api-version=2017-07-01"));
        assert!((3_000..4_096).contains(&address.len()), "{}", address.len());
    }
    azure.advance("5s").await;
    assert_eq!(azure.get(status).await.body["status"], "Succeeded");
}

#[tokio::test]
async fn results_come_in_each_of_their_forms() {
    let azure = Azure::start().await;
    for (result, status, empty) in [
        ("noContent", 204, true),
        ("ok", 200, false),
        ("okEmpty", 200, true),
    ] {
        shape(&azure, json!({"operation": {"result": result}})).await;
        let accepted = azure.restore(&SHAPED, ID).await;
        let location = accepted.header("location").unwrap().to_owned();

        let running = azure.get(&location).await.status;
        azure.advance("5s").await;
        let done = azure.get(&location).await;

        assert_eq!((running, done.status), (202, status), "{result}");
        assert_eq!(done.text.is_empty(), empty, "{result}");
    }
}

#[tokio::test]
async fn an_operation_can_go_on_for_ever_while_its_job_ends() {
    let azure = with(json!({"operation": {"neverEnds": true, "runningAs": "Preparing"}})).await;
    let accepted = azure.restore(&SHAPED, ID).await;

    azure.advance("2h").await;
    let operation = operation(&azure).await.body;
    let result = azure.get(accepted.header("location").unwrap()).await;

    assert_eq!(operation["status"], "Preparing");
    assert_eq!(operation["endTime"], "0001-01-01T00:00:00");
    assert!(operation["properties"].is_null());
    assert_eq!(result.status, 202);
    assert_eq!(job(&azure).await.0["status"], "Completed");
}

#[tokio::test]
async fn an_operation_can_name_its_job_in_a_list_or_not_at_all() {
    let azure = with(json!([
        {"operation": {"listsJob": true}}, {"operation": {"namesNoJob": true}},
        {"operation": {"namesNoJob": true, "makesNoJob": true}},
    ]))
    .await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        azure.restore(&SHAPED, ID).await;
        azure.advance("5s").await;
        let jobs = azure.get(&format!("{VAULT}/backupJobs")).await;
        seen.push((operation(&azure).await.body, jobs.values().len()));
    }

    assert!(seen[0].0["properties"]["jobIds"][0].is_string());
    for (operation, _) in &seen[1..] {
        assert_eq!(operation["status"], "Succeeded");
        assert!(operation["properties"].is_null(), "{operation}");
    }
    let jobs: Vec<usize> = seen.iter().map(|(_, jobs)| *jobs).collect();
    assert_eq!(jobs, [1, 2, 2]);
}

#[tokio::test]
async fn an_operation_can_fail_under_either_name() {
    let azure = with(json!([
        {"error": "UserErrorVmNotFoundDuringRestore"},
        {"error": "UserErrorVmNotFoundDuringRestore", "operation": {"failedAs": "Canceled"}},
    ]))
    .await;
    let mut words = Vec::new();
    for _ in 0..2 {
        azure.restore(&SHAPED, ID).await;
        azure.advance("5s").await;
        let operation = operation(&azure).await.body;
        assert_eq!(
            operation["error"]["code"],
            "UserErrorVmNotFoundDuringRestore"
        );
        words.push(operation["status"].clone());
    }

    assert_eq!(words, ["Failed", "Canceled"]);
    let jobs = azure.get(&format!("{VAULT}/backupJobs")).await;
    assert!(jobs.values().is_empty());
}

#[tokio::test]
async fn a_fault_orders_the_shape_of_one_restore() {
    let azure = Azure::start().await;
    let rule = json!({"match": {"operation": "TriggerRestore"}, "action": {"restore": {
        "error": "CloudInternalError", "operation": {"headers": "location"},
    }}});
    azure
        .admin("PUT", "faults", json!({ "rules": [rule] }))
        .await;

    let first = azure.restore(&TEST_VM, ID).await;
    azure.advance("10m").await;
    let failed = job(&azure).await.0;
    let second = azure.restore(&TEST_VM, ID).await;
    azure.advance("10m").await;

    assert!(first.header("azure-asyncoperation").is_none());
    assert_eq!(
        failed["errorDetails"][0]["errorTitle"],
        "CloudInternalError"
    );
    assert!(second.header("azure-asyncoperation").is_some());
    assert_eq!(job(&azure).await.0["status"], "Completed");
    assert_eq!(
        azure.ledger().await[0]["fault"],
        "the restore goes as ordered"
    );
}

#[tokio::test]
async fn jobs_come_in_each_of_their_shapes() {
    let azure = Azure::start().await;
    let base = json!({"sizeGb": 30, "duration": "100s", "operation": {"inProgress": "1s"}});
    let shaped = |shape: Value| {
        let mut behaviour = base.clone();
        behaviour["job"] = shape;
        behaviour
    };
    let mut seen = Vec::new();
    for shape_of_job in [
        json!({}),
        json!({"actions": "numbers", "durations": "colons", "times": "withoutZone", "secondType": true}),
        json!({"times": "seconds", "noTasks": true, "noProgress": true, "runningAs": "Preparing"}),
        json!({"taskTimes": true}),
    ] {
        shape(&azure, shaped(shape_of_job)).await;
        azure.restore(&SHAPED, ID).await;
        azure.advance("31s").await;
        let shown = job(&azure).await;
        azure.advance("10m").await;
        seen.push(shown);
    }

    let plain = &seen[0].0;
    assert_eq!(plain["actionsInfo"], json!(["Cancellable"]));
    assert_eq!(plain["jobType"], "AzureIaaSVMJob");
    let odd = &seen[1].0;
    assert_eq!(odd["actionsInfo"], json!([1]));
    assert_eq!(odd["jobType"], "AzureIaaSVMJobV2");
    assert!(odd["duration"].as_str().unwrap().starts_with("00:00:3"));
    assert!(
        odd["extendedInfo"]["estimatedRemainingDuration"]
            .as_str()
            .unwrap()
            .starts_with("00:01:")
    );
    assert!(!odd["startTime"].as_str().unwrap().ends_with('Z'));
    let (bare, entry) = &seen[2];
    assert_eq!(
        (&bare["status"], &entry["status"]),
        (&json!("Preparing"), &json!("Preparing"))
    );
    assert_eq!(bare["extendedInfo"]["tasksList"], json!([]));
    assert!(bare["extendedInfo"]["progressPercentage"].is_null());
    let start = bare["startTime"].as_str().unwrap();
    assert!(start.ends_with('Z') && !start.contains('.'), "{start}");
    let task = &seen[3].0["extendedInfo"]["tasksList"][0];
    assert_eq!(task["startTime"], seen[3].0["startTime"]);
    assert_eq!(task["endTime"], "0001-01-01T00:00:00");
}

#[tokio::test]
async fn every_known_error_is_chosen_by_its_code() {
    let azure = Azure::start().await;
    let known = azure.admin("GET", "errors", Value::Null).await.body;
    let known = known["errors"].as_array().unwrap();
    assert!(known.len() >= 30, "{}", known.len());

    for one in known {
        let code = one["code"].as_str().unwrap();
        let lower = code.to_lowercase();
        shape(&azure, json!({"error": lower, "duration": "1m"})).await;
        let answer = azure.restore(&SHAPED, ID).await;
        azure.advance("10m").await;

        match one["place"].as_str().unwrap() {
            "request" => {
                assert_eq!(u64::from(answer.status), one["status"].as_u64().unwrap());
                assert_eq!(answer.code(), code);
            }
            "operation" => {
                let operation = operation(&azure).await.body;
                assert_eq!(operation["error"]["code"], code);
            }
            place => {
                let job = job(&azure).await.0;
                let status = if place == "warned" {
                    "CompletedWithWarnings"
                } else {
                    "Failed"
                };
                assert_eq!(job["status"], status, "{code}");
                assert_eq!(job["errorDetails"][0]["errorTitle"], code);
                assert_eq!(job["errorDetails"][0]["errorCode"], one["number"], "{code}");
            }
        }
    }
}

#[tokio::test]
async fn the_check_before_a_restore_finds_what_is_chosen() {
    let azure = Azure::start().await;
    let vm = vm("nosku-1");
    let point = azure.points(&vm).await.remove(0);
    let body = json!({
        "id": format!("{}/recoveryPoints/{point}", vm.item()),
        "properties": {"objectType": "ValidateIaasVMRestoreOperationRequest", "restoreRequest": vm.restore_disks(&point)},
    });

    let at_once = azure
        .post(&format!("{VAULT}/backupValidateOperation"), &body)
        .await
        .body;
    let later = azure
        .post(&format!("{VAULT}/backupTriggerValidateOperation"), &body)
        .await;
    azure.advance("10s").await;
    let later = azure
        .get(later.header("azure-asyncoperation").unwrap())
        .await;

    let found = &at_once["validateOperationResponse"]["validationResults"];
    assert_eq!(
        found[0]["code"],
        "UserErrorCoreCountSubscriptionQuotaReached"
    );
    assert!(found[0]["recommendations"][0].is_string());
    assert_eq!(
        &later.body["properties"]["validateOperationResponse"]["validationResults"],
        found
    );
}

#[tokio::test]
async fn an_error_that_nobody_knows_is_refused_with_the_scenario() {
    let azure = Azure::start().await;
    let address = format!(
        "{}/_emulator/scenario/vaults/testVault/virtualMachines/x",
        azure.ready().http
    );

    let refused = azure
        .client
        .put(address)
        .json(&json!({"resourceGroup": "testRG", "restore": {"error": "UserErrorNoSuchThing"}}))
        .send()
        .await
        .unwrap();

    assert_eq!(refused.status(), 400);
    assert!(
        refused
            .text()
            .await
            .unwrap()
            .contains("UserErrorNoSuchThing")
    );
}
