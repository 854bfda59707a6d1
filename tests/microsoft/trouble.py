"""Facts about what Microsoft's clients make of refusals, failures and throttling."""

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.mgmt.recoveryservicesbackup import models

from emulator import VAULT, Machine
from restores import Started, request
from table import raises, same, true

PRINCIPALS = {
    "reader": ("a0000000-0000-4000-8000-000000000003", "emulated-secret-reader"),
    "nobody": ("a0000000-0000-4000-8000-000000000004", "emulated-secret-nobody"),
}


def check_trouble(table, azure, version, client):
    chapter = Trouble(azure, version, client)
    facts = [
        ("an operation that fails is raised by the poller", chapter.operation_fails),
        ("a locked item is a conflict, and the next request passes", chapter.locked),
        ("a running operation is read at both addresses", chapter.still_running),
        ("a 429 with Retry-After is waited out: one job", chapter.throttled),
        ("a 503 after the effect is repeated: two jobs, one id", chapter.repeated),
        ("a principal that may only read cannot restore", chapter.reader),
        ("a principal without a role reads nothing", chapter.nobody),
        ("Azure's own check before a restore says what is wrong", chapter.validated),
        ("a vault that does not exist is not found", chapter.no_vault),
        ("a token that is no longer good is refused", chapter.revoked),
    ]
    for fact, act in facts:
        table.check(version, fact, azure, act)


def check_sign_in(table, azure):
    def wrong_secret():
        credential = azure.credential(secret="not the secret")
        error = raises(ClientAuthenticationError, lambda: credential.get_token("https://management.azure.com/.default"))
        true("the reason is named", "AADSTS7000215" in str(error))

    table.check("-", "azure-identity says that a secret is wrong", azure, wrong_secret)


def check_fast_clock(table, azure, version, client):
    """The other emulator, whose clock is faster: it says milliseconds instead of seconds."""

    def followed():
        machine = azure.protect("sdk-fast", operation={"inProgress": "20s"}, duration="1m")
        started = Started(machine, client, request(machine, "RestoreDisks", "unused"))
        waits = [name in started.headers for name in ("Retry-After", "x-ms-retry-after-ms")]
        same("the headers that ask for a wait", waits, [False, True])
        same("the poller's status", started.poller.status(), "Succeeded")

    table.check(version, "on a fast clock the poller is asked to wait in milliseconds", azure, followed)


