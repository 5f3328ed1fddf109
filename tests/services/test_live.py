"""What the pages ask a real InfluxDB and PostgreSQL: the answers are right, and names cannot change a question."""

from __future__ import annotations

from datetime import timedelta

import pytest
from influxdb_client import InfluxDBClient
from sqlalchemy import insert
from tests.services.river import NOW, opened

from barograph.influx import series
from barograph.influx.sink import posting
from barograph.live.device import alarm_spans
from barograph.live.ledger import batches_of, recent_gaps, sums_since
from barograph.live.now import look
from barograph.registry import read_sites
from barograph.state.engine import connect
from barograph.state.tables import alarms, batches
from barograph.windows import EPOCH, Window

STEP = timedelta(minutes=10)
END = EPOCH + (NOW - EPOCH) // STEP * STEP
"""InfluxDB's steps begin where whole ones since 1970 do."""
HOUR = Window(END - timedelta(hours=1), END)
NAMES = ["plain", 'a" or r.device != "', '") |> drop(columns: ["_value"])', "\\", "${x}", "ünï 🧊", "\u202eback"]
MINUTE = timedelta(minutes=1)


def escaped(name: str) -> str:
    return name.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


@pytest.fixture(scope="module")
def readings(servers):
    """An hour of readings of each name, one a minute, ten to the hour silent, the last one bad; a window of each."""
    settings = servers.settings
    lines = []
    windows = []
    for number, name in enumerate(NAMES):
        # A tag may not end with a backslash.
        tags = f"device={escaped(name.rstrip(chr(92)) or 'b')},site=live,zone=z"
        for minute in [*range(50), 59]:
            at = int((HOUR.start + minute * MINUTE).timestamp() * 1e6)
            value = "" if minute == 59 else f"value={number + minute / 100},"
            flag, reasons = (4, "spike") if minute == 59 else (3 if minute == 7 else 1, "")
            lines.append(f'temperature,{tags} {value}flag={flag}i,reasons="{reasons}" {at}')
        windows.append(f"temperature,{tags} mean={number}.5,count=60i {int(NOW.timestamp() * 1e6)}")
    post(settings, settings.influx.readings, lines)
    post(settings, settings.influx.windows, windows)
    return settings


def post(settings, bucket, lines):
    with InfluxDBClient(settings.influx_url, token=settings.secret("influx_loader"), org=settings.influx.org) as client:
        posting(client, bucket, 0)(lines)


@pytest.fixture(scope="module")
def summaries(servers):
    """Of one series: sixty windows of a minute that end in the hour, an hour and a day."""
    settings = servers.settings
    series, start = "temperature,device=summed,site=live,zone=z", int(HOUR.start.timestamp() * 1e6)
    windows = [
        f"{series} min={i},mean={i}.5,median={i}.25,max={i + 1},count=6i {start + (i + 1) * 60_000_000}"
        for i in range(60)
    ]
    rollups = [
        f"{series},period={period} min={low},mean={2 * low},median={2 * low},max={3 * low},count=60i {start}"
        for period, low in (("hour", 1), ("day", 10))
    ]
    post(settings, settings.influx.windows, windows)
    post(settings, settings.influx.rollups, rollups)
    return settings, "live", "summed", "temperature", HOUR


@pytest.mark.parametrize("name", [name for name in NAMES if name != "\\"])
def test_a_name_is_a_name_whatever_it_looks_like(readings, name):
    """Quotes and pipes in a device's name are its name: it gets its own readings, and no others."""
    number = NAMES.index(name)

    course = series.course(readings, "live", name, "temperature", HOUR, timedelta(0))
    steps = series.course(readings, "live", name, "temperature", HOUR, STEP)

    assert 51 == len(course.times)
    assert pytest.approx(number + 0.49) == max(course.mean[:50])
    assert 4 == course.flags[-1]
    assert pytest.approx([number, number + 0.045, number + 0.09]) == [steps.low[0], steps.mean[0], steps.high[0]]
    assert [3, 0, 0, 0, 0] == steps.flags.tolist(), "the step that holds a doubted reading says so"
    assert [(HOUR.start + 59 * MINUTE, "temperature", "spike")] == series.doubted(readings, "live", name, HOUR, 5)
    assert (
        number + 0.5
        == series.last_windows(readings, "live", name, Window(HOUR.start, NOW + MINUTE))["temperature"]["mean"]
    )


