//! What the demo prints: titles, commands with their output, the progress of a run.

use super::{NAMESPACE, RESTORE_WITHIN};
use crate::kubectl::kubectl;
use crate::{Testbed, TestbedError};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

pub(super) fn title(text: &str) {
    println!("\n=== {text}\n");
}

/// Shows the run's progress until `done`: one line that moves on a terminal, a line for each change elsewhere.
pub(super) async fn watch(
    bed: &Testbed,
    name: &str,
    done: impl AsyncFn(&Value) -> bool,
) -> Result<Value, TestbedError> {
    let terminal = std::io::stdout().is_terminal();
    let start = Instant::now();
    let mut shown = String::new();
    loop {
        let object = bed
            .plane
            .kubectl_ok(&["get", "vmr", name, "-n", NAMESPACE, "-o", "json"])
            .await?;
        let object: Value = serde_json::from_str(&object)
            .map_err(|error| TestbedError::Unreadable(format!("read vmr {name}: {error}")))?;
        let status = object["status"].clone();
        let row = progress_row(&status);
        let is_over = done(&status).await;
        if terminal {
            print!("\r\x1b[K  {:5.1} s  {row}", start.elapsed().as_secs_f64());
            // A terminal that is gone has nobody to show anything to.
            let _ = std::io::stdout().flush();
        } else if row != shown {
            println!("  {:5.1} s  {row}", start.elapsed().as_secs_f64());
        }
        shown = row;
        if is_over {
            println!();
            return Ok(status);
        }
        if start.elapsed() > RESTORE_WITHIN {
            return Err(TestbedError::TimedOut {
                what: format!(
                    "vmr {name}: {}",
                    status["message"].as_str().unwrap_or("it has no status")
                ),
                seconds: RESTORE_WITHIN.as_secs(),
                log: format!(
                    "; the controller's log ends:\n{}",
                    tail(&bed.controller.logs(), 20)
                ),
            });
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

fn progress_row(status: &Value) -> String {
    const WIDTH: usize = 20;
    let percent = status
        .pointer("/job/progressPercent")
        .and_then(Value::as_u64)
        .unwrap_or_default()
        .min(100);
    let filled = usize::try_from(percent).unwrap_or_default() * WIDTH / 100;
    let bar = "#".repeat(filled) + &".".repeat(WIDTH - filled);
    let phase = status["phase"].as_str().unwrap_or("unseen");
    let message: String = status["message"]
        .as_str()
        .unwrap_or_default()
        .chars()
        .take(80)
        .collect();
    format!("{phase:<12} [{bar}] {percent:>3} %  {message}")
}

/// Runs a command as a user would type it, and shows it with what it prints.
pub(super) async fn type_command(bed: &Testbed, args: &[&str]) -> Result<(), TestbedError> {
    println!("\n  $ kubectl -n {NAMESPACE} {}", args.join(" "));
    let with_namespace = [&["-n", NAMESPACE], args].concat();
    let output = kubectl(
        bed.plane.kubeconfig(),
        bed.plane.supervisor().folder(),
        &with_namespace,
    )
    .await?;
    for line in String::from_utf8_lossy(&output.stdout)
        .lines()
        .chain(String::from_utf8_lossy(&output.stderr).lines())
    {
        println!("  {line}");
    }
    if output.status.success() {
        return Ok(());
    }
    Err(TestbedError::Kubectl {
        command: args.join(" "),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

pub(super) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_fits_its_bar() {
        let row =
            progress_row(&serde_json::json!({"phase": "Running", "job": {"progressPercent": 250}}));

        assert!(row.contains("[####################] 100 %"), "{row}");
    }
}
