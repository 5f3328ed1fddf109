"""Flags on real servers: batch by batch they become those that the settled day has, in InfluxDB and in the alarms."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.services.river import NOW, opened

from barograph.registry import choose_site
from barograph.settle import settle
from barograph.windows import EPOCH, Window

SITE = """\
site: {name}
name: A shop
timezone: Europe/Berlin
devices:
  - device: {name}-fridge
    zone: wall
    cadence: 30
    points:
      temperature: {{rate: off, calibration: [{{since: 2020-01-01, gain: 1.0, offset: 0.5}}]}}
"""
RULES = """\
rules:
  - {{rule: {name}-warm, metric: temperature, devices: ["{name}-*"], above: 8, severity: critical}}
"""


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        place = own.settings.sites_folder / own.name
        (place / "site.yaml").write_text(SITE.format(name=own.name))
        (place / "rules.yaml").write_text(RULES.format(name=own.name))
        yield own


def of_influxdb(river):
    return {
        point["time"]: (point["value"], point["raw"], point["flag"], point["reasons"])
        for point in river.points("readings")
    }  # fmt: skip


def of_settled_days(river):
    site = choose_site(river.settings.sites_folder, None)
    found = {}
    for day in Window(NOW - timedelta(hours=1), NOW).local_days(site.timezone):
        settle(river.settings, site, day, influx=False)
        for row in river.archive.derived("refined", site.site, day).to_pylist():
            micros = (row["time"] - EPOCH) // timedelta(microseconds=1)
            found[micros] = row["value"], row["raw"], row["flag"], ",".join(row["reasons"])
    return found


def test_flags_batch_by_batch_are_those_of_the_settled_day(river):
    """A spike ends a batch and is refuted by the next; a late reading shows that another was none."""
    said = [4.0 + n % 2 / 10 for n in range(40)]
    said[19], said[29], said[30] = 15.0, 12.0, 12.1
    frames = [river.frame(1200 - 30 * n, value, seq=n) for n, value in enumerate(said)]
    late = frames.pop(30)

    river.send(frames[:20])
    river.ingest("first")
    assert [("open", 15.5)] == [(alarm[6], alarm[5]) for alarm in river.alarms()]
    river.send(frames[20:])
    river.ingest("second")
    assert {"withdrawn"} == {alarm[6] for alarm in river.alarms()}
    river.send(late)
    river.ingest("third")

    found = of_influxdb(river)
    assert of_settled_days(river) == found
    flags = [facts[2:] for _, facts in sorted(found.items())]
    assert (4, "spike") == flags[19]
    assert {(1, ""), (1, "after_gap"), (4, "spike")} == set(flags)
    assert {0.5} == {round(value - raw, 6) for value, raw, *_ in found.values()}
    assert ["withdrawn", "cleared"] == [alarm[6] for alarm in river.alarms()]
