import json
import threading
import time

import pytest
from tests.unit.collector.fakes import Broker, eventually

from barograph.collector.packs import packed
from barograph.collector.publisher import Budget, Publisher, Topics, bundled
from barograph.collector.spool import Entry, Spool
from barograph.errors import SettingsError
from barograph.kafka import Delivery
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
    for n in range(0, 1200, 4):
        spool.append([frame(n + m, f"fridge-{m % 2}") for m in range(4)], NOON)
    publisher.start()

    assert eventually(lambda: len(broker.frames()) == 1200)
    assert list(range(0, 1200, 2)) == seqs(broker, "fridge-0")
    assert [500, 500, 100, 100] == [len(json.loads(each.value)) for each in broker.log]


def test_a_round_has_one_message_of_a_device(spool, broker, publisher):
    """Of two on their way the second could arrive without the first, and then before it."""
    rounds = []
    deliver = broker.deliver
    broker.deliver = lambda messages: rounds.append([each.key for each in messages]) or deliver(messages)
    for n in range(0, 3000, 100):
        spool.append([frame(n + m, f"fridge-{m % 3}") for m in range(100)], NOON)
    publisher.start()

    assert eventually(lambda: spool.depth == 0)
    assert 2 <= len(rounds)
    assert all(len(set(keys)) == len(keys) for keys in rounds)


def test_a_pack_stays_below_what_a_broker_takes():
    """500 frames with a long raw line each would be more than a megabyte."""
    records = packed([frame(n, size=10_000) for n in range(500)], 0, 1)

    parcels = bundled([records])

    assert max(len(parcel.message.value) for parcel in parcels) < 600_000
    assert [*range(500)] == [each["seq"] for parcel in parcels for each in json.loads(parcel.message.value)]


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


def test_only_the_frame_is_given_up_that_no_broker_takes(spool, broker, publisher):
    """Its neighbours in the same record go on, and it is in the record as a reject, with its beginning."""
    broker.largest = 2_000
    spool.append([frame(n, size=3_000 if n in (3, 7) else 0) for n in range(40)], NOON)
    publisher.start()

    assert eventually(lambda: spool.depth == 0)
    assert [n for n in range(40) if n not in (3, 7)] == seqs(broker)
    assert [("too_long", "fridge")] * 2 == [(told["reason"], told["device"]) for told in broker.rejects()]


def test_a_loss_is_published_as_a_reject_once(tmp_path, broker):
    """Whoever looks at the record later finds the reason of the gap in it."""
    spool = Spool(tmp_path / "full.db", quota=2_000, keep_acked=0.0)
    with pytest.raises(Exception, match="did not fit"):
        spool.append([frame(n, size=500) for n in range(5)], NOON)
    publisher = Publisher(spool, broker.connect, TOPICS)
    publisher.start()

    assert eventually(broker.rejects)
    (told,) = broker.rejects()
    assert ("spool_full", "fridge") == (told["reason"], told["device"])
    assert "2 frames and rejects read between 2026-11-22T12:00:00" in told["detail"]
    publisher.stop(1.0)


def test_damage_is_published_as_a_reject_with_what_is_left(tmp_path, broker):
    """The bytes may still tell somebody what the reading was."""
    spool = Spool(tmp_path / "spool.db", quota=1_000_000, keep_acked=0.0)
    spool.append([frame(1), frame(2)], NOON)
    spool._shelf.file.db.execute("UPDATE entries SET payload = replace(payload, '\"seq\": 2', '\"seq\": 9')")
    spool._shelf.file.db.commit()
    spool._shelf.file.db.execute("UPDATE entries SET payload = CAST(payload AS BLOB)")
    spool._shelf.file.db.commit()
    publisher = Publisher(spool, broker.connect, TOPICS)
    publisher.start()

    assert eventually(broker.rejects)
    (message,) = [each for each in broker.log if each.topic == "rejects"]
    assert ("spool_damaged", "fridge") == (dict(message.headers)["reason"], dict(message.headers)["device"])
    assert "1 frames of one record of the spool, read at 2026-11-22T12:00:00" in dict(message.headers)["detail"]
    assert 9 == json.loads(message.value)["seq"]
    assert [1] == seqs(broker)
    publisher.stop(1.0)


