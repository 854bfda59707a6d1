//! The operations that the emulator knows: their names in `requests` and `faults`, their addresses, who may call them.

use axum::http::Method;

/// One operation of Azure (or of the token service).
#[expect(clippy::enum_variant_names, reason = "Azure's own names")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    GetOpenIdConfiguration,
    GetToken,
    GetMetadataEndpoints,
    ListSubscriptions,
    GetSubscription,
    GetResourceGroup,
    ListVaults,
    GetVault,
    ListProtectedItems,
    GetProtectedItem,
    ListProtectionContainers,
    ListRecoveryPoints,
    GetRecoveryPoint,
    TriggerRestore,
    GetItemOperationStatus,
    GetItemOperationResult,
    GetVaultOperationStatus,
    GetVaultOperationResult,
    ListJobs,
    GetJob,
    CancelJob,
    GetJobOperationStatus,
    GetJobOperationResult,
    ValidateOperation,
    TriggerValidateOperation,
    GetValidateOperationStatus,
    GetValidateOperationResult,
    ListResourceGuardProxies,
    GetEncryptionConfig,
    GetStorageConfig,
    GetStorageAccount,
    GetClassicStorageAccount,
    GetVirtualNetwork,
    ListDisks,
    GetDisk,
    GetVirtualMachine,
    GetNetworkInterface,
    CrossRegionRestore,
    Unknown,
}

/// The kinds of reads that Azure Backup counts apart.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Budget {
    Jobs,
    Operations,
    RecoveryPoints,
    ProtectedItems,
    Other,
}

/// What is known about an operation.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub name: &'static str,
    pub method: &'static str,
    pub template: &'static str,
    /// What a role must allow; empty if nobody is asked.
    pub action: &'static str,
    pub budget: Budget,
}

macro_rules! facts {
    ($self:expr; $($variant:ident $method:literal $template:literal $action:literal $budget:ident,)*) => {
        match $self {
            $(Operation::$variant => Facts {
                name: stringify!($variant),
                method: $method,
                template: $template,
                action: $action,
                budget: Budget::$budget,
            },)*
        }
    };
}

impl Operation {
    /// Every operation.
    pub const ALL: &[Operation] = &[
        Operation::GetOpenIdConfiguration,
        Operation::GetToken,
        Operation::GetMetadataEndpoints,
        Operation::ListSubscriptions,
        Operation::GetSubscription,
        Operation::GetResourceGroup,
        Operation::ListVaults,
        Operation::GetVault,
        Operation::ListProtectedItems,
        Operation::GetProtectedItem,
        Operation::ListProtectionContainers,
        Operation::ListRecoveryPoints,
        Operation::GetRecoveryPoint,
        Operation::TriggerRestore,
        Operation::GetItemOperationStatus,
        Operation::GetItemOperationResult,
        Operation::GetVaultOperationStatus,
        Operation::GetVaultOperationResult,
        Operation::ListJobs,
        Operation::GetJob,
        Operation::CancelJob,
        Operation::GetJobOperationStatus,
        Operation::GetJobOperationResult,
        Operation::ValidateOperation,
        Operation::TriggerValidateOperation,
        Operation::GetValidateOperationStatus,
        Operation::GetValidateOperationResult,
        Operation::ListResourceGuardProxies,
        Operation::GetEncryptionConfig,
        Operation::GetStorageConfig,
        Operation::GetStorageAccount,
        Operation::GetClassicStorageAccount,
        Operation::GetVirtualNetwork,
        Operation::ListDisks,
        Operation::GetDisk,
        Operation::GetVirtualMachine,
        Operation::GetNetworkInterface,
        Operation::CrossRegionRestore,
        Operation::Unknown,
    ];

