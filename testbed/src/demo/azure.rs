//! What Azure saw, and what it has now.

use crate::{Testbed, TestbedError};
use serde_json::Value;
use std::time::Duration;

/// Compares what Azure accepted with what the runs say; the ledger is the emulator's own record.
pub(super) async fn tell_ledger(bed: &Testbed, runs: &[&Value]) -> Result<bool, TestbedError> {
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

pub(super) async fn print_costs(bed: &Testbed, took: Duration) {
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

/// The disks of a virtual machine, the OS disk first, as Azure Resource Manager shows them; absent if there is no such machine.
pub(super) async fn disks_of(
    bed: &Testbed,
    machine: &str,
) -> Result<Option<Vec<String>>, TestbedError> {
    let ready = bed.emulator.ready();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(TestbedError::http("make a client"))?;
    let what = format!("GET {machine}");
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https://management.azure.com/.default",
        ready.client_id, ready.client_secret
    );
    let token = client
        .post(format!(
            "{}/{}/oauth2/v2.0/token",
            ready.http, ready.tenant_id
        ))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let token = token
        .send()
        .await
        .map_err(TestbedError::http("get a token"))?;
    let token: Value = token
        .json()
        .await
        .map_err(TestbedError::http("read a token"))?;
    let answer = client
        .get(format!("{}{machine}?api-version=2024-07-01", ready.http))
        .bearer_auth(token["access_token"].as_str().unwrap_or_default())
        .send()
        .await
        .map_err(TestbedError::http(&what))?;
    if answer.status() == reqwest::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !answer.status().is_success() {
        return Err(TestbedError::Unreadable(format!(
            "{what} answered {}",
            answer.status()
        )));
    }
    let shown: Value = answer.json().await.map_err(TestbedError::http(&what))?;
    let storage = &shown["properties"]["storageProfile"];
    let data = storage["dataDisks"].as_array().into_iter().flatten();
    let disks = std::iter::once(&storage["osDisk"]).chain(data);
    Ok(Some(
        disks
            .filter_map(|disk| Some(disk["name"].as_str()?.to_owned()))
            .collect(),
    ))
}
