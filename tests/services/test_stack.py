"""The stack on real servers: they come back, they are prepared once, and each token can do its one thing."""

from __future__ import annotations

import csv
import io
import os
import signal
import stat
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from barograph import kafka
from barograph.errors import SettingsError
from barograph.kafka import Delivery, Message, Producer
from barograph.settings import Settings
from barograph.stack import databases, pids, prepare
from barograph.stack import services as stack
from barograph.state import engine, tables

from .conftest import SERVERS, Services


@pytest.fixture
def settings(servers: Services) -> Settings:
    return servers.settings


def client(settings: Settings, secret: str) -> InfluxDBClient:
    return InfluxDBClient(settings.influx_url, token=settings.secret(secret), org=settings.influx.org)


def write(settings: Settings, secret: str, bucket: str, line: str) -> None:
    with client(settings, secret) as influx, influx.write_api(write_options=SYNCHRONOUS) as api:
        api.write(bucket=bucket, record=line)


def influxql(settings: Settings, secret: str, database: str, query: str) -> list[dict[str, str]]:
    with client(settings, secret) as influx:
        answer = influx.api_client.call_api(
            "/query",
            "GET",
            query_params={"db": database, "q": query},
            header_params={"Accept": "application/csv", "Authorization": f"Token {settings.secret(secret)}"},
            _preload_content=False,
        )[0]
        return list(csv.DictReader(io.StringIO(answer.data.decode())))


def test_secrets_are_for_their_owner_alone(settings: Settings) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in settings.secrets_folder.iterdir()}

    assert {0o600} == set(modes.values())
    assert {"influx_loader", "influx_reader", "spark_token"} <= set(modes)


def test_no_secret_shows_in_ps(settings: Settings) -> None:
    values = [path.read_text() for path in settings.secrets_folder.iterdir()]
    commands = [running.command for running in pids.ours(settings.home)]

    assert commands
    assert [command for command in commands if any(value in command for value in values)] == []


def test_no_secret_of_spark_shows_in_ps(services: Services) -> None:
    assert any("SparkConnectServer" in running.command for running in pids.ours(services.settings.home))
    test_no_secret_shows_in_ps(services.settings)


def test_preparing_twice_changes_nothing(settings: Settings) -> None:
    """It runs before every start."""
    before = {path.name: path.read_text() for path in settings.secrets_folder.iterdir()}

    assert prepare.run(settings, airflow=False) == []
    assert before == {path.name: path.read_text() for path in settings.secrets_folder.iterdir()}


def test_a_lost_token_is_made_anew(settings: Settings) -> None:
    """InfluxDB shows a token once."""
    (settings.secrets_folder / "influx_reader").unlink()

    assert prepare.prepare_influxdb(settings) == ["token influx_reader"]
    assert influxql(settings, "influx_reader", "readings", "SELECT * FROM nothing") == []


def test_migrations_build_exactly_the_tables(settings: Settings) -> None:
    with engine.connect(settings).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, tables.metadata) == []


@pytest.mark.parametrize(("role", "other"), [("airflow", "barograph"), ("barograph", "airflow")])
def test_no_role_looks_into_the_others_database(settings: Settings, role: str, other: str) -> None:
    address = databases.url(settings, role, f"postgres_{role}", database=other)

    with pytest.raises(OperationalError, match="permission denied"):
        create_engine(address).connect()


def test_a_role_owns_its_database(settings: Settings) -> None:
    with create_engine(databases.url(settings, "airflow", "postgres_airflow")).begin() as connection:
        connection.execute(text("create table scratch (id int)"))
        connection.execute(text("drop table scratch"))


@pytest.mark.parametrize("bucket", ["readings", "windows", "rollups", "operations"])
def test_the_loader_writes_and_cannot_read(settings: Settings, bucket: str) -> None:
    write(settings, "influx_loader", bucket, f"scratch value=1 {time.time_ns()}")

    with client(settings, "influx_loader") as influx, pytest.raises(ApiException) as refused:
        influx.query_api().query(f'from(bucket: "{bucket}") |> range(start: -1h)')

    assert refused.value.status in (401, 403, 404)


