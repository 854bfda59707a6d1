//! Recorded answers of the real Azure, through the whole controller.

use crate::support::control_plane;
use testbed::replay::{Recording, Settings, run_one};

/// The folder with recordings; without it the test says that it is skipped.
fn recordings() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("AZURE_RECORDINGS_DIR").filter(|folder| !folder.is_empty());
    if folder.is_none() {
        eprintln!("skipped: AZURE_RECORDINGS_DIR is not set");
    }
    folder.map(Into::into)
}

async fn replayed(name: &str) {
    let Some(folder) = recordings() else { return };
    let file = Recording::files(&folder, &[name.to_owned()])
        .unwrap()
        .remove(0);

    let outcome = run_one(
        control_plane().await,
        Recording::read(&file).unwrap(),
        &Settings::default(),
    )
    .await;

    let outcome = outcome.unwrap_or_else(|error| panic!("{name}: {}", testbed::chain(&error)));
    let lines = outcome.lines().join("\n");
    println!("{lines}");
    assert!(outcome.is_good(), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_restore_of_2017_with_all_request_ids_ends_as_recorded() {
    replayed("s01").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s03_restore_of_2020_whose_operation_is_not_its_job_ends_as_recorded() {
    replayed("s03").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_restore_that_failed_after_101_minutes_ends_as_recorded() {
    replayed("s09").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_replaced_disks_of_2024_end_as_recorded() {
    replayed("s05").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_new_machine_of_2022_ends_as_recorded() {
    replayed("s06").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_chosen_disks_of_2024_end_as_recorded() {
    replayed("s11").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_new_machine_in_another_subscription_ends_as_recorded() {
    replayed("s14").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_answers_to_another_client_are_understood() {
    replayed("s12").await;
}

#[test]
fn every_recording_can_be_read() {
    let Some(folder) = recordings() else { return };

    for file in Recording::files(&folder, &[]).unwrap() {
        let recording = Recording::read(&file).unwrap();
        assert!(!recording.exchanges.is_empty(), "{}", file.display());
    }
}
