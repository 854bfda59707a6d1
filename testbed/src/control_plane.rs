//! etcd and kube-apiserver, with RBAC, on free loopback ports.

use crate::api_server::{api_server, controller_manager, etcd, free_ports, write_credentials};
use crate::kubeconfig::{self, Access, write_private};
use crate::proxy::Proxy;
use crate::{Process, Supervisor, TestbedError, assets, install_crypto_provider, repository};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, ObjectMeta, PostParams};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Starts before giving up, when a port that was free a moment ago is taken by somebody else.
const START_ATTEMPTS: u32 = 5;

/// Longest wait until the API server is ready: 3 s on an idle machine, more while everything else starts too.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Life of the tokens that are handed out; a test run is shorter.
const TOKEN_SECONDS: i64 = 24 * 3600;

/// A running control plane. Dropping the last handle of its supervisor stops it.
pub struct ControlPlane {
    supervisor: Supervisor,
    etcd: Process,
    api_server: Process,
    url: String,
    ca_pem: String,
    ca_file: PathBuf,
    admin_token: String,
    kubeconfig: PathBuf,
    installed: OnceCell<()>,
    controller_manager: OnceCell<Process>,
}

impl ControlPlane {
    /// Starts etcd and kube-apiserver under a supervisor of their own and returns when the API server is ready.
    ///
    /// # Errors
    /// If the binaries are missing (the message names the command that builds them) or do not come up.
    pub async fn start() -> Result<Self, TestbedError> {
        Self::start_under(Supervisor::start()?).await
    }

