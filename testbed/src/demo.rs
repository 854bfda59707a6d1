//! `make demo` and `make playground`: the product as a person meets it.

use crate::kubectl::kubectl;
use crate::{Testbed, TestbedError, repository};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How many seconds of the emulated Azure pass in one: a restore of three minutes takes about twenty seconds.
const TIME_SCALE: u32 = 10;

/// Where the demo's objects live.
const NAMESPACE: &str = "demo";

/// Longest real time for one restore; it takes about twenty seconds.
const RESTORE_WITHIN: Duration = Duration::from_secs(150);

/// Tells the story of two restores and says whether all of it came true.
///
/// # Errors
/// If the testbed fails, or a restore does not end as it should.
pub async fn demo() -> Result<bool, TestbedError> {
    let start = Instant::now();
    title("1. A cluster, an Azure and a controller");
    let mut bed = start_bed().await?;
    introduce(&bed, start.elapsed());

    title("2. A vault and a restore, as YAML");
    apply_example(&bed, "vault.yaml", &[]).await?;
    show_manifest("restore-disks.yaml", &[])?;
    apply_example(&bed, "restore-disks.yaml", &[]).await?;

    title("3. The controller restores");
    let first = watch(&bed, "restore-testvm", async |status| {
        status["finished"] == true
    })
    .await?;
    type_command(&bed, &["get", "vmr"]).await?;
    type_command(&bed, &["describe", "vmr", "restore-testvm"]).await?;
    type_command(
        &bed,
        &[
            "wait",
            "vmr/restore-testvm",
            "--for=condition=Complete",
            "--timeout=10s",
        ],
    )
    .await?;

    title("4. The same again, but the controller dies in the worst moment");
    let again = [("name: restore-testvm", "name: restore-testvm-again")];
    let second = survive_a_crash(&mut bed, &again).await?;

    title("5. What Azure saw");
    let good = tell_ledger(&bed, [&first, &second]).await?;
    print_costs(&bed, start.elapsed()).await;
    println!(
        "{}",
        if good {
            "\nIt worked."
        } else {
            "\nIt did NOT work: see above."
        }
    );
    bed.stop().await;
    Ok(good)
}

/// Keeps everything running until Ctrl-C.
///
/// # Errors
/// If the testbed does not start.
pub async fn playground() -> Result<(), TestbedError> {
    let start = Instant::now();
    let bed = start_bed().await?;
    introduce(&bed, start.elapsed());
    apply_example(&bed, "vault.yaml", &[]).await?;
    let kubectl = crate::assets::binary("kubectl")?;
    let examples = repository().join("examples/demo");
    println!(
        "\nYour turn. In another terminal:\n\n  \
         export KUBECONFIG={}\n  alias kubectl={}\n  \
         kubectl -n {NAMESPACE} apply -f {}\n  kubectl -n {NAMESPACE} get vmr -w\n\n\
         VMs of the vault `test-vault`: testVM, web-1, web-2, web-3, and some that fail (`azure-backup-emulator scenario`).\n\
         What Azure saw: curl -s {}/_emulator/ledger\n\
         The controller's log: {}\n\n\
         Ctrl-C ends everything.",
        bed.plane.kubeconfig().display(),
        kubectl.display(),
        examples.join("restore-disks.yaml").display(),
        bed.emulator.ready().http,
        bed.controller.log_file().display(),
    );
    // Whether Ctrl-C came or can never come: both end the playground.
    let _ = tokio::signal::ctrl_c().await;
    println!("\nstopping ...");
    bed.stop().await;
    Ok(())
}

async fn start_bed() -> Result<Testbed, TestbedError> {
    println!("starting etcd, kube-apiserver, the Azure emulator and the controller ...");
    let bed = Testbed::builder().time_scale(TIME_SCALE).start().await?;
    bed.plane
        .kubectl_ok(&["create", "namespace", NAMESPACE])
        .await?;
    Ok(bed)
}

fn introduce(bed: &Testbed, took: Duration) {
    let ready = bed.emulator.ready();
    println!(
        "ready after {:.1} s:\n  \
         Kubernetes   {}   a real API server, v{}, with roles\n  \
         Azure        {}   the emulator; one second here is {TIME_SCALE} there\n  \
         controller   pid {}                   with the rights of deploy/rbac.yaml, not as admin",
        took.as_secs_f64(),
        bed.plane.url(),
        crate::assets::KUBERNETES_VERSION,
        ready.https,
        bed.controller.pid(),
    );
}

