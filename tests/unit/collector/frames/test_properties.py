"""What holds for every framing, whatever it is fed."""

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.collector.frames.framings import (
    CARRIED,
    EVERY,
    LIMIT,
    MARKED,
    STRONG,
    SURE,
    WITH_A_CRC,
    cut,
    payloads,
    reasons,
    sent,
    without_own,
)

from barograph.collector.frames import SAMPLE, Cut, cutter

FEW = settings(max_examples=40, deadline=None)
"""For each of the framings."""

EXAMPLE = {
    "fixed without a start": b"$5,6/2.5;",
    "length in words, in digits": b"#5,6/2.5;60..",
    "length by kind": bytes(11),
}


def several(draw, name: str, least: int, most: int) -> list[bytes]:
    return draw(st.lists(CARRIED[name].payload, min_size=least, max_size=most))


@pytest.mark.parametrize("name", EVERY)
@FEW
@given(data=st.data())
def test_cutting_gives_back_what_was_enveloped(name, data):
    """A simulated board, and a case folder, mean the same as the real one."""
    told = several(data.draw, name, 1, 5)

    found = cut([sent(name, one) for one in told], CARRIED[name].declared)

    assert [] == reasons(found)
    assert [without_own(name, one) for one in told] == [without_own(name, one) for one in payloads(found)]


@st.composite
def streams(draw, name: str) -> bytes:
    """Good frames, damaged ones, noise, and marks where none belong."""
    piece = st.one_of(
        CARRIED[name].payload.map(lambda one: sent(name, one)),
        CARRIED[name].payload.map(lambda one: sent(name, one)[:-3]),
        CARRIED[name].payload.map(lambda one: sent(name, one)[1:]),
        CARRIED[name].payload.map(lambda one: sent(name, one)[:2]),
        st.binary(max_size=30),
        st.sampled_from([b":7F0ED0071\n", b":", b"\r\nChec"]),
        st.integers(LIMIT - 20, LIMIT + SAMPLE).map(lambda size: b"x" * size),
    )
    return b"".join(draw(st.lists(piece, max_size=8)))


@pytest.mark.parametrize("name", [name for name in EVERY if CARRIED[name].declared.cut != "idle"])
@FEW
@given(data=st.data())
def test_chunks_do_not_matter(name, data):
    """A UART hands over what it has, not what we want: the frames, and what is refused, are those of the whole."""
    stream = data.draw(streams(name))
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[at:to] for at, to in zip([0, *places], [*places, len(stream)], strict=True)]

    whole = cut(stream, CARRIED[name].declared)

    assert whole == cut(chunks, CARRIED[name].declared)
    assert whole == cut([stream[at : at + 1] for at in range(len(stream))], CARRIED[name].declared)


@given(stream=st.binary(max_size=LIMIT), places=st.lists(st.integers(0, LIMIT), max_size=9))
def test_chunks_without_a_silence_are_one_frame(stream, places):
    """What a silence parts is parted by nothing else."""
    made = cutter(CARRIED["idle, Modbus"].declared, LIMIT)
    places = sorted(min(place, len(stream)) for place in places)

    for at, to in zip([0, *places], [*places, len(stream)], strict=True):
        assert [] == made.feed(stream[at:to])

    assert ([stream] if stream else []) == [each.raw[: LIMIT + 1] for each in made.silence()] or len(stream) > SAMPLE


@pytest.mark.parametrize("name", EVERY)
@FEW
@given(data=st.data())
def test_a_frame_says_where_it_stood(name, data):
    """Its time is that of its first byte, and a reject is found again in a recording."""
    if CARRIED[name].declared.cut == "idle":
        return
    stream = data.draw(streams(name))

    for each in cutter(CARRIED[name].declared, LIMIT).feed(stream):
        assert stream[each.begin : each.begin + len(each.raw)] == each.raw
        assert len(each.raw) <= (LIMIT if isinstance(each, Cut) else SAMPLE) + 1


@st.composite
def damaged(draw, frame: bytes) -> bytes:
    """A burst of other bytes, some bytes lost, or some too many."""
    at = draw(st.integers(0, len(frame) - 1))
    size = draw(st.integers(1, 4))
    instead = draw(st.one_of(st.just(b""), st.binary(min_size=size, max_size=size), st.binary(min_size=5, max_size=9)))
    made = frame[:at] + instead + frame[at + size :]
    assume(made != frame)
    return made


@pytest.mark.parametrize("name", STRONG)
@FEW
@given(data=st.data())
def test_damage_costs_one_frame(name, data):
    """A start mark, a length or an end that was hit must not take the neighbours along."""
    before, hit, after = (sent(name, one) for one in several(data.draw, name, 3, 3))

    found = payloads(cut(before + data.draw(damaged(hit)) + after + before + after, CARRIED[name].declared))

    assert at_most_one_lost(name, [before, hit, after, before, after], found), found


