from hypothesis import given
from hypothesis import strategies as st

from barograph.collector.frames import SAMPLE, LineSplitter, TooLong


def test_a_line_may_come_in_any_pieces():
    """A UART hands over what it has, not what we want."""
    splitter = LineSplitter(100)

    found = [line for chunk in (b"12", b",5;6", b"0\r", b"\n13", b",5;61\n") for line in splitter.feed(chunk)]

    assert found == [b"12,5;60", b"13,5;61"]


def test_cr_lf_and_both_end_a_line_and_empty_lines_are_none():
    """Boards differ; none of them means an empty line."""
    assert LineSplitter(100).feed(b"a\rb\r\n\r\n\nc\n") == [b"a", b"b", b"c"]


def test_a_line_that_is_too_long_is_told_once_and_the_next_one_is_whole():
    """A board that lost its line ends must cost one reject, not our memory and not its neighbours."""
    splitter = LineSplitter(1000)

    found = [line for _ in range(1000) for line in splitter.feed(b"x" * 1000)]
    found += splitter.feed(b"still it\ngood\n")

    assert [TooLong(b"x" * SAMPLE), b"good"] == found


def test_a_line_of_exactly_the_longest_length_is_fine():
    """The limit is the longest line allowed, not the first one refused."""
    assert LineSplitter(16).feed(b"x" * 16 + b"\n") == [b"x" * 16]
    assert [TooLong(b"x" * 17)] == LineSplitter(16).feed(b"x" * 17 + b"\n")


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_chunks_do_not_matter(chunks):
    """Whatever the pieces, the lines are those of the whole."""
    whole, pieces = LineSplitter(30), LineSplitter(30)

    expected = whole.feed(b"".join(chunks))

    found = [line for chunk in chunks for line in pieces.feed(chunk)]
    # The sample of an overlong line is what had come of it when the limit was reached.
    assert [type(line) for line in expected] == [type(line) for line in found]
    assert [line for line in expected if isinstance(line, bytes)] == [line for line in found if isinstance(line, bytes)]
