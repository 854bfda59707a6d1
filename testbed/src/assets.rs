//! The binaries of the control plane: built once per machine from their own Go modules, kept in the user's cache.

use crate::cache::{self, set_variable};
use crate::{TestbedError, repository};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The Kubernetes version that `tests/controlplane/go.mod` pins; the API server says it of itself.
pub const KUBERNETES_VERSION: &str = "1.36.3";

/// File name of the part that deletes namespaces; a folder for envtest lacks it.
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// File name, Go package and whether the Kubernetes version is linked in.
const BINARIES: [(&str, &str, bool); 4] = [
    ("etcd", "go.etcd.io/etcd/server/v3", false),
    (
        "kube-apiserver",
        "k8s.io/kubernetes/cmd/kube-apiserver",
        true,
    ),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl", true),
    (
        CONTROLLER_MANAGER,
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        true,
    ),
];

/// Where the binaries are, or will be: `KUBEBUILDER_ASSETS`, else
/// `${XDG_CACHE_HOME:-~/.cache}/vmrestore/controlplane/<hash of go.mod and go.sum>`.
///
/// # Errors
/// If the home folder is unknown or the Go module cannot be read.
pub fn folder() -> Result<PathBuf, TestbedError> {
    match set_variable("KUBEBUILDER_ASSETS") {
        Some(dir) => Ok(dir),
        None => Ok(cache::folder("controlplane")?.join(module_hash(&module())?)),
    }
}

/// One of the binaries, if it is there.
///
/// # Errors
/// [`TestbedError::NoControlPlane`] names the command that builds it.
pub fn binary(name: &str) -> Result<PathBuf, TestbedError> {
    let path = folder()?.join(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(TestbedError::NoControlPlane(path))
    }
}

/// Whether kube-controller-manager is there. A folder that was made for envtest lacks it: what needs it is left out.
///
/// # Errors
/// If the home folder is unknown or the Go module cannot be read.
pub fn has_controller_manager() -> Result<bool, TestbedError> {
    Ok(folder()?.join(CONTROLLER_MANAGER).is_file())
}

/// Builds what is missing and says so on standard error; does nothing if all is there. Returns the folder.
///
/// The binaries are built in a folder of their own, which takes its final name when it is complete: a run that is
/// cut off leaves nothing half done, and two runs at once end with one result.
///
/// # Errors
/// If Go is missing or the build fails; Go's own output has been shown by then.
pub fn build() -> Result<PathBuf, TestbedError> {
    let place = folder()?;
    let given = set_variable("KUBEBUILDER_ASSETS").is_some();
    let wanted = || {
        let names = BINARIES.iter().map(|(name, ..)| *name);
        names.filter(move |name| !(given && *name == CONTROLLER_MANAGER))
    };
    if wanted().all(|name| place.join(name).is_file()) {
        return Ok(place);
    }
    if given {
        let wanted: Vec<_> = wanted().collect();
        let wanted = wanted.join(", ");
        return Err(TestbedError::Tool(format!(
            "KUBEBUILDER_ASSETS is set to {}, which lacks one of {wanted}; complete it or unset the variable",
            place.display()
        )));
    }
    require_go()?;
    cache::make_once(&place, BINARIES[0].0, build_into)?;
    eprintln!("control plane: ready in {}", place.display());
    Ok(place)
}

fn build_into(folder: &Path) -> Result<(), TestbedError> {
    eprintln!(
        "control plane: building etcd, kube-apiserver, kube-controller-manager and kubectl v{KUBERNETES_VERSION} from source.\n\
         control plane: this happens once per machine and takes about 10 minutes on 2 cores (2.2 GB of Go's build cache)."
    );
    let start = Instant::now();
    for (number, (name, package, versioned)) in (1..).zip(BINARIES) {
        eprintln!(
            "control plane: [{number}/{}] {name} ({}) ...",
            BINARIES.len(),
            elapsed(start)
        );
        go_build(&folder.join(name), package, versioned, start)?;
    }
    eprintln!("control plane: built in {}", elapsed(start));
    Ok(())
}

fn go_build(
    target: &Path,
    package: &str,
    versioned: bool,
    start: Instant,
) -> Result<(), TestbedError> {
    let mut flags = "-s -w".to_owned();
    if versioned {
        let mut parts = KUBERNETES_VERSION.split('.');
        let (major, minor) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let at = "k8s.io/component-base/version";
        flags.push_str(&format!(
            " -X {at}.gitVersion=v{KUBERNETES_VERSION} -X {at}.gitMajor={major} -X {at}.gitMinor={minor}"
        ));
    }
    let mut go = Command::new("go")
        .args(["build", "-trimpath"])
        .arg(format!("-ldflags={flags}"))
        .arg("-o")
        .arg(target)
        .arg(package)
        .current_dir(module())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(TestbedError::io("start `go build`"))?;
    let mut last_said = Instant::now();
    loop {
        if let Some(status) = go
            .try_wait()
            .map_err(TestbedError::io("wait for `go build`"))?
        {
            return match status.success() {
                true => Ok(()),
                false => Err(TestbedError::Tool(format!(
                    "`go build {package}` failed ({status}); see the lines above"
                ))),
            };
        }
        if last_said.elapsed() >= Duration::from_secs(30) {
            eprintln!(
                "control plane:       still compiling {package}, {}",
                elapsed(start)
            );
            last_said = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn require_go() -> Result<(), TestbedError> {
    let missing = || {
        TestbedError::Tool(
            "the control plane is built with Go 1.26 or newer, and `go` was not found in PATH; \
             install it from https://go.dev/dl, or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl"
                .to_owned(),
        )
    };
    let answer = Command::new("go")
        .arg("version")
        .output()
        .map_err(|_| missing())?;
    if !answer.status.success() {
        return Err(missing());
    }
    let mut out = std::io::stderr();
    let _ = write!(
        out,
        "control plane: {}",
        String::from_utf8_lossy(&answer.stdout)
    );
    Ok(())
}

fn module() -> PathBuf {
    repository().join("tests/controlplane")
}

fn module_hash(module: &Path) -> Result<String, TestbedError> {
    cache::name_of(&["go.mod", "go.sum"].map(|name| module.join(name)), "")
}

fn elapsed(since: Instant) -> String {
    let seconds = since.elapsed().as_secs();
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_version_is_the_one_of_go_mod() {
        let text = std::fs::read_to_string(module().join("go.mod")).unwrap();

        assert!(
            text.contains(&format!("k8s.io/kubernetes v{KUBERNETES_VERSION}")),
            "{text}"
        );
    }
}
