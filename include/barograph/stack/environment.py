"""The environment of the servers: from the settings, the tools that set-up found, and the secrets' places.

Secrets are handed over as files or commands, never as values: neither `ps` nor a child's environment shows one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from barograph.errors import SettingsError
from barograph.settings import CHECKOUT, PORT_OFFSETS, PREFIX, Settings, load_settings

FILES = CHECKOUT / "include" / "stack"

FOREIGN = ("AIRFLOW", "SPARK_", "PYSPARK_", "PYTHON", "PC_", "STACK_", "PG", "INFLUX", "KAFKA_", "JAVA_TOOL_OPTIONS")
"""Variables of the caller that would change a server behind our back."""


@dataclass(frozen=True)
class Tools:
    """Where set-up found or put the programs; the fields are in .venv/tools.json, among others."""

    java: str
    influxd: str
    restic: str
    process_compose: str
    kafka_jars: str
    spark_jars: str
    postgres_bin: str
    python: str


def load_tools(path: Path = CHECKOUT / ".venv" / "tools.json") -> Tools:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Tools(**{field.name: found[field.name] for field in fields(Tools)})
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"The servers' programs are not set up ({path}: {error}). Run: make run") from error


def environment(settings: Settings, tools: Tools, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """All variables of the supervisor and its servers."""
    inherited = os.environ if inherited is None else inherited
    kept = {name: value for name, value in inherited.items() if not name.startswith(FOREIGN)}
    return kept | common() | barograph(settings) | stack(settings, tools) | spark(tools) | airflow(settings)


def common() -> dict[str, str]:
    return {
        # All servers are on loopback, where a proxy cannot find them.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONPATH": f"{CHECKOUT / 'include'}{os.pathsep}{CHECKOUT / 'plugins'}",
        "PYTHONUNBUFFERED": "1",
        "MPLBACKEND": "Agg",
        # Airflow renames its processes over their environment, by which we know what is ours.
        "SPT_NOENV": "1",
        "TZ": "UTC",
    }


def barograph(settings: Settings) -> dict[str, str]:
    """What makes `load_settings` in a server give these same settings, wherever they came from."""
    own = dict(_flat(settings.model_dump(mode="json")))
    known = dict(_flat(load_settings(settings.home).model_dump(mode="json")))
    always = {f"{PREFIX}HOME": str(settings.home), f"{PREFIX}PORT_BASE": str(settings.port_base)}
    return always | {name: value for name, value in own.items() if known.get(name) != value}


def _flat(fields: Mapping[str, Any], prefix: str = PREFIX) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name.upper()}__")
        elif value is not None:
            yield f"{prefix}{name.upper()}", json.dumps(value) if isinstance(value, list) else str(value)


def stack(settings: Settings, tools: Tools) -> dict[str, str]:
    """The variables of process-compose.yaml; those of more than one word are quoted for its shell."""
    bare_python = (tools.python, "-I", "-S")
    ports = {f"STACK_PORT_{name.upper()}": str(settings.port(name)) for name in PORT_OFFSETS}
    return ports | {
        "STACK_HOME": str(settings.home),
        "STACK_SECRETS": str(settings.secrets_folder),
        "STACK_FILES": str(FILES),
        "STACK_PYTHON": tools.python,
        "STACK_BIN": str(Path(tools.python).parent),
        "STACK_GUARD": shlex.join((*bare_python, str(FILES / "guard.py"))),
        "STACK_PROBE": shlex.join((*bare_python, str(FILES / "probe.py"))),
        "STACK_JAVA": tools.java,
        "STACK_INFLUXD": tools.influxd,
        "STACK_KAFKA_JARS": tools.kafka_jars,
        "STACK_SPARK_JARS": ",".join(str(jar) for jar in sorted(Path(tools.spark_jars).glob("*.jar"))),
        "STACK_POSTGRES": tools.postgres_bin,
        # Relative to the data folder, where the supervisor runs: the path of a socket may have 107 bytes at most.
        "PC_SOCKET_PATH": "run/supervisor.sock",
        "PC_LOG_FILE": str(settings.path("logs", "supervisor.log")),
        "PC_DISABLE_DOTENV": "1",
        "PC_ORDERED_SHUTDOWN": "1",
    }


def spark(tools: Tools) -> dict[str, str]:
    found = importlib.util.find_spec("pyspark")
    if found is None or not found.submodule_search_locations:
        raise SettingsError("PySpark is not installed in this environment. Run: make run")
    return {
        "JAVA_HOME": str(Path(tools.java).resolve().parents[1]),
        "SPARK_HOME": next(iter(found.submodule_search_locations)),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": tools.python,
    }


def airflow(settings: Settings) -> dict[str, str]:
    secrets = settings.secrets_folder

    def said_by(name: str) -> str:
        return shlex.join(("cat", str(secrets / name)))

    database = f"airflow@{settings.postgres.host}:{settings.postgres_port}/airflow"
    return {
        "AIRFLOW_HOME": str(settings.path("airflow")),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY_CMD": said_by("airflow_fernet"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(secrets / "airflow_passwords.json"),
        # The password is in a file of libpq's own: both of Airflow's drivers read it.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        "PGPASSFILE": str(secrets / "airflow_pgpass"),
        "AIRFLOW__API__HOST": settings.host,
        "AIRFLOW__API__PORT": str(settings.port("airflow")),
        # With the port alone, every task dies silently: they talk to the API server too.
        "AIRFLOW__API__BASE_URL": settings.airflow_address,
        "AIRFLOW__API__SECRET_KEY_CMD": said_by("airflow_api_secret"),
        "AIRFLOW__API_AUTH__JWT_SECRET_CMD": said_by("airflow_jwt"),
        # By default a new DAG file is not seen for five minutes.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
