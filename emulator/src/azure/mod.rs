//! Azure Resource Manager and Azure Backup: from a request that may be answered to its answer.
//!
//! Each file holds one kind of resource. All of them see the world through [`Context`].

mod disks;
mod effects;
mod filter;
mod guards;
mod items;
mod job_body;
mod jobs;
mod machines;
mod made;
mod neighbours;
mod operations;
mod paging;
mod points;
mod request_fields;
mod restore;
mod restore_outcome;
mod restore_request;
mod restore_rights;
mod restore_rules;
mod restored_disks;
mod validate;
mod vaults;

pub use job_body::for_admin as job_for_admin;
pub use made::for_admin as effects_for_admin;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use crate::clock::Clock;
use crate::http::{Call, Reply};
use crate::ledger::Caused;
use crate::operation::{Names, Operation};
use crate::scenario::{Vault, VirtualMachine};
use crate::token::{Caller, Tokens};
use crate::wire::{gateway_error, not_found};
use crate::world::World;

/// Versions that mean the secondary region on paths that two families share.
const CROSS_REGION_VERSIONS: &[&str] = &["2018-12-20", "2021-11-15", "2023-01-15"];

/// One request and everything that its answer depends on.
pub struct Context<'a> {
    pub call: &'a Call,
    pub names: &'a Names,
    pub world: &'a mut World,
    pub clock: &'a Clock,
    pub caller: &'a Caller,
    pub now: Timestamp,
    /// Tokens that were issued: a request may carry a second one.
    pub tokens: &'a Tokens,
    /// What a fault orders for the restore that this request starts.
    pub ordered: Option<&'a Value>,
    /// What the request brought about, for the ledger.
    pub caused: Option<Caused>,
}

/// An answer; the error side is one too, and lets a handler stop early.
pub type Answer = Result<Reply, Reply>;

/// Answers a request whose caller is known and allowed.
pub fn answer(context: &mut Context<'_>, operation: Operation) -> Reply {
    let result = check_place(context, operation).and_then(|()| dispatch(context, operation));
    result.unwrap_or_else(|refused| refused)
}

fn dispatch(context: &mut Context<'_>, operation: Operation) -> Answer {
    use Operation as O;
    match operation {
        O::ListSubscriptions => Ok(neighbours::subscriptions(context)),
        O::GetSubscription => Ok(neighbours::subscription(context)),
        O::GetResourceGroup => neighbours::resource_group(context),
        O::GetStorageAccount => neighbours::storage_account(context),
        O::GetClassicStorageAccount => neighbours::classic_storage_account(context),
        O::GetVirtualNetwork => neighbours::virtual_network(context),
        O::ListDisks => Ok(disks::list(context)),
        O::GetDisk => disks::get(context),
        O::GetVirtualMachine => machines::get(context),
        O::GetNetworkInterface => machines::interface(context),
        O::ListVaults => Ok(vaults::list(context)),
        O::GetVault => vaults::get(context),
        O::ListResourceGuardProxies => guards::proxies(context),
        O::GetEncryptionConfig => vaults::encryption(context),
        O::GetStorageConfig => vaults::storage(context),
        O::ListProtectedItems => items::list(context),
        O::GetProtectedItem => items::get(context),
        O::ListProtectionContainers => items::containers(context),
        O::ListRecoveryPoints => points::list(context),
        O::GetRecoveryPoint => points::get(context),
        O::TriggerRestore => restore::trigger(context),
        O::GetItemOperationStatus | O::GetVaultOperationStatus => operations::status(context),
        O::GetItemOperationResult => operations::item_result(context),
        O::GetVaultOperationResult => operations::vault_result(context),
        O::ListJobs => jobs::list(context),
        O::GetJob => jobs::get(context),
        O::CancelJob => jobs::cancel(context),
        O::GetJobOperationStatus => jobs::operation_status(context),
        O::GetJobOperationResult => jobs::operation_result(context),
        O::ValidateOperation => validate::at_once(context),
        O::TriggerValidateOperation => validate::trigger(context),
        O::GetValidateOperationStatus => validate::status(context),
        O::GetValidateOperationResult => validate::result(context),
        O::CrossRegionRestore => Err(no_cross_region()),
        O::GetOpenIdConfiguration | O::GetToken | O::GetMetadataEndpoints | O::Unknown => {
            Err(unknown_route(context))
        }
    }
}

/// Subscription, resource group and version of the path, in the order in which Azure looks at them.
fn check_place(context: &Context<'_>, operation: Operation) -> Result<(), Reply> {
    let names = context.names;
    let scenario = &context.world.scenario;
    if operation != Operation::ListSubscriptions && !scenario.has_subscription(&names.subscription)
    {
        let message = format!(
            "The subscription '{}' could not be found.",
            names.subscription
        );
        return Err(gateway_error(
            StatusCode::NOT_FOUND,
            "SubscriptionNotFound",
            &message,
        ));
    }
    if !names.group.is_empty() && !scenario.has_resource_group(&names.subscription, &names.group) {
        let message = format!("Resource group '{}' could not be found.", names.group);
        return Err(gateway_error(
            StatusCode::NOT_FOUND,
            "ResourceGroupNotFound",
            &message,
        ));
    }
    let shared = matches!(
        operation,
        Operation::ListProtectedItems
            | Operation::ListRecoveryPoints
            | Operation::GetRecoveryPoint
            | Operation::GetStorageConfig
    );
    if shared && CROSS_REGION_VERSIONS.contains(&context.call.api_version()) {
        return Err(no_cross_region());
    }
    Ok(())
}

impl Context<'_> {
    /// The vault of the path.
    fn vault(&self) -> Result<&Vault, Reply> {
        let Names {
            subscription,
            group,
            vault,
            ..
        } = self.names;
        self.world
            .scenario
            .vault(subscription, group, vault)
            .ok_or_else(|| not_found("Microsoft.RecoveryServices/vaults", vault, group))
    }

    /// The vault and the protected VM of the path.
    fn item(&self) -> Result<(&Vault, &VirtualMachine), Reply> {
        let vault = self.vault()?;
        let machine = vault.protected(&self.names.container, &self.names.item);
        let machine = machine.ok_or_else(|| {
            let kind = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems";
            not_found(kind, &self.names.item, &self.names.group)
        })?;
        Ok((vault, machine))
    }

    /// The vault's path as the client wrote it: ids in answers repeat it.
    fn vault_path(&self) -> String {
        self.call.path_to(8)
    }
}

/// A fault orders what no restore can do: the test that made it is wrong, and should see so.
fn bad_order(what: &str) -> Reply {
    gateway_error(StatusCode::BAD_REQUEST, "EmulatorFaultNotUnderstood", what)
}

fn no_cross_region() -> Reply {
    gateway_error(
        StatusCode::BAD_REQUEST,
        "EmulatorHasNoSecondaryRegion",
        "This api-version or address belongs to Cross Region Restore, which this emulator does not offer yet.",
    )
}

fn unknown_route(context: &Context<'_>) -> Reply {
    let message = format!(
        "No route of the emulator matches {} {}.",
        context.call.method,
        context.call.path()
    );
    gateway_error(StatusCode::NOT_FOUND, "ResourceNotFound", &message)
}
