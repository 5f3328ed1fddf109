"""Golden scenarios: every kind, every transition, and all that comes in between. `draw.py` makes pictures of them."""

import pytest
from tests.unit.rules.stories import CASES, told

from barograph.rules.kinds import KINDS


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_a_story_has_the_alarms_that_it_should_have(case):
    """To add one: a folder with rules.yaml and readings.txt; look at what is told, then keep it as events.txt."""
    expected = (case / "events.txt").read_text().splitlines()

    assert expected == told(case)


def test_every_kind_has_a_story():
    told_of = " ".join((case / "rules.yaml").read_text() for case in CASES.iterdir())

    assert [] == [kind for kind in KINDS if kind != "limit" and f"kind: {kind}" not in told_of]
