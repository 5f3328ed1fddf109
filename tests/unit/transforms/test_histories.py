"""Other people's recordings, through the functions that a live minute goes through, give the sums that others found.

The recordings lie beside the project (BAROGRAPH_TEST_DATA); small look-alikes, as messy, are always there.
"""

import gzip
import io
import json
import os
import tarfile
from collections import defaultdict
from datetime import timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.transforms import histories, plain

from barograph.readings import GOOD, SUSPECT
from barograph.registry import Device
from barograph.testing import a_site
from barograph.transforms import cleaning, windowing
from barograph.transforms.places import Places
from barograph.transforms.summing import SHIPPED
from barograph.transforms.windowing import rollups_of, windows_of
from barograph.windows import EPOCH

DATA = (
    Path(os.environ.get("BAROGRAPH_TEST_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")) / "histories"
)
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recordings at {DATA}")

FAMILIES = {
    "iot_telemetry/*.gz": (histories.iot_telemetry, 3.7),
    "labelled_wsn/*.txt": (histories.labelled_wsn, 5),
    "ulb_library/R*": (histories.ulb_library, 60),
    "occupancy/*.txt": (histories.occupancy, 60),
    "vega/seattle-temps.csv": (histories.vega_hourly, 3600),
    "vega/weather.csv": (histories.vega_daily, 86_400),
    "ett/*.gz": (histories.ett, 3600),
    "connected_seeds/*.tar.gz": (histories.connected_seeds, 3600),
}
"""Where the files of a family lie, who reads them, and their cadence."""


@cache
def read(reader, path):
    return reader(path)


def placed(history, cadence):
    """Where these devices stand; none of their metrics has limits."""
    names = sorted({name.replace(",", " ") for name in history.device})
    return Places.of_sites([a_site(*(Device(device=name, zone="wall", cadence=cadence) for name in names))], None, 10)


def refined(history, cadence):
    return cleaning.judged(history.record(), placed(history, cadence))


def expected_rollups(history, zone, cadence):
    """The first of two readings at one time counts; the later one is suspect, a microsecond after it."""
    series = defaultdict(dict)
    for device, metric, time, value in zip(
        history.device, history.metric, history.times.tolist(), history.values.tolist(), strict=True
    ):
        readings, free = series[device, metric], time
        while free in readings:
            free += 1
        readings[free] = (EPOCH + timedelta(microseconds=free), value, SUSPECT if free > time else GOOD)
    for key, readings in series.items():
        readings = [readings[time] for time in sorted(readings)]
        for period in ("minute", "hour", "day") if cadence <= 20 else ("hour", "day"):
            for bounds, places in plain.rolled([time for time, *_ in readings], period, zone).items():
                rows = [readings[place] for place in places]
                yield (*key, period, bounds[0]), plain.summary(rows, *bounds, cadence, percentiles=True)


