"""Facts about restores of every type, followed by Microsoft's own poller."""

import datetime
import uuid

from azure.mgmt.recoveryservicesbackup import models

from emulator import VAULT, Machine
from table import same, true

TYPES = ("RestoreDisks", "AlternateLocation", "OriginalLocation")
JOB_TYPES = {
    "RestoreDisks": "Recover disks",
    "AlternateLocation": "Recover VM to an alternate location",
    "OriginalLocation": "Replace disks",
}


class Started:
    """A restore that the SDK's poller has followed to the end of its operation."""

    def __init__(self, machine, client, request):
        self.request_id = str(uuid.uuid4())
        self.answers = []
        poller = client.restores.begin_trigger(
            **machine.item,
            recovery_point_id=request.recovery_point_id,
            parameters=models.RestoreRequestResource(properties=request),
            headers={"x-ms-client-request-id": self.request_id},
            raw_response_hook=self.answers.append,
            # Reads of a status carry no Retry-After; the SDK's own pause would be 30 seconds.
            polling_interval=1,
        )
        poller.result()
        self.poller = poller
        answers = [answer.http_response for answer in self.answers]
        self.headers = next(answer.headers for answer in answers if answer.status_code == 202)
        self.operation = last_part(self.headers["Azure-AsyncOperation"])
        same("the operation of both addresses", last_part(self.headers["Location"]), self.operation)

    @property
    def job(self):
        """The job that the status of the operation named."""
        return self.answers[-2].http_response.json()["properties"]["jobId"]


def request(machine, kind, name):
    """A restore of this type; `name` is the new VM's."""
    azure = machine.azure
    storage = "resourceGroups/testRG/providers/Microsoft.Storage/storageAccounts/testAccount"
    network = f"{azure.subscription}/resourceGroups/testRG/providers/Microsoft.Network/virtualNetworks/testNet"
    fields = {
        "recovery_point_id": "1001",
        "recovery_type": kind,
        "source_resource_id": machine.id,
        "storage_account_id": f"{azure.subscription}/{storage}",
        "region": "westus",
        "create_new_cloud_service": False,
        "original_storage_account_option": False,
    }
    if kind != "OriginalLocation":
        fields["target_resource_group_id"] = f"{azure.subscription}/resourceGroups/restores"
    if kind == "AlternateLocation":
        machines = "resourceGroups/restores/providers/Microsoft.Compute/virtualMachines"
        fields["target_virtual_machine_id"] = f"{azure.subscription}/{machines}/{name}"
        fields["virtual_network_id"] = network
        fields["subnet_id"] = f"{network}/subnets/default"
    return models.IaasVMRestoreRequest(**fields)


def check_restores(table, azure, version, client):
    for kind in TYPES:
        OneType(azure, version, client, kind).check(table)

    def disks_of(fields):
        """How many disks a restore with these fields brings back."""
        machine = azure.protect("sdk-chosen", operation={"inProgress": "0s"}, duration="1m")
        wanted = request(machine, "RestoreDisks", "unused")
        for field, value in fields.items():
            setattr(wanted, field, value)
        started = Started(machine, client, wanted)
        azure.advance("2m")
        job = client.job_details.get(**VAULT, job_name=started.job)
        same("the status", job.properties.status, "Completed")
        return len(restored_disks(azure, started.job))

    def chosen_disks():
        same("the disks of an empty list", disks_of({"restore_disk_lun_list": []}), 1)
        same("the disks of a list", disks_of({"restore_disk_lun_list": [0]}), 2)

    def rehydrated():
        machine = Machine(azure, "archived-1")
        point = next(iter(client.recovery_points.list(**machine.item))).name
        fields = dict(request(machine, "RestoreDisks", "unused"))
        info = models.RecoveryPointRehydrationInfo(
            rehydration_retention_duration="P10D", rehydration_priority="Standard"
        )
        wanted = models.IaasVMRestoreWithRehydrationRequest(fields)
        wanted.object_type = "IaasVMRestoreWithRehydrationRequest"
        wanted.recovery_point_id = point
        wanted.recovery_point_rehydration_info = info
        same("the poller's status", Started(machine, client, wanted).poller.status(), "Succeeded")
        sent = azure.accepted()[-1]["body"]["properties"]
        same("the priority", sent["recoveryPointRehydrationInfo"]["rehydrationPriority"], "Standard")

    table.check(version, "RestoreDisks: disks are chosen by their LUNs", azure, chosen_disks)
    if version != "2019-05-13":
        table.check(version, "RestoreDisks: an archived point is rehydrated", azure, rehydrated)


