import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.collector.decoding import VERSION
from barograph.collector.formats import DelimitedFormat, JsonFormat
from barograph.collector.frames import enveloped
from barograph.collector.line import Arrivals, Line, Numbers
from barograph.collector.publisher import Topics
from barograph.registry import Port
from barograph.windows import utc

NOON = utc("2026-11-22T12:00:00Z")
LATER = NOON + timedelta(seconds=5)
JSON = JsonFormat(kind="json", device="device", time={"field": "ts"})
ROW = DelimitedFormat(kind="delimited", columns=[{"metric": "temperature"}, {"metric": "humidity"}])
CHECKED = DelimitedFormat(
    kind="delimited",
    columns=[{"metric": "temperature"}, {"metric": "humidity"}],
    frame={
        "cut": "between",
        "start": "\x02",
        "end": "\x03",
        "after": 2,
        "checksum": {"kind": "crc16-modbus", "at": -2},
    },
)
IDLE = DelimitedFormat(
    kind="delimited", columns=[{"metric": "temperature"}, {"metric": "humidity"}], frame={"cut": "idle", "gap_ms": 20}
)


def line(declared=JSON, **port) -> Line:
    made = Line(
        Port(port="p1", url="/dev/ttyUSB0", format="f", **port),
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


def times(entries) -> list[str]:
    return [frame["time"].removeprefix("2026-11-22T12:00:").removesuffix("Z") for frame in frames(entries)]


def test_a_frame_gets_its_identity_and_the_time_of_its_first_byte():
    """Device, boot and seq are what makes a second copy harmless; 28 bytes at 9600 baud have taken 29 ms."""
    (entry,) = line().take(b'{"device":"fridge","t":4.5}\n', LATER)

    assert json.loads(entry.payload) == {
        "device": "fridge",
        "time": "2026-11-22T12:00:04.970833Z",
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


def test_two_lines_of_one_chunk_have_the_times_of_their_first_bytes():
    """Each byte took a millisecond of the wire, so the first line was said earlier."""
    told = b'{"device":"fridge","t":%d}\n'

    entries = line(baud=10_000).take(told % 1 + told % 2, LATER)

    assert times(entries) == ["04.948000", "04.974000"]


def test_a_line_that_came_in_pieces_has_the_time_of_the_first():
    """A board that stops in the middle of a line measured before."""
    made = line(baud=10_000)
    made.take(b'{"device":"fridge",', NOON + timedelta(seconds=1))
    made.take(b'"t"', NOON + timedelta(seconds=2))

    assert times(made.take(b":1}\n", NOON + timedelta(seconds=3))) == ["00.981000"]


def test_parity_and_stop_bits_take_their_time():
    """7E2 has eleven bits a byte."""
    entries = line(baud=11_000, bits=7, parity="even", stop=2).take(b'{"device":"fridge","t":1}\n', LATER)

    assert times(entries) == ["04.974000"]


def test_two_frames_of_one_port_never_have_one_time():
    """One device's frames of one microsecond would collide in the record; a chunk may come faster than any wire."""
    made = line(baud=10_000)
    told = b'{"device":"fridge","t":1}\n'

    entries = made.take(told, LATER) + made.take(told, LATER) + made.take(told, LATER - timedelta(hours=1))

    assert times(entries) == ["04.974000", "04.974001", "04.974002"]


def test_a_new_connection_has_times_of_its_own():
    """The machine's clock may have been set while nobody was connected."""
    made = line(baud=10_000)
    told = b'{"device":"fridge","t":1}\n'
    made.take(told, LATER)
    made.opened(NOON)

    assert times(made.take(told, NOON + timedelta(seconds=1))) == ["00.974000"]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 100)), min_size=1, max_size=40), st.data())
def test_times_follow_the_bytes(chunks, data):
    """Later bytes have later times, none is in the future, and each is of the chunk that brought it."""
    arrivals = Arrivals(per_byte=0.001)
    moment, ends = NOON, []
    for size, pause in chunks:
        moment += timedelta(milliseconds=size + pause)
        ends.append((sum(each for each, _ in ends) + size, moment) if not ends else (ends[-1][0] + size, moment))
        arrivals.read(size, moment)
    wanted = sorted(data.draw(st.sets(st.integers(0, ends[-1][0] - 1), min_size=1, max_size=20)))

    found = [arrivals.of(byte) for byte in wanted]

    read = [next((end, at) for end, at in ends if end > byte) for byte in wanted]
    assert [at - timedelta(milliseconds=end - byte) for byte, (end, at) in zip(wanted, read, strict=True)] == found


def test_memory_does_not_grow_with_the_chunks_of_one_frame():
    """A frame of two megabytes may come byte by byte."""
    arrivals = Arrivals(per_byte=0.001)
    for byte in range(10_000):
        arrivals.read(1, NOON + timedelta(milliseconds=byte + 1))

    assert len(arrivals._chunks) < 2_000
    assert arrivals.of(0) == NOON


