//! Lists of recovery points: pages, limits, dates; and the read of one.

use super::*;
use crate::restore::choose::TakenBetween;

fn a_listed_point(number: usize) -> Value {
    json!({"name": number.to_string(), "properties": {
        "objectType": "IaasVMRecoveryPoint", "recoveryPointType": "AppConsistent",
        "recoveryPointTime": "2018-06-04T06:06:00.5121087Z", "isManagedVirtualMachine": true,
        "recoveryPointTierDetails": [{"type": "InstantRP", "status": "Valid"}, {"type": "HardenedRP", "status": "Valid"}],
    }})
}

/// A small Azure whose item has so many points, 200 on a page; the skip token counts pages.
async fn with_points(total: usize) -> SmallAzure {
    let base: Arc<Mutex<String>> = Arc::default();
    let link = base.clone();
    let azure = SmallAzure::answering(move |request| {
        let page: usize = request
            .target
            .split_once("skipToken=")
            .map_or(0, |(_, page)| page.parse().unwrap());
        let numbers = page * 200..total.min((page + 1) * 200);
        let mut body = json!({"value": numbers.clone().map(a_listed_point).collect::<Vec<_>>()});
        if numbers.end < total {
            let next = format!("{}/next?$skipToken={}", link.lock().unwrap(), page + 1);
            body["nextLink"] = json!(next);
        }
        reply(200, body)
    })
    .await;
    base.lock().unwrap().clone_from(&azure.arm);
    azure
}

#[tokio::test]
async fn all_9999_points_of_an_item_are_read_in_50_requests() {
    let azure = with_points(9_999).await;

    let points = azure
        .vault()
        .recovery_points(&an_item(), None)
        .await
        .unwrap();

    assert_eq!(points.len(), 9_999);
    assert_eq!(points[9_998].name.as_str(), "9998");
    assert_eq!(azure.requests().len(), 50);
}

#[tokio::test]
async fn a_list_that_is_longer_than_any_is_given_up() {
    let azure = with_points(30_000).await;

    let error = azure
        .vault()
        .recovery_points(&an_item(), None)
        .await
        .unwrap_err();

    assert_eq!(error.kind, RefusalKind::Unreadable);
    assert!(error.to_string().contains("more than 20000"), "{error}");
    assert_eq!(azure.requests().len(), 101);
}

#[tokio::test]
async fn pages_that_lead_in_a_circle_are_given_up_at_once() {
    let base: Arc<Mutex<String>> = Arc::default();
    let link = base.clone();
    let azure = SmallAzure::answering(move |_| {
        let next = format!("{}/next?$skipToken=1", link.lock().unwrap());
        reply(200, json!({"value": [a_listed_point(1)], "nextLink": next}))
    })
    .await;
    base.lock().unwrap().clone_from(&azure.arm);

    let error = azure
        .vault()
        .recovery_points(&an_item(), None)
        .await
        .unwrap_err();

    assert!(error.to_string().contains("circle"), "{error}");
    assert_eq!(azure.requests().len(), 2);
}

#[tokio::test]
async fn a_page_of_points_may_not_be_endless() {
    let azure = SmallAzure::answering(|_| {
        let mut point = a_listed_point(1);
        point["properties"]["keyAndSecret"] = json!("k".repeat(9 * 1024 * 1024));
        list(vec![point])
    })
    .await;

    let error = azure
        .vault()
        .recovery_points(&an_item(), None)
        .await
        .unwrap_err();

    assert_eq!(error.kind, RefusalKind::Unreadable);
    assert!(error.to_string().contains("too long"), "{error}");
}

#[tokio::test]
async fn a_point_that_stands_on_two_pages_counts_once_as_it_was_last() {
    let base: Arc<Mutex<String>> = Arc::default();
    let link = base.clone();
    let azure = SmallAzure::answering(move |request| {
        let mut point = a_listed_point(1);
        if request.is("skipToken") {
            point["properties"]["recoveryPointProperties"] = json!({"isSoftDeleted": true});
            return list(vec![point, a_listed_point(2)]);
        }
        let next = format!("{}/next?$skipToken=1", link.lock().unwrap());
        reply(200, json!({"value": [point], "nextLink": next}))
    })
    .await;
    base.lock().unwrap().clone_from(&azure.arm);

    let points = azure
        .vault()
        .recovery_points(&an_item(), None)
        .await
        .unwrap();

    assert_eq!(points.len(), 2);
    assert_eq!(points[0].soft_deleted, Some(true));
}

#[tokio::test]
async fn dates_are_filtered_by_both_ends_in_azures_form_and_left_out_where_azure_refuses_them() {
    let refuse = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let refused = refuse.clone();
    let azure = SmallAzure::answering(move |request| {
        match refused.load(Ordering::SeqCst) && request.is("filter") {
            true => fault(400, "BMSUserErrorInvalidInput"),
            false => list(vec![a_listed_point(1)]),
        }
    })
    .await;
    let between = Some(TakenBetween {
        from: "2018-06-01T00:00:00.9Z".parse().unwrap(),
        to: "2018-06-05T13:06:01.2Z".parse().unwrap(),
    });
    let vault = azure.vault();

    vault.recovery_points(&an_item(), between).await.unwrap();
    refuse.store(true, Ordering::SeqCst);
    let points = vault.recovery_points(&an_item(), between).await.unwrap();

    assert_eq!(points.len(), 1);
    let targets: Vec<_> = azure.requests().into_iter().map(|r| r.target).collect();
    let filter = "&$filter=startDate%20eq%20%272018-06-01%2012%3A00%3A00%20AM%27%20and%20endDate%20eq%20%272018-06-05%2001%3A06%3A02%20PM%27";
    assert!(targets[0].ends_with(filter), "{}", targets[0]);
    assert!(targets[1].ends_with(filter), "{}", targets[1]);
    assert!(!targets[2].contains("filter"), "{}", targets[2]);
    assert_eq!(targets.len(), 3);
}

#[tokio::test]
async fn a_point_is_asked_for_by_its_name_and_another_one_is_not_taken_for_it() {
    let azure = SmallAzure::answering(|request| match request.is("/recoveryPoints/404") {
        true => fault(404, "ResourceNotFound"),
        false => reply(200, a_listed_point(7)),
    })
    .await;
    let vault = azure.vault();
    let read = async |name: &str| {
        let name = RecoveryPointName::new(name);
        vault.recovery_point(&an_item(), &name).await
    };

    assert_eq!(read("7").await.unwrap().unwrap().name.as_str(), "7");
    assert_eq!(read("404").await.unwrap(), None);
    let other = read("8").await.unwrap_err();

    assert_eq!(other.kind, RefusalKind::Unreadable);
    assert!(other.to_string().contains("recovery point 7"), "{other}");
}
