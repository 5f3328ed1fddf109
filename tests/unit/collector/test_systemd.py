"""What systemd hears: on a real datagram socket, as it opens one itself."""

import os
import socket
import threading
from uuid import uuid4

import pytest

from barograph.collector.systemd import Supervisor
from barograph.settings import service


@pytest.fixture(params=["file", "abstract"])
def notify(request, tmp_path):
    """A socket's address as $NOTIFY_SOCKET has it, and what was said to it."""
    name = str(tmp_path / "notify") if request.param == "file" else f"@barograph-{uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name[1:] if name.startswith("@") else name)
        listener.setblocking(False)

        def said():
            heard = []
            while True:
                try:
                    heard.append(listener.recv(4096).decode())
                except BlockingIOError:
                    return heard

        yield name, said


def test_a_service_says_when_it_is_ready_reloads_and_stops(notify):
    name, said = notify
    supervisor = Supervisor(name, monotonic=lambda: 12.5)

    supervisor.ready()
    supervisor.reloading()
    supervisor.ready()
    supervisor.stopping()

    *first, stopping = said()
    assert ["READY=1", "RELOADING=1\nMONOTONIC_USEC=12500000", "READY=1"] == first
    assert "STOPPING=1" == stopping.splitlines()[0]


def test_the_watchdog_is_fed_three_times_in_its_time_however_fast_the_loop_turns(notify):
    name, said = notify
    now = [0.0]
    supervisor = Supervisor(name, watchdog=3.0, monotonic=lambda: now[0])
    heard = []
    for turn in range(1_000):
        now[0] = turn / 100
        supervisor.alive(lambda: "well")
        heard += said()

    assert (10, 1) == (heard.count("WATCHDOG=1"), heard.count("STATUS=well"))


def test_without_a_watchdog_it_is_not_fed(notify):
    name, said = notify
    Supervisor(name).alive(lambda: "well")

    assert ["STATUS=well"] == said()


def test_a_supervisor_that_is_gone_does_not_stop_the_reading(tmp_path):
    Supervisor(str(tmp_path / "gone"), watchdog=1.0).alive(lambda: "well")


def test_a_supervisor_that_does_not_listen_does_not_block(tmp_path):
    """Its queue is full, and the loop goes on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        supervisor = Supervisor(str(tmp_path / "deaf"))
        talking = threading.Thread(target=lambda: [supervisor.ready() for _ in range(2_000)], daemon=True)
        talking.start()
        talking.join(20)

        assert not talking.is_alive()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (None, None)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000"}, ("/run/n", 30.0)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, ("/run/n", 30.0)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, ("/run/n", None)),
        ({"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "soon"}, (None, None)),
    ],
)
def test_what_systemd_asks_is_read_from_its_variables(environment, expected):
    """WATCHDOG_PID names whose watchdog it is: a child must not feed its parent's."""
    asked = service(environment)

    assert expected == (asked.notify, asked.watchdog)
