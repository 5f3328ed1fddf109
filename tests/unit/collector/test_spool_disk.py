"""The spool on disks that are really full, read-only or failing: reading goes on, and what is lost is counted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

COMMON = """
import json, os, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from barograph.collector.spool import Entry, Spool
from barograph.errors import BarographError, SpoolFull

folder, policy = Path(sys.argv[1]), sys.argv[2]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
class Clock:
    now = 0.0
    def __call__(self): return self.now
clock = Clock()
told = {"said": 0, "refusals": 0}

def opened():
    return Spool(folder / "spool.db", quota=1_000_000_000, keep_acked=0.0, when_full=policy, monotonic=clock)

def say(turns):
    for _ in range(turns):
        clock.now += 0.1
        numbers = range(told["said"], told["said"] + 50)
        entries = [Entry("readings", b'{"n":%d,"raw":"%s"}' % (number, b"." * 500), "fridge") for number in numbers]
        told["said"] += 50
        try:
            spool.append(entries, NOON)
        except SpoolFull as error:
            told["refusals"] += 1
            told["why"] = str(error)

def drained():
    found = []
    while offered := spool.offer(10_000_000):
        found += [json.loads(each)["n"] for lane in offered for record in lane for each in record.payloads]
        spool.ack([record.id for lane in offered for record in lane])
        clock.now += 1
        spool.prune()
    return found
"""

FULL = """
ballast = folder / "ballast"
ballast.write_bytes(b"." * 5_000_000)
spool = opened()
say(600)
told["before"] = dict(lost=spool.lost_total, depth=spool.depth)
ballast.unlink()
clock.now += 10
refusals = told["refusals"]
say(20)
told["refused_with_room"] = told["refusals"] - refusals
told["lost"], told["depth"] = spool.lost_total, spool.depth
spool.close()
spool = opened()
told["losses"] = sum(loss.frames for loss in spool._shelf.losses)
found = drained()
told["found"], told["in_order"] = len(found), found == sorted(set(found))
say(3)
told["after"] = drained()
print(json.dumps(told))
"""

TINY = """
spool = opened()
say(600)
told["refused_before"] = told["refusals"]
drained()
told["refusals"] = 0
say(1)
told["last"] = drained()
print(json.dumps(told))
"""

FAILING = """
spool = opened()
say(3)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
say(100)
told["before"] = dict(lost=spool.lost_total, depth=spool.depth)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
say(100)
refusals = told["refusals"]
say(10)
told["refused_with_room"] = told["refusals"] - refusals
told["lost"] = spool.lost_total
spool.close()
spool = opened()
found = drained()
told["found"], told["in_order"] = len(found), found == sorted(set(found))
print(json.dumps(told))
"""

READ_ONLY = """
try:
    opened()
except BarographError as error:
    print(json.dumps({"error": type(error).__name__, "said": str(error)}))
"""


def ran(script: str, folder, policy: str = "refuse_newest", *, mount: str = "") -> dict:
    """Run it in a process of its own, which sees a disk of its own if `mount` has options for one."""
    command = [sys.executable, "-c", COMMON + script, str(folder), policy]
    if mount:
        unshare = shutil.which("unshare")
        if not unshare or subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a disk in a namespace of their own (unshare -rm)")
        mounted = f'mount -t tmpfs -o {mount} none "$0" && exec "$@"'
        command = [unshare, "-rm", "sh", "-c", mounted, str(folder), *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("policy", ["refuse_newest", "drop_oldest", "thin_out"])
def test_a_full_disk_costs_exactly_what_is_counted_and_nothing_stops(tmp_path, policy):
    """A log file has eaten the disk; somebody deletes it. Nobody has to start us again."""
    told = ran(FULL, tmp_path, policy, mount="size=20m")

    assert told["before"]["lost"] > 0
    assert told["refused_with_room"] == 0
    assert told["said"] - 150 == told["lost"] + told["depth"] == told["lost"] + told["found"]
    assert told["lost"] == told["losses"], "the count is on disk too, as soon as that takes anything"
    assert told["in_order"]
    assert [*range(told["said"] - 150, told["said"])] == told["after"]
    if policy == "refuse_newest":
        assert "disk is full" in told["why"]


def test_what_kafka_took_makes_room_on_a_full_disk(tmp_path):
    """The broker is back: the spool's own pages are free again, though the disk is as full as before."""
    told = ran(TINY, tmp_path, mount="size=16m")

    assert told["refused_before"] > 0
    assert told["refusals"] == 0
    assert 50 == len(told["last"])


def test_a_disk_that_fails_costs_exactly_what_is_counted_and_nothing_stops(tmp_path):
    """Writes fail with an error that is not "disk full", and then they work again."""
    told = ran(FAILING, tmp_path)

    assert told["before"]["lost"] > 0
    assert told["refused_with_room"] == 0
    assert told["said"] == told["lost"] + told["found"]
    assert told["in_order"]


def test_a_read_only_disk_is_named_at_the_start(tmp_path):
    """Without a spool an outage would lose readings: whoever starts us must know before the first outage."""
    told = ran(READ_ONLY, tmp_path, mount="size=1m,ro")

    assert told["error"] == "SettingsError"
    assert "read-only" in told["said"]
