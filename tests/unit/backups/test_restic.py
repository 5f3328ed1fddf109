"""What restic says becomes ours: numbers, progress, and errors that tell what to do. A script stands in for restic."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from barograph.backups.restic import NoRepositoryError, Restic
from barograph.errors import BackupError, SettingsError
from barograph.settings import BackupSettings, Settings

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SUMMARY = {"total_files_processed": 3, "total_bytes_processed": 2000, "data_added_packed": 500}


def fake(folder: Path, *said: Any, code: int = 0, complaint: Any = None) -> Restic:
    """A restic that says `said` and notes its arguments, environment and folder."""
    program = folder / "restic"
    lines = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in said)
    (folder / "said").write_text(lines + "\n")
    (folder / "complaint").write_text(complaint if isinstance(complaint, str) else json.dumps(complaint or {}))
    program.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{folder}/arguments'\necho \"$TZ\" > '{folder}/zone'\n"
        f"pwd > '{folder}/cwd'\ncat '{folder}/said'\ncat '{folder}/complaint' >&2\nexit {code}\n"
    )
    program.chmod(0o700)
    return Restic(program, str(folder / "repository"), folder / "password")


def arguments(folder: Path) -> list[str]:
    return (folder / "arguments").read_text().split("\n")[:-1]


def test_a_backup_tells_what_it_cost(tmp_path: Path) -> None:
    summary = {"message_type": "summary", "snapshot_id": "abcdef0123", **SUMMARY}

    saved = fake(tmp_path, {"message_type": "status", "percent_done": 0.5}, summary).save(tmp_path, NOON)

    assert ("abcdef0123", NOON, 3, 2000, 500) == (
        saved.snapshot, saved.taken, saved.files, saved.bytes, saved.bytes_added,
    )  # fmt: skip


def test_a_snapshots_time_is_the_one_we_say_in_every_zone(tmp_path: Path) -> None:
    """restic reads --time in the zone of the machine; a DAG that runs again must give the same moment."""
    restic = fake(tmp_path, {"message_type": "summary", "snapshot_id": "a", **SUMMARY})

    restic.save(tmp_path, NOON.astimezone(timezone(timedelta(hours=9))))

    said = arguments(tmp_path)
    assert "2026-11-22 12:00:00" == said[said.index("--time") + 1]
    assert "UTC\n" == (tmp_path / "zone").read_text()


def test_paths_of_this_machine_stay_out_of_a_snapshot(tmp_path: Path) -> None:
    folder = tmp_path / "staged"
    folder.mkdir()

    fake(tmp_path, {"message_type": "summary", "snapshot_id": "a", **SUMMARY}).save(folder, NOON)

    assert "." == arguments(tmp_path)[-1]
    assert str(folder) == (tmp_path / "cwd").read_text().strip()


def test_progress_is_passed_on(tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    summary = {"message_type": "summary", "snapshot_id": "a", **SUMMARY}
    half = {"message_type": "status", "percent_done": 0.5}

    fake(tmp_path, half, summary).save(tmp_path, NOON, lambda step, done: told.append((step, done)))

    assert [("backup", 0.5)] == told


def test_the_password_is_never_an_argument(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush-hush")

    fake(tmp_path, [])._run("snapshots")

    assert "hush-hush" not in " ".join(arguments(tmp_path))
    assert str(tmp_path / "password") in arguments(tmp_path)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (1, r"snapshots failed at .*exit code 1\): no space left on device"),
        (3, "could not read all"),
        (10, "Is its disk mounted"),
        (11, "in use by another restic"),
        (12, "does not open"),
    ],
)
def test_an_exit_code_says_what_to_do(tmp_path: Path, code: int, hint: str) -> None:
    complaint = {"message_type": "exit_error", "code": code, "message": "no space left on device"}

    with pytest.raises(BackupError, match=hint):
        fake(tmp_path, code=code, complaint=complaint).snapshots()


def test_a_failed_check_says_that_the_repository_is_damaged(tmp_path: Path) -> None:
    complaint = {"message_type": "error", "message": "pack 8114 contains 2 errors"}

    with pytest.raises(BackupError, match="is damaged: pack 8114 contains 2 errors"):
        fake(tmp_path, code=1, complaint=complaint).check(1, 14)


def test_what_is_not_json_is_shown_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="Fatal: strange"):
        fake(tmp_path, "no json here", code=1, complaint="Fatal: strange").snapshots()


def test_an_incomplete_snapshot_is_forgotten(tmp_path: Path) -> None:
    """`latest` must never mean a backup that lacks files."""
    summary = {"message_type": "summary", "snapshot_id": "abc", **SUMMARY}

    with pytest.raises(BackupError):
        fake(tmp_path, summary, code=3).save(tmp_path, NOON)

    said = arguments(tmp_path)
    assert ("forget", "abc") == (said[0], said[-1])


def test_a_missing_repository_is_no_error_when_asked_for(tmp_path: Path) -> None:
    assert not fake(tmp_path, code=10).unlock()
    assert fake(tmp_path).unlock()
    with pytest.raises(NoRepositoryError):
        fake(tmp_path, code=10).snapshots()


def test_a_password_in_an_address_is_not_shown(tmp_path: Path) -> None:
    restic = Restic(tmp_path / "restic", "rest:https://me:hush@backup.example/shop", tmp_path / "password")

    assert "rest:https://***@backup.example/shop" == restic.shown


def row(snapshot: str, time: str) -> dict[str, Any]:
    return {"id": snapshot, "time": time, "summary": SUMMARY}


def test_latest_is_by_time_and_an_id_may_be_short(tmp_path: Path) -> None:
    rows = [row("bb22", "2026-11-22T12:00:00.123456789Z"), row("aa11", "2026-11-21T12:00:00Z")]
    restic = fake(tmp_path, rows)

    assert "bb22" == restic.find("latest").snapshot
    assert "aa11" == restic.find("aa").snapshot
    with pytest.raises(BackupError, match="no backup begins with 'cc'"):
        restic.find("cc")


def test_of_one_moment_the_later_made_is_the_latest(tmp_path: Path) -> None:
    """A run that is cleared takes its backup again, and what it finds then is newer."""
    rows = [row("bb22", "2026-11-22T12:00:00Z"), row("aa11", "2026-11-22T12:00:00Z")]
    for told, made in zip(rows, ("2026-11-22T15:00:00.5Z", "2026-11-22T14:00:00.5Z"), strict=True):
        told["summary"] = {**SUMMARY, "backup_start": made}

    assert "bb22" == fake(tmp_path, rows).find("latest").snapshot


def test_an_ambiguous_id_is_refused(tmp_path: Path) -> None:
    rows = [row("aa22", "2026-11-22T12:00:00Z"), row("aa11", "2026-11-21T12:00:00Z")]

    with pytest.raises(BackupError, match="several backups begin with 'aa'"):
        fake(tmp_path, rows).find("aa")


def test_an_empty_repository_has_no_latest(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"no backup in .* yet"):
        fake(tmp_path, []).find("latest")


def test_retention_is_the_settings_and_the_last_days(tmp_path: Path) -> None:
    restic = fake(tmp_path, [{"keep": [{"id": "aa"}], "remove": [{"id": "bb"}]}])

    assert ["aa"] == restic.retain(BackupSettings(keep_daily=3, keep_weekly=2, keep_monthly=1))

    said = arguments(tmp_path)
    kept = {name: said[said.index(f"--keep-{name}") + 1] for name in ("within", "daily", "weekly", "monthly")}
    assert {"within": "2d", "daily": "3", "weekly": "2", "monthly": "1"} == kept


def test_the_repository_of_the_settings(tmp_path: Path) -> None:
    """A folder is meant from the data folder; what has a scheme is restic's own business."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "restic_password").write_text("hush")
    (tmp_path / "secrets" / "restic_password").chmod(stat.S_IRUSR)

    def place(repository: str) -> str:
        return Restic.of(Settings(home=tmp_path, backups=BackupSettings(repository=repository))).repository

    assert str(tmp_path / "backups") == place("")
    assert str(tmp_path / "elsewhere") == place("elsewhere")
    assert "/mnt/disk" == place("/mnt/disk")
    assert "sftp:me@host:/srv" == place("sftp:me@host:/srv")


def test_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "restic_password").write_text("hush")
    (tmp_path / "secrets" / "restic_password").chmod(0o644)

    with pytest.raises(SettingsError, match="can be read by others"):
        Restic.of(Settings(home=tmp_path))
