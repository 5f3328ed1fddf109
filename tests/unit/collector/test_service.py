import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.collector.fakes import Broker, eventually
from tests.unit.collector.ptys import Board

from barograph import collector
from barograph.collector import reporting, service
from barograph.collector.health import Counters
from barograph.collector.simulation.ledger import read_ledger
from barograph.errors import DocumentError, WriterBusy
from barograph.settings import Settings

SITE = """
site: shop
name: Shop
ports: [{port: p1, url: run/ports/p1, format: board}]
devices: [{device: fridge, zone: cold-wall}]
"""


@pytest.fixture
def settings(tmp_path):
    folder = tmp_path / "sites" / "shop"
    (folder / "formats").mkdir(parents=True)
    (folder / "site.yaml").write_text(SITE)
    (folder / "formats" / "board.yaml").write_text("kind: json\ndevice: device\n")
    return Settings(home=tmp_path, collector={"metrics_port": 0, "name": "till-2"})


class Collecting:
    def __init__(self, settings, broker, **more):
        self.stop, self.reload = threading.Event(), threading.Event()
        self.thread = threading.Thread(
            target=service.collect,
            args=(settings, self.stop),
            kwargs={"connect": broker.connect, "reload": self.reload, **more},
        )
        self.thread.start()

    def close(self):
        self.stop.set()
        self.thread.join(15)
        assert not self.thread.is_alive()


def test_what_a_port_says_is_published_and_the_status_tells_it(tmp_path, settings):
    """The pages and `barograph status` read one small file."""
    board, broker = Board(tmp_path / "run/ports/p1"), Broker()
    running = Collecting(settings, broker)
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["p1"].connected)
    board.say(b'{"device":"fridge","t":4.5}\n{"device":"stranger","t":1}\nrubbish\n')
    assert eventually(lambda: len(broker.frames()) == 2 and len(broker.rejects()) == 1)
    assert eventually(lambda: collector.status(settings).published == 3)

    status = collector.status(settings)
    port = status.ports["p1"]

    assert (port.frames, port.readings, port.rejects, port.unregistered, port.opens) == (2, 2, {"not_json": 1}, 1, 1)
    assert (os.getpid(), True, 0, 0) == (status.pid, status.broker_up, status.spool_depth, status.spool_lost)
    assert status.running(datetime.now(UTC))
    assert not status.running(datetime.now(UTC) + timedelta(minutes=1))
    assert {status.boot} == {frame["boot"] for frame in broker.frames()}
    running.close()
    board.unplug()


def test_stopping_flushes_and_what_cannot_be_flushed_is_there_after_the_next_start(tmp_path, settings, monkeypatch):
    """A restart while the broker is down, the worst of both."""
    monkeypatch.setattr(service, "FLUSH", 0.5)
    board, broker = Board(tmp_path / "run/ports/p1"), Broker()
    broker.up = False
    running = Collecting(settings, broker)
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["p1"].connected)
    board.say(b"".join(b'{"device":"fridge","t":%d}\n' % number for number in range(100)))
    assert eventually(lambda: collector.status(settings).spool_depth == 100)
    running.close()

    broker.up = True
    again = Collecting(settings, broker)

    assert eventually(lambda: len(broker.identities()) == 100)
    assert [*range(100)] == [frame["values"]["t"] for frame in broker.frames()]
    again.close()
    board.unplug()


def test_edited_files_are_read_again_and_ports_that_did_not_change_are_not_touched(tmp_path, settings):
    """A new fridge must not cost the others a second."""
    first, second, broker = Board(tmp_path / "run/ports/p1"), Board(tmp_path / "run/ports/p2"), Broker()
    running = Collecting(settings, broker)
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["p1"].connected)
    more = SITE.replace("format: board}", "format: board}, {port: p2, url: run/ports/p2, format: board}")
    (settings.sites_folder / "shop" / "site.yaml").write_text(more)
    first.say(b'{"device":"fridge","t":1')

    running.reload.set()
    assert eventually(lambda: collector.status(settings).ports.get("p2", Counters(url="")).connected)
    first.say(b".5}\n")
    second.say(b'{"device":"fridge","t":2}\n')

    assert eventually(lambda: sorted(frame["values"]["t"] for frame in broker.frames()) == [1.5, 2])
    assert 2 == len(broker.identities())
    assert 1 == collector.status(settings).ports["p1"].opens
    running.close()


