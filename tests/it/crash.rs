//! The real controller, killed at every request that a restore makes.

use crate::support::control_plane;
use std::io::Write as _;
use testbed::RestoreType;
use testbed::crash::{Matrix, Path, Recording, Settings, Standpoint, lines, summary};

#[tokio::test(flavor = "multi_thread")]
async fn restore_disks_is_one_job_whatever_request_the_controller_dies_at() {
    let plane = control_plane().await;

    let settings = Settings::default();
    let way = (RestoreType::RestoreDisks, Path::Happy);

    let recording = Recording::of(plane, way, &settings).await;
    let recording = recording.unwrap_or_else(|error| panic!("{}", testbed::chain(&error)));
    let pairs = Standpoint::pairs(recording.boundaries()).unwrap();
    let matrix = recording.crashed(pairs, |_| {}).await;

    tell(&matrix);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_types_are_one_job_if_the_controller_dies_at_claim_or_trigger() {
    let plane = control_plane().await;
    let settings = Settings::default();
    let types = [
        RestoreType::OriginalLocation,
        RestoreType::AlternateLocation,
    ];

    let matrices = types.map(async |restore| {
        let recording = Recording::of(plane, (restore, Path::Happy), &settings).await;
        let recording = recording.unwrap_or_else(|error| panic!("{}", testbed::chain(&error)));
        recording.crashed_at_the_trigger().await
    });
    for matrix in futures::future::join_all(matrices).await {
        assert_eq!(matrix.results.len(), 4, "{:?}", matrix.boundaries);
        tell(&matrix);
    }
}

/// Prints the results, and asks that they are right.
fn tell(matrix: &Matrix) {
    // Not through `println!`, which a test that passes keeps to itself: the list is part of the result.
    let mut out = std::io::stdout();
    for line in lines(matrix) {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "{}", summary(matrix));
    assert!(matrix.is_good(), "{}", summary(matrix));
}
