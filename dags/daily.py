"""Every night: settle yesterday and publish its report; then the days that late data or the registry made stale.

Reads     the record, the alarms
Writes    derived tables, rollups in InfluxDB, `reports/<site>/<day>`
Re-run    always safe: every step replaces its own day
Backfill  from the UI, for any range of days
When red  docs/runbook.md#daily
"""

from airflow.sdk import dag, task_group

from barograph_airflow.about import about
from barograph_airflow.assets import DERIVED, RECORD, REPORTS, VIEW
from barograph_airflow.schedules import HISTORY, NIGHT, day_and_sites, done_within, local_day, tagged
from barograph_airflow.steps import days, grace, step


@dag(
    schedule=local_day(),
    params=day_and_sites(),
    max_active_runs=4,
    deadline=done_within(6),
    doc_md=about(__doc__, "daily"),
    **tagged(NIGHT),
)
def daily():
    @task_group(prefix_group_id=False)
    def each(day):
        settled = step(
            "settle", day=day, inlets=[RECORD], outlets=[DERIVED, VIEW], pool=HISTORY, minutes=120, at_once=1
        )
        reported = step("report", day=day, inlets=[DERIVED], outlets=[REPORTS], pool=HISTORY, minutes=30, at_once=2)

        settled >> reported

    grace() >> each.expand(day=days())


daily()