def test_an_unknown_device_is_collected_and_counted():
    """Plugging in a new board must not need a registry first."""
    made = line()

    made.take(b'{"device":"stranger","t":1}\n{"device":"fridge","t":1}\n', LATER)

    assert (made.counters.frames, made.counters.unregistered) == (2, 1)


def test_a_frame_of_a_clock_that_is_a_year_off_gets_the_time_at_which_it_came_and_says_so():
    """The value is as good as ever; filed under last year, nobody would see it."""
    made = line(baud=1_000_000)
    told = b'{"device":"fridge","ts":"%s","t":1}\n'

    entries = made.take(told % b"2025-11-22T12:00:05Z" + told % b"2026-11-22T11:59:58Z", LATER)

    assert reasons(entries) == []
    off, trusted = frames(entries)
    assert "2026-11-22T12:00:04.99" == off["time"][:22]
    assert -31_536_000 == round(off["skew"])
    assert ("2026-11-22T11:59:58.000000Z", False) == (trusted["time"], "skew" in trusted)
    assert 1 == made.counters.clock_off


@pytest.mark.parametrize(("ahead", "off"), [(59.9, False), (60.1, True), (-59.9, False), (-60.1, True)])
def test_the_limit_of_a_clock_holds_in_both_directions(ahead, off):
    made = line(max_skew=60, baud=1_000_000)
    at = (LATER + timedelta(seconds=ahead)).isoformat()

    [frame] = frames(made.take(b'{"device":"fridge","ts":"%s","t":1}\n' % at.encode(), LATER))

    assert off == ("skew" in frame)


def test_how_far_a_clock_is_off_is_known_in_all_cases():
    """Also of one that is trusted, and of one that any may be: a drifting clock shows before it is beyond the limit."""
    made = line(max_skew=None)
    made.take(b'{"device":"fridge","ts":"2025-11-22T12:00:05Z","t":1}\n', LATER)

    assert -31_536_000 == round(made.counters.device("fridge").skew)
    assert 0 == made.counters.clock_off


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


def test_half_a_frame_at_plug_in_is_skipped_where_a_start_shows_it():
    """What comes before the first start mark is no reject; what follows is whole, however soon."""
    made = line(CHECKED, device="dock")

    entries = made.take(b"2.5;60\x03xy" + enveloped(b"-12.6;60", CHECKED.frame), NOON)

    assert [frame["values"]["temperature"] for frame in frames(entries)] == [-12.6]
    assert (reasons(entries), made.counters.partial) == ([], 1)


def test_a_damaged_frame_is_rejected_with_what_its_checksum_says():
    """The bytes as they came, its mark and checksum with them; its neighbours go on."""
    made = line(CHECKED, device="dock")
    good = enveloped(b"-12.6;60", CHECKED.frame)
    bad = good.replace(b"6;6", b"9;6")

    entries = made.take(good + bad + good, LATER)

    assert ([frame["values"]["temperature"] for frame in frames(entries)], reasons(entries)) == (
        [-12.6, -12.6],
        ["bad_checksum"],
    )
    assert (entries[1].payload, made.counters.lines, dict(made.counters.rejects)) == (bad, 3, {"bad_checksum": 1})


def test_a_silence_ends_a_frame():
    """Its time is that of its first byte, not that of the silence."""
    made = line(IDLE, device="dock", baud=10_000)

    assert made.take(b"21.5", LATER) + made.take(b";60", LATER + timedelta(milliseconds=3)) == []
    assert made.silent_at(100.0) == pytest.approx(100.02)
    assert times(made.silent()) == ["04.996000"]
    assert made.silent_at(101.0) is None


def test_silence_means_nothing_to_lines():
    """No timer runs for them."""
    made = line()
    made.take(b'{"device":', LATER)

    assert made.silent_at(100.0) is None


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
        "time": "2026-11-22T12:00:04.988542Z",
        "boot": "boot",
        "seq": "1",
        "decoder": VERSION,
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
    monkeypatch.setattr("barograph.collector.line.decoder", lambda _: lambda *_: 1 / 0)

    assert reasons(line().take(b"{}\n", LATER)) == ["no_fields"]


def test_nobody_gets_a_number_twice_when_the_registry_is_edited():
    """(device, boot, seq) is a frame's identity: a second one would be dropped as a duplicate."""
    numbers = Numbers(frozenset(["a"]))
    before = [("a", numbers.take("a")) for _ in range(3)] + [("b", numbers.take("b"))]

    numbers.register(frozenset(["b"]))
    between = [("a", numbers.take("a")), ("b", numbers.take("b"))]
    numbers.register(frozenset(["a", "b"]))
    after = [("a", numbers.take("a")), ("b", numbers.take("b"))]

    assert 8 == len({*before, *between, *after})
