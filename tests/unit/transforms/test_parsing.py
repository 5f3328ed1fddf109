"""A message costs at most itself: whatever stands in it, its neighbours are read and nothing is lost."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from barograph import spark as edge
from barograph.readings import REASONS
from barograph.transforms import parsing

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = 86_400.0
DATA = Path(os.environ.get("BAROGRAPH_TEST_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))


@pytest.fixture
def parsed(spark):
    def parse(*messages):
        rows = [(None, message, "readings", 0, place, NOON, 0) for place, message in enumerate(messages)]
        kafka = spark.createDataFrame(
            rows,
            "key binary, value binary, topic string, partition int, offset bigint, timestamp timestamp, "
            "timestampType int",
        )
        frames = parsing.frames(kafka, DAY).cache()
        kept, refused = parsing.readings(frames).collect(), parsing.rejects(frames).collect()
        claimed = sum(row.claimed for row in frames.select("claimed").collect())
        assert claimed == len(kept) + len(refused)
        assert sum(row.kept for row in frames.select("kept").collect()) == len(kept)
        frames.unpersist()
        return kept, refused

    return parse


def values(rows):
    return {(row.offset, row.frame, row.device, row.metric): row.value for row in rows}


def test_a_strangers_ten_lines_of_python_are_enough(parsed):
    """No key, no time, no sequence: the time is Kafka's."""
    kept, _ = parsed(b'{"device": "sensor3", "temperature": 21}')

    assert {(0, 0, "sensor3", "temperature"): 21.0} == values(kept)
    assert NOON == kept[0].time.replace(tzinfo=UTC)


def test_a_clock_that_was_not_trusted_is_carried_along(parsed):
    """Refining flags such readings; a message without a skew, or with nonsense in its place, stands as it is."""
    told = [b"-31536000.5", b'"NaN"', b"1e999", b"[1]", b"null"]
    kept, refused = parsed(
        *(b'{"device":"a","values":{"t":1},"skew":%s}' % skew for skew in told), b'{"device":"a","values":{"t":1}}'
    )

    assert [-31536000.5, None, None, None, None, None] == [row.skew for row in sorted(kept, key=lambda row: row.offset)]
    assert [] == refused


def test_a_strangers_metric_may_be_called_skew(parsed):
    """In the flat form every number is a metric, as it always was."""
    kept, _ = parsed(b'{"device":"a","skew":2}')

    assert [("skew", 2.0, None)] == [(row.metric, row.value, row.skew) for row in kept]


def test_one_bad_value_leaves_its_neighbours(parsed):
    """With a typed schema the whole frame would be null."""
    kept, refused = parsed(b'{"device":"a","values":{"t":1.5,"h":"wet","n":NaN,"i":1e999,"on":true,"gone":null}}')

    assert {(0, 0, "a", "t"): 1.5, (0, 0, "a", "on"): 1.0, (0, 0, "a", "gone"): None} == values(kept)
    assert {"h": "not_a_number", "n": "not_finite", "i": "not_finite"} == {row.metric: row.reason for row in refused}


def test_one_bad_frame_leaves_its_neighbours(parsed):
    kept, refused = parsed(b'[{"device":"a","t":1}, 5, {"device":"a","t":2}]')

    assert {(0, 0, "a", "t"): 1.0, (0, 2, "a", "t"): 2.0} == values(kept)
    assert [("not_json", b"5")] == [(row.reason, bytes(row.raw)) for row in refused]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"\xff\xfe{", "not_utf8"),
        (b"garbage", "not_json"),
        (b"", "not_json"),
        (None, "not_json"),
        (b"[]", "not_json"),
        (b'{"device":"a","t":1', "not_json"),
        (b'{"t":1}', "no_device"),
        (b'{"device":" ","t":1}', "no_device"),
        (b'{"device":"a\\nb","t":1}', "bad_device"),
        (b'{"device":"a\\\\","t":1}', "bad_device"),
        (b'{"device":"a","values":{"_field":1}}', "bad_metric"),
        (b'{"device":"a","values":{"#c":1}}', "bad_metric"),
        (b'{"device":"a","time":"yesterday","t":1}', "bad_time"),
        (b'{"device":"a","time":"2027-11-22T12:00:00Z","t":1}', "clock_ahead"),
        (b'{"device":"a","time":"1970-01-01T00:00:00Z","t":1}', "clock_behind"),
        (b'{"device":"a","values":{}}', "no_values"),
        (b'{"device":"a","status":"ok"}', "no_values"),
    ],
)
def test_what_cannot_be_read_is_kept_byte_for_byte_with_its_reason(parsed, message, reason):
    kept, refused = parsed(message, b'{"device":"good","t":1}')

    assert ["good"] == [row.device for row in kept]
    assert [reason] == [row.reason for row in refused]
    assert message == (None if refused[0].raw is None else bytes(refused[0].raw))
    assert reason in REASONS


def test_a_message_of_a_megabyte_is_one_message(parsed):
    long = b'{"device":"a","t":1,"note":"' + b"x" * 1_000_000 + b'"}'

    kept, _ = parsed(long)

    assert {(0, 0, "a", "t"): 1.0} == values(kept)


@pytest.mark.skipif(not (DATA / "malformed").is_dir(), reason=f"no recordings at {DATA}")
def test_no_file_of_a_malformed_collection_stops_the_batch(parsed):
    """318 JSON files, most of them hostile, as values of readings' messages and as whole messages."""
    files = sorted((DATA / "malformed" / "json").glob("*.json"))
    whole = [path.read_bytes() for path in files]
    inside = [b'{"device":"a","values":{"x":' + content + b"}}" for content in whole]
    strings = json.loads((DATA / "malformed" / "naughty_strings.json").read_text())
    named = [json.dumps({"device": "a", "values": {text: 1}}).encode() for text in strings]

    kept, refused = parsed(*whole, *inside, *named, b'{"device":"good","t":1}')

    assert "good" in {row.device for row in kept}
    assert {row.reason for row in refused} <= REASONS.keys()


def test_few_messages_are_read_as_many_are(spark, parsed):
    """Of few, expressions are interpreted, of many compiled: two machines in Spark, and one answer."""
    messages = [
        b'{"device":"a","values":{"t":1.5,"h":"wet","n":NaN,"i":1e999,"on":true,"gone":null},"skew":-2.5}',
        b'[{"device":"b","boot":"x","seq":7,"time":"2026-11-22T11:00:00.000001Z","values":{"t":2}},{"device":"b"}]',
        b'{"device":"c","time":"2031-01-01T00:00:00Z","values":{"t":1},"historical":true}',
        *(b'{"device": "sensor3", "temperature": 21}', b"rubbish", b"\xff\xfe", b"", b"[]", b'{"values":{"t":1}}'),
        None,
    ]

    edge.expect(spark, edge.WORTH_COMPILING - 1)
    few = parsed(*messages)
    edge.expect(spark, edge.WORTH_COMPILING)
    many = parsed(*messages)

    assert len(few[0]) == 5
    assert len(few[1]) > 5
    assert few == many
