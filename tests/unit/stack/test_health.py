"""`barograph status` asks each server where it is: on this machine or in a container of its own."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from barograph.errors import ServiceUnavailable
from barograph.settings import PORT_OFFSETS, KafkaSettings, Settings, load_settings
from barograph.stack import health
from barograph.stack.environment import CHECKOUT

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def told(settings: Settings, part: str) -> dict[str, tuple[bool | None, str]]:
    return {answer.name: (answer.ok, answer.found) for answer in health.PARTS[part](settings, NOW)}


def test_servers_of_this_machine_are_asked_at_its_ports(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    assert {(name, "127.0.0.1", settings.port(name), False) for name in PORT_OFFSETS if name != "collector"} == {
        (server.name, server.host, server.port, server.elsewhere) for server in health.servers(settings)
    }


def test_a_port_says_whether_anybody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as up, socket.create_server(("127.0.0.1", 0)) as gone:
        brokers = [f"127.0.0.1:{server.getsockname()[1]}" for server in (up, gone)]
        gone.close()
        settings = Settings(home=tmp_path, kafka=KafkaSettings(brokers=",".join(brokers)))

        found = [(answer.ok, answer.found) for answer in health.PARTS["port"](settings, NOW) if answer.name == "kafka"]

    assert [(True, brokers[0]), (False, f"{brokers[1]}: nobody listens")] == found


def test_in_a_container_every_server_is_asked_by_its_name(tmp_path: Path, monkeypatch) -> None:
    """No supervisor is there to ask, and none is missed."""
    compose = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8"))
    given = compose["x-settings"] | compose["x-spark-clients"]
    for name, value in given.items():
        if name.startswith("BAROGRAPH_") and "$" not in value:
            monkeypatch.setenv(name, value)
    for name in ("LIVE", "HISTORY"):
        monkeypatch.setenv(f"BAROGRAPH_SPARK__{name}", f"sc://{given[f'STACK_SPARK_{name}']}/;authorization=Bearer%20x")
    settings = load_settings(tmp_path)

    assert {
        "postgres:5432",
        "kafka:9092",
        "influxdb:8086",
        "spark-live:28002",
        "spark-history:28003",
        "airflow-api:28080",
    } == {str(server) for server in health.servers(settings)}
    assert {} == told(settings, "process")


def test_on_this_machine_a_supervisor_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="The supervisor does not answer"):
        told(Settings(home=tmp_path), "process")
