"""The backup store. Only home of the restic program: encryption, deduplication, retention and checks are its work."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from barograph.errors import BackupError
from barograph.settings import BackupSettings, Settings
from barograph.tools import tool
from barograph.windows import utc

PASSWORD = "restic_password"  # noqa: S105 - the name of a secret, not one
HOST = TAG = "barograph"
"""Fixed, so that a deployment that moves to another machine goes on in its repository, which is for it alone."""

LATEST = "latest"
KEEP_ALL = "2d"
"""Of the newest backup's last days, all are kept: who made one by hand this morning wants to find it tonight."""
PATIENCE = "2m"
"""How long to wait for another restic that holds the repository."""

NO_REPOSITORY, LOCKED, WRONG_PASSWORD, INCOMPLETE = 10, 11, 12, 3

Progress = Callable[[str, float | None], None]
"""Told the step and, where it is known, how much of it is done (0 to 1)."""


class NoRepositoryError(BackupError):
    """There is no repository at this place."""


class IncompleteError(BackupError):
    """restic made a snapshot without the files that it could not read."""

    snapshot: str | None = None


@dataclass(frozen=True)
class Snapshot:
    snapshot: str
    taken: datetime
    files: int
    bytes: int
    bytes_added: int
    """What it cost in the repository, compressed: the rest was there already."""

    @property
    def short(self) -> str:
        return self.snapshot[:8]


