"""The collector on real ptys and a real Kafka: what was said arrives, whatever happens between."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from tests.unit.collector.fakes import eventually
from tests.unit.collector.ptys import Board

from barograph import collector, kafka
from barograph.collector import service
from barograph.collector.simulation.shop import publish_history
from barograph.errors import ServiceUnavailable
from barograph.readings import decoded
from barograph.registry import read_site
from barograph.settings import KafkaSettings, Settings
from barograph.windows import Window, utc

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "include" / "sites" / "demo"
TEST_DATA = Path(os.environ.get("BAROGRAPH_TEST_DATA", CHECKOUT.parent / "shared" / "data"))
NOON = utc("2026-11-22T12:00:00Z")

SITE = """
site: shop
name: Shop
ports: [{port: p1, url: run/ports/p1, format: board, max_skew: null}]
"""
BOARD = """
kind: json
device: device_id
time: {field: ts, unit: seconds}
values: data.*
"""


@pytest.fixture
def settings(servers, tmp_path) -> Settings:
    """A data folder and topics of this test's own, on the session's Kafka."""
    return on(tmp_path, servers.settings.brokers)


def on(home: Path, brokers: list[str]) -> Settings:
    folder = home / "sites" / "shop"
    (folder / "formats").mkdir(parents=True)
    (folder / "site.yaml").write_text(SITE)
    (folder / "formats" / "board.yaml").write_text(BOARD)
    name = uuid.uuid4().hex[:8]
    topics = KafkaSettings(
        brokers=",".join(brokers),
        topics=[f"readings-{name}"],
        rejects=f"rejects-{name}",
        operations=f"operations-{name}",
    )
    made = Settings(home=home, kafka=topics, collector={"metrics_port": 0})
    kafka.create_topics(made)
    return made


class Collecting:
    """`collect` in a thread, with one board behind its port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.board = Board(settings.path("run", "ports", "p1"))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=service.collect, args=(settings, self._stop))
        self._thread.start()
        assert eventually(lambda: (told := self.status()) and told.ports["p1"].connected and told.broker_up is not None)

    def status(self):
        return collector.status(self._settings)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)
        self.board.unplug()
        assert not self._thread.is_alive()


@pytest.fixture
def collecting() -> Iterator:
    made: list[Collecting] = []

    def start(settings: Settings) -> Collecting:
        made.append(Collecting(settings))
        return made[-1]

    yield start
    for each in made:
        each.close()


def messages(settings: Settings, topic: str) -> list:
    """Everything in a topic."""
    ends = {place.partition: place.end for place in kafka.offsets(settings, [topic])}
    consumer = KafkaConsumer(bootstrap_servers=settings.brokers, consumer_timeout_ms=10_000)
    consumer.assign([TopicPartition(topic, partition) for partition in ends])
    consumer.seek_to_beginning()
    found = [next(consumer) for _ in range(sum(ends.values()))]
    consumer.close()
    return found


def frames(settings: Settings) -> list:
    return [frame for message in messages(settings, settings.kafka.topics[0]) for frame in decoded(message.value)]


def said(number: int) -> bytes:
    content = {"device_id": f"d{number % 3}", "ts": 1_795_000_000 + number, "data": {"t": number}}
    return json.dumps(content).encode() + b"\r\n"


def numbers(settings: Settings) -> list[int]:
    """What arrived, each frame identity once."""
    once = {(frame.device, frame.boot, frame.seq): frame.values["t"] for frame in frames(settings)}
    return sorted(once.values())


def look_alike() -> list[dict]:
    return [
        {"data": {"temp": 20 + n % 7 / 10, "light": n % 2 == 0}, "device_id": f"0e:{n % 3}", "ts": 1594598735.25 + n}
        for n in range(3_000)
    ]


def recording() -> list[dict]:
    path = TEST_DATA / "histories" / "iot_telemetry" / "raw_data_large.json.gz"
    if not path.exists():
        pytest.skip(f"no recording at {path}: set BAROGRAPH_TEST_DATA to a folder that has it")
    return json.loads(gzip.decompress(path.read_bytes()))


