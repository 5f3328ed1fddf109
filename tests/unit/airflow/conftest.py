"""Airflow reads its environment when it is imported, so its temporary home is set here, before any test module."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="barograph-airflow-")

for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": AIRFLOW_HOME.name,
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": f"{AIRFLOW_HOME.name}/passwords.json",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{AIRFLOW_HOME.name}/airflow.db",
    "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of the unit tests " * 3,
}

SITES = {
    "demo": "site: demo\nname: Demo shop\ntimezone: Europe/Berlin\n",
    "plant": "site: plant\nname: Plant\ntimezone: Europe/Berlin\n",
}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two sites."""
    folder = tmp_path_factory.mktemp("home")
    for name, document in SITES.items():
        (folder / "sites" / name).mkdir(parents=True)
        (folder / "sites" / name / "site.yaml").write_text(document)
    return folder


@pytest.fixture(scope="session")
def _auth_manager() -> None:
    from airflow.api_fastapi.app import create_auth_manager

    create_auth_manager().init()


@pytest.fixture
def airflow_lets_in(_auth_manager: None, settings_here: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Airflow's own sign-in and rights, without its database."""
    from airflow.models.dag import DagModel

    settings_here.setattr(DagModel, "get_team_name", lambda *_, **__: None)
    return settings_here


def only_home(environment: pytest.MonkeyPatch, home: Path) -> None:
    """`load_settings()` reads this data folder, and nothing else of the environment."""
    for name in [name for name in os.environ if name.startswith("BAROGRAPH_")]:
        environment.delenv(name)
    environment.setenv("BAROGRAPH_HOME", str(home))


@pytest.fixture
def settings_here(home: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    only_home(monkeypatch, home)
    return monkeypatch
