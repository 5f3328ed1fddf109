"""Readers of public recordings, each for a family of files: bytes to columns of readings. For tests only.

Times are UTC, microseconds since 1970. Files without times get a reading each `step` seconds from 2026-03-24.
"""

import csv
import gzip
import io
import json
import re
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

BEGIN = datetime(2026, 3, 24, tzinfo=UTC)
TICKS = 1_000_000


def their(metric):
    """A name that no quality test of ours knows: sums are to be compared with those of people who flagged nothing."""
    return f"their_{metric}"


@dataclass
class History:
    device: list[str]
    metric: list[str]
    times: np.ndarray
    values: np.ndarray

    def __post_init__(self):
        self.metric = [their(metric) for metric in self.metric]

    @classmethod
    def of(cls, readings):
        """`readings`: (device, metric, time, value)."""
        device, metric, times, values = zip(*readings, strict=True)
        return cls(list(device), list(metric), np.array(times, np.int64), np.array(values, float))

    def __len__(self):
        return len(self.times)

    def record(self):
        """As record/readings has them."""
        size = len(self)

        def same(fact, kind):
            return pa.repeat(pa.scalar(fact, kind), size)

        time = pa.timestamp("us", "UTC")
        return pa.table(
            {
                "device": pa.array(self.device), "metric": pa.array(self.metric), "time": pa.array(self.times, time),
                "value": pa.array(self.values, from_pandas=True), "seq": same(None, pa.int64()),
                "boot": same(None, pa.string()), "port": same(None, pa.string()), "historical": same(True, pa.bool_()),
                "skew": same(None, pa.float64()), "published": pa.array(self.times, time), "batch": same(1, pa.int64()),
                "topic": same("readings", pa.string()), "partition": same(0, pa.int32()),
                "offset": pa.array(np.arange(size)), "frame": same(0, pa.int32()),
            }
        )  # fmt: skip


def text_of(path, encoding="utf-8"):
    content = Path(path).read_bytes()
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode(encoding)


def micros(moment):
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * TICKS)


def iot_telemetry(path):
    """A JSON array, or an object a line: {"data": {"temp": 27.0, "light": true}, "device_id": ..., "ts": seconds}."""
    text = text_of(path).strip()
    messages = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines() if line]
    return History.of(
        (message["device_id"], metric, round(message["ts"] * TICKS), float(value))
        for message in messages
        for metric, value in message["data"].items()
    )


def intel_lab(path, step=30):
    """A row a moment, a column a mote, blanks between."""
    table = np.array([line.split() for line in text_of(path).splitlines() if line.strip()], float)
    rows, motes = table.shape
    times = micros(BEGIN) + np.arange(rows) * step * TICKS
    names = [f"mote-{mote + 1:02d}" for mote in range(motes)]
    return History(np.repeat(names, rows).tolist(), ["temp"] * table.size, np.tile(times, motes), table.T.ravel())


def labelled_wsn(path, step=5):
    """Titles, a header whose words are misspelt in several ways, then reading, mote, humidity, temperature, label."""
    readings, columns = [], None
    for line in text_of(path, "latin-1").splitlines():
        words = line.lower()
        if columns is None and "label" in words:
            found = {name: re.search(name, words) for name in ("reading", "mote", "humidity", "te[a-z]*ture", "label")}
            columns = [name for _, name in sorted((match.start(), name) for name, match in found.items() if match)]
        elif columns and len(fields := line.split()) == len(columns):
            row = dict(zip(columns, fields, strict=True))
            time = micros(BEGIN) + int(row["reading"]) * step * TICKS
            readings += [
                (f"mote-{row['mote']}", "rh", time, float(row["humidity"])),
                (f"mote-{row['mote']}", "temp", time, float(row["te[a-z]*ture"])),
            ]
    return History.of(readings)


def ulb_library(path):
    """Milliseconds, node, sequence (1 000 with a no-break space), then numbers with a decimal comma."""
    readings = []
    for line in text_of(path, "latin-1").splitlines():
        if len(fields := line.strip(" \r").split(" ")) == 9:
            numbers = [float(field.replace("\xa0", "").replace(",", ".")) for field in fields[3:]]
            names = ("inside", "volts", "rh", "temp", "par", "tsr")
            readings += [
                (f"node-{fields[1]}", name, int(fields[0]) * 1000, number)
                for name, number in zip(names, numbers, strict=True)
            ]
    return History.of(readings)


def occupancy(path):
    """CSV whose header lacks the name of the first column, the row's number."""
    rows = csv.reader(io.StringIO(text_of(path)))
    names = next(rows)
    readings = []
    for row in rows:
        fields = dict(zip(names, row[len(row) - len(names) :], strict=True))
        time = micros(datetime.fromisoformat(fields.pop("date")))
        readings += [("room", name.lower(), time, float(value)) for name, value in fields.items()]
    return History.of(readings)


def vega_hourly(path):
    """date with an offset, temp."""
    rows = csv.DictReader(io.StringIO(text_of(path)))
    return History.of(
        ("seattle", "temp", micros(datetime.fromisoformat(row["date"])), float(row["temp"])) for row in rows
    )


def vega_daily(path):
    """location, date, numbers, weather in words."""
    readings = []
    for row in csv.DictReader(io.StringIO(text_of(path))):
        time = micros(datetime.fromisoformat(row["date"]))
        readings += [
            (row["location"], name, time, float(row[name]))
            for name in ("precipitation", "temp_max", "temp_min", "wind")
        ]  # fmt: skip
    return History.of(readings)


def ett(path):
    """date, loads, and OT, the temperature of a transformer's oil."""
    rows = csv.DictReader(io.StringIO(text_of(path)))
    return History.of(
        ("transformer", "OT", micros(datetime.fromisoformat(row["date"])), float(row["OT"])) for row in rows
    )


def connected_seeds(path):
    """An SD card: a file an hour, `UUYYYYMMDDHH,light,air T,air RH,soil T,soil RH,mbar,V`; files of other layouts too.

    The card is the device: one logger wrote an hour under another number. The last line of an hour counts.
    """
    names = ("lux", "air_temp", "air_rh", "soil_temp", "soil_rh", "mbar", "volts")
    found = {}
    with tarfile.open(path) as card:
        for member in sorted(card.getmembers(), key=lambda member: member.name):
            content = card.extractfile(member)
            for line in content.read().decode("latin-1").splitlines() if content else []:
                if match := re.fullmatch(r"\d\d(\d{10}),([-\d.]+(?:,[-\d.]+){6}),?\s*", line):
                    time = micros(datetime.strptime(match[1], "%Y%m%d%H").replace(tzinfo=UTC))
                    for name, value in zip(names, match[2].split(","), strict=True):
                        found[member.name.split("/")[0], name, time] = float(value)
    return History.of((*key, value) for key, value in found.items())
