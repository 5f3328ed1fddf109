"""Replayed stores: what a simulated store's alarms should be is known from the simulator's ledger, to the second."""

from datetime import timedelta

import pytest
from tests.unit.rules.stores import CASES, WINDOW, replayed

from barograph.collector.formats import read_format
from barograph.collector.simulation.scenario import Prepared, Scenario, read_scenario

AT_ONCE = timedelta(milliseconds=50)
STORES = sorted(path for path in CASES.glob("*.yaml") if path.name != "rules.yaml")
FAST = {"fridge-warm", "fridge-cold", "freezer-warm", "freezer-thaws", "silent"}
"""Those of the store's rules that the fast lane knows: limits and silence."""


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.stem)
def test_every_true_event_is_raised_and_cleared_in_time_and_nothing_else_is(path, tmp_path):
    """To add a store: a scenario; look at what was true, then keep it as <name>.txt beside it."""
    expected = path.with_suffix(".txt").read_text().splitlines()

    found = replayed(read_scenario(path), tmp_path)

    assert expected == [each.line() for each in found.truths]
    in_time(found.truths, found.batch, WINDOW)
    in_time([each for each in found.truths if each.rule in FAST], found.fast, AT_ONCE)
    assert 0 == found.withdrawn


def a_healthy_store(days, cadence):
    """Fifty fridges and freezers on five ports."""
    ports = [{"port": f"wall-{n}", "format": "wall", "baud": 115_200} for n in range(5)]
    devices = [
        {"device": f"{kind}-{n}", "port": f"wall-{n % 5}", "kind": kind, "cadence": cadence, "metrics": ["temperature"]}
        for kind in ("fridge", "freezer")
        for n in range(25)
    ]
    told = {"start": "2026-10-01T00:00:00Z", "timezone": "Europe/Berlin", "length": f"{days}d", "seed": 11}
    scenario = Scenario.model_validate({**told, "ports": ports, "devices": devices})
    return Prepared(scenario, dict.fromkeys((port["port"] for port in ports), read_format(CASES, "wall")), CASES)


def test_a_healthy_store_of_fifty_devices_has_no_alarm_in_thirty_days(tmp_path):
    """Customers open doors, freezers defrost, and summer time ends: of all that nobody is told."""
    found = replayed(a_healthy_store(30, 3600), tmp_path, batch=timedelta(days=1), turn=timedelta(hours=1))

    assert [[], [], []] == [found.truths, found.fast, found.batch]
    assert 50 * 30 * 24 == found.frames


def in_time(truths, alarms, within):
    assert [(each.rule, each.device) for each in truths] == [(each.rule, each.device) for each in alarms]
    for true, alarm in zip(truths, alarms, strict=True):
        assert abs(alarm.opened - true.begins) <= within, alarm
        assert alarm.known[0] - true.begins <= within, alarm
        assert (alarm.cleared is None) == (true.ends is None), alarm
        if true.ends is not None:
            assert abs(alarm.cleared - true.ends) <= within, alarm
            assert alarm.known[1] - true.ends <= within, alarm