@pytest.mark.parametrize("line", ["mean", "median"])
def test_windows_come_one_by_one_or_as_many_as_there_are_pixels(summaries, line):
    """Each in its middle; those that end within ten minutes as one, from the least of them to the most."""
    middle = {"mean": 0.5, "median": 0.25}[line]

    each = series.windows(*summaries, MINUTE, MINUTE, timedelta(0), line)
    steps = series.windows(*summaries, MINUTE, MINUTE, STEP, line)

    assert (60, 7) == (len(each.times), len(steps.times))
    middles = [course.times[0] + course.step.total_seconds() / 2 - HOUR.start.timestamp() for course in (each, steps)]
    assert pytest.approx([30, 270]) == middles, "the first ten minutes hold the ends of nine windows"
    assert pytest.approx([0, middle, 1]) == [each.low[0], each.mean[0], each.high[0]]
    assert pytest.approx([0, 4 + middle, 9]) == [steps.low[0], steps.mean[0], steps.high[0]]


def test_rollups_of_one_period_are_not_mixed_with_those_of_another(summaries):
    hours = series.rollups(*summaries, "hour", timedelta(hours=1), "median")
    days = series.rollups(*summaries, "day", timedelta(days=1), "mean")

    assert ([1.0], [2.0], [3.0]) == (hours.low.tolist(), hours.mean.tolist(), hours.high.tolist())
    assert ([10.0], [20.0], [30.0]) == (days.low.tolist(), days.mean.tolist(), days.high.tolist())


def test_the_newest_reading_and_the_last_hours_of_all_series_at_once(readings):
    """A reading that was measured badly is the newest, and has no value."""
    newest = series.newest(readings, HOUR)
    means = series.means(readings, HOUR, STEP)

    last = newest["plain", "temperature"]
    assert (HOUR.start + 59 * MINUTE, None, 4, "z") == (last.time, last.value, last.flag, last.zone)
    course = means["plain", "temperature"]
    assert 6 == len(course)
    assert pytest.approx([0.045, 0.145, 0.245, 0.345, 0.445]) == course[:5].tolist()
    assert course[5] != course[5], "nothing was said in the last ten minutes"


def test_a_look_joins_readings_registry_and_alarms(readings, servers):
    with opened(servers.settings) as river:
        engine, sites = connect(river.settings), read_sites(river.settings.sites_folder)
        facts = {
            "site": "live", "rule": "r", "rule_version": "1", "severity": "major", "metric": "temperature", "limit": 8,
            "historical": False, "started": NOW, "opened": NOW, "state": "open",
        }  # fmt: skip
        with engine.begin() as connection:
            for device in ("plain", river.fridge):
                row = facts | {
                    "site": "live",
                    "rule": "r",
                    "device": device,
                    "started": NOW,
                    "opened": NOW,
                    "state": "open",
                }
                connection.execute(insert(alarms).values(**row))

        snapshot = look(river.settings, engine, sites, NOW)
        spans = alarm_spans(engine, "plain", Window(HOUR.start, NOW + MINUTE))

    places = {place.device: place for place in snapshot.places}
    assert {"alarm"} == {places["plain"].state, places[river.fridge].state}
    assert places[river.fridge].time is None, "registered, and never heard"
    assert ("live", "z") == (places["plain"].site, places["plain"].zone)
    assert [("temperature", None)] == [(span.metric, span.end) for span in spans]


def test_sums_and_gaps_are_those_of_the_ledger(servers):
    with opened(servers.settings) as river:
        engine = connect(river.settings)
        counts = {"read": 10, "stored": 7, "duplicate": 2, "rejected": 1}
        gap = {"topic": "t", "partition": 0, "start": 5, "end": 25, "why": "retention"}
        with engine.begin() as connection:
            for number, ago in ((1, timedelta(days=3)), (2, MINUTE)):
                connection.execute(
                    insert(batches).values(
                        batch=number, writer="drain", dag_id="ingest", run_id=str(number), horizon=NOW - ago, plan=[],
                        gaps=[gap] if number == 1 else [], counts=counts, done=True,
                        steps={"drain": {"late_worst": 90.5, "seconds": 2.0}},
                    )
                )  # fmt: skip

        sums = [sums_since(engine, NOW - timedelta(days=days)) for days in (1, 7)]
        gaps = recent_gaps(engine)
        [row] = batches_of(engine, [2, 99])

    assert [(10, 1), (20, 2)] == [(each["read"], each["batches"]) for each in sums]
    assert 90.5 == sums[0]["late"]
    assert [("t-0", 20, "retention")] == [(gap.source, gap.lost, gap.why) for gap in gaps]
    assert (True, 90.5, 2.0) == (row.balanced, row.late, row.seconds)
