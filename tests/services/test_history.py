"""A real recording through the whole river: pty, collector, Kafka, Spark, record, InfluxDB, hour by hour."""

from __future__ import annotations

import gzip
import json
import math
from collections import defaultdict
from datetime import UTC, datetime

import pytest
from tests.services.river import influxql, opened
from tests.services.test_collector import BOARD, TEST_DATA, Collecting, look_alike, recording
from tests.unit.collector.fakes import eventually

from barograph.registry import choose_site
from barograph.settle import settle

SITE = """\
site: {name}
name: Three boards
timezone: UTC
ports: [{{port: p1, url: run/ports/p1, format: board, max_skew: null}}]
devices:
  - {{device: "5e:44:3b:f3:79:c8", zone: a, cadence: 30}}
  - {{device: "0e:9c:00:4c:1c:51", zone: a, cadence: 30}}
  - {{device: "f3:6b:f4:34:c0:17", zone: a, cadence: 15}}
"""


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        place = own.settings.sites_folder / own.name
        (place / "site.yaml").write_text(SITE.format(name=own.name))
        (place / "formats").mkdir()
        (place / "formats" / "board.yaml").write_text(BOARD)
        yield own


def by_hour(told):
    """The truth, in plain Python: (device, metric, hour) -> values."""
    hours = defaultdict(list)
    for each in told:
        hour = datetime.fromtimestamp(each["ts"], UTC).strftime("%Y-%m-%dT%H:00Z")
        for metric, value in each["data"].items():
            hours[each["device_id"], metric, hour].append(float(value))
    return hours


@pytest.mark.parametrize("source", [look_alike, recording])
def test_every_hour_of_a_recording_is_what_was_said(river, tmp_path, source):
    """Counts exactly, sums within rounding: 9,995 messages of three boards, and a look-alike that is always there."""
    told = source()
    truth = by_hour(told)
    at_home = river.settings.model_copy(update={"home": tmp_path})
    running = Collecting(at_home)
    running.board.say(b"".join(json.dumps(each).encode() + b"\n" for each in told))
    assert eventually(lambda: running.status().published >= len(told), within=60)
    running.close()

    [batch] = river.ingest()
    days = {datetime.fromtimestamp(each["ts"], UTC).date() for each in told}
    for day in sorted(days):
        settle(river.settings, choose_site(river.settings.sites_folder, None), day)

    readings = sum(len(values) for values in truth.values())
    assert {"read": readings, "stored": readings, "duplicate": 0, "rejected": 0}.items() <= batch.counts.items()
    found = hours_of_influxdb(river, truth)
    assert truth.keys() == found.keys()
    for key, values in truth.items():
        count, low, high, mean = found[key]
        assert (len(values), min(values), max(values)) == (count, low, high), key
        assert math.isclose(math.fsum(values) / len(values), mean, rel_tol=1e-9, abs_tol=1e-12), key
    if source is recording:
        agrees_with_the_published_aggregates(found)


def hours_of_influxdb(river, truth):
    found = {}
    for metric in {metric for _, metric, _ in truth}:
        for device in {device for device, _, _ in truth}:
            rows = influxql(
                river.settings,
                "readings",
                f'SELECT count(value), min(value), max(value), mean(value) FROM "{metric}" '
                f"WHERE device = '{device}' AND site = '{river.name}' "
                "AND time >= '2020-07-01' AND time < '2020-08-01' GROUP BY time(1h) FILL(none)",
            )
            for row in rows:
                hour = datetime.fromtimestamp(row["time"] / 1e6, UTC).strftime("%Y-%m-%dT%H:00Z")
                found[device, metric, hour] = row["count"], row["min"], row["max"], row["mean"]
    return found


def agrees_with_the_published_aggregates(found):
    """The recording came with its own aggregates, made by somebody else's program."""
    path = TEST_DATA / "histories" / "expected_aggregates.json.gz"
    published = json.loads(gzip.decompress(path.read_bytes()))["aggregates"]["iot_telemetry_hourly_utc"]
    for series, hours in published.items():
        device, _, metric = series.partition("|")
        metric = {"temperature": "temp"}.get(metric, metric)
        for hour, expected in hours.items():
            count, low, high, mean = found[device, metric, hour]
            assert (expected["n"], expected["min"], expected["max"]) == (count, low, high)
            assert math.isclose(expected["mean"], mean, abs_tol=1e-6)