def test_the_loader_writes_nowhere_else(settings: Settings) -> None:
    with pytest.raises(ApiException) as refused:
        write(settings, "influx_loader", "_monitoring", f"scratch value=1 {time.time_ns()}")

    assert refused.value.status in (401, 403, 404)


def test_the_reader_reads_and_cannot_write(settings: Settings) -> None:
    write(settings, "influx_loader", "readings", f"scratch,device=a value=2 {time.time_ns()}")

    with client(settings, "influx_reader") as influx:
        assert influx.query_api().query('from(bucket: "readings") |> range(start: -1h)')
    with pytest.raises(ApiException) as refused:
        write(settings, "influx_reader", "readings", f"scratch value=3 {time.time_ns()}")
    assert refused.value.status == 403


def test_influxql_finds_the_buckets_by_name(settings: Settings) -> None:
    write(settings, "influx_loader", "readings", f"temperature,device=sensor3 value=21.5 {time.time_ns()}")
    query = r"SELECT * FROM temperature WHERE device =~ /^sensor\d+$/ AND time >= now() - 5m"

    rows = influxql(settings, "influx_reader", "readings", query)

    assert [(row["device"], row["value"]) for row in rows] == [("sensor3", "21.5")]


def test_windows_expire_and_readings_do_not(settings: Settings) -> None:
    with client(settings, "influx_operator_token") as influx:
        kept = {
            bucket.name: sum(rule.every_seconds or 0 for rule in bucket.retention_rules)
            for bucket in influx.buckets_api().find_buckets().buckets
        }

    assert {"readings": 0, "windows": 7 * 86_400, "rollups": 0, "operations": 30 * 86_400}.items() <= kept.items()


def test_a_killed_broker_comes_back_with_its_messages(settings: Settings) -> None:
    producer = Producer(settings)
    topic = settings.kafka.topics[0]
    assert producer.deliver([Message(topic, b'{"device":"stack-test","temperature":21}', "k")]) == [Delivery.ACKED]
    producer.close()
    before = sum(log.end for log in kafka.offsets(settings, [topic]))

    kill(settings, "kafka")

    assert before == sum(log.end for log in kafka.offsets(settings, [topic]))


def test_a_killed_influxdb_comes_back_with_its_points(settings: Settings) -> None:
    write(settings, "influx_loader", "readings", "temperature,device=killed value=21 1795000000000000000")

    kill(settings, "influxdb")

    found = influxql(settings, "influx_reader", "readings", "SELECT value FROM temperature WHERE device = 'killed'")
    assert ["21"] == [row["value"] for row in found]


def test_a_killed_database_comes_back(settings: Settings) -> None:
    kill(settings, "postgres")

    with engine.connect(settings).connect() as connection:
        assert connection.scalar(text("select 1")) == 1


def kill(settings: Settings, name: str, patience: float = 90) -> None:
    """Kill a server without a word and wait until the supervisor has it ready again."""
    pid = int(settings.path("run", f"{name}.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        process = next(process for process in stack.state(settings) if process.name == name)
        if process.ready and int(settings.path("run", f"{name}.pid").read_text()) != pid:
            return
        time.sleep(0.2)
    pytest.fail(f"{name} did not come back in {patience} s")


def test_starting_again_finds_it_running(settings: Settings) -> None:
    before = server_pids(settings)

    assert stack.up(settings, only=SERVERS) < 10
    assert before == server_pids(settings)


def server_pids(settings: Settings) -> dict[str, int]:
    return {process.name: process.pid for process in stack.state(settings) if process.name in SERVERS}


def test_a_strangers_port_is_refused(settings: Settings, tmp_path: Path) -> None:
    """Another data folder on our ports: its stack must not start, nor take our servers for its own."""
    stranger = settings.model_copy(update={"home": tmp_path})

    with pytest.raises(SettingsError, match=rf"In use by another program: port {settings.port('kafka')} \(kafka\)"):
        stack.up(stranger, only=["kafka"])

    assert pids.ours(tmp_path) == []
    assert not (tmp_path / "secrets").exists()


def test_clean_refuses_while_they_run(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="in use by"):
        stack.clean(settings)
