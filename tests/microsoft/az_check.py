"""Microsoft's own command line, `az`, against the Azure emulator: what `make az-check` runs.

Reads the line that an emulator prints when it is ready from standard input. Prints a table of the facts that were
checked and ends with 1 if one does not hold.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version as installed

from emulator import Emulator
from table import Table, same, true

VAULT = ["--resource-group", "testVaultRG", "--vault-name", "testVault"]
MACHINES = ["--backup-management-type", "AzureIaasVM", "--workload-type", "VM"]
STAGING = ["--storage-account", "testAccount", "--storage-account-resource-group", "testRG"]


class Az:
    """The command line, with a configuration of its own."""

    def __init__(self, azure, folder):
        self.environment = {
            **os.environ,
            "AZURE_CONFIG_DIR": folder,
            "REQUESTS_CA_BUNDLE": azure.ready["caFile"],
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
        }

    def text(self, *words):
        """What a command prints; it has to end with 0."""
        command = [sys.executable, "-m", "azure.cli", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=240, check=False)
        if done.returncode != 0:
            raise AssertionError(f"az {' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def json(self, *words):
        text = self.text(*words, "--output", "json")
        return json.loads(text) if text.strip() else None

    def backup(self, *words):
        return self.json("backup", *words, *VAULT)


class Check:
    """Each fact goes on from the last ones."""

    def __init__(self, azure, az):
        self.azure, self.az = azure, az
        self.job = None

    def signs_in(self):
        ready = self.azure.ready
        names = ("resource-manager", "management", "active-directory", "active-directory-resource-id")
        endpoints = [word for name in names for word in (f"--endpoint-{name}", ready["https"])]
        self.az.text("cloud", "register", "--name", "emulator", "--skip-endpoint-discovery", *endpoints)
        self.az.text("cloud", "set", "--name", "emulator")
        principal = ["--username", ready["clientId"], "--password", ready["clientSecret"]]
        found = self.az.json("login", "--service-principal", *principal, "--tenant", ready["tenantId"])
        same("the subscriptions", [one["id"] for one in found], [ready["subscriptionId"]])

    def vaults(self):
        found = self.az.json("backup", "vault", "list")
        same("the vaults", sorted(one["name"] for one in found), ["guardedVault", "platformVault", "testVault"])

    def items(self):
        found = self.az.backup("item", "list", "--backup-management-type", "AzureIaasVM")
        names = [one["properties"]["friendlyName"] for one in found]
        true("the VMs are listed", {"testVM", "web-1", "many-1"} <= set(names))
        table = ["item", "show", "--container-name", "testVM", "--name", "testVM", *MACHINES, *VAULT]
        true("a table shows the VM", "testVM" in self.az.text("backup", *table, "--output", "table"))

    def points(self):
        of = ["--container-name", "testVM", "--item-name", "testVM", *MACHINES]
        found = self.az.backup("recoverypoint", "list", *of)
        same("the points", len(found), 12)
        same("a tier", found[0]["properties"]["recoveryPointTierDetails"][0]["type"], "InstantRP")
        one = self.az.backup("recoverypoint", "show", *of, "--name", "20982486783671")
        same("the consistency", one["properties"]["recoveryPointType"], "AppConsistent")

    def restore(self, name, behaviour, *words):
        """Starts a restore; gives what az prints: the job, or the operation that has failed."""
        self.azure.protect(name, **behaviour)
        before = len(self.azure.accepted())
        of = ["--container-name", name, "--item-name", name, "--rp-name", "1001"]
        printed = self.az.backup("restore", "restore-disks", *of, *STAGING, *words)
        accepted = self.azure.accepted()[before:]
        same("the restores in Azure's ledger", len(accepted), 1)
        self.azure.advance("5m")
        return printed, accepted[0]["body"]["properties"]

    def completed(self, printed):
        job = self.az.backup("job", "show", "--name", printed["name"])["properties"]
        same("the job", (job["operation"], job["status"]), ("Restore", "Completed"))
        same("its tasks", {task["status"] for task in job["extendedInfo"]["tasksList"]}, {"Completed"})
        self.job = printed["name"]

    def restores_disks(self):
        printed, body = self.restore("az-disks", {}, "--target-resource-group", "restores")
        same("the first status", printed["properties"]["status"], "InProgress")
        same("the type", body["recoveryType"], "RestoreDisks")
        self.completed(printed)

    def restores_chosen_disks(self):
        printed, body = self.restore("az-chosen", {}, "--target-resource-group", "restores", "--diskslist", "0")
        same("the disks", body["restoreDiskLunList"], ["0"])
        self.completed(printed)
        printed, body = self.restore("az-os", {}, "--target-resource-group", "restores", "--restore-only-osdisk")
        same("the disks", body["restoreDiskLunList"], [])
        self.completed(printed)

    def restores_to_alternate_location(self):
        network = ["--target-vnet-name", "testNet", "--target-vnet-resource-group", "testRG"]
        target = ["--target-vm-name", "az-copy", "--target-resource-group", "restores", *network]
        subnet = ["--target-subnet-name", "default", "--restore-mode", "AlternateLocation"]
        printed, body = self.restore("az-copied", {}, *target, *subnet)
        same("the type", body["recoveryType"], "AlternateLocation")
        self.completed(printed)
        machines = str(self.azure.admin("GET", "effects")["virtualMachines"])
        true("the VM is there", "az-copy" in machines)

    def restores_to_original_location(self):
        printed, body = self.restore("az-replaced", {}, "--restore-mode", "OriginalLocation")
        same("the type", body["recoveryType"], "OriginalLocation")
        self.completed(printed)

    def operation_fails(self):
        fails = {"code": "UserErrorVmNotFoundDuringRestore", "message": "There is no such VM."}
        # az itself ends with 0 and prints the operation instead of a job.
        printed, _ = self.restore("az-opfail", {"operation": {"fails": fails}}, "--target-resource-group", "restores")
        same("the operation", (printed["status"], printed["error"]["code"]), ("Failed", fails["code"]))

    def lists_jobs(self):
        found = self.az.backup("job", "list", "--operation", "Restore", "--status", "Completed")
        true("the job is listed", self.job in [one["name"] for one in found])
        same("the statuses", {one["properties"]["status"] for one in found}, {"Completed"})
        running = self.az.backup("job", "list", "--operation", "Restore", "--status", "InProgress")
        same("the running jobs", running, [])
        shown = self.az.text("backup", "job", "list", *VAULT, "--output", "table")
        true("a table shows the job", self.job in shown)

    def start_long(self, name, duration):
        """Starts a restore that is still running when this returns."""
        self.azure.protect(name, duration=duration)
        of = ["--container-name", name, "--item-name", name, "--rp-name", "1001"]
        return self.az.backup("restore", "restore-disks", *of, *STAGING, "--target-resource-group", "restores")["name"]

    def waits(self):
        job = self.start_long("az-waits", "5s")
        self.az.text("backup", "job", "wait", "--name", job, *VAULT)
        status = self.az.backup("job", "show", "--name", job)["properties"]["status"]
        same("the status after the wait", status, "Completed")

    def stops(self):
        job = self.start_long("az-stopped", "1h")
        self.az.text("backup", "job", "stop", "--name", job, *VAULT)
        statuses = []
        for _ in range(2):
            statuses.append(self.az.backup("job", "show", "--name", job)["properties"]["status"])
            self.azure.advance("1m")
        same("the statuses", statuses, ["Cancelling", "Cancelled"])


def main():
    azure = Emulator(json.loads(sys.stdin.readline()))
    own = f"az {installed('azure-cli')}"
    python = ".".join(str(part) for part in sys.version_info[:3])
    print(f"Python {python}, {own}", flush=True)
    table = Table("CLIENT")
    with tempfile.TemporaryDirectory() as folder:
        check = Check(azure, Az(azure, folder))
        for fact, act in [
            ("a service principal logs in", check.signs_in),
            ("vaults are listed", check.vaults),
            ("items are listed, and shown in a table", check.items),
            ("recovery points are listed and shown", check.points),
            ("RestoreDisks is triggered, followed and completes", check.restores_disks),
            ("RestoreDisks of chosen disks, of the OS disk alone", check.restores_chosen_disks),
            ("AlternateLocation is triggered, followed and completes", check.restores_to_alternate_location),
            ("OriginalLocation is triggered, followed and completes", check.restores_to_original_location),
            ("an operation that fails is printed", check.operation_fails),
            ("jobs are listed by operation and status", check.lists_jobs),
            ("job wait returns when the job has ended", check.waits),
            ("job stop cancels the job", check.stops),
        ]:
            table.check(own, fact, azure, act)
    table.print()
    return 1 if table.deviations else 0


if __name__ == "__main__":
    sys.exit(main())
