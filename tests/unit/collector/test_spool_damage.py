"""The spool's file with bytes flipped in it: what is damaged is set aside, and its neighbours survive."""

import random
from pathlib import Path

import pytest
from tests.unit.collector.test_spool import ALL, NOON, Clock, drained, frame, payloads, spool

from barograph.collector.losses import Loss
from barograph.collector.spool import Entry, Spool
from barograph.collector.spool_file import Damage

PAGE = 4096


def told(kept: Spool) -> list[Loss | Damage]:
    def bytes_of(lost: Loss | Damage) -> bytes:
        return lost.payload if isinstance(lost, Damage) else lost.detail.encode()

    return kept.report(lambda lost: Entry("rejects", bytes_of(lost)))


def closed(kept: Spool, folder: Path) -> Path:
    """The file with all that was written, outside of any log."""
    kept.close()
    return folder / "spool.db"


def flip(path: Path, needle: bytes, by: bytes) -> None:
    content = path.read_bytes()
    assert content.count(needle) == 1
    path.write_bytes(content.replace(needle, by))


def test_a_damaged_record_is_set_aside_and_its_neighbours_survive(tmp_path):
    """One bad cell of a memory card is one frame, counted, and seen in the record."""
    kept = spool(tmp_path)
    for text in ("first", "second", "third"):
        kept.append([frame(text)], NOON)
    flip(closed(kept, tmp_path), b"second", b"sec0nd")

    kept = spool(tmp_path)

    assert ["first", "third"] == drained(kept)
    assert (1, 0) == (kept.lost_total, kept.depth)
    (damage,) = told(kept)
    assert (b"sec0nd", "fridge", 1) == (damage.payload, damage.device, damage.frames)
    assert ["sec0nd"] == payloads(kept.waiting(10))
    assert [] == told(kept)


def test_of_a_pack_only_the_frame_that_was_hit_is_lost(tmp_path):
    """Each frame has a checksum of its own: 500 in a record must not mean 500 at risk."""
    kept = spool(tmp_path)
    kept.append([frame(f"number {n:03}") for n in range(500)], NOON)
    kept.append([frame("later")], NOON)
    flip(closed(kept, tmp_path), b"number 077", b"number 777")

    kept = spool(tmp_path)

    assert [f"number {n:03}" for n in range(500) if n != 77] + ["later"] == drained(kept)
    assert kept.lost_total == 1
    assert [b"number 777"] == [damage.payload for damage in told(kept)]


def test_a_damaged_end_of_a_frame_takes_its_neighbour_along_and_no_more(tmp_path):
    """Where two frames have run together, nobody knows where the second began."""
    kept = spool(tmp_path)
    kept.append([frame(f"number {n:03}") for n in range(500)], NOON)
    flip(closed(kept, tmp_path), b"number 077,\n", b"number 077;\n")

    kept = spool(tmp_path)

    assert [f"number {n:03}" for n in range(500) if n not in (77, 78)] == drained(kept)
    assert kept.lost_total == 2


def test_nothing_is_sent_under_another_device_s_name(tmp_path):
    """The frames are whole, but whose they are is not sure any more."""
    kept = spool(tmp_path)
    kept.append([frame("a", device="fridge-1"), frame("b", device="fridge-1"), frame("c", device="dock")], NOON)
    flip(closed(kept, tmp_path), b"fridge-1", b"fridge-7")

    kept = spool(tmp_path)

    assert ["c"] == drained(kept)
    assert kept.lost_total == 2


def big(kept: Spool) -> list[str]:
    """Records of 3,000 bytes, so that each is alone on its page."""
    texts = [f"number {n:03}" for n in range(300)]
    for text in texts:
        kept.append([frame(text, 3_000)], NOON)
    return texts


def test_a_page_that_cannot_be_read_costs_what_was_on_it(tmp_path):
    """SQLite gives up a whole table there; we ask for each record."""
    kept = spool(tmp_path, quota=10_000_000)
    texts = big(kept)
    path = closed(kept, tmp_path)
    content = bytearray(path.read_bytes())
    place = content.index(b"number 150") // PAGE * PAGE
    content[place : place + PAGE] = b"\xff" * PAGE
    path.write_bytes(content)

    kept = spool(tmp_path, quota=10_000_000)

    assert [text for text in texts if text != "number 150"] == drained(kept)
    assert ["an unknown number of frames and rejects are lost: the spool's file was damaged"] == [
        loss.detail for loss in told(kept)
    ]
    assert 1 == len(list(tmp_path.glob("*.damaged-*")))


