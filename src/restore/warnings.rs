//! What a job that ended with warnings has done, and what it has not, by recovery type.
//!
//! Azure's status alone does not say: an `OriginalLocation` may have replaced no disk, an `AlternateLocation` may have made
//! disks and no VM (CONTRACT 8). The steps of the job do.

use super::entries::describe;
use super::facts::{ErrorText, JobDetail};
use super::record::{End, Intent, Record};
use super::request::Target;

/// Steps of a job, by the words that their names begin with.
const TRANSFER: &str = "Transfer data";
const CREATE: &str = "Create the restored virtual machine";
const UPDATE: &str = "Update the virtual machine";

/// The errors under which Azure says that no disk was replaced (CONTRACT 10).
const NOT_REPLACED: [&str; 2] = ["OlrBackupFailed", "UserErrorBcmDatasourceNotPresent"];

/// Puts what was done and what was not into the message of a run that has partially succeeded.
pub fn explain(record: &mut Record, intent: &Intent) {
    let Some(job) = record
        .job
        .as_ref()
        .filter(|_| record.end == Some(End::PartiallySucceeded))
    else {
        return;
    };
    let said = job.errors.first().map_or_else(String::new, |error| {
        let error = ErrorText {
            code: error.title.clone(),
            message: format!("{} {}", error.message, error.recommendations.join(" "))
                .trim()
                .to_owned(),
        };
        format!(" Azure says: {}", describe(&error))
    });
    record.note.message = format!(
        "job {} completed with warnings, so not everything was restored. {}{said}",
        job.summary.id,
        done_and_not(job, intent)
    );
}

fn done_and_not(job: &JobDetail, intent: &Intent) -> String {
    let tag = format!("tag RSVaultBackup={}", job.summary.id);
    if job.tasks.is_empty() {
        return format!("Azure does not say which steps were done: look for disks with the {tag}.");
    }
    let disks = if is_done(job, TRANSFER) {
        "Done: the data was transferred"
    } else {
        "Not done: the transfer of the data did not complete"
    };
    match &intent.target {
        Target::Disks { resource_group, .. } => {
            let place = resource_group.as_ref().map_or_else(
                || "as files in the storage account".to_owned(),
                |group| format!("as disks in resource group {} ({tag})", group.name()),
            );
            let names = restored_names(job);
            format!("{disks}; what came back lies {place}{names}. Not done: what the errors name.")
        }
        Target::AlternateLocation {
            virtual_machine, ..
        } if is_done(job, CREATE) => format!(
            "{disks}, and virtual machine {} was created. Not done: what the errors name.",
            virtual_machine.name()
        ),
        Target::AlternateLocation {
            virtual_machine,
            resource_group,
            ..
        } => format!(
            "{disks}; disks lie in resource group {} ({tag}). Not done: virtual machine {} was not created; make it from the disks.",
            resource_group.name(),
            virtual_machine.name()
        ),
        Target::OriginalLocation { .. }
            if is_done(job, UPDATE) && !NOT_REPLACED.iter().any(|code| says(job, code)) =>
        {
            format!(
                "{disks}, and the disks of virtual machine {} were replaced. Not done: what the errors name.",
                intent.vm.name()
            )
        }
        Target::OriginalLocation { .. } => format!(
            "{disks}; new disks may lie beside the machine ({tag}). Not done: the disks of virtual machine {} were not replaced, it still has those of before.",
            intent.vm.name()
        ),
    }
}

fn is_done(job: &JobDetail, step: &str) -> bool {
    let name = step.to_lowercase();
    job.tasks.iter().any(|task| {
        task.name.to_lowercase().starts_with(&name) && task.status.eq_ignore_ascii_case("Completed")
    })
}

fn says(job: &JobDetail, code: &str) -> bool {
    job.errors
        .iter()
        .any(|error| error.title.eq_ignore_ascii_case(code))
}

/// The source disks that Azure names as restored: it does so where single disks were asked for.
fn restored_names(job: &JobDetail) -> String {
    let named = |key: &str| {
        job.properties
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value.as_str())
    };
    match (named("Restored disk(s)"), named("Backed-up disk(s)")) {
        (Some(restored), Some(all)) => format!(": {restored}, of {all}"),
        (Some(restored), None) => format!(": {restored}"),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
#[path = "warnings_tests.rs"]
mod tests;
