"""Whether the ten-second profile keeps up: the whole stack, Airflow included, beside sensors that speak each second.

python benchmarks/lag.py [--minutes 30] [--devices 50]   `ingest` every ten seconds, and nothing else
python benchmarks/lag.py --beside [--minutes 30] [--devices 50]   while days settle and big queries run, without pause

Prints how long a batch takes, and how old its newest and its oldest reading are once they are loaded and judged.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "include"), str(CHECKOUT)]

import numpy as np  # noqa: E402

from barograph import kafka  # noqa: E402
from barograph.errors import BarographError  # noqa: E402
from barograph.kafka import Delivery, Message  # noqa: E402
from barograph.settings import Settings, load_settings  # noqa: E402
from barograph.sql import sql  # noqa: E402
from barograph.stack import secrets, services  # noqa: E402
from barograph.stack.airflow_api import Airflow  # noqa: E402
from barograph.state.engine import connect  # noqa: E402
from barograph.state.ledger import Ledger  # noqa: E402
from barograph.windows import iso  # noqa: E402

PORT_BASE = 26_500
INTERVAL = 10
WARM = 120.0
"""Seconds that are not counted: JVMs compile."""
CADENCE = 10
"""Seconds, of the history that settles beside it."""
PACK = 500
LIVE = timedelta(hours=1)
QUESTION = (
    "select device, metric, date_trunc('hour', time) as hour, count(*), avg(value), percentile(value, 0.5) "
    "from readings group by all order by all"
)


@contextmanager
def stack(devices: int) -> Iterator[Settings]:
    home = Path(tempfile.mkdtemp(prefix="barograph-bench-"))
    for name in [name for name in os.environ if name.startswith("BAROGRAPH_")]:
        del os.environ[name]
    os.environ["BAROGRAPH_HOME"] = str(home)
    (home / "settings.yaml").write_text(f"port_base: {PORT_BASE}\ningest: {{interval: {INTERVAL}}}\n")
    site = home / "sites" / "bench"
    (site / "formats").mkdir(parents=True)
    shutil.copy(CHECKOUT / "include/sites/demo/formats/cold-wall.yaml", site / "formats" / "board.yaml")
    ports = [
        {"port": name, "url": f"sim://fridge?seed={number}", "format": "board", "device": name}
        for number, name in enumerate(names(devices))
    ]
    registered = [{"device": name, "zone": "wall", "cadence": 1} for name in names(devices)]
    registered += [{"device": name, "zone": "rooms", "cadence": CADENCE} for name in slower(devices)]
    (site / "site.yaml").write_text(json.dumps({"site": "bench", "name": "B", "ports": ports, "devices": registered}))
    settings = load_settings()
    secrets.generate(settings)
    try:
        services.up(settings)
        yield settings
    finally:
        services.down(settings)
        shutil.rmtree(home, ignore_errors=True)


def names(devices: int) -> list[str]:
    return [f"fridge-{number:02d}" for number in range(devices)]


def slower(devices: int) -> list[str]:
    """Those whose history settles beside it."""
    return [f"room-{number:02d}" for number in range(devices)]


def measured(settings: Settings, minutes: float, beside: Callable[[Settings, threading.Event], int] | None) -> str:
    """Start the collector and `ingest`, and look at the ledger five times a second."""
    over = threading.Event()
    found: list[int] = []
    with Airflow.of(settings) as airflow:
        airflow.wait_for_dag("daily")
        airflow.wait_for_dag("ingest")
        airflow.unpause("daily")
        services.start(settings, "collector")
        services.wait(settings, ["collector"])
        airflow.unpause("ingest")
    sleep(WARM)
    work = threading.Thread(target=lambda: found.append(beside(settings, over) if beside else 0))
    work.start()
    ledger = Ledger(connect(settings), "drain")
    last = ledger.latest()
    newest, oldest, took, counted, ends = [], [], [], 0, []
    until = monotonic() + 60 * minutes
    while monotonic() < until:
        sleep(0.2)
        now, batch = datetime.now(UTC), ledger.latest()
        if batch and batch.done and (last is None or batch.batch > last.batch):
            last = batch
            if live := [each for each in batch.touched or [] if now - each.end < LIVE]:
                ends.append(now)
                newest.append((now - live[-1].end).total_seconds())
                oldest.append((now - live[0].start).total_seconds())
                took.append((now - batch.horizon).total_seconds())
                counted += (batch.counts or {}).get("stored", 0)
    over.set()
    work.join()
    gaps = [(after - before).total_seconds() for before, after in pairwise(ends)]
    return "\n".join(
        [
            f"{minutes:g} minutes, {len(took)} batches, {counted:,} readings; days settled beside it: {sum(found)}",
            _line("a batch takes", took),
            _line("from one batch's end to the next's", gaps),
            _line("its newest reading is then old", newest),
            _line("its oldest reading is then old", oldest),
            f"oldest, the last third's median against the first's: {_trend(oldest):.2f}",
        ]
    )


def _line(what: str, seconds: Sequence[float]) -> str:
    p50, p99 = np.percentile(seconds, [50, 99])
    return f"  {what:<36} p50 {p50:5.1f} s, p99 {p99:5.1f} s, worst {max(seconds):5.1f} s"


def _trend(oldest: Sequence[float]) -> float:
    third = len(oldest) // 3
    return statistics.median(oldest[-third:]) / statistics.median(oldest[:third])


def busy(settings: Settings, over: threading.Event) -> int:
    """Settle and report yesterday, and ask the archive a large question, each again and again."""
    rounds = 0

    def ask() -> None:
        while not over.is_set():
            with suppress(BarographError), sql(settings, QUESTION) as answer:
                answer.toArrow()

    asking = threading.Thread(target=ask)
    asking.start()
    with Airflow.of(settings) as airflow:
        while not over.is_set():
            run = airflow.trigger("daily", {"day": yesterday().date().isoformat()})
            airflow.wait("daily", run, timeout=1800)
            rounds += 1
    asking.join()
    return rounds


def yesterday() -> datetime:
    return (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def publish_yesterday(settings: Settings, devices: int) -> None:
    """A day of as many other devices at a cadence of ten seconds, marked historical."""
    producer = kafka.Producer(settings)
    dice = random.Random(7)  # noqa: S311
    start, frames = yesterday(), 86_400 // CADENCE
    try:
        for name in slower(devices):
            said = [
                f'{{"device":"{name}","boot":"h","seq":{number},"historical":true,'
                f'"time":"{iso(start + timedelta(seconds=number * CADENCE))}",'
                f'"values":{{"temperature":{dice.gauss(4, 0.2):.1f},"humidity":{dice.gauss(60, 1):.0f}}}}}'
                for number in range(frames)
            ]
            packs = ["[" + ",".join(said[begin : begin + PACK]) + "]" for begin in range(0, frames, PACK)]
            messages = [Message(settings.kafka.topics[0], pack.encode(), name) for pack in packs]
            assert set(producer.deliver(messages)) == {Delivery.ACKED}
    finally:
        producer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--beside", action="store_true")
    chosen = parser.parse_args()
    # Whoever stops us would otherwise leave all servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with stack(chosen.devices) as settings:
        if chosen.beside:
            publish_yesterday(settings, chosen.devices)
        sys.stdout.write(measured(settings, chosen.minutes, busy if chosen.beside else None) + "\n")


if __name__ == "__main__":
    main()