def test_damage_that_comes_while_it_is_open_is_counted_exactly(tmp_path):
    """What was in the file is known then: how many frames, and of which device."""
    kept = spool(tmp_path, quota=10_000_000)
    texts = big(kept)
    db = kept._shelf.file.db
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.execute("PRAGMA cache_size = 0")
    db.execute("PRAGMA shrink_memory")
    path = tmp_path / "spool.db"
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(content.index(b"number 150") // PAGE * PAGE)
        file.write(b"\xff" * PAGE)

    left = []
    for _ in range(1_000):
        left += drained(kept)
    assert [text for text in texts if text != "number 150"] == sorted(set(left))
    ((loss,)) = told(kept)
    assert ("fridge", 1, "spool_damaged") == (loss.device, loss.frames, loss.reason)


def test_a_file_that_is_no_spool_is_put_aside(tmp_path):
    """What it held is lost; what comes now must not be."""
    (tmp_path / "spool.db").write_bytes(b"not a database, " * 100)

    kept = spool(tmp_path)
    kept.append([frame("a")], NOON)

    assert payloads(kept.waiting(10)) == ["a"]
    assert 1 == len(list(tmp_path.glob("*.damaged-*")))


@pytest.mark.parametrize("garbage", [False, True], ids=["cut off", "overwritten"])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9])
def test_a_power_cut_costs_the_turn_that_was_under_way_and_no_more(tmp_path, part, garbage):
    """What was not fsynced may be there in part, or be something else; what `append` returned from is all there."""
    kept = spool(tmp_path)
    for text in "abcdefgh":
        kept.append([frame(text, 500), frame(text.upper(), 500, "dock")], NOON)
    log = tmp_path / "spool.db-wal"
    safe = log.stat().st_size
    kept.append([frame(f"under way {n}", 500) for n in range(50)], NOON)
    after = tmp_path / "after"
    after.mkdir()
    content = log.read_bytes()
    cut = safe + int((len(content) - safe) * part)
    rest = random.Random(1).randbytes(len(content) - cut) if garbage else b""
    (after / "spool.db").write_bytes((tmp_path / "spool.db").read_bytes())
    (after / "spool.db-wal").write_bytes(content[:cut] + rest)

    kept = spool(after)

    assert sorted("abcdefghABCDEFGH") == sorted(drained(kept))
    assert kept.lost_total == 0


def test_a_takeover_that_was_killed_is_finished(tmp_path):
    """Between two renames there is no file of that name."""
    kept = spool(tmp_path)
    kept.append([frame("a")], NOON)
    closed(kept, tmp_path).rename(tmp_path / "spool.rebuilt")

    assert payloads(spool(tmp_path).waiting(10)) == ["a"]


def test_a_damaged_record_is_not_read_again_and_again_where_the_disk_is_full(tmp_path):
    """It cannot be moved then, but it must not hold back what is behind it."""
    kept = spool(tmp_path)
    for text in ("first", "second", "third"):
        kept.append([frame(text)], NOON)
    flip(closed(kept, tmp_path), b"second", b"sec0nd")
    kept = spool(tmp_path)
    kept._shelf.file.db.execute("PRAGMA query_only = ON")

    assert ["first", "third"] == drained(kept)
    assert kept.lost_total == 1


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_flipped_no_other_frame_is_made_up_and_the_order_stays(tmp_path, seed):
    """Wherever the byte is: what is sent was said, by that device, in that order, and nothing crashes."""
    dice = random.Random(seed)
    kept = spool(tmp_path, Clock(), quota=10_000_000)
    said: dict[str, list[bytes]] = {f"d{n}": [] for n in range(5)}
    for _ in range(60):
        entries = []
        for device, frames in said.items():
            for _ in range(dice.choice([0, 1, 1, 7])):
                frames.append(b"%s:%d:%s" % (device.encode(), len(frames), b"." * dice.randrange(200)))
                entries.append(Entry("readings", frames[-1], device))
        kept.append(entries, NOON)
    path = closed(kept, tmp_path)
    content = bytearray(path.read_bytes())
    for _ in range(dice.choice([1, 1, 3])):
        place = dice.randrange(PAGE if seed % 3 else 0, len(content))
        length = dice.choice([1, 1, 16, 512])
        content[place : place + length] = dice.randbytes(min(length, len(content) - place))
    path.write_bytes(content)

    kept = spool(tmp_path, Clock(), quota=10_000_000)
    sent: dict[str | None, list[bytes]] = {}
    while offered := kept.offer(ALL):
        for record in (record for lane in offered for record in lane if record.topic == "readings"):
            sent.setdefault(record.key, []).extend(record.payloads)
        kept.ack([record.id for lane in offered for record in lane])
    kept.append([frame("still alive")], NOON)

    assert sent.keys() <= said.keys()
    for device, payloads_ in sent.items():
        there = iter(said[device])
        assert all(payload in there for payload in payloads_), "an altered frame, or another order"
    missing = sum(map(len, said.values())) - sum(map(len, sent.values()))
    assert not missing or kept.lost_total or list(tmp_path.glob("*.damaged-*")), "lost, and nobody was told"
