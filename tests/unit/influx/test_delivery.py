"""The sink finds the lines that InfluxDB refuses, keeps asking while it is ill, and loses nothing in silence."""

import json

import pytest
from influxdb_client.rest import ApiException

from barograph.errors import SinkError
from barograph.influx.delivery import deliver, quoted
from barograph.influx.sink import by_bucket


class FakeInflux:
    """Refuses requests that hold a bad line, after `ill` answers of another kind."""

    def __init__(self, bad=(), status=400, ill=(), words="no"):
        self.bad, self.status, self.ill, self.words = set(bad), status, list(ill), words
        self.stored, self.requests = [], 0

    def __call__(self, lines):
        self.requests += 1
        if self.ill:
            raise self.ill.pop(0)
        if self.bad & set(lines):
            error = answer(self.status)
            error.body = json.dumps({"message": "\n".join(self.words.format(line) for line in self.bad & set(lines))})
            raise error
        self.stored += lines


def answer(status, **headers):
    error = ApiException(status=status, reason="no")
    error.headers = headers
    return error


def sent(server, lines, patience=10.0):
    refused, waits = [], []
    deliver(lines, server, lambda line, reason: refused.append(line), patience, waits.append)
    return refused, waits


def test_lines_that_the_answer_names_are_taken_out_at_once():
    """InfluxDB quotes each bad line of a request it cannot read: two requests instead of a search."""
    lines = [f"line {number}" for number in range(5000)]
    server = FakeInflux(bad=["line 17", "line 4711"], words="unable to parse '{}': missing fields")

    refused, _ = sent(server, lines)

    assert ["line 17", "line 4711"] == refused
    assert 2 == server.requests
    assert 4998 == len(server.stored)


def test_an_answer_names_a_line_with_everything_in_it():
    said = "unable to parse 'a,b=it\\'s x=': missing field value\nunable to parse 'c': missing fields"

    assert {"a,b=it\\'s x=": "missing field value", "c": "missing fields"} == quoted(said)


@pytest.mark.parametrize("inside", ["\n", "\r", "\0"])
def test_what_would_end_a_line_is_never_sent(inside):
    """A second line in the middle of the first would be somebody else's point."""
    server = FakeInflux()

    refused, _ = sent(server, ["good", f"m v=1{inside}m v=2"])

    assert [f"m v=1{inside}m v=2"] == refused
    assert ["good"] == server.stored


def test_a_full_disk_is_told_at_once_with_what_to_do():
    """To go on trying makes it worse: InfluxDB acknowledges points then that a restart loses."""
    ill = answer(500)
    ill.body = '{"code":"internal error","message":"write: no space left on device"}'

    with pytest.raises(SinkError, match="make room, restart it, then `barograph influx rebuild`"):
        sent(FakeInflux(ill=[ill]), ["a"])


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


def test_a_date_to_come_back_at_is_counted_from_the_date_of_the_answer():
    """A proxy may say it so. Which of the two clocks is wrong does not matter: both dates are the server's."""
    dates = {"Date": "Fri, 27 Nov 2026 22:00:00 GMT", "Retry-After": "Fri, 27 Nov 2026 22:00:09 GMT"}
    server = FakeInflux(ill=[answer(503, **dates)])

    _, waits = sent(server, ["a"])

    assert waits == [9]


@pytest.mark.parametrize("dates", [{"Retry-After": "soon"}, {"Retry-After": "Fri, 27 Nov 2026 22:00:09 GMT"}])
def test_an_unreadable_time_to_come_back_at_is_no_reason_to_stop(dates):
    server = FakeInflux(ill=[answer(503, **dates)])

    _, waits = sent(server, ["a"])

    assert waits == [0.5]
    assert ["a"] == server.stored


def test_a_server_that_stays_away_fails_the_task_and_refuses_nothing():
    """The readings are in the record: a failed task is loud, a dead letter would be wrong."""
    server = FakeInflux(ill=[OSError("connection refused")] * 100)

    with pytest.raises(SinkError, match="Nothing is lost"):
        sent(server, ["a"], patience=5)


@pytest.mark.parametrize("status", [401, 403])
def test_a_revoked_token_is_not_a_bad_line_and_not_waited_for(status):
    server = FakeInflux(ill=[answer(status)] * 100)

    with pytest.raises(SinkError, match=f"does not let us write: {status}"):
        sent(server, ["a"], patience=5)

    assert 1 == server.requests


def test_requests_hold_lines_of_one_bucket():
    import pyarrow as pa

    rows = pa.RecordBatch.from_pydict({"bucket": ["r", "w", "r", "r"], "line": ["1", "2", "3", "4"]})

    assert [("r", ["1", "3"]), ("w", ["2"]), ("r", ["4"])] == sorted(by_bucket(iter([rows]), 2), key=lambda x: x[1])
