"""Facts about jobs: filters, pages, ends that are not success, cancellation."""

import datetime

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.recoveryservicesbackup import models

from discovery import text
from emulator import VAULT
from restores import Started, last_part, request
from table import raises, same, true


def check_jobs(table, azure, version, client):
    chapter = Jobs(azure, version, client)
    facts = [
        ("a job that fails tells code, reason and remedy", chapter.failed),
        ("a job completes with warnings", chapter.warned),
        ("a job that somebody cancels is Cancelling, then Cancelled", chapter.cancelled),
        ("a job that has ended cannot be cancelled", chapter.too_late),
        ("jobs are listed by operation and status", chapter.by_status),
        ("jobs are listed between two times", chapter.by_time),
        ("a job is listed by its id", chapter.by_id),
        ("jobs come in pages, with the filter", chapter.pages),
        ("a job that does not exist is not found", chapter.unknown),
    ]
    for fact, act in facts:
        table.check(version, fact, azure, act)


class Jobs:
    """Each fact goes on from the jobs that the last ones left."""

    def __init__(self, azure, version, client):
        self.azure, self.version, self.client = azure, version, client
        self.ended = {}

    def start(self, name, **behaviour):
        machine = self.azure.protect(name, operation={"inProgress": "0s"}, **behaviour)
        return Started(machine, self.client, request(machine, "RestoreDisks", "unused")).job

    def read(self, job):
        return self.client.job_details.get(**VAULT, job_name=job).properties

    def listed(self, wanted=None):
        found = list(self.client.backup_jobs.list(**VAULT, filter=wanted))
        true("every job is one of a VM", all(type(one.properties) is models.AzureIaaSVMJob for one in found))
        return found

    def failed(self):
        job = self.start("sdk-fails", error="UserErrorBCMRestoreStorageAccountNotFound", duration="1m")
        self.azure.advance("2m")
        read = self.read(job)
        same("the status", read.status, "Failed")
        error = read.error_details[0]
        same("the code", error.error_code, 400048)
        true("there is a text", "doesn't exist" in error.error_string)
        true("there is a remedy", len(error.recommendations) >= 1)
        self.ended["Failed"] = job

    def warned(self):
        job = self.start("sdk-warns", error="UserErrorDiskTagsNotRestored", duration="1m")
        self.azure.advance("2m")
        same("the status", self.read(job).status, "CompletedWithWarnings")
        self.ended["CompletedWithWarnings"] = job

    def cancelled(self):
        job = self.start("sdk-cancelled", duration="1h")
        answers = []
        self.client.job_cancellations.trigger(**VAULT, job_name=job, raw_response_hook=answers.append)
        headers = answers[0].http_response.headers
        operation = {"job_name": job, "operation_id": last_part(headers["Location"])}
        codes = []
        result = self.client.job_operation_results.get

        def note(answer):
            codes.append(answer.http_response.status_code)
            again = answer.http_response.headers.get("Location", "")
            same("the 202 says where to ask again", operation["operation_id"] in again, codes[-1] == 202)

        result(**VAULT, **operation, raw_response_hook=note)
        same("the status", self.read(job).status, "Cancelling")
        self.azure.advance("1m")
        result(**VAULT, **operation, raw_response_hook=note)
        same("the results", codes, [202, 204])
        same("the status", self.read(job).status, "Cancelled")
        self.ended["Cancelled"] = job

    def too_late(self):
        job = self.ended["Cancelled"]
        error = raises(HttpResponseError, lambda: self.client.job_cancellations.trigger(**VAULT, job_name=job))
        same("the status code", error.status_code, 400)
        same("the error's code", error.error.code, "BMSUserErrorJobNotCancellable")

    def by_status(self):
        running = self.start("sdk-runs", duration="1h")
        found = self.listed("operation eq 'Restore' and status eq 'InProgress'")
        true("the running job is listed", running in [one.name for one in found])
        same("the statuses", {one.properties.status for one in found}, {"InProgress"})
        for status, job in self.ended.items():
            wanted = f"backupManagementType eq 'AzureIaasVM' and operation eq 'Restore' and status eq '{status}'"
            found = self.listed(wanted)
            true(f"the job is listed as {status}", job in [one.name for one in found])
            same("the statuses", {one.properties.status for one in found}, {status})
        same("backup jobs", self.listed("operation eq 'Backup'"), [])
        self.azure.advance("2h")

    def by_time(self):
        failed = self.read(self.ended["Failed"])
        minute = datetime.timedelta(minutes=1)
        start, end = text(failed.start_time - minute), text(failed.start_time + minute)
        found = self.listed(f"startTime eq '{start}' and endTime eq '{end}'")
        true("the job is listed", self.ended["Failed"] in [one.name for one in found])
        before = text(failed.start_time - datetime.timedelta(days=9))
        same("earlier jobs", self.listed(f"startTime eq '{before}' and endTime eq '{text(self.start_of_all())}'"), [])

    def start_of_all(self):
        """A minute before the first job of this emulator."""
        first = min(one.properties.start_time for one in self.listed())
        return first - datetime.timedelta(minutes=1)

    def by_id(self):
        job = self.ended["Failed"]
        same("the jobs", [one.name for one in self.listed(f"jobId eq '{job}'")], [job])

    def pages(self):
        everything = {one.name for one in self.listed("operation eq 'Restore'")}
        self.azure.admin("PATCH", "scenario", {"service": {"pageSize": {"jobs": 2}}})
        self.azure.forget_calls()
        try:
            found = [one.name for one in self.listed("operation eq 'Restore'")]
        finally:
            calls = self.azure.calls()
            self.azure.admin("PATCH", "scenario", {"service": {"pageSize": {"jobs": 200}}})
        same("the jobs", sorted(found), sorted(everything))
        same("the pages", len(calls), (len(everything) + 1) // 2)
        same("the filters", {call["filter"] for call in calls}, {"operation eq 'Restore'"})
        same("the api-versions", {call["apiVersion"] for call in calls}, {self.version})

    def unknown(self):
        job = "00000000-0000-4000-8000-00000000dead"
        raises(ResourceNotFoundError, lambda: self.read(job))
