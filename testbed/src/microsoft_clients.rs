//! Microsoft's own clients against the emulator: the Python SDK, and the command line `az`.
//!
//! Their packages are those of `tests/microsoft/*-requirements.txt`, by version and hash. They are installed once per
//! machine and version, into a virtual environment in the user's cache, from the index that the user's own pip is configured
//! for. What is checked stands in `tests/microsoft/*.py`.

use crate::cache::{self, set_variable};
use crate::{Emulator, EmulatorOptions, Supervisor, TestbedError, repository};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The oldest Python that the pinned packages run on.
const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// How many seconds of the second emulator pass in one: enough for it to speak of milliseconds.
const FAST_CLOCK: u32 = 60;

/// Longest time that a check may take: half a minute for the SDK and two minutes for `az` on an idle machine.
const CHECKED_WITHIN: Duration = Duration::from_secs(600);

/// A client of Microsoft's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Client {
    /// The packages `azure-mgmt-recoveryservices`, `azure-mgmt-recoveryservicesbackup` and `azure-identity`.
    PythonSdk,
    /// The package `azure-cli`.
    CommandLine,
}

impl Client {
    /// How its files begin, and its folder in the cache.
    fn name(self) -> &'static str {
        match self {
            Self::PythonSdk => "sdk",
            Self::CommandLine => "az",
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::PythonSdk => "Microsoft's Python SDK (60 MB)",
            Self::CommandLine => "Microsoft's command line (730 MB)",
        }
    }

    fn requirements(self) -> PathBuf {
        folder().join(format!("{}-requirements.txt", self.name()))
    }

    /// The Python of a virtual environment with this client in it.
    ///
    /// `PYTHON` names the interpreter that it is made with; default `python3`. Makes the environment if it is not there, and
    /// says so on standard error.
    ///
    /// # Errors
    /// If Python is missing or too old, or a package cannot be installed; pip's own output has been shown by then.
    pub fn python(self) -> Result<PathBuf, TestbedError> {
        let base = set_variable("PYTHON").unwrap_or_else(|| PathBuf::from("python3"));
        let version = version_of(&base)?;
        let name = cache::name_of(&[self.requirements()], &version)?;
        let place = cache::folder("microsoft")?.join(format!("{}-{name}", self.name()));
        let python = "bin/python";
        if !place.join(python).is_file() {
            eprintln!(
                "installing {}, once per machine and version",
                self.describe()
            );
            cache::make_once(&place, python, |unfinished| self.install(&base, unfinished))?;
            eprintln!("installed in {}", place.display());
        }
        Ok(place.join(python))
    }

    fn install(self, base: &Path, place: &Path) -> Result<(), TestbedError> {
        let mut venv = Command::new(base);
        venv.args(["-m", "venv"]).arg(place);
        shown(&mut venv, "make a virtual environment")?;
        let mut pip = Command::new(place.join("bin/python"));
        // Hashes bind what is downloaded; wheels alone, because building one would run unpinned build tools.
        pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--require-hashes", "--only-binary", ":all:", "-r"])
            .arg(self.requirements());
        shown(&mut pip, "install Microsoft's packages")
    }

    /// Runs the check against fresh emulators; its table goes to standard output. Returns whether all facts hold.
    ///
    /// # Errors
    /// If an emulator or Python does not start, or the check does not end.
    pub async fn check(self, python: &Path) -> Result<bool, TestbedError> {
        let supervisor = Supervisor::start()?;
        let real = Emulator::start_under(&supervisor, EmulatorOptions::default()).await?;
        let fast = EmulatorOptions {
            time_scale: Some(FAST_CLOCK),
            ..EmulatorOptions::default()
        };
        let fast = Emulator::start_under(&supervisor, fast).await?;
        let mut lines = String::new();
        for emulator in [&real, &fast] {
            let line = serde_json::to_string(emulator.ready())
                .map_err(|error| TestbedError::Unreadable(error.to_string()))?;
            lines.push_str(&line);
            lines.push('\n');
        }
        let python = python.to_owned();
        let script = folder().join(format!("{}_check.py", self.name()));
        let checked = tokio::task::spawn_blocking(move || check(&python, &script, &lines)).await;
        checked.map_err(|error| TestbedError::Unreadable(error.to_string()))?
    }
}

