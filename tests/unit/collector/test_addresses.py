"""A USB adapter keeps its identity when it comes back under another number."""

import pytest
from serial.tools.list_ports_common import ListPortInfo

from barograph.collector.addresses import device_of
from barograph.errors import PortError
from barograph.registry import Port


def adapter(device, vid=0x0403, pid=0x6001, serial=None, location="1-1.2"):
    info = ListPortInfo(device)
    info.vid, info.pid, info.serial_number, info.location = vid, pid, serial, location
    return info


def found(url, *adapters, tmp_path=None):
    return device_of(Port(port="p1", url=url, format="f"), tmp_path, lambda: adapters, by_id=None)


def test_an_adapter_is_found_by_its_serial_number_under_any_name():
    """After an unplug ttyUSB0 is often ttyUSB1."""
    other = adapter("/dev/ttyUSB0", serial="B2")

    assert "/dev/ttyUSB1" == found("usb:0403:6001:A1", other, adapter("/dev/ttyUSB1", serial="A1"))


def test_hexadecimal_ids_are_read_in_either_case():
    assert "/dev/ttyACM0" == found("usb:2E8A:000a", adapter("/dev/ttyACM0", vid=0x2E8A, pid=0x000A))


def test_a_socket_of_the_hub_is_found_whatever_is_plugged_in():
    """The interface behind the colon is the adapter's, not the hub's."""
    assert "/dev/ttyUSB3" == found("usb-path:1-1.4", adapter("/dev/ttyUSB3", location="1-1.4:1.0"))


def test_two_alike_are_refused_with_what_tells_them_apart():
    """Taking the first would swap two fridges at the next boot."""
    twins = (adapter("/dev/ttyUSB0", serial="A1"), adapter("/dev/ttyUSB1", serial="A2", location="1-1.3"))

    with pytest.raises(PortError, match=r"2 adapters are like that: usb:0403:6001:A1 \(usb-path:1-1.2, /dev/ttyUSB0\)"):
        found("usb:0403:6001", *twins)


def test_an_adapter_that_is_not_there_says_which_are():
    with pytest.raises(
        PortError, match=r"not plugged in. USB adapters here: usb:1a86:7523 \(usb-path:1-2, /dev/ttyUSB0\)"
    ):
        found(
            "usb:0403:6001",
            adapter("/dev/ttyUSB0", vid=0x1A86, pid=0x7523, location="1-2"),
            adapter("/dev/ttyS0", None),
        )


def test_paths_begin_in_the_data_folder(tmp_path):
    assert str(tmp_path / "run/ports/p1") == found("run/ports/p1", tmp_path=tmp_path)
    assert "/dev/ttyS0" == found("/dev/ttyS0", tmp_path=tmp_path)
