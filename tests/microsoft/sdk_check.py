"""Microsoft's own Python SDK against the Azure emulator: what `make sdk-check` runs.

Reads the lines that two emulators print when they are ready from standard input: first one whose clock is the real
one, then one whose clock is faster. Prints a table of the facts that were checked and ends with 1 if one does not hold.
"""

import json
import logging
import sys
from importlib.metadata import version as installed

from azure_side import AzureSide
from discovery import check_items_and_points, check_vaults
from jobs import check_jobs
from restores import check_restores
from table import Table
from trouble import check_fast_clock, check_sign_in, check_trouble

PACKAGES = ("azure-identity", "azure-mgmt-recoveryservices", "azure-mgmt-recoveryservicesbackup")
ARTICLE = "2019-05-13"


def main():
    # azure-identity warns of every refused token; here some are refused on purpose.
    logging.getLogger("azure.identity").setLevel(logging.ERROR)
    azure, fast = (AzureSide(json.loads(line)) for line in sys.stdin if line.strip())
    python = ".".join(str(part) for part in sys.version_info[:3])
    print(f"Python {python}, " + ", ".join(f"{name} {installed(name)}" for name in PACKAGES))
    table = Table("API-VERSION")
    check_vaults(table, azure)
    check_sign_in(table, azure)
    own = azure.backup()._config.api_version  # pylint: disable=protected-access
    for version in (ARTICLE, own):
        client = azure.backup(version if version == ARTICLE else None)
        check_items_and_points(table, azure, version, client)
        check_restores(table, azure, version, client)
        check_jobs(table, azure, version, client)
        check_trouble(table, azure, version, client)
        check_fast_clock(table, fast, version, fast.backup(version if version == ARTICLE else None))
    table.print()
    return 1 if table.deviations else 0


if __name__ == "__main__":
    sys.exit(main())