    /// Name, address and action. `{V}` is a vault, `{PI}` a protected item, `{S}` a subscription, `{G}` a resource group.
    pub fn facts(self) -> Facts {
        facts! { self;
            GetOpenIdConfiguration "GET" "/{tenant}/v2.0/.well-known/openid-configuration" "" Other,
            GetToken "POST" "/{tenant}/oauth2/v2.0/token" "" Other,
            GetMetadataEndpoints "GET" "/metadata/endpoints" "" Other,
            ListSubscriptions "GET" "/subscriptions" "" Other,
            GetSubscription "GET" "{S}" "Microsoft.Resources/subscriptions/read" Other,
            GetResourceGroup "GET" "{G}" "Microsoft.Resources/subscriptions/resourceGroups/read" Other,
            ListVaults "GET" "{S}/providers/Microsoft.RecoveryServices/vaults" "Microsoft.RecoveryServices/vaults/read" Other,
            GetVault "GET" "{V}" "Microsoft.RecoveryServices/vaults/read" Other,
            ListProtectedItems "GET" "{V}/backupProtectedItems" "Microsoft.RecoveryServices/vaults/backupProtectedItems/read" ProtectedItems,
            GetProtectedItem "GET" "{PI}" "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/read" ProtectedItems,
            ListProtectionContainers "GET" "{V}/backupProtectionContainers" "Microsoft.RecoveryServices/vaults/backupProtectionContainers/read" Other,
            ListRecoveryPoints "GET" "{PI}/recoveryPoints" "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/read" RecoveryPoints,
            GetRecoveryPoint "GET" "{PI}/recoveryPoints/{point}" "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/read" RecoveryPoints,
            TriggerRestore "POST" "{PI}/recoveryPoints/{point}/restore" "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action" Other,
            GetItemOperationStatus "GET" "{PI}/operationsStatus/{operation}" "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/operationsStatus/read" Operations,
            GetItemOperationResult "GET" "{PI}/operationResults/{operation}" "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/operationResults/read" Operations,
            GetVaultOperationStatus "GET" "{V}/backupOperations/{operation}" "Microsoft.RecoveryServices/vaults/backupOperations/read" Operations,
            GetVaultOperationResult "GET" "{V}/backupOperationResults/{operation}" "Microsoft.RecoveryServices/vaults/backupOperationResults/read" Operations,
            ListJobs "GET" "{V}/backupJobs" "Microsoft.RecoveryServices/vaults/backupJobs/read" Jobs,
            GetJob "GET" "{V}/backupJobs/{job}" "Microsoft.RecoveryServices/vaults/backupJobs/read" Jobs,
            CancelJob "POST" "{V}/backupJobs/{job}/cancel" "Microsoft.RecoveryServices/vaults/backupJobs/cancel/action" Other,
            GetJobOperationStatus "GET" "{V}/backupJobs/{job}/operationsStatus/{operation}" "Microsoft.RecoveryServices/vaults/backupJobs/operationsStatus/read" Operations,
            GetJobOperationResult "GET" "{V}/backupJobs/{job}/operationResults/{operation}" "Microsoft.RecoveryServices/vaults/backupJobs/operationResults/read" Operations,
            ValidateOperation "POST" "{V}/backupValidateOperation" "Microsoft.RecoveryServices/vaults/backupValidateOperation/action" Other,
            TriggerValidateOperation "POST" "{V}/backupTriggerValidateOperation" "Microsoft.RecoveryServices/vaults/backupTriggerValidateOperation/action" Other,
            GetValidateOperationStatus "GET" "{V}/backupValidateOperationsStatuses/{operation}" "Microsoft.RecoveryServices/vaults/backupValidateOperationsStatuses/read" Operations,
            GetValidateOperationResult "GET" "{V}/backupValidateOperationResults/{operation}" "Microsoft.RecoveryServices/vaults/backupValidateOperationResults/read" Operations,
            ListResourceGuardProxies "GET" "{V}/backupResourceGuardProxies" "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/read" Other,
            GetEncryptionConfig "GET" "{V}/backupEncryptionConfigs/backupResourceEncryptionConfig" "Microsoft.RecoveryServices/vaults/backupEncryptionConfigs/read" Other,
            GetStorageConfig "GET" "{V}/backupstorageconfig/vaultstorageconfig" "Microsoft.RecoveryServices/vaults/backupstorageconfig/read" Other,
            GetStorageAccount "GET" "{G}/providers/Microsoft.Storage/storageAccounts/{account}" "Microsoft.Storage/storageAccounts/read" Other,
            GetClassicStorageAccount "GET" "{G}/providers/Microsoft.ClassicStorage/storageAccounts/{account}" "Microsoft.ClassicStorage/storageAccounts/read" Other,
            GetVirtualNetwork "GET" "{G}/providers/Microsoft.Network/virtualNetworks/{network}" "Microsoft.Network/virtualNetworks/read" Other,
            ListDisks "GET" "{S} or {G}/providers/Microsoft.Compute/disks" "Microsoft.Compute/disks/read" Other,
            GetDisk "GET" "{G}/providers/Microsoft.Compute/disks/{disk}" "Microsoft.Compute/disks/read" Other,
            GetVirtualMachine "GET" "{G}/providers/Microsoft.Compute/virtualMachines/{machine}" "Microsoft.Compute/virtualMachines/read" Other,
            GetNetworkInterface "GET" "{G}/providers/Microsoft.Network/networkInterfaces/{interface}" "Microsoft.Network/networkInterfaces/read" Other,
            CrossRegionRestore "ANY" "{S}/providers/Microsoft.RecoveryServices/locations/…" "Microsoft.RecoveryServices/locations/read" Other,
            Unknown "ANY" "*" "Microsoft.Resources/read" Other,
        }
    }

