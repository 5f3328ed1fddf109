"""Reports of real histories, to look at: an office, a house, a laboratory, a garden, a city, a transformer.

    .venv/bin/python benchmarks/histories.py FOLDER [--data ../shared/data/histories] [--only office,garden]

The data stay where they lie; archives and reports are made in FOLDER.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from barograph.readings import FAIL, GOOD, SUSPECT
from barograph.registry import Device, Point, Site
from barograph.reports.periods import Period
from barograph.reports.publish import report
from barograph.settings import Settings
from barograph.testing import MemoryCatalogue, Row, an_alarm, settled_day
from barograph.windows import Window

History = tuple[Site, Iterable[Row], list[Period], dict[str, object]]


def reading(device: str, metric: str, time: datetime, value: float) -> Row:
    """Flagged as a plain test of range would."""
    wrong = metric in ("temperature", "humidity") and not -40 < value < 120
    suspect = (metric == "light" and value >= 65_535) or (metric == "humidity" and value > 100)
    return {"device": device, "metric": metric, "time": time, "value": value,
            "flag": FAIL if wrong else SUSPECT if suspect else GOOD}  # fmt: skip


def a_site(name: str, timezone: str, *devices: Device) -> Site:
    return Site(site=name.lower().replace(" ", "-"), name=name, timezone=timezone, devices=list(devices))


def office(data: Path) -> History:
    """An office in Mons, every minute: light, people, carbon dioxide."""
    points = {
        "temperature": Point(low=18, high=23),
        "humidity": Point(low=20, high=60),
        "co2": Point(high=1000),
        "light": Point(),
    }
    site = a_site(
        "Office", "Europe/Brussels", Device(device="desk", name="Office", zone="first-floor", cadence=60, points=points)
    )

    def rows() -> Iterator[Row]:
        for name in ("datatest.txt", "datatraining.txt"):
            with (data / "occupancy" / name).open() as lines:
                for line in csv.reader(lines):
                    if len(line) < 8:
                        continue
                    time = datetime.fromisoformat(line[1]).replace(tzinfo=ZoneInfo(site.timezone)).astimezone(UTC)
                    for metric, text in zip(("temperature", "humidity", "light", "co2"), line[2:6], strict=True):
                        yield reading("desk", metric, time, float(text))

    return site, rows(), [Period.of("day", date(2015, 2, 5)), Period.of("week", date(2015, 2, 5))], {}


def house(data: Path) -> History:
    """Three boards in one house, every few seconds, with gaps; told in degrees Fahrenheit."""
    names = {
        "00:0f:00:70:91:0a": "Bathroom",
        "0e:9c:00:4c:1c:51": "Kitchen",
        "5e:44:3b:f3:79:c8": "Hall",
        "f3:6b:f4:34:c0:17": "Stove",
    }
    devices = [Device(device=device, name=names[device], zone="house", cadence=15,
                      points={"temperature": Point(high=28), "humidity": Point(low=40, high=80)})
               for device in list(names)[1:]]  # fmt: skip
    site = a_site("House", "America/Chicago", *devices)

    def rows() -> Iterator[Row]:
        for each in json.loads(gzip.decompress((data / "iot_telemetry/raw_data_large.json.gz").read_bytes())):
            time = datetime.fromtimestamp(each["ts"], UTC)
            for metric, name in (("temperature", "temp"), ("humidity", "humidity")):
                yield reading(each["device_id"], metric, time, round(each["data"][name], 2))

    return site, rows(), [Period.of("day", date(2020, 7, 13))], {"units": {"°C": "°F"}}


def laboratory(data: Path) -> History:
    """52 motes of one laboratory, a row of the file taken as 30 s."""
    devices = [Device(device=f"mote-{place:02}", zone="lab", cadence=30, points={"temperature": Point(low=15, high=30)})
               for place in range(1, 53)]  # fmt: skip
    site = a_site("Laboratory", "America/Los_Angeles", *devices)
    start = Window.local_day(date(2004, 2, 28), site.timezone).start

    def rows() -> Iterator[Row]:
        with gzip.open(data / "intel_lab/subsfin.txt.gz", "rt") as lines:
            for place, line in enumerate(lines):
                if place >= 2880:
                    return
                for device, text in zip(devices, line.split(), strict=True):
                    yield reading(device.device, "temperature", start + timedelta(seconds=30 * place), float(text))

    return site, rows(), [Period.of("day", date(2004, 2, 28))], {}


def garden(data: Path) -> History:
    """Two months of a garden's soil and air by the hour, with days that are missing."""
    points = {"temperature": Point(low=5, high=35), "humidity": Point(), "pressure": Point(), "light": Point()}
    site = a_site(
        "Garden", "Europe/London", Device(device="seeds-1", name="Bed 1", zone="beds", cadence=3600, points=points)
    )

    def rows() -> Iterator[Row]:
        with tarfile.open(data / "connected_seeds/SEEDS1.tar.gz") as files:
            for member in files:
                found = files.extractfile(member)
                text = found.read().decode("ascii", "replace").strip() if found else ""
                cells = text.splitlines()[0].split(",") if text else []
                if len(cells) != 8 or not cells[0].isdigit() or len(cells[0]) != 12:
                    continue
                time = datetime.strptime(cells[0][2:], "%Y%m%d%H").replace(tzinfo=UTC)
                for metric, place in (("light", 1), ("temperature", 2), ("humidity", 3), ("pressure", 6)):
                    yield reading("seeds-1", metric, time, float(cells[place]))

    return site, rows(), [Period.of("month", date(2016, 8, 1))], {}


