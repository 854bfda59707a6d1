//! The controller dies in the worst moment.

use super::RESTORE_WITHIN;
use super::examples::apply_example;
use super::show::{tail, type_command, watch};
use crate::{Testbed, TestbedError};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Kills the controller after Azure has accepted the restore and before the controller hears of it, and starts it again.
pub(super) async fn survive_a_crash(
    bed: &mut Testbed,
    changes: &[(&str, &str)],
) -> Result<Value, TestbedError> {
    // The answer to the trigger is held back, so that there is a moment to strike in.
    let slow = serde_json::json!({"rules": [{"match": {"operation": "TriggerRestore"},
        "action": {"when": "afterEffect", "delay": "PT60S"}}]});
    bed.emulator.set_faults(&slow).await?;
    let accepted = bed.emulator.accepted_restores().await?.len();
    apply_example(bed, "restore-disks.yaml", changes).await?;

    let start = Instant::now();
    while bed.emulator.accepted_restores().await?.len() == accepted {
        if start.elapsed() > RESTORE_WITHIN {
            return Err(TestbedError::TimedOut {
                what: "the second restore to reach Azure".to_owned(),
                seconds: RESTORE_WITHIN.as_secs(),
                log: format!(
                    "; the controller's log ends:\n{}",
                    tail(&bed.controller.logs(), 20)
                ),
            });
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let exit = bed.controller.kill().await?;
    bed.emulator.clear_faults().await?;
    println!("  Azure has accepted the restore; its answer is still under way.");
    println!("  $ kill -9 {}        # {exit}", bed.controller.pid());
    type_command(bed, &["get", "vmr"]).await?;
    bed.controller.restart().await?;
    bed.controller.wait_ready().await?;
    println!(
        "  The controller is back as pid {}. It does not know whether its request arrived.",
        bed.controller.pid()
    );
    println!("  It looks for its own restore in the vault's job list before it does anything:");
    let status = watch(bed, "restore-testvm-again", async |status| {
        status["finished"] == true
    })
    .await?;
    type_command(bed, &["get", "vmr"]).await?;
    Ok(status)
}
