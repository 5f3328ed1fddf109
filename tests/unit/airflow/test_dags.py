from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from .conftest import ROOT, only_home

DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
RUNBOOK = ROOT / "docs" / "runbook.md"

PARSE = """
import sys
from airflow.dag_processing.dagbag import DagBag
import barograph_plugin
bag = DagBag(sys.argv[1])
print([name for name in HEAVY + ("fastapi",) if name in sys.modules])
apps = barograph_plugin.PLUGIN().fastapi_apps
print([name for name in HEAVY if name in sys.modules], len(bag.dags), [app["url_prefix"] for app in apps])
"""
HEAVY = ("pyspark", "matplotlib", "pandas", "deltalake", "pyarrow", "kafka")


@pytest.fixture(scope="module")
def dags(home: Path) -> DagBag:
    with pytest.MonkeyPatch.context() as environment:
        only_home(environment, home)
        return DagBag(str(ROOT / "dags"))


def test_every_dag_imports(dags):
    assert dags.import_errors == {}
    assert sorted(dags.dags) == [
        "backtest",
        "backup",
        "compaction",
        "daily",
        "ingest",
        "maintenance",
        "monthly",
        "weekly",
    ]


def test_every_dag_has_its_steps_in_order(dags):
    daily = dags.dags["daily"]

    assert sorted(daily.task_ids) == ["days", "grace", "report", "settle"]
    assert "settle" in daily.get_task("report").upstream_task_ids
    assert daily.get_task("settle").upstream_task_ids == {"days", "grace"}


@pytest.mark.parametrize("name", ["weekly", "monthly"])
def test_a_longer_report_waits_for_its_last_day_site_by_site(dags, name: str):
    longer = dags.dags[name]

    assert ["periods", "report", "settled"] == sorted(longer.task_ids)
    assert {"settled", "periods"} == longer.get_task("report").upstream_task_ids
    assert "each" == longer.get_task("settled").task_group.group_id
    assert "reschedule" == longer.get_task("settled").mode


def test_a_site_that_fails_does_not_keep_the_others_from_their_report(dags):
    """settle and report of a site are one mapped group: nothing waits for another site."""
    daily = dags.dags["daily"]

    assert daily.get_task("settle").task_group is daily.get_task("report").task_group
    assert daily.get_task("settle").task_group.group_id == "each"


def test_only_one_settles_at_a_time(dags):
    """One history server and one lock; reports of a backfill may overlap with the next settle."""
    assert dags.dags["daily"].get_task("settle").max_active_tis_per_dag == 1
    assert dags.dags["ingest"].max_active_runs == 1


def test_no_schedule_has_empty_intervals(dags):
    """In Airflow 3 a bare "@daily" has start == end, and a backfill of it would settle nothing."""
    kinds = {name: type(dag.timetable).__name__ for name, dag in dags.dags.items()}

    assert kinds == {
        "ingest": "DeltaDataIntervalTimetable",
        "daily": "CronDataIntervalTimetable",
        "weekly": "CronDataIntervalTimetable",
        "monthly": "CronDataIntervalTimetable",
        "backup": "CronDataIntervalTimetable",
        "compaction": "CronDataIntervalTimetable",
        "maintenance": "CronDataIntervalTimetable",
        "backtest": "NullTimetable",
    }


def test_ingest_runs_as_often_as_the_settings_say(settings_here):
    settings_here.setenv("BAROGRAPH_INGEST__INTERVAL", "10")

    ingest = DagBag(str(ROOT / "dags" / "ingest.py")).dags["ingest"]

    assert ingest.timetable.delta.total_seconds() == 10


def test_daily_is_scheduled_in_the_reporting_zone(dags, settings_here):
    """The first site's zone unless the settings name another."""
    settings_here.setenv("BAROGRAPH_REPORTS__TIMEZONE", "Pacific/Auckland")

    moved = DagBag(str(ROOT / "dags" / "daily.py")).dags["daily"]

    assert "Europe/Berlin" in repr(dags.dags["daily"].timetable)
    assert "Pacific/Auckland" in repr(moved.timetable)


def test_only_what_makes_reports_can_be_backfilled(dags):
    forbidden = {
        name
        for name, dag in dags.dags.items()
        if dag.allowed_run_types is not None and "backfill" not in {kind.value for kind in dag.allowed_run_types}
    }

    assert forbidden == {"ingest", "backup", "compaction", "maintenance", "backtest"}


def test_every_form_may_be_left_empty(dags):
    for dag in dags.dags.values():
        dag.params.validate()
        assert {param.value for param in (dag.params.get_param(name) for name in dag.params)} <= {None}


def test_the_form_of_daily_offers_the_sites(dags):
    assert dags.dags["daily"].params.get_param("sites").schema["examples"] == ["demo", "plant"]


