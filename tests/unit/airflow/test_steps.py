from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from barograph.errors import ArchiveError, LedgerError, ServiceUnavailable
from barograph.ingest import operations
from barograph.maintenance.upkeep import Upkeep
from barograph.maintenance.verify import Finding
from barograph.state import stale
from barograph_airflow import steps
from barograph_airflow.links import page_id
from barograph_airflow.steps import Days, Grace, Periods, settled, step

pytestmark = pytest.mark.usefixtures("settings_here")


def run(run_type: str, ended: timedelta) -> dict[str, Any]:
    end = datetime.now(UTC) - ended
    return {"dag_run": SimpleNamespace(run_type=run_type, data_interval_end=end), "params": {}}


def test_a_scheduled_run_waits_for_late_readings_without_holding_a_slot():
    context = run("scheduled", ended=timedelta(minutes=5))

    with pytest.raises(TaskDeferred) as deferred:
        Grace(task_id="grace").execute(context)

    assert deferred.value.trigger.moment == context["dag_run"].data_interval_end + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("run_type", "ended"),
    [("scheduled", timedelta(hours=9)), ("manual", timedelta(0)), ("backfill", timedelta(days=300))],
)
def test_nobody_else_waits(run_type: str, ended: timedelta):
    assert Grace(task_id="grace").execute(run(run_type, ended)) is None


def night(run_type: str, **params: Any) -> dict[str, Any]:
    start = datetime(2026, 11, 21, 23, tzinfo=UTC)
    end = start + timedelta(days=1)
    facts = {"data_interval_start": start, "data_interval_end": end, "run_after": end}
    return {"dag_run": SimpleNamespace(run_type=run_type, **facts), "params": params}


def stale_days(monkeypatch: pytest.MonkeyPatch, *days: tuple[str, str]) -> None:
    marks = [stale.Stale(site, date.fromisoformat(day), stale.LATE, 7) for site, day in days]
    monkeypatch.setattr("barograph.state.engine.connect", lambda settings: None)
    monkeypatch.setattr(stale, "marked", lambda engine, site=None: marks)
    monkeypatch.setattr("barograph.history.mark_changed", lambda settings: [])


def test_the_day_of_all_sites_unless_the_form_names_some():
    days = Days(task_id="days")
    both = [{"site": "demo", "day": "2026-11-22"}, {"site": "plant", "day": "2026-11-22"}]

    assert both == days.execute(night("manual", day="2026-11-22"))
    assert both[1:] == days.execute(night("manual", day="2026-11-22", sites=["plant"]))


def test_the_night_also_makes_anew_what_became_stale(monkeypatch: pytest.MonkeyPatch):
    """Late data of Friday changes Friday's report, and nobody has to remember it."""
    stale_days(monkeypatch, ("demo", "2026-11-22"), ("demo", "2026-11-20"), ("moon", "2026-11-19"))

    own = [{"site": "demo", "day": "2026-11-22"}, {"site": "plant", "day": "2026-11-22"}]
    assert [*own, {"site": "demo", "day": "2026-11-20"}] == Days(task_id="days").execute(night("scheduled"))


def test_a_run_by_hand_without_a_day_makes_anew_what_is_stale_too(monkeypatch: pytest.MonkeyPatch):
    """Who has corrected a calibration need not wait for the night."""
    stale_days(monkeypatch, ("demo", "2026-11-20"))

    assert "2026-11-20" in {each["day"] for each in Days(task_id="days").execute(night("manual"))}
    assert {"2026-11-22"} == {each["day"] for each in Days(task_id="days").execute(night("manual", day="2026-11-22"))}


def test_a_backfill_makes_what_it_was_asked_for(monkeypatch: pytest.MonkeyPatch):
    stale_days(monkeypatch, ("demo", "2026-11-20"))

    assert {"2026-11-22"} == {each["day"] for each in Days(task_id="days").execute(night("backfill"))}


def archived(monkeypatch: pytest.MonkeyPatch, *days: tuple[str, str]) -> None:
    """Settled days, as the archive knows them."""

    def derived(_: Any, table: str, site: str, first: date, columns: Any, until: date) -> list[str]:
        return [day for where, day in days if where == site and first.isoformat() <= day <= until.isoformat()]

    monkeypatch.setattr("barograph.archive.Archive.derived", derived)


def monday(run_type: str, **params: Any) -> dict[str, Any]:
    end = datetime(2026, 11, 22, 23, tzinfo=UTC)
    facts = {"data_interval_start": end - timedelta(days=7), "data_interval_end": end, "run_after": end}
    return {"dag_run": SimpleNamespace(run_type=run_type, **facts), "params": params}


def week(site: str, monday: str) -> dict[str, str]:
    return {"site": site, "day": monday, "period": "week"}


