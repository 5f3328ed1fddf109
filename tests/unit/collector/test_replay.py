"""A recording speaks like the port it was made of, at its own pace or another."""

import json

import pytest

from barograph.collector.replay import Replay
from barograph.errors import PortError
from barograph.registry import Port


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def replay(tmp_path, url, clock=None, **port):
    return Replay(Port(port="p1", url=url, format="f", **port), tmp_path, clock or Clock())


def test_bytes_come_as_fast_as_the_line_allows(tmp_path):
    """9600 baud are 960 bytes a second; at ten times the pace, 9600."""
    (tmp_path / "r.bin").write_bytes(b"x" * 5000)
    clock = Clock()
    slow, fast = (replay(tmp_path, f"file://r.bin{pace}", clock, baud=9600) for pace in ("", "?pace=5x"))
    clock.now += 1

    assert (960, 4800) == tuple(round(len(each.read()), -1) for each in (slow, fast))
    assert b"" == slow.read()


def test_everything_comes_once_and_then_nothing(tmp_path):
    """The end of a recording is silence, not a loss: a port that reopens would say it all again."""
    (tmp_path / "r.bin").write_bytes(bytes(range(256)) * 1000)
    clock = Clock()
    source = replay(tmp_path, "file://r.bin?pace=max", clock)
    clock.now += 1e-3
    said = b"".join(source.read() for _ in range(10))

    assert bytes(range(256)) * 1000 == said
    assert b"" == source.read()


def test_a_recording_with_times_keeps_them(tmp_path):
    lines = [{"at": 0, "hex": b"a".hex()}, {"at": 2.5, "hex": b"b".hex()}]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, lines)))
    clock = Clock()
    source = replay(tmp_path, f"file://{tmp_path}/r.jsonl", clock)

    assert b"a" == source.read()
    clock.now += 2.4
    assert b"" == source.read()
    clock.now += 0.2
    assert b"b" == source.read()


@pytest.mark.parametrize(
    ("url", "content", "why"),
    [
        ("file://none.bin", b"", "no recording to read"),
        ("file://r.bin?pace=fast", b"", "neither `max` nor"),
        ("file://r.jsonl", b'{"at": 0}', "line 1 is not like"),
    ],
)
def test_what_is_no_recording_says_why(tmp_path, url, content, why):
    (tmp_path / url.removeprefix("file://").split("?")[0].replace("none", "some")).write_bytes(content)

    with pytest.raises(PortError, match=why):
        replay(tmp_path, url).read()
