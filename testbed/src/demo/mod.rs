//! `make demo` and `make playground`: the product as a person meets it.

mod azure;
mod crash;
mod examples;
mod show;
mod types;

use crate::{Testbed, TestbedError, repository};
use azure::{print_costs, tell_ledger};
use crash::survive_a_crash;
use examples::{apply_example, show_manifest};
use show::{title, type_command, watch};
use std::time::{Duration, Instant};
use types::other_types;

/// How many seconds of the emulated Azure pass in one: a restore of three minutes takes about twenty seconds.
const TIME_SCALE: u32 = 10;

/// Where the demo's objects live.
const NAMESPACE: &str = "demo";

/// Longest real time for one restore; it takes about twenty seconds.
const RESTORE_WITHIN: Duration = Duration::from_secs(150);

/// Tells the story of four restores and says whether all of it came true.
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

    title("5. Disks replaced, and a new machine");
    let (true_of_azure, [third, fourth]) = other_types(&bed).await?;
    type_command(&bed, &["get", "vmr"]).await?;

    title("6. What Azure saw");
    let exactly_once = tell_ledger(&bed, &[&first, &second, &third, &fourth]).await?;
    let good = true_of_azure && exactly_once;
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
