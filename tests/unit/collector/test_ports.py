import contextlib
import os
import select
import socket
import termios
import threading

import pytest
import serial.rfc2217
from pydantic import ValidationError
from tests.unit.collector.fakes import eventually

from barograph.collector.ports import open_port
from barograph.errors import PortError
from barograph.registry import Port


def port(url: str) -> Port:
    return Port(port="p1", url=url, format="f", baud=115200)


@pytest.fixture
def pty_pair():
    near, far = os.openpty()
    yield near, os.ttyname(far)
    for descriptor in (near, far):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_a_path_in_the_data_folder_is_a_port(tmp_path, pty_pair):
    """Simulated ports, and links that survive a USB adapter's change of name."""
    near, name = pty_pair
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "p1").symlink_to(name)

    source = open_port(port("run/p1"), tmp_path)
    os.write(near, b"hello\n")

    assert source.descriptor is not None
    select.select([source.descriptor], [], [], 5)
    assert source.read() == b"hello\n"
    source.close()


def test_a_port_is_ours_alone(tmp_path, pty_pair):
    """Two readers would each get half of the bytes."""
    source = open_port(port(pty_pair[1]), tmp_path)

    with pytest.raises(PortError, match="Another process is using it"):
        open_port(port(pty_pair[1]), tmp_path)
    source.close()


def test_a_port_that_is_not_there_says_so(tmp_path):
    """The most frequent fault of all."""
    with pytest.raises(PortError, match="is it plugged in"):
        open_port(port("/dev/ttyNOWHERE"), tmp_path)


def test_a_scheme_that_nobody_knows_is_refused_with_those_that_there_are():
    """A slip of the pen must be said at start, and not as a port that never opens."""
    with pytest.raises(ValidationError, match=r"no port begins with `sokket:`.*socket://host:port"):
        port("sokket://127.0.0.1:1")


def test_wrong_line_settings_are_refused_with_the_right_ones():
    """Garbage from a wrong parity looks like a broken sensor."""
    for setting, right in (("parity", "'none', 'even', 'odd', 'mark' or 'space'"), ("bits", "5, 6, 7 or 8")):
        with pytest.raises(ValidationError, match=right):
            Port(port="p1", url="/dev/ttyS0", format="f", **{setting: "nine"})


def test_line_settings_reach_the_device(tmp_path, pty_pair):
    """A pty has no parity to set, but it keeps speed, stop bits and handshake."""
    source = open_port(Port(port="p1", url=pty_pair[1], format="f", baud=300, stop=2, flow="rtscts"), tmp_path)

    _, _, flags, _, speed, _, _ = termios.tcgetattr(source.descriptor)
    both = termios.CSTOPB | termios.CRTSCTS
    assert (both, termios.B300) == (flags & both, speed)
    source.close()


def test_a_request_is_heard_at_the_other_end(tmp_path, pty_pair):
    """Lines that only speak when they are asked."""
    near, name = pty_pair
    source = open_port(port(name), tmp_path)

    source.write(b"0R0!\r\n")

    assert b"0R0!\r\n" == os.read(near, 100)
    source.close()


def test_an_unplugged_port_is_lost(tmp_path):
    """Readiness and then nothing, or EIO: both mean that nobody is there."""
    near, far = os.openpty()
    source = open_port(port(os.ttyname(far)), tmp_path)
    os.close(near)
    os.close(far)

    with pytest.raises(PortError, match="was lost"):
        source.read()
    source.close()


def test_a_socket_is_read_and_lost(tmp_path):
    """A converter on the network behaves like a cable."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = open_port(port(f"socket://127.0.0.1:{server.getsockname()[1]}"), tmp_path)
        connection, _ = server.accept()
        connection.sendall(b"hello\n")
        select.select([source.descriptor], [], [], 5)
        assert source.read() == b"hello\n"

        connection.close()
        select.select([source.descriptor], [], [], 5)
        with pytest.raises(PortError):
            source.read()
        source.close()


def test_a_refused_socket_is_an_error_of_the_port(tmp_path):
    """The converter is switched off: try again later."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]

    with pytest.raises(PortError):
        open_port(port(f"socket://127.0.0.1:{free}"), tmp_path)


class Rfc2217Server(threading.Thread):
    """A serial-to-network converter around a loop:// port, good for one connection."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.device = serial.serial_for_url("loop://", timeout=0)
        self.hang_up = threading.Event()
        self.start()

    def write(self, told: bytes) -> None:
        self._connection.sendall(told)

    def run(self) -> None:
        self._connection, _ = self._server.accept()
        manager = serial.rfc2217.PortManager(self.device, self)
        self._connection.settimeout(0.05)
        while not self.hang_up.is_set():
            try:
                list(manager.filter(self._connection.recv(1024)))
            except TimeoutError:
                continue
        self._connection.close()
        self._server.close()


def test_rfc2217_is_read_and_lost(tmp_path):
    """A converter that also takes the baud rate from us."""
    server = Rfc2217Server()
    source = open_port(port(f"rfc2217://127.0.0.1:{server.port}"), tmp_path)
    server.write(b"hello\n")

    heard = bytearray()
    assert eventually(lambda: heard.extend(source.read()) or bytes(heard) == b"hello\n")

    server.hang_up.set()

    def lost() -> bool:
        try:
            source.read()
        except PortError:
            return True
        return False

    assert eventually(lost)
    source.close()
