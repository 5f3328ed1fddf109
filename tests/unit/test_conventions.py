"""Promises about the code itself: where things live, how long they are, which versions they have."""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.metadata
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PRODUCT = CHECKOUT / "include" / "barograph"
SOURCES = sorted([*PRODUCT.rglob("*.py"), *(CHECKOUT / "plugins").rglob("*.py"), *(CHECKOUT / "dags").glob("*.py")])

HOMES = {
    "kafka": {"kafka/"},
    "serial": {"collector/ports.py", "collector/addresses.py"},
    "anycrc": {"collector/checksums.py"},
    "pint": {"collector/units.py"},
    "re2": {"collector/patterns.py"},
    "prometheus_client": {"collector/prometheus.py"},
    "pynmea2": {"collector/decoding/sentences.py"},
    "influxdb_client": {"influx/"},
    "deltalake": {"archive.py", "testing.py", "backups/", "maintenance/"},
    "alembic": {"state/"},
    "yaml": {"documents.py", "cli/config.py"},
    "matplotlib": {"reports/", "notify/chart.py"},
    "fpdf": {"reports/pdf.py"},
    "jinja2": {"reports/", "barograph_airflow/ui/", "notify/rendering.py"},
    "apprise": {"notify/channels/chat.py"},
    "smtplib": {"mail.py"},
    "httpcore": {"notify/channels/webhook.py"},
    "httpx": {"stack/airflow_api.py", "targets/webhook.py"},
    "airflow": {"barograph_airflow/", "dags/"},
}
"""One library has one home."""

CLOCK_HOMES = {
    "cli/",
    "collector/",
    "stack/",
    "doctor.py",
    "backups/live.py",
    "barograph_airflow/steps.py",
    "barograph_airflow/callbacks.py",
    "logs.py",
}
"""Only entry points know what time it is; the work gets its times handed in."""


def place(path: Path) -> str:
    for root in (PRODUCT, CHECKOUT / "plugins", CHECKOUT):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    raise AssertionError(path)


def at_home(path: Path, homes: set[str]) -> bool:
    return any(place(path) == home or (home.endswith("/") and place(path).startswith(home)) for home in homes)


@cache
def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("library", HOMES)
def test_one_library_has_one_home(library):
    """To replace a library means to change one place."""
    strays = [place(path) for path in SOURCES if library in imported(path) and not at_home(path, HOMES[library])]

    assert [] == strays


def test_nothing_but_entry_points_asks_what_time_it_is():
    """A re-run next year must give what it gave today."""
    asks = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.time|pendulum\.now|current_timestamp)\(")
    found = [
        f"{place(path)}:{number}"
        for path in SOURCES
        if not at_home(path, CLOCK_HOMES)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if asks.search(line)
    ]

    assert [] == found


def test_only_settings_reads_the_environment():
    """One place to look for what can be set."""
    reads = re.compile(r"\bos\.(environ|getenv)\b")
    free = {"settings.py", "doctor.py", "stack/", "tools.py"}
    found = [
        place(path)
        for path in PRODUCT.rglob("*.py")
        if not at_home(path, free) and reads.search(path.read_text(encoding="utf-8"))
    ]

    assert [] == found


def test_no_file_is_longer_than_fits_in_a_head():
    """480 lines is where we stop; most are under 300."""
    tracked = [CHECKOUT / name for name in listed("*.py") if not name.startswith("tests/")]
    long = {place(path): count for path in tracked if (count := len(path.read_text().splitlines())) > 480}

    assert {"include/stack/set_up.py"} >= long.keys(), long


def test_spark_jobs_are_entry_points_and_no_more():
    jobs = list((CHECKOUT / "spark_jobs").glob("*.py"))

    assert jobs
    assert {} == {job.name: n for job in jobs if (n := len(job.read_text().splitlines())) > 30}


@pytest.mark.parametrize("package", ["pyspark", "pyspark-client"])
def test_both_pyspark_packages_are_whole(package):
    """They write into one folder; unequal versions break UDFs while `pip check` stays green."""
    assert importlib.metadata.version("pyspark") == importlib.metadata.version("pyspark-client")
    assert [] == list(mismatches(package))


def mismatches(package):
    for file in importlib.metadata.distribution(package).files or []:
        # Scripts name the interpreter of their environment in the first line.
        if file.hash and file.parts[0] == "pyspark" and file.locate().exists():
            digest = hashlib.sha256(file.locate().read_bytes()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
                yield str(file)


def test_every_requirement_is_locked():
    """A requirement without a lock would be another version on every machine."""
    for name in ("requirements", "requirements-dev"):
        wanted = re.findall(r"^([A-Za-z][\w.-]*)", (CHECKOUT / f"{name}.txt").read_text(), re.M)
        locked = set(re.findall(r"^([a-z][\w.-]*)==", (CHECKOUT / f"{name}.lock").read_text(), re.M))

        assert set() == {re.sub(r"[._]", "-", one.lower()) for one in wanted} - locked


def test_what_is_installed_is_what_is_locked():
    locked = re.findall(r"^([a-z][\w.-]*)==(\S+)", (CHECKOUT / "requirements.lock").read_text(), re.M)
    other = {
        name: (version, found)
        for name, version in locked
        if (found := installed(name)) is not None and found != version
    }

    assert {} == other


def installed(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def listed(pattern: str) -> list[str]:
    """Files of the project: tracked ones, and new ones that nobody ignores."""
    command = ["git", "ls-files", "-co", "--exclude-standard", pattern]
    found = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in found if (CHECKOUT / name).exists()]