def test_a_registry_with_an_error_is_an_import_error_that_names_the_line(home, settings_here, tmp_path):
    (tmp_path / "sites" / "demo").mkdir(parents=True)
    (tmp_path / "sites" / "demo" / "site.yaml").write_text("site: demo\nname: Demo\ntimezone: Europe/Atlantis\n")
    settings_here.setenv("BAROGRAPH_HOME", str(tmp_path))

    (error,) = DagBag(str(ROOT / "dags" / "daily.py")).import_errors.values()

    assert "site.yaml:3" in error


def test_parsing_dags_and_starting_the_pages_imports_nothing_heavy(settings_here):
    """A DAG file is parsed all the time, and every task loads the plugin."""
    script = f"import sys\nsys.path.insert(0, {str(ROOT / 'plugins')!r})\nHEAVY = {HEAVY!r}\n{PARSE}"

    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "dags")], capture_output=True, text=True, timeout=120, check=True
    )

    told = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert told == ["[]", "[] 8 ['/barograph']"]


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_is_a_page_for_a_tired_person(path: Path):
    source = path.read_text()
    tree = ast.parse(source)
    prose = ast.get_docstring(tree) or ""

    assert len(source.splitlines()) < 60
    for word in ("Reads", "Writes", "Re-run", "Backfill", f"docs/runbook.md#{path.stem}"):
        assert word in prose


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_imports_only_airflow_and_our_steps(path: Path):
    tree = ast.parse(path.read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    assert {module.split(".")[0] for module in modules} == {"airflow", "barograph_airflow"}
    assert {module for module in modules if module.startswith("airflow")} == {"airflow.sdk"}


def test_the_runbook_has_a_heading_for_every_dag_and_step(dags):
    headings = set(re.findall(r"^#{2,3} (.+)$", RUNBOOK.read_text(), flags=re.MULTILINE))
    steps = {
        f"{dag.dag_id} / {step}" for dag in dags.dags.values() for step in dag.task_ids if step not in (dag.dag_id,)
    }

    assert set(dags.dags) <= headings
    assert steps <= headings
    assert {f"ingest / {step}" for step in ("drain", "refine", "load", "judge")} <= headings


def test_every_task_tells_when_it_fails_and_when_it_works_again(dags):
    for dag in dags.dags.values():
        for task in dag.tasks:
            assert task.has_on_failure_callback
            assert task.has_on_success_callback


def test_what_people_wait_for_in_the_morning_has_a_deadline(dags):
    """A run that hangs does not fail."""
    with_deadline = {name: [alert.interval for alert in dag.deadline or []] for name, dag in dags.dags.items()}

    assert {name for name, those in with_deadline.items() if those} == {"daily", "weekly", "monthly", "backup"}


def test_every_dag_can_be_found_by_when_it_runs_and_shows_what_flows_where(dags):
    pictures = {path.stem for path in (ROOT / "plugins" / "barograph_airflow" / "ui" / "static").glob("*.svg")}

    for name, dag in dags.dags.items():
        assert {"river"} < dag.tags
        assert f"/barograph/static/{name}.svg" in dag.doc_md
        assert name in pictures


def test_every_task_says_what_it_does_and_belongs_to_somebody(dags):
    for dag in dags.dags.values():
        for task in dag.tasks:
            assert task.task_display_name != task.task_id
            assert task.owner == "barograph"


def test_what_works_on_days_that_are_over_never_takes_the_place_of_ingest(dags):
    """A backfill of a year must not delay a reading."""
    pools = {f"{dag.dag_id} / {task.task_id}": task.pool for dag in dags.dags.values() for task in dag.tasks}

    longer = {"weekly / report", "monthly / report"}
    assert {"daily / settle", "daily / report", "maintenance / maintain", "maintenance / verify"} | longer == {
        name for name, pool in pools.items() if pool == "history"
    }
    assert "default_pool" == pools["ingest / ingest"]


def test_lineage_goes_from_the_sensors_to_the_backup(dags):
    """What one DAG writes another reads, without a hole."""
    tasks = [task for dag in dags.dags.values() for task in dag.tasks]
    read = {asset.name for task in tasks for asset in task.inlets}
    written = {asset.name for task in tasks for asset in task.outlets}

    assert {"sensors"} == read - written
    assert {"backups", "influxdb"} == written - read
    assert {"ingest", "settle"} == {
        task.task_id for task in tasks if "influxdb" in {each.name for each in task.outlets}
    }


def test_the_form_of_daily_says_the_sites_names(dags):
    schema = dags.dags["daily"].params.get_param("sites").schema

    assert {"demo": "Demo shop", "plant": "Plant"} == schema["values_display"]
