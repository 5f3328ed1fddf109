import json

from hypothesis import given
from hypothesis import strategies as st

from barograph.collector.packs import MAX_PACK_BYTES, Entry, Pack, legible, packed

FRAMES = st.lists(
    st.builds(Entry, st.just("readings"), st.binary(min_size=1, max_size=30), st.sampled_from(["fridge", "dock", None]))
)


def one(*payloads: bytes, device="fridge") -> Pack:
    (record,) = packed([Entry("readings", payload, device) for payload in payloads], 5, 1)
    return record


@given(FRAMES)
def test_what_is_packed_comes_apart_as_it_was(entries):
    """Whatever bytes a payload has, those included that stand between two frames."""
    records = packed(entries, 5, 1)

    for device in ("fridge", "dock", None):
        expected = [entry.payload for entry in entries if entry.key == device]
        assert expected == [payload for each in records if each.key == device for payload in each.payloads]
    assert all(record.checked() for record in records)
    assert [*range(1, len(records) + 1)] == [record.id for record in records]


def test_a_record_is_the_array_form_of_the_topic():
    """It is published as it lies on disk."""
    assert [{"seq": 1}, {"seq": 2}] == json.loads(one(b'{"seq":1}', b'{"seq":2}').payload)
    assert b'{"seq":1}' == one(b'{"seq":1}').payload


def test_a_record_has_500_frames_and_half_a_megabyte_at_most():
    many = packed([Entry("readings", b"{}", "fridge")] * 1_001, 5, 1)
    large = packed([Entry("readings", b"." * 200_000, "fridge")] * 5, 5, 1)

    assert [500, 500, 1] == [record.frames for record in many]
    assert [2, 2, 1] == [record.frames for record in large]
    assert all(len(record.payload) <= MAX_PACK_BYTES for record in large)


def test_rejects_are_never_packed():
    """Each has its reason in its headers."""
    rejects = [Entry("rejects", b"x", None, (("reason", "not_json"),))] * 3

    assert rejects == [entry for record in packed(rejects, 5, 1) for entry in record.entries]
    assert 3 == len(packed(rejects, 5, 1))


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7), st.integers(min_value=1, max_value=8))
def test_one_wrong_bit_is_seen_and_costs_two_frames_at_most(place, bit, count):
    """One, and its neighbour if the bit was between them."""
    whole = one(*(b'{"seq":%d,"values":{"t":21.5}}' % n for n in range(count)))
    content = bytearray(whole.payload)
    content[place % len(content)] ^= 1 << bit
    damaged = whole._replace(payload=bytes(content))

    good, bad = legible(damaged)

    assert not damaged.checked()
    assert set(good) <= set(whole.payloads)
    assert count == 1 or len(good) >= count - 2
    assert bad or good == whole.payloads


def test_a_record_is_bound_to_its_place():
    """The same bytes under another id, device or time are not what was stored."""
    whole = one(b"a", b"b")

    assert not whole._replace(id=2).checked()
    assert not whole._replace(key="dock").checked()
    assert not whole._replace(at=6).checked()
    assert not whole._replace(crc=None).checked()
