//! The Azure emulator as a process, and a client of its admin endpoints.

use crate::supervise::ProcessSpec;
use crate::{Process, Stage, Supervisor, TestbedError, binaries, install_crypto_provider};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What the emulator plays, and how fast.
#[derive(Clone, Debug, Default)]
pub struct EmulatorOptions {
    /// The world that it plays; the built-in one if absent.
    pub scenario: Option<Scenario>,
    /// How many seconds of Azure pass in one second; 1 if absent.
    pub time_scale: Option<u32>,
    /// When the faster clock and the real one agreed; the start if absent.
    pub time_origin: Option<jiff::Timestamp>,
}

/// A scenario file of the emulator, by its place or by its text.
#[derive(Clone, Debug)]
pub enum Scenario {
    File(PathBuf),
    Yaml(String),
}

/// What the emulator says of itself when it is ready.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    pub http: String,
    pub https: String,
    pub ca_file: PathBuf,
    pub token_endpoint: String,
    pub client_id: String,
    pub client_secret: String,
    pub subscription_id: String,
    #[serde(default)]
    pub tenant_id: String,
}

/// A running emulator. Dropping it stops the process.
pub struct Emulator {
    process: Process,
    ready: Ready,
    http: reqwest::Client,
}

impl Emulator {
    /// Starts an emulator under a supervisor of its own.
    ///
    /// # Errors
    /// If the binary is not built, or refuses the scenario.
    pub async fn start(options: EmulatorOptions) -> Result<Self, TestbedError> {
        Self::start_under(&Supervisor::start()?, options).await
    }

    /// The same under a supervisor that the caller has.
    ///
    /// # Errors
    /// As [`Emulator::start`].
    pub async fn start_under(
        supervisor: &Supervisor,
        options: EmulatorOptions,
    ) -> Result<Self, TestbedError> {
        install_crypto_provider();
        let name = format!("emulator-{}", uuid::Uuid::new_v4().simple());
        let folder = supervisor.folder().join(&name);
        std::fs::create_dir_all(&folder)
            .map_err(TestbedError::io(format!("create {}", folder.display())))?;
        let scenario = match options.scenario {
            None => None,
            Some(Scenario::File(path)) => Some(path),
            Some(Scenario::Yaml(text)) => {
                let path = folder.join("scenario.yaml");
                std::fs::write(&path, text)
                    .map_err(TestbedError::io(format!("write {}", path.display())))?;
                Some(path)
            }
        };
        let mut args = vec![
            "serve".to_owned(),
            "--listen=127.0.0.1:0".to_owned(),
            "--tls-listen=127.0.0.1:0".to_owned(),
            format!("--state-dir={}", folder.join("state").display()),
        ];
        args.extend(scenario.map(|path| format!("--scenario={}", path.display())));
        args.extend(
            options
                .time_scale
                .map(|scale| format!("--time-scale={scale}")),
        );
        args.extend(
            options
                .time_origin
                .map(|origin| format!("--time-origin={origin}")),
        );

        let spec = ProcessSpec {
            name,
            stage: Stage::Azure,
            program: binaries::find("azure-backup-emulator")?,
            args,
            env: BTreeMap::new(),
            log: folder.join("emulator.log"),
        };
        let process = supervisor.spawn(spec).await?;
        let mut ready = process
            .wait_until(
                "the emulator to be ready",
                Duration::from_secs(30),
                async || ready_line(&process.log()),
            )
            .await?;
        if ready.tenant_id.is_empty() {
            ready.tenant_id = tenant_of(&ready.token_endpoint);
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(TestbedError::http("make an HTTP client"))?;
        Ok(Self {
            process,
            ready,
            http,
        })
    }

    /// Addresses, CA and the principal that may do everything.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The process, for its log and its id.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Every mutating request in order, with its client request id and what it caused: the truth about triggers.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn ledger(&self) -> Result<Value, TestbedError> {
        self.admin(reqwest::Method::GET, "ledger", None).await
    }

