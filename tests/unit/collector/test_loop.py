import json
import os
import select
import threading
import time
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

import pytest
from tests.unit.collector.fakes import FakeSource, eventually
from tests.unit.collector.ptys import Board

from barograph.collector import loop as loop_module
from barograph.collector.formats import DelimitedFormat, JsonFormat
from barograph.collector.line import Line, Numbers
from barograph.collector.loop import Loop
from barograph.collector.overruns import LineErrors
from barograph.collector.ports import open_port
from barograph.collector.publisher import Topics
from barograph.collector.spool import Spool
from barograph.errors import PortError
from barograph.registry import Port

FLAT = JsonFormat(kind="json", device="device")
ROWS = DelimitedFormat(kind="delimited", columns=[{"metric": "t"}], frame={"cut": "idle", "gap_ms": 30})
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


def test_ports_that_hang_flood_or_break_do_not_delay_a_good_one(tmp_path, running):
    """Twenty that never open, one that never stops talking, one whose driver raises what nobody expected."""
    board = Board(tmp_path / "run/ports/p1")
    opened = threading.Event()
    flood, broken = FakeSource(), FakeSource()
    flood.read = lambda: b"x" * 65_536
    broken.read = lambda: (_ for _ in ()).throw(RuntimeError("no such ioctl"))

    def open_or_hang(port):
        if port.port.startswith("hangs"):
            opened.wait(60)
            raise PortError("switched off")
        return {"flood": flood, "broken": broken}.get(port.port) or open_port(port, tmp_path)

    bad = [line(f"hangs-{number}") for number in range(20)] + [line("flood"), line("broken")]
    collector = running(*bad, line("p1"), open_port=open_or_hang)
    assert collector.connected()
    assert collector.connected("flood")
    for number in range(5):
        board.say(good(number))
        assert eventually(lambda: collector.lines["p1"].counters.frames == number + 1)  # noqa: B023

    assert eventually(lambda: collector.spool.depth > 5)
    assert collector.lines["flood"].counters.bytes > 65_536
    assert not any(collector.lines[each.port.port].counters.connected for each in bad[:20])
    # Opened anew every quarter of a second, and lost at the next read.
    broken_again = collector.lines["broken"].counters
    assert eventually(lambda: "no such ioctl" in broken_again.error)
    opened.set()
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


class Pipe:
    """A port that a selector can watch."""

    def __init__(self) -> None:
        self.descriptor, self._far = os.pipe()

    def say(self, told: bytes) -> None:
        os.write(self._far, told)

    def read(self) -> bytes:
        return os.read(self.descriptor, 65536)

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self._far)


class Turning:
    """A loop that is turned by hand, with a clock that is set by hand."""

    def __init__(self, spool, *lines) -> None:
        self.ports = {line.port.port: Pipe() for line in lines}
        self.now = 0.0
        self.spool = spool
        self.loop = Loop(
            lines,
            spool,
            open_port=lambda port: self.ports[port.port],
            published=lambda: None,
            clock=lambda: datetime.now(UTC),
            monotonic=lambda: self.now,
            cadences={"fridge": 10.0, "dock": 10.0},
        )
        assert eventually(lambda: self.loop.turn(0.01) or all(line.counters.connected for line in lines))
        for line in lines:
            line._maybe_half = False

    def turn(self, now: float) -> list[float]:
        """What is in the spool after a turn at this time."""
        self.now = now
        self.loop.turn(0.01)
        return [json.loads(entry.payload)["values"]["t"] for entry in self.spool.waiting(100)]


def test_a_silence_ends_a_frame_and_nothing_before(spool):
    """30 ms of silence at 9600 baud; bytes that follow sooner belong to the same frame."""
    made = Turning(spool, line("p1", ROWS, device="dock"))

    made.ports["p1"].say(b"21")
    assert made.turn(1.000) == []
    made.ports["p1"].say(b".5")
    assert made.turn(1.029) == []
    assert made.turn(1.058) == []
    assert made.turn(1.060) == [21.5]
    made.loop.close()


