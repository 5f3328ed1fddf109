"""`sim://` ports in a real loop: opened, asked, pulled and reloaded like any other."""

import json
import threading
from datetime import UTC, datetime
from functools import partial

import pytest
from tests.unit.collector.fakes import eventually

from barograph.collector.assembly import assembled
from barograph.collector.formats import read_format
from barograph.collector.line import Line, Numbers
from barograph.collector.loop import Loop
from barograph.collector.ports import open_port
from barograph.collector.publisher import Topics
from barograph.collector.simulation.ledger import read_ledger
from barograph.collector.simulation.live import Simulations
from barograph.collector.spool import Spool
from barograph.errors import DocumentError, PortError
from barograph.registry import Port
from barograph.settings import Settings

SITE = """
site: shop
name: Shop
ports: [{port: p1, url: "%s", format: board%s}]
"""
BOARD = 'kind: json\ndevice: device\nvalues: "*"\n'


class World:
    """A loop over one port, and the simulations behind it."""

    def __init__(self, home, board: str = "board", **port):
        self.simulations = Simulations()
        self.port = Port(port="p1", format=board, max_skew=None, **port)
        self.line = Line(
            self.port, read_format(home, board), "boot", Topics("readings", "rejects"), Numbers(frozenset())
        )
        self.spool = Spool(home / "spool.db", quota=50_000_000, keep_acked=60.0)
        self.loop = Loop(
            [self.line],
            self.spool,
            open_port=partial(open_port, home=home, simulations=self.simulations),
            published=lambda: None,
            clock=lambda: datetime.now(UTC),
            reopen=0.1,
        )
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.loop.run, args=(self.stop,))
        self.thread.start()

    @property
    def frames(self):
        return [json.loads(entry.payload) for entry in self.spool.waiting(100_000) if entry.topic == "readings"]

    def close(self):
        self.stop.set()
        self.thread.join(5)
        self.simulations.close()
        self.spool.close()


@pytest.fixture
def world(tmp_path):
    made = []

    def start(**port) -> World:
        made.append(World(tmp_path, **port))
        return made[-1]

    (tmp_path / "formats").mkdir()
    (tmp_path / "formats" / "board.yaml").write_text(BOARD)
    yield start
    for each in made:
        each.close()


def site(home, url, more=""):
    folder = home / "sites" / "shop"
    (folder / "formats").mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_text(SITE % (url, more))
    (folder / "formats" / "board.yaml").write_text(BOARD)
    return Settings(home=home)


def assemble(settings):
    return assembled(settings, None, "boot", Topics("readings", "rejects"), Numbers())


def test_a_fridge_without_a_fridge(tmp_path, world):
    """All that a newcomer has to write is a url."""
    running = world(url="sim://fridge?seed=7&speed=100x&length=1m&ledger=sent.jsonl", device="dairy")

    assert eventually(lambda: "It has said all" in running.line.counters.error)
    sent = [each for each in read_ledger(tmp_path / "sent.jsonl") if each["fate"] == "whole"]
    assert len(sent) > 40
    assert [each["values"] for each in sent][-40:] == [frame["values"] for frame in running.frames][-40:]
    assert {"dairy"} == {frame["device"] for frame in running.frames}


def test_a_port_that_is_pulled_is_found_again(tmp_path, world):
    """Under another pty, with the same devices, which went on meanwhile."""
    (tmp_path / "day.yaml").write_text(
        "ports: [{port: p1, format: board}]\n"
        "devices: [{device: fridge, kind: counter}]\n"
        "faults: [{fault: unplug, at: 30, for: 10, every: 60}]\n"
    )
    running = world(url="sim://scenario?file=day.yaml&speed=40x&ledger=sent.jsonl")

    assert eventually(lambda: running.line.counters.opens >= 2 and running.line.counters.connected)
    count = len(running.frames)
    assert eventually(lambda: len(running.frames) > count + 3)
    assert {"fridge"} == {frame["device"] for frame in running.frames}
    numbers = [frame["values"]["count"] for frame in running.frames]
    assert numbers == sorted(numbers)
    assert len({each["values"]["count"] for each in running.frames}) == len(numbers)


