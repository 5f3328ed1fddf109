"""Rejects are found by what people know of them, and show their own bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from barograph import schemas
from barograph.archive import Archive
from barograph.errors import ArchiveError
from barograph.rejects.shelf import Choice, reject, rejects

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")
KINDS = {"STRING": pa.string(), "BIGINT": pa.int64(), "INT": pa.int32(), "BINARY": pa.binary(), "TIMESTAMP": TIME}
SCHEMA = pa.schema([(name, KINDS.get(kind, pa.date32())) for name, kind in schemas.columns("rejects").items()])


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Three rejects of two ports, a day apart; the first was decoded since, the second again not."""

    def row(batch: int, offset: int, **facts):
        published = NOON + timedelta(days=offset)
        usual = {"topic": "rejects", "partition": 0, "frame": 0, "stage": "collect", "reason": "no_fields"}
        usual |= {"port": "wall", "raw": f"line {offset}".encode(), "published": published, "day": published.date()}
        return {**usual, "batch": batch, "offset": offset, **facts}

    rows = [
        row(1, 1),
        row(1, 2, device="fridge", metric="humidity", reason="not_a_number"),
        row(2, 3, port="dock", detail="4 columns"),
        row(9, 1, stage="replay", reason="replayed", raw=None),
        row(9, 2, stage="replay", reason="not_finite", metric="humidity", raw=None),
    ]
    write_deltalake(f"{tmp_path}/record/rejects", pa.Table.from_pylist(rows, SCHEMA), partition_by=["day"])
    return Archive(str(tmp_path))


def ids(found):
    return [(each.id, each.reason) for each in found]


def test_what_is_still_refused_is_listed_newest_first_for_its_newest_reason(archive):
    expected = [("rejects/0/3/0", "no_fields"), ("rejects/0/2/0/humidity", "not_finite")]

    assert expected == ids(rejects(archive, Choice()))
    assert [*expected, ("rejects/0/1/0", "replayed")] == ids(rejects(archive, Choice(), replayed=True))


def test_before_a_replay_they_are_as_they_were(archive):
    """A replay that was killed chooses what it chose at first."""
    found = rejects(archive, Choice(), before=9)

    assert {"no_fields", "not_a_number"} == {each.reason for each in found}
    assert 3 == len(found)


@pytest.mark.parametrize(
    ("choice", "offsets"),
    [
        (Choice(port="dock"), [3]),
        (Choice(device="fridge"), [2]),
        (Choice(reason="not_finite"), [2]),
        (Choice(stage="drain"), []),
        (Choice(since=NOON + timedelta(days=3)), [3]),
        (Choice(until=NOON + timedelta(days=3)), [2]),
        (Choice(ids=("rejects/0/3/0",)), [3]),
    ],
)
def test_they_are_chosen_by_what_is_known_of_them(archive, choice, offsets):
    assert offsets == [each.row["offset"] for each in rejects(archive, choice)]


def test_one_of_them_has_its_own_bytes_and_what_became_of_it(archive):
    found = reject(archive, "rejects/0/2/0/humidity")

    assert b"line 2" == found.row["raw"]
    assert ["not_finite"] == [note["reason"] for note in found.notes]


def test_one_that_is_not_there_is_said(archive):
    with pytest.raises(ArchiveError, match="no reject rejects/0/9/0"):
        reject(archive, "rejects/0/9/0")
