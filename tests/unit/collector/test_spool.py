import json
import sqlite3
from datetime import timedelta
from itertools import count

import pytest

from barograph.collector.losses import Loss
from barograph.collector.spool import Entry, Spool
from barograph.collector.spool_file import Damage
from barograph.errors import SettingsError, SpoolFull, WriterBusy
from barograph.windows import EPOCH, utc

NOON = utc("2026-11-22T12:00:00Z")
ONE = utc("2026-11-22T13:00:00Z")
ALL = 100_000_000


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def spool(folder, clock=None, quota=1_000_000, keep_acked=60.0, **how) -> Spool:
    return Spool(folder / "spool.db", quota=quota, keep_acked=keep_acked, monotonic=clock or Clock(), **how)


def frame(text="x", size=0, device="fridge") -> Entry:
    return Entry("readings", text.encode() + b"." * size, device)


def payloads(entries) -> list[str]:
    return [entry.payload.decode().rstrip(".") for entry in entries]


def acked(kept: Spool, most=ALL) -> int:
    """Offer a round and acknowledge all of it."""
    return kept.ack([record.id for lane in kept.offer(most) for record in lane])


def drained(kept: Spool) -> list[str]:
    """All that waits, in the order in which it would be sent."""
    found = []
    while offered := kept.offer(ALL):
        for lane in offered:
            found += [payload.decode().rstrip(".") for record in lane for payload in record.payloads]
        kept.ack([record.id for lane in offered for record in lane])
    return found


def report(lost: Loss | Damage) -> Entry:
    return Entry("rejects", f"{lost.frames} lost of {lost.device}".encode(), None, (("reason", "spool_full"),))


def test_what_was_appended_waits_in_its_order(tmp_path):
    """A device's frames must reach Kafka in the order in which they were said."""
    kept = spool(tmp_path)

    kept.append([frame("a"), frame("b")], NOON)
    kept.append([frame("c")], NOON)

    assert payloads(kept.waiting(2)) == ["a", "b"]
    assert kept.depth == 3


def test_it_survives_a_crash(tmp_path):
    """What was read is on disk before anything else happens: nobody closes the spool when the power goes."""
    crashed = spool(tmp_path)
    crashed.append([Entry("rejects", b"\x00\xff", None, (("reason", "not_utf8"),))], NOON)
    crashed._shelf.file.close()

    (found,) = spool(tmp_path).waiting(10)

    assert (found.topic, found.payload, found.headers) == ("rejects", b"\x00\xff", (("reason", "not_utf8"),))


def test_the_frames_of_a_turn_are_one_record_of_each_device(tmp_path):
    """37,000 commits' worth of rows a second would cost the core that has to read them all."""
    kept = spool(tmp_path)
    kept.append([frame(f"{n}", device=f"d{n % 2}") for n in range(200)], NOON)

    offered = kept.offer(ALL)

    assert [[100], [100]] == [[record.frames for record in lane] for lane in offered]
    assert 200 == kept.depth == kept.ack([record.id for lane in offered for record in lane])


def test_a_round_reads_the_records_that_it_offers(tmp_path):
    """10, 99 and 12 are not what stands between 10 and 12."""
    kept = spool(tmp_path)
    kept.append([frame("a", device="d1"), frame("b", device="d2"), frame("c", device="d3")], NOON)
    kept.append([frame("d", device="d3"), frame("e", device="d1"), frame("f", device="d2")], NOON)

    assert sorted("aebfcd") == sorted(drained(kept))
    assert kept.lost_total == 0


def test_what_was_acknowledged_is_kept_a_while_and_then_gone(tmp_path, clock):
    """One broker's acknowledgement is page cache until it is flushed."""
    kept = spool(tmp_path, clock)
    kept.append([frame("a")], NOON)
    acked(kept)
    kept.append([frame("b")], NOON)

    clock.now += 59
    kept.prune()
    assert (1, 2) == (kept.resend(), kept.depth)

    acked(kept)
    clock.now += 60
    kept.prune()
    assert (kept.resend(), kept.depth, kept.size) == (0, 0, 0)


