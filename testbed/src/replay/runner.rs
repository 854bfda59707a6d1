//! Runs recordings through the whole controller on a real API server: one scenario, one line.

use super::made_up::text;
use super::player::{Player, Report};
use super::recording::{Recording, Restore};
use super::server::{CLIENT_ID, CLIENT_SECRET, Server, TENANT_ID};
use super::verdict::{self, Expected};
use crate::controller::authority_of;
use crate::{ControlPlane, Controller, ControllerOptions, TestbedError, VaultYaml, vault_yaml};
use jiff::SignedDuration;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How recordings are played.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many seconds of the recording and of the controller pass in one.
    pub time_scale: u32,
    /// Longer pauses between two recorded reads of a job are cut to this, in the recording's time.
    pub longest_pause: SignedDuration,
    /// Longest real time for one scenario.
    pub within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            time_scale: 30,
            longest_pause: SignedDuration::from_secs(60),
            within: Duration::from_secs(180),
        }
    }
}

/// How one scenario went.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub scenario: String,
    pub result: Ran,
    pub took: Duration,
}

/// What was done with a recording.
#[derive(Clone, Debug)]
pub enum Ran {
    /// It has no restore of the primary region: it was read, nothing was run.
    NothingToRun,
    /// It was played: what differs from the recording, the report, and the final status.
    Played {
        differences: Vec<String>,
        report: Box<Report>,
        status: Value,
        sees_the_end: bool,
    },
}

impl Outcome {
    /// Whether nothing differs from the recording.
    pub fn is_good(&self) -> bool {
        match &self.result {
            Ran::NothingToRun => true,
            Ran::Played { differences, .. } => differences.is_empty(),
        }
    }

    /// One line, and one more for each difference.
    pub fn lines(&self) -> Vec<String> {
        let name = &self.scenario;
        match &self.result {
            Ran::NothingToRun => vec![format!(
                "decoded  {name}: no restore of the primary region in it"
            )],
            Ran::Played {
                differences,
                report,
                status,
                sees_the_end,
            } => {
                let word = if differences.is_empty() {
                    "ok      "
                } else {
                    "DIFFERS "
                };
                let made_up = report
                    .made_up
                    .iter()
                    .copied()
                    .collect::<Vec<_>>()
                    .join(", ");
                let mut line = format!(
                    "{word} {name}: {} {} in {:.0} s, {} requests; made up: {}",
                    or_nothing(text(status, "phase")),
                    or_nothing(text(&status["job"], "status")),
                    self.took.as_secs_f64(),
                    report.requests,
                    or_nothing(&made_up),
                );
                if !sees_the_end {
                    line.push_str("; the recording ends while the job runs");
                }
                if !report.played_errors.is_empty() {
                    line.push_str(&format!(
                        "; errors played: {}",
                        report.played_errors.join(", ")
                    ));
                }
                if !report.unknown_reads.is_empty() {
                    let reads: Vec<&str> =
                        report.unknown_reads.iter().map(String::as_str).collect();
                    line.push_str(&format!("; answered 404: {}", reads.join(", ")));
                }
                let mut lines = vec![line];
                lines.extend(
                    report
                        .body
                        .unsupported
                        .iter()
                        .map(|field| format!("         not in this version: {field}")),
                );
                lines.extend(
                    differences
                        .iter()
                        .map(|difference| format!("         difference: {difference}")),
                );
                lines
            }
        }
    }
}

/// How many recordings went how, in one line.
pub fn summary(outcomes: &[Outcome]) -> String {
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|each| is(each)).count();
    format!(
        "{} as recorded, {} different, {} without a restore",
        count(|each| matches!(each.result, Ran::Played { .. }) && each.is_good()),
        count(|each| !each.is_good()),
        count(|each| matches!(each.result, Ran::NothingToRun)),
    )
}

/// Plays every recording of a folder, one after the other, and shows each as it ends.
///
/// # Errors
/// If the folder has no recordings, or the testbed itself fails.
pub async fn run_all(
    folder: &Path,
    only: &[String],
    settings: &Settings,
    show: impl Fn(&Outcome),
) -> Result<Vec<Outcome>, TestbedError> {
    let files: Vec<PathBuf> = Recording::files(folder, only)?;
    let plane = ControlPlane::start().await?;
    let mut outcomes = Vec::new();
    for file in files {
        let outcome = run_one(&plane, Recording::read(&file)?, settings).await?;
        show(&outcome);
        outcomes.push(outcome);
    }
    plane.stop().await;
    Ok(outcomes)
}

