"""What the judge finds, in a real PostgreSQL: numbers that stay, events that are taken back, silences that are one."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count

import pytest
from kafka import KafkaProducer
from sqlalchemy import text
from tests.services.river import opened
from tests.unit.rules.told import NOON, a_shop, at, said, watches

from barograph.ingest.fast import provisional_alarms
from barograph.ingest.rules import in_force
from barograph.rules.history import rewound, touched_keys
from barograph.rules.judge import judge_on
from barograph.rules.readings import Event, moment
from barograph.state import books, engine, judged, provisional
from barograph.state.ledger import Ledger
from barograph.windows import iso

WARM = {
    "rule": "warm",
    "metric": "temperature",
    "above": 8,
    "hold": 60,
    "levels": [{"above": 12, "hold": 0, "severity": "critical"}],
}
GONE = {"rule": "gone", "kind": "missing", "least": 300}


class Judgement:
    """Batches of readings, judged and recorded as `ingest` does it."""

    def __init__(self, river, *rules):
        self.river = river
        self.engine = engine.connect(river.settings)
        self.ledger = Ledger(self.engine, "drain")
        self.rules = watches(*rules)
        self.readings = []
        self.runs = count()

    def batch(self, readings, horizon):
        self.readings += readings
        earliest = {}
        for each in readings:
            source = each.device, each.metric, each.port
            earliest[source] = min(each.time, earliest.get(source, each.time))
        batch = self.ledger.plan("ingest", f"run {next(self.runs)}", moment(at(horizon)), [], [])
        states = list(judged.states(self.engine, batch.batch))
        back = rewound(states, touched_keys(earliest, states[0][1] if states else None, self.rules), self.rules)
        kept, state, events = judge_on(back.state, self.readings, self.rules, at(horizon - 150), at(horizon))
        return judged.record(self.engine, batch, state, back.since, events, self.rules, timedelta(hours=1), kept)

    def fast(self, *events, horizon):
        provisional.take_in(self.engine, events, self.rules, moment(at(horizon)))

    def alarms(self, what="alarm, state"):
        return self.river.sql(f"select {what} from alarms order by alarm")


@pytest.fixture(scope="module")
def shared(servers):
    with opened(servers.settings) as own:
        yield own


@pytest.fixture
def river(shared):
    with engine.connect(shared.settings).begin() as connection:
        for table in ("fold_states", "batches", "alarms", "alarm_events", "rule_books"):
            connection.execute(text(f"truncate {table} restart identity cascade"))
        connection.execute(text("alter sequence batch_ids restart"))
    return shared


def test_an_alarm_keeps_its_number_when_late_data_moves_its_onset(river):
    """Somebody has acknowledged it: that stays. The events say that and why it was another time."""
    judgement = Judgement(river, WARM)
    judgement.batch(said(4, 4, None, 9, 9, 9), 160)
    [(number, _)] = judgement.alarms()

    counts = judgement.batch(said(9, start=60), 170)

    assert {"opened": 1, "withdrawn": 1}.items() <= counts.items()
    assert [(number, moment(at(60)), moment(at(120)), "open")] == judgement.alarms("alarm, started, opened, state")
    assert [("opened", None), ("opened", "batch 2 brought readings of before")] == river.sql(
        "select transition, details->>'withdrawn' from alarm_events order by time"
    )


def test_an_alarm_that_was_none_is_withdrawn_and_one_that_comes_back_is_the_same(river):
    judgement = Judgement(river, WARM)
    judgement.batch(said(4, 9, 9, 9), 120)
    [(number, state)] = judgement.alarms()
    cold = said(4, start=45)

    judgement.batch(cold, 121)
    assert [(number, "open"), (number, "withdrawn")] == [(number, state), *judgement.alarms()]
    judgement.readings.remove(cold[0])
    judgement.batch(said(9, start=46), 122)

    assert [(number, "open")] == judgement.alarms()


def test_an_alarm_carries_its_rule_and_how_bad_it_became(river):
    """Months later the file is another one."""
    judgement = Judgement(river, {**WARM, "comment_required": True})
    judgement.batch(said(9, 9, 9, 13, 14), 150)
    judgement.batch(said(9, 4, start=150), 240)

    assert [("limit", "critical", 8.0, 14.0, "cleared")] == judgement.alarms('kind, severity, "limit", value, state')
    [(told,)] = judgement.alarms("thresholds")
    assert (True, 8.0, 60.0) == (told["comment_required"], told["rule"]["above"], told["rule"]["hold"])
    assert ["opened", "escalated", "downgraded", "cleared"] == [
        transition for (transition,) in river.sql("select transition from alarm_events order by time")
    ]


def test_what_is_open_still_is_no_history_however_late_it_was_found(river):
    """`ingest` stood still for hours: a fridge that has been warm since is the first thing that somebody must hear.

    Not while its readings are still being read from the beginning, and not if it is cold by now.
    """
    judgement = Judgement(river, WARM, {**GONE, "devices": ["fridge-3"]})
    hours = 3 * 3600
    warm, over = said(*[9.0] * 361, every=30), said(*[9.0] * 30, *[4.0] * 331, every=30, device="fridge-2")
    gone = said(4.0, device="fridge-3")

    judgement.batch([*warm[:20], *over[:20], *gone], hours + 30)
    before = set(judgement.alarms("device, historical, state"))
    [(seen,)] = river.sql("select max(change) from alarms")
    judgement.batch([*warm[20:], *over[20:]], hours + 60)

    assert {("fridge-1", True, "open"), ("fridge-2", True, "open"), ("fridge-3", False, "open")} == before
    after = set(judgement.alarms(f"device, historical, state, change > {seen}"))
    assert {("fridge-1", False, "open", True), ("fridge-2", True, "cleared", True)} < after


def test_a_thousand_silences_behind_one_port_are_one_alarm(river):
    """One cable is out: one alarm, and all others stand under it until it is in again."""
    judgement = Judgement(river, GONE)
    names = ["fridge-1", "fridge-2", "fridge-3"]
    for start in (0, 30):
        judgement.batch([each for name in names for each in said(4, start=start, device=name, port="wall")], start + 30)
    judgement.batch([], 700)

    [root, *others] = judgement.alarms("device, state, root is null")
    assert [("collector:shop", "open", True)] == [root]
    assert {"suppressed"} == {state for _, state, _ in others}
    assert {"port:wall", "fridge-1", "fridge-2", "fridge-3"} == {device for device, _, _ in others}

    back = [each for name in names[:2] for each in said(4, 4, 4, 4, start=720, every=120, device=name, port="wall")]
    judgement.batch(back, 1100)
    assert ["fridge-3"] == [device for device, state in judgement.alarms("device, state") if state == "open"]


def test_an_empty_batch_that_is_run_again_changes_nothing(river):
    judgement = Judgement(river, GONE)
    judgement.batch(said(4), 30)
    judgement.batch([], 700)
    before = judgement.alarms("alarm, device, state, root, change")

    judgement.batch([], 701)

    assert before == judgement.alarms("alarm, device, state, root, change")


def test_rules_that_were_good_are_kept(river):
    """The last good ones stay in force, and those of then can be asked for."""
    connection, then, now = engine.connect(river.settings), moment(NOON), moment(at(60))
    for said_then, since in (("rules: []", then), ("rules: []", now), ("rules: [] # 2", now)):
        books.keep(connection, "shop", said_then, since)

    assert "rules: [] # 2" == books.newest(connection, "shop").text
    assert ("rules: []", then) == books.newest(connection, "shop", moment(at(30)))[1:]
    assert books.newest(connection, "elsewhere") is None


def from_a_collector(transition, time, started=None, value=9.0, rule="warm"):
    """What the fast lane of a collector says of fridge-1."""
    return Event(
        moment(at(time)), rule, "fridge-1", "temperature", transition, moment(at(started or time)), value, "major", "v",
        8.0, details={"collector": "till"},
    )  # fmt: skip


def test_both_lanes_find_one_alarm(river):
    """The collector was first and saw it half a minute earlier; it is confirmed, and keeps its number."""
    judgement = Judgement(river, WARM)
    judgement.fast(from_a_collector("opened", 60), horizon=70)
    assert [(1, "open", True, moment(at(60)))] == judgement.alarms("alarm, state, provisional, opened")

    judgement.batch(said(4, 9, 9, 9, 9), 130)

    assert [(1, "open", False, moment(at(90)))] == judgement.alarms("alarm, state, provisional, opened")


def test_what_came_and_went_while_kafka_was_down_is_history(river):
    """The collector hands over what it found for hours; what is open still is told, what is long over is not."""
    judgement = Judgement(river, WARM)
    facts = (moment(at(60)), 9.0, "major", "v", 8.0)
    over, still = ("warm", "fridge-1", "temperature"), ("warm", "fridge-2", "temperature")

    judgement.fast(
        Event(moment(at(60)), *over, "opened", *facts),
        Event(moment(at(60)), *still, "opened", *facts),
        Event(moment(at(300)), *over, "cleared", *facts),
        horizon=3 * 3600,
    )

    assert {("fridge-1", True, "cleared"), ("fridge-2", False, "open")} == set(
        judgement.alarms("device, historical, state")
    )


def test_what_the_batch_lane_knows_is_not_told_again(river):
    judgement = Judgement(river, WARM)
    judgement.batch(said(4, 9, 9, 9, 9), 130)

    judgement.fast(from_a_collector("opened", 60), horizon=140)

    assert [(1, "open", False)] == judgement.alarms("alarm, state, provisional")


def test_an_alarm_of_the_fast_lane_that_was_none_is_withdrawn_and_says_why(river):
    """A spike: one reading alone, which only the next one shows."""
    judgement = Judgement(river, WARM)
    spike = [from_a_collector("opened", 60), from_a_collector("cleared", 90, 60)]
    judgement.fast(*spike, horizon=95)
    assert [("cleared", True)] == judgement.alarms("state, provisional")

    judgement.batch([*said(4, 4), *said(90, start=60, flag=4), *said(4, 4, start=90)], 130)
    judgement.fast(*spike, horizon=140)

    [(state, why)] = judgement.alarms("state, thresholds->>'withdrawn'")
    assert "withdrawn" == state
    assert "batch 1: the readings" in why


def test_it_stays_provisional_while_its_readings_have_not_come(river):
    """Kafka had the alarm before it had the spooled frames."""
    judgement = Judgement(river, WARM)
    judgement.fast(from_a_collector("opened", 60), horizon=70)

    judgement.batch(said(4), 400)

    assert [("open", True)] == judgement.alarms("state, provisional")


def test_events_come_through_kafka_and_once(river):
    """What is no event is passed over; the place in the topic is in the ledger."""
    judgement = Judgement(river, WARM)
    event = {
        "collector": "till", "rule": "warm", "device": "fridge-1", "metric": "temperature", "transition": "opened",
        "time": iso(moment(at(60))), "started": iso(moment(at(60))), "value": 9.0, "severity": "major", "version": "v",
        "limit": 8.0,
    }  # fmt: skip
    producer = KafkaProducer(bootstrap_servers=river.settings.brokers)
    for content in (json.dumps(event), "[]", "{", json.dumps({**event, "value": 1e999}), json.dumps(event)):
        producer.send(river.settings.kafka.alarms, content.encode()).get(timeout=30)
    producer.close()
    batch = judgement.ledger.plan("ingest", "fast", moment(at(70)), [], [])

    first = provisional_alarms(river.settings, judgement.ledger, batch, judgement.rules)
    again = provisional_alarms(river.settings, judgement.ledger, batch, judgement.rules)

    assert [(5, 1), (0, 0)] == [(told["messages"], told["provisional"]) for told in (first, again)]
    assert [("open", True)] == judgement.alarms("state, provisional")


def test_a_file_with_mistakes_leaves_the_last_good_rules_in_force(river, tmp_path):
    """And where there never were good ones, what stands of the file: better than nobody watching."""
    connection, site, path = engine.connect(river.settings), a_shop("fridge-1"), tmp_path / "rules.yaml"
    bad = "rules: [{rule: warm, metric: temperature, abov: 8}, {rule: cold, metric: temperature, below: 1}]"

    path.write_text(bad)
    assert ["cold"] == [rule.rule for rule in in_force(path, site, connection, moment(NOON)).rules]
    path.write_text("rules: [{rule: warm, metric: temperature, above: 8}]")
    good = in_force(path, site, connection, moment(NOON))
    path.write_text(bad)

    assert good == in_force(path, site, connection, moment(at(60)))
    assert ["warm"] == [rule.rule for rule in good.rules]
