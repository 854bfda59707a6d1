//! `vmrestore-controller run` as a process that can be killed and started again.

use crate::supervise::{Exit, ProcessSpec};
use crate::{
    ControlPlane, Emulator, Process, Stage, Supervisor, TestbedError, binaries,
    install_crypto_provider,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Namespace and ServiceAccount of `deploy/`.
const SYSTEM_NAMESPACE: &str = "vmrestore-system";
const SERVICE_ACCOUNT: &str = "vmrestore-controller";

/// Longest wait until the controller says that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How the controller is started. Everything is optional.
#[derive(Clone, Debug, Default)]
pub struct ControllerOptions {
    /// Namespaces that it watches; all if empty.
    pub namespaces: Vec<String>,
    /// Hosts (`host` or `host:port`) that vault objects may name.
    pub allow_azure_hosts: Vec<String>,
    /// The CA of those hosts, in PEM.
    pub azure_ca_file: Option<PathBuf>,
    /// How many seconds of the controller's clock pass in one second.
    pub time_scale: Option<u32>,
    /// When the faster clock and the real one agreed: with it, a controller that is started again goes on with the
    /// time of the one before.
    pub time_origin: Option<jiff::Timestamp>,
    /// Another kubeconfig than that of its own ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// More arguments of `run`.
    pub args: Vec<String>,
    /// More environment variables.
    pub env: BTreeMap<String, String>,
}

impl ControllerOptions {
    /// Lets it reach an emulator, by its CA and its host.
    #[must_use]
    pub fn reaching(mut self, emulator: &Emulator) -> Self {
        let ready = emulator.ready();
        for url in [&ready.http, &ready.https] {
            let host = authority_of(url);
            if !self.allow_azure_hosts.contains(&host) {
                self.allow_azure_hosts.push(host);
            }
        }
        self.azure_ca_file = Some(ready.ca_file.clone());
        self
    }
}

/// A controller process. Dropping it kills the process.
pub struct Controller {
    supervisor: Supervisor,
    spec: ProcessSpec,
    process: Process,
    /// How long the log was when this process started: the lines before are of an earlier one.
    log_start: usize,
    http: reqwest::Client,
}

impl Controller {
    /// Installs CRDs and roles if needed and starts the controller with the rights of its own ServiceAccount.
    ///
    /// Returns when the process has started; [`Controller::wait_ready`] waits until it works.
    ///
    /// # Errors
    /// If the binary is not built or the API server refuses a manifest.
    pub async fn start(
        plane: &ControlPlane,
        options: ControllerOptions,
    ) -> Result<Self, TestbedError> {
        install_crypto_provider();
        plane.install().await?;
        let kubeconfig = match &options.kubeconfig {
            Some(path) => path.clone(),
            None => {
                plane
                    .kubeconfig_for_service_account(SYSTEM_NAMESPACE, SERVICE_ACCOUNT)
                    .await?
            }
        };
        let supervisor = plane.supervisor().clone();
        let spec = spec(&supervisor, &kubeconfig, options)?;
        let process = supervisor.spawn(spec.clone()).await?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(TestbedError::http("make an HTTP client"))?;
        Ok(Self {
            supervisor,
            spec,
            process,
            log_start: 0,
            http,
        })
    }

    /// Waits until `/readyz` says yes.
    ///
    /// # Errors
    /// If the controller ends or is not ready within a minute; its last lines are shown.
    pub async fn wait_ready(&self) -> Result<(), TestbedError> {
        self.process
            .wait_until("the controller to be ready", READY_WITHIN, async || {
                let address = self.admin_address()?;
                let answer = self
                    .http
                    .get(format!("http://{address}/readyz"))
                    .send()
                    .await
                    .ok()?;
                answer.status().is_success().then_some(())
            })
            .await
    }

    /// SIGKILL, in the middle of whatever it does.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub async fn kill(&self) -> Result<Exit, TestbedError> {
        self.process.kill().await
    }

    /// SIGTERM; returns how it ended. It gets 30 s, as a Pod does.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub async fn stop(&self) -> Result<Exit, TestbedError> {
        self.process.stop(Duration::from_secs(30)).await
    }

    /// Starts it once more with the same settings, killing it first if it still runs.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn restart(&mut self) -> Result<(), TestbedError> {
        if self.process.exit().await?.is_none() {
            self.process.kill().await?;
        }
        self.log_start = self.process.log().len();
        self.process = self.supervisor.spawn(self.spec.clone()).await?;
        Ok(())
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub async fn exit(&self) -> Result<Option<Exit>, TestbedError> {
        self.process.exit().await
    }

    /// All that it has logged, by this process and earlier ones.
    pub fn logs(&self) -> String {
        self.process.log()
    }

    /// The file with its log.
    pub fn log_file(&self) -> &Path {
        self.process.log_file()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Host and port of its admin endpoints, as its log says.
    pub fn admin_address(&self) -> Option<String> {
        let log = self.process.log();
        listen_address(log.get(self.log_start..).unwrap_or_default())
    }

    /// `/metrics`, as text.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn metrics(&self) -> Result<String, TestbedError> {
        let address = self.admin_address().ok_or_else(|| {
            TestbedError::Unreadable(
                "the controller's log does not say where it listens".to_owned(),
            )
        })?;
        let what = || TestbedError::http("read the controller's metrics");
        let answer = self
            .http
            .get(format!("http://{address}/metrics"))
            .send()
            .await
            .map_err(what())?;
        answer.text().await.map_err(what())
    }

    /// The most memory that the running process ever had, in KiB (`VmHWM` of Linux).
    pub fn peak_memory_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.process.kill_without_waiting();
    }
}