def test_what_is_sent_again_comes_before_what_waits(tmp_path):
    """Order per device holds through a broker's restart."""
    kept = spool(tmp_path)
    kept.append([frame("a"), frame("b")], NOON)
    acked(kept)
    kept.append([frame("c")], NOON)

    kept.resend()

    assert ["a", "b", "c"] == drained(kept)


def test_a_restart_sends_the_last_minute_again(tmp_path):
    """The machine may have gone down with the broker on it; frame identity makes the second copy harmless."""
    before = spool(tmp_path)
    before.append([frame("a")], NOON)
    acked(before)
    before.close()

    assert payloads(spool(tmp_path).waiting(10)) == ["a"]


def test_what_stands_behind_a_failure_is_sent_again_behind_it(tmp_path):
    """Kafka may have taken the second message of a device and not the first."""
    kept = spool(tmp_path)
    for text in "abc":
        kept.append([frame(text)], NOON)
    ((a, _, c),) = kept.offer(ALL)

    kept.ack([a.id, c.id])

    assert ["b", "c"] == drained(kept)


def test_ids_are_never_used_twice(tmp_path, clock):
    """A late acknowledgement must not be taken for that of another record."""
    kept = spool(tmp_path, clock, keep_acked=0.0)
    kept.append([frame("a")], NOON)
    (((first,),)) = kept.offer(ALL)
    kept.ack([first.id])
    kept.prune()

    kept.append([frame("b")], NOON)

    assert kept.offer(ALL)[0][0].id > first.id


def test_a_name_that_is_no_text_does_not_stop_the_reading(tmp_path):
    """A JSON escape may be half a character, which neither SQLite nor Kafka takes."""
    kept = spool(tmp_path)

    kept.append([frame("a", device="\ud800")], NOON)

    assert ["?"] == [entry.key for entry in kept.waiting(1)]


def test_a_full_spool_counts_what_it_loses(tmp_path):
    """Losing readings is bad; not knowing how many is worse."""
    kept = spool(tmp_path, quota=1000)
    kept.append([frame("a", 400)], NOON)

    with pytest.raises(SpoolFull, match="1 entries did not fit"):
        kept.append([frame("b", 400), frame("c", 400)], NOON)
    with pytest.raises(SpoolFull):
        kept.append([frame("d", 400)], ONE)

    assert payloads(kept.waiting(10)) == ["a", "b"]
    assert kept.lost_total == 2


def test_a_loss_is_reported_once_when_there_is_room_even_after_a_restart(tmp_path, clock):
    """The rejects say how much of which device is missing and from when to when: a gap in the record has a reason."""
    full = spool(tmp_path, clock, quota=1000)
    full.append([frame("a", 900)], NOON)
    for moment, device in ((NOON, "fridge"), (ONE, "fridge"), (ONE, "dock")):
        with pytest.raises(SpoolFull):
            full.append([frame("b", 900, device)], moment)
    assert [] == full.report(report)
    full.close()

    kept = spool(tmp_path, clock, quota=1000)
    acked(kept)
    clock.now += 60
    kept.prune()
    told = {loss.device: loss for loss in kept.report(report)}

    assert {"fridge", "dock"} == set(told)
    assert told["fridge"].detail == (
        "2 frames and rejects read between 2026-11-22T12:00:00.000000Z and 2026-11-22T13:00:00.000000Z are lost: "
        "the spool was full"
    )
    assert ["1 lost of dock", "2 lost of fridge"] == sorted(payloads(kept.waiting(10)))
    assert [] == kept.report(report)


