import sqlite3

import pytest

from barograph.collector.spool import Entry, Loss, Spool
from barograph.errors import SpoolFull, WriterBusy
from barograph.windows import utc

NOON = utc("2026-11-22T12:00:00Z")
ONE = utc("2026-11-22T13:00:00Z")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def spool(folder, clock=None, quota=1_000_000, keep_acked=60.0) -> Spool:
    return Spool(folder / "spool.db", quota=quota, keep_acked=keep_acked, monotonic=clock or Clock())


def frame(text="x", size=0) -> Entry:
    return Entry("readings", text.encode() + b"." * size, "fridge")


def payloads(entries) -> list[str]:
    return [entry.payload.decode().rstrip(".") for entry in entries]


def report(loss: Loss) -> Entry:
    return Entry("rejects", f"{loss.entries} lost".encode())


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
    crashed._db.close()

    (found,) = spool(tmp_path).waiting(10)

    assert (found.topic, found.payload, found.headers) == ("rejects", b"\x00\xff", (("reason", "not_utf8"),))


def test_what_was_acknowledged_is_kept_a_while_and_then_gone(tmp_path, clock):
    """One broker's acknowledgement is page cache until it is flushed."""
    kept = spool(tmp_path, clock)
    kept.append([frame("a"), frame("b")], NOON)
    kept.ack([entry.id for entry in kept.waiting(1)])

    clock.now += 59
    kept.prune()
    assert kept.resend() + kept.depth - 1 == 2

    kept.ack([entry.id for entry in kept.waiting(10)])
    clock.now += 60
    kept.prune()
    assert (kept.resend(), kept.depth, kept.size) == (0, 0, 0)


def test_a_restart_sends_the_last_minute_again(tmp_path):
    """The machine may have gone down with the broker on it; frame identity makes the second copy harmless."""
    before = spool(tmp_path)
    before.append([frame("a")], NOON)
    before.ack([1])
    before.close()

    assert payloads(spool(tmp_path).waiting(10)) == ["a"]


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
    """The reject says how much is missing and from when to when, so that a gap in the record has a reason."""
    full = spool(tmp_path, clock, quota=1000)
    full.append([frame("a", 900)], NOON)
    for moment in (NOON, ONE):
        with pytest.raises(SpoolFull):
            full.append([frame("b", 900)], moment)
    assert full.take_loss(report) is None
    full.close()

    kept = spool(tmp_path, clock, quota=1000)
    kept.ack([1])
    clock.now += 60
    kept.prune()

    assert Loss(2, "2026-11-22T12:00:00.000000Z", "2026-11-22T13:00:00.000000Z") == kept.take_loss(report)
    assert payloads(kept.waiting(10)) == ["2 lost"]
    assert kept.take_loss(report) is None


def test_copies_make_room_for_what_is_new(tmp_path):
    """A reading that Kafka never saw matters more than the second copy of one it acknowledged."""
    kept = spool(tmp_path, quota=1000)
    kept.append([frame("a", 400), frame("b", 400)], NOON)
    kept.ack([1, 2])

    kept.append([frame("c", 400)], NOON)

    assert payloads(kept.waiting(10)) == ["c"]


def test_a_full_disk_is_a_full_spool(tmp_path):
    """The quota may be larger than what is left of the disk."""
    kept = spool(tmp_path)
    kept.append([frame("a")], NOON)
    kept._db.execute(f"PRAGMA max_page_count = {kept._db.execute('PRAGMA page_count').fetchone()[0]}").fetchone()

    with pytest.raises(SpoolFull):
        kept.append([frame("b", 100_000)], NOON)
    kept._db.execute("PRAGMA max_page_count = 100000").fetchone()
    kept.append([frame("c")], NOON)

    assert payloads(kept.waiting(10)) == ["a", "c"]
    assert Loss(1, "2026-11-22T12:00:00.000000Z", "2026-11-22T12:00:00.000000Z") == kept.take_loss(report)


def test_two_collectors_cannot_share_a_spool(tmp_path):
    """They would send each other's entries, and open the same ports."""
    first = spool(tmp_path)

    with pytest.raises(WriterBusy, match="Another collector"):
        spool(tmp_path)

    first.close()
    spool(tmp_path).close()


def test_a_damaged_spool_is_put_aside(tmp_path):
    """What it held is lost; what comes now must not be."""
    (tmp_path / "spool.db").write_bytes(b"not a database, " * 100)

    kept = spool(tmp_path)
    kept.append([frame("a")], NOON)

    assert payloads(kept.waiting(10)) == ["a"]
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_the_file_shrinks_again(tmp_path, clock):
    """After a long outage the disk belongs to others again."""
    kept = spool(tmp_path, clock, quota=100_000_000)
    kept.append([frame("a", 10_000) for _ in range(500)], NOON)
    kept.ack([entry.id for entry in kept.waiting(1000)])
    clock.now += 61
    kept.prune()
    kept._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    assert (tmp_path / "spool.db").stat().st_size < 2_000_000


def test_durability_is_not_traded_for_speed(tmp_path):
    """synchronous=FULL: a commit that returned is on the disk."""
    kept = spool(tmp_path)

    assert kept._db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert kept._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert isinstance(kept._db, sqlite3.Connection)
