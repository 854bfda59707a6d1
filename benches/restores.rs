//! What restores cost: requests to Azure, writes to the API server, memory and CPU of the controller, for one restore and
//! for many at once, side by side on one testbed. `make bench` runs it; figures of a noisy machine are for comparing the
//! rows of one run with each other.

use std::time::{Duration, Instant};

use kube::api::{Api, ListParams};
use serde_json::Value;
use testbed::{Testbed, TestbedError};
use vmrestore::api::v1alpha1::VmRestore;

/// Seconds of the emulator and the controller in one real second.
const SCALE: u32 = 60;
/// Restores at once.
const ROWS: [usize; 3] = [1, 20, 100];
/// Longest real time of one row.
const WITHIN: Duration = Duration::from_secs(240);

fn main() -> Result<(), TestbedError> {
    // `cargo test` starts benches with this flag to see that they start.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    testbed::install_crypto_provider();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(async {
        println!(
            "one second is {SCALE} s; each row has a fresh control plane, emulator and controller"
        );
        println!(
            "{:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>8} {:>8}",
            "restores",
            "succeeded",
            "hours",
            "to Azure",
            "job lists",
            "job reads",
            "triggers",
            "claims",
            "statuses",
            "MiB",
            "CPU s"
        );
        for count in ROWS {
            row(count).await?;
        }
        Ok(())
    })
}

async fn row(count: usize) -> Result<(), TestbedError> {
    let bed = Testbed::builder().time_scale(SCALE).start().await?;
    bed.controller.wait_ready().await?;
    let namespace = bed.plane.namespace("bench").await?;
    let vault = bed.vault_yaml(&namespace, "vault", "testVaultRG", "testVault");
    bed.plane.apply_text(&vault).await?;
    let started = Instant::now();
    let yaml: Vec<String> = (0..count)
        .map(|number| restore(&namespace, number, &bed))
        .collect();
    bed.plane.apply_text(&yaml.join("---\n")).await?;

    let objects: Api<VmRestore> = Api::namespaced(bed.plane.client(), &namespace);
    let mut succeeded = 0;
    while started.elapsed() < WITHIN && succeeded < count {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let list = objects.list(&ListParams::default()).await;
        let phase = |object: &VmRestore| {
            object
                .status
                .as_ref()
                .map(|status| status.0["phase"].clone())
        };
        succeeded = list.map_or(0, |list| {
            list.iter()
                .filter(|object| phase(object) == Some("Succeeded".into()))
                .count()
        });
    }

    let requests = bed.emulator.requests().await?;
    let asked = |operation: &str| requests_of(&requests, operation);
    let metrics = bed.controller.metrics().await?;
    println!(
        "{count:>8} {succeeded:>9} {:>9.2} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>8.1} {:>8.2}",
        started.elapsed().as_secs_f64() * f64::from(SCALE) / 3600.0,
        asked(""),
        asked("ListJobs"),
        asked("GetJob"),
        asked("TriggerRestore"),
        metric(&metrics, "vmrestore_claims_total"),
        metric(&metrics, "vmrestore_status_writes_total"),
        bed.controller.peak_memory_kib().unwrap_or_default() as f64 / 1024.0,
        cpu_seconds(bed.controller.pid()),
    );
    bed.stop().await;
    Ok(())
}

fn restore(namespace: &str, number: usize, bed: &Testbed) -> String {
    let group = format!(
        "/subscriptions/{}/resourceGroups",
        bed.emulator.ready().subscription_id
    );

    format!(
        "apiVersion: azurebackup.dev/v1alpha1
kind: VmRestore
metadata: {{name: restore-{number}, namespace: {namespace}}}
spec:
  vaultRef: {{name: vault}}
  sourceVirtualMachineId: {group}/testRG/providers/Microsoft.Compute/virtualMachines/testVM
  recoveryType: RestoreDisks
  target:
    storageAccountId: {group}/testRG/providers/Microsoft.Storage/storageAccounts/testaccount
    resourceGroupId: {group}/restores

"
    )
}

/// How many requests of an operation the emulator counted; all of them for an empty name.
fn requests_of(requests: &Value, operation: &str) -> u64 {
    let counts = requests.get("counts").unwrap_or(requests);
    counts.as_object().map_or(0, |counts| {
        let wanted = counts
            .iter()
            .filter(|(name, _)| operation.is_empty() || *name == operation);
        wanted.filter_map(|(_, count)| count.as_u64()).sum()
    })
}

fn metric(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value
        .and_then(|value| value.parse::<f64>().ok())
        .unwrap_or_default() as u64
}

/// User and system time of a process so far, from Linux's `/proc`; a tick is 10 ms there.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |field: usize| {
        fields
            .get(field)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or_default()
    };
    (ticks(11) + ticks(12)) / 100.0
}
