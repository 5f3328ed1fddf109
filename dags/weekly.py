"""Every Monday: once `daily` has settled the last day of last week, publish its report for every site.

Reads     settled days, the alarms
Writes    `reports/<site>/week-<year>-W<week>`; sent to contacts with `reports.weekly`, to folders and to webhooks
Re-run    always safe: the same week has the same bytes, and nobody gets them twice
Backfill  from the UI, for any range of weeks whose days are settled
When red  docs/runbook.md#weekly
"""

from airflow.sdk import dag, task_group

from barograph_airflow.about import about
from barograph_airflow.assets import DERIVED, REPORTS
from barograph_airflow.schedules import HISTORY, NIGHT, done_within, local_week, tagged, week_and_sites
from barograph_airflow.steps import periods, settled, step


@dag(
    schedule=local_week(),
    params=week_and_sites(),
    max_active_runs=1,
    deadline=done_within(12),
    doc_md=about(__doc__, "weekly"),
    **tagged(NIGHT),
)
def weekly():
    @task_group(prefix_group_id=False)
    def each(week):
        waited = settled(week, hours=10)
        reported = step("report", day=week, inlets=[DERIVED], outlets=[REPORTS], pool=HISTORY, minutes=60)

        waited >> reported

    each.expand(week=periods("week"))


weekly()
