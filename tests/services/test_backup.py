"""Backups on a real PostgreSQL and a real restic: what was stored comes back, whatever happened in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from sqlalchemy import create_engine, delete, insert, select, text
from sqlalchemy.pool import NullPool

from barograph import tools
from barograph.backups import BackupSummary, backup, listing, postgres, restic, restore, restore_databases, restore_live
from barograph.backups.postgres import Database, connected
from barograph.backups.store import STAGING, alone
from barograph.collector import health, status_path
from barograph.errors import BackupError, SettingsError
from barograph.settings import BackupSettings, Settings
from barograph.state.engine import connect, migrate, url, writer_lock
from barograph.state.tables import backups, reports

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DATABASES = {"airflow": "backup_test_airflow", "barograph": "backup_test_barograph"}
BATCH = 20_000

KILLED = """
import os, signal, sys
from datetime import datetime
from barograph.backups import backup, postgres
from barograph.settings import Settings

def told(step, done):
    if step == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

postgres.AIRFLOW = sys.argv[4]
backup(Settings.model_validate_json(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), progress=told)
"""


@dataclass
class Shop:
    """A small deployment with databases of its own, so that replacing them disturbs nobody."""

    settings: Settings
    first: BackupSummary
    rows: dict[str, dict[str, list[str]]]
    readings: list[dict[str, Any]]

    def with_copy_of_the_repository(self, place: Path) -> Settings:
        shutil.copytree(self.settings.restic_repository, place)
        return self.settings.model_copy(update={"backups": BackupSettings(repository=str(place))})


@pytest.fixture(scope="module")
def shop(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    given: Settings = servers.settings
    home = tmp_path_factory.mktemp("shop")
    own = {
        "home": home,
        "secrets": given.secrets_folder,
        "sites": Path("sites"),
        "archive": "",
        "postgres": given.postgres.model_copy(update={"database": DATABASES["barograph"]}),
        "backups": BackupSettings(),
    }
    settings = given.model_copy(update=own)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "AIRFLOW", DATABASES["airflow"])
        drop(settings, *DATABASES.values())
        for database in postgres.databases(settings).values():
            postgres.create(postgres.superuser(settings), database.name, owner=database)
        fill(settings)
        rows = {name: content(database) for name, database in postgres.databases(settings).items()}
        yield Shop(settings, backup(settings, NOON), rows, readings(home / "record"))
        connect(settings).dispose()
        drop(settings, *DATABASES.values())


def fill(settings: Settings) -> None:
    migrate(settings)
    engine = connect(settings)
    report = {"site": "demo", "day": "2026-11-21", "revision": 1, "fingerprint": "f", "inputs": {}, "folder": "demo"}
    with engine.begin() as connection:
        connection.execute(insert(reports).values(**report, made=NOON))
    with connected(postgres.databases(settings)["airflow"], autocommit=True) as connection:
        connection.execute(text("create type state as enum ('success', 'failed')"))
        connection.execute(text('create table "dagRun" (id serial primary key, run text, state state, conf jsonb)'))
        connection.execute(
            text("""insert into "dagRun" (run, state, conf) select 'run ' || i, 'success', '{"a": "ü"}'
                    from generate_series(1, 500) i""")
        )
    append(settings, 1)
    append(settings, 2)
    for name, line in {"sites/demo/site.yaml": "site: demo", "reports/demo/index.html": "<p>fine</p>"}.items():
        settings.path(name).parent.mkdir(parents=True, exist_ok=True)
        settings.path(name).write_text(line)
    settings.path("settings.yaml").write_text("ingest: {interval: 60}\n")


def append(settings: Settings, batch: int) -> None:
    noise = [int.from_bytes(os.urandom(4)) / 7 for _ in range(BATCH)]
    rows = pa.table({"day": ["2026-11-22"] * BATCH, "batch": [batch] * BATCH, "value": noise})
    write_deltalake(settings.path("record", "readings"), rows, mode="append", partition_by=["day"])


def readings(record: Path) -> list[dict[str, Any]]:
    found = DeltaTable(record / "readings").to_pyarrow_table()
    rows: list[dict[str, Any]] = found.sort_by([("batch", "ascending"), ("value", "ascending")]).to_pylist()
    return rows


def content(database: Database) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with connected(database) as connection:
        tables = connection.scalars(postgres.TABLES).all()
        return {table: list(connection.scalars(text(f"select t::text from {table} t order by 1"))) for table in tables}


def drop(settings: Settings, *names: str) -> None:
    with connected(postgres.superuser(settings), autocommit=True) as connection:
        for name in names:
            connection.execute(text(f'drop database if exists "{name}" with (force)'))


def clear(settings: Settings) -> None:
    """What nobody wants to see: all reports and runs gone, a foreign table there."""
    with connect(settings).begin() as connection:
        connection.execute(delete(reports))
    with connected(postgres.databases(settings)["airflow"], autocommit=True) as connection:
        connection.execute(text('drop table if exists "dagRun"'))
        connection.execute(text("create table if not exists newer (id int)"))


def without_backups(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    return {table: lines for table, lines in rows.items() if table != "public.backups"}


def test_everything_comes_back_row_by_row(shop: Shop, tmp_path: Path) -> None:
    append(shop.settings, 3)
    clear(shop.settings)
    shop.settings.path("sites", "demo", "site.yaml").write_text("site: spoilt")

    restored = restore(shop.settings, shop.first.snapshot, into=tmp_path / "restored")

    assert shop.readings == readings(tmp_path / "restored" / "record")
    assert "site: demo" == (tmp_path / "restored" / "sites" / "demo" / "site.yaml").read_text()
    assert "<p>fine</p>" == (tmp_path / "restored" / "reports" / "demo" / "index.html").read_text()
    assert (NOON, 2 * BATCH) == (restored.taken, restored.record["readings"].rows)

    names = {name: f"{new}_scratch" for name, new in DATABASES.items()}
    try:
        restore_databases(shop.settings, tmp_path / "restored", names)
        ours = postgres.databases(shop.settings)
        for name, database in ours.items():
            assert shop.rows[name] == content(Database(**{**vars(database), "name": names[name]}))
        with pytest.raises(BackupError, match="There is a database"):
            restore_databases(shop.settings, tmp_path / "restored", {"airflow": names["airflow"]})
    finally:
        drop(shop.settings, *names.values())


def test_another_server_may_take_the_databases(shop: Shop, tmp_path: Path) -> None:
    restore(shop.settings, shop.first.snapshot, into=tmp_path)
    boss = postgres.superuser(shop.settings)
    address = f"postgresql://{boss.user}:{boss.password}@{boss.host}:{boss.port}"
    try:
        restore_databases(shop.settings, tmp_path, {"barograph": "backup_test_elsewhere"}, address)

        owned = Database(**{**vars(boss), "name": "backup_test_elsewhere"})
        assert shop.rows["barograph"] == content(owned)
    finally:
        drop(shop.settings, "backup_test_elsewhere")


def test_a_second_backup_adds_little(shop: Shop) -> None:
    """Also of the same moment: a cleared run of the DAG takes its backup again."""
    backup(shop.settings, NOON + timedelta(hours=1))

    again = backup(shop.settings, NOON + timedelta(hours=1))

    assert again.bytes_added < shop.first.bytes_added / 10
    assert again.snapshot in {snapshot.snapshot for snapshot in listing(shop.settings)}
    with connect(shop.settings).connect() as connection:
        row = connection.execute(select(backups).where(backups.c.snapshot == again.snapshot)).one()
    assert (NOON + timedelta(hours=1), again.contents) == (row.taken, row.contents)


@pytest.mark.parametrize("step", ["stage readings", "store", "check"])
def test_a_killed_backup_harms_nothing(shop: Shop, step: str, tmp_path: Path) -> None:
    earlier = [snapshot.snapshot for snapshot in listing(shop.settings)]
    arguments = (shop.settings.model_dump_json(), (NOON + timedelta(hours=2)).isoformat(), step, DATABASES["airflow"])

    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=python_path(), check=False)

    assert -signal.SIGKILL == done.returncode
    assert earlier == [snapshot.snapshot for snapshot in listing(shop.settings)][: len(earlier)]
    if step == "check":
        restore(shop.settings, into=tmp_path)


def test_after_a_killed_one_the_next_is_whole(shop: Shop, tmp_path: Path) -> None:
    litter = shop.settings.path(STAGING, "databases", "half.dump")
    litter.parent.mkdir(parents=True, exist_ok=True)
    litter.write_text("half")

    backup(shop.settings, NOON + timedelta(hours=3))

    assert not shop.settings.path(STAGING).exists()
    assert not (tmp_path / "latest" / "databases" / "half.dump").exists()
    assert NOON + timedelta(hours=3) == restore(shop.settings, into=tmp_path / "latest").taken


def python_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_retention_forgets_and_the_table_follows(shop: Shop, tmp_path: Path) -> None:
    settings = shop.with_copy_of_the_repository(tmp_path / "copy")
    rule = settings.backups.model_copy(update={"keep_daily": 2, "keep_weekly": 1, "keep_monthly": 1})
    settings = settings.model_copy(update={"backups": rule})
    last_year = backup(settings, NOON - timedelta(days=400))
    assert last_year.snapshot in {snapshot.snapshot for snapshot in listing(settings)}

    new_year = backup(settings, NOON + timedelta(days=40))

    left = {snapshot.snapshot for snapshot in listing(settings)}
    with connect(settings).connect() as connection:
        known = set(connection.scalars(select(backups.c.snapshot)))
    assert last_year.snapshot not in left | known
    assert new_year.snapshot in left & known


def test_a_second_backup_at_the_same_time_is_refused(shop: Shop) -> None:
    with alone(connect(shop.settings)), pytest.raises(BackupError, match="Another backup or restore is running"):
        backup(shop.settings, NOON)


def test_a_wrong_password_is_named(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "restic_password").write_text("not this one")
    (tmp_path / "restic_password").chmod(0o600)

    with pytest.raises(BackupError, match=r"restic_password does not open .* without it the backups cannot be read"):
        listing(shop.settings.model_copy(update={"secrets": tmp_path}))


def test_a_damaged_file_of_the_repository_is_found_on_restore(shop: Shop, tmp_path: Path) -> None:
    settings = shop.with_copy_of_the_repository(tmp_path / "copy")
    pack = largest(tmp_path / "copy")
    content = bytearray(pack.read_bytes())
    content[1000] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)

    with pytest.raises(BackupError, match=r"ciphertext verification failed.* it is not whole"):
        restore(settings, shop.first.snapshot, into=tmp_path / "restored")


def test_a_missing_file_of_the_repository_is_found_by_the_next_backup(shop: Shop, tmp_path: Path) -> None:
    settings = shop.with_copy_of_the_repository(tmp_path / "copy")
    largest(tmp_path / "copy").unlink()

    with pytest.raises(BackupError, match=r"is damaged: .*Nothing was removed"):
        backup(settings, NOON + timedelta(hours=4))


def largest(repository: Path) -> Path:
    return max(
        (path for path in (repository / "data").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )


def test_a_repository_that_vanished_is_not_made_anew(shop: Shop, tmp_path: Path) -> None:
    """Its disk is not mounted: the backup would fill the one below and look like success."""
    settings = shop.with_copy_of_the_repository(tmp_path / "disk")
    backup(settings, NOON + timedelta(hours=5))
    (tmp_path / "disk").rename(tmp_path / "unmounted")

    with pytest.raises(BackupError, match="Is its disk mounted"):
        backup(settings, NOON + timedelta(hours=6))

    assert not (tmp_path / "disk").exists()
    begun = backup(settings, NOON, new_repository=True)
    assert [begun.snapshot] == [snapshot.snapshot for snapshot in listing(settings)]


def test_a_full_disk_is_told_before_anything_is_written(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"No room .* 0 MB are free"):
        restore(shop.settings, into=tmp_path / "full", free=lambda folder: 10)

    assert [] == list((tmp_path / "full").iterdir())


def test_a_missing_program_is_named(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restic, "tool", lambda name: tools.tool(name, tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SettingsError, match="The program restic is neither"):
        listing(shop.settings)


def test_one_database_goes_back_without_touching_the_other(shop: Shop) -> None:
    clear(shop.settings)
    ours = postgres.databases(shop.settings)
    before = content(ours["barograph"])

    done = restore_live(shop.settings, shop.first.snapshot, True, parts=["airflow"])

    assert shop.rows["airflow"] == content(ours["airflow"])
    assert before == content(ours["barograph"])
    assert [True] == [path.exists() for path in done.replaced]


def test_live_data_are_replaced_and_kept_aside(shop: Shop) -> None:
    append(shop.settings, 4)
    clear(shop.settings)
    lost = readings(shop.settings.path("record"))

    done = restore_live(shop.settings, shop.first.snapshot, True)

    assert shop.readings == readings(shop.settings.path("record"))
    ours = postgres.databases(shop.settings)
    assert shop.rows["airflow"] == content(ours["airflow"])
    stored, live = without_backups(shop.rows["barograph"]), without_backups(content(ours["barograph"]))
    [said] = set(live.pop("public.alarms")) - set(stored.pop("public.alarms"))
    assert "database-restored" in said
    assert stored == live
    kept = next(path for path in done.replaced if path.name.startswith("record"))
    assert lost == readings(kept)
    assert not shop.settings.path("restore-staging").exists()


def test_nothing_is_replaced_beside_a_running_pipeline(shop: Shop) -> None:
    other = create_engine(url(shop.settings), poolclass=NullPool)

    with writer_lock(other, "drain"):
        refused(shop, "`ingest` is running")
    with writer_lock(other, "import:7"):
        refused(shop, "Somebody is writing to the record")
    with connected(postgres.databases(shop.settings)["airflow"]):
        refused(shop, "Airflow is running")
    path = status_path(shop.settings)
    path.parent.mkdir(exist_ok=True)
    health.write(path, a_status(datetime.now(UTC)))
    refused(shop, "The collector is running")
    path.unlink()


def refused(shop: Shop, reason: str) -> None:
    with pytest.raises(BackupError, match=reason):
        restore_live(shop.settings, shop.first.snapshot, True)


def a_status(moment: datetime) -> health.Status:
    spool = {"spool_depth": 0, "spool_bytes": 0, "spool_quota": 1, "spool_lost": 0}
    facts = {"pid": 1, "boot": "5f0c", "started": moment, "updated": moment, "broker_up": True, "published": 0}
    return health.Status.model_validate({**facts, **spool, "ports": {}})
