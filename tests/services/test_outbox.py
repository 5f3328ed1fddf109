"""The outbox and the dead watcher on a real database: each notice once, in whatever order changes are committed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from sqlalchemy import insert, text, update
from tests.services.river import opened

from barograph.collector import health as collector
from barograph.influx import points, view
from barograph.notify import deadman, service
from barograph.state import engine, outbox, system_alarms
from barograph.state.tables import alarms, batches

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

CONTACTS = """
contacts:
  - {contact: anna, group: 0, repeat: 600, escalate: [{after: 900, to: owner}], channels: [{channel: desk, kind: log}]}
  - {contact: owner, alarms: {escalations_only: true}, group: 0, channels: [{channel: desk, kind: log}]}
"""


class Shop:
    """A notifier that is turned by hand, at times of the test's own."""

    def __init__(self, river, home):
        self.river = river
        self.contacts()
        # Nothing but the database is shared: what a collector says of itself is said to this shop alone.
        (home / "run").mkdir(parents=True)
        self.settings = river.settings.model_copy(
            update={
                "influx": river.settings.influx.model_copy(update={"operations": "nobody-writes-here"}),
                "home": home,
                "secrets": river.settings.secrets_folder,
                "sites": river.settings.sites_folder,
            }
        )
        self.now = NOON
        self.engine = engine.apart(engine.connect(self.settings))
        self.notifier = service.Notifier(self.settings, engine.connect(self.settings), lambda: self.now)

    def contacts(self, *more):
        """Other contacts, beside those that there are."""
        told = yaml.safe_load(CONTACTS)
        told["contacts"] += [yaml.safe_load(one) for one in more]
        (self.river.settings.sites_folder / self.river.name / "contacts.yaml").write_text(yaml.safe_dump(told))

    def turn(self, minutes=0.0):
        self.now += minutes * MINUTE
        self.notifier.turn()
        self.notifier.finish()
        return self.told()

    def told(self):
        """(contact, what) of all that was sent so far."""
        return [
            (one.contact, entry["said"], entry["rule"])
            for one in outbox.messages(self.engine, outbox.outbox.c.state == "sent")
            for entry in one.facts["entries"]
        ]

    def execute(self, statement, **facts):
        with self.engine.begin() as connection:
            return connection.execute(statement, facts)

    def open(self, **facts):
        with self.engine.begin() as connection:
            return connection.scalar(self.opening(**facts))

    def opening(self, **facts):
        row = {
            "site": self.river.name, "rule": "warm", "rule_version": "1", "severity": "major",
            "device": self.river.fridge, "metric": "temperature", "limit": 8.0, "value": 9.5, "started": NOON,
            "opened": NOON, "state": "open", "historical": False, **facts,
        }  # fmt: skip
        return insert(alarms).values(**row).returning(alarms.c.alarm)

    def act(self, alarm, verb, until=None):
        done = text(
            "insert into alarm_actions (alarm, at, who, verb, until) values (:alarm, :at, 'anna', :verb, :until)"
        )
        self.execute(done, alarm=alarm, at=self.now, verb=verb, until=until)


@pytest.fixture
def shop(servers, tmp_path):
    with opened(servers.settings) as river:
        yield Shop(river, tmp_path / "shop")


def test_an_alarm_is_repeated_and_escalated_until_somebody_takes_it_up(shop):
    """And whoever was told hears its end."""
    number = shop.open()

    assert [("anna", "opened", "warm")] == shop.turn()
    assert 1 == len(shop.turn(9))
    assert [("anna", "repeated", "warm")] == shop.turn(1)[1:]
    assert [("owner", "escalated", "warm")] == shop.turn(5)[2:]
    shop.act(number, "acknowledge")
    assert 3 == len(shop.turn(60))
    shop.execute(update(alarms).values(state="cleared", cleared=shop.now))
    assert {("anna", "cleared", "warm"), ("owner", "cleared", "warm")} == set(shop.turn()[3:])
    assert 5 == len(shop.turn(60))


