"""Every minute: bring what the sensors sent into the record, and act on it.

Reads     the Kafka topics `readings` and `rejects`, from where the last batch ended
Writes    the record, InfluxDB, alarms, one line of the ledger
Re-run    always safe: a cleared run redoes its own batch and nothing else
Backfill  none: what was missed is in Kafka, and the next run takes it
When red  docs/runbook.md#ingest
"""

from airflow.sdk import dag

from barograph_airflow.assets import RECORD
from barograph_airflow.schedules import DEFAULTS, NO_BACKFILL, at_most, every_interval
from barograph_airflow.steps import step


@dag(schedule=every_interval(), params=at_most(), max_active_runs=1, doc_md=__doc__, **NO_BACKFILL, **DEFAULTS)
def ingest():
    step("ingest", outlets=[RECORD], minutes=15)


ingest()
