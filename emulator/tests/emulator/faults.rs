//! Faults, the ledger, and the counts.

use serde_json::{Value, json};

use crate::support::{Azure, TEST_VM, VAULT, WEB_1, read};

const ID: &str = "1f87af11-e87f-11eb-b3a3-f48e389cc17c";

async fn order(azure: &Azure, rules: Value) {
    azure
        .admin("PUT", "faults", json!({ "rules": rules }))
        .await;
}

async fn jobs(azure: &Azure) -> usize {
    azure.advance("10s").await;
    azure
        .get(&format!("{VAULT}/backupJobs"))
        .await
        .values()
        .len()
}

#[tokio::test]
async fn a_reset_before_the_effect_makes_no_job() {
    let azure = Azure::start().await;
    order(
        &azure,
        json!([{"match": {"operation": "TriggerRestore"}, "action": {"reset": true}}]),
    )
    .await;

    let lost = azure.restore_request(&TEST_VM, ID).await.send().await;

    assert!(lost.is_err());
    assert_eq!(jobs(&azure).await, 0);
    let entry = &azure.ledger().await[0];
    assert!(entry["caused"].is_null() && entry["status"].is_null());
    assert_eq!(entry["fault"], "connection closed before its effect");
}

#[tokio::test]
async fn a_reset_after_the_effect_makes_a_job_that_nobody_was_told_of() {
    let azure = Azure::start().await;
    let action = json!({"when": "afterEffect", "reset": true});
    order(
        &azure,
        json!([{"match": {"method": "POST", "path": "testvm"}, "action": action}]),
    )
    .await;

    let lost = azure.restore_request(&TEST_VM, ID).await.send().await;
    let next = azure.restore(&TEST_VM, ID).await;

    assert!(lost.is_err());
    assert_eq!(next.status, 202, "the rule counts once");
    assert_eq!(jobs(&azure).await, 2);
    let ledger = azure.ledger().await;
    assert!(ledger[0]["caused"]["jobId"].is_string());
    assert_eq!(ledger[0]["status"], 202);
    assert_eq!(ledger[0]["fault"], "connection closed after its effect");
}

#[tokio::test]
async fn an_ordered_answer_comes_before_or_after_the_effect() {
    let azure = Azure::start().await;
    let gateway = json!({"status": 504, "headers": {"Retry-After": "7"}, "body": {"error": {"code": "GatewayTimeout", "message": "late"}}});
    order(
        &azure,
        json!([
            {"match": {"operation": "TriggerRestore"}, "nth": 1, "action": {"answer": gateway}},
            {"match": {"operation": "TriggerRestore"}, "nth": 2, "action": {"answer": gateway, "when": "afterEffect"}},
        ]),
    )
    .await;

    let before = azure.restore(&TEST_VM, ID).await;
    let none = jobs(&azure).await;
    let after = azure.restore(&TEST_VM, ID).await;

    assert_eq!((before.status, before.code()), (504, "GatewayTimeout"));
    assert_eq!(before.header("retry-after"), Some("7"));
    assert_eq!(none, 0);
    assert_eq!(after.status, 504);
    assert_eq!(jobs(&azure).await, 1);
}

#[tokio::test]
async fn answers_can_be_spoilt_in_every_way() {
    let azure = Azure::start().await;
    order(
        &azure,
        json!([
            {"match": {"operation": "TriggerRestore"}, "action": {"dropHeaders": ["Azure-AsyncOperation", "Location"], "setHeaders": {"Retry-After": "soon"}}},
            {"match": {"operation": "GetVault"}, "nth": 1, "action": {"html": true}},
            {"match": {"operation": "GetVault"}, "nth": 2, "action": {"emptyBody": true}},
            {"match": {"operation": "GetVault"}, "nth": 3, "action": {"truncateBody": 20}},
            {"match": {"operation": "GetVault"}, "nth": 4, "action": {"delay": "200ms"}},
        ]),
    )
    .await;

    let headless = azure.restore(&TEST_VM, ID).await;
    let page = azure.get(VAULT).await;
    let empty = azure.get(VAULT).await;
    let cut = azure
        .request("GET", VAULT)
        .send()
        .await
        .unwrap()
        .text()
        .await;
    let begun = std::time::Instant::now();
    let late = azure.get(VAULT).await;

    assert_eq!(
        (
            headless.status,
            headless.header("location"),
            headless.header("retry-after")
        ),
        (202, None, Some("soon"))
    );
    assert!(page.text.starts_with("<!DOCTYPE html>"));
    assert_eq!((empty.status, empty.text.as_str()), (200, ""));
    assert!(
        cut.is_err(),
        "the connection ends before the promised length"
    );
    assert_eq!(late.status, 200);
    assert!(begun.elapsed() >= std::time::Duration::from_millis(200));
}

