"""A reject that was brought in is missing no more; one that is still refused stays, for its newest reason."""

from __future__ import annotations

import pyarrow as pa

from barograph.transforms.refusals import NEEDED, histories, outstanding


def rows(*told: tuple) -> pa.Table:
    """(batch, stage, reason, offset, metric)"""
    made = [
        {"topic": "rejects", "partition": 0, "frame": 0}
        | dict(zip(("batch", "stage", "reason", "offset", "metric"), row, strict=True))
        for row in told
    ]
    kinds = {"partition": pa.int32(), "offset": pa.int64(), "frame": pa.int32(), "batch": pa.int64()}
    return pa.Table.from_pylist(made, pa.schema([(name, kinds.get(name, pa.string())) for name in NEEDED]))


def test_a_reject_that_was_brought_in_is_missing_no_more():
    """Its neighbours are, and so is another value of the same frame."""
    given = rows(
        (1, "collect", "no_fields", 41, None),
        (1, "collect", "no_fields", 42, None),
        (1, "drain", "not_a_number", 43, "humidity"),
        (1, "drain", "not_a_number", 43, "light"),
        (9, "replay", "replayed", 41, None),
        (9, "replay", "replayed", 43, "light"),
    )

    assert [(42, None), (43, "humidity")] == [
        (row["offset"], row["metric"]) for row in outstanding(given).to_pylist()
    ]  # fmt: skip


def test_one_that_is_still_refused_is_still_one_reject():
    given = rows((1, "collect", "no_fields", 41, None), (9, "replay", "bad_checksum", 41, None))

    assert [1] == outstanding(given)["batch"].to_pylist()


def test_without_a_replay_all_of_them_are_missing():
    assert 1 == outstanding(rows((1, "drain", "not_json", 1, None))).num_rows
    assert 0 == outstanding(rows()).num_rows


def test_what_replays_found_out_stands_beside_the_reject_oldest_first():
    given = rows(
        (9, "replay", "replayed", 41, None),
        (1, "collect", "no_fields", 41, None),
        (5, "replay", "bad_checksum", 41, None),
    )

    [(reject, notes)] = histories(given.to_pylist())

    assert (1, [5, 9]) == (reject["batch"], [note["batch"] for note in notes])
