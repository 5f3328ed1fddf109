"""Rules that cannot all be meant are refused together, each with its line and a hint; the last good ones stay."""

import re
from pathlib import Path

import pytest
from tests.unit.rules.told import a_shop

from barograph.errors import DocumentError
from barograph.rules.checking import read_checked

SITE = a_shop("fridge-1", "fridge-2")
W = "{rule: r, metric: temperature, above: 8"


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as error:
        read_checked(path, SITE)
    return str(error.value)


MISTAKES = {
    "a kind that there is not": ("{rule: r, kind: missin}", r"rules\.0: there is no kind missin. There are limit"),
    "a field of another kind": (f"{W}, period: 60}}", r"rules\.0\.period: is not a known field"),
    "two limits": (f"{W}, below: 2}}", r"rules\.0: give exactly one of"),
    "a clear limit on the wrong side": (f"{W}, clear: 9}}", r"clear \(9\) must be a number, and not above"),
    "a clear limit outside": (
        "{rule: r, metric: temperature, outside: [2, 8], clear: [1, 7]}", r"must be two numbers within `outside`",
    ),
    "a level with a clear limit on the wrong side": (
        f"{W}, levels: [{{above: 12, clear: 13, severity: critical}}]}}", r"clear \(13\) must be a number",
    ),
    "limits the wrong way round": ("{rule: r, metric: temperature, inside: [8, 2]}", r"the lower limit comes first"),
    "more than there are": (
        "{rule: r, kind: n_of_m, metric: temperature, above: 8, least: 6, of: 5}", r"must be 1 to `of` \(5\)",
    ),
    "a hold of silence": ("{rule: r, kind: missing, hold: 60}", r"a rule of kind missing has no `hold`"),
    "least of what is not counted": (f"{W}, least: 3}}", r"`least` is for kinds that count"),
    "a metric that nobody measures": (
        "{rule: r, metric: temperatur, above: 8}", r"temperatur is measured nowhere.*Did you mean temperature",
    ),
    "a device that is not there": (f"{W}, devices: [fridge-9]}}", r"devices\.0: fridge-9 is no device.*fridge-1"),
    "a kind of device that is not there": (f"{W}, kinds: [frige]}}", r"kinds\.0: no device.*Did you mean fridge"),
    "an override of a device that is not there": (
        f"{W}, overrides: [{{devices: [frigde-1], above: 9}}]}}", r"overrides\.0\.devices\.0: frigde-1 is no device",
    ),
    "an override that makes no rule": (
        f"{W}, overrides: [{{above: 9, clear: 10}}]}}", r"rules\.0\.overrides\.0: clear \(10\) must be",
    ),
    "an override of what the rule is": (
        f"{W}, overrides: [{{metric: door}}]}}", r"an override cannot change metric",
    ),
    "hours that nobody defined": (f"{W}, active: [openning]}}", r"rules\.0\.active: 'openning' is no day"),
    "a limit in another unit": ("{rule: r, metric: temperature, above: 281}", r"281 °C is not within"),
    "an end before the beginning": (f"{W}, since: 2026-12-02, until: 2026-12-01}}", r"must be before until"),
    "two rules that leave nothing": (
        f"{W}}}\n  - {{rule: s, metric: temperature, below: 10}}",
        r"rules\.1\.below: together with rule r \(temperature above 8\) no value of temperature is left",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_named_with_its_place(tmp_path, what):
    rule, expected = MISTAKES[what]

    assert re.search(expected, refused(tmp_path, f"rules:\n  - {rule}\n"))


def test_all_mistakes_come_in_one_listing(tmp_path):
    """Nobody wants to mend one to hear of the next."""
    rules = [rule for rule, _ in list(MISTAKES.values())[:-1]]
    named = [re.sub(r"rule: r\b", f"rule: r{n}", rule) for n, rule in enumerate(rules)]

    lines = refused(tmp_path, "rules:\n" + "".join(f"  - {rule}\n" for rule in named)).splitlines()

    assert {str(n + 2) for n in range(len(rules))} == {line.split(":")[1] for line in lines}


def test_rules_of_before_mean_what_they_meant(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(
        'rules: [{rule: cold, kind: limit, metric: temperature, devices: ["fridge-*"], below: 1, hold: 120,'
        " severity: critical, message: brr}]"
    )

    [rule] = read_checked(path, SITE)[0].rules

    assert (1.0, 120_000_000, 3) == (rule.bands[0].low, rule.bands[0].hold, rule.bands[0].rank)
    assert rule.watches("fridge-1", "temperature")