def test_who_comes_later_is_told_once_of_what_is_open_already(shop):
    """A new colleague, and one whose wishes change, do not wait for the next alarm to learn of this one."""
    shop.open()
    shop.open(rule="cold", severity="warning", opened=NOON - MINUTE)
    shop.turn()

    shop.contacts("{contact: bob, group: 0, alarms: {from: major}, channels: [{channel: desk, kind: log}]}")
    assert [("bob", "already", "warm")] == shop.turn(1)[2:]
    shop.contacts("{contact: bob, group: 0, channels: [{channel: desk, kind: log}]}")
    assert [("bob", "already", "cold")] == shop.turn(1)[3:]
    shop.contacts("{contact: bob, group: 10, channels: [{channel: desk, kind: log}]}")
    assert 4 == len(shop.turn(1))
    shop.execute(update(alarms).where(alarms.c.rule == "warm").values(state="cleared", cleared=shop.now))
    shop.turn(1)
    assert {("anna", "cleared", "warm"), ("bob", "cleared", "warm")} == set(shop.turn(1)[4:])


def test_after_a_restore_the_past_is_no_news_and_what_is_open_is_told_once(shop):
    """The backup does not know what was told since: alarms come again under other numbers, and nobody hears twice."""
    shop.turn()
    before, restored = NOON - 30 * MINUTE, NOON - MINUTE
    with shop.engine.begin() as connection:
        system_alarms.record_restored(connection, restored, NOON - 300 * MINUTE, "The database was restored.")
    shop.open(rule="over", opened=before, state="cleared", cleared=before + MINUTE)
    shop.open(rule="warm", opened=before)
    shop.open(rule="new", opened=NOON)

    expected = {("anna", "happened", "database-restored"), ("anna", "already", "warm"), ("anna", "opened", "new")}
    assert expected == set(shop.turn())
    assert 3 == len(shop.turn(1))


def test_what_was_told_of_alarms_long_over_is_forgotten(shop):
    """Not of one that is open, however long; nor how a channel is."""
    stays = shop.open(rule="cold")
    shop.turn()
    shop.open()
    shop.turn(1)
    shop.execute(update(alarms).where(alarms.c.rule == "warm").values(state="cleared", cleared=shop.now))
    shop.turn(1)
    shop.open(rule="last", opened=NOON + MINUTE)
    shop.turn(1)
    shop.execute(update(alarms).where(alarms.c.rule == "last").values(state="cleared", cleared=shop.now))

    assert 0 == outbox.prune(shop.engine, shop.now + outbox.KEEP - MINUTE)
    assert 2 == outbox.prune(shop.engine, shop.now + outbox.KEEP + MINUTE)
    assert [(stays,)] == shop.river.sql("select alarm from notices where kind = 'opened' and contact = 'anna' limit 1")
    assert [("anna", "opened", "cold"), ("anna", "opened", "last")] == shop.told()


def test_what_is_shelved_is_told_when_its_shelf_ends(shop):
    number = shop.open()
    shop.act(number, "shelve", until=NOON + 60 * MINUTE)

    assert [] == shop.turn()
    assert [] == shop.turn(59)
    assert [("anna", "opened", "warm")] == shop.turn(1)


def test_the_past_is_told_nobody_as_if_it_were_now(shop):
    """History, what is folded under another, what was withdrawn; and what was over before the first notifier came."""
    shop.open(opened=NOON - 60 * MINUTE, state="cleared", cleared=NOON - 30 * MINUTE)
    shop.turn()
    shop.open(historical=True)
    shop.open(opened=NOON + MINUTE, state="suppressed")
    shop.open(opened=NOON + 2 * MINUTE, state="withdrawn")
    shop.turn(1)
    shop.open(rule="passed", opened=NOON - MINUTE, state="cleared", cleared=NOON)

    assert [("anna", "passed", "passed")] == shop.turn(1)


def test_a_change_that_is_committed_late_is_not_passed_over(shop):
    """Its number is lower than one that was seen before it: whoever looks waits for those who are writing."""
    shop.turn()
    with shop.engine.connect() as slow:
        transaction = slow.begin()
        slow.execute(shop.opening(rule="first"))
        shop.open(rule="second", opened=NOON + MINUTE)
        looks = threading.Thread(target=shop.turn)
        looks.start()
        looks.join(0.3)
        assert [] == shop.told()
        transaction.commit()
    looks.join()
    shop.turn(1)

    assert {("anna", "opened", "first"), ("anna", "opened", "second")} == set(shop.told())


