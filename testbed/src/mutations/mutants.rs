//! cargo-mutants on the crate that holds nothing but `src/restore`.

use std::process::Stdio;

use super::MiniCrate;
use crate::TestbedError;

/// Schedules for each mutant: what the tables miss, a few hundred of them notice.
const SCHEDULES: u32 = 300;

/// Runs cargo-mutants, with `extra` at the end of its command line. Returns whether it found nothing that is unexplained.
///
/// # Errors
/// When cargo-mutants is not installed, or the crate cannot be made.
pub fn run(extra: &[String]) -> Result<bool, TestbedError> {
    let mini = MiniCrate::make("mutants")?;
    let version = mini
        .cargo()
        .args(["mutants", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !version.is_ok_and(|status| status.success()) {
        return Err(TestbedError::Tool(
            "cargo-mutants is not installed; install it with `cargo install cargo-mutants --locked`"
                .to_owned(),
        ));
    }
    let status = mini
        .cargo()
        // The crate is a copy already; another one would be compiled from the beginning.
        .args(["mutants", "--in-place", "--colors", "never"])
        .args(extra)
        .args(["--", "--lib"])
        .env("VMRESTORE_SCHEDULES", SCHEDULES.to_string())
        .status()
        .map_err(TestbedError::io("run cargo mutants"))?;
    println!(
        "lists of what came of it: {}",
        mini.folder().join("mutants.out").display()
    );
    Ok(status.success())
}