class SlowBroker(Broker):
    """Takes so many bytes a second, and notes when it had which message."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.times: list[float] = []

    def deliver(self, messages):
        outcomes: list[Delivery] = []
        for message in messages:
            time.sleep(len(message.value) / self.rate)
            outcomes.append(self._take(len(outcomes), message))
            self.times.append(time.monotonic())
        return outcomes


def test_live_frames_do_not_wait_for_a_backlog_and_the_backlog_shrinks(tmp_path):
    """After an outage of hours the shop wants to see now, and the hours too.

    Ten devices have a backlog of 1,000 frames each, one has none; all speak on. The line takes ten times of what
    comes. Stated: the device without a backlog is never 2 s late, the backlog is gone at five times the arrival rate
    or faster, and each device keeps its order throughout.
    """
    devices, rate, backlog = [f"d{n}" for n in range(10)], 20, 1_000
    size = len(frame(1_000, "d1", 100).payload)
    arriving = (len(devices) + 1) * rate
    broker = SlowBroker(10 * arriving * size)
    spool = Spool(tmp_path / "spool.db", quota=100_000_000, keep_acked=60.0)
    for n in range(0, backlog, 20):
        spool.append([frame(n + m, device, 100) for device in devices for m in range(20)], NOON)
    publisher = Publisher(spool, broker.connect, TOPICS)
    said: dict[int, float] = {}
    stop = threading.Event()

    def speak():
        begun, n = time.monotonic(), 0
        while not stop.wait(max(0.0, begun + n / rate - time.monotonic())):
            said[n] = time.monotonic()
            spool.append([frame(backlog + n, device, 100) for device in devices] + [frame(n, "live", 100)], NOON)
            publisher.wake()
            n += 1

    speaker = threading.Thread(target=speak)
    begun = time.monotonic()
    speaker.start()
    publisher.start()
    assert eventually(lambda: spool.depth < 3 * arriving, within=60)
    took = time.monotonic() - begun
    stop.set()
    speaker.join()
    assert eventually(lambda: spool.depth == 0)
    publisher.stop(1.0)

    drained = len(devices) * backlog / took
    arrived = {}
    for message, at in zip(broker.log, broker.times, strict=True):
        content = json.loads(message.value)
        for each in content if isinstance(content, list) else [content]:
            if each["device"] == "live":
                arrived[each["seq"]] = at
    late = [arrived[n] - said[n] for n in said]
    assert max(late) < 2.0
    assert drained >= 5 * arriving
    assert all([*range(len(seqs(broker, device)))] == seqs(broker, device) for device in [*devices, "live"])


def test_a_slow_line_gets_small_rounds_and_a_fast_one_large():
    """A round of 8 MB on a line of 100 kB/s would hold back what is new for more than a minute."""
    slow, fast = Budget(), Budget()
    for _ in range(20):
        slow.spent(slow.most, slow.most / 100_000)
        fast.spent(fast.most, fast.most / 100_000_000)

    assert slow.most == 50_000
    assert fast.most == 8 * 1024 * 1024


def test_a_small_round_says_nothing_about_the_line():
    """Ten frames in 20 ms are 75 kB/s, and yet the line may be a hundred times faster."""
    budget = Budget()
    before = budget.most
    budget.spent(1_500, 0.02)

    assert before == budget.most


def test_no_device_waits_for_ever_where_the_line_is_too_slow_for_all(spool):
    """Whoever had its turn longest ago is next."""
    for n in range(100):
        spool.append([frame(n, f"d{m}", 2_000) for m in range(40)], NOON)
    served = set()
    for _ in range(20):
        offered = spool.offer(100_000)
        served |= {lane[0].key for lane in offered}
        spool.ack([record.id for lane in offered for record in lane])

    assert {f"d{m}" for m in range(40)} == served


def test_settings_that_are_wrong_are_an_outage_with_a_reason(spool, broker, publisher):
    """A secret's file may be mended while we run; what is read meanwhile waits."""

    def connect():
        if publisher.up is None:
            raise SettingsError("No secret kafka_password")
        return broker

    publisher._connect = connect
    spool.append([frame(1)], NOON)
    publisher.start()

    assert eventually(lambda: seqs(broker) == [1])
    assert publisher._why == "No secret kafka_password"


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
