//! Plays the protocol in many made-up worlds, and explores small ones completely, optimised: in the crate that holds nothing but
//! `src/restore`, which is compiled in half a minute.

use crate::TestbedError;
use crate::mutations::MiniCrate;

/// What is run.
#[derive(Debug, Clone)]
pub enum Model {
    /// So many schedules of the simulation, from this seed on.
    Schedules { count: u64, first: u64 },
    /// The bounded worlds whose name contains this text, the large ones too.
    Worlds { only: String },
}

/// Runs it, with the output of the tests. Returns whether nothing broke.
///
/// # Errors
/// When the crate cannot be made or cargo cannot be run.
pub fn run(model: &Model) -> Result<bool, TestbedError> {
    let mini = MiniCrate::make("model")?;
    let mut cargo = mini.cargo();
    cargo.args(["test", "--release", "--lib"]);
    match model {
        Model::Schedules { count, first } => {
            cargo
                .arg("no_schedule_breaks_the_protocol")
                .env("VMRESTORE_SCHEDULES", count.to_string())
                .env("VMRESTORE_FIRST_SEED", first.to_string());
        }
        Model::Worlds { only } => {
            cargo
                .arg("no_order_of_events_breaks_the_protocol")
                .env("VMRESTORE_EXPLORE", "all")
                .env("VMRESTORE_WORLD", only);
        }
    }
    let status = cargo
        .args(["--", "--nocapture"])
        .status()
        .map_err(TestbedError::io("run cargo"))?;
    Ok(status.success())
}