class OneType:
    """The facts about one type of restore, each of which goes on from the last one."""

    def __init__(self, azure, version, client, kind):
        self.azure, self.version, self.client, self.kind = azure, version, client, kind
        self.copy = f"copy-{kind}-{version}"
        # Long enough that the poller has to wait as Azure asked; the clock is moved for the job.
        behaviour = {"operation": {"inProgress": "1500ms"}, "duration": "2m"}
        self.machine = azure.protect(f"sdk-{kind}", **behaviour)
        self.started = None

    def check(self, table):
        facts = [
            ("the SDK's poller follows it to the end", self.is_followed),
            ("status and result are read at both addresses", self.both_addresses),
            ("its job runs, with its tasks", self.job_runs),
            ("its job completes and names what there is", self.job_completes),
            ("it has had its effect", self.has_effect),
        ]
        for fact, act in facts:
            table.check(self.version, f"{self.kind}: {fact}", self.azure, act)

    def is_followed(self):
        before = len(self.azure.accepted())
        self.started = Started(self.machine, self.client, request(self.machine, self.kind, self.copy))
        same("the poller's status", self.started.poller.status(), "Succeeded")
        calls = self.azure.calls()
        names = [call["operation"] for call in calls]
        statuses = names.count("GetItemOperationStatus")
        true(f"the status was asked for again ({names})", statuses >= 2)
        expected = ["TriggerRestore"] + ["GetItemOperationStatus"] * statuses + ["GetItemOperationResult"]
        same("the calls", names, expected)
        same("the api-versions", {call["apiVersion"] for call in calls}, {self.version})
        same("the request ids", {call["clientRequestId"] for call in calls}, {self.started.request_id})
        accepted = self.azure.accepted()[before:]
        same("the restores in Azure's ledger", len(accepted), 1)
        same("the wait that was asked for", self.started.headers["Retry-After"], "60")
        same("the job", accepted[0]["caused"]["jobId"], self.started.job)

    def both_addresses(self):
        operation = {"operation_id": self.started.operation}
        of_vault = self.client.backup_operation_statuses.get(**VAULT, **operation)
        of_item = self.client.protected_item_operation_statuses.get(**self.machine.item, **operation)
        for status in (of_vault, of_item):
            same("the status", status.status, "Succeeded")
            same("the kind", type(status.properties), models.OperationStatusJobExtendedInfo)
            same("the job", status.properties.job_id, self.started.job)
            true("it has ended", status.end_time >= status.start_time)
        same("the result", self.client.backup_operation_results.get(**VAULT, **operation), None)
        result = self.client.protected_item_operation_results.get(**self.machine.item, **operation)
        same("the result", result, None)

    def read_job(self):
        job = self.client.job_details.get(**VAULT, job_name=self.started.job).properties
        same("the kind", type(job), models.AzureIaaSVMJob)
        return job

    def job_runs(self):
        job = self.read_job()
        same("the job", (job.operation, job.status), ("Restore", "InProgress"))
        same("its activity", job.activity_id, self.started.request_id)
        same("the VM", job.entity_friendly_name.lower(), self.machine.name.lower())
        true("there is no end yet", job.end_time is None)
        true("it has tasks", len(job.extended_info.tasks_list) >= 1)
        true("it tells its progress", 0 <= job.extended_info.progress_percentage < 100)

    def job_completes(self):
        self.azure.advance("3m")
        job = self.read_job()
        same("the status", job.status, "Completed")
        same("the duration", duration(job.duration), datetime.timedelta(minutes=2))
        same("the tasks", {task.status for task in job.extended_info.tasks_list}, {"Completed"})
        bag = job.extended_info.property_bag
        same("the kind of job", bag["Job Type"], JOB_TYPES[self.kind])
        if self.kind == "RestoreDisks":
            for key in ("Config Blob Name", "Config Blob Container Name", "Config Blob Uri", "Template Blob Uri"):
                true(f"the property bag has {key}", bag.get(key))

    def has_effect(self):
        same("the restored disks", len(restored_disks(self.azure, self.started.job)), 2)
        effects = self.azure.admin("GET", "effects")
        machines = [str(machine) for machine in effects["virtualMachines"]]
        is_made = any(self.copy in machine for machine in machines)
        same("there is the new VM", is_made, self.kind == "AlternateLocation")


def restored_disks(azure, job):
    """The disks that carry the tag of this job."""
    return [disk for disk in azure.admin("GET", "effects")["disks"] if job in str(disk.get("tags"))]


def duration(value):
    """The SDK hands back what it cannot read as text."""
    if isinstance(value, datetime.timedelta):
        return value
    raise AssertionError(f"the SDK cannot read the duration {value!r}")


def last_part(address):
    return address.split("?")[0].rsplit("/", 1)[-1]
