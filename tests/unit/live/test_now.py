from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from barograph.errors import DocumentError
from barograph.influx.series import Newest
from barograph.live.now import OpenAlarm, Sites, joined
from barograph.registry import Device, Site
from barograph.settings import Settings

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FRIDGE = Device(device="fridge", name="Dairy", zone="wall", cadence=30, points={"temperature": {"low": 1, "high": 8}})
SHOP = Site(site="shop", name="Shop", timezone="Europe/Berlin", devices=[FRIDGE])


def last(seconds: float = 20, value: float | None = 4.0, flag: int = 1, **facts: str) -> Newest:
    usual = {"device": "fridge", "metric": "temperature", "site": "shop", "zone": "wall"}
    return Newest(time=NOON - timedelta(seconds=seconds), value=value, flag=flag, **(usual | facts))


def states(*newest: Newest, alarms: dict[tuple[str, str], OpenAlarm] | None = None) -> dict[tuple[str, str], str]:
    found = {(each.device, each.metric): each for each in newest}
    snapshot = joined(Settings(home=Path("/nowhere")), [SHOP], found, {}, alarms or {}, NOON)
    return {(place.device, place.metric.name): place.state for place in snapshot.places}


@pytest.mark.parametrize(
    ("state", "reading"),
    [
        ("fine", last()),
        ("doubt", last(flag=3)),
        ("bad", last(flag=4)),
        ("bad", last(value=None)),
        ("fine", last(seconds=269)),
        ("silent", last(seconds=271)),
    ],
)
def test_a_point_is_as_its_last_reading_says(state: str, reading: Newest):
    """Five beats of 30 s and two runs of ingest, a minute each, are no silence yet."""
    assert {("fridge", "temperature"): state} == states(reading)


def test_an_open_alarm_is_worse_than_all_else():
    alarm = OpenAlarm("critical", "too warm", NOON)

    assert {("fridge", "temperature"): "alarm"} == states(last(3600), alarms={("fridge", "temperature"): alarm})


def test_a_point_that_never_spoke_is_there_all_the_same():
    """A sensor that was never plugged in must not look as if it were not missing."""
    assert {("fridge", "temperature"): "silent"} == states()


def test_a_device_that_nobody_registered_is_shown_where_it_says_it_is():
    found = joined(
        Settings(home=Path("/nowhere")), [SHOP], {("x", "co2"): last(device="x", metric="co2", zone="unregistered")},
        {}, {}, NOON,
    )  # fmt: skip

    assert ["unregistered", "wall"] == [place.zone for place in found.places]


def test_the_registry_is_read_again_only_when_it_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "shop").mkdir()
    page = tmp_path / "shop" / "site.yaml"
    page.write_text("site: shop\nname: Shop\n")
    sites = Sites(tmp_path)

    first, again = sites.now(), sites.now()
    page.write_text("site: shop\nname: Another name\n")

    assert first is again
    assert ["Another name"] == [site.name for site in sites.now()]


def test_a_file_with_a_mistake_leaves_the_registry_as_it_was(tmp_path: Path):
    """The pages go on with what they know; whoever must have it right is refused."""
    (tmp_path / "shop").mkdir()
    page = tmp_path / "shop" / "site.yaml"
    page.write_text("site: shop\nname: Shop\n")
    sites = Sites(tmp_path)
    sites.now()

    page.write_text("site: [ shop\n")

    assert ["Shop"] == [site.name for site in sites.known()]
    with pytest.raises(DocumentError):
        sites.now()
