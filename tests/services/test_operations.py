"""What the pipeline says of itself, from a port and a run of ingest into the bucket `operations`."""

from __future__ import annotations

import threading
import time

import pytest
import structlog
from tests.services.river import NOW, SITE, River, influxql, opened
from tests.unit.collector.fakes import eventually
from tests.unit.collector.ptys import Board

from barograph import collector, kafka, progress
from barograph import spark as edge
from barograph.collector import reporting, service
from barograph.ingest.run import ingest

PORT = "ports: [{{port: wall, url: run/ports/wall, format: board}}]\n"
BOARD = "kind: json\ndevice: id\ntime: {field: ts, unit: seconds}\nvalues: data.*\n"


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        yield own


@pytest.fixture
def beside(river, tmp_path, monkeypatch):
    """Settings of a collector with a data folder of its own, and its board."""
    monkeypatch.setattr(reporting, "STATUS_EVERY", 0.1)
    monkeypatch.setattr(reporting, "FIGURES_EVERY", 0.5)
    settings = river.settings.model_copy(
        update={
            "home": tmp_path,
            "secrets": river.settings.secrets_folder,
            "collector": river.settings.collector.model_copy(update={"name": river.name, "metrics_port": 0}),
        }
    )
    folder = settings.sites_folder / river.name
    (folder / "formats").mkdir()
    (folder / "formats" / "board.yaml").write_text(BOARD)
    (folder / "site.yaml").write_text((SITE + PORT).format(name=river.name))
    return settings, Board(tmp_path / "run/ports/wall")


def test_a_long_query_is_logged_as_it_goes(services, monkeypatch):
    """Spark says how many tasks it has planned and done; nobody should wonder whether it hangs."""
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with structlog.testing.capture_logs() as said, edge.session(services.settings) as spark:
        with edge.watched(spark, "settle", day="2026-11-22"):
            spark.range(0, 400_000_000, 1, 40).selectExpr("sum(hash(id))").collect()
        spark.range(10).count()

    lines = [line for line in said if line["event"] == "progress"]
    assert lines
    assert {("settle", "2026-11-22")} == {(line["step"], line["day"]) for line in lines}
    assert 40 <= max(line["of"] for line in lines)


def told(river: River, measurement: str) -> list[dict]:
    wanted = f"SELECT * FROM \"{measurement}\" WHERE collector = '{river.name}' ORDER BY time"
    return influxql(river.settings, "operations", wanted)


def test_figures_events_and_steps_are_in_the_bucket_once_however_often_a_run_is_cleared(river, beside):
    """A port that was lost at night, and how long the batch took, can be asked for next week."""
    settings, board = beside
    stop = threading.Event()
    running = threading.Thread(target=service.collect, args=(settings, stop))
    running.start()
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["wall"].connected)
    now = int(time.time())
    frame = '{"id":"%s","ts":%d,"data":{"temperature":4.5}}\n'
    board.say((frame % (river.fridge, now) + frame % (river.fridge, now - 10**8) + "rubbish\n").encode())
    assert eventually(lambda: (found := collector.status(settings)).published == 3 and found.latency_p50)
    board.unplug()
    assert eventually(lambda: collector.status(settings).events["port_lost"])
    stop.set()
    running.join(20)

    for _ in range(2):
        ingest(river.settings, river.name, "run", NOW)

    events = told(river, "events")
    assert {"collector_started", "broker_connected", "port_opened", "port_lost", "collector_stopping"} <= {
        event["event"] for event in events
    }
    [lost] = [event for event in events if event["event"] == "port_lost"]
    assert ("wall", "warning") == (lost["port"], lost["level"])
    assert 2 == max(point["frames"] for point in told(river, "ports"))
    assert {"not_json"} == {point["reason"] for point in told(river, "rejects")}
    assert {river.fridge} == {point["device"] for point in told(river, "devices")}
    assert -(10**8) == round(min(point["skew"] for point in told(river, "devices")), -2)
    steps = influxql(river.settings, "operations", f"SELECT * FROM steps WHERE dag = '{river.name}'")
    assert {"drain": 3, "refine": None, "load": None, "judge": None} == {step["step"]: step["read"] for step in steps}
    assert 4 == len(steps)
    # The clock that was three years behind did not file its reading there.
    skews = sorted((row["skew"] is not None, row["time"].timestamp() > now - 100) for row in river.record())
    assert [(False, True), (True, True)] == skews


def test_what_waits_is_brought_in_later_and_no_batch_fails_for_it(river):
    """InfluxDB, or the topic, may be away: readings are safe before this step begins."""
    river.send(river.frame(60, 4.0, seq=1))
    elsewhere = river.settings.model_copy(
        update={"kafka": river.settings.kafka.model_copy(update={"operations": f"{river.name}-nowhere"})}
    )

    [summary] = ingest(elsewhere, "ingest", "run-1", NOW)

    assert 1 == summary.counts["stored"]
    assert [(True, False)] == river.sql("select done, steps ? 'operations' from batches")
    producer = kafka.Producer(river.settings)
    point = '{"time":"%s","measurement":"ports","tags":{"collector":"%s"},"fields":{"frames":%d}}'
    at = NOW.isoformat()
    producer.deliver(
        [
            kafka.Message(river.settings.kafka.operations, content.encode())
            for content in (point % (at, river.name, 7), "rubbish", point % (at, "a\\\\", 8))
        ]
    )
    producer.close()
    river.ingest("run-2")

    assert [7] == [found["frames"] for found in told(river, "ports")]
    [(facts,)] = river.sql("select steps->'operations' from batches order by batch desc limit 1")
    assert (3, 1, 2, {"0": 3}) == (facts["messages"], facts["points"], facts["refused"], facts["positions"])
