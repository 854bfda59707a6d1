"""Microsoft's Python SDK, pointed at an emulator."""

from azure.identity import ClientSecretCredential
from azure.mgmt.recoveryservices import RecoveryServicesClient
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient

from emulator import Emulator

SCOPE = "https://management.azure.com/.default"


class AzureSide(Emulator):
    """An emulator with the SDK's clients of it."""

    def credential(self, client_id=None, secret=None):
        """azure-identity, with the emulator as the authority."""
        return ClientSecretCredential(
            self.ready["tenantId"],
            client_id or self.ready["clientId"],
            secret or self.ready["clientSecret"],
            authority=self.ready["https"],
            disable_instance_discovery=True,
            connection_verify=self.ready["caFile"],
        )

    def backup(self, version=None, credential=None):
        """The client of Azure Backup at an api-version; without one at its own."""
        return self._client(RecoveryServicesBackupClient, version, credential)

    def vaults(self, version=None, credential=None):
        return self._client(RecoveryServicesClient, version, credential)

    def _client(self, kind, version, credential):
        settings = {
            "base_url": self.ready["https"],
            "connection_verify": self.ready["caFile"],
            "credential_scopes": [SCOPE],
        }
        if version:
            settings["api_version"] = version
        return kind(credential or self.credential(), self.ready["subscriptionId"], **settings)
