"""The formats that come with us: each can be read, says what it reads, and has cases of its own."""

import json

import pytest
from tests.unit.collector.declared import CASES, LONGEST, Heard, near, ours

from barograph.collector.formats import read_format, shipped
from barograph.collector.frames import Cut, cutter
from barograph.errors import DocumentError
from barograph.windows import iso

FOLDERS = sorted(path.parent for path in CASES.glob("*/*/expected.json"))


def named(folder) -> str:
    return f"{folder.parent.name}/{folder.name}"


def frame_of(folder) -> bytes:
    (path,) = [*folder.glob("frame.bin"), *folder.glob("frame.txt")]
    return path.read_bytes()


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_format_is_sound_and_draws_its_wire(name):
    """Whoever has the device at hand must be able to compare."""
    text = shipped()[name].read_text(encoding="utf-8")

    assert ours(name)
    assert len([line for line in text.splitlines() if line.startswith("#")]) > 1


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_format_has_a_case(name):
    """To add a case, add a folder."""
    assert list(CASES.glob(f"{name}/*/expected.json")), f"make tests/cases/formats/{name}/<case>/"


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_case(folder):
    """Bytes of a device, and what they mean: made by hand."""
    expected = json.loads((folder / "expected.json").read_text())

    heard = Heard(ours(folder.parent.name), frame_of(folder))

    assert [frame["device"] for frame in expected["frames"]] == [frame.device for frame in heard.frames]
    for wanted, frame in zip(expected["frames"], heard.frames, strict=True):
        assert near(wanted["values"]) == frame.values
        assert wanted.get("time") == (iso(frame.time) if frame.time else None)
    assert expected.get("refused", []) == heard.refused
    assert [tuple(each) for each in expected.get("bad", [])] == heard.bad
    assert expected.get("ignored", 0) == len(heard.ignored)


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_a_case_is_the_same_byte_by_byte(folder):
    """A UART hands over what it has, not what we want."""
    stream, framing = frame_of(folder), ours(folder.parent.name).frame

    def payloads(chunks):
        cuts = cutter(framing, LONGEST)
        found = [each for chunk in chunks for each in cuts.feed(chunk)] + [*cuts.silence(), *cuts.end()]
        return [each.payload if isinstance(each, Cut) else each.reason for each in found]

    assert payloads([stream]) == payloads([stream[at : at + 1] for at in range(len(stream))])


def test_a_port_finds_a_shipped_format_unless_its_site_has_one_of_that_name(tmp_path):
    """A site's own file is the way to change ours."""
    (tmp_path / "formats").mkdir()

    assert ours("rtl433") == read_format(tmp_path, "rtl433")
    (tmp_path / "formats" / "rtl433.yaml").write_text("kind: json\n")
    assert read_format(tmp_path, "rtl433").fields == {}


def test_a_format_that_nobody_has_points_to_the_list(tmp_path):
    """Among forty names it is easily another spelling."""
    with pytest.raises(DocumentError, match="decode --list"):
        read_format(tmp_path, "no-such-format")
