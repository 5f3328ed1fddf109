"""A broker's machine loses power: its acknowledgements were page cache, and its log ends where its disk ended."""

from __future__ import annotations

import json
from functools import partial

from kafka import KafkaConsumer, TopicPartition
from tests.services.test_collector import OwnKafka
from tests.unit.collector.fakes import eventually

from barograph import kafka
from barograph.collector.publisher import Publisher, Topics
from barograph.collector.spool import Entry, Spool
from barograph.settings import KafkaSettings, Settings
from barograph.windows import utc

NOON = utc("2026-11-22T12:00:00Z")
DEVICES = 6


def frames(numbers: range) -> list[Entry]:
    return [Entry("readings", b'{"device":"d%d","seq":%d}' % (n % DEVICES, n), f"d{n % DEVICES}") for n in numbers]


def in_kafka(settings: Settings) -> list[dict[str, object]]:
    """All that a reader of the topic sees, partition by partition in its order."""
    ends = {place.partition: place.end for place in kafka.offsets(settings, ["readings"])}
    consumer = KafkaConsumer(bootstrap_servers=settings.brokers, consumer_timeout_ms=10_000)
    consumer.assign([TopicPartition("readings", partition) for partition in ends])
    consumer.seek_to_beginning()
    contents = [json.loads(next(consumer).value) for _ in range(sum(ends.values()))]
    consumer.close()
    return [frame for each in contents for frame in (each if isinstance(each, list) else [each])]


def test_a_log_that_was_cut_back_gets_what_it_lost_again_and_identity_removes_the_doubles(tmp_path):
    """Acknowledged, and gone all the same: the last minute is sent again, and each frame is there once by identity."""
    folder = tmp_path / "kafka"
    folder.mkdir()
    broker = OwnKafka(folder)
    settings = Settings(home=tmp_path, kafka=KafkaSettings(brokers=f"127.0.0.1:{broker.port}"))
    spool = Spool(tmp_path / "spool.db", quota=10_000_000, keep_acked=60.0)
    publisher = Publisher(spool, partial(kafka.Producer, settings), Topics("readings", "rejects"))
    try:
        kafka.create_topics(settings)
        publisher.start()
        for begin in range(0, 600, 100):
            spool.append(frames(range(begin, begin + 100)), NOON)
            publisher.wake()
            assert eventually(lambda: spool.depth == 0, within=20)
        assert sorted(frame["seq"] for frame in in_kafka(settings)) == [*range(600)]

        broker.kill()
        for log in (folder / "data").glob("readings-*/*.log"):
            log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
        spool.append(frames(range(600, 700)), NOON)
        broker.start()

        assert eventually(lambda: publisher.published >= 1_300 and spool.depth == 0, within=60)
        found = in_kafka(settings)
    finally:
        publisher.stop(1.0)
        broker.kill()
        spool.close()

    assert len(found) < 600 + 700, "the cut took something away"
    assert sorted({frame["seq"] for frame in found}) == [*range(700)]
    for device in range(DEVICES):
        seqs = [frame["seq"] for frame in found if frame["device"] == f"d{device}"]
        again = seqs[seqs.index(device, 1) :] if device in seqs[1:] else seqs
        assert [*range(device, 700, DEVICES)] == again, "the copies come in their order, and new frames after them"
