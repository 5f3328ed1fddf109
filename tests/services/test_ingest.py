"""The heart of the promise: nothing lost, nothing counted twice, whatever happens between two steps."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest
from kafka.admin import KafkaAdminClient
from kafka.structs import TopicPartition
from tests.services.river import NOW, River, as_superuser, opened

from barograph.errors import BarographError, WriterBusy
from barograph.influx import load as influx_load
from barograph.ingest import drain as draining
from barograph.ingest import run as running
from barograph.ingest.run import ingest
from barograph.state import engine


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        yield own


def told(river: River):
    """Everything people can see of a river."""
    return {
        "readings": river.record("readings"),
        "rejects": river.record("rejects"),
        "points": river.points("readings"),
        "windows": river.points("windows"),
        "alarms": river.alarms(),
        "counts": river.sql("select counts, done from batches order by batch"),
    }


def a_bad_quarter_of_an_hour(river: River):
    """Warm from the fifth reading to the fifteenth; one value twice, one bad, one message of rubbish."""
    frames = [river.frame(900 - 30 * n, 12.0 if 5 <= n < 15 else 4.0 + n / 10, seq=n) for n in range(30)]
    frames[20]["values"]["humidity"] = "wet"
    return [frames[:10], frames[10:], frames[3], b"rubbish"]


def test_a_strangers_message_is_drained_windowed_loaded_and_alarmed_on(river):
    """Ten lines of kafka-python are all it takes: no key, no time, not registered."""
    device = f"{river.name}-sensor3"
    river.send({"device": device, "temperature": 21})

    [batch] = river.ingest()

    assert {"read": 1, "stored": 1, "duplicate": 0, "rejected": 0}.items() <= batch.counts.items()
    [point] = river.points("readings")
    assert (device, 21.0, river.name, "unregistered") == (point["device"], point["value"], point["site"], point["zone"])
    windows = river.points("windows")
    assert [12, {1}, {21.0}] == [len(windows), {w["count"] for w in windows}, {w["mean"] for w in windows}]


def test_the_counts_balance_and_the_alarm_is_right_to_the_second(river):
    river.send(*a_bad_quarter_of_an_hour(river))

    [batch] = river.ingest()

    assert {"read": 33, "stored": 30, "duplicate": 1, "rejected": 2}.items() <= batch.counts.items()
    assert {"not_json", "not_a_number"} == {row["reason"] for row in river.record("rejects")}
    at = [NOW - timedelta(seconds=900 - 30 * n) for n in range(30)]
    assert [(f"{river.name}-warm", river.fridge, at[5], at[7], at[15], 12.0, "cleared", False)] == river.alarms()


def test_clearing_and_running_again_changes_nothing(river):
    river.send(*a_bad_quarter_of_an_hour(river))
    river.ingest()
    before = told(river)

    river.ingest()

    assert before == told(river)


KILLS = {
    "planned": ((draining, "_checked"), 1),
    "read": ((draining, "_write"), 1),
    "between the two tables": ((draining, "_write"), 2),
    "appended": ((draining, "_count"), 1),
    "drained": ((running, "refine"), 1),
    "refined": ((running, "load"), 1),
    "loaded": ((running, "judge"), 1),
    "judged": ((running.Ledger, "note"), 1),
}
"""A run that has just done this is killed: before which call of what."""


class Killed(Exception):
    pass


@contextmanager
def killed_before(monkeypatch, place, nth=1):
    """The process ends just before a step; what it did until then stays done."""
    home, name = place
    real, calls = getattr(home, name), []

    def dying(*facts, **more):
        calls.append(name)
        if name == "note" and "done" not in more:
            return real(*facts, **more)
        if len(calls) >= nth:
            raise Killed(name)
        return real(*facts, **more)

    with monkeypatch.context() as patch:
        patch.setattr(home, name, dying)
        with pytest.raises(Killed):
            yield


@pytest.fixture(scope="module")
def never_killed(services):
    """What a river holds that nobody disturbed."""
    with opened(services.settings) as river:
        river.send(*a_bad_quarter_of_an_hour(river))
        river.ingest()
        return anonymous(told(river), river)


@pytest.mark.parametrize("before", KILLS)
def test_a_kill_between_any_two_steps_changes_nothing(river, never_killed, monkeypatch, before):
    """Each time the cleared task ends where a run that was never killed ends."""
    place, nth = KILLS[before]
    river.send(*a_bad_quarter_of_an_hour(river))
    with killed_before(monkeypatch, place, nth):
        river.ingest()

    river.ingest()

    assert never_killed == anonymous(told(river), river)


def anonymous(facts, river):
    """Two rivers differ in their names and in how Kafka shared out their messages."""
    text = str(facts).replace(river.name, "river")
    rows = [str({k: v for k, v in row.items() if k not in ("partition", "offset")}) for row in facts["readings"]]
    return (
        sorted(row.replace(river.name, "river") for row in rows),
        text[text.index("'points'") :],
    )


def test_a_killed_run_that_nobody_clears_is_completed_by_the_next(river, monkeypatch):
    """People sleep; the river does not wait for them."""
    river.send(river.frame(60, 4.0, seq=1))
    with killed_before(monkeypatch, *KILLS["appended"]):
        river.ingest("first")
    river.send(river.frame(30, 5.0, seq=2))

    river.ingest("second")

    assert [4.0, 5.0] == [point["value"] for point in river.points("readings")]
    assert [True, True] == [done for (done,) in river.sql("select done from batches order by batch")]


def test_two_copies_of_one_task_do_not_work_at_once(river):
    """Airflow can start a second copy when it loses sight of the first."""
    database = engine.connect(river.settings)
    with engine.writer_lock(database, "drain"), pytest.raises(WriterBusy, match="Another process"):
        river.ingest()


def test_a_frame_that_comes_again_later_is_stored_once(river):
    """The collector sends its last minute again after a broker restart."""
    river.send(river.frame(60, 4.0, seq=1))
    river.ingest("first")
    river.send(river.frame(60, 4.0, seq=1), river.frame(30, 5.0, seq=2))

    [batch] = river.ingest("second")

    assert {"read": 2, "stored": 1, "duplicate": 1}.items() <= batch.counts.items()
    assert [4.0, 5.0] == [point["value"] for point in river.points("readings")]


def test_late_data_corrects_an_alarm(river):
    """A reading that was under way shows that the fridge was cold in between: it is the same alarm, and began later."""
    warm = [river.frame(300 - 30 * n, 12.0, seq=n) for n in range(6) if n != 2]
    river.send(warm)
    river.ingest("first")
    assert ["open"] == [alarm[6] for alarm in river.alarms()]

    river.send(river.frame(240, 4.0, seq=2), river.frame(120, 4.0, seq=9))
    river.ingest("second")

    at = [NOW - timedelta(seconds=seconds) for seconds in (210, 150, 120)]
    assert [(*at, "cleared")] == [(*alarm[2:5], alarm[6]) for alarm in river.alarms()]
    assert [("opened", True), ("opened", False), ("cleared", False)] == river.sql(
        "select transition, withdrawn is not null from alarm_events order by time"
    )


def test_an_alarm_of_a_points_first_minutes_stands(river):
    """What was judged once is judged again from the point's beginning, and not from the middle of its alarm."""
    for number, readings in enumerate([(12.0, 12.0, 12.0, 12.0), (4.0, 4.0), (4.0, 4.0)]):
        start = 240 - 30 * (0, 4, 6)[number]
        river.send([river.frame(start - 30 * n, value, seq=10 * number + n) for n, value in enumerate(readings)])
        river.ingest(f"batch {number}")

    assert [("cleared", 12.0)] == [(alarm[6], alarm[5]) for alarm in river.alarms()]
    assert [(2, 0)] == river.sql("select count(*), count(withdrawn) from alarm_events")


