"""Spark's sink as a client: it keeps its connection, and holds no more than a request."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pytest

from barograph.influx.sink import InfluxWriter

LINES_PER_REQUEST = 10


class Influx:
    """Takes all it is sent, and counts who came and what."""

    def __init__(self) -> None:
        told = self
        self.connections, self.lines = 0, list[str]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                told.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.lines += gzip.decompress(body).decode().splitlines()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def influx() -> Iterator[Influx]:
    made = Influx()
    yield made
    made.server.shutdown()
    made.server.server_close()


def writer(influx: Influx, folder: Path) -> InfluxWriter:
    said = {"url": f"http://127.0.0.1:{influx.server.server_port}", "token": "t", "org": "o", "timeout": "5"}
    pace = {"patience": "0.1", "lines_per_request": str(LINES_PER_REQUEST), "compress": "1"}
    return InfluxWriter({**said, **pace, "dead_letters": str(folder)})


def test_all_requests_of_a_partition_share_one_connection(influx: Influx, tmp_path: Path) -> None:
    """Each new one would cost a round trip, and a handshake where InfluxDB is spoken to by TLS."""
    lines = [f"m v={number}" for number in range(200)]
    batch = pa.RecordBatch.from_pydict({"bucket": ["readings", "windows"] * 100, "line": lines})

    posted = writer(influx, tmp_path).write(iter([batch]))

    assert (posted.lines, posted.refused) == (200, 0)
    assert sorted(influx.lines) == sorted(lines)
    assert influx.connections == 1


def test_what_was_read_is_sent_before_more_is_read(influx: Influx, tmp_path: Path) -> None:
    """However many rows come: less than one request for each bucket and the batch at hand are in memory."""
    unsent = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(100):
            unsent.append(number * 4 - len(influx.lines))
            yield pa.RecordBatch.from_pydict({"bucket": ["readings"] * 4, "line": [f"m v={number}"] * 4})

    writer(influx, tmp_path).write(batches())

    assert len(influx.lines) == 400
    assert max(unsent) < LINES_PER_REQUEST
