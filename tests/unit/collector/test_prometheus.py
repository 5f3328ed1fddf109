"""The collector's metrics as Prometheus reads them: scraped from a running one."""

import socket
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.collector.fakes import Broker, eventually
from tests.unit.collector.ptys import Board
from tests.unit.collector.test_service import SITE, Collecting

from barograph import collector
from barograph.collector import health, reporting
from barograph.collector.prometheus import LOOPBACK, Endpoint, families
from barograph.collector.systemd import Supervisor
from barograph.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(reporting, "STATUS_EVERY", 0.1)
    folder = tmp_path / "sites" / "shop"
    (folder / "formats").mkdir(parents=True)
    (folder / "site.yaml").write_text(SITE)
    (folder / "formats" / "board.yaml").write_text("kind: json\ndevice: device\n")
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        free = listener.getsockname()[1]
    return Settings(home=tmp_path, collector={"metrics_port": free})


def scraped(url):
    """Each sample by its name, less our prefix, and the values of its labels as they stand in the text."""
    with urllib.request.urlopen(url, timeout=5) as reply:
        text = reply.read().decode()
    return {
        (sample.name.removeprefix("barograph_collector_"), *(sample.labels[name] for name in sorted(sample.labels))): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def listens(port):
    with socket.socket() as client:
        return client.connect_ex((LOOPBACK, port)) == 0


def test_a_scrape_tells_what_was_read_refused_and_published(tmp_path, settings):
    board, broker = Board(tmp_path / "run/ports/p1"), Broker()
    running = Collecting(settings, broker)
    assert eventually(lambda: (found := collector.status(settings)) and found.ports["p1"].connected and found.metrics)
    told = b'{"device":"fridge","t":4.5}\n{"device":"stranger","t":1}\nrubbish\n'
    board.say(told)
    assert eventually(lambda: collector.status(settings).published == 3)
    url = collector.status(settings).metrics
    assert eventually(lambda: scraped(url)[("published_total",)] == 3)

    found = scraped(url)

    assert f"http://127.0.0.1:{settings.metrics_port}/metrics" == url
    assert (len(told), 2, 1) == tuple(found[name, "p1"] for name in ("bytes_total", "frames_total", "port_open"))
    assert 1 == found["rejects_total", "p1", "not_json"]
    assert 1 == found["device_frames_total", "fridge", "p1"]
    states = {key[1]: value for key, value in found.items() if key[0] == "device_state"}
    assert {"on_time": 1, "late": 0, "suspect": 0, "silent": 0} == states
    assert (0, 1) == (found[("spool_frames",)], found[("broker_up",)])
    assert (3, 3) == (found[("publish_latency_seconds_count",)], found["publish_latency_seconds_bucket", "+Inf"])
    assert 1 == found["events_total", "port_opened"]
    # A pty's driver does not count overruns, and nobody invents a zero.
    assert ("overruns_total", "p1") not in found
    running.close()
    board.unplug()
    assert eventually(lambda: not listens(settings.metrics_port))


def test_a_port_that_is_taken_is_an_error_that_stops_nothing(tmp_path, settings):
    """A shop must not lose a reading because two programs want one number."""
    with socket.socket() as stranger:
        stranger.bind((LOOPBACK, settings.metrics_port))
        stranger.listen()
        board, broker = Board(tmp_path / "run/ports/p1"), Broker()
        running = Collecting(settings, broker)
        assert eventually(lambda: (found := collector.status(settings)) and found.metrics_error)
        assert eventually(lambda: collector.status(settings).ports["p1"].connected)
        board.say(b'{"device":"fridge","t":4.5}\n')

        assert eventually(lambda: len(broker.frames()) == 1)
        status = collector.status(settings)
        assert f"port {settings.metrics_port} cannot be had" in status.metrics_error
        assert 1 == status.events["metrics_not_served"]
        running.close()
        board.unplug()


def test_systemd_hears_that_it_is_ready_lives_reloads_and_stops(tmp_path, settings):
    """A unit of Type=notify is started when ports are read, and restarted when the loop stands still."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)

        def heard(expected):
            while not (said := listener.recv(1000).decode()).startswith(expected):
                pass
            return said

        running = Collecting(settings, Broker(), supervisor=Supervisor(str(tmp_path / "notify"), watchdog=0.3))
        assert "READY=1" == listener.recv(1000).decode()
        assert "STATUS=0 of 1 ports open" in heard("STATUS")
        heard("WATCHDOG=1")
        heard("WATCHDOG=1")
        running.reload.set()
        assert "MONOTONIC_USEC=" in heard("RELOADING=1")
        heard("READY=1")
        running.stop.set()
        heard("STOPPING=1")
        running.close()


def test_only_this_machine_can_scrape():
    endpoint = Endpoint(0, lambda: None)
    port = f":{endpoint._server.server_port:04X}"
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if port in line.split()[1]]

    assert [f"0100007F{port}"] == listening
    endpoint.close()


def test_names_that_a_site_may_have_cannot_break_the_text():
    """A device is called what people call it."""
    now = datetime.now(UTC)
    odd = 'dairy "fridge" \\ \nx'
    device = health.DeviceCounters(frames=1, last_frame=now - timedelta(seconds=1), skew=0.5)
    status = health.Status(
        name=odd, pid=1, boot="b", started=now, updated=now, broker_up=None, published=1, spool_depth=0, spool_bytes=0,
        spool_quota=1, spool_lost=0,
        ports={odd: health.Counters(url="u", connected=True, overruns=4, devices={odd: device})},
    )  # fmt: skip
    endpoint = Endpoint(0, lambda: status)
    try:
        found = scraped(endpoint.url)
    finally:
        endpoint.close()

    assert 4 == found["overruns_total", odd]
    assert 0.5 == found["clock_skew_seconds", odd, odd]
    assert ("broker_up",) not in found


def test_each_metric_is_there_once_and_says_what_it_is():
    now = datetime.now(UTC)
    status = health.Status(
        pid=1, boot="b", started=now, updated=now, broker_up=True, published=1, spool_depth=0, spool_bytes=0,
        spool_quota=1, spool_lost=0, ports={},
    )  # fmt: skip
    told = list(families(status))

    assert [] == [family.name for family in told if not family.documentation.endswith(".")]
    assert len(told) == len({family.name for family in told})