def test_a_database_older_than_the_record_loses_and_doubles_nothing(river):
    """Restored from yesterday: the record tells the ledger what it has forgotten."""
    river.send(river.frame(90, 4.0, seq=1))
    river.ingest("first")
    river.send(river.frame(60, 5.0, seq=2))
    river.ingest("second")
    forget = (
        "delete from fold_states where batch > (select min(batch) from batches);"
        "delete from batches where batch > (select min(batch) from batches);"
        "select setval('batch_ids', (select max(batch) from batches))"
    )
    with engine.connect(river.settings).begin() as connection:
        connection.exec_driver_sql(forget)
    river.send(river.frame(30, 6.0, seq=3))

    river.ingest("third")

    assert [4.0, 5.0, 6.0] == [point["value"] for point in river.points("readings")]
    assert 3 == len(river.record())
    assert [False, True, False] == [adopted for (adopted,) in river.sql("select adopted from batches order by batch")]


def test_what_kafka_lost_is_a_gap_and_an_alarm(river):
    """Retention shorter than an outage: said aloud, and the rest goes on."""
    river.send(*[river.frame(300 - n, 4.0, seq=n) for n in range(20)])
    topic = river.settings.kafka.topics[0]
    admin = KafkaAdminClient(bootstrap_servers=river.settings.brokers)
    river.ingest("first")
    river.send(*[river.frame(200 - n, 5.0, seq=100 + n) for n in range(20)])
    ends = {log.partition: log.end for log in draining.kafka.offsets(river.settings, [topic])}
    admin.delete_records({TopicPartition(topic, partition): end for partition, end in ends.items() if end})
    admin.close()
    river.send(river.frame(30, 6.0, seq=999))

    river.ingest("second")

    assert 6.0 in [point["value"] for point in river.points("readings")]
    lost = sum(gap["end"] - gap["start"] for (gaps,) in river.sql("select gaps from batches") for gap in gaps)
    assert 20 == lost
    assert {"kafka-gap"} == {alarm[0] for alarm in river.alarms()}


