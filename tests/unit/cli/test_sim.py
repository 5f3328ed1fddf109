"""`barograph sim`: what somebody without hardware sees first."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.collector.simulation.faults import FAULTS
from barograph.collector.simulation.ledger import read_ledger
from barograph.collector.simulation.scenario import KINDS, read_scenario
from barograph.errors import DocumentError

DOCS = Path(__file__).parents[3] / "docs" / "simulator.md"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def ran(*arguments):
    return CliRunner().invoke(make_app(), ["sim", *arguments], catch_exceptions=False)


def example(folder: Path) -> Path:
    """The worked example of the page."""
    block = next(each for each in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.S) if "faults:" in each)
    path = folder / "bad-day.yaml"
    path.write_text(block)
    return path


def test_the_worked_example_can_be_checked_and_played(tmp_path):
    """Whoever copies it has it running."""
    path = example(tmp_path)

    checked = ran("check", str(path))
    played = ran("run", str(path), "--into", "ports", "--ledger", "sent.jsonl", "--speed", "5000x", "--length", "5m")

    assert 0 == checked.exit_code and "No mistake found. Devices: 2, faults: 5" in checked.output
    assert 0 == played.exit_code and "ledger: sent.jsonl" in played.output
    devices = {each["device"] for each in yaml.safe_load(path.read_text())["devices"]}
    assert devices == {each["device"] for each in read_ledger(tmp_path / "sent.jsonl") if "device" in each}
    assert not list((tmp_path / "ports").iterdir())


def test_the_page_knows_every_kind_and_fault():
    """A fault that stands nowhere is found by nobody."""
    page = DOCS.read_text()

    assert [] == [name for name in [*FAULTS, *KINDS] if f"`{name}`" not in page]


def test_kinds_are_listed_with_what_a_url_may_say():
    told, urls = ran("kinds").output, ran("kinds", "--url").output

    assert [] == [name for name in (*KINDS, *FAULTS) if name not in told]
    assert [] == [name for name in ("sim://KIND", "sim://csv", "sim://scenario", "cadence") if name not in urls]


def test_another_program_reads_a_simulated_port_until_it_is_ended(tmp_path):
    """A process of its own, as people run it; its port is gone afterwards."""
    command = [sys.executable, "-m", "barograph.cli", "sim", "run", "sim://fridge?speed=50x", "--into", str(tmp_path)]
    simulator = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        link = tmp_path / "fridge"
        until = time.monotonic() + 30
        while not link.exists() and time.monotonic() < until:
            time.sleep(0.02)
        descriptor = os.open(link, os.O_RDWR | os.O_NOCTTY)
        heard = b"".join(os.read(descriptor, 100) for _ in range(3))
        os.close(descriptor)
    finally:
        simulator.send_signal(signal.SIGTERM)
        output, _ = simulator.communicate(timeout=10)

    assert heard.startswith(b'{"device":"fridge","temperature":')
    assert 0 == simulator.returncode and b"whole" in output
    assert not os.path.lexists(link)


def test_a_mistake_is_said_before_anything_runs(tmp_path):
    path = example(tmp_path)
    path.write_text(path.read_text().replace("kind: fridge", "kind: fidge"))

    with pytest.raises(DocumentError, match=r"bad-day.yaml:\d+: devices.0.kind: .*'fridge'"):
        ran("check", str(path))
    with pytest.raises(DocumentError, match="nothing is simulated by the name 'fidge'"):
        ran("run", "sim://fidge")
    assert read_scenario(example(tmp_path))
