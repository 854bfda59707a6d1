//! Errors that Azure is known to give a restore, by the name of their code: `restore: {error: UserErrorSkuNotAvailable}`.
//!
//! Names, and where each stands, are known (CONTRACT 8 and 10). Texts are Azure's where they were recorded or published.
//! Numbers from 400900 on are made up: nobody has published them.

use serde_json::{Value, json};

/// Where an error comes up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The request is refused with this HTTP status.
    Request(u16),
    /// The operation fails, and no job is made.
    Operation,
    /// The job fails with this number.
    Failed(i32),
    /// The job ends with warnings, with this number.
    Warned(i32),
}

/// One error.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub code: &'static str,
    pub place: Place,
    pub text: &'static str,
    /// What Azure recommends; empty if it recommends nothing.
    pub advice: &'static str,
}

const fn known(
    code: &'static str,
    place: Place,
    text: &'static str,
    advice: &'static str,
) -> Known {
    Known {
        code,
        place,
        text,
        advice,
    }
}

/// A storage account that does not exist: recorded (s09).
pub const NO_STORAGE_ACCOUNT: &str = "UserErrorBCMRestoreStorageAccountNotFound";
/// The VM whose disks are to be replaced does not exist.
pub const NO_MACHINE: &str = "BCMV2VMNotFound";
/// The point has no readable copy.
pub const NO_COPY: &str = "UserErrorInstantRpNotFound";
/// Single disks of an encrypted VM were asked for.
pub const ENCRYPTED_SELECTION: &str = "UserErrorEncryptedVmNotSupportedWithDiskEx";
/// Failures that Azure is known to have, by their text only: these names are made up.
pub const TARGET_EXISTS: &str = "UserErrorTargetVirtualMachineAlreadyExists";
pub const NO_NETWORK: &str = "UserErrorTargetNetworkOrSubnetNotFound";
pub const ACCOUNT_ELSEWHERE: &str = "UserErrorStorageAccountRegionMismatch";
pub const ACCOUNT_UNSUITED: &str = "UserErrorStorageAccountTypeNotSupported";
pub const NO_GROUP: &str = "UserErrorTargetResourceGroupNotFound";

use Place::{Failed, Operation, Request, Warned};