@pytest.mark.parametrize("source", [look_alike, recording])
def test_a_recording_arrives_value_by_value(settings, collecting, source):
    """Real boards: device, float seconds, values under a prefix, booleans among them; all of it, and nothing else."""
    told = source()
    running = collecting(settings)

    begun = time.monotonic()
    running.board.say(b"".join(json.dumps(each).encode() + b"\n" for each in told))
    assert eventually(lambda: running.status().published >= len(told), within=60)
    assert time.monotonic() - begun < 20

    expected = sorted((each["device_id"], round(each["ts"], 6), sorted(each["data"].items())) for each in told)
    found = sorted((each.device, each.time.timestamp(), sorted(each.values.items())) for each in frames(settings))
    assert len(expected) == len(found)
    for (device, moment, values), (found_device, found_moment, found_values) in zip(expected, found, strict=True):
        assert (device, values) == (found_device, found_values)
        assert abs(moment - found_moment) < 2e-6
    assert messages(settings, settings.kafka.rejects) == []


def test_frames_are_keyed_by_device_and_keep_their_order(settings, collecting):
    """One device, one partition: whoever reads it sees the numbers rise."""
    running = collecting(settings)
    running.board.say(b"".join(said(number) for number in range(1_000)))
    assert eventually(lambda: running.status().published == 1_000)

    found = messages(settings, settings.kafka.topics[0])
    seqs: dict[tuple[str, int], list[int]] = {}
    for message in found:
        for frame in decoded(message.value):
            assert message.key.decode() == frame.device
            seqs.setdefault((frame.device, message.partition), []).append(frame.values["t"])

    assert len(seqs) == 3
    assert all(told == sorted(told) for told in seqs.values())


def test_a_reject_carries_its_bytes_and_its_reason(settings, collecting):
    """As drain files them: the value is what the board said, the headers are why it is here."""
    running = collecting(settings)
    running.board.say(said(1) + b"\xff\xferubbish\r\n" + said(2))
    assert eventually(lambda: running.status().published == 3)

    (reject,) = messages(settings, settings.kafka.rejects)
    headers = {name: told.decode() for name, told in reject.headers}

    assert reject.value == b"\xff\xferubbish"
    assert (headers["reason"], headers["stage"], headers["port"]) == ("not_utf8", "collect", "p1")
    assert numbers(settings) == [1, 2]


def test_offsets_tell_what_there_is_to_drain(settings):
    """Planning compares these with the ledger; a recreated topic is known by its id."""
    (topic,) = settings.kafka.topics
    producer = kafka.Producer(settings)
    producer.deliver([kafka.Message(topic, b"1", "a"), kafka.Message(topic, b"2", "a")])
    producer.close()

    places = kafka.offsets(settings, [topic])

    assert settings.kafka.partitions == len(places)
    assert (sum(place.beginning for place in places), sum(place.end for place in places)) == (0, 2)
    assert len({place.topic_id for place in places}) == 1
    assert uuid.UUID(places[0].topic_id)
    assert kafka.create_topics(settings) == []


def test_a_topic_that_does_not_exist_is_named(settings):
    """kafka-python would wait a minute for it to appear."""
    with pytest.raises(ServiceUnavailable, match="nowhere"):
        kafka.offsets(settings, ["nowhere"])
    producer = kafka.Producer(settings)
    with pytest.raises(ServiceUnavailable, match="nowhere"):
        producer.require("nowhere")
    producer.close()


def test_a_history_published_twice_is_there_once_by_identity(settings):
    """A first run that was interrupted is simply run again."""
    hours = Window(NOON - timedelta(hours=6), NOON)
    site = read_site(DEMO)
    told: list[tuple[int, int]] = []

    first = publish_history(settings, site, hours, 7, lambda *progress: told.append(progress))
    publish_history(settings, site, hours, 7)

    found = frames(settings)
    assert 12 * 6 * 120 == first == told[-1][0]
    assert (2 * first, first) == (len(found), len({(each.device, each.boot, each.seq) for each in found}))
    assert all(each.historical and each.boot == "history-7" for each in found)


