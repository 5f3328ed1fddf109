"""What a driver lost before we could read it: known where it counts, unknown elsewhere, never guessed."""

import os
import socket
import struct

from barograph.collector.overruns import LineErrors, counters, line_errors


def test_the_kernels_counters_are_read_by_their_place():
    """cts, dsr, rng, dcd, rx, tx, frame, overrun, parity, brk, buf_overrun."""
    told = struct.pack("11i9i", 0, 0, 0, 0, 4000, 0, 3, 5, 2, 9, 7, *[0] * 9)

    assert LineErrors(overruns=12, damaged=5) == counters(told)


def test_a_pty_and_a_socket_count_nothing():
    """Zero would be a measurement."""
    near, far = os.openpty()
    one, other = socket.socketpair()

    assert [None] * 3 == [line_errors(far), line_errors(one.fileno()), line_errors(None)]
    for descriptor in (near, far):
        os.close(descriptor)
    one.close()
    other.close()


def test_an_adapter_that_was_plugged_in_again_counts_from_zero():
    assert LineErrors(2, 1) == LineErrors(2, 1).since(LineErrors(900, 10))
    assert LineErrors(5, 0) == LineErrors(7, 1).since(LineErrors(2, 1))
