"""A wrong settings, site or rules file is refused with file, line, field and a hint."""

import pytest

from barograph import documents
from barograph.errors import DocumentError
from barograph.registry import Site, read_sites
from barograph.rules.book import Rules

SITE = """\
site: demo
name: Corner shop
timezone: Europe/Berlin
devices:
  - device: fridge-1
    zone: wall
    cadence: 30
    points:
      temperature: {low: 0, high: 7}
"""


def refusal(tmp_path, text, model=Site):
    path = tmp_path / "site.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        documents.read(path, model)
    return str(caught.value)


def test_a_good_site_is_read(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(SITE)

    assert documents.read(path, Site).point("fridge-1", "temperature").high == 7


def test_a_slip_of_the_pen_is_named_with_line_and_hint(tmp_path):
    """Somebody edits this file at night; the message must lead them to the letter."""
    said = refusal(tmp_path, SITE.replace("cadence", "cadense"))

    assert "site.yaml:7: devices.0.cadense: is not a known field. Did you mean `cadence`?" in said


def test_every_mistake_is_named_at_once(tmp_path):
    """One mistake a start would cost as many starts as there are mistakes."""
    said = refusal(tmp_path, SITE.replace("Europe/Berlin", "Mars/Base").replace("30", "-1"))

    assert ":3: timezone: is not a time zone" in said
    assert ":7: devices.0.cadence:" in said


@pytest.mark.parametrize("text", ["site: [", "\tsite: demo", "site: demo\nsite: other\n", "a: &a [*a]", "- 1\n- 2"])
def test_what_is_not_a_plain_mapping_is_refused(tmp_path, text):
    """Torn, doubled, looped and other YAML never becomes half a configuration."""
    assert "site.yaml" in refusal(tmp_path, text)


def test_a_device_registered_twice_is_refused(tmp_path):
    """Two cadences of one device would give two truths."""
    twice = SITE + "  - {device: fridge-1, zone: wall}\n"

    assert "fridge-1 is registered twice" in refusal(tmp_path, twice)


def test_a_device_is_at_one_site(tmp_path):
    """A reading can only be settled once."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "site.yaml").write_text(SITE.replace("demo", name))

    with pytest.raises(DocumentError, match="already belongs to site one"):
        read_sites(tmp_path)


def test_a_rule_has_exactly_one_limit(tmp_path):
    """A rule without a limit would never fire, and nobody would know."""
    said = refusal(tmp_path, "rules:\n  - {rule: r, metric: temperature}\n", Rules)

    assert "rules.0" in said
    assert "exactly one of `above`, `below`, `outside`, `inside`" in said


PLANNED = SITE.replace("devices:", "plan:\n  wall: {x: 1, y: 0, width: 6, height: 2}\ndevices:")


def test_a_plan_says_where_zones_and_devices_are(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(PLANNED + "    spot: {x: 2, y: 1.5}\n")

    site = documents.read(path, Site)

    assert (6, 2) == (site.plan["wall"].width, site.plan["wall"].height)
    assert (2, 1.5) == (site.devices[0].spot.x, site.devices[0].spot.y)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLANNED.replace("wall: {x", "wal: {x"), ":5: plan.wal: no device is in this zone. Did you mean `wall`?"),
        (PLANNED + "    spot: {x: 9, y: 1}\n", ":12: devices.0.spot: is outside of its zone wall, which has x from 1"),
        (SITE + "    spot: {x: 9, y: 1}\n", ":10: devices.0.spot: is nowhere: `plan` has no room for zone wall."),
        (PLANNED.replace("width: 6", "width: 0"), ":5: plan.wall.width: "),
        (PLANNED.replace("x: 1", "x: .nan"), ":5: plan.wall.x: "),
        (PLANNED.replace("width", "widht"), ":5: plan.wall.widht: is not a known field. Did you mean `width`?"),
    ],
)
def test_a_mistake_on_a_plan_is_named_where_it_stands(tmp_path, text: str, said: str):
    assert said in refusal(tmp_path, text)


def test_a_room_without_sensors_may_stand_on_the_plan(tmp_path):
    """An entrance tells people where they are."""
    path = tmp_path / "site.yaml"
    path.write_text(PLANNED.replace("devices:", "  entrance: {x: 0, y: 0, width: 1, height: 2}\ndevices:"))

    assert {"wall", "entrance"} == set(documents.read(path, Site).plan)
