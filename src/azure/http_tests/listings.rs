//! Listings of jobs: complete, dated by Azure's clock, and shared.

use super::*;

#[tokio::test]
async fn the_first_listing_goes_back_180_days_in_slices_and_later_ones_start_before_it() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => list(vec![a_job("j", "a", "2026-11-22T09:59:00Z")]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;
    let vault = azure.vault();

    vault.jobs(look(&azure.clock)).await.unwrap();
    let first = azure.count("backupJobs");
    azure.clock.advance(SignedDuration::from_secs(1));
    vault.jobs(look(&azure.clock)).await.unwrap();

    assert_eq!(first, 7); // 180 days and the overlaps
    assert_eq!(azure.count("backupJobs"), 8);
    let last = azure.requests().last().unwrap().target.clone();
    let filter = percent_encoding::percent_decode_str(&last)
        .decode_utf8()
        .unwrap()
        .into_owned();
    assert!(
        filter.ends_with(
            "$filter=operation eq 'Restore' and startTime eq '2026-11-22 09:45:00 AM' and endTime eq '2026-11-22 10:15:02 AM'"
        ),
        "{filter}"
    );
}

#[tokio::test]
async fn dates_are_azures_and_not_ours() {
    let azure = SmallAzure::answering(|request| {
        let body = if request.is("backupJobs") {
            json!({"value": []})
        } else {
            json!({"location": "westus"})
        };
        raw(
            200,
            &[("date", "Sun, 22 Nov 2026 12:30:00 GMT")],
            body.to_string(),
        )
    })
    .await;

    azure.vault().jobs(look(&azure.clock)).await.unwrap();

    let requests = azure.requests();
    let first = requests.iter().find(|seen| seen.is("backupJobs")).unwrap();
    assert!(
        first.is("2026-11-22%2012%3A45%3A01%20PM"),
        "{}",
        first.target
    );
}

#[tokio::test]
async fn a_date_that_is_behind_our_clock_hides_no_job() {
    let azure = SmallAzure::answering(|request| {
        let body = if request.is("backupJobs") {
            json!({"value": []})
        } else {
            json!({"location": "westus"})
        };
        raw(
            200,
            &[("date", "Sun, 22 Nov 2026 05:00:00 GMT")],
            body.to_string(),
        )
    })
    .await;
    let vault = azure.vault();

    vault.jobs(look(&azure.clock)).await.unwrap();
    azure.clock.advance(SignedDuration::from_secs(1));
    vault.jobs(look(&azure.clock)).await.unwrap();

    let requests = azure.requests();
    let lists: Vec<_> = requests
        .iter()
        .filter(|seen| seen.is("backupJobs"))
        .collect();
    assert!(
        lists[0].is("2026-11-22%2010%3A15%3A01%20AM"),
        "{}",
        lists[0].target
    );
    let last = lists.last().unwrap();
    assert!(
        last.is("2026-11-22%2004%3A45%3A00%20AM") && last.is("2026-11-22%2010%3A15%3A02%20AM"),
        "{}",
        last.target
    );
}

#[tokio::test]
async fn the_walk_back_ends_at_azures_first_refusal() {
    let slices = AtomicUsize::new(0);
    let azure = SmallAzure::answering(move |request| match request.is("backupJobs") {
        true if slices.fetch_add(1, Ordering::SeqCst) < 2 => list(vec![]),
        true => fault(400, "BMSUserErrorInvalidInput"),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;

    azure.vault().jobs(look(&azure.clock)).await.unwrap();

    assert_eq!(azure.count("backupJobs"), 3);
}

#[tokio::test]
async fn a_refusal_of_the_newest_slice_or_a_broken_page_makes_no_listing() {
    for (status, code) in [
        (400, "BMSUserErrorInvalidInput"),
        (500, "InternalServerError"),
    ] {
        let azure = SmallAzure::answering(move |request| match request.is("backupJobs") {
            true => fault(status, code),
            false => reply(200, json!({"location": "westus"})),
        })
        .await;
        let vault = azure.vault();

        vault.jobs(look(&azure.clock)).await.unwrap_err();
        vault
            .jobs(JobsNeed {
                any_age: true,
                ..any_need()
            })
            .await
            .unwrap_err();

        assert_eq!(azure.count("backupJobs"), 1, "the failure is shared");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_read_makes_no_listing() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => list(vec![json!({"name": "j"})]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;

    let error = azure.vault().jobs(look(&azure.clock)).await.unwrap_err();

    assert_eq!(error.kind, RefusalKind::Unreadable);
}

#[tokio::test]
async fn a_thousand_looks_share_one_listing_and_later_ones_get_another() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => list(vec![a_job("j", "a", "2026-11-22T09:59:00Z")]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;
    let vault = azure.vault();
    vault.jobs(look(&azure.clock)).await.unwrap();
    azure.clock.advance(SignedDuration::from_secs(1));
    let before = azure.count("backupJobs");

    let need = look(&azure.clock);
    let looks = (0..1000).map(|_| vault.jobs(need));
    for listing in futures::future::join_all(looks).await {
        assert!(listing.unwrap().begun.boot >= need.begun_after.unwrap());
    }

    assert_eq!(azure.count("backupJobs"), before + 1);
    vault.jobs(any_need()).await.unwrap();
    assert_eq!(
        azure.count("backupJobs"),
        before + 1,
        "younger than the interval"
    );
    azure.clock.advance(SignedDuration::from_secs(60));
    vault.jobs(any_need()).await.unwrap();
    assert_eq!(azure.count("backupJobs"), before + 2);
}

#[tokio::test]
async fn a_followed_job_stays_covered_and_what_was_seen_stays_known() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        // Azure shows the old job only if the dates reach it.
        true if request.is("2026-11-22%2006%3A45%3A00")
            || !request.is("startTime%20eq%20%272026-11-22") =>
        {
            list(vec![a_job("old", "a", "2026-11-22T07:00:00Z")])
        }
        true => list(vec![]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;
    let vault = azure.vault();
    let since: Timestamp = "2026-11-22T07:00:00Z".parse().unwrap();
    let old = JobId::new("old");

    let first = vault.jobs(look(&azure.clock)).await.unwrap();
    azure.clock.advance(SignedDuration::from_secs(61));
    let second = vault.jobs(any_need()).await.unwrap();
    let third = vault
        .jobs(JobsNeed {
            since: Some(since),
            ..any_need()
        })
        .await
        .unwrap();

    assert_eq!(first.job(&old).unwrap().shown_by_listing_begun, first.begun);
    assert_eq!(
        second.job(&old).unwrap().shown_by_listing_begun,
        first.begun
    );
    assert_eq!(third.job(&old).unwrap().shown_by_listing_begun, third.begun);
}

#[tokio::test]
async fn a_listing_that_is_cut_off_leaves_the_board_to_the_next() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => list(vec![]),
        false => reply(200, json!({"location": "westus"})),
    })
    .await;
    let vault = azure.vault();
    vault.ready().await.unwrap();

    let cut = tokio::time::timeout(Duration::ZERO, vault.jobs(look(&azure.clock))).await;
    let next = tokio::time::timeout(Duration::from_secs(20), vault.jobs(look(&azure.clock))).await;

    assert!(cut.is_err());
    next.unwrap().unwrap();
}