def test_garbage_names_do_not_fill_the_memory_with_losses(tmp_path):
    """Line noise invents devices; the first 200 are counted one by one, the rest together."""
    kept = spool(tmp_path, quota=1000)
    kept.append([frame("a", 900)], NOON)
    with pytest.raises(SpoolFull):
        kept.append([frame("b", 900, f"noise-{n}") for n in range(1000)], NOON)

    losses = list(kept._shelf.losses)

    assert 201 == len(losses)
    assert 1000 == sum(loss.frames for loss in losses)


def test_copies_make_room_for_what_is_new(tmp_path):
    """A reading that Kafka never saw matters more than the second copy of one it acknowledged."""
    kept = spool(tmp_path, quota=1000)
    kept.append([frame("a", 400), frame("b", 400)], NOON)
    acked(kept)

    kept.append([frame("c", 400)], NOON)

    assert payloads(kept.waiting(10)) == ["c"]


def test_drop_oldest_keeps_the_newest_and_counts_the_rest_exactly(tmp_path):
    """A cold store wants to know how warm it is now."""
    kept = spool(tmp_path, quota=100_000, when_full="drop_oldest")
    numbers = [count(), count(), count()]
    for minute in range(60):
        at = utc(f"2026-11-22T12:{minute:02}:00Z")
        kept.append([frame(f"{next(numbers[n % 3])}", 1_000, f"d{n % 3}") for n in range(6)], at)

    left: dict[str, list[int]] = {}
    for entry in kept.waiting(1_000):
        left.setdefault(entry.key, []).append(int(entry.payload.rstrip(b".")))
    losses = {loss.device: loss for loss in kept._shelf.losses}

    assert kept.size <= 100_000
    assert all([*range(120 - len(numbers), 120)] == numbers for numbers in left.values())
    assert {device: 120 - len(numbers) for device, numbers in left.items()} == {
        d: loss.frames for d, loss in losses.items()
    }
    assert sum(loss.frames for loss in losses.values()) == kept.lost_total > 200
    assert {("dropped", NOON)} == {(loss.how, EPOCH + timedelta(microseconds=loss.first)) for loss in losses.values()}


def test_what_is_on_its_way_is_not_dropped(tmp_path):
    """It may just arrive, and then it would be counted as lost and be there."""
    kept = spool(tmp_path, quota=10_000, when_full="drop_oldest")
    kept.append([frame("a", 1_000)], NOON)
    ((offered,),) = kept.offer(ALL)
    for text in "bcdefghijklm":
        kept.append([frame(text, 1_000)], NOON)

    assert 1 == kept.ack([offered.id])
    assert 12 == kept.lost_total + kept.depth
    assert "a" not in drained(kept)


def test_thin_out_keeps_every_second_frame_of_the_older_half(tmp_path):
    """A night's curve with half of its points is worth more than half a night."""
    kept = spool(tmp_path, quota=100_000, when_full="thin_out")
    numbers = [count(), count()]
    for _ in range(300):
        kept.append([frame(f"{next(numbers[n % 2])}", 100, f"d{n % 2}") for n in range(4)], NOON)

    offered = drained(kept)
    left = [int(text) for text in offered]

    assert len(left) + kept.lost_total == 1200
    assert {"thinned"} == {loss.how for loss in kept._shelf.losses}
    assert left.count(0) == 2, "the oldest is thin, and it is still there"
    assert left.count(599) == 2
    assert max(b - a for a, b in zip(sorted(set(left)), sorted(set(left))[1:], strict=False)) <= 64
    newer = [number for number in set(left) if number >= 500]
    assert 100 == len(newer), "the newest are all there"


def test_where_thinning_gains_nothing_the_newest_is_refused(tmp_path):
    """One frame of each of many devices: there is no second one to drop."""
    kept = spool(tmp_path, quota=10_000, when_full="thin_out")

    with pytest.raises(SpoolFull):
        kept.append([frame("x", 1_000, f"d{n}") for n in range(20)], NOON)

    assert kept.depth + kept.lost_total == 20
    assert kept.depth == 9


