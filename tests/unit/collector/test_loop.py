import json
import threading
import time
from datetime import UTC, datetime
from functools import partial

import pytest
from tests.unit.collector.fakes import FakeSource, eventually
from tests.unit.collector.ptys import Board

from barograph.collector.formats import JsonFormat
from barograph.collector.line import Line, Numbers
from barograph.collector.loop import Loop
from barograph.collector.ports import open_port
from barograph.collector.publisher import Topics
from barograph.collector.spool import Spool
from barograph.errors import PortError
from barograph.registry import Port

FLAT = JsonFormat(kind="json", device="device")
TOPICS = Topics("readings", "rejects")


def line(name: str, declared=FLAT, **port) -> Line:
    made = Port(port=name, url=f"run/ports/{name}", format="f", **port)
    return Line(made, declared, "boot", TOPICS, Numbers(frozenset()))


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool.db", quota=50_000_000, keep_acked=60.0)


class Running:
    """A loop in a thread, on real ptys in a data folder."""

    def __init__(self, home, lines, spool, open_port=None):
        self.lines = {line.port.port: line for line in lines}
        self.spool = spool
        self.stop = threading.Event()
        loop = Loop(
            lines,
            spool,
            open_port=open_port or partial(globals()["open_port"], home=home),
            published=lambda: None,
            clock=lambda: datetime.now(UTC),
            reopen=0.1,
        )
        self.thread = threading.Thread(target=loop.run, args=(self.stop,))
        self.thread.start()

    def connected(self, name="p1") -> bool:
        return eventually(lambda: self.lines[name].counters.connected)

    def temperatures(self, count: int) -> list[float]:
        """The first `count` temperatures that reached the spool, in their order."""
        eventually(lambda: len(self._frames()) >= count)
        return [frame["values"]["t"] for frame in self._frames()]

    def _frames(self):
        return [json.loads(entry.payload) for entry in self.spool.waiting(100_000) if entry.topic == "readings"]

    def close(self):
        self.stop.set()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def running(tmp_path, spool):
    made: list[Running] = []

    def start(*lines, **how) -> Running:
        made.append(Running(tmp_path, lines, spool, **how))
        return made[-1]

    yield start
    for each in made:
        each.close()


def good(number: float) -> bytes:
    return b'{"device":"fridge","t":%d}\n' % number


def test_good_neighbours_go_on_through_all_that_a_broken_board_can_say(tmp_path, running):
    """Issue 3, section 5, on a real pty: each bad thing is one reject with its reason, and costs nothing else."""
    board = Board(tmp_path / "run/ports/p1")
    collector = running(line("p1"))
    assert collector.connected()

    board.say(good(0))
    for number, told in enumerate(
        [
            bytes(range(128, 256)),
            b"x" * 1_000_000,
            b'{"device":"fridge","t":',
            b"\xc3\x28",
            b'{"device":"fridge","bad":NaN}',
            b'{"device":"fridge","bad":%s}' % (b"9" * 1000),
            b'{"t":1}',
            b"[" * 4000,
        ],
        start=1,
    ):
        board.say(told + b"\r\n" + good(number))

    assert collector.temperatures(9) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert dict(collector.lines["p1"].counters.rejects) == {
        "not_utf8": 2,
        "too_long": 1,
        "not_json": 2,
        "not_finite": 2,
        "no_device": 1,
    }
    board.unplug()


def test_a_port_that_is_unplugged_is_opened_again(tmp_path, running):
    """Somebody will trip over the cable."""
    board = Board(tmp_path / "run/ports/p1")
    collector = running(line("p1"))
    assert collector.connected()
    board.say(good(1) + b'{"device":"fri')
    assert collector.temperatures(1) == [1]

    board.unplug()
    assert eventually(lambda: not collector.lines["p1"].counters.connected)
    assert "Nothing is there" in collector.lines["p1"].counters.error or eventually(
        lambda: "Nothing is there" in collector.lines["p1"].counters.error
    )
    board.plug_in()
    assert collector.connected()
    board.say(good(2))

    assert collector.temperatures(2) == [1, 2]
    counters = collector.lines["p1"].counters
    assert (counters.opens, counters.losses, counters.partial, dict(counters.rejects)) == (2, 1, 1, {})
    board.unplug()


def test_a_dead_port_does_not_delay_the_others(tmp_path, running):
    """Opening a converter on the network may take seconds; a UART's buffer holds four."""
    board = Board(tmp_path / "run/ports/p1")

    def slow_or_real(port):
        if port.port == "slow":
            time.sleep(3)
            raise PortError("switched off")
        return open_port(port, tmp_path)

    collector = running(line("slow"), line("p1"), open_port=slow_or_real)
    assert collector.connected()
    begun = time.monotonic()
    board.say(good(1))

    assert collector.temperatures(1) == [1]
    assert time.monotonic() - begun < 2
    board.unplug()


def test_a_port_without_a_descriptor_is_read_lost_and_opened_again(running):
    """rfc2217:// and loop:// cannot be watched, only asked."""
    sources = [FakeSource(good(1), b"unplugged"), FakeSource(b"", good(2))]
    opened = list(sources)

    collector = running(line("p1"), open_port=lambda _: opened.pop(0))

    assert collector.temperatures(2) == [1, 2]
    assert sources[0].closed.wait(5)


def test_a_full_spool_does_not_stop_the_reading(tmp_path, running):
    """What does not fit is counted; the port stays open, and its numbers show the gap."""
    board = Board(tmp_path / "run/ports/p1")
    small = Spool(tmp_path / "small.db", quota=2_000, keep_acked=60.0)
    collector = Running(tmp_path, [line("p1")], small)
    assert collector.connected()

    board.say(b"".join(good(number) for number in range(100)))

    assert eventually(lambda: collector.lines["p1"].counters.frames == 100)
    assert eventually(lambda: small.depth + small.lost_total == 100)
    assert 0 < small.depth < 20
    collector.close()
    board.unplug()


def test_ten_thousand_lines_take_seconds(tmp_path, running):
    """A board that replays its memory must not be the reason for an alarm that comes late."""
    board = Board(tmp_path / "run/ports/p1")
    collector = running(line("p1"))
    assert collector.connected()
    told = b"".join(
        b'{"device":"5e:44","co":0.0045,"humidity":58.2,"light":true,"lpg":0.0071,"temp":%d}\n' % number
        for number in range(10_000)
    )

    begun = time.monotonic()
    board.say(told)

    assert eventually(lambda: collector.spool.depth == 10_000)
    assert time.monotonic() - begun < 8
    board.unplug()
