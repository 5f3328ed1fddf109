"""Every minute: bring what the sensors sent into the record, and act on it.

Reads     the Kafka topics `readings` and `rejects`, from where the last batch ended
Writes    the record, InfluxDB, alarms, one line of the ledger
Re-run    always safe: a cleared run redoes its own batch and nothing else
Backfill  none: what was missed is in Kafka, and the next run takes it
When red  docs/runbook.md#ingest
"""

from airflow.sdk import dag

from barograph_airflow.about import about
from barograph_airflow.assets import RECORD, SENSORS, VIEW
from barograph_airflow.schedules import LIVE, NO_BACKFILL, at_most, every_interval, tagged
from barograph_airflow.steps import step


@dag(
    schedule=every_interval(),
    params=at_most(),
    max_active_runs=1,
    doc_md=about(__doc__, "ingest"),
    **NO_BACKFILL,
    **tagged(LIVE),
)
def ingest():
    step("ingest", inlets=[SENSORS], outlets=[RECORD, VIEW], minutes=15)


ingest()
