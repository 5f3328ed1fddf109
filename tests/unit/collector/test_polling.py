"""Asking several devices on one line, one after the other, whatever they answer."""

import pytest

from barograph.collector.polling import Poller, requests
from barograph.registry import Poll

MODBUS = Poll(
    request="hex:{address} 03 00 00 00 01", devices={"a": "01", "b": "02"}, checksum="crc16-modbus", every=10, timeout=1
)


def asked(poller, now):
    request = poller.due(now)
    return request.device if request else None


def test_requests_carry_address_and_checksum():
    """`01 03 00 00 00 01 84 0A` is the example of every Modbus manual."""
    assert [("a", "010300000001840a"), ("b", "0203000000018439")] == [
        (each.device, each.said.hex()) for each in requests(MODBUS)
    ]


def test_the_next_one_is_asked_after_the_answer_and_a_rest():
    """RS-485: who begins while the line still turns round talks over the answer."""
    poller = Poller(MODBUS)
    poller.opened(0.0)

    assert "a" == asked(poller, 0.0)
    assert None is asked(poller, 0.5)
    poller.answered(0.5)
    assert [None, "b"] == [asked(poller, 0.52), asked(poller, 0.56)]


def test_one_that_does_not_answer_costs_its_timeout_and_no_more():
    poller = Poller(MODBUS)
    poller.opened(0.0)
    asked(poller, 0.0)

    assert [None, None, "b"] == [asked(poller, now) for now in (0.9, 1.01, 1.07)]
    assert 1 == poller.timeouts


def test_a_round_begins_every_ten_seconds():
    poller = Poller(MODBUS)
    poller.opened(0.0)
    said = []
    for tick in range(2500):
        now = tick / 100
        device = asked(poller, now)
        if device:
            said.append((device, round(now)))
            poller.answered(now + 0.05)

    assert [("a", 0), ("b", 0), ("a", 10), ("b", 10), ("a", 20), ("b", 20)] == said


def test_rounds_that_were_missed_are_not_made_up_for():
    """After a suspend of the machine an hour of requests at once helps nobody."""
    poller = Poller(MODBUS)
    poller.opened(0.0)
    for now in (0.0, 0.2):
        asked(poller, now)
        poller.answered(now + 0.1)

    poller.due(3600.0)
    poller.answered(3600.1)
    poller.due(3600.2)
    poller.answered(3600.3)

    assert None is asked(poller, 3601.0)


def test_the_loop_need_not_wake_before_something_is_due():
    poller = Poller(MODBUS)
    poller.opened(0.0)
    asked(poller, 0.0)
    assert 1.0 == poller.wake_at()
    poller.answered(0.4)
    assert pytest.approx(0.45) == poller.wake_at()


def test_between_two_rounds_nobody_is_woken():
    """The loop asks at each turn, also early: a time in the past would keep it turning without a rest."""
    poller = Poller(MODBUS)
    poller.opened(0.0)
    for now in (0.0, 0.2):
        asked(poller, now)
        poller.answered(now + 0.1)

    assert [None, None] == [asked(poller, 0.4), asked(poller, 5.0)]
    assert 10.0 == poller.wake_at()


def test_an_address_that_makes_no_request_is_refused():
    with pytest.raises(ValueError, match="two digits"):
        requests(Poll(request="hex:{address} 03", devices={"a": "zz"}))
