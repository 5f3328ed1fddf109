"""On the first of a month: once `daily` has settled the last day of the last one, publish its report for every site.

Reads     settled days, the alarms
Writes    `reports/<site>/month-<year>-<month>`; sent to contacts with `reports.monthly`, to folders and to webhooks
Re-run    always safe: the same month has the same bytes, and nobody gets them twice
Backfill  from the UI, for any range of months whose days are settled
When red  docs/runbook.md#monthly
"""

from airflow.sdk import dag, task_group

from barograph_airflow.about import about
from barograph_airflow.assets import DERIVED, REPORTS
from barograph_airflow.schedules import HISTORY, NIGHT, done_within, local_month, month_and_sites, tagged
from barograph_airflow.steps import periods, settled, step


@dag(
    schedule=local_month(),
    params=month_and_sites(),
    max_active_runs=1,
    deadline=done_within(12),
    doc_md=about(__doc__, "monthly"),
    **tagged(NIGHT),
)
def monthly():
    @task_group(prefix_group_id=False)
    def each(month):
        waited = settled(month, hours=10)
        reported = step("report", day=month, inlets=[DERIVED], outlets=[REPORTS], pool=HISTORY, minutes=120)

        waited >> reported

    each.expand(month=periods("month"))


monthly()