/// Plays one recording in a namespace of its own.
///
/// # Errors
/// If the testbed itself fails; a run that goes wrong is a difference of the outcome.
pub async fn run_one(
    plane: &ControlPlane,
    recording: Recording,
    settings: &Settings,
) -> Result<Outcome, TestbedError> {
    let start = Instant::now();
    let scenario = recording.scenario.clone();
    let outcome = |result| Outcome {
        scenario: scenario.clone(),
        result,
        took: start.elapsed(),
    };
    let Some(restore) = recording.restore() else {
        return Ok(outcome(Ran::NothingToRun));
    };

    plane.install().await?;
    let namespace = plane.namespace("replay").await?;
    let player = Player::new(recording.clone(), restore.clone(), settings.longest_pause);
    let server = Server::start(player, settings.time_scale, plane.supervisor().folder()).await?;
    plane
        .apply_text(&vault_of(&restore, &namespace, &server))
        .await?;
    let manifest = vm_restore_of(&restore, &namespace);
    plane.apply_text(&manifest).await?;

    let options = ControllerOptions {
        namespaces: vec![namespace.clone()],
        allow_azure_hosts: vec![authority_of(&server.url)],
        azure_ca_file: Some(server.ca_file.clone()),
        time_scale: Some(settings.time_scale),
        ..ControllerOptions::default()
    };
    let controller = Controller::start(plane, options).await?;
    controller.wait_ready().await?;
    let expected = Expected::of(server.last_job().as_ref());
    let status = wait_for(plane, &namespace, &expected, &server, settings.within).await?;
    let report = server.report();
    let mut differences = verdict::differences(&recording, &restore, &expected, &report, &status);
    if !expected.is_reached(&status) {
        differences.push(format!(
            "not at the recorded end after {} s: {}",
            settings.within.as_secs(),
            text(&status, "message")
        ));
    }
    // A stop that takes its time is shown by the tests of the process, not here.
    let _ = controller.stop().await?;
    let sees_the_end = expected.phase.is_some();
    Ok(outcome(Ran::Played {
        differences,
        report: Box::new(report),
        status,
        sees_the_end,
    }))
}

async fn wait_for(
    plane: &ControlPlane,
    namespace: &str,
    expected: &Expected,
    server: &Server,
    within: Duration,
) -> Result<Value, TestbedError> {
    let start = Instant::now();
    loop {
        let object = plane
            .kubectl_ok(&[
                "get",
                "vmrestore",
                "replayed",
                "-n",
                namespace,
                "-o",
                "json",
            ])
            .await?;
        let object: Value = serde_json::from_str(&object)
            .map_err(|error| TestbedError::Unreadable(format!("read the VmRestore: {error}")))?;
        let status = object["status"].clone();
        // A second restore would be a mistake that no waiting heals.
        let hopeless = !server.report().unrecorded_writes.is_empty();
        if expected.is_reached(&status) || hopeless || start.elapsed() > within {
            return Ok(status);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn vault_of(restore: &Restore, namespace: &str, server: &Server) -> String {
    vault_yaml(&VaultYaml {
        namespace,
        name: "recorded",
        subscription_id: &restore.vault.subscription,
        resource_group: &restore.vault.resource_group,
        vault: &restore.vault.name,
        resource_manager: &server.url,
        authority: &server.url,
        tenant_id: TENANT_ID,
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
    })
}

/// The `VmRestore` that asks for what the recorded client asked for, as far as one can say it.
fn vm_restore_of(restore: &Restore, namespace: &str) -> String {
    let body = &restore.body;
    let mut target = String::new();
    for (field, name) in [
        ("storageAccountId", "storageAccountId"),
        ("targetResourceGroupId", "resourceGroupId"),
        ("targetVirtualMachineId", "virtualMachineId"),
        ("virtualNetworkId", "virtualNetworkId"),
        ("subnetId", "subnetId"),
        ("diskEncryptionSetId", "diskEncryptionSetId"),
    ] {
        if let Some(id) = body.get(field).and_then(Value::as_str) {
            target.push_str(&format!("    {name}: {id}\n"));
        }
    }
    if let Some(zone) = body.pointer("/zones/0").and_then(Value::as_str) {
        target.push_str(&format!("    zone: \"{zone}\"\n"));
    }
    match luns_of(body).as_deref() {
        None => {}
        Some([]) => target.push_str("    osDiskOnly: true\n"),
        Some(luns) => target.push_str(&format!("    diskLuns: [{}]\n", luns.join(", "))),
    }
    if let Some(identity) = body.get("identityInfo").filter(|info| info.is_object()) {
        let own = identity["isSystemAssignedIdentity"] == true;
        let id = text(identity, "managedIdentityResourceId");
        target.push_str(&match own {
            true => "    vaultIdentity: {type: SystemAssigned}\n".to_owned(),
            false => format!("    vaultIdentity: {{type: UserAssigned, resourceId: {id}}}\n"),
        });
    }
    let start_by = match text(body, "recoveryType") {
        "OriginalLocation" => "  startBy: \"2100-01-01T00:00:00Z\"\n",
        _ => "",
    };
    format!(
        "apiVersion: azurebackup.dev/v1alpha1
kind: VmRestore
metadata: {{name: replayed, namespace: {namespace}}}
spec:
  vaultRef: {{name: recorded}}
  sourceVirtualMachineId: {}
  recoveryPoint: {{name: \"{}\"}}
  recoveryType: {}
  retryLimit: 0
{start_by}  target:
{target}",
        text(body, "sourceResourceId"),
        restore.recovery_point,
        text(body, "recoveryType"),
    )
}

/// The chosen LUNs, which the CLI writes as strings.
fn luns_of(body: &Value) -> Option<Vec<String>> {
    let luns = body.get("restoreDiskLunList")?.as_array()?;
    let text = |lun: &Value| lun.as_str().map_or_else(|| lun.to_string(), str::to_owned);
    Some(luns.iter().map(text).collect())
}

fn or_nothing(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}
