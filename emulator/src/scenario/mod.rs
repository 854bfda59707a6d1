//! What the emulated Azure contains and how it behaves: the scenario file.
//!
//! A scenario is data. Nothing in it changes by itself; what restores do is kept in `world`. Tests replace parts of
//! it while the emulator runs (`/_emulator/scenario`).

mod accounts;
pub mod catalogue;
mod edit;
mod guards;
mod points;
mod restore;
mod roles;
mod service;
mod shapes;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use accounts::StorageAccount;
pub use guards::{ResourceGuard, VaultIdentity};
pub use points::{PointSpec, RecoveryPoint};
pub use restore::{
    ActivityId, Failure, OperationBehaviour, Outcome, ProgressSeries, RestoreBehaviour,
    RestoreScript, ResultStatus,
};
pub use roles::RoleAssignment;
pub use service::{Hourly, Service, Throttling};
pub use shapes::{Actions, Durations, Leaves, PollHeaders, Times};

/// The scenario that is used when none is given, with comments.
pub const BUILT_IN: &str = include_str!("builtin.yaml");

/// Everything that the emulated Azure contains.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Scenario {
    /// Directories that issue tokens. The first one is the home of everything that names no tenant.
    pub tenants: Vec<Tenant>,
    /// Who may sign in, and what they may do. The first one is printed when the emulator is ready.
    pub principals: Vec<Principal>,
    pub vaults: Vec<Vault>,
    /// Storage accounts that exist.
    pub storage_accounts: Vec<StorageAccount>,
    /// Networks that exist.
    pub virtual_networks: Vec<VirtualNetwork>,
    /// Full ids of resource groups that exist besides those that something of this scenario lies in.
    pub resource_groups: Vec<String>,
    pub service: Service,
    pub throttling: Throttling,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tenant {
    pub id: String,
    #[serde(default)]
    pub name: String,
    /// Life of a token.
    #[serde(default = "one_hour")]
    pub token_lifetime: SignedDuration,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Principal {
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(default)]
    pub client_id: String,
    pub client_secret: String,
    #[serde(default)]
    pub roles: Vec<RoleAssignment>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Vault {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    pub subscription_id: String,
    pub resource_group: String,
    #[serde(default)]
    pub name: String,
    pub region: String,
    #[serde(default)]
    pub redundancy: Redundancy,
    #[serde(default)]
    pub cross_region_restore: bool,
    /// The vault's own identity, with which it may reach storage accounts.
    #[serde(default)]
    pub identity: VaultIdentity,
    /// What guards restores of this vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_guard: Option<ResourceGuard>,
    /// Backup data is encrypted with a key of the customer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub customer_managed_key: bool,
    /// Restores may go to other subscriptions.
    #[serde(default = "yes")]
    pub cross_subscription_restore: bool,
    #[serde(default)]
    pub virtual_machines: Vec<VirtualMachine>,
}

#[expect(clippy::enum_variant_names, reason = "Azure's own names")]
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Redundancy {
    #[default]
    GeoRedundant,
    LocallyRedundant,
    ZoneRedundant,
}

/// A VM that the vault protects.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VirtualMachine {
    #[serde(default)]
    pub name: String,
    pub resource_group: String,
    /// The VM's subscription, where it is not the vault's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// Resource group as it stands in the names of container and item; Azure keeps the case of the registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_resource_group: Option<String>,
    /// The VM's name as it stands in the names of container and item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_name: Option<String>,
    #[serde(default = "protected")]
    pub protection_state: String,
    #[serde(default = "healthy")]
    pub health_status: String,
    #[serde(default = "windows")]
    pub os_type: String,
    /// Data disks besides the OS disk, LUN 0 and up.
    #[serde(default = "one")]
    pub data_disks: u32,
    /// The VM itself is gone; its backup is still there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Its disks can only be reached through private endpoints.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private_disks: bool,
    /// It is a confidential VM whose OS disk is encrypted with a key of the customer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confidential: bool,
    /// The edge zone that it lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_zone: Option<String>,
    /// Codes of what Azure's own check before a restore finds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation: Vec<String>,
    #[serde(default)]
    pub recovery_points: Vec<PointSpec>,
    /// What the n-th restore does; the last one counts for all that follow.
    #[serde(default)]
    pub restore: RestoreScript,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VirtualNetwork {
    pub id: String,
    pub location: String,
    #[serde(default)]
    pub subnets: Vec<String>,
}

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("cannot understand the scenario: {0}")]
    Syntax(String),
    #[error("the scenario cannot be used: {0}")]
    Content(String),
}

