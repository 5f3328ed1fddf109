"""Further targets on real servers: what was down is caught up, in order, and never doubled."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.dataset as ds
import pytest
from kafka import KafkaConsumer
from tests.services.river import NOW, River, opened
from tests.services.test_ingest import Killed
from tests.services.test_settle import DAY, a_day

from barograph import kafka
from barograph.destinations import KafkaTarget, ParquetTarget, WebhookTarget
from barograph.history import mark_changed
from barograph.ingest import distribute as distributing
from barograph.registry import choose_site
from barograph.settle import settle
from barograph.stack import health
from barograph.state import engine
from barograph.state.ledger import Ledger, finished
from barograph.state.targets import Positions
from barograph.targets import delivery
from barograph.windows import Window, utc

KEY = b"a key of the test"
ALL = ["readings", "windows", "alarms"]


class Receiver:
    """A webhook that checks signatures; `answer` is what it says, and only what it took is remembered."""

    def __init__(self, port=0):
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
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
    """Three batches: the webhook is away in the first, the process is killed in the second, the database restored."""
    monkeypatch.setattr(delivery, "SECONDS", 300.0)  # a slow machine is no fault here
    receiver.answer = 503
    river.send([river.frame(1800 - 30 * n, 12.0, seq=n) for n in range(4)])
    [first] = river.ingest("1")

    assert [(True,)] == river.sql("select done from batches")
    assert {"behind": 1, "not_well": 1}.items() <= first.steps["distribute"].items()
    status = {each.name: each for each in health.PARTS["target"](river.settings, NOW)}
    assert (False, True, True) == tuple(status[name].ok for name in ("hook", "lake", "bus"))
    assert "down, 1 batches" in status["hook"].found
    assert "answers 503" in status["hook"].found

    receiver.answer = 204
    river.send([river.frame(1200 - 30 * n, 4.0 + n / 10, seq=4 + n) for n in range(2)])
    with killed_before_the_position_of(monkeypatch, "lake"):
        river.ingest("2")
    assert 2 == len(files(tmp_path, "readings"))
    river.send([river.frame(600 - 30 * n, 4.0 + n / 10, seq=6 + n) for n in range(2)])
    [third] = river.ingest("3")

    assert {"behind": 0, "not_well": 0}.items() <= third.steps["distribute"].items()
    # Parquet: a file for each batch, and of the killed one no second.
    assert [3, 3, 2] == [len(files(tmp_path, what)) for what in ALL]
    lake = [row["value"] for row in table(tmp_path, "readings")]
    assert [4.0, 4.0, 4.1, 4.1, *[12.0] * 4] == sorted(lake)
    # The webhook was told each thing once, in order; an alarm that was over by then as what it was at the end.
    ids = [identity for identity, _ in receiver.taken]
    assert len(ids) == len(set(ids))
    hook = [row for _, body in receiver.taken for row in json.loads(body)["rows"]]
    assert lake == [row["value"] for row in hook if row["id"].startswith("readings/")]
    assert ["cleared"] == [row["state"] for row in hook if row["id"].startswith("alarms/")]
    # Kafka has the device as key, so that its messages stay in order.
    bus = messages(river, "readings")
    assert (lake, {river.fridge}) == ([message["value"] for _, message in bus], {key for key, _ in bus})
    assert ["open", "cleared"] == [message["state"] for _, message in messages(river, "alarms")]

    before = {path: path.read_bytes() for what in ALL for path in files(tmp_path, what)}
    with engine.connect(river.settings).begin() as connection:
        connection.exec_driver_sql("update target_positions set batch = batch - 1")
    told = distributing.distribute_by_hand(river.settings)

    assert [(0, 0, None)] * 3 == [(each.batches_behind, each.alarms_behind, each.error) for each in told]
    assert before == {path: path.read_bytes() for what in ALL for path in files(tmp_path, what)}
    again = receiver.taken[len(ids) :]
    assert 2 == len(again)
    assert set(again) < set(receiver.taken[: len(ids)])
    twice = [message["id"] for _, message in messages(river, "readings")]
    assert (10, 8) == (len(twice), len(set(twice)))


def files(tmp_path, what):
    return sorted((tmp_path / "lake" / what).iterdir())


def test_a_day_that_is_settled_anew_reaches_every_target_once(river, receiver, tmp_path, monkeypatch):
    """A calibration is corrected, then a reading comes late: what is so now comes after all that was sent."""
    monkeypatch.setattr(delivery, "SECONDS", 300.0)
    river.send(*a_day(river))
    river.ingest("1")
    settle(river.settings, choose_site(river.settings.sites_folder, None), DAY)
    assert [0, 0, 0] == [each.rows for each in distributing.distribute_by_hand(river.settings)], "nothing was anew"

    corrected(river)
    mark_changed(river.settings)
    settled_and_sent(river)
    assert [1, 1] == [len(settled(tmp_path, what)) for what in ("readings", "windows")]
    assert the_day(river) == as_sent(tmp_path) == as_sent_to_the_webhook(receiver)
    river.send(river.frame(0, 4.4, seq=999, time=Window.local_day(DAY, "Europe/Berlin").start.isoformat()))
    river.ingest("2")
    settled_and_sent(river)

    assert [2, 2] == [len(settled(tmp_path, what)) for what in ("readings", "windows")]
    assert the_day(river) == as_sent(tmp_path) == as_sent_to_the_webhook(receiver)
    ids = [identity for identity, _ in receiver.taken]
    assert len(ids) == len(set(ids))
    bus = [message["id"] for _, message in messages(river, "readings")]
    assert len(bus) == len(set(bus))
    assert [0, 0, 0] == [each.rows for each in distributing.distribute_by_hand(river.settings)]


def corrected(river):
    path = river.settings.sites_folder / river.name / "site.yaml"
    text = path.read_text()
    path.write_text(text.replace("spike: off", "spike: off, calibration: [{since: 2020-01-01, offset: 0.5}]"))


def settled_and_sent(river):
    settle(river.settings, choose_site(river.settings.sites_folder, None), DAY)
    told = distributing.distribute_by_hand(river.settings)
    assert [(0, 0, None)] * 3 == [(each.batches_behind, each.days_behind, each.error) for each in told]
    assert all(each.rows for each in told)


def settled(tmp_path, what):
    return [path for path in files(tmp_path, what) if "-settled-" in path.name]


def the_day(river):
    rows = river.archive.derived("refined", river.name, DAY).to_pylist()
    return {row["time"]: (row["value"], row["raw"], row["flag"], tuple(row["reasons"])) for row in rows}


def as_sent(tmp_path):
    """Who takes the row of the last file has the day as it is."""
    rows = [row for path in files(tmp_path, "readings") for row in ds.dataset(path).to_table().to_pylist()]
    return of_the_day(rows)


def as_sent_to_the_webhook(receiver):
    """In the order of the ids, which is that in which they came."""
    sent = [json.loads(body)["rows"] for identity, body in receiver.taken if identity.startswith("readings/")]
    rows = sorted((row for some in sent for row in some), key=lambda row: row["id"].split("/")[1])
    return of_the_day([{**row, "time": utc(row["time"])} for row in rows])


def of_the_day(rows):
    window = Window.local_day(DAY, "Europe/Berlin")
    inside = [row for row in rows if window.start <= row["time"] < window.end]
    return {row["time"]: (row["value"], row["raw"], row["flag"], tuple(row["reasons"])) for row in inside}


def test_a_batch_that_is_still_worked_on_holds_what_comes_after_it(servers):
    """Whoever passes it has skipped it: a replay may end after batches that have higher numbers."""
    with opened(servers.settings) as river:
        own = engine.connect(river.settings)
        drain, replay = Ledger(own, "drain"), Ledger(own, "replay:1")
        long_ago = replay.plan("replay", "0", NOW - timedelta(hours=3), [], []).batch
        first = drain.plan("ingest", "1", NOW, [], []).batch
        held = replay.plan("replay", "1", NOW, [], []).batch
        last = drain.plan("ingest", "2", NOW, [], []).batch
        for batch in (first, last):
            drain.note(batch, done=True)

        before = [batch.batch for batch in finished(own, 0)]
        replay.note(held, done=True)

        assert [first] == before
        assert [first, held, last] == [batch.batch for batch in finished(own, 0)]
        assert [held] == [batch.batch for batch in finished(own, first, 1)]
        assert long_ago < first  # it was killed before it had chosen anything, and holds nobody


def test_an_alarm_is_news_when_it_begins_and_ends_and_not_when_it_grows_worse(servers):
    """Its worst value changes with every batch; a pager that rings each time is switched off."""
    with opened(servers.settings) as river:
        positions = Positions(engine.connect(river.settings))
        facts = "'shop', 'warm', '1', 'major', 'fridge-1', 'temperature', 8, now(), now(), 'open', false"
        heard = []
        for statement in (
            'insert into alarms (site, rule, rule_version, severity, device, metric, "limit", started, opened,'
            f" state, historical) values ({facts})",
            "update alarms set value = 9",
            "update alarms set value = 10",
            "update alarms set state = 'cleared', cleared = now()",
            "update alarms set state = 'cleared'",
        ):
            with positions.engine.begin() as connection:
                connection.exec_driver_sql(statement)
            heard.append([(row["change"], row["state"]) for row in positions.changes(0, 10)])

        assert [[(1, "open")]] * 3 + [[(2, "cleared")]] * 2 == heard
        assert [] == positions.changes(2, 10)


def test_a_change_that_is_committed_late_is_not_passed_over(servers, monkeypatch):
    """It has a lower number than one that everybody sees: whoever followed that one would never come back."""
    monkeypatch.setattr("barograph.state.changes.LOCK_SECONDS", 0.1)
    with opened(servers.settings) as river:
        positions = Positions(engine.connect(river.settings))
        others = engine.apart(positions.engine)
        put = (
            'insert into alarms (site, rule, rule_version, severity, device, metric, "limit", started, opened, state,'
            " historical) values ('shop', 'warm', '1', 'major', '{}', 'temperature', 8, now(), now(), 'open', false)"
        )
        with positions.engine.begin() as slow:
            slow.exec_driver_sql(put.format("fridge-1"))
            with others.begin() as quick:
                quick.exec_driver_sql(put.format("fridge-2"))
            early = Positions(others).changes(0, 10)

        assert [] == early
        assert ["fridge-1", "fridge-2"] == [row["device"] for row in positions.changes(0, 10)]
