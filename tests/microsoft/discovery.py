"""Facts about finding vaults, protected VMs and their recovery points."""

import datetime

from azure.mgmt.recoveryservicesbackup import models

from emulator import VAULT, Machine
from table import same, true

VIRTUAL_MACHINES = "backupManagementType eq 'AzureIaasVM'"


def check_vaults(table, azure):
    vaults = azure.vaults().vaults

    def signs_in():
        azure.credential().get_token("https://management.azure.com/.default")
        same("the calls", azure.called(), ["GetOpenIdConfiguration", "GetToken"])

    def lists():
        found = {vault.name: vault for vault in vaults.list_by_subscription_id()}
        same("the vaults", sorted(found), ["guardedVault", "platformVault", "testVault"])
        same("the location", found["testVault"].location, "westus")
        true("a vault has an id", found["testVault"].id.endswith("/vaults/testVault"))

    def one():
        vault = vaults.get(**VAULT)
        same("the state", vault.properties.provisioning_state, "Succeeded")
        redundancy = vault.properties.redundancy_settings
        same("the redundancy", redundancy.standard_tier_storage_redundancy, "GeoRedundant")
        same("cross region restore", redundancy.cross_region_restore, "Enabled")

    own = vaults._config.api_version  # pylint: disable=protected-access
    table.check("-", "azure-identity signs in with a client secret", azure, signs_in)
    table.check(own, "vaults of the subscription are listed", azure, lists)
    table.check(own, "a vault tells redundancy and cross region restore", azure, one)


def check_items_and_points(table, azure, version, client):
    machine = Machine(azure, "testVM")
    names_enums = version != "2019-05-13"

    def items():
        found = list(client.backup_protected_items.list(**VAULT, filter=VIRTUAL_MACHINES))
        # SDK 11 reads a VM as the bare base type: its map of subtypes lacks the VM's.
        item = next(item for item in found if item.properties["friendlyName"] == "testVM")
        same("the type", item.properties["protectedItemType"], "Microsoft.Compute/virtualMachines")
        same("the VM", item.properties["sourceResourceId"], machine.id)
        same("the item", item.name, machine.item["protected_item_name"])
        for key in ("containerName", "lastBackupStatus", "lastRecoveryPoint", "protectionState"):
            true(f"an item has {key}", key in item.properties)

    def items_of_another_kind():
        found = client.backup_protected_items.list(**VAULT, filter="backupManagementType eq 'MAB'")
        same("the items", list(found), [])

    def item():
        found = client.protected_items.get(**machine.item)
        same("the VM", found.properties["sourceResourceId"], machine.id)

    def containers():
        wanted = f"{VIRTUAL_MACHINES} and friendlyName eq 'testVM' and status eq 'Registered'"
        found = list(client.backup_protection_containers.list(**VAULT, filter=wanted))
        same("the containers", [one.name for one in found], [machine.item["container_name"]])
        # As with items: the SDK's map of subtypes ends at the base type.
        same("the kind", found[0].properties["containerType"], "Microsoft.Compute/virtualMachines")

    def points():
        found = list(client.recovery_points.list(**machine.item))
        same("the points", len(found), 12)
        for point in found:
            same("the kind", type(point.properties), models.IaasVMRecoveryPoint)
            true("a point's time has a zone", point.properties.recovery_point_time.tzinfo is not None)
            true("the VM has managed disks", point.properties.is_managed_virtual_machine is True)
        tier = found[0].properties.recovery_point_tier_details[0]
        same("a tier", (tier.type, tier.status), ("InstantRP", "Valid") if names_enums else (1, 1))

    def points_between():
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = (text(now - datetime.timedelta(hours=hours)) for hours in (40, 1))
        wanted = f"startDate eq '{start}' and endDate eq '{end}'"
        found = client.recovery_points.list(**machine.item, filter=wanted)
        same("the points", [point.name for point in found], ["20982486783671", "23358112038108"])

    def pages():
        found = list(client.recovery_points.list(**Machine(azure, "many-1").item))
        same("the points", len({point.name for point in found}), 450)
        same("the calls", azure.called(), ["ListRecoveryPoints"] * 3)
        same("the versions", versions(azure), {version})

    def point():
        found = client.recovery_points.get(**machine.item, recovery_point_id="20982486783671")
        same("the consistency", found.properties.recovery_point_type, "AppConsistent")

    def settings():
        config = client.backup_resource_encryption_configs.get(**VAULT)
        same("the key", config.properties.encryption_at_rest_type, "MicrosoftManaged")
        same("the guards", list(client.resource_guard_proxies.get(**VAULT)), [])

    table.check(version, "protected VMs are listed by a filter", azure, items)
    table.check(version, "a vault without other workloads lists none", azure, items_of_another_kind)
    table.check(version, "an item is read by the names that the list gave", azure, item)
    table.check(version, "a container is found by its friendly name", azure, containers)
    table.check(version, "recovery points are listed", azure, points)
    table.check(version, "recovery points are listed between two dates", azure, points_between)
    table.check(version, "450 recovery points come in pages", azure, pages)
    table.check(version, "a recovery point is read by its name", azure, point)
    if names_enums:
        table.check(version, "encryption and guards of a vault are read", azure, settings)


def versions(azure):
    return {call["apiVersion"] for call in azure.calls()}


def text(time):
    """As Azure Backup wants times in filters: `2025-04-06 09:25:04 AM`."""
    return time.strftime("%Y-%m-%d %I:%M:%S %p")