def check(history, cadence, zone="UTC"):
    """Rollups against plain sums; windows by what must be true of all of them together."""
    rows = refined(history, cadence)
    found = {
        (row["device"], row["metric"], row["period"], row["start"]): row
        for row in rollups_of(rows, zone, SHIPPED).to_pylist()
    }
    expected = dict(expected_rollups(history, zone, cadence))

    assert expected.keys() == found.keys()
    assert {} == {key: wrong for key in found if (wrong := plain.different(found[key], expected[key]))}

    size, slide = SHIPPED.shape(cadence)
    windows = windows_of(rows, SHIPPED)
    assert len(history) * (size // slide) == pa.compute.sum(windows["count"]).as_py()


def files():
    return [
        pytest.param(reader, path, cadence, id=f"{path.parent.name}/{path.name}")
        for pattern, (reader, cadence) in FAMILIES.items()
        for path in sorted(DATA.glob(pattern))
        if path.name != "ReadMe.txt"
    ]


@needs_data
@pytest.mark.parametrize(("reader", "path", "cadence"), files())
def test_every_rollup_of_a_recording_is_what_plain_sums_give(reader, path, cadence):
    """Bursts, gaps of days, saturated and failed sensors, decimal commas: whatever the file has."""
    check(read(reader, path), cadence, "America/Los_Angeles")


def told(name):
    with gzip.open(DATA / "expected_aggregates.json.gz") as content:
        return json.load(content)["aggregates"][name]


def by_period(path, period, zone, device=None, metric="temp"):
    """{"2026-03-24": {n, min, max, mean}} as the archive has them."""
    reader, cadence = next(known for pattern, known in FAMILIES.items() if (DATA / path).match(str(DATA / pattern)))
    rows = rollups_of(refined(read(reader, DATA / path), cadence), zone, SHIPPED).to_pylist()
    return {
        (row["start"].astimezone(ZoneInfo(zone)).date().isoformat() if period == "day"
         else f"{row['start']:%Y-%m-%dT%H:%MZ}"): {
            "n": row["count"], "min": row["min"], "max": row["max"], "mean": row["mean"]
        }
        for row in rows
        if row["period"] == period and row["metric"] == histories.their(metric) and device in (None, row["device"])
    }  # fmt: skip


UNITS = ("SEEDS1", "SEEDS12", "SEEDS3", "SEEDS5", "SEEDS7")
AGGREGATES = {
    "occupancy_datatraining.txt_daily_temperature": ("occupancy/datatraining.txt", "UTC", "temperature"),
    "occupancy_datatest.txt_daily_temperature": ("occupancy/datatest.txt", "UTC", "temperature"),
    "seattle-temps.csv_daily_local_date": ("vega/seattle-temps.csv", "Etc/GMT+8", "temp"),
    "seattle-temps.csv_daily_utc_date": ("vega/seattle-temps.csv", "UTC", "temp"),
    **{
        f"connected_seeds_daily_air_temp_{unit}": (f"connected_seeds/{unit}.tar.gz", "UTC", "air_temp")
        for unit in UNITS
    },
}  # fmt: skip


@needs_data
@pytest.mark.parametrize("name", AGGREGATES)
def test_days_have_the_published_sums(name):
    """Counts and extremes equal; means to the six decimals that were written down."""
    path, zone, metric = AGGREGATES[name]

    found = by_period(path, "day", zone, metric=metric)

    assert told(name) == {day: {**facts, "mean": round(facts["mean"], 6)} for day, facts in found.items()}


@needs_data
def test_hours_have_the_published_sums():
    for series, hours in told("iot_telemetry_hourly_utc").items():
        device, metric = series.split("|")
        found = by_period("iot_telemetry/raw_data_large.json.gz", "hour", "UTC", device, metric)

        assert hours == {hour: {**facts, "mean": round(facts["mean"], 6)} for hour, facts in found.items()}


@needs_data
def test_five_days_of_fifty_two_motes_are_what_numpy_gives():
    """750,000 readings; numpy's own statistics of the same table, cut by hours and days."""
    history = read(histories.intel_lab, DATA / "intel_lab" / "subsfin.txt.gz")
    table = history.values.reshape(len(set(history.device)), -1)

    rows = rollups_of(refined(history, 30), "UTC", SHIPPED)

    for period, length in (("hour", 120), ("day", 2880)):
        cut = table.reshape(len(table), -1, length)
        found = rows.filter(pa.compute.field("period") == period).sort_by(
            [("device", "ascending"), ("start", "ascending")]
        )
        expected = {
            "count": np.full(cut.shape[:2], length), "min": cut.min(2), "max": cut.max(2), "median": np.median(cut, 2),
            "first": cut[:, :, 0], "last": cut[:, :, -1],
        }  # fmt: skip
        for name, column in expected.items():
            assert (column.ravel() == found[name].to_numpy()).all(), (period, name)
        near = {"mean": cut.mean(2), "stddev": cut.std(2, ddof=1), "p05": np.percentile(cut, 5, 2)}
        for name, column in near.items():
            np.testing.assert_allclose(found[name].to_numpy(), column.ravel(), rtol=1e-12, atol=1e-12)


@needs_data
def test_spark_hands_over_the_same(spark):
    """What Spark adds is who gets which rows, and how columns arrive."""
    history = read(histories.iot_telemetry, DATA / "iot_telemetry" / "raw_data_large.json.gz")
    places = placed(history, 3.7)
    record = spark.createDataFrame(history.record().to_pandas().replace({np.nan: None}), RECORD_DDL)

    hours = windowing.rollups(cleaning.refined(record, places), "UTC", SHIPPED).where("period = 'hour'").toArrow()

    order = [(name, "ascending") for name in ("device", "metric", "start")]
    expected = rollups_of(refined(history, 3.7), "UTC", SHIPPED).filter(pa.compute.field("period") == "hour")
    assert expected.sort_by(order).to_pylist() == hours.sort_by(order).to_pylist()


RECORD_DDL = (
    "device string, metric string, time timestamp, value double, seq bigint, boot string, port string, "
    "historical boolean, skew double, published timestamp, batch bigint, topic string, partition int, offset bigint, "
    "frame int"
)


def zipped(text, encoding="utf-8"):
    return gzip.compress(text.encode(encoding))


def a_card():
    """An hour that was logged twice, a saturated light sensor, a failed probe, an alarm file of another layout."""
    content = io.BytesIO()
    files = {
        "UNIT9/09070606.TXT": "092016070606,100.00,20.50,50.00,18.00,60.00,1012.31,5.01\r\n",
        "UNIT9/09070607.TXT": "092016070607,65535.00,-40.01,-4.69,18.00,60.00,1012.31,5.01\r\n",
        "UNIT9/09070608.TXT": "092016070607,200.00,21.50,51.00,18.00,60.00,1012.31,5.01\r\n",
        "UNIT9/ALARMS.TXT": "A1,09201607060700,1.00,1.00,1.00,1.00,1.00,1.00,1.00,NEXTSENSE-8:0:0\r\n",
        "UNIT9/FEEDS.TXT": "09201607060712,,,,,,,,,1,1,1,\r\n",
    }
    with tarfile.open(fileobj=content, mode="w:gz") as card:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            card.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


LOOK_ALIKES = {
    "iot_telemetry": (
        zipped('[{"data":{"temp":27.0,"light":true},"device_id":"a:b","ts":1594598735.7727768},\n'
               '{"data":{"temp":29.0,"light":false},"device_id":"a:b","ts":1594598739.25}]'),
        3.7, ("a:b", "temp"), (2, 27.0, 29.0, 28.0),
    ),
    "intel_lab": (zipped("18.5 0 \n19.5 1\n\n"), 30, ("mote-01", "temp"), (2, 18.5, 19.5, 19.0)),
    "labelled_wsn": (
        b"\tOutdoor Sensors\n\t\nReading #\tMote-ID Humidity\tTepmrature Label\n\n"
        b"1\t3\t43.5\t30.25\t0\n2\t3\t43.5\t31.25\t1\n\t\t\t\t\n",
        5, ("mote-3", "temp"), (2, 30.25, 31.25, 30.75),
    ),
    "ulb_library": (
        zipped("1163497985546 20 999 21,5 2,68 52,11 22,14 41 42\n"
               "1163497985781 20 1\xa0000 22,5 2,81 52,26 22,33 9 1\n\n", "latin-1"),
        60, ("node-20", "inside"), (2, 21.5, 22.5, 22.0),
    ),
    "occupancy": (
        b'"date","Temperature"\n"1","2015-02-04 17:51:00",23.5\n"2","2015-02-04 17:51:59",24.5\n',
        60, ("room", "temperature"), (2, 23.5, 24.5, 24.0),
    ),
    "vega_hourly": (
        b"date,temp\n2010-01-01T01:00:00-08:00,39.5\n2010-01-01T02:00:00-08:00,40.5\n",
        3600, ("seattle", "temp"), (2, 39.5, 40.5, 40.0),
    ),
    "connected_seeds": (a_card(), 3600, ("UNIT9", "air_temp"), (2, 20.5, 21.5, 21.0)),
}  # fmt: skip


@pytest.mark.parametrize("family", LOOK_ALIKES)
def test_a_look_alike_of_every_family_is_read_and_summed_up(family, tmp_path):
    content, cadence, (device, metric), expected = LOOK_ALIKES[family]
    (tmp_path / "recording").write_bytes(content)

    history = getattr(histories, family)(tmp_path / "recording")

    check(history, cadence)
    days = [
        tuple(row[name] for name in ("count", "min", "max", "mean"))
        for row in rollups_of(refined(history, cadence), "UTC", SHIPPED).to_pylist()
        if (row["device"], row["metric"], row["period"]) == (device, histories.their(metric), "day")
    ]
    assert [expected] == days