def test_a_week_is_of_the_sites_that_had_one(monkeypatch: pytest.MonkeyPatch):
    """Nobody is sent an empty report of a shop that is not open yet, but may ask for it."""
    archived(monkeypatch, ("plant", "2026-11-17"))
    periods = Periods(task_id="periods", kind="week")

    assert [week("plant", "2026-11-16")] == periods.execute(monday("scheduled"))
    assert [week("plant", "2026-11-16")] == periods.execute(monday("backfill"))
    assert [week("demo", "2026-06-15")] == periods.execute(monday("manual", day="2026-06-18", sites=["demo"]))


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the reports that a step made; those of its week and its month are published."""
    made: list[str] = []

    def report(settings: Any, site: Any, period: Any) -> SimpleNamespace:
        made.append(period.key)
        day = {"site": site.site, "day": period.first, "key": period.key, "revision": 2}
        return SimpleNamespace(**day, changed=True, verdict="fine", headline="All fine")

    published = [SimpleNamespace(site=site, key=key) for site in ("demo", "moon") for key in LONGER]
    monkeypatch.setattr("barograph.reports.shelf.longer", lambda settings: published)
    monkeypatch.setattr("barograph.reports.publish.report", report)
    monkeypatch.setattr("barograph.reports.publish.find", lambda settings, site, day, key: key)
    monkeypatch.setattr("barograph.reports.delivery.deliver", lambda settings, found, *_: [f"to {found}"])
    return made


LONGER = ("year-2026", "month-2026-10", "week-2026-W43", "week-2026-W42")


def publish(how: str, day: str = "2026-10-20", **more: str) -> dict[str, Any]:
    run = SimpleNamespace(run_type=how, start_date=datetime(2026, 11, 22, 2, tzinfo=UTC))
    return dict(steps.stages.report(steps.load_settings(), {"dag_run": run}, {"site": "demo", "day": day, **more}))


def test_a_stale_day_makes_its_week_and_month_anew(monkeypatch: pytest.MonkeyPatch, reported: list[str]):
    stale_days(monkeypatch)

    told = publish("scheduled")

    assert ["2026-10-20", "month-2026-10", "week-2026-W43"] == reported
    assert ["to 2026-10-20", "to month-2026-10", "to week-2026-W43"] == told["delivered_to"]


def test_they_wait_for_the_last_of_their_stale_days(monkeypatch: pytest.MonkeyPatch, reported: list[str]):
    """Thirty late days are one more revision of their month."""
    stale_days(monkeypatch, ("demo", "2026-10-02"))

    publish("scheduled")

    assert ["2026-10-20", "week-2026-W43"] == reported


@pytest.mark.parametrize(
    ("how", "local", "expected"),
    [
        ("backfill", {}, "2026-10-20"),
        ("scheduled", {"day": "2026-11-21"}, "2026-11-21"),
        ("scheduled", {"day": "2026-10-19", "period": "week"}, "week-2026-W43"),
    ],
)
def test_other_runs_make_what_they_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, reported: list[str], how: str, local: dict[str, str], expected: str
):
    stale_days(monkeypatch)

    publish(how, **local)

    assert [expected] == reported


def test_a_week_waits_for_its_sunday_on_monday_alone(monkeypatch: pytest.MonkeyPatch):
    """A first run, or one that was asked for, takes the days that there are."""
    archived(monkeypatch, ("plant", "2026-11-21"), ("demo", "2026-11-22"))
    end = monday("scheduled")["dag_run"].data_interval_end

    def waits(site: str, how: str = "scheduled", late: int = 1) -> bool:
        local = week(site, "2026-11-16")
        return not steps.stages.settled(steps.load_settings(), monday(how), local, end + timedelta(hours=late))

    assert waits("plant")
    assert not waits("demo")
    assert not waits("plant", how="backfill")
    assert not waits("plant", late=13)
    assert 36_000 == settled(week("demo", "2026-11-16"), hours=10).timeout


def test_a_site_that_is_not_there_is_named():
    with pytest.raises(AirflowFailException, match=r"No site moon\. There are: demo, plant"):
        Days(task_id="days").execute({"params": {"sites": ["moon"]}})


def test_a_step_returns_the_facts_of_its_stage(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(steps.STAGES, "settle", lambda settings, context, day: {**day, "stored": 7})

    told: list[Any] = []
    monkeypatch.setattr(steps.stages, "tell", lambda settings, step, facts, context: told.append((step, facts)))

    facts = step("settle", day={"site": "demo", "day": "2026-11-22"}).execute({})

    assert (facts["site"], facts["stored"]) == ("demo", 7)
    assert facts["seconds"] >= 0
    [(verb, said)] = told
    assert ("settle", 7) == (verb, said["stored"])


@pytest.mark.parametrize(("pool", "nicer"), [("history", [10]), ("default_pool", [])])
def test_days_that_are_over_take_what_ingest_leaves_of_the_cores(
    monkeypatch: pytest.MonkeyPatch, pool: str, nicer: list[int]
):
    """A slot of its own is not enough where all share two cores."""
    told: list[int] = []
    monkeypatch.setattr(steps.os, "nice", told.append)
    monkeypatch.setitem(steps.STAGES, "report", lambda settings, context, day: {})
    monkeypatch.setattr(steps.stages, "tell", lambda settings, step, facts, context: None)
    monkeypatch.setattr(steps.notes, "leave", lambda settings, context, step, facts: None)

    step("report", day={"site": "demo", "day": "2026-11-22"}, pool=pool).execute({})

    assert told == nicer


def test_how_a_step_went_stands_at_its_runs_end(monkeypatch: pytest.MonkeyPatch):
    """A run that is cleared says it again at the same place; `ingest` says more, and by itself."""
    end = datetime(2026, 11, 22, tzinfo=UTC)
    monkeypatch.setitem(steps.STAGES, "report", lambda settings, context, day: {**day, "revision": 2})
    monkeypatch.setitem(steps.STAGES, "ingest", lambda settings, context, _: {"read": 1})
    monkeypatch.setattr(steps.notes, "leave", lambda *_: None)
    lines: list[str] = []
    monkeypatch.setattr(operations.points, "post", lambda settings, told: lines.extend(told) or [])
    run = SimpleNamespace(dag_id="daily", run_type="scheduled", data_interval_end=end, run_after=end)

    for verb, day in (("report", {"site": "demo", "day": "2026-11-21"}), ("ingest", None)):
        step(verb, day=day).execute({"dag_run": run, "params": {}})

    [line] = lines
    assert line.startswith("steps,dag=daily,site=demo,step=report revision=2.0,seconds=")
    assert line.endswith(" 1795305600000000")


def test_what_a_person_must_look_at_is_not_tried_again(monkeypatch: pytest.MonkeyPatch):
    def disagrees(*_: Any):
        raise LedgerError("read 10, stored 9")

    monkeypatch.setitem(steps.STAGES, "ingest", disagrees)

    with pytest.raises(AirflowFailException, match="read 10, stored 9"):
        step("ingest").execute({})


def test_a_server_that_does_not_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch):
    def away(*_: Any):
        raise ServiceUnavailable("Kafka does not answer")

    monkeypatch.setitem(steps.STAGES, "ingest", away)

    with pytest.raises(ServiceUnavailable):
        step("ingest").execute({})


@pytest.mark.parametrize("key", ["2026-11-22", "week-2026-W47"])
def test_the_button_on_a_report_leads_to_its_page_in_airflow(monkeypatch: pytest.MonkeyPatch, key: str):
    made = {"site": "demo", "day": "2026-11-22", "key": key}
    monkeypatch.setattr("airflow.sdk.execution_time.xcom.XCom.get_value", lambda **_: made)
    task = step("report", day={"site": "demo", "day": "2026-11-22"})

    (link,) = task.operator_extra_links

    assert link.name == "Report"
    assert link.get_link(task, ti_key=None) == f"/plugin/barograph/barograph/reports/{page_id('demo', key)}"


def test_a_report_that_was_not_made_has_no_page(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("airflow.sdk.execution_time.xcom.XCom.get_value", lambda **_: None)
    task = step("report", day={"site": "demo", "day": "2026-11-22"})

    assert task.operator_extra_links[0].get_link(task, ti_key=None) == ""


def test_a_kill_on_request_ends_the_step_s_work_on_spark(monkeypatch: pytest.MonkeyPatch):
    """A cleared task must not leave its job on the server that the next batch needs."""
    from barograph import spark

    told: list[str] = []
    monkeypatch.setattr(spark, "interrupt", lambda: told.append("interrupted"))

    step("settle", day={"site": "demo", "day": "2026-11-22"}).on_kill()

    assert ["interrupted"] == told


def test_an_archive_that_is_not_whole_is_named_and_not_tried_again(monkeypatch: pytest.MonkeyPatch):
    """A reading that is gone does not come back by waiting: somebody has to look."""
    found = [Finding("ledger", "batch 7", False, "the record has 4 readings of 6"), Finding("files", "days", True, "")]
    monkeypatch.setattr("barograph.maintenance.verify.verify", lambda settings: found)

    with pytest.raises(
        AirflowFailException, match=r"batch 7: the record has 4 readings of 6.*barograph archive verify"
    ):
        step("verify").execute({})


@pytest.mark.parametrize("verb", ["maintain", "compact"])
def test_a_day_that_stays_crowded_is_tried_again(monkeypatch: pytest.MonkeyPatch, verb):
    crowded = Upkeep("readings", (900, 900), (9, 9), (1, 1), over=["2026-11-22: 900 files"])
    monkeypatch.setattr(f"barograph.maintenance.upkeep.{verb}", lambda settings, now=None: [crowded])

    with pytest.raises(ArchiveError, match="readings 2026-11-22: 900 files"):
        step(verb).execute(run("scheduled", timedelta(0)))
