"""Backups: what cannot be made again (databases, record, sites, reports), encrypted in a restic repository.

store.py      databases -> record -> sites, settings, reports -> restic -> check -> retention
restoring.py  a snapshot -> an empty folder, or new databases; verified
live.py       a snapshot -> the place of what is live, which is kept aside

InfluxDB, derived/ and Kafka are not in it: view, cache and buffer. Secrets are not in it either; without the one named
restic_password no backup can be read, so keep a copy of it elsewhere.
"""

from barograph.backups.live import LiveSummary, restore_live
from barograph.backups.restic import Snapshot
from barograph.backups.restoring import RestoreSummary, restore, restore_databases, verify
from barograph.backups.store import BackupSummary, backup, listing

__all__ = [
    "BackupSummary",
    "LiveSummary",
    "RestoreSummary",
    "Snapshot",
    "backup",
    "listing",
    "restore",
    "restore_databases",
    "restore_live",
    "verify",
]