def test_an_influxdb_that_is_away_fails_the_task_and_loses_nothing(river):
    """The record has the readings; clearing the task loads them."""
    nowhere = {"url": "http://127.0.0.1:9", "patience": 1, "timeout": 1}
    away = river.settings.model_copy(update={"influx": river.settings.influx.model_copy(update=nowhere)})
    river.send(river.frame(30, 4.0, seq=1))
    with pytest.raises(BarographError, match="InfluxDB did not take"):
        ingest(away, "ingest", "run", NOW)

    river.ingest("run")

    assert [4.0] == [point["value"] for point in river.points("readings")]


def test_a_line_that_influxdb_refuses_costs_itself_alone(river):
    """Somebody wrote the field `value` as text; the server's answer waits in the dead letters."""
    import urllib.request

    bad, good = f"{river.name}m", "temperature"
    text_first = f'{bad},device={river.fridge},site={river.name},zone=wall value="text" {int(NOW.timestamp())}'
    request = urllib.request.Request(
        f"{river.settings.influx_url}/api/v2/write?org=barograph&bucket=readings&precision=s",
        data=text_first.encode(),
        headers={"Authorization": f"Token {river.settings.secret('influx_loader')}"},
    )
    urllib.request.urlopen(request, timeout=10).close()
    before = influx_load.refused(river.settings)
    river.send(river.frame(30, 4.0, seq=1, values={good: 4.0, bad: 1.0}))

    river.ingest()

    assert [4.0] == [point["value"] for point in river.points("readings", good)]
    assert 1 == influx_load.refused(river.settings) - before


def test_history_is_judged_and_nobody_is_woken(river):
    """Seven days of a new shop's past may hold alarms; none of them is news."""
    old = [river.frame(3 * 86_400 - 30 * n, 12.0, seq=n, historical=True) for n in range(10)]
    river.send(old)

    [batch] = river.ingest()

    assert [("open", True)] == [(alarm[6], alarm[7]) for alarm in river.alarms()]
    assert [] == river.points("readings"), "days ago is left to `daily`"
    assert 10 == batch.counts["stored"]


def test_a_long_backlog_is_read_in_batches_of_the_asked_size(river):
    river.send(*[river.frame(600 - n, 4.0, seq=n) for n in range(30)])

    counts = [river.ingest(f"run {n}", max_messages=12)[0].counts["stored"] for n in range(3)]

    assert 30 == sum(counts)
    assert max(counts) <= 12


def test_superuser_rights_stay_with_the_superuser(servers):
    """The role of the pipeline owns its database, and nothing else."""
    with as_superuser(servers.settings) as connection:
        from sqlalchemy import text

        roles = dict(connection.execute(text("select rolname, rolsuper from pg_roles")).all())

    assert roles["postgres"] is True
    assert roles["barograph"] is False