def city(data: Path) -> History:
    """A year of a city's air by the hour: two days of it have 23 and 25 hours."""
    points = {"temperature": Point(low=0, high=30)}
    device = Device(device="sea", name="Seattle", zone="outside", cadence=3600, points=points)
    site = a_site("Seattle", "America/Los_Angeles", device)

    def rows() -> Iterator[Row]:
        with (data / "vega/seattle-temps.csv").open() as lines:
            for row in csv.DictReader(lines):
                celsius = round((float(row["temp"]) - 32) / 1.8, 1)
                yield reading("sea", "temperature", datetime.fromisoformat(row["date"]).astimezone(UTC), celsius)

    return site, rows(), [Period.of("year", date(2010, 1, 1)), Period.of("day", date(2010, 3, 14))], {}


def transformer(data: Path) -> History:
    """A transformer's oil and loads by the hour, told in Chinese."""
    points = {"temperature": Point(high=30), **{f"power_{place}": Point() for place in (1, 2, 3)}}
    device = Device(device="ETT-h1", name="一号变压器", zone="substation", cadence=3600, points=points)
    site = a_site("Transformer", "Asia/Shanghai", device)
    zone = ZoneInfo(site.timezone)

    def rows() -> Iterator[Row]:
        with gzip.open(data / "ett/ETTh1.csv.gz", "rt") as lines:
            for row in csv.DictReader(lines):
                time = datetime.fromisoformat(row["date"]).replace(tzinfo=zone).astimezone(UTC)
                if time > datetime(2016, 8, 15, tzinfo=UTC):
                    return
                yield reading("ETT-h1", "temperature", time, round(float(row["OT"]), 2))
                for place, name in enumerate(("HUFL", "MUFL", "LUFL"), 1):
                    yield reading("ETT-h1", f"power_{place}", time, round(float(row[name]), 3))

    return (
        site,
        rows(),
        [Period.of("month", date(2016, 7, 15)), Period.of("day", date(2016, 7, 15))],
        {"language": "zh"},
    )


HISTORIES: dict[str, Callable[[Path], History]] = {
    one.__name__: one for one in (office, house, laboratory, garden, city, transformer)
}


def alarms(site: Site, rows: Iterable[Row]) -> Iterator[object]:
    """As a rule `above the limit for half an hour` would have it."""
    of = sorted(
        (row for row in rows if row["flag"] == GOOD), key=lambda row: (row["device"], row["metric"], row["time"])
    )
    for (device, metric), some in groupby(of, key=lambda row: (row["device"], row["metric"])):
        high = site.point(device, metric).high
        if high is None:
            continue
        for beyond, run in groupby(some, key=lambda row, high=high: row["value"] > high):
            times = [row["time"] for row in run]
            if beyond and times[-1] - times[0] >= timedelta(minutes=30):
                yield an_alarm(times[0], times[-1], device=device, metric=metric, limit=high, rule=f"{metric}-high")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/histories")
    parser.add_argument("--only", default=",".join(HISTORIES))
    said = parser.parse_args()
    for name in said.only.split(","):
        site, rows, periods, reports = HISTORIES[name](said.data)
        settings = Settings(home=said.folder / name, reports=reports)
        days: dict[date, list[Row]] = {}
        for row in rows:
            days.setdefault(row["time"].astimezone(ZoneInfo(site.timezone)).date(), []).append(row)
        for day, some in sorted(days.items()):
            settled_day(settings.home, site, day, some, cadence=60)
        found = list(alarms(site, [row for some in days.values() for row in some]))
        for period in periods:
            made = report(settings, site, period, MemoryCatalogue(found))
            sys.stdout.write(f"{made.page}  {made.headline}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