fn check(python: &Path, script: &Path, ready_lines: &str) -> Result<bool, TestbedError> {
    let mut check = Command::new(python)
        .arg("-B")
        .arg(script)
        // A proxy of the machine has nothing to do with loopback.
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .stdin(Stdio::piped())
        .spawn()
        .map_err(TestbedError::io(format!("start {}", python.display())))?;
    if let Some(mut input) = check.stdin.take() {
        input
            .write_all(ready_lines.as_bytes())
            .map_err(TestbedError::io("tell the check where the emulators are"))?;
    }
    let start = Instant::now();
    loop {
        let ended = check
            .try_wait()
            .map_err(TestbedError::io("wait for the check"))?;
        if let Some(status) = ended {
            return Ok(status.success());
        }
        if start.elapsed() > CHECKED_WITHIN {
            let _ = check.kill();
            let _ = check.wait();
            return Err(TestbedError::TimedOut {
                what: "the check to end".to_owned(),
                seconds: CHECKED_WITHIN.as_secs(),
                log: String::new(),
            });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command whose output is for people.
fn shown(command: &mut Command, what: &str) -> Result<(), TestbedError> {
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .map_err(TestbedError::io(what.to_owned()))?;
    if status.success() {
        return Ok(());
    }
    Err(TestbedError::Tool(format!(
        "cannot {what} ({status}); see the lines above"
    )))
}

/// What the interpreter says of its version, if it is new enough and has what a virtual environment needs.
fn version_of(python: &Path) -> Result<String, TestbedError> {
    let (major, minor) = OLDEST_PYTHON;
    let missing = |why: String| {
        TestbedError::Tool(format!(
            "Python {major}.{minor} or newer with venv and pip is needed, and {} {why}; \
             install it, or name another one in the variable PYTHON",
            python.display()
        ))
    };
    let ask = "import ensurepip, sys, venv; print(sys.version.replace('\\n', ' '), sys.platform)";
    let answer = Command::new(python)
        .args(["-c", ask])
        .stdin(Stdio::null())
        .output()
        .map_err(|_| missing("was not found".to_owned()))?;
    if !answer.status.success() {
        return Err(missing("lacks venv or ensurepip".to_owned()));
    }
    let version = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    if is_new_enough(&version) {
        Ok(version)
    } else {
        Err(missing(format!("is {version}")))
    }
}

/// Whether a version like `3.11.7 (main, …)` is one that the packages run on.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version
        .split(['.', ' '])
        .map_while(|part| part.parse::<u32>().ok());
    let found = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    found >= OLDEST_PYTHON
}

fn folder() -> PathBuf {
    repository().join("tests/microsoft")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_new_enough("3.11.7 (main, Jan 1 2026)"));
        assert!(is_new_enough("3.10.0 [GCC]"));
        assert!(!is_new_enough("3.9.18 (main)"));
        assert!(!is_new_enough(""));
    }

    #[test]
    fn every_package_is_pinned_with_hashes() {
        for client in [Client::PythonSdk, Client::CommandLine] {
            let text = std::fs::read_to_string(client.requirements()).unwrap();

            let entries = text.replace("\\\n", " ");
            let packages: Vec<&str> = entries
                .lines()
                .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
                .collect();

            assert!(packages.len() > 10, "{packages:?}");
            for package in packages {
                assert!(package.contains("=="), "{package}");
                assert!(package.contains("--hash=sha256:"), "{package}");
            }
            assert!(!text.contains("://"), "an index is the user's own affair");
        }
    }

    #[test]
    fn a_python_that_is_not_there_is_named() {
        let error = version_of(Path::new("/nowhere/python3")).unwrap_err();

        assert!(error.to_string().contains("/nowhere/python3 was not found"));
    }
}
