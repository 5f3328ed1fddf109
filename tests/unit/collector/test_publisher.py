import json

import pytest
from tests.unit.collector.fakes import Broker, eventually

from barograph.collector.publisher import Publisher, Topics, message, packed
from barograph.collector.spool import Entry, Spool
from barograph.windows import utc

NOON = utc("2026-11-22T12:00:00Z")
TOPICS = Topics("readings", "rejects")


def frame(number: int, device: str = "fridge", size: int = 0) -> Entry:
    content = {"device": device, "boot": "b", "seq": number, "raw": "." * size}
    return Entry("readings", json.dumps(content).encode(), device)


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool.db", quota=10_000_000, keep_acked=60.0)


@pytest.fixture
def publisher(spool, broker):
    made = Publisher(spool, broker.connect, TOPICS, back_off=(0.02, 0.05))
    yield made
    if made.alive:
        made.stop(0.0)
        eventually(lambda: not made.alive)


def seqs(broker, device="fridge"):
    return [frame["seq"] for frame in broker.frames() if frame["device"] == device]


def test_idle_frames_travel_alone(spool, broker, publisher):
    """Other consumers of the topic see what they expect, and nothing waits to be packed."""
    publisher.start()
    spool.append([frame(1), frame(2)], NOON)
    publisher.wake()

    assert eventually(lambda: len(broker.log) == 2)
    assert json.loads(broker.log[0].value) == {"device": "fridge", "boot": "b", "seq": 1, "raw": ""}
    assert broker.log[0].key == "fridge"


def test_a_backlog_is_packed_by_device_in_order(spool, broker, publisher):
    """An hour's outage goes out in seconds, and each device keeps its order."""
    spool.append([frame(n, f"fridge-{n % 2}") for n in range(1200)], NOON)
    publisher.start()

    assert eventually(lambda: len(broker.frames()) == 1200)
    assert list(range(0, 1200, 2)) == seqs(broker, "fridge-0")
    assert [len(json.loads(each.value)) for each in broker.log] == [500, 500, 100, 100]


def test_a_pack_stays_below_what_a_broker_takes():
    """500 frames with a long raw line each would be more than a megabyte."""
    packs = packed([frame(n, size=10_000) for n in range(500)], "readings")

    assert max(len(message(pack).value) for pack in packs) < 600_000
    assert sum(len(pack) for pack in packs) == 500


def test_an_outage_loses_nothing_and_counts_nothing_twice(spool, broker, publisher):
    """The promise of the spool: by identity each frame is there once, whatever the broker did meanwhile."""
    publisher.start()
    spool.append([frame(1)], NOON)
    publisher.wake()
    assert eventually(lambda: seqs(broker) == [1])

    broker.up = False
    spool.append([frame(n) for n in range(2, 100)], NOON)
    publisher.wake()
    assert eventually(lambda: publisher.up is False)
    assert spool.depth > 0

    broker.up = True
    assert eventually(lambda: spool.depth == 0)
    assert {("fridge", "b", n) for n in range(1, 100)} == broker.identities()


def test_a_broker_that_came_back_gets_the_last_minute_again(spool, broker, publisher):
    """Its acknowledgements were page cache: the first frame may be gone, although it was acknowledged."""
    publisher.start()
    spool.append([frame(1)], NOON)
    publisher.wake()
    assert eventually(lambda: spool.depth == 0 and seqs(broker) == [1])

    broker.log.clear()
    broker.losses += 1

    assert eventually(lambda: seqs(broker) == [1])


def test_what_was_not_acknowledged_is_sent_again(spool, broker, publisher):
    """Half a round may arrive; the other half must not be forgotten."""
    broker.acknowledge = lambda number: number % 2 == 0
    spool.append([frame(n) for n in range(10)], NOON)
    publisher.start()
    assert eventually(lambda: publisher.up is False)

    broker.acknowledge = lambda _: True

    assert eventually(lambda: spool.depth == 0)
    assert {("fridge", "b", n) for n in range(10)} == broker.identities()


def test_a_frame_that_no_broker_takes_becomes_a_reject_and_the_others_go_on(spool, broker, publisher):
    """One poison entry at the head of the spool would otherwise hold back everything behind it."""
    broker.largest = 2_000
    spool.append([frame(1), frame(2, size=3_000), *[frame(n) for n in range(3, 100)]], NOON)
    publisher.start()

    assert eventually(lambda: spool.depth == 0)
    assert {("fridge", "b", n) for n in range(1, 100) if n != 2} == broker.identities()


def test_a_loss_is_published_as_a_reject_once(tmp_path, broker):
    """Whoever looks at the record later finds the reason of the gap in it."""
    spool = Spool(tmp_path / "full.db", quota=2_000, keep_acked=0.0)
    with pytest.raises(Exception, match="did not fit"):
        spool.append([frame(n, size=500) for n in range(5)], NOON)
    publisher = Publisher(spool, broker.connect, TOPICS)
    publisher.start()

    assert eventually(broker.rejects)
    (told,) = broker.rejects()
    assert told["reason"] == "spool_full"
    assert "2 frames and rejects were lost between 2026-11-22T12:00:00" in told["detail"]
    publisher.stop(1.0)


def test_stop_flushes(spool, broker, publisher):
    """A supervisor that restarts us must not delay what is already read."""
    spool.append([frame(n) for n in range(100)], NOON)
    publisher.start()

    assert publisher.stop(5.0)
    assert len(broker.frames()) == 100


def test_stop_does_not_wait_for_a_broker_that_is_down_for_longer_than_it_may(spool, broker, publisher):
    """What was not sent stays on disk for the next start."""
    broker.up = False
    spool.append([frame(1)], NOON)
    publisher.start()

    assert not publisher.stop(0.3)
    assert spool.depth == 1
