"""kill -9 at random moments: what the spool said it has, it has, once.

python tests/unit/collector/test_kill.py --runs 1000
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from barograph.collector.packs import Entry, Pack
from barograph.collector.spool import Spool

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATEST = 0.12
"""Seconds after its start at which a collector is killed at the latest: opening the spool takes a tenth of that."""


def test_what_was_committed_before_a_kill_is_there_once():
    """Fifty times; a fresh process, because a fork of one with threads would not be one that users have."""
    ran = subprocess.run([sys.executable, __file__, "--runs", "50"], capture_output=True, text=True, timeout=120)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["kills"] == 50


def collector(path: Path, first: int, told: int, seed: int) -> None:
    """Append until killed. Tells each number after its commit, and each that was published before its ack."""
    dice = random.Random(seed)
    spool = Spool(path, quota=1_000_000_000, keep_acked=0.0)
    if dice.random() < 0.5:
        threading.Thread(target=publish, args=(spool, told), daemon=True).start()
    numbers = count(first)
    while True:
        size = dice.choice([10, 10, 10, 30_000])
        some = [next(numbers) for _ in range(dice.randint(1, 30))]
        spool.append([Entry("readings", payload(number, size), f"d{number % 7}") for number in some], NOON)
        os.write(told, "".join(f"+{number}\n" for number in some).encode())


def publish(spool: Spool, told: int) -> None:
    """As the publisher does: what is acknowledged is forgotten, at once here."""
    while True:
        records = [record for lane in spool.offer(50_000) for record in lane]
        os.write(told, "".join(f"-{number}\n" for number in numbers_in(records)).encode())
        spool.ack([record.id for record in records])
        spool.prune()


def payload(number: int, size: int) -> bytes:
    return b'{"n":%d,"raw":"%s"}' % (number, b"." * size)


def numbers_in(records: list[Pack]) -> list[int]:
    return [json.loads(each)["n"] for record in records for each in record.payloads]


def killed(path: Path, first: int, seed: int) -> tuple[set[int], set[int]]:
    """Run a collector and kill it: the numbers that it told to be committed, and to be published."""
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ear)
        collector(path, first, mouth, seed)
        os._exit(1)
    os.close(mouth)
    heard: list[bytes] = []
    listener = threading.Thread(target=lambda: heard.extend(iter(lambda: os.read(ear, 65536), b"")))
    listener.start()
    time.sleep(random.Random(seed).uniform(0, LATEST))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    listener.join()
    os.close(ear)
    lines = b"".join(heard).decode().split("\n")[:-1]
    return {int(line[1:]) for line in lines if line[0] == "+"}, {int(line[1:]) for line in lines if line[0] == "-"}


def checked(path: Path, committed: set[int], published: set[int]) -> set[int]:
    """What is in the spool now. Raises AssertionError if anything is missing, twice, damaged or out of order."""
    spool = Spool(path, quota=1_000_000_000, keep_acked=60.0)
    orders: dict[str, list[int]] = {}
    while offered := spool.offer(100_000_000):
        for lane in offered:
            orders.setdefault(lane[0].key or "", []).extend(numbers_in(lane))
        spool.ack([record.id for lane in offered for record in lane])
    assert spool.lost_total == 0, "damaged"
    spool.close()
    found = Counter(number for order in orders.values() for number in order)
    assert not [number for number, times in found.items() if times > 1], "twice"
    assert not (missing := committed - published - found.keys()), f"missing: {sorted(missing)[:10]}"
    assert all(order == sorted(order) for order in orders.values()), "out of order"
    assert not list(path.parent.glob("*.damaged-*")), "put aside"
    return set(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="barograph-kill-"))
    committed_in_all = 0
    try:
        committed: set[int] = set()
        published: set[int] = set()
        path = folder / "0" / "spool.db"
        for run in range(chosen.runs):
            if run % 10 == 0:
                committed, published, path = set(), set(), folder / str(run) / "spool.db"
            first = run * 1_000_000
            more, gone = killed(path, first, chosen.seed + run)
            committed |= more
            published |= gone
            try:
                found = checked(path, committed, published)
            except AssertionError as error:
                sys.stderr.write(f"run {run} of --seed {chosen.seed}: {error}\n")
                return 1
            committed_in_all += len(more)
            # The one that was under way may have been committed and not told.
            published |= found - committed
            committed |= found
            published -= found
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts = {"kills": chosen.runs, "committed": committed_in_all, "lost": 0, "twice": 0}
    sys.stdout.write(json.dumps(facts) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
