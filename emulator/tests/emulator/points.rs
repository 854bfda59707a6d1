//! Recovery points of every kind, in every version, by the thousand.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Azure, Vm, vm};

const ALL_KINDS: Vm = vm("allkinds-1");
const VAST: Vm = vm("vast-1");

async fn points(azure: &Azure, version: &str) -> Vec<Value> {
    let list = format!("{}/recoveryPoints?api-version={version}", ALL_KINDS.item());
    azure.get(&list).await.values().clone()
}

fn named<'a>(points: &'a [Value], name: &str) -> &'a Value {
    let point = points.iter().find(|point| point["name"] == name);
    &point.unwrap_or_else(|| panic!("no point {name}"))["properties"]
}

#[tokio::test]
async fn each_kind_of_point_is_shown_as_azure_shows_it() {
    let azure = Azure::start().await;

    let points = points(&azure, "2024-04-01").await;

    let of = |name: &str| named(&points, name);
    assert_eq!(points.len(), 10, "also those that nobody can restore from");
    assert_eq!(of("901")["recoveryPointProperties"]["isSoftDeleted"], true);
    let expiry = of("902")["recoveryPointProperties"]["expiryTime"]
        .as_str()
        .unwrap();
    assert!(!expiry.ends_with('Z'), "without a zone: {expiry}");
    assert_eq!(
        of("903")["recoveryPointTierDetails"],
        json!([{"type": "InstantRP", "status": "Deleted"}, {"type": "HardenedRP", "status": "Disabled"}])
    );
    assert_eq!(
        of("904")["recoveryPointTierDetails"][2],
        json!({"type": "ArchivedRP", "status": "Valid"})
    );
    assert_eq!(of("905")["objectType"], "AzureFileShareRecoveryPoint");
    assert!(of("905")["recoveryPointTierDetails"].is_null());
    assert_eq!(of("906")["isManagedVirtualMachine"], false);
    assert_eq!(of("907")["recoveryPointTime"], "0001-01-01T00:00:00Z");
    let rehydrated = &of("908")["recoveryPointTierDetails"][1];
    assert_eq!(rehydrated["status"], "Rehydrated");
    assert!(rehydrated["extendedInfo"]["RehydratedRPExpiryTime"].is_string());
    assert!(of("909")["recoveryPointProperties"].is_null());
    assert_eq!(of("909")["recoveryPointType"], "FileSystemConsistent");
}

#[tokio::test]
async fn old_versions_show_numbers_and_neither_expiry_nor_deletion() {
    let azure = Azure::start().await;

    let points = points(&azure, "2019-05-13").await;

    assert_eq!(points.len(), 10);
    assert_eq!(
        named(&points, "908")["recoveryPointTierDetails"],
        json!([{"type": 1, "status": 3}, {"type": 3, "status": 4}])
    );
    assert_eq!(
        named(&points, "903")["recoveryPointTierDetails"],
        json!([{"type": 1, "status": 3}, {"type": 2, "status": 2}])
    );
    for point in &points {
        assert!(point["properties"]["recoveryPointProperties"].is_null());
    }
}

#[tokio::test]
async fn tiers_are_numbers_in_any_version_where_a_scenario_says_so() {
    let azure = Azure::start().await;
    let numbers = json!({"service": {"tiersAsNumbersBefore": "9999-12-31"}});
    azure.admin("PATCH", "scenario", numbers).await;

    let points = points(&azure, "2024-04-01").await;

    assert_eq!(
        named(&points, "910")["recoveryPointTierDetails"],
        json!([{"type": 1, "status": 1}, {"type": 3, "status": 1}])
    );
}

#[tokio::test]
async fn the_9999_points_of_an_item_come_in_50_pages_each_once() {
    let azure = Azure::start().await;

    let mut page = azure.get(&format!("{}/recoveryPoints", VAST.item())).await;
    let mut names = BTreeSet::new();
    let mut pages = 1;
    loop {
        for point in page.values() {
            assert!(names.insert(point["name"].as_str().unwrap().to_owned()));
        }
        let Some(next) = page.body["nextLink"].as_str().map(str::to_owned) else {
            break;
        };
        page = azure.get(&next).await;
        pages += 1;
    }

    assert_eq!((names.len(), pages), (9_999, 50));
}

#[tokio::test]
async fn dates_cut_a_long_list_to_what_was_taken_then() {
    let azure = Azure::start().await;
    let whole = azure.get(&format!("{}/recoveryPoints", VAST.item())).await;
    let time_of = |number: usize| -> jiff::Timestamp {
        let time = &whole.values()[number]["properties"]["recoveryPointTime"];
        time.as_str().unwrap().parse().unwrap()
    };
    let date = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %I:%M:%S %p").to_string();
    // The filter has whole seconds.
    let second = jiff::SignedDuration::from_secs(1);

    let filter = format!(
        "startDate eq '{}' and endDate eq '{}'",
        date(time_of(30)),
        date(time_of(10) + second)
    );
    let part = azure
        .get(&format!("{}/recoveryPoints?$filter={filter}", VAST.item()))
        .await;

    assert_eq!(part.values().len(), 21);
    assert!(part.body["nextLink"].is_null());
    assert_eq!(part.values()[0]["name"], whole.values()[10]["name"]);
}

#[tokio::test]
async fn a_point_of_another_machine_is_not_found_here() {
    let azure = Azure::start().await;
    let path = format!("{}/recoveryPoints/901", VAST.item());

    let answer = azure.get(&path).await;

    assert_eq!((answer.status, answer.code()), (404, "ResourceNotFound"));
}
