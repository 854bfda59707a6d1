//! The request, the operation that it starts, and the check before it.

use serde_json::{Value, json};

use super::ID;
use crate::support::{Azure, TEST_VM, VAULT, WEB_1, vm};

#[tokio::test]
async fn an_accepted_restore_says_where_to_ask_on_the_host_that_was_used() {
    let azure = Azure::start().await;

    let answer = azure.restore(&TEST_VM, ID).await;

    assert_eq!((answer.status, answer.text.as_str()), (202, ""));
    let item = format!("{}{}", azure.ready().http, TEST_VM.item());
    let status = answer.header("azure-asyncoperation").unwrap();
    let location = answer.header("location").unwrap();
    assert!(
        status.starts_with(&format!("{item}/operationsStatus/")),
        "{status}"
    );
    assert!(
        location.starts_with(&format!("{item}/operationResults/")),
        "{location}"
    );
    assert!(status.ends_with("?api-version=2019-05-13"));
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(answer.header("x-ms-client-request-id"), Some(ID));
    assert_ne!(answer.header("x-ms-request-id"), Some(ID));
}

#[tokio::test]
async fn the_operation_runs_and_then_names_the_job() {
    let azure = Azure::start().await;
    let accepted = azure.restore(&TEST_VM, ID).await;
    let status = accepted.header("azure-asyncoperation").unwrap();
    let result = accepted.header("location").unwrap();

    let running = azure.get(status).await.body;
    let no_result_yet = azure.get(result).await.status;
    azure.advance("5s").await;
    let done = azure.get(status).await.body;
    let operation = done["name"].as_str().unwrap();
    let at_vault = azure
        .get(&format!("{VAULT}/backupOperations/{operation}"))
        .await
        .body;
    let no_content = azure.get(result).await;

    assert_eq!(running["status"], "InProgress");
    assert_eq!(running["endTime"], "0001-01-01T00:00:00");
    assert!(running["properties"].is_null());
    assert_eq!(no_result_yet, 202);
    assert_eq!(done["status"], "Succeeded");
    assert_eq!(done["startTime"], done["endTime"]);
    assert_eq!(
        done["properties"]["objectType"],
        "OperationStatusJobExtendedInfo"
    );
    assert_eq!(at_vault, done);
    assert_eq!((no_content.status, no_content.text.as_str()), (204, ""));
    assert_ne!(done["properties"]["jobId"], done["id"]);
}

#[tokio::test]
async fn two_posts_with_one_client_request_id_make_two_jobs() {
    let azure = Azure::start().await;

    let first = azure.started_job(&WEB_1, ID).await;
    let second = azure.started_job(&WEB_1, ID).await;

    assert_ne!(first, second);
    let jobs = azure.get(&format!("{VAULT}/backupJobs")).await;
    let ids: Vec<&Value> = jobs
        .values()
        .iter()
        .map(|job| &job["properties"]["activityId"])
        .collect();
    assert_eq!(ids, [ID, ID]);
    let ledger = azure.ledger().await;
    assert_eq!(ledger.len(), 2);
    assert_eq!(ledger[0]["caused"]["jobId"], first.as_str());
    assert_eq!(ledger[1]["seq"], 2);
    assert_eq!(ledger[1]["clientRequestId"], ID);
}

#[tokio::test]
async fn a_script_decides_each_restore_of_a_vm_in_turn() {
    let azure = Azure::start().await;
    let transient = vm("transient-1");
    let busy = vm("busy-1");

    let first = azure.started_job(&transient, ID).await;
    let second = azure.started_job(&transient, ID).await;
    let refused = azure.restore(&busy, ID).await;
    let taken = azure.restore(&busy, ID).await;
    azure.advance("1h").await;

    assert_eq!(azure.job(&first).await["status"], "Failed");
    assert_eq!(azure.job(&second).await["status"], "Completed");
    assert_eq!(
        (refused.status, refused.code()),
        (409, "BMSUserErrorObjectLocked")
    );
    assert_eq!(taken.status, 202);
}