/// Kills the controller after Azure has accepted the restore and before the controller hears of it, and starts it again.
async fn survive_a_crash(
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

/// Compares what Azure accepted with what the runs say; the ledger is the emulator's own record.
async fn tell_ledger(bed: &Testbed, runs: [&Value; 2]) -> Result<bool, TestbedError> {
    let accepted = bed.emulator.accepted_restores().await?;
    for entry in &accepted {
        println!(
            "  POST …/restore   x-ms-client-request-id {}   ->   job {}",
            entry["clientRequestId"].as_str().unwrap_or("none"),
            entry
                .pointer("/caused/jobId")
                .and_then(Value::as_str)
                .unwrap_or("none"),
        );
    }
    let jobs: Vec<&str> = accepted
        .iter()
        .filter_map(|entry| entry.pointer("/caused/jobId").and_then(Value::as_str))
        .collect();
    let of_runs: Vec<&str> = runs
        .iter()
        .filter_map(|status| status.pointer("/job/id")?.as_str())
        .collect();
    let succeeded = runs.iter().all(|status| status["phase"] == "Succeeded");
    let exactly_once = jobs.len() == runs.len() && jobs == of_runs;
    println!(
        "  {} runs, {} restores accepted by Azure: {}",
        runs.len(),
        accepted.len(),
        match exactly_once {
            true => "one job for each run, and each run knows its job.",
            false => "that is not one for each run.",
        }
    );
    Ok(succeeded && exactly_once)
}

async fn print_costs(bed: &Testbed, took: Duration) {
    if let Ok(requests) = bed.emulator.requests().await {
        println!(
            "  requests to Azure: {} ({})",
            requests["total"], requests["counts"]
        );
    }
    if let Some(kib) = bed.controller.peak_memory_kib() {
        println!(
            "  the controller's memory at its peak: {:.1} MiB",
            kib as f64 / 1024.0
        );
    }
    println!("  the demo took {:.0} s", took.as_secs_f64());
}

/// Shows the run's progress until `done`: one line that moves on a terminal, a line for each change elsewhere.
async fn watch(
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
async fn type_command(bed: &Testbed, args: &[&str]) -> Result<(), TestbedError> {
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

async fn apply_example(
    bed: &Testbed,
    name: &str,
    changes: &[(&str, &str)],
) -> Result<(), TestbedError> {
    let file = bed.plane.supervisor().folder().join(name);
    std::fs::write(&file, filled(bed, name, changes)?)
        .map_err(TestbedError::io(format!("write {}", file.display())))?;
    let renamed = if changes.is_empty() {
        ""
    } else {
        "   # under another name"
    };
    println!("  $ kubectl -n {NAMESPACE} apply -f examples/demo/{name}{renamed}");
    let path = file.display().to_string();
    for line in bed
        .plane
        .kubectl_ok(&["apply", "-n", NAMESPACE, "-f", &path])
        .await?
        .lines()
    {
        println!("  {line}");
    }
    Ok(())
}

fn show_manifest(name: &str, changes: &[(&str, &str)]) -> Result<(), TestbedError> {
    println!();
    for line in changed(&example(name)?, changes)
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        println!("    {line}");
    }
    println!();
    Ok(())
}

/// An example with the emulator's addresses and principal in place of `${…}`.
fn filled(bed: &Testbed, name: &str, changes: &[(&str, &str)]) -> Result<String, TestbedError> {
    let ready = bed.emulator.ready();
    let values = [
        ("${HTTPS}", ready.https.as_str()),
        ("${SUBSCRIPTION_ID}", &ready.subscription_id),
        ("${TENANT_ID}", &ready.tenant_id),
        ("${CLIENT_ID}", &ready.client_id),
        ("${CLIENT_SECRET}", &ready.client_secret),
    ];
    Ok(changed(&changed(&example(name)?, &values), changes))
}

fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn example(name: &str) -> Result<String, TestbedError> {
    let path = repository().join("examples/demo").join(name);
    std::fs::read_to_string(&path).map_err(TestbedError::io(format!("read {}", path.display())))
}

fn title(text: &str) {
    println!("\n=== {text}\n");
}

fn tail(text: &str, lines: usize) -> String {
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

    #[test]
    fn every_placeholder_of_the_examples_has_a_value() {
        let known = [
            "HTTPS",
            "SUBSCRIPTION_ID",
            "TENANT_ID",
            "CLIENT_ID",
            "CLIENT_SECRET",
        ];
        let text = example("vault.yaml").unwrap();

        let used: Vec<&str> = text
            .split("${")
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
            .collect();

        assert!(
            used.iter()
                .filter(|name| **name != "...")
                .all(|name| known.contains(name)),
            "{used:?}"
        );
    }
}
