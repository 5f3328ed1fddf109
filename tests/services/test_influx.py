"""A real InfluxDB: names come back as they were sent, bad lines cost themselves alone, and the view can be proven."""

from __future__ import annotations

import gzip
import json
import os
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from influxdb_client import InfluxDBClient
from tests.services.river import NOW, opened
from tests.services.test_settle import DAY, a_day

from barograph import spark as edge
from barograph.history import prove, rebuild
from barograph.influx import around, bare, lines, points, view
from barograph.influx.clients import client_of
from barograph.influx.delivery import deliver
from barograph.influx.sink import posting
from barograph.ingest.refine import kept_since
from barograph.registry import choose_site
from barograph.state.engine import connect
from barograph.state.ledger import Ledger
from barograph.transforms.parsing import DEVICE, METRIC
from barograph.windows import Window, microseconds

DATA = Path(os.environ.get("BAROGRAPH_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
OURS = ["cold wall", "a,b=c", 'it\'s "here"', "ünï", "x=y z,", "🧊", "#1", "=", "a  b", "100%", "{}", "${x}", "'"]


@pytest.fixture
def own_influx(services):
    """A bucket of its own, and the client of somebody who may do everything."""
    settings, name = services.settings, f"t{uuid4().hex[:8]}"
    with InfluxDBClient(
        settings.influx_url, token=settings.secret("influx_operator_token"), org=settings.influx.org
    ) as client:
        client.buckets_api().create_bucket(bucket_name=name, org=settings.influx.org)
        yield client, name


def sent(client: InfluxDBClient, bucket: str, text: list[str], level: int = 0) -> list[tuple[str, str]]:
    refused: list[tuple[str, str]] = []
    deliver(text, posting(client, bucket, level), lambda *letter: refused.append(letter), 5, lambda _: None)
    return refused


def found(client: InfluxDBClient, bucket: str) -> list[tuple[str, str, float]]:
    tables = client.query_api().query(
        'from(bucket: name) |> range(start: 0) |> filter(fn: (r) => r._field == "value")', params={"name": bucket}
    )
    return [(row["_measurement"], row["device"], row["_value"]) for table in tables for row in table]


def names() -> list[str]:
    """What people and fuzzers call things: ours, the line protocol corpus's, the naughty strings."""
    told = list(OURS)
    if DATA.is_dir():
        corpus = json.loads(gzip.decompress((DATA / "lineprotocol" / "corpus.json.gz").read_bytes()))
        points = [case["input"]["point"] for case in corpus["encode"].values()]
        told += [name for point in points for name in (point["name"], *(tag["value"] for tag in point["tags"]))]
        told += json.loads((DATA / "malformed" / "naughty_strings.json").read_text(encoding="utf-8"))
    return [name for name in dict.fromkeys(told) if isinstance(name, str)]


def allowed(pattern: str, name: str) -> bool:
    """As parsing has it, in Python's words."""
    python = pattern.replace(r"\p{Cntrl}", r"\x00-\x1f\x7f").replace(r"\p{L}\p{N}", r"\w")
    return re.search(python, name) is not None


def test_every_name_that_may_be_kept_comes_back_as_it_was(services, own_influx):
    """Commas, blanks, quotes, right-to-left, emoji: in a metric and in a device, none makes another point or field."""
    client, bucket = own_influx
    devices = [name for name in names() if allowed(DEVICE, name)]
    metrics = [name for name in names() if allowed(METRIC, name)]
    rows = [(f"m{n}", name, float(n)) for n, name in enumerate(devices)]
    rows += [(name, f"d{n}", float(n)) for n, name in enumerate(metrics)]
    with edge.session(services.settings) as spark:
        columns = (
            "metric string, device string, value double, raw double, site string, zone string, flag int, "
            "reasons array<string>, time timestamp"
        )
        table = spark.createDataFrame([(*row, row[2], "s", "z", 1, [], NOW) for row in rows], columns)
        text = [row.line for row in lines.reading_lines(table).collect()]

    refused = sent(client, bucket, text)

    assert [] == refused
    assert sorted(rows) == sorted(found(client, bucket))


def test_a_point_of_any_name_can_be_deleted_and_no_other(services):
    """What has no mean any more goes; the point of the same window that has one still stays."""
    settings, site = services.settings, f"t{uuid4().hex[:8]}"
    devices = [name for name in names() if allowed(DEVICE, name)][:200]
    at = int(NOW.timestamp() * 1e6)
    tags = [name.translate({ord(each): f"\\{each}" for each in ",= "}) for name in devices]
    said = [f"temperature,device={tag},site={site},zone={zone} mean=4 {at}" for tag in tags for zone in ("a", "b")]
    with client_of(settings, "influx_loader") as loader:
        posting(loader, settings.influx.windows, 0)(said)
    rows = [{"metric": "temperature", "device": device, "zone": "a", "time": NOW} for device in devices]

    gone = bare.forget(settings, settings.influx.windows, site, pa.Table.from_pylist(rows))

    left = view.shown(settings, settings.influx.windows, "mean", site, Window(NOW, NOW + timedelta(seconds=1)))
    assert len(devices) == gone
    assert {("temperature", device, "b") for device in devices} == left.keys()


def test_a_window_of_which_nothing_is_good_any_more_shows_no_statistics(services):
    """The last reading of a batch was good until the next showed that it is a spike."""
    with opened(services.settings) as river:
        path = river.settings.sites_folder / river.name / "site.yaml"
        path.write_text(path.read_text().replace("cadence: 30", "cadence: 60").replace(", rate: off, spike: off", ""))
        values = [4.0 + n % 2 / 10 for n in range(20)]
        values[14] = 8.4
        frames = [river.frame(1200 - 60 * n, value, seq=n) for n, value in enumerate(values)]
        river.send(frames[:15])
        river.ingest("first")
        assert 8.4 == max(point["mean"] for point in river.points("windows"))
        river.send(frames[15:])

        river.ingest("second")

        bad = [point for point in river.points("windows") if not point["good"]]
        assert [(1, 1, None, None)] == [(each["count"], each["suspect"], each["mean"], each["max"]) for each in bad]


@pytest.mark.parametrize("level", [0, 1])
def test_the_bad_lines_of_a_request_are_found_and_the_good_ones_stored(own_influx, level):
    """What InfluxDB cannot read, what has another type, what lies before its time: each is apart with its reason."""
    client, bucket = own_influx
    at = int(NOW.timestamp() * 1e6)
    assert [] == sent(client, bucket, [f'm,device=text value="a" {at}'])
    good = [f"n,device=d{n} value={n} {at}" for n in range(500)]
    bad = [f"n,device=x value=NaN {at}", f"n,device=,site=s value=1 {at}", "garbage", f"m,device=text value=2 {at + 1}"]

    refused = sent(client, bucket, [*good[:250], *bad, *good[250:], "n,device=x value=1\nn,device=y value=2"], level)

    assert sorted([*bad, "n,device=x value=1\nn,device=y value=2"]) == sorted(line for line, _ in refused)
    assert all(reason for _, reason in refused)
    assert 500 == sum(measurement == "n" for measurement, _, _ in found(client, bucket))


def test_a_rebuilt_day_is_proven_and_what_does_not_belong_there_goes(services):
    """A point too many, one too few, one field of one point that is wrong: the proof sees each, and mends it."""
    with opened(services.settings) as river:
        site = choose_site(river.settings.sites_folder, None)
        river.send(*a_day(river))
        river.ingest()
        assert [] == rebuild(river.settings, site, DAY).differ
        newest = Ledger(connect(river.settings), "drain").latest()
        since = kept_since(river.settings, newest)
        at = int(Window.local_day(DAY, "Europe/Berlin").start.timestamp() * 1e6)
        influx = river.settings.influx
        with InfluxDBClient(
            river.settings.influx_url, token=river.settings.secret("influx_loader"), org=influx.org
        ) as loader:
            stranger = f"temperature,device={river.fridge},site={river.name},zone=elsewhere value=4,flag=1i {at}"
            wrong = f'temperature,device={river.fridge},site={river.name},zone=wall mean=4.000001,period="x" {at}'
            posting(loader, influx.readings, 0)([stranger])
            rollup = wrong.replace(',period="x"', "").replace("zone=wall", "period=day,zone=wall")
            posting(loader, influx.rollups, 0)([rollup])
            reading = f"temperature,device={river.fridge},site={river.name},zone=wall"
            posting(loader, influx.readings, 0)([f'{reading} raw=4.25,reasons="spike" {at}'])
            posting(loader, influx.rollups, 0)([f"{reading},period=hour p95=4.25,suspect=1i {at}"])
            posting(loader, influx.windows, 0)([f"{reading} slope=4.25 {at + 60_000_000}"])
        missing = Window(*(Window.local_day(DAY, "Europe/Berlin").start + timedelta(minutes=15 * n) for n in (2, 3)))
        view.remove(river.settings, influx.windows, river.name, missing)

        differ = prove(river.settings, site, DAY, since).differ

        assert {influx.readings, influx.rollups, influx.windows} == {which.split()[0] for which in differ}
        assert {"raw", "reasons", "value", "flag", "p95", "suspect", "mean", "slope"} <= {
            which.split()[-1] for which in differ
        }
        assert [] == rebuild(river.settings, site, DAY).differ


def test_when_devices_were_heard_is_known_to_the_step(services):
    """For the page of a silent port: of each device the steps in which anything of it came, of any metric or of one."""
    settings = services.settings
    settings = settings.model_copy(
        update={"influx": settings.influx.model_copy(update={"readings": settings.influx.operations})}
    )
    wall, ice = (f"{name}-{uuid4().hex[:8]}" for name in ('it\'s "wall"', "ice"))
    window, step = Window(NOW - timedelta(hours=3), NOW), timedelta(seconds=30)
    told = [("temperature", wall, 5), ("humidity", wall, 5), ("door", wall, 65), ("temperature", ice, 3600)]
    points.post(
        settings,
        [
            points.line(metric, {"device": device}, {"flag": 1.0}, window.start + timedelta(seconds=seconds))
            for metric, device, seconds in told
        ],
    )

    def heard(metric=None):
        found = around.heard(settings, [wall, ice, "nobody"], metric, window, step)
        return {name: [(at - microseconds(window.start)) / 1e6 for at in times] for name, times in found.items()}

    assert {wall: [0.0, 60.0], ice: [3600.0]} == heard()
    assert {ice: [3600.0], wall: [0.0]} == heard("temperature")
