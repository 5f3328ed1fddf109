"""From the last byte on the wire to an alarm on the disk, with nothing else running: no Kafka, no database.

    python benchmarks/fast_lane.py [--alarms 300] [--ports 16] [--rate 10]

Every frame of one board crosses a limit, so that each is an event of its own; other boards say `--rate` frames a second
each beside it. One process has both ends, so the times are those of one clock. What the machine itself takes to wake
somebody up and to put four kilobytes on the disk is printed beside: on one that is busy, that is most of it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "include"), str(CHECKOUT)]

from barograph import logs  # noqa: E402
from barograph.collector.alarm_store import AlarmStore  # noqa: E402
from barograph.collector.service import collect  # noqa: E402
from barograph.errors import ServiceUnavailable  # noqa: E402
from barograph.settings import CollectorSettings, Settings  # noqa: E402

SITE = """site: bench
name: Bench
ports: [{ports}]
devices: [{devices}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alarms", type=int, default=300)
    parser.add_argument("--ports", type=int, default=16)
    parser.add_argument("--rate", type=float, default=10.0)
    asked = parser.parse_args()
    logs.configure()
    with tempfile.TemporaryDirectory(prefix="barograph-bench-") as home:
        sys.stdout.write(f"the machine: {_told('woken up', _naps())}; {_told('fsync', _writes(Path(home) / 'file'))}\n")
        for beside in (0, asked.ports):
            took = measured(Path(home) / str(beside), beside, asked.rate, asked.alarms)
            sys.stdout.write(f"{_told(f'{beside} boards of {asked.rate:g} frames/s beside it, alarms', took)}\n")


def _told(what: str, took: list[float]) -> str:
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    return f"{what}: p50 {1e3 * p50:.1f} ms, p99 {1e3 * p99:.1f} ms, worst {1e3 * took[-1]:.1f} ms"


def _naps() -> list[float]:
    took = []
    for _ in range(200):
        began = time.monotonic()
        time.sleep(0.01)
        took.append(time.monotonic() - began - 0.01)
    return sorted(took)


def _writes(path: Path) -> list[float]:
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(200):
            began = time.monotonic()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append(time.monotonic() - began)
    return sorted(took)


def measured(home: Path, beside: int, rate: float, alarms: int) -> list[float]:
    """Seconds that each took, sorted."""
    ends = [os.openpty() for _ in range(beside + 1)]
    for end in ends:
        tty.setraw(end[1])
    _site(home, [os.ttyname(end[1]) for end in ends])
    durable: list[float] = []
    record = AlarmStore.record

    def watched(store: AlarmStore, events: list[str], kept: dict[str, str]) -> None:
        record(store, events, kept)
        durable.extend([time.monotonic()] * len(events))

    AlarmStore.record = watched  # type: ignore[method-assign, assignment]
    stop, chance = threading.Event(), random.Random(7)  # noqa: S311
    settings = Settings(home=home, collector=CollectorSettings(metrics_port=0))
    collector = threading.Thread(target=collect, args=(settings, stop), kwargs={"connect": _nobody})
    others = threading.Thread(target=_say, args=([end[0] for end in ends[1:]], rate, stop))
    collector.start()
    others.start()
    try:
        time.sleep(3)
        said = []
        for number in range(alarms):
            os.write(ends[0][0], b"9.0\n" if number % 2 == 0 else b"4.0\n")
            said.append(time.monotonic())
            time.sleep(chance.uniform(0.15, 0.35))
        time.sleep(1)
    finally:
        stop.set()
        collector.join()
        others.join()
        AlarmStore.record = record  # type: ignore[method-assign]
    return sorted(there - at for at, there in zip(said, durable, strict=True))


def _say(ends: list[int], rate: float, stop: threading.Event) -> None:
    """All of them in turn, evenly."""
    number = 0
    while ends and not stop.is_set():
        os.write(ends[number % len(ends)], b"4.0\n")
        number += 1
        time.sleep(1 / rate / len(ends))


def _nobody() -> None:
    raise ServiceUnavailable("no broker here")


def _site(home: Path, ttys: list[str]) -> None:
    folder = home / "sites" / "bench"
    (folder / "formats").mkdir(parents=True)
    (folder / "formats" / "board.yaml").write_text(
        "kind: delimited\nseparator: ','\ncolumns:\n  - {metric: temperature}\n"
    )
    ports = ", ".join(
        f"{{port: p{n}, url: {url}, format: board, device: board-{n}, exclusive: false}}" for n, url in enumerate(ttys)
    )
    devices = ", ".join(f"{{device: board-{n}, zone: bench, cadence: 1}}" for n in range(len(ttys)))
    (folder / "site.yaml").write_text(SITE.format(ports=ports, devices=devices))
    (folder / "rules.yaml").write_text("rules: [{rule: warm, metric: temperature, above: 8}]\n")


if __name__ == "__main__":
    main()
