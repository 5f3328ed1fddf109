"""What the spool costs: CPU of a frame from append to forgotten, against plain ways of putting the same bytes on disk.

python benchmarks/spool.py [--backlog] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "include"), str(CHECKOUT)]

from barograph.collector.publisher import Publisher, Topics, bundled  # noqa: E402
from barograph.collector.spool import Entry, Spool  # noqa: E402
from barograph.kafka import Delivery, Message  # noqa: E402

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DEVICES = 64
RATE = 37_000
"""Frames a second of 64 ports at 115200 baud."""
Turn = list[Entry]


def frame(device: int, number: int) -> Entry:
    content = b'{"device":"board-%02d","time":"2026-11-22T08:00:00.%06dZ","seq":%d,"boot":"5f0c11aa","port":"p%02d",'
    values = b'"values":{"temperature":%d.5,"humidity":%d.2}}' % (20 + number % 5, 40 + number % 7)
    return Entry("readings", content % (device, number % 1_000_000, number, device) + values, f"board-{device:02d}")


def turns(each: int, frames: int = 120_000) -> list[Turn]:
    """What the loop hands over turn by turn: `each` frames of each device."""
    count = max(10, min(500, frames // (DEVICES * each)))
    return [[frame(d, t * each + n) for d in range(DEVICES) for n in range(each)] for t in range(count)]


def through_the_spool(folder: Path, told: list[Turn]) -> None:
    """Append, offer, build the messages, acknowledge; forget once a second, as in service."""
    now = [0.0]
    spool = Spool(folder / "spool.db", quota=1 << 30, keep_acked=1.0, monotonic=lambda: now[0])
    for turn in told:
        spool.append(turn, NOON)
        offered = spool.offer(8 << 20)
        for parcel in bundled(offered):
            _ = parcel.message
        spool.ack(record.id for lane in offered for record in lane)
        now[0] += len(turn) / RATE
        if int(now[0]) > int(now[0] - len(turn) / RATE):
            spool.prune()
    spool.close()


def through_bare_sqlite(folder: Path, told: list[Turn]) -> None:
    """Insert, select, delete: a row a frame, a commit a turn, with the same durability and nothing else."""
    db = sqlite3.connect(folder / "bare.db")
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF;")
    db.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, payload BLOB)")
    for turn in told:
        with db:
            db.executemany("INSERT INTO rows (payload) VALUES (?)", [(entry.payload,) for entry in turn])
        last = db.execute("SELECT id, payload FROM rows ORDER BY id").fetchall()[-1][0]
        with db:
            db.execute("DELETE FROM rows WHERE id <= ?", (last,))
    db.close()


def only_inserted(folder: Path, told: list[Turn]) -> None:
    """A row a frame, a commit a turn, and never looked at again."""
    db = sqlite3.connect(folder / "inserted.db")
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
    db.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, payload BLOB)")
    for turn in told:
        with db:
            db.executemany("INSERT INTO rows (payload) VALUES (?)", [(entry.payload,) for entry in turn])
    db.close()


def through_a_file(folder: Path, told: list[Turn]) -> None:
    """Append and fsync: the least that a disk can be asked for."""
    with (folder / "plain").open("ab", buffering=0) as file:
        for turn in told:
            file.write(b"\n".join(entry.payload for entry in turn))
            os.fsync(file.fileno())


WAYS: dict[str, Callable[[Path, list[Turn]], None]] = {
    "spool": through_the_spool,
    "SQLite, in and out": through_bare_sqlite,
    "SQLite, in only": only_inserted,
    "file and fsync": through_a_file,
}


def cost(where: Path) -> Iterator[str]:
    yield f"{'frames of a device in a turn':<30}" + "".join(f"{name:>20}" for name in WAYS)
    for each in (1, 5, 29, 58):
        told = turns(each)
        count = sum(map(len, told))
        spent = {}
        for name, way in WAYS.items():
            with tempfile.TemporaryDirectory(dir=where) as folder:
                begun = process_time()
                way(Path(folder), told)
                spent[name] = (process_time() - begun) / count * 1e6
        row = "".join(f"{spent[name]:>11.2f} us" + f"{spent['spool'] / spent[name]:>5.1f}x" for name in WAYS)
        core = spent["spool"] * RATE / 1e4
        yield f"{each:>3} ({each * DEVICES / RATE * 1e3:>5.1f} ms at 37,000/s)       {row}   {core:4.1f} % of a core"


class Line:
    """A broker behind a line that takes so many bytes a second."""

    losses = 0

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.arrived: list[tuple[float, Message]] = []

    def require(self, topic: str) -> None: ...
    def close(self) -> None: ...

    def deliver(self, messages: list[Message]) -> list[Delivery]:
        for message in messages:
            time.sleep(len(message.value) / self.rate)
            self.arrived.append((time.monotonic(), message))
        return [Delivery.ACKED] * len(messages)


def backlog(where: Path) -> Iterator[str]:
    """An outage of 20 minutes at 1 Hz on ten devices, sent at ten times what comes; an eleventh has no backlog."""
    rate, minutes = 1, 20
    devices, waiting = 10, minutes * 60 * rate
    size = len(frame(1, 1000).payload)
    line = Line(10 * (devices + 1) * rate * 20 * size)
    with tempfile.TemporaryDirectory(dir=where) as folder:
        spool = Spool(Path(folder) / "spool.db", quota=1 << 30, keep_acked=60.0)
        for number in range(waiting):
            spool.append([frame(device, number) for device in range(devices)], NOON)
        publisher = Publisher(spool, lambda: line, Topics("readings", "rejects"))
        said: dict[int, float] = {}
        stop = threading.Event()

        def speak() -> None:
            number = 0
            while not stop.wait(0.05):
                said[number] = time.monotonic()
                spool.append([frame(device, waiting + number) for device in range(devices)] + [frame(99, number)], NOON)
                publisher.wake()
                number += 1

        speaker = threading.Thread(target=speak)
        begun = time.monotonic()
        speaker.start()
        publisher.start()
        while spool.depth > 3 * devices * rate * 20:
            time.sleep(0.02)
        took = time.monotonic() - begun
        stop.set()
        speaker.join()
        publisher.stop(5.0)
        spool.close()
    late = []
    for at, message in line.arrived:
        if message.key == "board-99":
            late += [at - said[int(part.split(b",")[0])] for part in message.value.split(b'"seq":')[1:]]
    late.sort()
    speed = devices * waiting / took / ((devices + 1) * 20)
    yield f"backlog of {devices * waiting} frames gone in {took:.1f} s: {speed:.1f} x the arrival rate"
    yield f"device without a backlog: p50 {late[len(late) // 2]:.2f} s, latest {late[-1]:.2f} s behind its append"
    yield f"{len(line.arrived)} messages for {devices * waiting + len(said) * (devices + 1)} frames"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backlog", action="store_true")
    parser.add_argument(
        "--folder", type=Path, help="on the disk to measure; the machine's own for such things if not said"
    )
    chosen = parser.parse_args()
    for line in backlog(chosen.folder) if chosen.backlog else cost(chosen.folder):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