/// All of them.
pub const KNOWN: &[Known] = &[
    known(
        "BMSUserErrorObjectLocked",
        Request(409),
        "Another operation is in progress on the selected item.",
        "",
    ),
    known(
        "BMSUserErrorConflictingProtectionOperation",
        Request(409),
        "Another protection operation is in progress on the selected item.",
        "",
    ),
    known(
        "BMSUserErrorInvalidInput",
        Request(400),
        "Input provided for the call is invalid.",
        "",
    ),
    known(
        "CloudInvalidInputError",
        Request(400),
        "Invalid input error. Please retry after some time.",
        "",
    ),
    known(
        "UserErrorVmNotFoundDuringRestore",
        Operation,
        "The operation failed before a job was created.",
        "",
    ),
    known(
        "CloudInternalError",
        Failed(400_900),
        "Microsoft Azure Backup encountered an internal error.",
        "Wait for a few minutes and then try the operation again.",
    ),
    known(
        "RestoreOperationFailed",
        Failed(400_003),
        "Restore failed with an internal error.",
        "Retry the restore operation.",
    ),
    known(
        NO_STORAGE_ACCOUNT,
        Failed(400_048),
        "Storage Account specified for Restore operation doesn't exist.",
        "Make sure that the storage account specified in restore operation exists till restore operation is completed. If you have deleted the specified storage account, please use a different storage account and retry the operation. ",
    ),
    known(
        NO_MACHINE,
        Failed(400_094),
        "Virtual machine doesn't exist.",
        "Restore to another location.",
    ),
    known(
        "ResourceNotFound",
        Failed(320_001),
        "A resource that the restore needs was not found.",
        "Make sure that it exists until the restore has ended.",
    ),
    known(
        "AzureVmOffline",
        Failed(380_008),
        "Backup failed since virtual machine is not running.",
        "Start the virtual machine and try again.",
    ),
    known(
        NO_COPY,
        Failed(400_183),
        "The snapshot of this recovery point was deleted before it was copied to the vault.",
        "Choose another recovery point.",
    ),
    known(
        "UserErrorSkuNotAvailable",
        Failed(400_901),
        "The size of the virtual machine is not available in the target region.",
        "Restore the disks, and create a virtual machine of another size from them.",
    ),
    known(
        "UserErrorMarketPlaceVMNotSupported",
        Failed(400_902),
        "Creating a virtual machine from this marketplace image is not supported.",
        "Restore the disks, and create a virtual machine from them.",
    ),
    known(
        "UserErrorCoreCountSubscriptionQuotaReached",
        Failed(400_903),
        "The subscription's limit of cores has been reached.",
        "Raise the limit, or delete virtual machines that are not used.",
    ),
    known(
        "UserErrorRequestDisallowedByPolicy",
        Failed(400_904),
        "A policy of the subscription does not allow the request.",
        "Change the policy, or choose a target that it allows.",
    ),
    known(
        "UserErrorKeyVaultPermissionsNotConfigured",
        Failed(400_905),
        "Azure Backup lacks permissions to the key vault.",
        "Give the backup service access to the keys and secrets.",
    ),
    known(
        "DiskEncryptionInternalError",
        Failed(400_906),
        "Disk encryption failed with an internal error.",
        "Restore the keys and secrets, and try again.",
    ),
    known(
        "BCMProtGetSaSUriAsyncError",
        Failed(400_907),
        "The backup service could not get access to the disk.",
        "Make sure that the key vault exists, and try again.",
    ),
    known(
        ENCRYPTED_SELECTION,
        Failed(400_908),
        "Selecting disks is not supported for encrypted virtual machines.",
        "Restore all disks.",
    ),
    known(
        "UserErrorMigrationFromTrustedLaunchVMToNonTrustedVMNotAllowed",
        Failed(400_909),
        "A trusted launch virtual machine cannot become one without it.",
        "",
    ),
    known(
        "UserErrorBcmDatasourceNotPresent",
        Failed(400_910),
        "The virtual machine that was backed up is not there any more.",
        "Restore to another location.",
    ),
    known(
        "UserErrorRpCollectionLimitReached",
        Failed(400_911),
        "The limit of restore point collections has been reached.",
        "Delete restore point collections that are not used.",
    ),
    known(
        "UserErrorStorageAccountNotOnline",
        Failed(400_912),
        "The storage account isn't online.",
        "Wait, or choose another storage account.",
    ),
    known(
        ACCOUNT_ELSEWHERE,
        Failed(400_913),
        "The storage account is not in the region of the vault.",
        "Choose a storage account in the region of the vault.",
    ),
    known(
        ACCOUNT_UNSUITED,
        Failed(400_918),
        "The type of the storage account is not supported.",
        "Choose a general purpose storage account without zone redundancy.",
    ),
    known(
        TARGET_EXISTS,
        Failed(400_914),
        "A virtual machine with the target name exists already.",
        "Choose another name.",
    ),
    known(
        NO_NETWORK,
        Failed(400_915),
        "The virtual network or the subnet does not exist.",
        "Choose an existing virtual network and subnet.",
    ),
    known(
        NO_GROUP,
        Failed(400_916),
        "The target resource group does not exist.",
        "Create the resource group, or choose another one.",
    ),
    known(
        "UserErrorDiskTagsNotRestored",
        Warned(400_225),
        "The disks were restored, but some of their tags could not be written.",
        "Add the tags to the restored disks by hand.",
    ),
    known(
        "OlrBackupFailed",
        Warned(400_917),
        "Failed to take snapshot of the VM.",
        "Make sure that the virtual machine can be backed up, and replace the disks again.",
    ),
];

/// The error of this code, in any letter case.
pub fn find(code: &str) -> Option<&'static Known> {
    KNOWN
        .iter()
        .find(|known| known.code.eq_ignore_ascii_case(code))
}

/// All of them, for `/_emulator/errors`.
pub fn shown() -> Vec<Value> {
    let shown = |known: &Known| {
        let mut shown = match known.place {
            Request(status) => json!({"place": "request", "status": status}),
            Operation => json!({"place": "operation"}),
            Failed(number) => json!({"place": "failed", "number": number}),
            Warned(number) => json!({"place": "warned", "number": number}),
        };
        shown["code"] = known.code.into();
        shown["text"] = known.text.into();
        shown
    };
    KNOWN.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once() {
        let mut codes: Vec<String> = KNOWN.iter().map(|one| one.code.to_lowercase()).collect();
        codes.sort();
        codes.dedup();

        assert_eq!(codes.len(), KNOWN.len());
    }
}