@pytest.mark.parametrize("name", [name for name in MARKED if name not in STRONG])
def test_damage_costs_one_frame_as_often_as_eight_bits_can_tell(name):
    """One in 256 damaged frames looks whole, and may have taken a byte of the next one with it."""
    rng = random.Random(23)
    size = 12 if name == "fixed" else 40

    lost_more = 0
    for _ in range(1_000):
        before, hit, after = (sent(name, bytes(rng.choices(b"0123456789,;.", k=size))) for _ in range(3))
        place = rng.randrange(len(hit))
        worse = hit[:place] + rng.randbytes(rng.choice([0, 2, 5])) + hit[place + 2 :]
        found = payloads(cut(before + worse + after + before + after, CARRIED[name].declared))
        lost_more += not at_most_one_lost(name, [before, hit, after, before, after], found)

    assert lost_more <= 12


def at_most_one_lost(name: str, frames: list[bytes], found: list[bytes]) -> bool:
    wanted = [payload for one in frames for payload in payloads(cut(one, CARRIED[name].declared))]
    fewer = [wanted[:lost] + wanted[lost + 1 :] for lost in range(len(wanted))]
    return len(found) <= len(wanted) and any(is_within(each, found) for each in fewer)


def is_within(wanted: list[bytes], found: list[bytes]) -> bool:
    rest = iter(found)
    return all(one in rest for one in wanted)


@pytest.mark.parametrize("name", [name for name in SURE if name not in MARKED])
@FEW
@given(data=st.data())
def test_damage_inside_costs_one_frame(name, data):
    """Where nothing marks a start, a frame that keeps its end still keeps its neighbours."""
    before, hit, after = (sent(name, one) for one in several(data.draw, name, 3, 3))
    end = 14 if "VE.Direct" in name else 2
    inside = hit[:-end]
    assume(inside)
    worse = data.draw(damaged(inside)) + hit[-end:]

    found = payloads(cut([before, worse, after], CARRIED[name].declared))

    assert payloads(cut(before, CARRIED[name].declared))[0] == found[0]
    assert payloads(cut(after, CARRIED[name].declared))[0] == found[-1]


@pytest.mark.parametrize("name", MARKED)
@FEW
@given(data=st.data())
def test_a_false_start_does_not_eat_the_next_frame(name, data):
    """Noise that looks like the head of a frame claims some length too."""
    one, other = (sent(name, payload) for payload in several(data.draw, name, 2, 2))
    head = one[: data.draw(st.integers(1, max(1, len(one) - 1)))]

    found = payloads(cut(head + other + other + other * (len(one) // len(other) + 1), CARRIED[name].declared))

    assert payloads(cut(other, CARRIED[name].declared))[0] == found[-1]
    assert len(found) >= 2


@pytest.mark.parametrize("name", WITH_A_CRC)
@FEW
@given(data=st.data())
def test_one_wrong_bit_is_never_read(name, data):
    """A CRC misses no single bit; what remains must not be read as something else."""
    frame = sent(name, data.draw(CARRIED[name].payload))
    place = data.draw(st.integers(0, 8 * len(frame) - 1))
    wrong = bytearray(frame)
    wrong[place // 8] ^= 1 << place % 8
    whole = payloads(cut(frame, CARRIED[name].declared))

    found = payloads(cut(bytes(wrong), CARRIED[name].declared))

    assert found in ([], whole)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("babble", ["letters", "marks", "heads", "noise"])
def test_memory_is_bounded_whatever_comes(name, babble):
    """A board that lost its ends must cost a few rejects, not our memory."""
    frame = sent(name, EXAMPLE.get(name, b"$5,6/2.5;60."))
    rng = random.Random(7)
    told = {"letters": b"x" * 999, "marks": frame[:1] * 999, "heads": frame[:5] * 200, "noise": rng.randbytes(999)}
    made = cutter(CARRIED[name].declared, LIMIT)

    refused = 0
    for _ in range(200):
        refused += len(reasons(made.feed(told[babble])))
        assert made.pending <= LIMIT + 20

    assert refused <= 200 * 1000 / 4


@pytest.mark.parametrize("name", MARKED)
def test_a_wire_at_the_wrong_speed_is_told_now_and_then(name):
    """Somebody must see that what comes is nothing, and must not get it a thousand times a second."""
    made = cutter(CARRIED[name].declared, LIMIT)

    refused = reasons(made.feed(random.Random(3).randbytes(100_000)))

    assert 10 <= len(refused) <= 2_000
