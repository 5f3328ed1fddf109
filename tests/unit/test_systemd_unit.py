"""The unit and the rules that docs/collector.md tells people to install: they must be right as they lie there."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.collector.service import FLUSH

FOLDER = Path(__file__).parents[2] / "docs" / "systemd"
UNIT = FOLDER / "barograph-collector.service"
UNITS = {UNIT: "Read the serial ports", FOLDER / "barograph-notifier.service": "Follow the alarms"}
RULES = FOLDER / "99-barograph.rules"


@pytest.fixture(scope="module")
def service():
    return section(UNIT)


def section(path):
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(path, encoding="utf-8")
    return unit["Service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_it_starts_a_command_that_there_is(unit):
    program, *words = section(unit)["ExecStart"].split()
    told = CliRunner().invoke(make_app(), [*words, "--help"])

    assert "barograph" == Path(program).name
    assert (0, True) == (told.exit_code, UNITS[unit] in told.stdout)
    assert "notify" == section(unit)["Type"]


def test_it_waits_for_what_the_collector_says(service):
    """Of Type=simple, systemd would take a collector that hangs for one that reads."""
    assert ("notify", "-HUP") == (service["Type"], service["ExecReload"].split()[1])
    assert int(service["WatchdogSec"]) >= 10
    assert int(service["TimeoutStopSec"]) > FLUSH


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_itself_finds_nothing_wrong_with_it(tmp_path, unit):
    """A word that it does not know is ignored, with a line in a log that nobody reads."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: the unit was only read")
    program = Path(sys.executable).with_name("barograph")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text(encoding="utf-8").replace("/opt/barograph/bin/barograph", str(program)))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60)

    assert (0, "") == (done.returncode, done.stderr)


def test_each_rule_is_a_list_of_keys_and_values():
    """udev drops a line that it cannot read."""
    pair = r'[A-Z_]+(\{[\w/]+\})?(==|!=|=|\+=|:=)"[^"]*"'
    rules = [line for line in RULES.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]

    assert len(rules) > 3
    assert [] == [line for line in rules if not re.fullmatch(rf"{pair}(, {pair})*", line)]
    assert any('ATTR{latency_timer}="1"' in line for line in rules)
