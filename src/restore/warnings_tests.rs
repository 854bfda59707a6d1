use super::super::facts::{JobError, JobStatus, JobTask};
use super::super::fixtures::*;
use super::super::following::job_read;
use super::super::ids::ArmId;
use super::super::record::AttemptState;
use super::*;

const GROUP: &str = "/subscriptions/s/resourceGroups/restores";

fn account() -> ArmId {
    ArmId::new("/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a")
}

fn disks() -> Target {
    Target::Disks {
        storage_account: account(),
        resource_group: Some(ArmId::new(GROUP)),
    }
}

fn alternate() -> Target {
    Target::AlternateLocation {
        storage_account: account(),
        resource_group: ArmId::new(GROUP),
        virtual_machine: ArmId::new(
            "/subscriptions/s/resourceGroups/restores/providers/Microsoft.Compute/virtualMachines/copy",
        ),
        virtual_network: ArmId::new(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n",
        ),
        subnet: ArmId::new(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n/subnets/d",
        ),
    }
}

fn original() -> Target {
    Target::OriginalLocation {
        storage_account: account(),
    }
}

/// The message of a run whose job ended with warnings, with these steps and this error.
fn message(target: Target, steps: &[(&str, &str)], code: &str) -> String {
    let mut run = claimed(vec![with_job(accepted(1, AttemptState::Running), "j")]);
    run.intent.target = target;
    let mut read = JobDetail::from_list(job(1, "j", JobStatus::CompletedWithWarnings, 0).job, None);
    read.tasks = steps
        .iter()
        .map(|(name, status)| JobTask {
            name: (*name).to_owned(),
            status: (*status).to_owned(),
            progress_percent: None,
            details: String::new(),
        })
        .collect();
    read.errors = vec![JobError {
        code: "1".to_owned(),
        title: code.to_owned(),
        message: "why".to_owned(),
        recommendations: vec!["Do this.".to_owned()],
    }];
    read.properties.insert(
        "Restored disk(s)".to_owned(),
        "vm_OsDisk_1; vm_DataDisk_0".to_owned(),
    );
    read.properties.insert(
        "Backed-up disk(s)".to_owned(),
        "vm_OsDisk_1; vm_DataDisk_0; vm_DataDisk_1".to_owned(),
    );
    job_read(&mut run.record, read, at(5));
    explain(&mut run.record, &run.intent);
    assert_eq!(run.record.end, Some(End::PartiallySucceeded));
    run.record.note.message
}

const MOVED: (&str, &str) = ("Transfer data from vault", "Completed");

#[test]
fn disks_are_told_by_their_place_tag_and_names() {
    let said = message(disks(), &[MOVED], "UserErrorX");

    assert!(
        said.starts_with("job j completed with warnings, so not everything was restored. Done:"),
        "{said}"
    );
    for word in [
        "resource group restores",
        "RSVaultBackup=j",
        "vm_OsDisk_1; vm_DataDisk_0, of vm_OsDisk_1; vm_DataDisk_0; vm_DataDisk_1",
        "Not done: what the errors name.",
        "Azure says: UserErrorX: why Do this.",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn a_machine_that_was_not_made_is_said_to_be_missing() {
    let made = message(
        alternate(),
        &[MOVED, ("Create the restored virtual machine", "Completed")],
        "UserErrorX",
    );
    let missing = message(
        alternate(),
        &[MOVED, ("Create the restored virtual machine", "Failed")],
        "UserErrorSkuNotAvailable",
    );

    assert!(made.contains("virtual machine copy was created"), "{made}");
    assert!(
        missing.contains("Not done: virtual machine copy was not created"),
        "{missing}"
    );
    assert!(
        missing.contains("disks lie in resource group restores (tag RSVaultBackup=j)"),
        "{missing}"
    );
}

#[test]
fn disks_that_were_not_replaced_are_said_to_be_the_old_ones() {
    let updated = ("Update the virtual machine", "Completed");
    let replaced = message(original(), &[MOVED, updated], "UserErrorX");
    let not = message(
        original(),
        &[MOVED, ("Update the virtual machine", "NotStarted")],
        "UserErrorX",
    );
    // The error outweighs the steps: Azure's issue tracker has such a job with every step completed.
    let by_error = message(original(), &[MOVED, updated], "OlrBackupFailed");
    let gone = message(
        original(),
        &[MOVED, updated],
        "UserErrorBcmDatasourceNotPresent",
    );

    assert!(
        replaced.contains("were replaced. Not done: what"),
        "{replaced}"
    );
    for said in [not, by_error, gone] {
        assert!(said.contains("were not replaced"), "{said}");
    }
}

#[test]
fn without_steps_nothing_is_claimed() {
    let said = message(alternate(), &[], "UserErrorX");

    assert!(
        said.contains("does not say which steps were done"),
        "{said}"
    );
    assert!(!said.contains("Done:"), "{said}");
}

#[test]
fn other_ends_keep_their_message() {
    let mut run = claimed(vec![with_job(accepted(1, AttemptState::Running), "j")]);
    let completed = JobDetail::from_list(job(1, "j", JobStatus::Completed, 0).job, None);
    job_read(&mut run.record, completed, at(5));
    let before = run.record.note.clone();

    explain(&mut run.record, &run.intent);

    assert_eq!(run.record.note, before);
}