def test_what_is_too_old_is_dropped_and_counted(tmp_path):
    """Some must not keep anything for longer than they said."""
    kept = spool(tmp_path, keep_days=1.0)
    kept.append([frame("a")], NOON)
    kept.append([frame("b")], utc("2026-11-23T11:00:00Z"))

    kept.append([frame("c")], utc("2026-11-23T12:30:00Z"))

    assert payloads(kept.waiting(10)) == ["b", "c"]
    ((loss,)) = kept._shelf.losses
    assert ("expired", 1, "fridge") == (loss.how, loss.frames, loss.device)


def test_a_clock_that_was_never_set_tells_no_age(tmp_path):
    """A board without a battery starts in 1970, and what it reads then is not fifty years old."""
    kept = spool(tmp_path, keep_days=1.0)
    kept.append([frame("a")], utc("1970-01-01T00:01:00Z"))

    kept.append([frame("b")], NOON)

    assert payloads(kept.waiting(10)) == ["a", "b"]


def test_a_full_disk_is_a_full_spool(tmp_path, clock):
    """The quota may be larger than what is left of the disk."""
    kept = spool(tmp_path, clock)
    kept.append([frame("a")], NOON)
    pages = kept._shelf.file.db.execute("PRAGMA page_count").fetchone()[0]
    kept._shelf.file.db.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    with pytest.raises(SpoolFull, match="disk is full"):
        kept.append([frame("b", 100_000), frame("b", 10, "dock")], NOON)
    kept._shelf.file.db.execute("PRAGMA max_page_count = 100000").fetchone()
    clock.now += 5
    kept.append([frame("c")], NOON)

    assert payloads(kept.waiting(10)) == ["a", "c"]
    assert {("fridge", "disk", 1), ("dock", "disk", 1)} == {
        (loss.device, loss.how, loss.frames) for loss in kept._shelf.losses
    }


@pytest.mark.parametrize("policy", ["refuse_newest", "drop_oldest"])
def test_a_disk_that_is_full_takes_again_what_the_policy_gives_up(tmp_path, policy):
    """Second copies go in any case; what waits goes only where that was asked for."""
    kept = spool(tmp_path, when_full=policy)
    for text in "abcdefgh":
        kept.append([frame(text, 50_000)], NOON)
    kept._shelf.file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    pages = kept._shelf.file.db.execute("PRAGMA page_count").fetchone()[0]
    kept._shelf.file.db.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    try:
        kept.append([frame("i", 50_000)], NOON)
    except SpoolFull:
        assert policy == "refuse_newest"

    assert kept.depth + kept.lost_total == 9
    assert ("i" in payloads(kept.waiting(10))) == (policy == "drop_oldest")


def test_a_disk_that_became_read_only_costs_what_comes_and_nothing_else(tmp_path, clock):
    """Reading goes on, the loss is counted, and it is over as soon as the disk takes writes again."""
    kept = spool(tmp_path, clock)
    kept.append([frame("a")], NOON)
    kept._shelf.file.db.execute("PRAGMA query_only = ON")

    for _ in range(3):
        with pytest.raises(SpoolFull, match="readonly"):
            kept.append([frame("b"), frame("b")], NOON)
    assert payloads(kept.waiting(10)) == ["a"]
    assert (6, 1) == (kept.lost_total, acked(kept))
    assert not kept.prune()

    clock.now += 10
    kept.append([frame("c")], NOON)
    assert payloads(kept.waiting(10)) == ["a", "c"], "the file was opened anew, and all in it waits again"
    assert [(6, "disk")] == [(loss.frames, loss.how) for loss in kept._shelf.losses]


def test_two_collectors_cannot_share_a_spool(tmp_path):
    """They would send each other's entries, and open the same ports."""
    first = spool(tmp_path)

    with pytest.raises(WriterBusy, match="Another collector"):
        spool(tmp_path)

    first.close()
    spool(tmp_path).close()


def test_a_spool_that_cannot_be_made_says_why(tmp_path):
    """Not that another collector uses it."""
    (tmp_path / "spool.db").mkdir()

    with pytest.raises(SettingsError, match=r"Cannot open the spool .*unable to open"):
        spool(tmp_path)