PROCESS = """
import sys
from barograph import logs
from barograph.collector import service
from barograph.settings import Settings
logs.configure()
with service.stopped_by_signals() as stop:
    service.collect(Settings.model_validate_json(sys.stdin.read()), stop)
"""


def test_sigterm_flushes_and_exits_0(settings):
    """What was read before the signal is in Kafka when the process is gone."""
    board = Board(settings.path("run", "ports", "p1"))
    process = subprocess.Popen([sys.executable, "-c", PROCESS], stdin=subprocess.PIPE, text=True)
    process.stdin.write(settings.model_dump_json())
    process.stdin.close()
    assert eventually(lambda: (told := collector.status(settings)) and told.ports["p1"].connected, within=20)
    board.say(b"".join(said(number) for number in range(5_000)))
    assert eventually(lambda: collector.status(settings).ports["p1"].frames == 5_000, within=20)

    process.send_signal(signal.SIGTERM)

    assert process.wait(15) == 0
    assert [*range(5_000)] == numbers(settings)
    board.unplug()


class OwnKafka:
    """A broker that may be killed, which the session's may not."""

    def __init__(self, folder: Path) -> None:
        tools = json.loads((Path(sys.prefix) / "tools.json").read_text())
        self._folder = folder
        self._java = [tools["java"], "-Xmx256m", "-cp", f"{tools['kafka_jars']}/*"]
        self.port, controller = free_port(), free_port()
        (folder / "server.properties").write_text(
            f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder / "data"}
offsets.topic.replication.factor=1
auto.create.topics.enable=false
"""
        )
        storage = [*self._java, "kafka.tools.StorageTool", "format", "-c", "server.properties", "-t"]
        subprocess.run([*storage, "MkU3OEVBNTcwNTJENDM2Qg"], cwd=folder, check=True, capture_output=True)
        self.start()

    def start(self) -> None:
        with (self._folder / "kafka.log").open("ab") as log:
            command = [*self._java, "kafka.Kafka", "server.properties"]
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        assert eventually(self._answers, within=60), (self._folder / "kafka.log").read_text()[-2000:]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def own_kafka(tmp_path) -> Iterator[OwnKafka]:
    folder = tmp_path / "kafka"
    folder.mkdir()
    broker = OwnKafka(folder)
    yield broker
    broker.kill()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_broker_that_is_killed_costs_nothing(own_kafka, tmp_path, collecting):
    """Killed while the boards speak, back later: all that was said is there, each identity once."""
    settings = on(tmp_path / "home", [f"127.0.0.1:{own_kafka.port}"])
    running = collecting(settings)
    running.board.say(b"".join(said(number) for number in range(100)))
    assert eventually(lambda: running.status().published == 100)

    own_kafka.kill()
    for number in range(100, 2_000, 100):
        running.board.say(b"".join(said(number + each) for each in range(100)))
        time.sleep(0.05)
    assert eventually(lambda: running.status().broker_up is False, within=30)
    assert eventually(lambda: running.status().ports["p1"].frames == 2_000)
    assert running.status().spool_depth > 0
    own_kafka.start()

    assert eventually(lambda: running.status().broker_up and running.status().spool_depth == 0, within=60)
    assert [*range(2_000)] == numbers(settings)


def test_a_broker_that_is_back_before_anybody_misses_it_gets_its_last_minute_again(own_kafka, tmp_path, collecting):
    """No message failed, yet what was acknowledged may have been page cache: the copies are there, by identity once."""
    settings = on(tmp_path / "home", [f"127.0.0.1:{own_kafka.port}"])
    running = collecting(settings)
    running.board.say(b"".join(said(number) for number in range(100)))
    assert eventually(lambda: running.status().published == 100)

    own_kafka.kill()
    own_kafka.start()

    assert eventually(lambda: running.status().published >= 200, within=60)
    assert [*range(100)] == numbers(settings)
    assert len(frames(settings)) >= 200
