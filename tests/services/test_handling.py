"""People and alarms in a real database: two at once, lists, and one line of time."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError
from tests.services.river import influxql, opened
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.errors import AlarmError, AlreadyDone
from barograph.influx import notes
from barograph.ingest import annotate
from barograph.state import alarm_lists
from barograph.state.alarm_lists import Wanted
from barograph.state.engine import apart, connect
from barograph.state.handling import Action, act, shelves
from barograph.state.ledger import Ledger
from barograph.state.tables import alarm_events, alarms
from barograph.windows import Window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = "[red]<b>'; drop table alarms; --"


@pytest.fixture(scope="module")
def shop(servers):
    with opened(servers.settings) as river:
        yield river


@pytest.fixture
def engine(shop):
    yield connect(shop.settings)
    with connect(shop.settings).begin() as connection:
        connection.execute(text("truncate alarms, alarm_actions, alarm_events cascade"))


def enter(engine, device="fridge-1", minute=0, **facts):
    """An alarm as judgement would have written it, and its number."""
    started = NOON + timedelta(minutes=minute)
    row = {
        "site": "demo", "rule": "warm", "rule_version": "1", "severity": "major", "device": device,
        "metric": "temperature", "limit": 8.0, "value": 9.0, "started": started,
        "opened": started + timedelta(minutes=1), "state": "open", "historical": False, "message": "", **facts,
    }  # fmt: skip
    with engine.begin() as connection:
        return connection.execute(insert(alarms).values(row).returning(alarms.c.alarm)).scalar_one()


def do(engine, number, verb, minute=5, who="anna", **facts):
    return act(engine, Action(number, NOON + timedelta(minutes=minute), who, verb, **facts))


def numbers(engine, minute=60, limit=100, **wanted):
    found = alarm_lists.listed(engine, Wanted(**wanted), NOON + timedelta(minutes=minute), limit)
    return [each.alarm["alarm"] for each in found]


def test_of_many_who_acknowledge_at_once_one_does_and_the_others_learn_who(engine):
    """A shop's two phones and a terminal: nothing is doubled, and everybody gets a clear answer."""
    number = enter(engine)
    together = Barrier(6)

    def try_it(person):
        own = apart(engine)
        together.wait()
        try:
            return do(own, number, "acknowledge", who=person).acknowledged.who
        except AlreadyDone as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(try_it, [f"person-{n}" for n in range(6)]))

    first = [answer for answer in answers if answer.startswith("person-") and " " not in answer]
    assert 1 == len(first)
    assert 5 == sum(f"{first[0]} acknowledged alarm {number} already" in answer for answer in answers)
    with engine.connect() as connection:
        assert 1 == connection.scalar(text("select count(*) from alarm_actions"))


def test_what_was_done_is_never_changed(engine):
    """Also a person at the database adds another action instead."""
    number = enter(engine)
    do(engine, number, "comment", comment="a look")

    for attempt in ("update alarm_actions set who = 'x'", "delete from alarm_actions"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(attempt))


def test_judgement_goes_on_after_people_acted(engine):
    """An alarm clears, or its onset moves; what was done stays with its number."""
    number = enter(engine)
    do(engine, number, "acknowledge", comment="door")
    with engine.begin() as connection:
        connection.execute(update(alarms).values(state="cleared", cleared=NOON + timedelta(minutes=9)))

    found = alarm_lists.alarm(engine, number, NOON + timedelta(hours=1))

    assert ("cleared", "anna") == (found.standing.state, found.standing.acknowledged.who)
    assert timedelta(minutes=4) == found.standing.time_to_acknowledge


def test_an_action_on_nothing_or_with_no_words_is_refused(engine):
    for number in (12345, 10**30):
        with pytest.raises(AlarmError, match=f"There is no alarm {number}"):
            do(engine, number, "acknowledge")
    for who, comment in (("", "x"), ("an\na", "x"), ("anna", "a\0b"), ("anna", "x" * 2001), ("x" * 101, "x")):
        with pytest.raises(AlarmError):
            do(engine, enter(engine, device=f"{len(who)}-{len(comment)}"), "comment", who=who, comment=comment)


