//! A crate that holds nothing but `src/restore`: small enough that a changed line is compiled and tested in seconds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::TestbedError;

/// The crates that `src/restore` and its tests use; the versions are those of the repository.
const CRATES: [&str; 5] = ["jiff", "serde_json", "thiserror", "tracing", "uuid"];
const CRATES_OF_TESTS: [&str; 2] = ["fastrand", "proptest"];

/// Most of the time goes into simulated schedules, which are four times as fast at the first level of optimisation.
const PROFILE: &str = "[profile.dev]
opt-level = 1
debug = false

[profile.dev.package.sha1_smol]
opt-level = 3

[profile.dev.package.uuid]
opt-level = 3

[profile.release]
debug-assertions = true
overflow-checks = true
";

/// A copy of `src/restore` in a crate of its own, below `target`.
pub struct MiniCrate {
    folder: PathBuf,
}

impl MiniCrate {
    /// Makes the crate `target/<name>` anew. What was compiled there before stays, so that only the first time takes long.
    ///
    /// # Errors
    /// When files cannot be copied, or a crate is not in the repository's `Cargo.toml`.
    pub fn make(name: &str) -> Result<Self, TestbedError> {
        let repository = crate::repository();
        let folder = repository.join("target").join(name);
        let io = |path: &Path| TestbedError::io(format!("make {}", path.display()));
        for old in ["src", ".cargo"] {
            let old = folder.join(old);
            if old.exists() {
                fs::remove_dir_all(&old).map_err(io(&old))?;
            }
        }
        copy_folder(&repository.join("src/restore"), &folder.join("src/restore"))?;
        for file in ["Cargo.lock", "rust-toolchain.toml", ".cargo/mutants.toml"] {
            let (from, to) = (repository.join(file), folder.join(file));
            let parent = to.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).map_err(io(parent))?;
            fs::copy(&from, &to).map_err(io(&to))?;
        }
        let manifest = repository.join("Cargo.toml");
        let whole = fs::read_to_string(&manifest).map_err(io(&manifest))?;
        for (file, text) in [
            ("Cargo.toml", manifest_of_the_core(&whole)?),
            ("src/lib.rs", "pub mod restore;\n".to_owned()),
        ] {
            let path = folder.join(file);
            fs::write(&path, text).map_err(io(&path))?;
        }
        Ok(Self { folder })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `cargo`, run in this crate.
    pub fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .current_dir(&self.folder)
            .env_remove("CARGO_TARGET_DIR");
        command
    }

    /// Compiles the tests; returns the program, or what the compiler says.
    ///
    /// # Errors
    /// When cargo cannot be run.
    pub fn build_tests(&self) -> Result<Result<PathBuf, String>, TestbedError> {
        let output = self
            .cargo()
            .args(["test", "--lib", "--no-run", "--message-format=json"])
            .output()
            .map_err(TestbedError::io("run cargo"))?;
        if !output.status.success() {
            return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let program = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
            .next_back();
        program
            .map(Ok)
            .ok_or_else(|| TestbedError::Unreadable("cargo named no test program".to_owned()))
    }
}

/// The manifest: the few crates that are needed, as the repository's own manifest has them.
fn manifest_of_the_core(repository: &str) -> Result<String, TestbedError> {
    let line_of = |name: &&str| {
        let start = format!("{name} = ");
        let mut lines = repository.lines();
        let line =
            lines.find(|line| line.starts_with(&start) && !line.contains("workspace = true"));
        line.map(str::to_owned).ok_or_else(|| {
            TestbedError::Unreadable(format!("Cargo.toml names no version of {name}"))
        })
    };
    let all = |names: &[&str]| -> Result<String, TestbedError> {
        let lines: Result<Vec<String>, _> = names.iter().map(line_of).collect();
        Ok(lines?.join("\n"))
    };
    let edition = repository
        .lines()
        .find(|line| line.starts_with("edition = "))
        .unwrap_or_default();
    Ok(format!(
        "# Made by `testbed`: see docs/testing.md, \"Deliberate mutations\".
[package]
name = \"vmrestore\"
version = \"0.0.0\"
{edition}

[workspace]

[dependencies]
{}

[dev-dependencies]
{}

{PROFILE}",
        all(&CRATES)?,
        all(&CRATES_OF_TESTS)?
    ))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), TestbedError> {
    let io = |path: &Path| TestbedError::io(format!("copy {}", path.display()));
    fs::create_dir_all(to).map_err(io(to))?;
    for entry in fs::read_dir(from).map_err(io(from))? {
        let entry = entry.map_err(io(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(io(&source))?;
        }
    }
    Ok(())
}