#[tokio::test]
async fn an_operation_can_fail_without_a_job_or_vanish() {
    let azure = Azure::start().await;
    let failing = azure.restore(&vm("opfail-1"), ID).await;
    let vanishing = azure.restore(&vm("gone-1"), ID).await;

    azure.advance("5s").await;
    let failed = azure
        .get(failing.header("azure-asyncoperation").unwrap())
        .await
        .body;
    azure.advance("1m").await;
    let gone = azure
        .get(vanishing.header("azure-asyncoperation").unwrap())
        .await;

    assert_eq!(failed["status"], "Failed");
    assert_eq!(failed["error"]["code"], "UserErrorVmNotFoundDuringRestore");
    assert!(failed["properties"].is_null());
    assert_eq!((gone.status, gone.code()), (404, "ResourceNotFound"));
    let jobs = azure.get(&format!("{VAULT}/backupJobs")).await;
    assert_eq!(
        jobs.values().len(),
        1,
        "only the vanished operation made a job"
    );
}

#[tokio::test]
async fn a_bad_restore_request_is_refused_and_makes_no_job() {
    let azure = Azure::start().await;
    let point = azure.points(&TEST_VM).await.remove(0);
    let path = format!("{}/recoveryPoints/{point}/restore", TEST_VM.item());
    let changes = [
        json!({"objectType": "Other"}),
        json!({"recoveryPointId": "1"}),
        json!({"recoveryType": "Everything"}),
        json!({"storageAccountId": null}),
        json!({"storageAccountId": "testAccount"}),
        json!({"sourceResourceId": WEB_1.id()}),
        json!({"targetResourceGroupId": "restores"}),
        json!({"restoreDiskLunList": ["x"]}),
        json!({"recoveryType": "AlternateLocation"}),
    ];

    for change in changes {
        let mut request = TEST_VM.restore_disks(&point);
        for (field, value) in change.as_object().unwrap() {
            request[field] = value.clone();
        }
        let answer = azure.post(&path, &json!({ "properties": request })).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "BMSUserErrorInvalidInput"),
            "{change}"
        );
    }
    let unknown = azure
        .post(
            &format!("{}/recoveryPoints/1/restore", TEST_VM.item()),
            &json!({}),
        )
        .await;
    let no_json = azure.request("POST", &path).body("{").send().await.unwrap();

    assert_eq!((unknown.status, unknown.code()), (404, "ResourceNotFound"));
    assert_eq!(no_json.status(), 400);
    assert!(
        azure
            .ledger()
            .await
            .iter()
            .all(|entry| entry["caused"].is_null())
    );
}

#[tokio::test]
async fn validation_finds_nothing_at_once_and_later() {
    let azure = Azure::start().await;
    let point = azure.points(&TEST_VM).await.remove(0);
    let body = json!({
        "id": format!("{}/recoveryPoints/{point}", TEST_VM.item()),
        "properties": {"objectType": "ValidateIaasVMRestoreOperationRequest", "restoreRequest": TEST_VM.restore_disks(&point)},
    });

    let at_once = azure
        .post(&format!("{VAULT}/backupValidateOperation"), &body)
        .await;
    let later = azure
        .post(&format!("{VAULT}/backupTriggerValidateOperation"), &body)
        .await;
    let running = azure
        .get(later.header("azure-asyncoperation").unwrap())
        .await
        .body["status"]
        .clone();
    azure.advance("10s").await;
    let done = azure
        .get(later.header("azure-asyncoperation").unwrap())
        .await
        .body;
    let result = azure.get(later.header("location").unwrap()).await;

    assert_eq!(
        at_once.body["validateOperationResponse"]["validationResults"],
        json!([])
    );
    assert_eq!(later.status, 202);
    assert_eq!(running, "InProgress");
    assert_eq!(
        done["properties"]["objectType"],
        "OperationStatusValidateOperationExtendedInfo"
    );
    assert_eq!(result.status, 200);
}
