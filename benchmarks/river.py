"""What the whole river makes of a backlog, against bare POSTs of the same points. Real servers, all of them.

python benchmarks/river.py [--turns 5] [--readings 1000000]   the ratio to the limit, and where the time goes
python benchmarks/river.py growth [--most 10000000]            as readings grow, and devices from 10 to 10,000
"""

from __future__ import annotations

import argparse
import http.client
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import log
from pathlib import Path
from time import monotonic, sleep

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "include"), str(CHECKOUT)]

import pyarrow.parquet as pq  # noqa: E402
from pyspark.sql import DataFrame  # noqa: E402
from tests.services.river import NOW, River, opened  # noqa: E402

from barograph import kafka, registry, spark  # noqa: E402
from barograph.influx import lines  # noqa: E402
from barograph.ingest.refine import places_of, refine  # noqa: E402
from barograph.ingest.run import BatchSummary, ingest  # noqa: E402
from barograph.kafka import Delivery, Message  # noqa: E402
from barograph.settings import IngestSettings, Settings, SparkSettings  # noqa: E402
from barograph.stack import pids, prepare, secrets, services  # noqa: E402
from barograph.windows import Window, iso  # noqa: E402

PORT_BASE = 24_500
CADENCE = 10.0
PACK = 500
"""Frames of a message, as the collector packs a backlog."""
LINES = 10_000
"""Lines of a bare POST."""
STEPS = ("drain", "refine", "load", "judge")


@contextmanager
def stack() -> Iterator[Settings]:
    home = Path(tempfile.mkdtemp(prefix="barograph-bench-"))
    plain = Settings(home=home, port_base=PORT_BASE, ingest=IngestSettings(live_hours=24 * 30))
    secrets.generate(plain)
    live = plain.spark_url("live")
    settings = plain.model_copy(update={"spark": SparkSettings(live=live, history=live)})
    try:
        services.up(settings, only=["postgres", "kafka", "influxdb", "spark-live"])
        prepare.run(settings, airflow=False)
        yield settings
    finally:
        services.down(settings)
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Backlog:
    """Frames of two readings each, of so many devices, that end at `NOW`."""

    readings: int
    devices: int

    @property
    def frames(self) -> int:
        """Of each device."""
        return self.readings // 2 // self.devices

    @property
    def span(self) -> Window:
        return Window(NOW - timedelta(seconds=self.frames * CADENCE), NOW)

    def publish(self, river: River) -> None:
        producer = kafka.Producer(river.settings)
        topic = river.settings.kafka.topics[0]
        try:
            for start in range(0, self.frames, PACK):
                numbers = range(start, min(start + PACK, self.frames))
                names = (f"{river.name}-{device:05d}" for device in range(self.devices))
                for some in _chunks([Message(topic, _said(name, numbers, self.span), name) for name in names], 500):
                    assert set(producer.deliver(some)) == {Delivery.ACKED}
        finally:
            producer.close()


def _said(name: str, numbers: range, span: Window) -> bytes:
    dice = random.Random(name)  # noqa: S311
    cold, late = dice.uniform(2, 6), dice.uniform(0, CADENCE)
    frames = (
        f'{{"device":"{name}","boot":"b","seq":{number},'
        f'"time":"{iso(span.start + timedelta(seconds=number * CADENCE + late))}",'
        f'"values":{{"temperature":{cold + dice.gauss(0, 0.2):.1f},"humidity":{dice.gauss(60, 1):.0f}}}}}'
        for number in numbers
    )
    return ("[" + ",".join(frames) + "]").encode()


def _chunks(messages: Sequence[Message], size: int) -> Iterator[Sequence[Message]]:
    return (messages[start : start + size] for start in range(0, len(messages), size))


@dataclass(frozen=True)
class Result:
    seconds: float
    steps: dict[str, float]
    memory: float
    """Megabytes that Spark's JVM and its Python workers took at most, together."""


def carried(river: River, backlog: Backlog) -> Result:
    """Run `ingest` until nothing waits."""
    taken: list[BatchSummary] = []
    began = monotonic()
    with Memory(river.settings) as memory:
        while sum(summary.counts["read"] for summary in taken) < backlog.readings:
            taken += ingest(river.settings, "ingest", f"run-{len(taken)}", NOW + timedelta(minutes=1))
    seconds = monotonic() - began
    read = sum(summary.counts["stored"] for summary in taken)
    assert read == backlog.readings, f"{read} of {backlog.readings} were stored"
    steps = {name: sum(summary.steps.get(name, {}).get("seconds", 0) for summary in taken) for name in STEPS}
    return Result(seconds, steps, memory.most)


class Memory:
    """Looks twice a second at what Spark's processes hold."""

    def __init__(self, settings: Settings) -> None:
        self.most = 0.0
        self._settings = settings
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            held = 0
            for each in pids.ours(self._settings.home):
                if each.server == "spark-live":
                    try:
                        told = Path(f"/proc/{each.pid}/smaps_rollup").read_text()
                    except OSError:
                        continue
                    held += int(told.split("Pss:")[1].split()[0])
            self.most = max(self.most, held / 1024)


def points(river: River, span: Window) -> dict[str, list[str]]:
    """By bucket, the lines that `load` has written; through files, for they are more than Spark's server may hold."""
    settings = river.settings
    places = places_of(settings, registry.read_sites(settings.sites_folder))
    wide = span.widened(timedelta(minutes=2), timedelta(minutes=2))
    with (
        spark.session(settings, "live") as session,
        refine(session, river.archive, places, [wide]) as (readings, windows),
    ):
        rows = {
            settings.influx.readings: lines.reading_lines(readings),
            settings.influx.windows: lines.window_lines(windows),
        }
        return {bucket: _read(frame, river.settings.path("tmp", bucket)) for bucket, frame in rows.items()}


