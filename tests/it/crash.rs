//! The real controller, killed at every request that a restore makes.

use crate::support::control_plane;
use std::io::Write as _;
use testbed::crash::{RestoreType, Settings, lines, run_matrix, summary};

#[tokio::test(flavor = "multi_thread")]
async fn restore_disks_is_one_job_whatever_request_the_controller_dies_at() {
    let plane = control_plane().await;

    let matrix = run_matrix(
        plane,
        RestoreType::RestoreDisks,
        &Settings::default(),
        |_| {},
    )
    .await;

    let matrix = matrix.unwrap_or_else(|error| panic!("{}", testbed::chain(&error)));
    // Not through `println!`, which a test that passes keeps to itself: the list is part of the result.
    let mut out = std::io::stdout();
    for line in lines(&matrix) {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "{}", summary(&matrix));
    assert!(matrix.is_good(), "{}", summary(&matrix));
}