def test_lists_are_filtered_by_how_alarms_stand(engine):
    is_open, taken, over, done = (enter(engine, f"fridge-{n}", minute=n) for n in range(4))
    quiet = enter(engine, "freezer_1", minute=4, severity="critical")
    do(engine, taken, "acknowledge")
    do(engine, quiet, "shelve", until=NOON + timedelta(hours=8))
    do(engine, done, "close", comment="sensor moved")
    with engine.begin() as connection:
        cleared = update(alarms).where(alarms.c.alarm == over)
        connection.execute(cleared.values(state="cleared", cleared=NOON + timedelta(minutes=10)))

    assert [quiet, is_open] == numbers(engine, states=["open"])
    assert [taken] == numbers(engine, states=["acknowledged"])
    assert [over] == numbers(engine, states=["cleared"])
    assert [done] == numbers(engine, states=["closed"])
    assert [quiet] == numbers(engine, shelved=True)
    assert [] == numbers(engine, minute=600, shelved=True)
    assert [quiet] == numbers(engine, severities=["critical"])
    assert [done, over, taken, is_open] == numbers(engine, device="fridge-*")
    assert [] == numbers(engine, device="freezer%")
    assert [quiet] == numbers(engine, device="freezer_?")
    assert [quiet, done, taken, is_open] == numbers(engine, since=NOON + timedelta(minutes=30))
    assert [over, taken, is_open] == numbers(engine, until=NOON + timedelta(minutes=3))
    assert [quiet, taken, is_open] == numbers(engine, open_or_since=NOON + timedelta(minutes=30))
    assert [quiet, done] == numbers(engine, limit=2)
    assert [] == numbers(engine, site="elsewhere")
    assert {("warm", "freezer_1", "temperature")} == shelves(engine, NOON + timedelta(hours=1)).keys()


def test_filters_work_through_more_alarms_than_fit_in_a_piece(engine, monkeypatch):
    """A storm of alarms: those that are wanted are found behind those that are not."""
    monkeypatch.setattr(alarm_lists, "PIECE", 3)
    many = [enter(engine, f"d-{n:02}") for n in range(10)]
    for number in many[5:]:
        do(engine, number, "acknowledge")

    assert many[4::-1] == numbers(engine, states=["open"])
    assert many[8:4:-1] == [
        each.alarm["alarm"]
        for each in alarm_lists.listed(engine, Wanted(states=["acknowledged"]), NOON + timedelta(hours=1), 9, many[9])
    ]


def test_a_history_has_judgement_and_people_on_one_line_of_time(engine):
    """Its own events alone, those that late data took back too; not those of the alarm before."""
    key = {"rule": "warm", "device": "fridge-1", "metric": "temperature", "batch": 1}
    before = enter(engine, minute=-60, state="cleared", cleared=NOON - timedelta(minutes=30))
    number = enter(engine)
    with engine.begin() as connection:
        for transition, minute, withdrawn in (
            ("opened", -59, None), ("cleared", -30, None), ("opened", 0.5, 2), ("opened", 1, None), ("cleared", 9, None)
        ):  # fmt: skip
            at = NOON + timedelta(minutes=minute)
            event = {**key, "transition": transition, "time": at, "value": 9.5, "withdrawn": withdrawn}
            connection.execute(insert(alarm_events).values(event))
    do(engine, number, "acknowledge", minute=5, comment="door")

    def told(which):
        moments = alarm_lists.history(engine, alarm_lists.alarm(engine, which, NOON + timedelta(hours=1)))
        return [(moment.what, moment.who, moment.withdrawn) for moment in moments]

    assert [("opened", "", False), ("cleared", "", False)] == told(before)
    assert [("opened", "", True), ("opened", "", False), ("acknowledge", "anna", False), ("cleared", "", False)] == (
        told(number)
    )