def test_bytes_that_came_after_the_gap_begin_a_new_frame_even_if_we_were_late(spool):
    """Another port kept us busy: the wire time of the new bytes tells that there was a silence before them."""
    made = Turning(spool, line("p1", ROWS, device="dock"))

    made.ports["p1"].say(b"21.5")
    made.turn(1.000)
    made.ports["p1"].say(b"22.5")
    assert made.turn(1.100) == [21.5]
    assert made.turn(1.200) == [21.5, 22.5]
    made.loop.close()


def test_many_bytes_that_took_the_time_of_a_gap_are_no_silence(spool):
    """40 bytes at 9600 baud are 42 ms of wire: read at once after 45 ms, they follow the first without a gap."""
    made = Turning(spool, line("p1", ROWS, device="dock"))

    made.ports["p1"].say(b"21.5")
    made.turn(1.000)
    made.ports["p1"].say(b"0" * 40)
    assert made.turn(1.045) == []
    assert made.turn(1.080) == [21.5]
    made.loop.close()


def test_the_loop_wakes_up_for_a_silence_and_does_not_poll_for_it(spool):
    """A port that waits for a silence must not cost turns, and its frame must not wait for other ports."""
    made = Turning(spool, line("p1", ROWS, device="dock"))
    made.loop._monotonic = time.monotonic
    made.ports["p1"].say(b"21.5")
    made.loop.turn(5.0)

    begun = time.monotonic()
    made.loop.turn(5.0)

    assert 0.02 < time.monotonic() - begun < 1
    assert spool.depth == 1
    made.loop.close()


def test_a_lost_port_takes_its_silence_along(spool):
    """Half a frame of the old connection is none of the new one."""
    made = Turning(spool, line("p1", ROWS, device="dock"))
    made.ports["p1"].say(b"21.5")
    made.turn(1.0)
    pipe = made.ports["p1"]
    pipe.read = lambda: (_ for _ in ()).throw(PortError("unplugged"))
    pipe.say(b"x")

    assert made.turn(1.01) == []
    assert made.turn(2.0) == []
    assert made.loop._connections[0].line.counters.partial == 1
    made.loop.close()


def test_a_line_that_waits_for_silences_or_answers_is_read_at_once_under_load(spool):
    """A chunk with a silence in it would be one frame, and a meter would be asked less often."""
    made = Turning(spool, line("p1"), line("p2", ROWS, device="dock"))
    made.loop._monotonic = time.monotonic
    made.loop._pace.pause = lambda *_: 5.0
    made.ports["p2"].say(b"21.5")

    begun = time.monotonic()
    made.loop.turn(5.0)

    assert time.monotonic() - begun < 2
    assert made.loop._connections[1].line.counters.bytes == 4
    made.loop.close()


METER = DelimitedFormat(kind="delimited", columns=[{"metric": "t"}])


def test_two_devices_on_one_line_are_asked_in_turn_and_each_gets_its_answer(tmp_path, running):
    """RS-485: nobody speaks unasked, and the answer does not say whose it is."""
    board = Board(tmp_path / "run/ports/p1")
    poll = {"request": "{address}?\n", "devices": {"a": "01", "b": "02"}, "every": 0.2, "timeout": 0.3, "gap": 0.01}
    made = running(line("p1", METER, poll=poll))
    assert made.connected()

    heard = b""
    until = time.monotonic() + 10
    while made.spool.depth < 4 and time.monotonic() < until:
        request = os.read(board.near, 100) if select.select([board.near], [], [], 0.05)[0] else b""
        heard += request
        for _ in range(request.count(b"01?\n")):
            board.say(b"1.5\n")
        for _ in range(request.count(b"02?\n")):
            board.say(b"2.5\n")

    # The spool gives them by device.
    frames = sorted(made._frames(), key=lambda frame: frame["time"])[:4]
    assert [("a", 1.5), ("b", 2.5), ("a", 1.5), ("b", 2.5)] == [
        (each["device"], each["values"]["t"]) for each in frames
    ]
    assert heard.startswith(b"01?\n02?\n01?\n02?\n")


