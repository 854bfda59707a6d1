//! What can go wrong when a testbed is started or asked.

use std::path::PathBuf;

/// Why the testbed could not do what it was asked. Texts say what to do next where there is something to do.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// The control plane's binaries are not there yet.
    #[error(
        "the control plane's binary {0} is missing; run `make controlplane` once (about 10 minutes)"
    )]
    NoControlPlane(PathBuf),
    /// One of this repository's own binaries is not built.
    #[error("the binary `{name}` was not found in {}; run `make build`, or set VMRESTORE_BIN_DIR", .looked_in.display())]
    NoBinary { name: String, looked_in: PathBuf },
    /// A tool that has to be installed is missing, or too old, or failed.
    #[error("{0}")]
    Tool(String),
    /// Files, pipes and sockets of this machine.
    #[error("{what}")]
    Io {
        what: String,
        source: std::io::Error,
    },
    /// The supervisor refused, or is gone.
    #[error("the supervisor could not {0}")]
    Supervisor(String),
    /// A process ended although it was to go on.
    #[error("{name} ended by itself ({exit}); its last lines:\n{log}")]
    Ended {
        name: String,
        exit: String,
        log: String,
    },
    /// Something did not come true in time.
    #[error("waited {seconds} s for {what}{log}")]
    TimedOut {
        what: String,
        seconds: u64,
        log: String,
    },
    /// The API server, through the Kubernetes client.
    #[error("{what}")]
    Kubernetes {
        what: String,
        source: Box<kube::Error>,
    },
    /// `kubectl` ended with an error.
    #[error("kubectl {command}: {stderr}")]
    Kubectl { command: String, stderr: String },
    /// An HTTP request to a server of the testbed.
    #[error("{what}")]
    Http {
        what: String,
        source: reqwest::Error,
    },
    /// An answer, a file or a setting that does not have the expected form.
    #[error("{0}")]
    Unreadable(String),
}

impl TestbedError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn http(what: impl Into<String>) -> impl FnOnce(reqwest::Error) -> Self {
        let what = what.into();
        move |source| Self::Http {
            what,
            source: source.without_url(),
        }
    }

    pub(crate) fn kubernetes(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let what = what.into();
        move |source| Self::Kubernetes {
            what,
            source: Box::new(source),
        }
    }
}

/// An error with all its causes in one line, for people.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
