//! kubectl, as the admin of a control plane.

use crate::kubeconfig::write_private;
use crate::{ControlPlane, TestbedError, assets};
use std::path::Path;
use std::process::Output;

impl ControlPlane {
    /// Runs kubectl as the admin and returns what it printed, whatever its exit code.
    ///
    /// # Errors
    /// If kubectl is missing or cannot be started.
    pub async fn kubectl(&self, args: &[&str]) -> Result<Output, TestbedError> {
        kubectl(self.kubeconfig(), self.supervisor().folder(), args).await
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
            .supervisor()
            .folder()
            .join(format!("apply-{}.yaml", uuid::Uuid::new_v4().simple()));
        write_private(&file, text)?;
        let applied = self.apply(&file).await;
        let _ = std::fs::remove_file(&file);
        applied
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
