"""A settled day is a function of the record: counted, flagged, summed up, and the same when done again."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from tests.services.river import River, opened

from barograph.errors import LedgerError
from barograph.history import mark_changed
from barograph.registry import choose_site
from barograph.reports.publish import report
from barograph.settle import settle
from barograph.stack import environment
from barograph.state import engine, stale
from barograph.transforms import cleaning
from barograph.windows import Window

DAY = (datetime.now(UTC) - timedelta(days=2)).date()


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        yield own


def a_day(river: River):
    """A local day at one reading in ten minutes, a gap of two hours, an impossible value, one frame sent twice."""
    start = Window.local_day(DAY, "Europe/Berlin").start
    frames = []
    for n in range(-3, 147):
        if 30 <= n < 42:
            continue
        value = 500.0 if n == 50 else 4.0 + n % 7 / 10
        time = (start + timedelta(minutes=10 * n)).isoformat()
        frames.append(river.frame(0, value, seq=n + 3, time=time, historical=True))
    return [*(frames[place : place + 50] for place in range(0, len(frames), 50)), frames[20]]


def derived(river, *tables):
    return {table: river.archive.derived(table, river.name, DAY).to_pylist() for table in tables}


def test_a_day_balances_and_holds_what_was_measured_in_it(river):
    """144 ten-minute steps less twelve of the gap; the readings of the neighbouring days stay outside."""
    river.send(*a_day(river))
    river.ingest()

    summary = settle(river.settings, choose_site(river.settings.sites_folder, None), DAY)

    assert {"read": 133, "stored": 132, "duplicate": 1, "rejected": 0} == {
        name: summary.counts[name] for name in ("read", "stored", "duplicate", "rejected")
    }
    [whole] = [row for row in derived(river, "rollups")["rollups"] if row["period"] == "day"]
    assert (132, 131, 1, 4.0, 4.6) == (whole["count"], whole["good"], whole["fail"], whole["min"], whole["max"])
    assert 132 == len(river.points("readings"))
    periods = {point["period"] for point in river.points("rollups")}
    assert {"hour", "day"} == periods


def test_a_day_that_lost_a_reading_on_its_way_is_not_settled(river, monkeypatch):
    """The record is counted without Spark: whatever refining drops in silence shows in the sums."""
    site = choose_site(river.settings.sites_folder, None)
    river.send(*a_day(river))
    river.ingest()
    honest = cleaning.refined
    monkeypatch.setattr(cleaning, "refined", lambda *given: honest(*given).where("abs(value - 4.1) > 1e-9"))

    with pytest.raises(LedgerError, match="does not balance: the record has 133 readings"):
        settle(river.settings, site, DAY)

    assert [] == river.archive.derived("days", river.name, DAY).to_pylist()


def test_settling_again_changes_nothing(river):
    """Clearing `settle` and `report` any number of times: the same tables, points, files and revision."""
    site = choose_site(river.settings.sites_folder, None)
    river.send(*a_day(river))
    river.ingest()
    settle(river.settings, site, DAY)
    first = report(river.settings, site, DAY)
    files = contents(first.folder)
    before = derived(river, "refined", "windows", "rollups", "days"), river.points("rollups")

    settle(river.settings, site, DAY)
    again = report(river.settings, site, DAY)

    assert before == (derived(river, "refined", "windows", "rollups", "days"), river.points("rollups"))
    assert (1, False) == (again.revision, again.changed)
    assert files == contents(again.folder)


@pytest.fixture(scope="module")
def never_killed(services):
    with opened(services.settings) as river:
        river.send(*a_day(river))
        river.ingest()
        settle(river.settings, choose_site(river.settings.sites_folder, None), DAY)
        return settled(river)


def settled(river):
    """The tables and points of the day; rivers differ in their names, and in nothing else."""
    days = [{**row, "inputs": "a hash of the name too"} for row in derived(river, "days")["days"]]
    told = derived(river, "refined", "windows", "rollups"), days, river.points("readings"), river.points("rollups")
    return str(told).replace(river.name, "river")


@pytest.mark.parametrize("before", ["_balanced", "_load", "_written", "_another"])
def test_a_settlement_that_is_killed_anywhere_ends_as_one_that_was_not(river, never_killed, monkeypatch, before):
    """Before anything is written, beside the tables, before they are counted, before the sums say that it is whole."""
    site = choose_site(river.settings.sites_folder, None)
    river.send(*a_day(river))
    river.ingest()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(f"barograph.settle.{before}", killed)
        settle(river.settings, site, DAY)
    assert [] == derived(river, "days")["days"], "a day that stands there is whole"

    settle(river.settings, site, DAY)

    assert never_killed == settled(river)


def killed(*_, **__):
    raise Killed


class Killed(Exception):
    pass


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_spark_submit_settles_a_day_as_the_server_does(river):
    """One function, two ways to a session: the tables are written anew, and they are the same."""
    river.send(*a_day(river))
    river.ingest()
    settle(river.settings, choose_site(river.settings.sites_folder, None), DAY)
    before, version = derived(river, "refined", "windows", "rollups", "days"), version_of(river, "refined")
    job = [str(environment.CHECKOUT / "spark_jobs" / "settle.py"), "--site", river.name, "--day", DAY.isoformat()]

    done = subprocess.run(
        [sys.executable, str(environment.FILES / "spark" / "submit.py"), "--master", "local[2]", *QUICK, *job],
        env={**os.environ, **environment.barograph(river.settings), "BAROGRAPH_SPARK__HISTORY": "sc://nowhere:1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout[-3000:] + done.stderr[-1000:]
    assert version < version_of(river, "refined")
    assert before == derived(river, "refined", "windows", "rollups", "days")


# Seconds of work: what the second compiler saves, it costs.
QUICK = ("--driver-java-options", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


def version_of(river, table):
    return river.archive._table(table).version()


def test_late_data_makes_a_new_revision(river):
    """The old page stays as it was; the new one says what is known now."""
    site = choose_site(river.settings.sites_folder, None)
    river.send(*a_day(river))
    river.ingest("first")
    settle(river.settings, site, DAY)
    report(river.settings, site, DAY)
    noon = (Window.local_day(DAY, "Europe/Berlin").start + timedelta(hours=5, minutes=30)).isoformat()
    assert [] == why_stale(river)
    river.send(river.frame(0, 4.4, seq=999, time=noon))
    [late] = river.ingest("second")
    assert [(DAY, "late data", False)] == why_stale(river)
    assert late.steps["drain"]["late_worst"] > 86_400

    settle(river.settings, site, DAY)

    assert [(DAY, "late data", True)] == why_stale(river), "the report is still of before"
    assert (2, True) == ((made := report(river.settings, site, DAY)).revision, made.changed)
    assert [] == why_stale(river)


def test_a_changed_registry_makes_its_days_anew_and_leaves_nothing_of_before(river):
    """The fridge stood at the door, and the registry said at the wall: the mended day has no point at the wall.

    The alarm of that day is still shown beside its readings.
    """
    places = river.settings.sites_folder / river.name / "site.yaml"
    early = Window.local_day(DAY, "Europe/Berlin").start + timedelta(hours=5, minutes=30)
    warm = [
        river.frame(0, 9.5, seq=900 + n, time=(early + timedelta(seconds=30 * n)).isoformat(), historical=True)
        for n in range(4)
    ]
    river.send(*a_day(river), warm)
    river.ingest()
    alarms = river.points("readings", "alarm")
    assert {"opened", "cleared"} == {point["transition"] for point in alarms}
    settle(river.settings, choose_site(river.settings.sites_folder, None), DAY)
    assert (river.name, DAY) not in mark_changed(river.settings)
    places.write_text(places.read_text().replace("zone: wall", "zone: door"))

    assert (river.name, DAY) in mark_changed(river.settings)
    settle(river.settings, choose_site(river.settings.sites_folder, None), DAY)

    assert (DAY, stale.REGISTRY, True) in why_stale(river)
    assert alarms == river.points("readings", "alarm")
    assert {"door"} == {point["zone"] for bucket in ("readings", "rollups") for point in river.points(bucket)}
    assert (river.name, DAY) not in mark_changed(river.settings)


def why_stale(river):
    marks = stale.marked(engine.connect(river.settings))
    return [(mark.day, mark.why, mark.settled) for mark in marks if mark.day == DAY]


def test_influxdb_is_a_view_and_can_be_made_anew(river):
    """Whatever was in it: the record fills it again."""
    import urllib.request

    river.send(*a_day(river))
    river.ingest()
    site = choose_site(river.settings.sites_folder, None)
    settle(river.settings, site, DAY)
    before = river.points("readings")
    gone = urllib.request.Request(
        f"{river.settings.influx_url}/api/v2/delete?org=barograph&bucket=readings",
        data=(
            f'{{"start":"2000-01-01T00:00:00Z","stop":"2100-01-01T00:00:00Z","predicate":"device=\\"{river.fridge}\\""}}'
        ).encode(),
        headers={
            "Authorization": f"Token {river.settings.secret('influx_operator_token')}",
            "Content-Type": "application/json",
        },
    )
    urllib.request.urlopen(gone, timeout=30).close()
    assert [] == river.points("readings")

    settle(river.settings, site, DAY)

    assert before == river.points("readings")