def test_a_storm_is_one_digest_and_two_notifiers_make_no_more_of_it(shop):
    """A thousand alarms at once, while both believe that they lead."""
    shop.turn()
    rows = [{"device": f"fridge-{number}"} for number in range(1000)]
    with shop.engine.begin() as connection:
        connection.execute(shop.opening().returning(None), rows)
    other = service.Notifier(shop.settings, engine.apart(shop.engine), lambda: shop.now)

    both = [threading.Thread(target=one.turn) for one in (shop.notifier, other)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    for one in (shop.notifier, other):
        one.finish()

    [digest] = outbox.messages(shop.engine)
    assert ("sent", 1, 1000) == (digest.state, digest.attempts, digest.facts["counts"]["alarms"])


def test_if_ingest_or_the_collector_stops_somebody_is_told(shop):
    """Once; and when it is back, that too."""
    status = shop.settings.path("run", "collector.json")
    rows = {"writer": "drain", "dag_id": "ingest", "plan": [], "done": True}

    def alive(number):
        shop.execute(insert(batches).values(batch=number, run_id=str(number), horizon=shop.now, **rows))
        facts = dict.fromkeys(("published", "spool_depth", "spool_bytes", "spool_quota", "spool_lost"), 0)
        collector.write(
            status,
            collector.Status(
                name="shop", pid=1, boot="b", started=NOON, updated=shop.now, broker_up=True, ports={}, **facts
            ),
        )

    alive(1)
    assert [] == shop.turn()
    assert [] == shop.turn(1)
    assert [("anna", "opened", "collector-stopped")] == shop.turn(2)
    assert [("anna", "opened", "ingest-stopped")] == shop.turn(3)[1:]
    assert 2 == len(shop.turn(1))
    alive(2)
    assert {("anna", "cleared", "collector-stopped"), ("anna", "cleared", "ingest-stopped")} == set(shop.turn(1)[2:])


def test_a_collector_elsewhere_that_falls_silent_is_missed(shop, monkeypatch):
    """What it says comes through `ingest`, so it has that much more time; and while that stands still, nobody knows."""
    heard = {"farm": NOON}
    monkeypatch.setattr(deadman.view, "collectors", lambda *_: dict(heard))
    rows = {"writer": "drain", "dag_id": "ingest", "plan": [], "done": True}
    shop.execute(insert(batches).values(batch=1, run_id="1", horizon=NOON, **rows))
    shop.turn()

    shop.execute(update(batches).values(horizon=NOON + 6 * MINUTE))
    assert [] == shop.turn(6)
    assert [("anna", "opened", "collector-stopped")] == shop.turn(1)
    heard["farm"] = NOON + 7 * MINUTE
    assert [("anna", "cleared", "collector-stopped")] == shop.turn(2)[1:]


def test_when_collectors_were_heard_is_asked_of_influxdb(shop, servers):
    """The last point of each counts."""
    name = f"{shop.river.name}-collector"
    now = datetime.now(UTC).replace(microsecond=0)
    lines = [
        points.line("collector", {"collector": name}, {"published": 1}, now - ago * MINUTE) for ago in (30, 10, 20)
    ]
    points.post(servers.settings, lines)

    assert now - 10 * MINUTE == view.collectors(servers.settings, now - 60 * MINUTE, now)[name]


def test_one_kind_of_trouble_is_one_alarm_whoever_finds_it(shop):
    """The same failure of a DAG is found by two processes at once."""
    facts = {"severity": "major", "message": "m", "limit": 0.0, "value": 1.0, "started": NOON}

    def find():
        with engine.apart(shop.engine).begin() as connection:
            system_alarms.keep_open(connection, "dag-failed", "daily", "settle", NOON, **facts)

    finders = [threading.Thread(target=find) for _ in range(4)]
    for finder in finders:
        finder.start()
    for finder in finders:
        finder.join()

    assert 1 == len(shop.river.sql("select alarm from alarms where state = 'open'"))