def test_the_command_line_lists_treats_and_tells(engine, shop, monkeypatch):
    """Text of strangers is text; the exit code says whether somebody is wanted."""
    monkeypatch.setattr("barograph.settings.load_settings", lambda *_: shop.settings)
    number = str(enter(engine, device=HOSTILE, message=HOSTILE))

    def run(*words):
        result = CliRunner().invoke(make_app(), ["alarms", *words], env={"COLUMNS": "300"})
        return result.exit_code, result.output, result.exception

    assert (1, True) == (run("list")[0], HOSTILE in run("list")[1])
    assert 0 == run("ack", number, "-m", f"{HOSTILE} seen", "--by", "anna")[0]
    assert isinstance(run("ack", number, "--by", "ben")[2], AlreadyDone)
    assert 0 == run("assign", number, "--to", "cem", "--by", "anna")[0]
    assert "shelved until" in run("shelve", number, "--for", "8h", "--by", "anna")[1]
    assert 0 == run("list", "--state", "acknowledged")[0]
    (facts,) = json.loads(run("list", "--json")[1])
    assert ("acknowledged", "anna", "cem", "anna") == (
        facts["standing"], facts["acknowledged_by"], facts["assignee"], facts["shelved_by"]
    )  # fmt: skip
    told = run("history", number)[1]
    assert f"anna acknowledged: {HOSTILE} seen" in told
    assert "anna assigned to cem" in told
    assert 2 == run("list", "--state", "broken")[0]
    assert isinstance(run("show", "999999")[2], AlarmError)


def shown(settings):
    """(alarm, transition, minutes after noon) of the points that InfluxDB has."""
    rows = influxql(settings, "readings", "SELECT severity, alarm, transition FROM alarm WHERE site = 'ann'")
    return sorted((int(row["alarm"]), row["transition"], round(row["time"] / 60e6) % 1440 - 720) for row in rows)


def test_influxdb_shows_alarms_and_what_was_done_once_and_as_they_are_now(engine, shop):
    """The same again changes nothing; an onset that moved is at its new place alone; one that was withdrawn is gone."""
    settings, ledger, runs = shop.settings, Ledger(engine, "drain"), count()

    def annotated():
        batch = ledger.plan("ingest", f"run-{next(runs)}", NOON + timedelta(hours=1), [], [])
        annotate.annotate(settings, engine, ledger, batch)
        return ledger.last_step("annotate")["alarms"]

    def judged(number, **facts):
        with engine.begin() as connection:
            connection.execute(update(alarms).where(alarms.c.alarm == number).values(facts))

    first, second = enter(engine, "ann 1,=", site="ann"), enter(engine, "ann-2", minute=10, site="ann")
    nameless = enter(engine, "not printable\n", minute=11, site="ann")
    do(engine, first, "acknowledge", minute=5, comment='said "so",\nin two lines')

    assert (3, 0) == (annotated(), annotated())
    assert [(first, "acknowledge", 5), (first, "opened", 1), (second, "opened", 11)] == shown(settings)

    judged(first, started=NOON + timedelta(minutes=2), opened=NOON + timedelta(minutes=3))
    judged(second, state="withdrawn")
    judged(nameless, state="cleared", cleared=NOON + timedelta(minutes=20))
    do(engine, first, "close", minute=6, comment="over")

    assert (3, 0) == (annotated(), annotated())
    moved = [(first, "acknowledge", 5), (first, "close", 6), (first, "opened", 3)]
    assert moved == shown(settings)

    notes.remove(settings, site="ann")
    assert [] == shown(settings)
    assert 2 == annotate.rebuild(settings, engine, "ann", Window(NOON, NOON + timedelta(minutes=6)))
    assert 1 == annotate.rebuild(settings, engine, "ann", Window(NOON + timedelta(minutes=6), NOON + timedelta(days=1)))
    assert moved == shown(settings)