impl Scenario {
    /// Reads a scenario from YAML (JSON is YAML too).
    ///
    /// # Errors
    /// [`ScenarioError`] names the line, or the entry that contradicts another one.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = serde_saphyr::from_str(text)
            .map_err(|error| ScenarioError::Syntax(error.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The scenario that is used when none is given.
    ///
    /// # Errors
    /// None in practice: a test reads it.
    pub fn built_in() -> Result<Self, ScenarioError> {
        Self::parse(BUILT_IN)
    }

    /// The tenant of something that names this one, or none.
    pub fn tenant_id<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.unwrap_or_else(|| self.tenants.first().map_or("", |tenant| tenant.id.as_str()))
    }

    /// The tenant that a subscription belongs to: that of its vaults, else that of the guards in it.
    pub fn tenant_of(&self, subscription: &str) -> &str {
        let mut tenants = self.vaults.iter().filter_map(|vault| {
            let here = vault.subscription_id.eq_ignore_ascii_case(subscription);
            here.then_some(vault.tenant.as_deref())
        });
        let mut of_guards = self.vaults.iter().filter_map(|vault| {
            let guard = vault.resource_guard.as_ref()?;
            let tenant = guard.tenant.as_deref().or(vault.tenant.as_deref());
            in_subscription(&guard.id, subscription).then_some(tenant)
        });
        self.tenant_id(tenants.next().or_else(|| of_guards.next()).flatten())
    }

    /// The vault of that name, without regard to case.
    pub fn vault(&self, subscription: &str, group: &str, name: &str) -> Option<&Vault> {
        self.vaults.iter().find(|vault| {
            vault.subscription_id.eq_ignore_ascii_case(subscription)
                && vault.resource_group.eq_ignore_ascii_case(group)
                && vault.name.eq_ignore_ascii_case(name)
        })
    }

    /// The storage account of that id.
    pub fn storage_account(&self, id: &str) -> Option<&StorageAccount> {
        let mut accounts = self.storage_accounts.iter();
        accounts.find(|account| account.id.eq_ignore_ascii_case(id))
    }

    /// The region of what does not say its own: that of the first vault.
    pub fn home_region(&self) -> &str {
        let first = self.vaults.first();
        first.map_or("westus", |vault| vault.region.as_str())
    }

    /// Whether anything of the scenario lies in this subscription.
    pub fn has_subscription(&self, subscription: &str) -> bool {
        self.vaults
            .iter()
            .any(|vault| vault.subscription_id.eq_ignore_ascii_case(subscription))
            || self
                .known_ids()
                .any(|id| in_subscription(&id, subscription))
    }

    /// Whether this resource group exists.
    pub fn has_resource_group(&self, subscription: &str, group: &str) -> bool {
        let prefix = format!("/subscriptions/{subscription}/resourceGroups/{group}").to_lowercase();
        self.known_ids().any(|id| {
            let id = id.to_lowercase();
            id == prefix || id.starts_with(&format!("{prefix}/"))
        })
    }

    fn known_ids(&self) -> impl Iterator<Item = String> + '_ {
        let vaults = self.vaults.iter().map(Vault::id);
        let machines = self.vaults.iter().flat_map(|vault| {
            vault
                .virtual_machines
                .iter()
                .map(|machine| machine.id(vault))
        });
        let networks = self.virtual_networks.iter().map(|net| net.id.clone());
        let accounts = (self.storage_accounts.iter()).map(|account| account.id.clone());
        let guards = self.vaults.iter().filter_map(|vault| {
            let guard = vault.resource_guard.as_ref()?;
            Some(guard.id.clone())
        });
        vaults
            .chain(machines)
            .chain(guards)
            .chain(networks)
            .chain(accounts)
            .chain(self.resource_groups.iter().cloned())
    }

