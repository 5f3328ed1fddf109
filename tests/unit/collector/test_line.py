import json
from datetime import timedelta

from barograph.collector.formats import DelimitedFormat, JsonFormat
from barograph.collector.line import Line, Numbers
from barograph.collector.publisher import Topics
from barograph.registry import Port
from barograph.windows import utc

NOON = utc("2026-11-22T12:00:00Z")
LATER = NOON + timedelta(seconds=5)
JSON = JsonFormat(kind="json", device="device", time={"field": "ts"})
ROW = DelimitedFormat(kind="delimited", columns=[{"metric": "temperature"}, {"metric": "humidity"}])


def line(declared=JSON, **port) -> Line:
    made = Line(
        Port(port="p1", url="loop://", format="f", **port),
        declared,
        "boot",
        Topics("readings", "rejects"),
        Numbers(frozenset({"fridge"})),
    )
    made.opened(NOON)
    return made


def frames(entries) -> list[dict]:
    return [json.loads(entry.payload) for entry in entries if entry.topic == "readings"]


def reasons(entries) -> list[str]:
    return [dict(entry.headers)["reason"] for entry in entries if entry.topic == "rejects"]


def test_a_frame_gets_its_identity_and_the_time_of_its_arrival():
    """Device, boot and seq are what makes a second copy harmless."""
    (entry,) = line().take(b'{"device":"fridge","t":4.5}\n', LATER)

    assert json.loads(entry.payload) == {
        "device": "fridge",
        "time": "2026-11-22T12:00:05.000000Z",
        "seq": 0,
        "boot": "boot",
        "port": "p1",
        "values": {"t": 4.5},
        "raw": '{"device":"fridge","t":4.5}',
    }
    assert (entry.topic, entry.key) == ("readings", "fridge")


def test_each_device_counts_for_itself():
    """A gap in a device's numbers is a loss of that device. Strangers share a count, so that names cost no memory."""
    told = b"".join(b'{"device":"%s","t":1}\n' % name for name in (b"fridge", b"x", b"fridge", b"y"))

    found = frames(line().take(told, LATER))

    assert [(frame["device"], frame["seq"]) for frame in found] == [("fridge", 0), ("x", 0), ("fridge", 1), ("y", 1)]


def test_two_lines_of_one_chunk_have_two_times():
    """One device's frames of one microsecond would collide in the record."""
    found = frames(line().take(b'{"device":"fridge","t":1}\n{"device":"fridge","t":2}\n', LATER))

    assert len({frame["time"] for frame in found}) == 2


def test_an_unknown_device_is_collected_and_counted():
    """Plugging in a new board must not need a registry first."""
    made = line()

    made.take(b'{"device":"stranger","t":1}\n{"device":"fridge","t":1}\n', LATER)

    assert (made.counters.frames, made.counters.unregistered) == (2, 1)


def test_a_clock_that_is_a_year_off_is_refused():
    """Such a reading would be filed under a day that nobody looks at."""
    made = line()
    told = b'{"device":"fridge","ts":"%s","t":1}\n'

    entries = made.take(told % b"2025-11-22T12:00:00Z" + told % b"2026-11-22T11:59:58Z", LATER)

    assert reasons(entries) == ["clock_skew"]
    assert [frame["time"] for frame in frames(entries)] == ["2026-11-22T11:59:58.000000Z"]


def test_a_port_may_trust_any_clock():
    """Replaying an old recording is a feature."""
    entries = line(max_skew=None).take(b'{"device":"fridge","ts":"2020-07-13T00:00:00Z","t":1}\n', LATER)

    assert [frame["time"] for frame in frames(entries)] == ["2020-07-13T00:00:00.000000Z"]


def test_half_a_line_at_plug_in_is_skipped():
    """A board plugged in mid-sentence costs us that sentence: neither the connection nor a reject."""
    made = line()

    entries = made.take(b'ce":"fridge","t":4.5}\r\n{"device":"fridge","t":4.6}\r\n', NOON)

    assert [frame["values"]["t"] for frame in frames(entries)] == [4.6]
    assert (reasons(entries), made.counters.partial) == ([], 1)


def test_half_a_row_is_skipped_even_if_it_looks_whole():
    """The board may have said -12.5;60, of which we heard 2.5;60."""
    made = line(ROW, device="dock")

    entries = made.take(b"2.5;60\n-12.6;60\n", NOON)

    assert [frame["values"]["temperature"] for frame in frames(entries)] == [-12.6]
    assert made.counters.partial == 1


def test_after_a_silence_the_first_line_is_whole():
    """A board that speaks every 30 s is not cut by an opening seconds earlier; its frame is not ours to lose."""
    entries = line(ROW, device="dock").take(b"-12.5;60\n", LATER)

    assert [frame["values"]["temperature"] for frame in frames(entries)] == [-12.5]


def test_a_reconnection_begins_anew():
    """The rest of the old line and the beginning of the new one are no line."""
    made = line()
    made.take(b'{"device":"fri', LATER)
    made.lost()
    made.opened(LATER)

    entries = made.take(b'dge","t":4.5}\n{"device":"fridge","t":4.6}\n', LATER)

    assert ([frame["values"]["t"] for frame in frames(entries)], reasons(entries)) == ([4.6], [])
    assert made.counters.partial == 2


def test_garbage_is_rejected_byte_for_byte_with_its_reason():
    """Whoever mends the board wants to see what it said."""
    made = line()

    (entry,) = made.take(b"\xff\xfe\x00garbage\n", LATER)

    assert (entry.topic, entry.payload) == ("rejects", b"\xff\xfe\x00garbage")
    assert dict(entry.headers) == {
        "reason": "not_utf8",
        "detail": "byte 0 is 0xff",
        "stage": "collect",
        "port": "p1",
        "time": "2026-11-22T12:00:05.000000Z",
        "boot": "boot",
        "seq": "1",
        "decoder": "1",
    }
    assert made.counters.rejects == {"not_utf8": 1}


def test_one_bad_value_is_rejected_and_the_frame_goes_on():
    """The reject names device and metric, and carries the whole line."""
    entries = line().take(b'{"device":"fridge","t":NaN,"h":60}\n', LATER)

    (reject,) = [dict(entry.headers) for entry in entries if entry.topic == "rejects"]
    assert (reject["reason"], reject["device"], reject["metric"]) == ("not_finite", "fridge", "t")
    assert [frame["values"] for frame in frames(entries)] == [{"h": 60}]


def test_a_line_of_a_megabyte_is_one_reject():
    """And the next line is read as if nothing had been."""
    made = line()

    entries = made.take(b"x" * 1_000_000 + b'\n{"device":"fridge","t":1}\n', LATER)

    assert (reasons(entries), len(frames(entries))) == (["too_long"], 1)
    assert len(entries[0].payload) < 1000


def test_a_frame_that_is_too_large_for_a_broker_is_refused_here():
    """At the head of the spool it would be refused for ever."""
    made = line(max_line=2_000_000)
    told = b'{"device":"fridge","t":1,"h":"----"%s}\n' % (b" " * 950_000)

    assert reasons(made.take(told, LATER)) == ["too_long"]


def test_a_mistake_of_ours_costs_one_line(monkeypatch):
    """The collector must outlive its bugs: a restart would read the same line again."""
    monkeypatch.setattr("barograph.collector.line.decode", lambda *_: 1 / 0)

    assert reasons(line().take(b"{}\n", LATER)) == ["no_fields"]
