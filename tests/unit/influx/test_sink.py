"""The sink finds the lines that InfluxDB refuses, keeps asking while it is ill, and loses nothing in silence."""

import pytest
from influxdb_client.rest import ApiException

from barograph.errors import SinkError
from barograph.influx.sink import by_bucket, deliver


class FakeInflux:
    """Refuses requests that hold a bad line, after `ill` answers of another kind."""

    def __init__(self, bad=(), status=400, ill=()):
        self.bad, self.status, self.ill = set(bad), status, list(ill)
        self.stored, self.requests = [], 0

    def __call__(self, lines):
        self.requests += 1
        if self.ill:
            raise self.ill.pop(0)
        if self.bad & set(lines):
            raise answer(self.status)
        self.stored += lines


def answer(status, **headers):
    error = ApiException(status=status, reason="no")
    error.headers = headers
    return error


def sent(server, lines, patience=10.0):
    refused, waits = [], []
    deliver(lines, server, lambda line, reason: refused.append(line), patience, waits.append)
    return refused, waits


@pytest.mark.parametrize("status", [400, 422])
def test_one_bad_line_costs_itself_alone(status):
    """Telegraf drops the whole batch here."""
    lines = [f"line {number}" for number in range(5000)]
    server = FakeInflux(bad=["line 17"], status=status)

    refused, _ = sent(server, lines)

    assert ["line 17"] == refused
    assert set(lines) - {"line 17"} == set(server.stored)
    assert server.requests <= 2 * 13 + 2


def test_a_server_that_is_busy_is_asked_again_when_it_said():
    server = FakeInflux(ill=[answer(429, **{"Retry-After": "7"}), answer(503)])

    refused, waits = sent(server, ["a"])

    assert [] == refused
    assert ["a"] == server.stored
    assert waits[0] == 7


def test_a_server_that_stays_away_fails_the_task_and_refuses_nothing():
    """The readings are in the record: a failed task is loud, a dead letter would be wrong."""
    server = FakeInflux(ill=[OSError("connection refused")] * 100)

    with pytest.raises(SinkError, match="Nothing is lost"):
        sent(server, ["a"], patience=5)


def test_a_revoked_token_is_not_a_bad_line():
    with pytest.raises(SinkError, match="401"):
        sent(FakeInflux(ill=[answer(401)] * 100), ["a"], patience=5)


def test_requests_hold_lines_of_one_bucket():
    import pyarrow as pa

    rows = pa.RecordBatch.from_pydict({"bucket": ["r", "w", "r", "r"], "line": ["1", "2", "3", "4"]})

    assert [("r", ["1", "3"]), ("w", ["2"]), ("r", ["4"])] == sorted(by_bucket(iter([rows]), 2), key=lambda x: x[1])