    fn check(&self) -> Result<(), ScenarioError> {
        if self.tenants.is_empty() {
            return Err(ScenarioError::Content("it names no tenant".into()));
        }
        if self.principals.is_empty() {
            return Err(ScenarioError::Content("it names no principal".into()));
        }
        for vault in &self.vaults {
            for machine in &vault.virtual_machines {
                machine.check(vault)?;
            }
        }
        Ok(())
    }
}

impl Vault {
    pub fn id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.RecoveryServices/vaults/{}",
            self.subscription_id, self.resource_group, self.name
        )
    }

    /// The protected VM with these names of container and item, without regard to case.
    pub fn protected(&self, container: &str, item: &str) -> Option<&VirtualMachine> {
        self.virtual_machines.iter().find(|machine| {
            machine.container_name().eq_ignore_ascii_case(container)
                && machine.item_name().eq_ignore_ascii_case(item)
        })
    }
}

impl VirtualMachine {
    pub fn id(&self, vault: &Vault) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Compute/virtualMachines/{}",
            self.subscription_id
                .as_ref()
                .unwrap_or(&vault.subscription_id),
            self.resource_group,
            self.name
        )
    }

    /// `iaasvmcontainerv2;{resource group};{name}`, in the case of the registration.
    pub fn registered(&self) -> String {
        format!(
            "iaasvmcontainerv2;{};{}",
            self.registered_resource_group
                .as_ref()
                .unwrap_or(&self.resource_group),
            self.registered_name.as_ref().unwrap_or(&self.name)
        )
    }

    pub fn container_name(&self) -> String {
        format!("IaasVMContainer;{}", self.registered())
    }

    pub fn item_name(&self) -> String {
        format!("VM;{}", self.registered())
    }

    fn check(&self, vault: &Vault) -> Result<(), ScenarioError> {
        let points = self.recovery_points.iter().map(PointSpec::check);
        let findings = self.validation.iter().map(|code| {
            catalogue::find(code)
                .map(|_| ())
                .ok_or_else(|| format!("no error of restores has the code {code}"))
        });
        points
            .chain(findings)
            .chain([self.restore.check()])
            .collect::<Result<(), String>>()
            .map_err(|what| {
                ScenarioError::Content(format!("vault {}, VM {}: {what}", vault.name, self.name))
            })
    }
}

fn in_subscription(id: &str, subscription: &str) -> bool {
    id.split('/')
        .nth(2)
        .is_some_and(|named| named.eq_ignore_ascii_case(subscription))
}

fn one_hour() -> SignedDuration {
    SignedDuration::from_secs(3599)
}

fn protected() -> String {
    "Protected".into()
}

fn healthy() -> String {
    "Passed".into()
}

fn windows() -> String {
    "Windows".into()
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_scenario_can_be_read() {
        let scenario = Scenario::built_in().unwrap();

        let vault = scenario.vault(
            &scenario.vaults[0].subscription_id,
            "TESTVAULTRG",
            "testvault",
        );
        assert!(vault.is_some());
    }

    #[test]
    fn an_unknown_field_is_named() {
        let error = Scenario::parse("tenants: []\nvalts: []").unwrap_err();

        assert!(error.to_string().contains("valts"), "{error}");
    }

    #[test]
    fn a_scenario_survives_being_written_and_read() {
        let scenario = Scenario::built_in().unwrap();

        let written = serde_json::to_string(&scenario).unwrap();

        assert!(Scenario::parse(&written).is_ok());
    }
}
