"""The ledger attacked: whatever is done to Kafka, the database or the order of runs, nothing is skipped in silence."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewPartitions
from kafka.structs import TopicPartition
from tests.services.river import NOW, River, opened
from tests.services.test_ingest import a_bad_quarter_of_an_hour, anonymous, killed_before, told

from barograph import kafka
from barograph.archive import Archive
from barograph.errors import BarographError
from barograph.ingest import drain as draining
from barograph.ingest.run import ingest
from barograph.state import engine


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        yield own


@contextmanager
def administration(river: River) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(bootstrap_servers=river.settings.brokers)
    try:
        yield admin
    finally:
        admin.close()


def values(river: River) -> list[float]:
    return [point["value"] for point in river.points("readings")]


def gaps(river: River) -> list[dict[str, object]]:
    return [gap for (found,) in river.sql("select gaps from batches order by batch") for gap in found]


def execute(river: River, statement: str) -> None:
    with engine.connect(river.settings).begin() as connection:
        connection.exec_driver_sql(statement)


def test_a_topic_made_anew_is_read_from_its_beginning_and_said(river):
    """Its offsets count from zero again: what was read stays, what comes is read, and the break is in the ledger."""
    topic = river.settings.kafka.topics[0]
    river.send(river.frame(90, 4.0, seq=1), river.frame(60, 5.0, seq=2))
    river.ingest("first")
    with administration(river) as admin:
        admin.delete_topics([topic])
    kafka.create_topics(river.settings)
    river.send(river.frame(30, 6.0, seq=3))

    river.ingest("second")

    assert [4.0, 5.0, 6.0] == values(river)
    assert {"the topic was made anew"} == {gap["why"] for gap in gaps(river)}
    assert {"kafka-gap"} == {alarm[0] for alarm in river.alarms()}


def test_added_partitions_are_read_from_their_beginning(river):
    topic = river.settings.kafka.topics[0]
    river.send(river.frame(90, 4.0, seq=1))
    river.ingest("first")
    with administration(river) as admin:
        admin.create_partitions({topic: NewPartitions(4)})
    producer = KafkaProducer(bootstrap_servers=river.settings.brokers)
    added = b'{"device":"%s","seq":2,"boot":"b","time":"%s","values":{"temperature":5.0}}' % (
        river.fridge.encode(),
        NOW.isoformat().encode(),
    )
    producer.send(topic, added, partition=3).get(timeout=30)
    producer.close()

    river.ingest("second")

    assert [4.0, 5.0] == values(river)
    assert [] == gaps(river)


def test_offsets_without_a_message_are_said_and_stop_nothing(river):
    """Transactions leave marks where no message is; so does compaction. Nobody has to guess whether it was a loss."""
    topic = river.settings.kafka.topics[0]
    producer = KafkaProducer(bootstrap_servers=river.settings.brokers, transactional_id=river.name)
    producer.init_transactions()
    for seq in (1, 2):
        producer.begin_transaction()
        said = b'{"device":"%s","seq":%d,"boot":"b","time":"%s","values":{"temperature":4}}'
        producer.send(topic, said % (river.fridge.encode(), seq, NOW.isoformat().encode()), partition=0)
        producer.commit_transaction()
    producer.close()

    [batch] = river.ingest()

    assert {"read": 2, "stored": 2}.items() <= batch.counts.items()
    assert ["2 offsets held no message"] == [str(gap["why"]).partition(":")[0] for gap in gaps(river)]


def test_a_cleared_old_run_redoes_its_own_batch_while_a_new_one_is_due(river):
    """Clearing last hour's run must not take what belongs to the next one, nor judge with yesterday's eyes."""
    river.send(river.frame(90, 12.0, seq=1))
    river.ingest("first")
    river.send(river.frame(60, 12.0, seq=2), river.frame(0, 12.0, seq=3))
    river.ingest("second")
    before = told(river)
    river.send(river.frame(-30, 4.0, seq=4))

    [again] = river.ingest("first")

    assert 1 == again.counts["read"]
    assert before == told(river)
    [new] = river.ingest("third")
    assert 1 == new.counts["read"]
    assert 4.0 == values(river)[-1]


def test_batch_ids_never_go_back(river):
    """Delta skips an append whose number is not above the last one, without a word: no such number is given out."""
    for seq in (1, 2):
        river.send(river.frame(90 - 10 * seq, float(seq), seq=seq))
        river.ingest(f"run {seq}")
    execute(river, "select setval('batch_ids', 1)")
    river.send(river.frame(0, 9.0, seq=9))

    river.ingest("after")

    assert [1.0, 2.0, 9.0] == values(river)
    assert [(3,)] == river.sql("select count(distinct batch) from batches")


def test_a_lost_database_is_made_again_from_the_rows(river, monkeypatch):
    """Older than Delta's log, which is kept two days: the rows themselves still tell which offsets they came from."""
    for seq in (1, 2):
        river.send(river.frame(90 - 10 * seq, float(seq), seq=seq), b"rubbish")
        river.ingest(f"run {seq}")
    execute(river, "truncate fold_states, batches")
    monkeypatch.setattr(Archive, "commits", lambda *_: [])
    river.send(river.frame(0, 9.0, seq=9))

    [*adopted, new] = river.ingest("after")

    assert [2, 2] == [batch.counts["read"] for batch in adopted]
    assert {"read": 1, "stored": 1}.items() <= new.counts.items(), "nothing is read again"
    assert [1.0, 2.0, 9.0] == values(river)
    assert [] == gaps(river)