    pub fn name(self) -> &'static str {
        self.facts().name
    }
}

/// A request's operation and the names in its path, as the client wrote them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub tenant: String,
    pub subscription: String,
    pub group: String,
    pub vault: String,
    pub container: String,
    pub item: String,
    /// Recovery point, job, storage account, network, disk or VM.
    pub name: String,
    pub operation: String,
}

/// Finds the operation of a request. Fixed parts of the path are compared without regard to case.
pub fn of(method: &Method, segments: &[String]) -> (Operation, Names) {
    let lower: Vec<String> = segments
        .iter()
        .map(|segment| segment.to_lowercase())
        .collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let at = |index: usize| segments.get(index).cloned().unwrap_or_default();
    let mut names = Names::default();
    if lower.first() == Some(&"subscriptions") {
        names.subscription = at(1);
    } else {
        names.tenant = at(0);
    }
    let get = *method == Method::GET;
    let post = *method == Method::POST;
    use Operation as O;
    let operation = match lower.as_slice() {
        [_, "v2.0", ".well-known", "openid-configuration"] if get => O::GetOpenIdConfiguration,
        [_, "oauth2", "v2.0", "token"] if post => O::GetToken,
        ["metadata", "endpoints"] if get => O::GetMetadataEndpoints,
        ["subscriptions"] if get => O::ListSubscriptions,
        ["subscriptions", _] if get => O::GetSubscription,
        [
            "subscriptions",
            _,
            "providers",
            "microsoft.recoveryservices",
            "vaults",
        ] if get => O::ListVaults,
        [
            "subscriptions",
            _,
            "providers",
            "microsoft.recoveryservices",
            "locations",
            ..,
        ] => O::CrossRegionRestore,
        [
            "subscriptions",
            _,
            "providers",
            "microsoft.compute",
            "disks",
        ] if get => O::ListDisks,
        ["subscriptions", _, "resourcegroups", _, rest @ ..] => {
            names.group = at(3);
            match rest {
                [] if get => O::GetResourceGroup,
                ["providers", "microsoft.compute", "disks"] if get => O::ListDisks,
                ["providers", provider, kind, _]
                    if get && *provider != "microsoft.recoveryservices" =>
                {
                    names.name = at(7);
                    match (*provider, *kind) {
                        ("microsoft.storage", "storageaccounts") => O::GetStorageAccount,
                        ("microsoft.classicstorage", "storageaccounts") => {
                            O::GetClassicStorageAccount
                        }
                        ("microsoft.network", "virtualnetworks") => O::GetVirtualNetwork,
                        ("microsoft.network", "networkinterfaces") => O::GetNetworkInterface,
                        ("microsoft.compute", "disks") => O::GetDisk,
                        ("microsoft.compute", "virtualmachines") => O::GetVirtualMachine,
                        _ => O::Unknown,
                    }
                }
                [
                    "providers",
                    "microsoft.recoveryservices",
                    "vaults",
                    _,
                    rest @ ..,
                ] => {
                    names.vault = at(7);
                    of_vault(get, post, rest, &at, &mut names)
                }
                _ => O::Unknown,
            }
        }
        _ => O::Unknown,
    };
    (operation, names)
}