    /// How many requests of each kind were made.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn requests(&self) -> Result<Value, TestbedError> {
        self.admin(reqwest::Method::GET, "requests", None).await
    }

    /// All jobs as the emulator knows them.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn jobs(&self) -> Result<Value, TestbedError> {
        self.admin(reqwest::Method::GET, "jobs", None).await
    }

    /// Replaces the rules that say which request goes wrong, and how: `{"rules": [...]}`.
    ///
    /// # Errors
    /// If the emulator refuses the rules.
    pub async fn set_faults(&self, rules: &Value) -> Result<(), TestbedError> {
        self.admin(reqwest::Method::PUT, "faults", Some(rules))
            .await
            .map(drop)
    }

    /// From now on every request goes well.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn clear_faults(&self) -> Result<(), TestbedError> {
        self.set_faults(&serde_json::json!({"rules": []})).await
    }

    /// The rules for faults, with how often each was applied.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn faults(&self) -> Result<Value, TestbedError> {
        self.admin(reqwest::Method::GET, "faults", None).await
    }

    /// The last requests one by one, each when it has had its effect.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn request_log(&self) -> Result<Value, TestbedError> {
        self.admin(reqwest::Method::GET, "requests/log", None).await
    }

    /// Moves the emulator's clock forward at once.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn advance_clock(&self, by: Duration) -> Result<(), TestbedError> {
        let body = serde_json::json!({"advance": format!("PT{}S", by.as_secs_f64())});
        self.admin(reqwest::Method::PUT, "clock", Some(&body))
            .await
            .map(drop)
    }

    /// Changes how a restore goes on that was accepted already, by its job or operation: `{"outcome": "failed"}`.
    ///
    /// # Errors
    /// If the emulator does not know it.
    pub async fn set_behaviour(&self, job: &str, behaviour: &Value) -> Result<(), TestbedError> {
        self.admin(
            reqwest::Method::PUT,
            &format!("jobs/{job}/behaviour"),
            Some(behaviour),
        )
        .await
        .map(drop)
    }

    /// Changes parts of the world that the emulator plays, by a JSON merge patch.
    ///
    /// # Errors
    /// If the emulator refuses the result.
    pub async fn patch_scenario(&self, patch: &Value) -> Result<(), TestbedError> {
        self.admin(reqwest::Method::PATCH, "scenario", Some(patch))
            .await
            .map(drop)
    }

    /// The world that the emulator plays, without secrets.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn scenario(&self) -> Result<Value, TestbedError> {
        self.admin(reqwest::Method::GET, "scenario", None).await
    }

    /// Adds a VM to a vault, or replaces it.
    ///
    /// # Errors
    /// If the emulator refuses it.
    pub async fn put_machine(&self, vault: &str, machine: &Value) -> Result<(), TestbedError> {
        let name = machine["name"].as_str().unwrap_or_default();
        let path = format!("scenario/vaults/{vault}/virtualMachines/{name}");
        self.admin(reqwest::Method::PUT, &path, Some(machine))
            .await
            .map(drop)
    }

    /// The restores that the emulator has accepted, in order: ledger entries that made a job.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn accepted_restores(&self) -> Result<Vec<Value>, TestbedError> {
        let ledger = self.ledger().await?;
        let entries = ledger["entries"].as_array().cloned().unwrap_or_default();
        let accepted = |entry: &Value| {
            entry["operation"] == "TriggerRestore"
                && entry.pointer("/caused/jobId").is_some_and(Value::is_string)
        };
        Ok(entries.into_iter().filter(accepted).collect())
    }

    /// Replaces the world that the emulator plays.
    ///
    /// # Errors
    /// If the emulator refuses the scenario.
    pub async fn put_scenario(&self, scenario: &Value) -> Result<(), TestbedError> {
        self.admin(reqwest::Method::PUT, "scenario", Some(scenario))
            .await
            .map(drop)
    }

    /// Stops the emulator.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub async fn stop(self) -> Result<(), TestbedError> {
        self.process.stop(Duration::from_secs(5)).await.map(drop)
    }

    async fn admin(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, TestbedError> {
        let what = format!("{method} /_emulator/{path}");
        let mut request = self
            .http
            .request(method, format!("{}/_emulator/{path}", self.ready.http));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(TestbedError::http(&what))?;
        let status = answer.status();
        let text = answer.text().await.map_err(TestbedError::http(&what))?;
        if !status.is_success() {
            return Err(TestbedError::Unreadable(format!(
                "{what} answered {status}: {text}"
            )));
        }
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text)
            .map_err(|error| TestbedError::Unreadable(format!("{what}: {error}")))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.process.kill_without_waiting();
    }
}

/// The first line of the log that is the ready line; log lines may stand around it.
fn ready_line(log: &str) -> Option<Ready> {
    log.lines().find_map(|line| serde_json::from_str(line).ok())
}

/// The tenant stands in the path of its token endpoint: `https://HOST/{tenant}/oauth2/v2.0/token`.
fn tenant_of(token_endpoint: &str) -> String {
    let path = token_endpoint
        .split_once("://")
        .map_or(token_endpoint, |(_, rest)| rest);
    path.split('/').nth(1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_found_among_log_lines() {
        let log = "starting\n{\"level\":\"info\"}\n{\"http\":\"http://127.0.0.1:1\",\"https\":\"https://127.0.0.1:2\",\
                   \"caFile\":\"/ca.pem\",\"tokenEndpoint\":\"https://127.0.0.1:2/t-1/oauth2/v2.0/token\",\
                   \"clientId\":\"c\",\"clientSecret\":\"s\",\"subscriptionId\":\"u\",\"more\":1}\n";

        let ready = ready_line(log).unwrap();

        assert_eq!(ready.http, "http://127.0.0.1:1");
        assert_eq!(tenant_of(&ready.token_endpoint), "t-1");
    }
}
