"""Further targets on real servers: what was down is caught up, in order, and never doubled."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.dataset as ds
import pytest
from kafka import KafkaConsumer
from tests.services.river import NOW, River, opened
from tests.services.test_ingest import Killed

from barograph import kafka
from barograph.destinations import KafkaTarget, ParquetTarget, WebhookTarget
from barograph.ingest import distribute as distributing
from barograph.ingest.run import ingest
from barograph.stack import health
from barograph.state.targets import Positions

KEY = b"a key of the test"
ALL = ["readings", "windows", "alarms"]


class Receiver:
    """A webhook that checks signatures; `answer` is what it says, and only what it took is remembered."""

    def __init__(self, port=0):
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signed = "sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest()
                assert signed == self.headers["Barograph-Signature"]
                if told.answer < 300:
                    told.taken.append((self.headers["Barograph-Id"], body))
                self.send_response(told.answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.answer, self.taken = 204, []
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def river(services, receiver, tmp_path):
    with opened(services.settings) as own:
        key = own.settings.secrets_folder / f"{own.name}-hook"
        key.write_bytes(KEY)
        key.chmod(0o600)
        url = f"http://127.0.0.1:{receiver.server.server_port}/in"
        settings = own.settings.model_copy(
            update={
                "targets": [
                    WebhookTarget(name="hook", what=ALL, kind="webhook", url=url, secret=key.name),
                    ParquetTarget(name="lake", what=ALL, kind="parquet", folder=tmp_path / "lake"),
                    KafkaTarget(
                        name="bus", what=ALL, kind="kafka", topics={what: f"{own.name}-{what}-out" for what in ALL}
                    ),
                ]
            }
        )
        kafka.create_topics(settings)
        yield River(own.name, settings)


@contextmanager
def killed_before_the_position_of(monkeypatch, target):
    """The target has it, and the process ends before that is written down."""
    real = Positions.note

    def dying(self, name, **facts):
        if name == target and facts.get("batch"):
            raise Killed(name)
        real(self, name, **facts)

    with monkeypatch.context() as patch:
        patch.setattr(Positions, "note", dying)
        with pytest.raises(Killed):
            yield


def messages(river, what):
    """(key, message) of a target's topic, of each partition in its order."""
    topic = river.settings.targets[2].topic(what)
    ends = sum(part.end for part in kafka.offsets(river.settings, [topic]))
    consumer = KafkaConsumer(topic, bootstrap_servers=river.settings.brokers, auto_offset_reset="earliest")
    try:
        found = []
        while len(found) < ends:
            found += [each for some in consumer.poll(1000).values() for each in some]
        return [(each.key.decode(), json.loads(each.value)) for each in found]
    finally:
        consumer.close()


def table(tmp_path, what):
    return ds.dataset(tmp_path / "lake" / what).to_table().to_pylist()


def test_targets_that_were_down_or_killed_are_caught_up_and_nothing_is_doubled(river, receiver, tmp_path, monkeypatch):
    """Three batches: the webhook is away during the first two, and the process is killed in the second."""
    receiver.answer = 503
    river.send([river.frame(600 - 30 * n, 12.0, seq=n) for n in range(4)])
    [first] = river.ingest("1")

    assert {"behind": 1, "not_well": 1}.items() <= first.steps["distribute"].items()
    assert "answers 503" in first.steps["distribute"]["targets"]["hook"]["error"]
    assert [True, True] == [first.counts["stored"] == 4, river.sql("select done from batches") == [(True,)]]
    status = {each.name: each for each in health.PARTS["target"](river.settings, NOW)}
    assert (False, True, True) == tuple(status[name].ok for name in ("hook", "lake", "bus"))
    assert "down, 1 batches" in status["hook"].found

    river.send([river.frame(480 - 30 * n, 4.0, seq=4 + n) for n in range(2)])
    with killed_before_the_position_of(monkeypatch, "lake"):
        river.ingest("2")
    receiver.answer = 204
    river.send([river.frame(420 - 30 * n, 4.0, seq=6 + n) for n in range(2)])
    river.ingest("3")

    told = distributing.distribute_by_hand(river.settings)
    assert [(0, 0, None)] * 3 == [(each.batches_behind, each.alarms_behind, each.error) for each in told]
    # Parquet: a file for each batch, and of the killed one no second. Later batches say what they changed of earlier ones.
    assert [1, 1, 1] == [len({row["name"] for row in files(tmp_path, "windows")[n : n + 1]}) for n in range(3)]
    lake = table(tmp_path, "readings")
    assert {12.0: 4, 4.0: 4} == {value: len(times(lake, value)) for value in (12.0, 4.0)}
    assert len(files(tmp_path, "readings")) == 3
    per_batch = [ds.dataset(one["path"]).to_table().to_pylist() for one in files(tmp_path, "readings")]
    assert all(len(rows) == len({(row["device"], row["metric"], row["time"]) for row in rows}) for rows in per_batch)
    # The webhook has the same, each POST once, in the order of the batches.
    ids = [identity for identity, _ in receiver.taken]
    assert len(ids) == len(set(ids))
    hook = [row for _, body in receiver.taken for row in json.loads(body)["rows"]]
    assert len(lake) == sum(row["id"].startswith("readings/") for row in hook)
    batches = [identity.split("/")[1][:12] for identity in ids if identity.startswith("readings/")]
    assert batches == sorted(batches)
    assert 3 == len(set(batches))
    # Kafka has the device as key, and every row of the lake by its identity.
    bus = messages(river, "readings")
    assert {river.fridge} == {key for key, _ in bus}
    assert len(lake) == len({message["id"] for _, message in bus})
    assert ["open", "cleared"] == [row["state"] for row in hook if row["id"].startswith("alarms/")][-2:]


def files(tmp_path, what):
    return [{"name": path.name, "path": path} for path in sorted((tmp_path / "lake" / what).iterdir())]


def times(rows, value):
    return {row["time"] for row in rows if row["value"] == value}


def test_a_repeat_after_a_kill_is_the_same_to_the_byte(river, receiver, tmp_path, monkeypatch):
    """A webhook that has an id already can let the second go; a batch that came meanwhile does not change it."""
    river.send([river.frame(600 - 30 * n, 4.0 + n / 10, seq=n) for n in range(3)])
    with killed_before_the_position_of(monkeypatch, "hook"):
        river.ingest("1")
    before = list(receiver.taken)
    # The reading after it comes next: what was delivered was judged without it.
    river.send(river.frame(510, 5.0, seq=3))
    river.ingest("2")

    assert before
    assert before == receiver.taken[len(before) : 2 * len(before)]
    assert len(receiver.taken) > 2 * len(before)


def test_a_refusal_stops_a_target_until_somebody_calls(river, receiver):
    receiver.answer = 422
    river.send(river.frame(60, 4.0, seq=1))
    river.ingest("1")
    receiver.answer = 204
    ingest(river.settings, "ingest", "2", NOW)
    assert [] == receiver.taken
    [status] = [each for each in health.PARTS["target"](river.settings, NOW) if each.name == "hook"]
    assert "barograph distribute --target hook" in status.found

    [told] = distributing.distribute_by_hand(river.settings, "hook")

    assert (False, 0) == (told.stopped, told.batches_behind)
    assert ["readings", "windows"] == [identity.split("/")[0] for identity, _ in receiver.taken]