class Trouble:
    def __init__(self, azure, version, client):
        self.azure, self.version, self.client = azure, version, client

    def start(self, name, **behaviour):
        machine = self.azure.protect(name, **behaviour)
        return Started(machine, self.client, request(machine, "RestoreDisks", "unused"))

    def as_principal(self, name):
        credential = self.azure.credential(*PRINCIPALS[name])
        return self.azure.backup(self.version, credential)

    def fault(self, **action):
        rule = {"match": {"operation": "TriggerRestore"}, "action": action}
        self.azure.admin("PUT", "faults", {"rules": [rule]})

    def operation_fails(self):
        fails = {"code": "UserErrorVmNotFoundDuringRestore", "message": "There is no such VM."}
        error = raises(HttpResponseError, lambda: self.start("sdk-opfail", operation={"fails": fails}))
        true("the reason is named", "There is no such VM." in str(error))
        same("the last call", self.azure.called()[-1], "GetItemOperationStatus")

    def locked(self):
        refused = {"status": 409, "code": "BMSUserErrorObjectLocked", "message": "Another operation runs."}
        machine = self.azure.protect("sdk-locked", refused=refused)
        body = request(machine, "RestoreDisks", "unused")
        error = raises(ResourceExistsError, lambda: Started(machine, self.client, body))
        same("the code", error.error.code, "BMSUserErrorObjectLocked")
        same("the refusals", self.azure.called(), ["TriggerRestore"])
        self.azure.protect("sdk-locked", operation={"inProgress": "0s"})
        same("the next one", Started(machine, self.client, body).poller.status(), "Succeeded")

    def still_running(self):
        machine = self.azure.protect("sdk-slow", operation={"inProgress": "1h"})
        parameters = models.RestoreRequestResource(properties=request(machine, "RestoreDisks", "unused"))
        poller = self.client.restores.begin_trigger(
            **machine.item, recovery_point_id="1001", parameters=parameters, polling=False
        )
        poller.result()
        operation = {"operation_id": self.azure.accepted()[-1]["caused"]["operationId"]}
        of_vault = self.client.backup_operation_statuses.get(**VAULT, **operation)
        of_item = self.client.protected_item_operation_statuses.get(**machine.item, **operation)
        for status in (of_vault, of_item):
            same("the status", status.status, "InProgress")
            same("the job", status.properties, None)
        same("the result", self.client.backup_operation_results.get(**VAULT, **operation), None)
        codes = []
        self.client.protected_item_operation_results.get(
            **machine.item, **operation, raw_response_hook=lambda answer: codes.append(answer.http_response.status_code)
        )
        same("the result's code", codes, [202])
        self.azure.advance("2h")

    def throttled(self):
        before = len(self.azure.accepted())
        error = {"error": {"code": "TooManyRequests", "message": "Please try again later."}}
        self.fault(answer={"status": 429, "headers": {"Retry-After": "1"}, "body": error})
        self.start("sdk-throttled", operation={"inProgress": "0s"})
        same("the requests", self.azure.called()[:2], ["TriggerRestore"] * 2)
        same("the jobs", len(self.azure.accepted()) - before, 1)

    def repeated(self):
        before = len(self.azure.accepted())
        self.fault(when="afterEffect", answer={"status": 503, "headers": {}, "body": {}})
        started = self.start("sdk-repeated", operation={"inProgress": "0s"})
        accepted = self.azure.accepted()[before:]
        same("the jobs", len({entry["caused"]["jobId"] for entry in accepted}), 2)
        same("their ids", {entry["clientRequestId"] for entry in accepted}, {started.request_id})

    def reader(self):
        client = self.as_principal("reader")
        machine = self.azure.protect("sdk-reader")
        true("it reads", len(list(client.recovery_points.list(**machine.item))) == 1)
        body = request(machine, "RestoreDisks", "unused")
        error = raises(HttpResponseError, lambda: Started(machine, client, body))
        same("the refusal", (error.status_code, error.error.code), (403, "AuthorizationFailed"))

    def nobody(self):
        client = self.as_principal("nobody")
        item = Machine(self.azure, "testVM").item
        error = raises(HttpResponseError, lambda: list(client.recovery_points.list(**item)))
        same("the refusal", (error.status_code, error.error.code), (403, "AuthorizationFailed"))

    def validated(self):
        machine = Machine(self.azure, "nosku-1")
        point = next(iter(self.client.recovery_points.list(**machine.item)))
        wanted = request(machine, "RestoreDisks", "unused")
        wanted.recovery_point_id = point.name
        inner = models.ValidateIaasVMRestoreOperationRequest(restore_request=wanted)
        body = models.ValidateOperationRequestResource(id=point.id, properties=inner)
        answer = self.client.operation.validate(**VAULT, parameters=body)
        codes = [one.code for one in answer.validate_operation_response.validation_results]
        same("the codes", codes, ["UserErrorCoreCountSubscriptionQuotaReached"])
        poller = self.client.validate_operation.begin_trigger(**VAULT, parameters=body, polling_interval=1)
        poller.result()
        same("the poller's status", poller.status(), "Succeeded")

    def no_vault(self):
        where = {**VAULT, "vault_name": "absentVault"}
        error = raises(ResourceNotFoundError, lambda: list(self.client.backup_jobs.list(**where)))
        same("the code", error.error.code, "ResourceNotFound")

    def revoked(self):
        client = self.azure.backup(self.version)
        true("it reads", len(list(client.backup_jobs.list(**VAULT))) > 0)
        self.azure.admin("DELETE", "tokens")
        error = raises(ClientAuthenticationError, lambda: list(client.backup_jobs.list(**VAULT)))
        same("the status code", error.status_code, 401)
        true("a challenge comes with it", "WWW-Authenticate" in error.response.headers)
