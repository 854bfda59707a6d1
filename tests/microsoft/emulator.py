"""An emulator: its admin interface, and the protected VMs that a check puts into it."""

import json
import urllib.request

VAULT = {"vault_name": "testVault", "resource_group_name": "testVaultRG"}


class Emulator:
    """One emulator. `ready` is the line that it printed when it was ready."""

    def __init__(self, ready):
        self.ready = ready
        self.subscription = f"/subscriptions/{ready['subscriptionId']}"

    def admin(self, method, path, body=None):
        """A request below `/_emulator/`."""
        request = urllib.request.Request(
            f"{self.ready['http']}/_emulator/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        # Loopback: a proxy of the machine has nothing to do with it.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def calls(self):
        return self.admin("GET", "requests/log")["requests"]

    def forget_calls(self):
        self.admin("DELETE", "requests")

    def called(self):
        """Names of the operations that were called, in order."""
        return [call["operation"] for call in self.calls()]

    def advance(self, span):
        self.admin("PUT", "clock", {"advance": span})

    def accepted(self):
        """The restores that were accepted so far, in order."""
        entries = self.admin("GET", "ledger")["entries"]
        started = (entry for entry in entries if entry["operation"] == "TriggerRestore")
        return [entry for entry in started if entry["caused"]]

    def protect(self, name, **behaviour):
        """A protected VM with one recovery point, whose restores do this."""
        machine = {"resourceGroup": "testRG", "recoveryPoints": [{"name": "1001", "age": "5h"}]}
        machine["restore"] = behaviour
        self.admin("PUT", f"scenario/vaults/testVault/virtualMachines/{name}", machine)
        return Machine(self, name)


class Machine:
    """A protected VM of `testVault`."""

    def __init__(self, azure, name):
        self.azure = azure
        self.name = name
        self.id = f"{azure.subscription}/resourceGroups/testRG/providers/Microsoft.Compute/virtualMachines/{name}"
        registered = f"iaasvmcontainerv2;testRG;{name}"
        self.item = {
            **VAULT,
            "fabric_name": "Azure",
            "container_name": f"IaasVMContainer;{registered}",
            "protected_item_name": f"VM;{registered}",
        }
