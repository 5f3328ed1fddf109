"""What a wrong format refused comes back when the format is right: once, with its time, and in every sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from kafka import KafkaProducer
from tests.services.river import NOW, River, opened

from barograph.collector.formats import read_format
from barograph.collector.line import Line, Numbers
from barograph.collector.publisher import Topics
from barograph.maintenance.verify import sound, verify
from barograph.registry import choose_site, read_site
from barograph.rejects import replay as replaying
from barograph.rejects.replay import replay
from barograph.rejects.shelf import Choice, rejects, with_bytes
from barograph.settle import settle
from barograph.state import engine

WRONG = "kind: delimited\nseparator: ';'\ncolumns: [{metric: temperature}, {metric: humidity}]\n"
RIGHT = WRONG.replace("';'", "'|'")
LINES = (b"4.5|60\n", b"4.7|61\n", b"?!\n")


@pytest.fixture
def river(services) -> Iterator[River]:
    with opened(services.settings) as own:
        with (folder(own) / "site.yaml").open("a") as site:
            site.write(f"ports:\n  - {{port: wall, url: run/ports/wall, format: wall, device: {own.fridge}}}\n")
        (folder(own) / "formats").mkdir()
        declare(own, WRONG)
        yield own


def folder(river: River):
    return river.settings.sites_folder / river.name


def declare(river: River, format_: str) -> None:
    (folder(river) / "formats" / "wall.yaml").write_text(format_)


def hear(river: River, at: datetime, lines: Sequence[bytes] = LINES) -> None:
    """The collector reads the lines as its format has them, and sends what comes of it, the first of them twice."""
    kafka = river.settings.kafka
    topics = Topics(kafka.topics[0], kafka.rejects)
    [port] = read_site(folder(river)).ports
    line = Line(port, read_format(folder(river), "wall"), "boot", topics, Numbers(frozenset({river.fridge})))
    line.take(b"half a line\n", at - timedelta(seconds=30))
    entries = [each for n, raw in enumerate(lines) for each in line.take(raw, at + timedelta(seconds=30 * n))]
    producer = KafkaProducer(bootstrap_servers=river.settings.brokers)
    for entry in (*entries, entries[0]):
        headers = [(name, text.encode()) for name, text in entry.headers]
        producer.send(entry.topic, entry.payload, headers=headers).get(timeout=30)
    producer.close()


def sums(river: River) -> dict[str, int]:
    [row] = river.sql(
        "select sum((counts->>'read')::int), sum((counts->>'stored')::int), sum((counts->>'duplicate')::int),"
        " sum((counts->>'rejected')::int), coalesce(sum((counts->>'replayed')::int), 0) from batches"
    )
    return dict(zip(("read", "stored", "duplicate", "rejected", "replayed"), row, strict=True))


def test_a_mended_format_brings_in_what_the_wrong_one_refused_exactly_once(river):
    """Four rejects, one of them a copy and one of them noise: two frames of two values come back."""
    site = choose_site(river.settings.sites_folder, None)
    hear(river, NOW - timedelta(minutes=10))
    river.ingest()
    assert {"stored": 0, "rejected": 4}.items() <= sums(river).items()
    came = rejects(river.archive, Choice())[0].row["published"]
    day = came.astimezone(ZoneInfo(site.timezone)).date()
    assert 4 == settle(river.settings, site, day).counts["rejected"]
    declare(river, RIGHT)

    [done] = replay(river.settings, Choice(port="wall"), "first", NOW + timedelta(minutes=1))
    [again] = replay(river.settings, Choice(port="wall"), "second", NOW + timedelta(minutes=2))

    assert {"read": 6, "stored": 4, "duplicate": 2, "rejected": 0, "replayed": 3}.items() <= done.counts.items()
    assert {"read": 0, "stored": 0, "duplicate": 0, "replayed": 0}.items() <= again.counts.items()
    assert {"read": 10, "stored": 4, "duplicate": 2, "rejected": 4, "replayed": 3} == sums(river)
    points = [(point["time"], point["value"]) for point in river.points("readings")]
    assert [4.5, 4.7] == [value for _, value in points]
    assert 29_900_000 < points[1][0] - points[0][0] < 30_100_000, "as they were heard, not as they were replayed"
    [still] = with_bytes(river.archive, rejects(river.archive, Choice()))
    assert b"?!" in bytes(still.row["raw"])
    assert 1 == settle(river.settings, site, day).counts["rejected"]
    assert sound(verify(river.settings))


WARM = (b"4.5|60\n", b"9.0|60\n", b"9.1|60\n", b"9.2|60\n", b"4.1|60\n")
EVENTS = "select transition, time, batch, withdrawn, details->>'replayed' from alarm_events order by time"


def test_what_was_replayed_is_judged_as_late_data_exactly_once(river):
    """It was too warm for a minute while the format was wrong: an alarm that nobody is woken for, and once."""
    hear(river, NOW - timedelta(minutes=10), WARM)
    river.ingest("wrong")
    declare(river, RIGHT)
    [done] = replay(river.settings, Choice(port="wall"), "first", NOW + timedelta(minutes=1))
    assert [] == river.alarms()

    [batch] = river.ingest("next")

    assert {"replays": 1, "opened": 1, "cleared": 1}.items() <= batch.steps["judge"].items()
    [(rule, *_, value, state, historical)] = river.alarms()
    assert (f"{river.name}-warm", 9.2, "cleared", True) == (rule, value, state, historical)
    told = river.sql(EVENTS)
    assert [(batch.batch, None, f"replayed rejects of batch {done.batch}")] * 2 == [tuple(row[2:]) for row in told]
    for run in ("next", "later", "next"):
        river.ingest(run)
    assert told == river.sql(EVENTS)
    assert 1 == len(river.alarms())


def test_a_replay_takes_back_an_alarm_and_says_so(river):
    """The reading between the two warm ones was refused; it was cold, and there was no alarm."""
    at = NOW - timedelta(minutes=10)
    river.send(*(frame(river, at, seconds, 9.0) for seconds in (0, 60)))
    hear(river, at + timedelta(seconds=30), [b"4.1|60\n"])
    river.ingest("wrong")
    assert ["open"] == [state for *_, state, _ in river.alarms()]
    declare(river, RIGHT)
    [done] = replay(river.settings, Choice(port="wall"), "first", NOW + timedelta(minutes=1))

    river.ingest("next")

    assert ["withdrawn"] == [state for *_, state, _ in river.alarms()]
    [(why,)] = river.sql("select details->>'withdrawn' from alarm_events")
    assert f"replayed rejects of batch {done.batch}" == why


def frame(river: River, at: datetime, seconds: int, value: float):
    return river.frame((NOW - at).total_seconds() - seconds, value, seq=seconds)


class Killed(Exception):
    pass


@contextmanager
def killed_before(monkeypatch, name):
    def dying(*_, **__):
        raise Killed(name)

    with monkeypatch.context() as patch:
        patch.setattr(replaying, name, dying)
        with pytest.raises(Killed):
            yield


@pytest.mark.parametrize("name", ["reach_of", "load"])
def test_a_replay_that_was_killed_is_completed_by_the_next(river, monkeypatch, name):
    """After the record has it, and before InfluxDB has: nothing is lost, and nothing twice."""
    hear(river, NOW - timedelta(minutes=10))
    river.ingest()
    declare(river, RIGHT)
    with killed_before(monkeypatch, name):
        replay(river.settings, Choice(port="wall"), "killed", NOW + timedelta(minutes=1))

    done = replay(river.settings, Choice(port="wall"), "next", NOW + timedelta(minutes=2))

    assert {"stored": 4, "duplicate": 2, "replayed": 3}.items() <= done[0].counts.items()
    assert {"stored": 4, "replayed": 3}.items() <= sums(river).items()
    assert [4.5, 4.7] == [point["value"] for point in river.points("readings")]
    assert sound(verify(river.settings))


def test_a_message_that_the_parser_refused_comes_back_under_another_setting(river):
    """A clock that is two days ahead: refused, until somebody allows it. A single bad value stays as it is."""
    ahead = (NOW + timedelta(days=2)).isoformat()
    river.send(
        river.frame(0, 4.0, seq=1, time=ahead),
        [river.frame(60, 5.0, seq=2), river.frame(30, 6.0, seq=3, values={"temperature": 6.0, "humidity": "wet"})],
    )
    river.ingest()
    assert {"clock_ahead", "not_a_number"} == {each.reason for each in rejects(river.archive, Choice())}
    further = river.settings.ingest.model_copy(update={"max_ahead": 7 * 86_400.0})
    settings = river.settings.model_copy(update={"ingest": further})

    [done] = replay(settings, Choice(stage="drain"), "first", NOW + timedelta(minutes=1))

    assert {"read": 1, "stored": 1, "rejected": 0, "replayed": 1}.items() <= done.counts.items()
    assert {"not_a_number": 1} == done.still
    assert ["not_a_number"] == [each.reason for each in rejects(river.archive, Choice())]
    assert [4.0, 5.0, 6.0] == sorted(row["value"] for row in river.record())
    assert sound(verify(river.settings))


def test_a_database_older_than_the_record_gets_its_replays_back(river):
    """Restored from yesterday: no number is given out twice, and all of it balances again."""
    hear(river, NOW - timedelta(minutes=10))
    river.ingest()
    declare(river, RIGHT)
    replay(river.settings, Choice(port="wall"), "first", NOW + timedelta(minutes=1))
    before = sums(river)
    with engine.connect(river.settings).begin() as connection:
        connection.exec_driver_sql(
            "delete from batches where writer like 'replay:%%';"
            "select setval('batch_ids', (select max(batch) from batches))"
        )
    assert not sound(verify(river.settings))

    river.send(river.frame(30, 9.0, seq=77))
    [later] = river.ingest("later")
    replay(river.settings, Choice(reason="nothing"), "second", NOW + timedelta(minutes=2))

    assert {"read": 1, "stored": 1}.items() <= later.counts.items()
    assert {**before, "read": before["read"] + 1, "stored": before["stored"] + 1} == sums(river)
    assert sound(verify(river.settings))