def test_what_kafka_forgets_between_two_appends_is_a_gap_and_no_dead_end(river, monkeypatch):
    """The readings of a batch are in the record, its rejects are not yet, and then retention strikes."""
    topic = river.settings.kafka.topics[0]
    river.send(river.frame(60, 4.0, seq=1), b"rubbish")
    with killed_before(monkeypatch, (draining, "_write"), nth=2):
        river.ingest("first")
    ends = {log.partition: log.end for log in kafka.offsets(river.settings, [topic])}
    with administration(river) as admin:
        admin.delete_records({TopicPartition(topic, partition): end for partition, end in ends.items() if end})

    [batch] = river.ingest("first")

    assert {"read": 1, "stored": 1, "rejected": 0}.items() <= batch.counts.items()
    assert [4.0] == values(river)
    assert 2 == sum(gap["end"] - gap["start"] for gap in gaps(river))


@contextmanager
def cut_after(url: str, writes: int, *, forward_last: bool) -> Iterator[str]:
    """An InfluxDB that takes so many requests and then answers no more; it may have taken the last one all the same."""
    seen = 0
    lock = threading.Lock()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal seen
            with lock:
                seen += 1
                number = seen
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if number <= writes or (forward_last and number == writes + 1):
                request = urllib.request.Request(url + self.path, data=body, headers=dict(self.headers))
                try:
                    with urllib.request.urlopen(request, timeout=30) as reply:
                        status = reply.status
                except urllib.error.HTTPError as error:
                    status = error.code
            if number > writes:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_kill_after_each_request_to_influxdb_changes_nothing(services):
    """Cleared again and again, it gets one request further each time; of every other one nobody knows what became."""
    with opened(services.settings) as river:
        river.send(*a_bad_quarter_of_an_hour(river))
        river.ingest()
        expected = anonymous(told(river), river)

    with opened(services.settings) as river:
        river.send(*a_bad_quarter_of_an_hour(river))
        small = {"patience": 0.1, "timeout": 5, "lines_per_request": 10}
        kills, shown = 0, []
        while not shown or not finished(river):
            with cut_after(river.settings.influx_url, kills, forward_last=kills % 2 == 0) as door:
                own = river.settings.influx.model_copy(update={**small, "url": door})
                with suppress(BarographError):
                    ingest(river.settings.model_copy(update={"influx": own}), "ingest", "run", NOW)
            shown.append(len(river.points("readings")) + len(river.points("windows")))
            kills += 1

        river.ingest()
        assert kills > 6
        assert shown == sorted(shown)
        assert shown[0] < shown[3] < shown[-1]
        assert expected == anonymous(told(river), river)


def finished(river):
    return [(True,)] == river.sql("select done from batches")