@dataclass(frozen=True)
class Restic:
    """One repository. Every method raises BackupError."""

    program: Path
    repository: str
    password_file: Path

    @classmethod
    def of(cls, settings: Settings) -> Restic:
        # restic would take a password from a file that everybody can read.
        settings.secret(PASSWORD)
        place = settings.restic_repository
        is_folder = not re.match(r"[a-z0-9]+:", place)
        return cls(
            tool("restic"), str(settings.path(place)) if is_folder else place, settings.secrets_folder / PASSWORD
        )

    def init(self) -> None:
        self._run("init")

    def unlock(self) -> bool:
        """Remove the locks of processes that are gone, a live one's stays; False where there is no repository yet."""
        try:
            self._run("unlock")
        except NoRepositoryError:
            return False
        return True

    def save(self, folder: Path, taken: datetime, progress: Progress | None = None) -> Snapshot:
        """Store a folder's content as it would lie in an empty one."""
        # Staged as hard links: their inode's change time is always new, their content is not.
        options = ("--ignore-inode", "--group-by", "host,tags", "--tag", TAG, "--host", HOST)
        at = taken.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        try:
            summary = self._run("backup", *options, "--time", at, ".", cwd=folder, progress=progress)[-1]
        except IncompleteError as error:
            if error.snapshot:
                self._run("forget", error.snapshot)
            raise
        return _snapshot({"id": summary["snapshot_id"], "time": f"{at}+00:00", "summary": summary})

    def snapshots(self) -> list[Snapshot]:
        """Ours, oldest first; of one moment, the one that was made first."""
        found = self._run("snapshots", "--tag", TAG, "--host", HOST)[-1] or []
        made = sorted(found, key=lambda told: str(told.get("summary", {}).get("backup_start", "")))
        return sorted(map(_snapshot, made), key=lambda snapshot: snapshot.taken)

    def find(self, name: str) -> Snapshot:
        """The snapshot that `latest` or the beginning of an id means."""
        snapshots = self.snapshots()
        found = snapshots[-1:] if name == LATEST else [one for one in snapshots if one.snapshot.startswith(name)]
        if len(found) == 1:
            return found[0]
        if name == LATEST:
            raise BackupError(f"There is no backup in {self.shown} yet. `barograph backup now` makes one.")
        which = "several backups begin" if found else "no backup begins"
        raise BackupError(f"In {self.shown} {which} with {name!r}. `barograph backup list` shows them.")

    def read(self, snapshot: Snapshot, path: str) -> Any:
        """One JSON file of a snapshot, written in one line."""
        return self._run("dump", snapshot.snapshot, path)[-1]

    def restore(self, snapshot: Snapshot, into: Path, progress: Progress | None = None) -> None:
        """Write a snapshot into a folder, and read it back to compare."""
        self._run("restore", snapshot.snapshot, "--target", str(into), "--verify", progress=progress)

    def check(self, part: int, parts: int) -> None:
        """Check the structure, and read the data of one part of the repository."""
        self._run("check", f"--read-data-subset={part}/{parts}")

    def retain(self, rule: BackupSettings) -> list[str]:
        """Forget what is older than the rule, and free its space; the snapshots that stay."""
        keep = (("daily", rule.keep_daily), ("weekly", rule.keep_weekly), ("monthly", rule.keep_monthly))
        kept = [part for name, count in keep for part in (f"--keep-{name}", str(count))]
        ours = ("--tag", TAG, "--host", HOST, "--group-by", "host,tags")
        groups = self._run("forget", *ours, "--keep-within", KEEP_ALL, *kept, "--prune")[0] or []
        return [snapshot["id"] for group in groups for snapshot in group["keep"] or []]

    @property
    def shown(self) -> str:
        """The place without a password that stands in its address."""
        return re.sub(r"//[^/@]+@", "//***@", self.repository)

    def _run(self, command: str, *arguments: str, cwd: Path | None = None, progress: Progress | None = None) -> Any:
        """The messages of one command, or why it failed. Ends the program if we are ended."""
        options = ("--json", "--repo", self.repository, "--password-file", str(self.password_file))
        patience = () if command == "unlock" else ("--retry-lock", PATIENCE)
        # It must not outlive us, and store a folder that the next run is clearing.
        bound = (str(tool("setpriv")), "--pdeathsig", "TERM")
        # It reads --time in the local zone, and reports sixty times a second.
        environment = ("env", "TZ=UTC", "RESTIC_PROGRESS_FPS=2")
        # Nothing of a local repository is worth a cache.
        cache = ("--no-cache",) if self.is_local else ()
        line = (*bound, *environment, str(self.program), command, *options, *patience, *cache, *arguments)
        with tempfile.TemporaryFile() as complaints:
            with subprocess.Popen(line, cwd=cwd, stdout=subprocess.PIPE, stderr=complaints, text=True) as process:
                assert process.stdout is not None
                try:
                    messages = list(_messages(process.stdout, command, progress))
                except BaseException:
                    process.terminate()
                    raise
            code = process.returncode
            if code:
                complaints.seek(0)
                raise self._error(command, code, _complaints(complaints), messages)
        return messages or [None]

    @property
    def is_local(self) -> bool:
        return Path(self.repository).is_absolute()

    def _error(self, command: str, code: int, said: str, messages: list[Any]) -> BackupError:
        if code == NO_REPOSITORY:
            return NoRepositoryError(
                f"There is no restic repository at {self.shown}. Is its disk mounted, and backups.repository right? "
                "The first `barograph backup now` makes one."
            )
        if code == LOCKED:
            return BackupError(
                f"{self.shown} is in use by another restic for more than {PATIENCE}: {said} "
                "Wait for it; if it is gone for sure, run `restic unlock`."
            )
        if code == WRONG_PASSWORD:
            return BackupError(
                f"The password in {self.password_file} does not open {self.shown}. "
                "Put the one there with which the repository was made; without it the backups cannot be read."
            )
        if code == INCOMPLETE:
            incomplete = IncompleteError(f"restic could not read all that was to be stored in {self.shown}: {said}")
            incomplete.snapshot = messages[-1].get("snapshot_id") if messages else None
            return incomplete
        if command == "check":
            return BackupError(
                f"{self.shown} is damaged: {said}. Nothing was removed from it; look after its disk, and see "
                "https://restic.readthedocs.io/en/stable/077_troubleshooting.html."
            )
        return BackupError(f"restic {command} failed at {self.shown} (exit code {code}): {said}")


def _messages(lines: IO[str], command: str, progress: Progress | None) -> Iterator[Any]:
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and message.get("message_type") == "status":
            if progress:
                progress(command, message.get("percent_done"))
        else:
            yield message


def _complaints(lines: IO[bytes]) -> str:
    """What restic said of its failure, each thing once; its advice on repairs stays out."""
    found: dict[str, None] = {}
    for line in lines.read().decode(errors="replace").splitlines():
        try:
            told = json.loads(line)
            text = told["error"]["message"] if "error" in told else told["message"]
        except (ValueError, KeyError, TypeError):
            text = line
        if text.strip():
            found[" ".join(text.split())] = None
    return "; ".join(list(found)[:3] + list(found)[3:][-1:]) or "it said nothing"


def _snapshot(told: dict[str, Any]) -> Snapshot:
    summary = told.get("summary", {})
    return Snapshot(
        snapshot=told["id"],
        # restic has nanoseconds.
        taken=utc(re.sub(r"\.\d+", "", told["time"])),
        files=summary.get("total_files_processed", 0),
        bytes=summary.get("total_bytes_processed", 0),
        bytes_added=summary.get("data_added_packed", 0),
    )