def test_a_device_that_does_not_answer_is_counted_and_the_next_is_asked(tmp_path, running):
    """One dead meter must not silence the line."""
    board = Board(tmp_path / "run/ports/p1")
    poll = {"request": "{address}?\n", "devices": {"a": "01", "b": "02"}, "every": 0.1, "timeout": 0.05, "gap": 0.01}
    made = running(line("p1", METER, poll=poll))

    assert eventually(lambda: made.lines["p1"].counters.timeouts >= 3)
    assert b"01?\n02?\n01?\n" == os.read(board.near, 1000)[:12]


def watched(name="p1", **port):
    made = Port(port=name, url=f"run/ports/{name}", format="f", device="dock", **port)
    return Line(made, METER, "boot", TOPICS, Numbers(frozenset(["fridge", "dock"])))


def test_a_silent_port_is_opened_again_where_the_registry_says_so(spool):
    """Some adapters hang until they are closed; it is said, counted, and tried."""
    made = Turning(spool, watched(silence="reopen"))
    counters = made.loop._connections[0].line.counters

    made.turn(20.0)
    assert ("late", "late", 1) == (counters.state, counters.device("dock").state, counters.opens)
    made.turn(61.0)
    assert ("silent", "silent", 1) == (counters.state, counters.device("dock").state, counters.losses)
    assert "silence: reopen" in counters.error
    made.loop.close()


def test_what_a_driver_lost_is_counted_from_the_opening_on_and_told_once_a_minute(spool, monkeypatch):
    """What it had lost before is not ours; a machine that is too busy must not be busy with saying so."""
    told = [LineErrors(overruns=90, damaged=7)]
    monkeypatch.setattr(loop_module, "line_errors", lambda descriptor: told[-1])
    made = Turning(spool, line("p1"))
    events = []
    made.loop._tell = lambda name, level="info", /, **facts: events.append((name, facts.get("bytes")))
    counters = made.loop._connections[0].line.counters
    assert counters.overruns is None

    made.turn(1.0)
    assert (0, 0, []) == (counters.overruns, counters.line_errors, events)
    for second in range(2, 70):
        told.append(LineErrors(overruns=90 + 3 * second, damaged=8))
        made.turn(float(second))

    assert (207, 1) == (counters.overruns, counters.line_errors)
    assert [("overrun", 6), ("overrun", 186)] == [event for event in events if event[0] == "overrun"]
    made.loop.close()


def test_a_port_that_speaks_again_is_on_time(spool):
    made = Turning(spool, watched())
    counters = made.loop._connections[0].line.counters
    made.turn(61.0)

    made.ports["p1"].say(b"4.5\n")
    made.turn(62.0)
    made.turn(63.1)

    assert ("on_time", "on_time") == (counters.state, counters.device("dock").state)
    made.loop.close()


def test_a_lost_port_is_tried_again_soon_and_then_less_often(spool):
    """Found again within two seconds; a port that is gone for good costs little."""
    made = Turning(spool, line("p1"))
    tries = []

    def gone(_port):
        tries.append(made.now)
        raise PortError("gone")

    made.loop._open_port = gone
    made.ports["p1"].read = lambda: (_ for _ in ()).throw(PortError("unplugged"))
    made.ports["p1"].say(b"x")
    made.turn(1.0)
    for tick in range(200):
        made.turn(1.0 + tick / 20)

    pauses = [after - before for before, after in pairwise([1.0, *tries])]
    assert 0.18 < pauses[0] < 0.5
    assert max(pauses) < 2.2
    made.loop.close()


def test_a_turn_waits_no_longer_than_the_judge_wants(spool):
    """Somebody's silence is due at a moment at which no byte comes."""
    looked = []
    quiet = Loop(
        [],
        spool,
        open_port=lambda port: None,
        published=lambda: None,
        clock=lambda: datetime.now(UTC),
        judge=lambda: looked.append(True) or False,
        judge_in=lambda: 0.01,
    )

    quiet.turn(wait=3600)

    assert [True] == looked
    quiet.close()