    /// The same under a supervisor that the caller has.
    ///
    /// # Errors
    /// As [`ControlPlane::start`].
    pub async fn start_under(supervisor: Supervisor) -> Result<Self, TestbedError> {
        install_crypto_provider();
        let mut attempt = 1;
        loop {
            match Self::try_start(&supervisor, attempt).await {
                Err(TestbedError::Ended { log, .. })
                    if attempt < START_ATTEMPTS && log.contains("address already in use") =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_start(supervisor: &Supervisor, attempt: u32) -> Result<Self, TestbedError> {
        let folder = supervisor.folder().join(format!("control-plane-{attempt}"));
        std::fs::create_dir_all(&folder)
            .map_err(TestbedError::io(format!("create {}", folder.display())))?;
        let [etcd_port, peer_port, api_port] = free_ports()?;
        let admin_token = uuid::Uuid::new_v4().to_string();
        let ca_pem = write_credentials(&folder, &admin_token)?;
        let url = format!("https://127.0.0.1:{api_port}");
        let ca_file = folder.join("ca.crt");
        let kubeconfig = folder.join("admin.kubeconfig");
        let access = Access {
            url: &url,
            ca_file: &ca_file,
            user: "admin",
            token: &admin_token,
            namespace: "default",
        };
        kubeconfig::write(&kubeconfig, &access)?;

        let etcd = supervisor
            .spawn(etcd(&folder, attempt, etcd_port, peer_port)?)
            .await?;
        let api_server = supervisor
            .spawn(api_server(&folder, attempt, etcd_port, api_port)?)
            .await?;
        let plane = Self {
            supervisor: supervisor.clone(),
            etcd,
            api_server,
            url,
            ca_pem,
            ca_file,
            admin_token,
            kubeconfig,
            installed: OnceCell::new(),
            controller_manager: OnceCell::new(),
        };
        let ready = plane.wait_ready().await;
        if ready.is_err() {
            let _ = plane.api_server.kill().await;
            // A taken port of etcd shows in etcd's log, while the API server merely waits.
            if let Some(exit) = plane.etcd.exit().await? {
                let log = plane.etcd.log_tail(20);
                return Err(TestbedError::Ended {
                    name: "etcd".to_owned(),
                    exit: exit.to_string(),
                    log,
                });
            }
            let _ = plane.etcd.kill().await;
        }
        ready.map(|()| plane)
    }

    async fn wait_ready(&self) -> Result<(), TestbedError> {
        let http = self.http()?;
        let ready = async || {
            let answer = http
                .get(format!("{}/readyz", self.url))
                .bearer_auth(&self.admin_token)
                .send()
                .await
                .ok()?;
            answer.status().is_success().then_some(())
        };
        // A closure that also looks at etcd: without it the API server would be waited for in vain.
        let etcd_ended = async || matches!(self.etcd.exit().await, Ok(Some(_)));
        self.api_server
            .wait_until("the API server to be ready", READY_WITHIN, async || {
                if etcd_ended().await {
                    Some(false)
                } else {
                    ready().await.map(|()| true)
                }
            })
            .await?
            .then_some(())
            .ok_or_else(|| TestbedError::Ended {
                name: "etcd".to_owned(),
                exit: "before the API server was ready".to_owned(),
                log: self.etcd.log_tail(20),
            })
    }

    fn http(&self) -> Result<reqwest::Client, TestbedError> {
        let ca = reqwest::Certificate::from_pem(self.ca_pem.as_bytes())
            .map_err(TestbedError::http("read the API server's CA"))?;
        reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()
            .map_err(TestbedError::http("make an HTTP client"))
    }

    /// A client that may do everything. It belongs to the runtime that it is made in: make one per test.
    ///
    /// # Panics
    /// Outside of a tokio runtime, and if the certificate that this testbed made itself cannot be read.
    pub fn client(&self) -> kube::Client {
        let url = self.url.parse().expect("a URL that the testbed wrote");
        let mut config = kube::Config::new(url);
        config.root_cert_file = Some(self.ca_file.clone());
        config.auth_info.token = Some(self.admin_token.clone().into());
        config.proxy_url = None;
        kube::Client::try_from(config).expect("a configuration that the testbed wrote")
    }

    /// The kubeconfig of the admin.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The CA of the API server, in PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The supervisor, to start more processes beside this control plane.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Process ids of the supervisor, etcd and kube-apiserver.
    pub fn pids(&self) -> [u32; 3] {
        [
            self.supervisor.pid(),
            self.etcd.pid(),
            self.api_server.pid(),
        ]
    }

    /// The API server's process id.
    pub fn pid(&self) -> u32 {
        self.api_server.pid()
    }

    /// Runs kubectl as the admin and returns what it printed, whatever its exit code.
    ///
    /// # Errors
    /// If kubectl is missing or cannot be started.
    pub async fn kubectl(&self, args: &[&str]) -> Result<Output, TestbedError> {
        kubectl(&self.kubeconfig, self.supervisor.folder(), args).await
    }

    /// The same, for a command that has to succeed; returns its standard output.
    ///
    /// # Errors
    /// [`TestbedError::Kubectl`] with what it printed on standard error.
    pub async fn kubectl_ok(&self, args: &[&str]) -> Result<String, TestbedError> {
        let output = self.kubectl(args).await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(TestbedError::Kubectl {
            command: args.join(" "),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// `kubectl apply -f` of a file or a folder; returns what kubectl printed.
    ///
    /// # Errors
    /// If the API server refuses something; the message is its own.
    pub async fn apply(&self, path: impl AsRef<Path>) -> Result<String, TestbedError> {
        let path = path.as_ref().display().to_string();
        self.kubectl_ok(&["apply", "-f", &path]).await
    }

    /// `kubectl apply` of a text with one or more YAML documents.
    ///
    /// # Errors
    /// As [`ControlPlane::apply`].
    pub async fn apply_text(&self, text: &str) -> Result<String, TestbedError> {
        let file = self
            .supervisor
            .folder()
            .join(format!("apply-{}.yaml", uuid::Uuid::new_v4().simple()));
        write_private(&file, text)?;
        let applied = self.apply(&file).await;
        let _ = std::fs::remove_file(&file);
        applied
    }

    /// Installs the CRDs of `crds/` and the namespace and roles of `deploy/`, once per control plane.
    ///
    /// # Errors
    /// If the API server refuses one of them, or does not serve a CRD within a minute.
    pub async fn install(&self) -> Result<(), TestbedError> {
        self.installed
            .get_or_try_init(async || {
                self.apply(repository().join("crds")).await?;
                self.apply(repository().join("deploy/namespace.yaml"))
                    .await?;
                self.apply(repository().join("deploy/rbac.yaml")).await?;
                let established = [
                    "wait",
                    "--for=condition=Established",
                    "--timeout=60s",
                    "crd",
                    "--all",
                ];
                self.kubectl_ok(&established).await?;
                self.wait_served().await
            })
            .await
            .copied()
    }

    /// An established definition still answers "429 storage is (re)initializing" for a moment.
    async fn wait_served(&self) -> Result<(), TestbedError> {
        self.api_server
            .wait_until(
                "the definitions to be served",
                Duration::from_secs(30),
                async || {
                    let list = ["get", "vmrestores,recoveryservicesvaults", "-A"];
                    self.kubectl_ok(&list).await.ok().map(drop)
                },
            )
            .await
    }

    /// Lets namespaces that are deleted come to their end: starts kube-controller-manager with its namespace controller
    /// alone, once per control plane.
    ///
    /// # Errors
    /// If the binary is missing ([`assets::has_controller_manager`]) or does not start.
    pub async fn delete_namespaces(&self) -> Result<(), TestbedError> {
        let start = async || {
            let folder = self.supervisor.folder();
            let spec = controller_manager(folder, &self.kubeconfig)?;
            self.supervisor.spawn(spec).await
        };
        self.controller_manager
            .get_or_try_init(start)
            .await
            .map(drop)
    }

    /// A kubeconfig with a fresh token of that ServiceAccount, which is made if it is missing.
    ///
    /// # Errors
    /// If the API server refuses the token.
    pub async fn kubeconfig_for_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<PathBuf, TestbedError> {
        self.kubeconfig_at(&self.url, namespace, name).await
    }

    /// The same, with a proxy as the way to the API server.
    ///
    /// # Errors
    /// As [`ControlPlane::kubeconfig_for_service_account`].
    pub async fn kubeconfig_through(
        &self,
        proxy: &Proxy,
        namespace: &str,
        name: &str,
    ) -> Result<PathBuf, TestbedError> {
        self.kubeconfig_at(proxy.url(), namespace, name).await
    }

    async fn kubeconfig_at(
        &self,
        url: &str,
        namespace: &str,
        name: &str,
    ) -> Result<PathBuf, TestbedError> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let account = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        let what = format!("make ServiceAccount {namespace}/{name}");
        already_there(accounts.create(&PostParams::default(), &account).await)
            .map_err(TestbedError::kubernetes(what))?;

        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: Vec::new(),
                expiration_seconds: Some(TOKEN_SECONDS),
                bound_object_ref: None,
            },
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .map_err(TestbedError::kubernetes(format!(
                "request a token of ServiceAccount {namespace}/{name}"
            )))?;
        let token = answer.status.map(|status| status.token).unwrap_or_default();
        let path = self.supervisor.folder().join(format!(
            "{namespace}-{name}-{}.kubeconfig",
            uuid::Uuid::new_v4().simple()
        ));
        let access = Access {
            url,
            ca_file: &self.ca_file,
            user: name,
            token: &token,
            namespace,
        };
        kubeconfig::write(&path, &access)?;
        Ok(path)
    }

    /// Makes a namespace whose name starts with `prefix` and that nobody else uses.
    ///
    /// # Errors
    /// If the API server refuses it.
    pub async fn namespace(&self, prefix: &str) -> Result<String, TestbedError> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("{prefix}-{}", &unique[..8]);
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Api::<Namespace>::all(self.client())
            .create(&PostParams::default(), &namespace)
            .await
            .map_err(TestbedError::kubernetes(format!("make namespace {name}")))?;
        Ok(name)
    }

    /// Stops everything of this control plane's supervisor in order and removes its folder.
    pub async fn stop(self) {
        self.supervisor.stop().await;
    }
}

/// Runs kubectl with a kubeconfig; its discovery cache lies in `folder`.
pub(crate) async fn kubectl(
    kubeconfig: &Path,
    folder: &Path,
    args: &[&str],
) -> Result<Output, TestbedError> {
    tokio::process::Command::new(assets::binary("kubectl")?)
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .env("KUBECACHEDIR", folder.join("kubectl-cache"))
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(TestbedError::io("run kubectl"))
}

fn already_there<T>(result: kube::Result<T>) -> kube::Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error),
    }
}
