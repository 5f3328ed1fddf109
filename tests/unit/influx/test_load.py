"""An InfluxDB whose disk was full may have lost what it acknowledged: it is in doubt until it was made anew."""

from __future__ import annotations

import json
import threading
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from barograph.influx.delivery import DISK_FULL
from barograph.influx.load import in_doubt, load, mark_repaired, register
from barograph.settings import Settings
from barograph.windows import iso, utc

NOON = utc("2026-11-27T12:00:00Z")


class Influx:
    """Takes what it is sent, until its disk is full."""

    def __init__(self):
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                told.posts += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps({"message": f"write wal: {DISK_FULL}"}).encode() if told.full else b""
                self.send_response(500 if told.full else 204)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.full, self.posts = False, 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def influx():
    made = Influx()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def loaded(spark, influx, tmp_path):
    plain = Settings(home=tmp_path)
    plain.secrets_folder.mkdir(parents=True)
    token = plain.secrets_folder / "influx_loader"
    token.write_text("a token")
    token.chmod(0o600)
    own = plain.influx.model_copy(update={"url": f"http://127.0.0.1:{influx.server.server_port}"})
    settings = plain.model_copy(update={"influx": own})
    register(spark)

    def at(moment: datetime) -> Settings:
        rows = spark.createDataFrame([(f"temperature value=4 {iso(moment)}",)], "line string")
        load(settings, {"readings": rows}, since=moment)
        return settings

    at.settings = settings
    return at


def test_a_full_disk_leaves_everything_since_in_doubt_until_all_of_it_was_made_anew(loaded, influx):
    """Room alone is no cure: what it took while it was full is gone after its next start."""
    influx.full = True
    with pytest.raises(Exception, match=DISK_FULL):
        loaded(NOON)
    assert 1 == influx.posts, "it is not insisted: each attempt makes it worse"
    assert NOON == in_doubt(loaded.settings)
    influx.full = False

    loaded(NOON + timedelta(hours=1))
    loaded(NOON - timedelta(hours=1))
    assert NOON - timedelta(hours=1) == in_doubt(loaded.settings)
    mark_repaired(loaded.settings, date(2026, 11, 26), date(2026, 11, 27))
    mark_repaired(loaded.settings, date(2026, 11, 27), date.max)
    assert in_doubt(loaded.settings), "what came after those days, or before them, was not looked at"
    mark_repaired(loaded.settings, date(2026, 11, 26), date.max)

    assert in_doubt(loaded.settings) is None
