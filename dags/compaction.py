"""Every hour: join the many small files that today's batches left, so that no day ever has more than some hundred.

Reads     the record
Writes    the same rows in fewer files; nothing is deleted
Re-run    always safe: what is compact already is left as it is
Backfill  none: it is about how the archive is now
When red  docs/runbook.md#compaction
"""

from airflow.sdk import dag

from barograph_airflow.about import about
from barograph_airflow.assets import RECORD
from barograph_airflow.schedules import LIVE, NO_BACKFILL, every_hour, tagged
from barograph_airflow.steps import step


@dag(schedule=every_hour(), max_active_runs=1, doc_md=about(__doc__, "compaction"), **NO_BACKFILL, **tagged(LIVE))
def compaction():
    step("compact", inlets=[RECORD], outlets=[RECORD], minutes=30)


compaction()