fn of_vault(
    get: bool,
    post: bool,
    rest: &[&str],
    at: &dyn Fn(usize) -> String,
    names: &mut Names,
) -> Operation {
    use Operation as O;
    match rest {
        [] if get => O::GetVault,
        ["backupprotecteditems"] if get => O::ListProtectedItems,
        ["backupprotectioncontainers"] if get => O::ListProtectionContainers,
        ["backupresourceguardproxies"] if get => O::ListResourceGuardProxies,
        ["backupencryptionconfigs", "backupresourceencryptionconfig"] if get => {
            O::GetEncryptionConfig
        }
        ["backupstorageconfig", "vaultstorageconfig"] if get => O::GetStorageConfig,
        ["backupvalidateoperation"] if post => O::ValidateOperation,
        ["backuptriggervalidateoperation"] if post => O::TriggerValidateOperation,
        ["backupjobs"] if get => O::ListJobs,
        [kind, _] if get => {
            names.operation = at(9);
            match *kind {
                "backupoperations" => O::GetVaultOperationStatus,
                "backupoperationresults" => O::GetVaultOperationResult,
                "backupvalidateoperationsstatuses" => O::GetValidateOperationStatus,
                "backupvalidateoperationresults" => O::GetValidateOperationResult,
                "backupjobs" => {
                    names.name = at(9);
                    O::GetJob
                }
                _ => O::Unknown,
            }
        }
        ["backupjobs", _, "cancel"] if post => {
            names.name = at(9);
            O::CancelJob
        }
        [
            "backupjobs",
            _,
            kind @ ("operationresults" | "operationsstatus"),
            _,
        ] if get => {
            names.name = at(9);
            names.operation = at(11);
            if *kind == "operationresults" {
                O::GetJobOperationResult
            } else {
                O::GetJobOperationStatus
            }
        }
        [
            "backupfabrics",
            "azure",
            "protectioncontainers",
            _,
            "protecteditems",
            _,
            rest @ ..,
        ] => {
            names.container = at(11);
            names.item = at(13);
            match rest {
                [] if get => O::GetProtectedItem,
                ["operationsstatus", _] if get => {
                    names.operation = at(15);
                    O::GetItemOperationStatus
                }
                ["operationresults", _] if get => {
                    names.operation = at(15);
                    O::GetItemOperationResult
                }
                ["recoverypoints"] if get => O::ListRecoveryPoints,
                ["recoverypoints", _] if get => {
                    names.name = at(15);
                    O::GetRecoveryPoint
                }
                ["recoverypoints", _, "restore"] if post => {
                    names.name = at(15);
                    O::TriggerRestore
                }
                ["recoverypoints", _, "accesstoken"] if post => O::CrossRegionRestore,
                _ => O::Unknown,
            }
        }
        _ => O::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: Method, path: &str) -> (Operation, Names) {
        let segments: Vec<String> = path
            .split('/')
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect();
        of(&method, &segments)
    }

    #[test]
    fn fixed_parts_match_in_any_case_and_names_keep_theirs() {
        let (operation, names) = find(
            Method::POST,
            "/Subscriptions/S/resourcegroups/RG/providers/microsoft.recoveryservices/VAULTS/Va/backupfabrics/AZURE/protectionContainers/IaasVMContainer;iaasvmcontainerv2;rg;Vm/protecteditems/VM;iaasvmcontainerv2;rg;Vm/recoverypoints/123/Restore",
        );

        assert_eq!(operation, Operation::TriggerRestore);
        assert_eq!(names.vault, "Va");
        assert_eq!(names.item, "VM;iaasvmcontainerv2;rg;Vm");
        assert_eq!(names.name, "123");
    }

    #[test]
    fn the_method_counts() {
        let path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v/backupJobs/j/cancel";

        assert_eq!(find(Method::GET, path).0, Operation::Unknown);
        assert_eq!(find(Method::POST, path).0, Operation::CancelJob);
    }
}
