//! api-versions, throttling, time.

use serde_json::{Value, json};

use crate::support::{Azure, TEST_VM, VAULT, WEB_1, read};

const ID: &str = "195a05d9-0530-11ef-b1cc-644ed7a2823f";

#[tokio::test]
async fn a_version_must_be_there_and_look_like_one() {
    let azure = Azure::start().await;
    let address = format!("{}{VAULT}", azure.ready().http);

    let missing = read(
        azure
            .client
            .get(&address)
            .bearer_auth(&azure.token)
            .send()
            .await
            .unwrap(),
    )
    .await;
    let malformed = azure.get(&format!("{VAULT}?api-version=latest")).await;
    let any = azure
        .get(&format!("{VAULT}?api-version=2031-12-24-preview"))
        .await;

    assert_eq!(
        (missing.status, missing.code()),
        (400, "MissingApiVersionParameter")
    );
    assert_eq!(
        (malformed.status, malformed.code()),
        (400, "InvalidApiVersionParameter")
    );
    assert_eq!(any.status, 200);
}

#[tokio::test]
async fn a_scenario_can_refuse_a_version() {
    let azure = Azure::start().await;
    let refused = json!([{"version": "2019-05-13", "operations": ["TriggerRestore"]}]);
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"service": {"refusedApiVersions": refused}}),
        )
        .await;

    let trigger = azure.restore(&TEST_VM, ID).await;
    let list = azure
        .get(&format!("{VAULT}/backupJobs?api-version=2019-05-13"))
        .await;

    assert_eq!(
        (trigger.status, trigger.code()),
        (400, "NoRegisteredProviderFound")
    );
    assert_eq!(list.status, 200);
}

#[tokio::test]
async fn enums_and_durations_depend_on_the_version() {
    let azure = Azure::start().await;
    let id = azure.started_job(&WEB_1, ID).await;
    azure.advance("1m").await;
    let job = async |version: &str| {
        azure
            .get(&format!("{VAULT}/backupJobs/{id}?api-version={version}"))
            .await
            .body["properties"]
            .clone()
    };
    let tiers = async |version: &str| {
        let points = azure
            .get(&format!(
                "{}/recoveryPoints?api-version={version}",
                TEST_VM.item()
            ))
            .await;
        points.values()[1]["properties"]["recoveryPointTierDetails"].clone()
    };

    assert_eq!(job("2019-05-13").await["actionsInfo"], json!([1]));
    assert_eq!(
        job("2024-04-01").await["actionsInfo"],
        json!(["Cancellable"])
    );
    assert_eq!(job("2016-12-01").await["duration"], "00:00:30.0000000");
    assert_eq!(job("2019-05-13").await["duration"], "PT30S");
    assert_eq!(
        tiers("2019-05-13").await,
        json!([{"type": 1, "status": 3}, {"type": 2, "status": 1}])
    );
    assert_eq!(
        tiers("2024-04-01").await,
        json!([{"type": "InstantRP", "status": "Deleted"}, {"type": "HardenedRP", "status": "Valid"}])
    );
}

#[tokio::test]
async fn versions_of_the_secondary_region_are_refused() {
    let azure = Azure::start().await;

    let shared = azure
        .get(&format!(
            "{VAULT}/backupProtectedItems?api-version=2021-11-15"
        ))
        .await;
    let own = azure
        .get(&format!("{VAULT}/backupJobs?api-version=2021-11-15"))
        .await;

    assert_eq!(
        (shared.status, shared.code()),
        (400, "EmulatorHasNoSecondaryRegion")
    );
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn the_hourly_budget_drains_and_comes_back_whole() {
    let azure = Azure::start().await;
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"throttling": {"hourly": {"jobs": 2}}}),
        )
        .await;
    let list = format!("{VAULT}/backupJobs");
    let remaining = "x-ms-ratelimit-remaining-subscription-resource-requests";

    let first = azure.get(&list).await;
    let second = azure.get(&format!("{VAULT}/backupJobs/unknown")).await;
    let third = azure.get(&list).await;
    let items = azure.get(&format!("{VAULT}/backupProtectedItems")).await;
    azure.advance("1h").await;
    let later = azure.get(&list).await;

    assert_eq!(first.header(remaining), Some("1"));
    assert_eq!((second.status, second.header(remaining)), (404, Some("0")));
    assert_eq!(
        (third.status, third.code()),
        (429, "ResourceRequestsThrottled")
    );
    assert!(third.text.contains("'Microsoft.RecoveryServices/vaults/backupJobs/read' exceeded the limit of '2' for time interval '01:00:00'"), "{}", third.text);
    assert!(third.header("retry-after").unwrap().parse::<u32>().unwrap() > 3500);
    assert_eq!(items.status, 200);
    assert_eq!(later.status, 200);
}

#[tokio::test]
async fn the_bucket_refills_all_the_time() {
    let azure = Azure::start().await;
    let bucket = json!({"reads": 2, "readsPerSecond": 0.5});
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"throttling": {"bucket": bucket}}),
        )
        .await;

    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(azure.get(VAULT).await.status);
    }
    azure.advance("3s").await;
    statuses.push(azure.get(VAULT).await.status);

    assert_eq!(statuses, [200, 200, 429, 200]);
}

#[tokio::test]
async fn time_runs_faster_under_scale_and_says_so_in_milliseconds() {
    let azure = Azure::start_scaled(600).await;

    let accepted = azure.restore(&TEST_VM, ID).await;
    let before = azure.admin("GET", "clock", Value::Null).await.body;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let after = azure.admin("GET", "clock", Value::Null).await.body;

    assert_eq!(accepted.header("retry-after"), None);
    assert_eq!(accepted.header("x-ms-retry-after-ms"), Some("100"));
    let instant = |clock: &Value| {
        clock["now"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    assert!(
        instant(&after).duration_since(instant(&before)) >= jiff::SignedDuration::from_secs(30)
    );
}

#[tokio::test]
async fn the_date_header_shows_the_emulator_s_clock() {
    let azure = Azure::start().await;

    azure
        .admin("PUT", "clock", json!({"set": "2031-02-03T04:05:06Z"}))
        .await;

    let answer = azure.get(VAULT).await;
    assert!(
        answer
            .header("date")
            .unwrap()
            .starts_with("Mon, 03 Feb 2031 04:05:0"),
        "{:?}",
        answer.header("date")
    );
}

#[tokio::test]
async fn poll_addresses_can_be_signed_and_ids_doubled() {
    let azure = Azure::start().await;
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"service": {"signedPollUrls": true, "echoClientRequestIdTwice": true}}),
        )
        .await;

    let accepted = azure.restore(&TEST_VM, ID).await;

    let address = accepted.header("azure-asyncoperation").unwrap();
    assert!((3000..5000).contains(&address.len()), "{}", address.len());
    assert_eq!(azure.get(address).await.status, 200);
    assert_eq!(
        accepted
            .headers
            .get_all("x-ms-client-request-id")
            .iter()
            .count(),
        2
    );
}

#[tokio::test]
async fn each_gateway_counts_for_itself() {
    let azure = Azure::start().await;
    azure
        .admin(
            "PATCH",
            "scenario",
            json!({"throttling": {"hourly": {"jobs": 2, "gateways": 2}}}),
        )
        .await;

    let mut rests = Vec::new();
    for _ in 0..4 {
        let answer = azure.get(&format!("{VAULT}/backupJobs")).await;
        rests.push(
            answer
                .header("x-ms-ratelimit-remaining-subscription-resource-requests")
                .unwrap()
                .to_owned(),
        );
    }

    assert_eq!(rests, ["1", "1", "0", "0"]);
}
