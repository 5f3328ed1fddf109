"""What a `sim://` url may say, and what it is told when it says something else."""

import pytest
from pydantic import ValidationError
from tests.unit.collector.simulation.worlds import PLAIN

from barograph.collector.simulation.addresses import prepared_for
from barograph.errors import DocumentError
from barograph.registry import Port


def asked(url, tmp_path, **port):
    return prepared_for(Port(port="p1", url=url, format="f", **port), PLAIN, tmp_path)


def test_a_kind_with_all_that_it_may_have(tmp_path):
    told, ledger = asked(
        "sim://room?seed=3&cadence=5&devices=2&zone=office&metrics=temperature,co2&speed=60x&length=10m"
        "&start=2026-11-22T08:00:00Z&noise=1e-4&half=0.1&ledger=sent.jsonl",
        tmp_path,
    )

    scenario = told.scenario
    assert ["p1-1", "p1-2"] == [device.device for device in scenario.devices]
    assert {("room", 5.0, "office", ("temperature", "co2"))} == {
        (device.kind, device.cadence, device.zone, tuple(device.metrics)) for device in scenario.devices
    }
    assert (3, 60, 600) == (scenario.seed, scenario.speed, scenario.length)
    assert ["noise", "half"] == [fault.fault for fault in scenario.faults]
    assert tmp_path / "sent.jsonl" == ledger


def test_a_device_is_called_as_its_port_says(tmp_path):
    """Where the frames do not say who sent them, the port does."""
    assert "dock" == asked("sim://dock", tmp_path, device="dock")[0].scenario.devices[0].device


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sim://fidge", r"nothing is simulated by the name 'fidge'. There are fridge, freezer, .*csv, scenario"),
        ("sim://fridge?sed=7", r"`sed` is no parameter of sim://fridge. There are: cadence \(.*; seed \("),
        ("sim://fridge?seed=x", r"seed: .*\(found 'x'\). It is another one is another device"),
        ("sim://fridge?noise=2", r"noise: .*less than or equal to 1 \(found '2'\)"),
        ("sim://fridge?cadence=0", r"cadence: .*greater than 0"),
        ("sim://fridge?devices=many", r"devices=many is no number from 1 to 1000"),
        ("sim://csv", r"needs `file`, a CSV file with a header"),
        ("sim://scenario", r"needs `file`, a scenario"),
    ],
)
def test_a_slip_of_the_pen_is_told_what_is_right(tmp_path, url, message):
    with pytest.raises(DocumentError, match=message):
        asked(url, tmp_path)


def test_a_url_needs_its_slashes():
    with pytest.raises(ValidationError, match="must be sim://"):
        Port(port="p1", url="sim:fridge", format="f")


SCENARIO = """
seed: 5
ports: [{port: wall, format: mcu680}, {port: yard, format: mcu680}]
devices:
  - {device: fridge, port: wall, kind: fridge}
  - {device: air, port: yard, kind: outdoor}
faults:
  - {fault: noise, rate: 0.1, port: wall}
  - {fault: silence, device: air}
  - {fault: half}
"""


def test_a_scenario_lends_one_of_its_ports(tmp_path):
    """With what is behind it and goes wrong there; format and settings are those of the site's port."""
    (tmp_path / "day.yaml").write_text(SCENARIO)

    told, _ = asked("sim://scenario?file=day.yaml&port=yard&speed=2x", tmp_path, baud=1200)

    scenario = told.scenario
    assert (["air"], 5, 2) == ([device.device for device in scenario.devices], scenario.seed, scenario.speed)
    assert ["silence", "half"] == [fault.fault for fault in scenario.faults]
    assert ("p1", 1200) == (scenario.ports[0].port, scenario.ports[0].baud)
    with pytest.raises(DocumentError, match=r"has no port p1. .*wall, yard"):
        asked("sim://scenario?file=day.yaml", tmp_path)
