import os
import select
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.collector.fakes import eventually

from barograph.collector.decoding import decode
from barograph.collector.formats import read_format
from barograph.collector.ports import open_port
from barograph.collector.simulation import live
from barograph.collector.simulation.ptys import VirtualPort
from barograph.errors import PortError
from barograph.registry import Port, read_site
from barograph.settings import Settings

DEMO = Path(__file__).parents[4] / "include" / "sites" / "demo"


def port(name: str) -> Port:
    return Port(port=name, url=f"run/ports/{name}", format="f")


def heard(source) -> bytes:
    select.select([source.descriptor], [], [], 5)
    return source.read()


def test_a_collector_may_come_and_go(tmp_path):
    """The board neither notices nor cares whether somebody listens."""
    board = VirtualPort(tmp_path / "run/ports/p1")
    for told in (b"first\r\n", b"second\r\n"):
        source = open_port(port("p1"), tmp_path)
        board.say(told)
        assert told == heard(source)
        source.close()
    board.close()


def test_nobody_listening_never_blocks_and_leaves_no_half_line(tmp_path):
    """A wire has no memory: after hours without a listener the first line is one of now."""
    board = VirtualPort(tmp_path / "run/ports/p1")
    for number in range(10_000):
        board.say(b"%06d;1234567890\r\n" % number)

    source = open_port(port("p1"), tmp_path)
    board.say(b"now\r\n")

    assert heard(source) == b"now\r\n"
    source.close()
    board.close()


def test_its_link_is_gone_afterwards_but_not_another_ones(tmp_path):
    """A second simulator that took over the name keeps it."""
    link = tmp_path / "p1"
    first, second = VirtualPort(link), VirtualPort(link)

    first.close()
    assert second.name == str(link.readlink())
    second.close()
    assert not os.path.lexists(link)


def test_a_file_in_its_place_is_left_alone(tmp_path):
    """It is not ours to delete."""
    (tmp_path / "p1").write_text("precious")

    with pytest.raises(PortError, match="no symbolic link"):
        VirtualPort(tmp_path / "p1")


class FastClock:
    """Runs so much faster than the sun, from a given moment on."""

    def __init__(self, start: datetime, factor: float) -> None:
        self._start, self._factor, self._real = start, factor, datetime.now(UTC)

    def __call__(self) -> datetime:
        return self._start + (datetime.now(UTC) - self._real) * self._factor


def test_every_device_is_heard_on_its_port_in_its_format(tmp_path):
    """Two minutes of the demo, in two seconds: what comes out of the ptys is what the site declares."""
    shutil.copytree(DEMO, tmp_path / "sites" / "demo")
    site = read_site(DEMO)
    stop = threading.Event()
    clock = FastClock(datetime(2026, 11, 20, 14, 0, 0, tzinfo=UTC), 60)
    thread = threading.Thread(
        target=live.demo,
        args=(Settings(home=tmp_path), "demo", 7, stop, clock),
        kwargs={"speed": 60.0},
    )
    thread.start()
    try:
        assert eventually(lambda: all((tmp_path / each.url).exists() for each in site.ports))
        sources = {each: open_port(each, tmp_path) for each in site.ports}
        said = {each: bytearray() for each in site.ports}
        until = clock() + timedelta(seconds=120)
        while clock() < until:
            ready, _, _ = select.select([source.descriptor for source in sources.values()], [], [], 0.2)
            for each, source in sources.items():
                if source.descriptor in ready:
                    said[each] += source.read()
    finally:
        stop.set()
        thread.join(5)

    frames = [
        frame
        for each, told in said.items()
        for line in bytes(told).split(b"\r\n")[:-1]
        for frame in decode(line, read_format(DEMO, each.format), each.device).frames
    ]
    assert {device.device: set(device.points) for device in site.devices} == {
        frame.device: set(frame.values) for frame in frames
    }
    assert len(frames) >= 36
    assert not any(os.path.lexists(tmp_path / each.url) for each in site.ports)