def test_an_unplugged_one_says_so(tmp_path, world):
    (tmp_path / "day.yaml").write_text(
        "ports: [{port: p1, format: board}]\n"
        "devices: [{device: fridge, kind: counter}]\n"
        "faults: [{fault: unplug, at: 0, for: 1h}]\n"
    )
    running = world(url="sim://scenario?file=day.yaml")

    assert eventually(lambda: "It is unplugged, as its scenario says" in running.line.counters.error)


POLL = {"request": "hex:{address} 03 00 00 00 02", "checksum": "crc16-modbus", "every": 0.05, "timeout": 0.5, "gap": 0}


def test_a_device_that_is_asked_answers(tmp_path, world):
    """Two devices on one line, in the words of a shipped format, and each says its own values."""
    running = world(
        board="modbus-rtu",
        url="sim://any?metrics=register_0,register_1&ledger=sent.jsonl",
        poll={**POLL, "devices": {"cold": "01", "warm": "02"}},
    )

    assert eventually(lambda: len(running.frames) > 8, within=30)
    assert {"cold-1", "warm-2"} == {frame["device"] for frame in running.frames}
    assert 0 == running.line.counters.timeouts
    assert all(frame["values"].keys() == {"register_0", "register_1"} for frame in running.frames)
    told = [(each["device"], each["values"]) for each in read_ledger(tmp_path / "sent.jsonl")]
    for device in ("cold-1", "warm-2"):
        said = [frame["values"] for frame in running.frames if frame["device"] == device][:4]
        assert said == [values for who, values in told if who == device][:4]


def test_one_that_cannot_answer_says_why(tmp_path):
    """When the sites' files are read, and not as timeouts."""
    poll = ', poll: {request: "hex:{address} 03", devices: {cold: "01"}}'
    settings = site(tmp_path, "sim://fridge?metrics=temperature", poll)
    board = settings.sites_folder / "shop" / "formats" / "board.yaml"
    board.write_text('kind: regex\npattern: "(?P<t>[0-9.]+)[Cc]"\nfields: {t: temperature}\n')

    with pytest.raises(DocumentError, match="Device cold cannot be simulated in format board on port p1"):
        assemble(settings)


def test_a_wrong_url_is_refused_with_the_right_ones_before_anything_opens(tmp_path):
    with pytest.raises(DocumentError, match="`sed` is no parameter"):
        assemble(site(tmp_path, "sim://fridge?sed=7"))
    assert assemble(site(tmp_path, "sim://fridge?seed=7")).lines


def test_a_simulation_ends_when_nobody_wants_it_any_more(tmp_path):
    """A reload that takes a port away must not leave its devices talking to themselves."""
    settings = site(tmp_path, "sim://fridge?speed=100x")
    simulations = Simulations(settings.sites_folder, unwanted=0.05)
    port = assemble(settings).lines[0].port
    source = open_port(port, tmp_path, simulations)
    thread = next(each for each in threading.enumerate() if each.name == "simulation")

    source.close()

    assert eventually(lambda: not thread.is_alive())
    again = open_port(port, tmp_path, simulations)
    again.close()
    simulations.close()


def test_a_format_that_is_not_there_is_an_error_of_the_port(tmp_path):
    with pytest.raises(PortError, match=r"Cannot open port p1 .*declares format nowhere"):
        open_port(Port(port="p1", url="sim://fridge", format="nowhere"), tmp_path, Simulations())


def test_what_a_port_without_a_device_says_is_of_the_port(tmp_path, world):
    (tmp_path / "formats" / "row.yaml").write_text("kind: delimited\ncolumns: [metric: temperature, metric: door]\n")
    running = world(board="row", url="sim://freezer?speed=50x", device="ice")

    assert eventually(lambda: len(running.frames) > 3)
    assert {"ice"} == {frame["device"] for frame in running.frames}
