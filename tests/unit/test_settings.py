"""Settings come from the environment, then settings.yaml, then defaults; mistakes are named where they stand."""

import pytest

from barograph.errors import SettingsError
from barograph.ingest.refine import places_of
from barograph.registry import Device
from barograph.settings import load_settings
from barograph.testing import a_site
from barograph.transforms.summing import Summing


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("BAROGRAPH_HOME", "BAROGRAPH_PORT_BASE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_addresses_follow_from_the_port_base(home, monkeypatch):
    """A second stack beside the first needs one number changed."""
    monkeypatch.setenv("BAROGRAPH_PORT_BASE", "25000")

    settings = load_settings(home)

    assert ["127.0.0.1:25092"] == settings.brokers
    assert settings.influx_url == "http://127.0.0.1:25086"


@pytest.mark.parametrize(
    ("said", "expected"), [("", 28064), ("auto", 28064), ("9100", 9100), ("0", None), ("null", None)]
)
def test_the_port_of_the_metrics_follows_the_base_or_is_said_or_turned_off(home, said, expected):
    (home / "settings.yaml").write_text(f"collector: {{metrics_port: {said}}}\n" if said else "")

    assert expected == load_settings(home).metrics_port


@pytest.mark.parametrize("said", ["soon", "70000", "-1", "1.5", "true"])
def test_what_is_no_port_is_named_once_with_what_is_one(home, said):
    (home / "settings.yaml").write_text(f"collector: {{metrics_port: {said}}}\n")

    with pytest.raises(SettingsError, match=r"settings.yaml:1: collector.metrics_port: a port is a number") as refused:
        load_settings(home)
    assert 1 == len(str(refused.value).splitlines())


def test_the_environment_wins_over_the_file(home, monkeypatch):
    (home / "settings.yaml").write_text("ingest: {interval: 30}\n")
    monkeypatch.setenv("BAROGRAPH_INGEST__INTERVAL", "10")

    assert load_settings(home).ingest.interval == 10


def test_a_mistake_in_the_file_is_named_by_line(home):
    (home / "settings.yaml").write_text("ingest:\n  intervall: 10\n")

    with pytest.raises(SettingsError, match=r"settings.yaml:2: ingest.intervall: .*Did you mean `interval`"):
        load_settings(home)


def test_a_mistake_in_the_environment_is_named_by_variable(home, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_INGEST__INTERVAL", "often")

    with pytest.raises(SettingsError, match="BAROGRAPH_INGEST__INTERVAL in the environment"):
        load_settings(home)


def test_a_secret_that_others_can_read_is_refused(home):
    """A token in a world-readable file is not a secret any more."""
    folder = home / "secrets"
    folder.mkdir()
    (folder / "influx_loader").write_text("t0ken")
    (folder / "influx_loader").chmod(0o644)

    with pytest.raises(SettingsError, match="chmod 600"):
        load_settings(home).secret("influx_loader")


def test_a_missing_secret_says_who_makes_it(home):
    with pytest.raises(SettingsError, match="barograph stack up"):
        load_settings(home).secret("influx_loader")


@pytest.mark.parametrize(
    ("windows", "says"),
    [
        ("{size: 60, slide: 7}", r"slide \(7\) must divide size \(60\)"),
        ("{size: 3600, slide: 5}", "at most 60 times"),
        ("{rollups: [hour]}", "rollups needs day"),
        ("{rollups: [day, day]}", "twice"),
        ("{statistics_of: all}", "good_and_suspect"),
        ("{size: 0}", "windows.size"),
    ],
)
def test_windows_that_cannot_be_are_refused(home, windows, says):
    (home / "settings.yaml").write_text(f"windows: {windows}\n")

    with pytest.raises(SettingsError, match=says):
        load_settings(home)


def test_what_people_set_for_windows_arrives_where_readings_are_summed_up(home, monkeypatch):
    """Transforms know no settings: the places of the devices carry them."""
    (home / "settings.yaml").write_text("windows: {size: 120, slide: 10, statistics_of: good_and_suspect}\n")
    monkeypatch.setenv("BAROGRAPH_WINDOWS__ROLLUPS", '["hour", "day"]')

    places = places_of(load_settings(home), [a_site(Device(device="d", zone="wall", cadence=1))])

    summing = places.of("d").summing
    assert (Summing(120, 10, ("hour", "day"), "good_and_suspect"), (120, 10)) == (summing, places.of("d").shape)
    assert places.of("stranger").summing == summing == places.summing
