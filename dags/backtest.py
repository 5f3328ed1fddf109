"""On request: run other rules over past days, and compare what would have fired with the rules in force.

Reads     settled days of the archive, the site's rules
Writes    one page below the reports, seen under Alarms; no alarm, no message, nobody's state
Re-run    always safe: the same question has the same page
Backfill  none: its form asks for the days
When red  docs/runbook.md#backtest
"""

from airflow.sdk import dag

from barograph_airflow.about import about
from barograph_airflow.assets import DERIVED
from barograph_airflow.schedules import BY_HAND, ON_REQUEST, rules_and_days, tagged
from barograph_airflow.steps import step


@dag(params=rules_and_days(), max_active_runs=1, doc_md=about(__doc__, "backtest"), **ON_REQUEST, **tagged(BY_HAND))
def backtest():
    step("backtest", inlets=[DERIVED], minutes=60)


backtest()
