"""Recorded vectors of real devices: which of our formats is recognised, and what is inferred where we had none."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest
from tests.unit.collector.declared import DATA, data
from tests.unit.collector.families import FAMILIES, RECORDINGS

from barograph.collector.sniffing import at_once, guesses, heard
from barograph.collector.sniffing.known import tried

ALIKE = {"winsen-mhz19": {"winsen-mhz19", "winsen-zh0"}}
"""Both makers' answers look the same: the bytes do not tell CO2 from dust, and both are shown."""
WEAK = {"lakeshore"}
"""Nothing but numbers between commas: never more than a half."""
SILENT = {"thyracont", "modbus-tcp"}
"""Their only vectors are a type and a question: no reading to recognise them by."""
INFERRED = {
    "rtl433": "json",
    "vaisala-wxt": "pairs",
    "mcu680": "binary",
    "nova-sds": "binary",
    "plantower": "choice",
    "winsen-mhz19": "binary",
}
"""What is made of those of which there are enough to see a rule, were they not known."""


def streams() -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = defaultdict(list)
    for family in FAMILIES:
        path = DATA / "serial" / "vectors" / f"{family.file}.json"
        if family.wanted is None or not path.exists():
            continue
        for vector in json.loads(path.read_text())["vectors"]:
            if "expect_error" not in vector:
                wanted = family.wanted(vector)
                found[wanted.format].append(wanted.stream)
    return found


HEARD = {name: heard((place * 1.0, each) for place, each in enumerate(said)) for name, said in streams().items()}


@pytest.mark.parametrize("name", HEARD)
def test_a_shipped_format_is_recognised_by_what_its_devices_say(name):
    """One after the other, a second apart; damaged ones are left out."""
    found = tried(HEARD[name])
    if name in SILENT:
        assert [] == found
        return

    best = found[0][2].total
    alike = {each for each, _, score in found if score.total > best - 0.02}
    assert ALIKE.get(name, {name}) == alike
    assert (best <= 0.5) == (name in WEAK)


@pytest.mark.parametrize("name", INFERRED)
def test_without_our_formats_one_is_made_that_reads_most_of_it(name):
    """It passes the same checks as a site's own, or it would be no guess at all."""
    if name not in HEARD:
        data("serial", "vectors", "none")
    best = guesses(HEARD[name], known=False)[0]

    assert INFERRED[name] == best.declared.kind
    assert best.score.share > 0.9
    assert best.draft.format() == best.declared


@pytest.mark.parametrize("path", [path for path, (_, frames, _) in RECORDINGS.items() if frames])
def test_a_whole_recording_is_recognised(path):
    """The best of all that we ship, and of all that could be inferred."""
    best = guesses(at_once(data("serial", "raw", *path.split("/")).read_bytes()))[0]

    assert RECORDINGS[path][0] == best.name
    assert best.rank > 0.7


def test_nothing_malformed_does_harm():
    """Whatever was heard, there is an answer."""
    for path in sorted(data("malformed").rglob("*.*")):
        guesses(at_once(path.read_bytes()[:4000]), known=False)
