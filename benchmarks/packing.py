"""What gzip's levels cost and save, for what we send: points to InfluxDB, frames to Kafka.

.venv/bin/python benchmarks/packing.py [--turns 5]

The points are lines as `barograph.influx.lines` words them, refined and summed up from readings with noise and jitter;
a body has as many as a request (5,000). The frames are messages as the collector sends them: packs of 500 frames of one
device, and lone frames that the producer joins to batches of 16 kB. CPU is that of packing alone, the best turn.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import pyarrow as pa

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "include"), str(CHECKOUT)]

from benchmarks.refine import BEGIN, places, records  # noqa: E402

from barograph.influx.fields import COUNTS, OF_WINDOWS  # noqa: E402
from barograph.readings import Frame, encoded  # noqa: E402
from barograph.transforms import cleaning  # noqa: E402
from barograph.transforms.summing import SHIPPED  # noqa: E402
from barograph.transforms.windowing import windows_of  # noqa: E402

LEVELS = (1, 3, 6, 9)
LINES = 5_000
BATCH = 16_384
DEVICES, CADENCE = 30, 10.0


def points(readings: int = LINES) -> dict[str, bytes]:
    """A request's body of readings, and one of windows."""
    refined = cleaning.judged(pa.concat_tables(records(readings, DEVICES, CADENCE)), places(DEVICES, CADENCE))
    refined = refined.sort_by([("time", "ascending")])
    windows = windows_of(refined, SHIPPED).sort_by([("end", "ascending")])
    return {
        "readings": _body(map(_reading, refined.to_pylist())),
        "windows": _body(map(_window, windows.slice(0, LINES).to_pylist())),
    }


def _body(lines: Iterator[str]) -> bytes:
    return "\n".join(lines).encode()


def _reading(row: dict[str, Any]) -> str:
    value = [] if row["value"] is None else [f"value={row['value']}"]
    said = [*value, f"flag={row['flag']}i", f'reasons="{",".join(row["reasons"])}"']
    return f"{_series(row)} {','.join(said)} {_micros(row['time'])}"


def _window(row: dict[str, Any]) -> str:
    said = [f"{name}={row[name]}{'i' if name in COUNTS else ''}" for name in OF_WINDOWS if row[name] is not None]
    return f"{_series(row)} {','.join(said)} {_micros(row['end'])}"


def _series(row: dict[str, Any]) -> str:
    return f"{row['metric']},device={row['device']},site={row['site']},zone={row['zone']}"


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def frames() -> dict[str, bytes]:
    """A pack of one device, and a batch of lone frames of many."""
    begin = datetime.fromtimestamp(BEGIN / 1e6, UTC)

    def frame(device: int, n: int) -> Frame:
        values = {"temperature": round(4 + (n * 7919 % 23 - 11) / 10, 1), "humidity": 60.0 + n * 104729 % 9}
        raw = f"$BX2,{device:04d},{values['temperature']:+.1f},{values['humidity']:.0f}*6A"
        at = begin + timedelta(seconds=n, microseconds=n * 15_485_863 % 1_000_000)
        return Frame(f"device-{device:04d}", values, at, n, "5f0c", f"usb:0403:6001:A{device}", raw)

    lone = b"".join(encoded([frame(n % DEVICES, n // DEVICES)]) for n in range(BATCH // 150))
    return {"pack of 500 frames": encoded([frame(1, n) for n in range(500)]), "batch of lone frames": lone[:BATCH]}


def cost(body: bytes, level: int, turns: int) -> tuple[float, float]:
    """CPU ms for a megabyte of the body, and how many bytes of a hundred are left."""
    times = max(1, 2_000_000 // len(body))
    best = float("inf")
    for _ in range(turns):
        started = process_time()
        for _ in range(times):
            packed = gzip.compress(body, level)
        best = min(best, (process_time() - started) / times)
    return best / len(body) * 1e9, 100 * len(packed) / len(body)


def table(bodies: dict[str, bytes], turns: int) -> Iterator[str]:
    yield "| | bytes | " + " | ".join(f"level {level}" for level in LEVELS) + " |"
    yield "|---|---|" + "---|" * len(LEVELS)
    for name, body in bodies.items():
        told = [cost(body, level, turns) for level in LEVELS]
        yield f"| {name} | {len(body):,} | " + " | ".join(f"{ms:.1f} ms, {left:.1f} %" for ms, left in told) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args(arguments)
    sys.stdout.write("CPU of packing a megabyte, and what is left of it\n\n")
    for line in table({**points(), **frames()}, asked.turns):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