def test_files_with_a_mistake_change_nothing_and_say_why(tmp_path, settings):
    """Half an edit saved by accident must not stop the reading."""
    board, broker = Board(tmp_path / "run/ports/p1"), Broker()
    running = Collecting(settings, broker)
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["p1"].connected)
    (settings.sites_folder / "shop" / "site.yaml").write_text(SITE.replace("zone", "zoon"))

    running.reload.set()

    assert eventually(lambda: "site.yaml:5" in collector.status(settings).refused)
    board.say(b'{"device":"fridge","t":1}\n')
    assert eventually(lambda: len(broker.frames()) == 1)
    running.close()


def test_a_port_that_is_gone_from_the_files_is_closed(tmp_path, settings):
    other, broker = Board(tmp_path / "run/ports/p2"), Broker()
    running = Collecting(settings, broker)
    assert eventually(lambda: collector.status(settings))
    (settings.sites_folder / "shop" / "site.yaml").write_text(SITE.replace("p1", "p2"))

    running.reload.set()

    assert eventually(lambda: list(collector.status(settings).ports) == ["p2"])
    assert eventually(lambda: collector.status(settings).ports["p2"].connected)
    running.close()
    other.unplug()


def points(broker, measurement):
    told = [json.loads(message.value) for message in broker.log if message.topic == "operations"]
    return [point for message in told for point in message if point["measurement"] == measurement]


def test_what_happens_and_how_much_it_was_goes_to_the_topic_operations(tmp_path, settings, monkeypatch):
    """The bucket of that name tells next week why a fridge has a gap tonight."""
    monkeypatch.setattr(reporting, "FIGURES_EVERY", 0.3)
    monkeypatch.setattr(reporting, "STATUS_EVERY", 0.1)
    board, broker = Board(tmp_path / "run/ports/p1"), Broker()
    running = Collecting(settings, broker)
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["p1"].connected)
    board.say(b'{"device":"fridge","t":4.5}\nrubbish\n')
    assert eventually(lambda: points(broker, "devices"))
    board.unplug()
    assert eventually(lambda: [each for each in points(broker, "events") if each["tags"]["event"] == "port_lost"])
    running.close()

    happened = {point["tags"]["event"]: point for point in points(broker, "events")}
    rejects, device = points(broker, "rejects")[0], points(broker, "devices")[0]
    lost = happened["port_lost"]

    assert {
        "collector_started",
        "broker_connected",
        "port_opened",
        "port_lost",
        "collector_stopping",
    } <= happened.keys()
    assert {"collector": "till-2", "event": "port_lost", "level": "warning", "port": "p1"} == lost["tags"]
    assert "was lost" in lost["fields"]["reason"]
    assert ({"collector": "till-2", "port": "p1", "reason": "not_json"}, 1) == (
        rejects["tags"],
        rejects["fields"]["count"],
    )
    assert ("fridge", 1, "on_time") == (device["tags"]["device"], device["fields"]["frames"], device["fields"]["state"])
    assert 1 == collector.status(settings).events["port_lost"]


def test_a_topic_that_is_not_there_costs_the_readings_nothing(tmp_path, settings):
    """An older cluster has no `operations`: what is not sent is kept a while, and the readings flow."""
    board, broker = Board(tmp_path / "run/ports/p1"), Broker()
    broker.missing = {"operations"}
    running = Collecting(settings, broker)
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["p1"].connected)
    board.say(b'{"device":"fridge","t":4.5}\n')

    assert eventually(lambda: len(broker.frames()) == 1)
    assert [] == points(broker, "events")
    running.close()
    board.unplug()