def _read(lines: DataFrame, folder: Path) -> list[str]:
    lines.write.mode("overwrite").parquet(str(folder))
    read: list[str] = pq.read_table(folder).column(0).to_pylist()
    shutil.rmtree(folder)
    return read


def posted(settings: Settings, bucket: str, said: Sequence[str], writers: int = 2) -> float:
    """Seconds that bare POSTs of ready bodies take."""
    bodies = ["\n".join(said[start : start + LINES]).encode() for start in range(0, len(said), LINES)]
    head = {"Authorization": f"Token {settings.secret('influx_loader')}"}
    path = f"/api/v2/write?org={settings.influx.org}&bucket={bucket}&precision=us"

    def work(mine: Sequence[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", settings.port("influxdb"))
        for body in mine:
            connection.request("POST", path, body, head)
            reply = connection.getresponse()
            reply.read()
            assert reply.status == 204, reply.status
        connection.close()

    began = monotonic()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, [bodies[number::writers] for number in range(writers)]))
    return monotonic() - began


@contextmanager
def filled(settings: Settings, backlog: Backlog) -> Iterator[River]:
    with opened(settings) as river:
        site = river.settings.sites_folder / river.name
        (site / "rules.yaml").unlink()
        devices = "".join(
            f"  - {{device: {river.name}-{number:05d}, zone: wall, cadence: {CADENCE:g}}}\n"
            for number in range(backlog.devices)
        )
        (site / "site.yaml").write_text(
            f"site: {river.name}\nname: A shop\ntimezone: Europe/Berlin\ndevices:\n{devices}"
        )
        backlog.publish(river)
        yield river


def ratio(settings: Settings, readings: int, turns: int) -> Iterator[str]:
    backlog = Backlog(readings, 100)
    rates, shares, narrow, split, memory = [], [], [], [], []
    for turn in range(turns + 1):
        with filled(settings, backlog) as river:
            result = carried(river, backlog)
            if not turn:
                yield f"first, with all JVMs cold: {readings / result.seconds:,.0f} readings/s"
                continue
            ready = points(river, backlog.span)
            bare = {bucket: posted(settings, bucket, said) for bucket, said in ready.items()}
            rates.append(readings / result.seconds)
            shares.append(sum(bare.values()) / result.seconds)
            narrow.append(bare[settings.influx.readings] / result.seconds)
            split.append({name: seconds / result.seconds for name, seconds in result.steps.items()})
            memory.append(result.memory)
            count = {bucket: len(said) for bucket, said in ready.items()}
            yield (
                f"turn {turn}: {rates[-1]:,.0f} readings/s, {shares[-1]:.2f} of the limit; "
                + ", ".join(f"{count[name]:,} points of {name} bare in {bare[name]:.1f} s" for name in count)
            )
    middle = statistics.median
    yield f"{readings:,} readings of 100 devices, the median of {turns}:"
    yield f"  drain + refine + load   {middle(rates):>10,.0f} readings/s"
    yield f"  of bare POSTs           {middle(shares):>10.2f} of the same points, readings and windows"
    yield f"                          {middle(narrow):>10.2f} of the readings' points alone"
    yield "  where the time goes     " + ", ".join(
        f"{name} {middle(each[name] for each in split):.0%}" for name in STEPS
    )
    yield f"  Spark's memory          {max(memory):>10,.0f} MB at most"
    yield from sizes(settings, river, readings)


def sizes(settings: Settings, river: River, readings: int) -> Iterator[str]:
    """Bytes a reading, in the record and in InfluxDB, once it has flushed its log."""
    record = sum(path.stat().st_size for path in Path(river.settings.archive).rglob("*.parquet"))
    yield f"  the record              {record / readings:>10.1f} bytes a reading"
    engine = settings.home / "influxdb" / "engine" / "data"
    sleep(30)
    held = {folder.name: _bytes(folder) for folder in engine.iterdir() if folder.is_dir()}
    yield f"  InfluxDB, all buckets   {sum(held.values()) / 1e6:>10.1f} MB of points in its files"


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.tsm"))


def growth(settings: Settings, most: int, turns: int) -> Iterator[str]:
    def cost(backlog: Backlog) -> float:
        found = []
        for _ in range(turns):
            with filled(settings, backlog) as river:
                found.append(carried(river, backlog).seconds)
        return statistics.median(found)

    cost(Backlog(100_000, 100))
    by_size = {}
    for readings in (size for size in (100_000, 1_000_000, 10_000_000) if size <= most):
        by_size[readings] = cost(Backlog(readings, 100))
        yield f"{readings:>12,} readings of 100 devices: {by_size[readings]:7.1f} s"
    least, largest = min(by_size), max(by_size)
    power = log(by_size[largest] / by_size[least]) / log(largest / least)
    yield f"cost grows with readings to the power of {power:.2f}"
    by_count = {}
    for devices in (10, 100, 1000, 10_000):
        by_count[devices] = cost(Backlog(1_000_000, devices))
        yield f"{devices:>12,} devices, 1,000,000 readings: {by_count[devices]:7.1f} s"
    yield f"10,000 devices cost {by_count[10_000] / by_count[10]:.2f} x what 10 cost"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("ratio", "growth"), default="ratio")
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--most", type=int, default=10_000_000)
    parser.add_argument("--turns", type=int)
    chosen = parser.parse_args()
    # Whoever stops us would otherwise leave all servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with stack() as settings:
        found = (
            ratio(settings, chosen.readings, chosen.turns or 5)
            if chosen.what == "ratio"
            else growth(settings, chosen.most, chosen.turns or 1)
        )
        for line in found:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