#[tokio::test]
async fn a_rule_applies_from_its_nth_request_on_as_often_as_it_says() {
    let azure = Azure::start().await;
    let unavailable = json!({"answer": {"status": 503}});
    order(
        &azure,
        json!([{"match": {"operation": "ListJobs"}, "nth": 2, "count": 2, "action": unavailable}]),
    )
    .await;

    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(azure.get(&format!("{VAULT}/backupJobs")).await.status);
    }
    let shown = azure.admin("GET", "faults", Value::Null).await.body;
    order(
        &azure,
        json!([{"match": {"operation": "ListJobs"}, "count": 0, "action": unavailable}]),
    )
    .await;
    let always = azure.get(&format!("{VAULT}/backupJobs")).await.status;
    azure.admin("DELETE", "faults", Value::Null).await;
    let healed = azure.get(&format!("{VAULT}/backupJobs")).await.status;

    assert_eq!(statuses, [200, 503, 503, 200]);
    assert_eq!(shown["rules"][0]["applied"], 2);
    assert_eq!((always, healed), (503, 200));
}

#[tokio::test]
async fn a_token_can_fail_too() {
    let azure = Azure::start().await;
    order(
        &azure,
        json!([{"match": {"operation": "GetToken"}, "action": {"answer": {"status": 500}}}]),
    )
    .await;

    let ready = azure.ready().clone();
    let failed = azure
        .ask_token(&ready.client_id, &ready.client_secret)
        .await;

    assert_eq!(failed.status, 500);
}

#[tokio::test]
async fn rules_that_cannot_be_understood_are_refused() {
    let azure = Azure::start().await;
    let address = format!("{}/_emulator/faults", azure.ready().http);

    for rules in [
        json!([{"match": {"operation": "Nothing"}, "action": {}}]),
        json!([{"nth": 0, "action": {}}]),
        json!([{"action": {"resett": true}}]),
    ] {
        let answer = azure
            .client
            .put(&address)
            .json(&json!({ "rules": rules }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{rules}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_operation() {
    let azure = Azure::start().await;
    azure.admin("DELETE", "requests", Value::Null).await;
    azure.started_job(&WEB_1, ID).await;
    azure.get(&format!("{VAULT}/backupJobs")).await;
    azure.get(&format!("{VAULT}/backupJobs/x")).await;

    let requests = azure.admin("GET", "requests", Value::Null).await.body;
    let log = azure.admin("GET", "requests/log", Value::Null).await.body;

    let expected = json!({"GetItemOperationStatus": 1, "GetJob": 1, "ListJobs": 1, "ListRecoveryPoints": 1, "TriggerRestore": 1});
    assert_eq!(requests["counts"], expected);
    assert_eq!(requests["total"], 5);
    assert_eq!(requests["operations"][4]["method"], "POST");
    assert_eq!(log["requests"][1]["clientRequestId"], ID);
}

#[tokio::test]
async fn the_ledger_keeps_no_secret() {
    let azure = Azure::start().await;
    let point = azure.points(&TEST_VM).await.remove(0);
    let mut body = TEST_VM.restore_disks(&point);
    body["accessTokenString"] = "eyJ-very-secret".into();

    azure
        .post(
            &format!("{}/recoveryPoints/{point}/restore", TEST_VM.item()),
            &body,
        )
        .await;

    let ledger = azure.admin("GET", "ledger", Value::Null).await.text;
    assert!(!ledger.contains("very-secret") && !ledger.contains(&azure.token));
    let log = azure.admin("GET", "requests/log", Value::Null).await.text;
    assert!(!log.contains(&azure.token));
}

#[tokio::test]
async fn a_running_job_can_be_given_another_end() {
    let azure = Azure::start().await;
    let id = azure.started_job(&TEST_VM, ID).await;

    azure
        .admin(
            "PUT",
            &format!("jobs/{id}/behaviour"),
            json!({"outcome": "failed", "duration": "1s"}),
        )
        .await;
    azure.advance("1s").await;

    assert_eq!(azure.job(&id).await["status"], "Failed");
    let listed = azure.admin("GET", "jobs", Value::Null).await.body;
    assert_eq!(listed["jobs"][0]["activityId"], ID);
}

#[tokio::test]
async fn requests_can_be_told_apart_by_their_client_request_id() {
    let azure = Azure::start().await;
    let rule = json!([{"match": {"clientRequestId": ID}, "action": {"answer": {"status": 500}}}]);
    order(&azure, rule).await;

    let other = azure.get(VAULT).await.status;
    let this = read(
        azure
            .request("GET", VAULT)
            .header("x-ms-client-request-id", ID)
            .send()
            .await
            .unwrap(),
    )
    .await;

    assert_eq!((other, this.status), (200, 500));
}

#[tokio::test]
async fn an_ordered_answer_can_ask_to_wait_until_a_date_of_its_own_clock() {
    let azure = Azure::start().await;
    let answer = json!({"status": 429, "retryAfterDate": "90s"});
    order(
        &azure,
        json!([{"match": {"operation": "ListJobs"}, "action": {"answer": answer}}]),
    )
    .await;

    let refused = azure.get(&format!("{VAULT}/backupJobs")).await;

    let date = |name: &str| {
        jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(refused.header(name).unwrap())
            .unwrap()
    };
    assert_eq!(refused.status, 429);
    let ahead = date("retry-after").duration_since(date("date")).as_secs();
    assert!((89..=91).contains(&ahead), "{ahead}");
}
