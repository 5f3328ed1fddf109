"""Every night: keep the archive small and fast, and prove that it is whole.

Reads     the record, the derived tables, the ledger
Writes    the same rows in fewer files; deletes files and log entries that nobody can be reading any more, and messages
          of half a year ago
Re-run    always safe: what is compact already is left as it is
Backfill  none: it is about how the archive is now
When red  docs/runbook.md#maintenance
"""

from airflow.sdk import dag

from barograph_airflow.about import about
from barograph_airflow.assets import DERIVED, RECORD
from barograph_airflow.schedules import HISTORY, NIGHT, NO_BACKFILL, before_dawn, tagged
from barograph_airflow.steps import step


@dag(schedule=before_dawn(), max_active_runs=1, doc_md=about(__doc__, "maintenance"), **NO_BACKFILL, **tagged(NIGHT))
def maintenance():
    maintained = step("maintain", inlets=[RECORD, DERIVED], pool=HISTORY, minutes=120)
    verified = step("verify", inlets=[RECORD, DERIVED], pool=HISTORY, minutes=120)

    maintained >> verified


maintenance()