def test_one_collector_a_data_folder(settings):
    """The second one says who is in its way, and leaves the first alone."""
    running = Collecting(settings, Broker())
    assert eventually(lambda: collector.status(settings))

    with pytest.raises(WriterBusy):
        service.collect(settings, threading.Event())
    running.close()


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("formats/board.yaml", "kind: json\ndevise: id\n", "board.yaml:2: devise: is not a known field. Did you mean"),
        ("site.yaml", SITE.replace("format: board", "format: bord"), "Formats there: board"),
        ("site.yaml", SITE.replace("ports:", "prots:"), "Did you mean `ports`"),
        ("site.yaml", "site: shop\nname: Shop\n", "has a port"),
    ],
)
def test_a_wrong_site_is_refused_before_anything_is_opened(tmp_path, settings, file, text, expected):
    """At the start somebody looks; at night nobody does."""
    (tmp_path / "sites" / "shop" / file).write_text(text)

    with pytest.raises(DocumentError) as refused:
        service.collect(settings, threading.Event(), connect=Broker().connect)

    assert expected in str(refused.value)
    assert not (tmp_path / "spool").exists()


def test_an_unknown_site_is_named_with_those_there_are(settings):
    """`--site` is typed by hand."""
    with pytest.raises(DocumentError, match=r"no site shpo\. Sites here: shop"):
        service.collect(settings, threading.Event(), site="shpo")


PROCESS = """
import sys
from pathlib import Path
from barograph import logs
from barograph.collector import service
from barograph.collector.health import Counters
from barograph.collector.simulation.ledger import read_ledger
from barograph.settings import Settings
from tests.unit.collector.fakes import Broker
logs.configure()
broker = Broker()
with service.stopped_by_signals() as stop:
    service.collect(Settings(home=Path(sys.argv[1]), collector={"metrics_port": 0}), stop, connect=broker.connect)
print(len(broker.frames()))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_flushes_and_exits_0(tmp_path, settings, number):
    """A supervisor takes anything else for a crash."""
    board = Board(tmp_path / "run/ports/p1")
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["p1"].connected, within=20)
    board.say(b"".join(b'{"device":"fridge","t":%d}\n' % number for number in range(1000)))
    assert eventually(lambda: collector.status(settings).ports["p1"].frames == 1000)

    process.send_signal(number)
    output, _ = process.communicate(timeout=15)

    assert (process.returncode, output) == (0, "1000\n")
    board.unplug()


def test_a_simulated_port_is_collected_like_any_other(settings):
    """From its url in site.yaml to the broker: what its ledger says went out is there once, in its order."""
    folder = settings.sites_folder / "shop"
    url = "sim://counter?speed=50x&length=30s&noise=2e-4&ledger=sent.jsonl"
    (folder / "site.yaml").write_text(SITE.replace("run/ports/p1", f'"{url}"'))
    broker = Broker()
    running = Collecting(settings, broker)

    assert eventually(lambda: (found := collector.status(settings)) and "said all" in found.ports["p1"].error)
    running.close()

    sent = [each["values"] for each in read_ledger(folder / "sent.jsonl") if each["fate"] == "whole"]
    assert len(sent) > 10
    assert [each for each in sent if each not in [frame["values"] for frame in broker.frames()]] == []
    assert len(broker.frames()) == len(broker.identities())


def test_an_alarm_is_on_the_disk_with_the_broker_down_and_is_handed_over_once_it_is_up(tmp_path, settings):
    """The fridge does not wait for the network."""
    rules = settings.sites_folder / "shop" / "rules.yaml"
    rules.write_text("rules: [{rule: warm, metric: temperature, above: 8}]")
    board, broker = Board(tmp_path / "run/ports/p1"), Broker()
    broker.up = False
    running = Collecting(settings, broker)
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["p1"].connected)
    board.say(b'{"device":"fridge","temperature":9}\n')

    def alarms():
        with closing(sqlite3.connect(settings.path("spool", "alarms.db"))) as store:
            return [json.loads(content)["transition"] for (content,) in store.execute("select content from events")]

    assert eventually(lambda: alarms() == ["opened"])
    board.say(b'{"device":"fridge","temperature":4}\n')
    assert eventually(lambda: alarms() == ["opened", "cleared"])
    broker.up = True

    def told(broker):
        return [json.loads(message.value)["transition"] for message in broker.log if message.topic == "alarms-fast"]

    assert eventually(lambda: told(broker) == ["opened", "cleared"])
    running.close()
    board.unplug()
