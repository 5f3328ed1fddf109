"""The guard: no descendant outlives its server, however either ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from barograph.settings import CHECKOUT
from barograph.stack import pids

GUARD = str(CHECKOUT / "include" / "stack" / "guard.py")
STUBBORN = """
import subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
print("up", flush=True)
time.sleep(60)
"""
"""A server whose worker is in a session of its own and does not listen to SIGTERM."""

Guarded = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "run").mkdir()
    yield tmp_path
    pids.kill(pids.ours(tmp_path))


@pytest.fixture
def guarded(home: Path) -> Iterator[Guarded]:
    started: list[subprocess.Popen[str]] = []

    def start(*command: str, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        variables = {**os.environ, "STACK_HOME": str(home), "PC_PROC_NAME": "server"}
        words = [sys.executable, "-I", "-S", GUARD, *options, "--", *command]
        process = subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_servers_answer_is_the_guards(guarded: Guarded) -> None:
    server = guarded("bash", "-c", "echo out; echo err >&2; exit 3")

    assert sorted(server.communicate(timeout=10)[0].split()) == ["err", "out"]
    assert server.returncode == 3


def test_a_worker_that_ignores_everything_ends_with_its_server(guarded: Guarded, home: Path) -> None:
    server = guarded(sys.executable, "-c", STUBBORN)
    assert line(server) == "up"

    server.send_signal(signal.SIGTERM)
    server.wait(timeout=15)

    assert pids.ours(home) == []


def test_a_killed_server_takes_its_workers_along(guarded: Guarded, home: Path) -> None:
    """Workers of a killed scheduler hold its pipe: the supervisor would wait for them for minutes."""
    server = guarded(sys.executable, "-c", STUBBORN)
    assert line(server) == "up"

    os.kill(int((home / "run" / "server.pid").read_text()), signal.SIGKILL)

    assert server.wait(timeout=15) == 128 + signal.SIGKILL
    assert pids.ours(home) == []


def test_what_a_killed_guard_left_is_ended_by_the_next(guarded: Guarded, home: Path) -> None:
    first = guarded(sys.executable, "-c", STUBBORN)
    assert line(first) == "up"
    first.kill()
    first.wait(timeout=5)
    orphans = {running.pid for running in pids.ours(home)}
    assert orphans

    guarded("true").wait(timeout=10)

    assert not orphans & {running.pid for running in pids.ours(home)}


def test_output_ends_with_a_killed_guard(guarded: Guarded) -> None:
    """An orphan must not hold the pipe that the supervisor reads to the end."""
    server = guarded(sys.executable, "-c", STUBBORN)
    assert line(server) == "up"

    server.kill()

    began = time.monotonic()
    server.communicate(timeout=10)
    assert time.monotonic() - began < 5


def test_a_server_is_asked_with_its_own_signal(guarded: Guarded) -> None:
    """PostgreSQL waits for its last client on SIGTERM, and is fast on SIGINT."""
    server = guarded("bash", "-c", "trap 'echo fast; exit 0' INT; echo up; while :; do sleep 0.1; done",
                     options=("--signal", "INT"))  # fmt: skip
    assert line(server) == "up"

    server.send_signal(signal.SIGTERM)

    assert "fast" in server.communicate(timeout=10)[0]


def test_a_server_that_does_not_stop_is_killed(guarded: Guarded) -> None:
    server = guarded("bash", "-c", "trap '' TERM; echo up; sleep 60", options=("--grace", "0.5"))
    assert line(server) == "up"

    server.send_signal(signal.SIGTERM)

    assert server.wait(timeout=10) == 128 + signal.SIGKILL


def test_everything_ends_with_the_supervisor(home: Path) -> None:
    """A supervisor killed with -9 says no goodbye."""
    variables = {**os.environ, "STACK_HOME": str(home), "PC_PROC_NAME": "server"}
    script = f'"{sys.executable}" -I -S "{GUARD}" -- sleep 60 & wait'
    supervisor = subprocess.Popen(["bash", "-c", script], env=variables)
    while not (home / "run" / "server.pid").exists():
        time.sleep(0.05)

    supervisor.kill()
    supervisor.wait()

    assert pids.wait_until_gone(home, timeout=10) == []
