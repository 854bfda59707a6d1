//! The emulator as the testbed starts it: that its admin endpoints have the form that the testbed's client expects.

use serde_json::json;
use std::time::Duration;
use testbed::{Emulator, EmulatorOptions};

#[tokio::test(flavor = "multi_thread")]
async fn the_testbed_understands_the_emulator() {
    let options = EmulatorOptions {
        time_scale: Some(10),
        ..EmulatorOptions::default()
    };
    let emulator = Emulator::start(options).await.unwrap();

    assert!(emulator.ready().ca_file.is_file());
    assert!(
        emulator
            .ready()
            .token_endpoint
            .contains(&emulator.ready().tenant_id)
    );
    assert!(emulator.accepted_restores().await.unwrap().is_empty());
    assert!(emulator.requests().await.unwrap()["counts"].is_object());
    assert!(emulator.jobs().await.unwrap()["jobs"].is_array());
    emulator
        .advance_clock(Duration::from_secs(90))
        .await
        .unwrap();
    emulator
        .patch_scenario(&json!({"service": {"pageSize": {"jobs": 2}}}))
        .await
        .unwrap();
    let rule = json!({"match": {"operation": "TriggerRestore"}, "action": {"when": "afterEffect", "reset": true}});
    emulator
        .set_faults(&json!({"rules": [rule]}))
        .await
        .unwrap();
    emulator.clear_faults().await.unwrap();
    let pid = emulator.process().pid();
    emulator.stop().await.unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}
