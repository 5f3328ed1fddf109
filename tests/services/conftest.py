"""Real servers for tests: PostgreSQL, Kafka, InfluxDB and one Spark Connect server, started once a session.

They have their own ports and data folder, so that they run beside a `make run`. A test that asks for `services` has all
of them; `servers` are those without Spark, which is most of the start. Workers of pytest-xdist have their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from tests.services.river import blank_archive

from barograph import spark
from barograph.settings import PORT_OFFSETS, Settings, SparkSettings
from barograph.stack import pids, prepare, secrets, services

PORT_BASE = 27_000
PORTS_APART = 500
SERVERS = ("postgres", "kafka", "influxdb")
SPARK = "spark-live"
YOUNG = "-XX:TieredStopAtLevel=1"
"""What the JVM's second compiler costs pays off after many minutes, and a test's servers do not get that old."""


@dataclass(frozen=True)
class Services:
    """The running servers; `settings` is all that code under test needs."""

    settings: Settings


@pytest.fixture(scope="session", autouse=True)
def _nobodys_settings() -> Iterator[None]:
    """The environment wins over what a test says: with BAROGRAPH_HOME set, tests would kill a shop's real servers."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BAROGRAPH_") and "TEST" not in name]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def services_settings(_nobodys_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("barograph") / "home"
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    base = int(os.environ.get("BAROGRAPH_TEST_PORT_BASE", PORT_BASE)) - PORTS_APART * worker
    plain = Settings(home=home, port_base=base)
    assert home == plain.home
    secrets.generate(plain)
    live = plain.spark_url("live")
    return plain.model_copy(update={"spark": SparkSettings(live=live, history=live)})


@pytest.fixture(scope="session")
def servers(services_settings: Settings, request: pytest.FixtureRequest) -> Iterator[Services]:
    """All but Spark; that one too where a test of this session will ask for it, for they start side by side."""
    more = [SPARK] if any(needs_spark(item) for item in request.session.items) else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", YOUNG)
        services.up(services_settings, only=[*SERVERS, *more])
    try:
        prepare.run(services_settings, airflow=False)
        yield Services(services_settings)
    finally:
        killed = services.down(services_settings)
    assert killed == []
    assert pids.ours(services_settings.home) == []
    assert still_listening(services_settings) == []


@pytest.fixture(scope="session", name="services")
def _services(servers: Services) -> Iterator[Services]:
    """With Spark, whose work is not divided: two servers share two cores here, and a test has few rows."""
    fresh = spark._fresh

    def undivided(url: str, session_id: str | None = None) -> SparkSession:
        session = fresh(url, session_id)
        session.conf.set("spark.sql.shuffle.partitions", "1")
        return session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spark, "_fresh", undivided)
        with spark.session(servers.settings, "live") as session:
            blank_archive(servers.settings).create(session)
        yield servers


def needs_spark(item: pytest.Item) -> bool:
    return "services" in getattr(item, "fixturenames", ())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m spark` and `-m "not spark"` are two halves that can run side by side."""
    for item in items:
        if needs_spark(item):
            item.add_marker("spark")


def still_listening(settings: Settings) -> list[str]:
    """Our ports on which somebody listens, as the kernel tells it."""
    sockets = [
        line.split() for path in ("tcp", "tcp6") for line in Path("/proc/net", path).read_text().splitlines()[1:]
    ]
    open_ports = {int(fields[1].rpartition(":")[2], 16) for fields in sockets if fields[3] == "0A"}
    return [name for name in PORT_OFFSETS if settings.port(name) in open_ports]
