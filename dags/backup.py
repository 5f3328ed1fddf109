"""Every night: put databases, record, site folders and reports into the encrypted repository, and check it.

Reads     both databases, the record, site folders, reports
Writes    one snapshot in the backup repository; old ones go by the retention in the settings
Re-run    always safe: what is unchanged is stored once
Backfill  none: a backup is of now
When red  docs/runbook.md#backup
"""

from airflow.sdk import dag

from barograph_airflow.about import about
from barograph_airflow.assets import BACKUPS, RECORD, REPORTS
from barograph_airflow.schedules import NIGHT, NO_BACKFILL, done_within, nightly, tagged
from barograph_airflow.steps import step


@dag(
    schedule=nightly(),
    max_active_runs=1,
    deadline=done_within(6),
    doc_md=about(__doc__, "backup"),
    **NO_BACKFILL,
    **tagged(NIGHT),
)
def backup():
    step("backup", inlets=[RECORD, REPORTS], outlets=[BACKUPS], minutes=120)


backup()