def test_a_spool_of_a_later_version_is_left_alone(tmp_path):
    """A downgrade must not read what it does not understand."""
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("PRAGMA user_version = 9")

    with pytest.raises(SettingsError, match="later Barograph"):
        spool(tmp_path)


OLD = """
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key TEXT, payload BLOB NOT NULL, headers TEXT,
        size INTEGER NOT NULL, acked REAL
    );
    CREATE INDEX waiting ON entries(id) WHERE acked IS NULL;
    CREATE INDEX kept ON entries(acked) WHERE acked IS NOT NULL;
    CREATE TABLE lost (one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER, first TEXT, last TEXT);
    INSERT INTO entries VALUES (7, 'readings', 'fridge', '{"seq":1}', NULL, 80, 12.5);
    INSERT INTO entries VALUES (8, 'readings', 'fridge', '{"seq":2}', NULL, 80, NULL);
    INSERT INTO entries VALUES (9, 'rejects', NULL, 'rubbish', '[["reason", "not_json"]]', 110, NULL);
    INSERT INTO lost VALUES (1, 5, '2026-11-22T12:00:00.000000Z', '2026-11-22T13:00:00.000000Z');
"""


def test_a_spool_of_the_version_before_is_read(tmp_path):
    """An upgrade in the middle of an outage loses nothing, nor what it knows of losses."""
    db = sqlite3.connect(tmp_path / "spool.db")
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(OLD)
    db.close()

    kept = spool(tmp_path)
    kept.append([frame('{"seq":3}')], NOON)
    kept.close()
    kept = spool(tmp_path)

    assert ['{"seq":1}', '{"seq":2}', "rubbish", '{"seq":3}'] == payloads(kept.waiting(10))
    assert [(("reason", "not_json"),)] == [entry.headers for entry in kept.waiting(10) if entry.topic == "rejects"]
    assert [(5, "refused")] == [(loss.frames, loss.how) for loss in kept._shelf.losses]
    assert ["fridge", "fridge", "fridge"] == [json.loads(e.payload) and e.key for e in kept.waiting(10) if e.key]


def test_the_file_shrinks_again(tmp_path, clock):
    """After a long outage the disk belongs to others again."""
    kept = spool(tmp_path, clock, quota=100_000_000)
    for _ in range(600):
        kept.append([frame("a", 100_000)], NOON)
    while kept.depth:
        acked(kept)
    clock.now += 61
    while kept.prune():
        pass
    before = kept._shelf.file.db.execute("PRAGMA page_count").fetchone()[0] * 4096
    for _ in range(60):
        kept.prune()
    kept._shelf.file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    assert before > 50_000_000
    assert (tmp_path / "spool.db").stat().st_size < 20_000_000


def test_a_little_that_is_free_is_used_again_and_not_given_back(tmp_path, clock):
    """Giving pages back moves others: an SD card lives longer without."""
    kept = spool(tmp_path, clock)
    kept.append([frame("a", 400_000)], NOON)
    acked(kept)
    clock.now += 61
    kept.prune()
    pages = kept._shelf.file.db.execute("PRAGMA page_count").fetchone()[0]

    kept.append([frame("b", 390_000)], NOON)

    assert pages == kept._shelf.file.db.execute("PRAGMA page_count").fetchone()[0]


def test_durability_is_not_traded_for_speed(tmp_path):
    """synchronous=FULL: a commit that returned is on the disk."""
    db = spool(tmp_path)._shelf.file.db

    assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == b"wal"


def test_it_tells_how_long_something_waits(tmp_path):
    """Depth alone does not tell an outage from a burst."""
    kept = spool(tmp_path)
    assert kept.waiting_since() is None
    kept.append([frame("a")], NOON)
    kept.append([frame("b", device="dock")], ONE)

    assert kept.waiting_since() == NOON