fn spec(
    supervisor: &Supervisor,
    kubeconfig: &Path,
    options: ControllerOptions,
) -> Result<ProcessSpec, TestbedError> {
    let name = format!("controller-{}", uuid::Uuid::new_v4().simple());
    let mut args = vec![
        "run".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        "--listen=127.0.0.1:0".to_owned(),
        "--log-format=json".to_owned(),
    ];
    args.extend(
        options
            .namespaces
            .iter()
            .map(|namespace| format!("--namespace={namespace}")),
    );
    args.extend(
        options
            .allow_azure_hosts
            .iter()
            .map(|host| format!("--allow-azure-host={host}")),
    );
    args.extend(
        options
            .azure_ca_file
            .iter()
            .map(|file| format!("--azure-ca-file={}", file.display())),
    );
    args.extend(
        options
            .time_scale
            .map(|scale| format!("--time-scale={scale}")),
    );
    args.extend(options.args);
    let mut env = options.env;
    env.extend(
        options
            .time_origin
            .map(|origin| ("VMRESTORE_TIME_ORIGIN".to_owned(), origin.to_string())),
    );
    Ok(ProcessSpec {
        log: supervisor.folder().join(format!("{name}.log")),
        name,
        stage: Stage::Controller,
        program: binaries::find("vmrestore-controller")?,
        args,
        env,
    })
}

/// The newest `listen` field of a log in JSON lines, at the top or among the event's fields.
fn listen_address(log: &str) -> Option<String> {
    log.lines().rev().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let field = line
            .get("listen")
            .or_else(|| line.get("fields")?.get("listen"))?;
        field.as_str().map(str::to_owned)
    })
}

/// Host and port of a URL: without the port only the scheme's default one would be allowed.
pub(crate) fn authority_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_listen_field_counts() {
        let log = "{\"fields\":{\"message\":\"x\",\"listen\":\"127.0.0.1:1\"}}\nnot json\n{\"listen\":\"127.0.0.1:2\"}\n{}\n";

        assert_eq!(listen_address(log).as_deref(), Some("127.0.0.1:2"));
    }

    #[test]
    fn an_allowed_host_has_its_port() {
        assert_eq!(authority_of("https://127.0.0.1:8443/x"), "127.0.0.1:8443");
    }
}
