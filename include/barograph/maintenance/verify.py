"""verify: the archive against itself, against the ledger and against what was settled from it. Nothing is changed.

It may run beside `ingest`: the ledger is read before and after the record, so that a batch under way is no mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from sqlalchemy import Engine, select

from barograph import registry, schemas
from barograph.archive import Archive
from barograph.errors import DocumentError
from barograph.ingest.refine import places_of
from barograph.maintenance import files
from barograph.settings import Settings
from barograph.state.engine import connect
from barograph.state.tables import batches
from barograph.windows import Window

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `ok` None is no mistake, but somebody may want to know."""

    part: str
    """files, ledger, days"""
    what: str
    """The table, batch or day."""
    ok: bool | None
    found: str
    try_: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def verify(settings: Settings, deep: bool = False, progress: Progress = lambda _: None) -> list[Finding]:
    """Look at all of it; `deep` reads every byte and not only what counts. Raises ServiceUnavailable."""
    archive, engine = Archive.of(settings), connect(settings)
    before = _ledger(engine)
    archive = archive.pinned(*schemas.TABLES)
    findings: list[Finding] = []
    whole = True
    for table in schemas.TABLES:
        progress(f"files of {table}")
        found = list(_files(archive, table, deep))
        whole = whole and all(finding.ok for finding in found)
        findings += found
    if not whole:
        return [*findings, Finding("ledger", "all", None, "not compared: files are missing", "Mend the files first.")]
    progress("batches of the ledger")
    findings += _batches(archive, before, _ledger(engine))
    findings += _days(settings, archive, progress)
    return findings


def sound(findings: list[Finding]) -> bool:
    return all(finding.ok is not False for finding in findings)


def _files(archive: Archive, table: str, deep: bool) -> Iterator[Finding]:
    """Every file that the table's version names: there, readable, and with as many rows as the log says."""
    if table not in archive.versions:
        yield Finding("files", table, None, "nobody wrote this table yet")
        return
    restore = "Restore the archive from a backup into a new folder (`barograph backup restore`) and compare."
    if table in schemas.DERIVED:
        restore = "It is made from the record: `barograph settle --day` of that day writes it again."
    try:
        opened = DeltaTable(archive.path(table), version=archive.versions[table])
        told = {unquote(entry["path"]): entry["num_records"] for entry in files.actions(opened)}
        fragments = list(opened.to_pyarrow_dataset().get_fragments())
    except (DeltaError, OSError, pa.ArrowException) as error:
        yield Finding("files", table, False, f"its log cannot be read: {error}", restore)
        return
    rows, bad = 0, False
    for fragment in fragments:
        try:
            there = sum(batch.num_rows for batch in fragment.to_batches()) if deep else fragment.metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            missing = isinstance(error, FileNotFoundError)
            why = "is gone" if missing else f"cannot be read: {str(error).splitlines()[0]}"
            yield Finding("files", table, False, f"{fragment.path} {why}", restore, {"file": fragment.path})
            bad = True
            continue
        known = next((count for path, count in told.items() if unquote(fragment.path).endswith(path)), None)
        if known not in (None, there):
            said = f"{fragment.path} has {there:,} rows, and the log says {known:,}"
            yield Finding("files", table, False, said, restore, {"file": fragment.path})
            bad = True
        rows += there
    if not bad:
        yield Finding("files", table, True, f"{rows:,} rows in {len(fragments):,} files", "", {"rows": rows})
    crowded = [part for part in files.parts(opened) if part.files > part.most_files]
    if crowded:
        names = ", ".join(f"{part.name} ({part.files})" for part in crowded[:3])
        yield Finding("files", table, None, f"many files: {names}", "`barograph archive maintain` compacts them.")


Line = tuple[str, bool, Mapping[str, int] | None, Mapping[str, Any]]
"""writer, done, counts, steps"""


def _ledger(engine: Engine) -> dict[int, Line]:
    columns = (batches.c.batch, batches.c.writer, batches.c.done, batches.c.counts, batches.c.steps)
    with engine.connect() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(select(*columns))}


def _batches(archive: Archive, before: dict[int, Line], after: dict[int, Line]) -> Iterator[Finding]:
    """read = stored + duplicate + rejected of every batch, by the ledger's words and by the record's rows."""
    readings, rejects = _counted(archive, "readings"), _counted(archive, "rejects")
    sums: Counter[str] = Counter()
    wrong = 0
    for batch, (writer, done, counts, steps) in sorted(before.items()):
        if counts is None:
            if done:
                wrong += 1
                yield Finding("ledger", f"batch {batch}", False, f"{writer}: done, and nobody counted it", SETTLED)
            continue
        sums.update({name: counts.get(name, 0) for name in ("read", "stored", "duplicate", "rejected", "replayed")})
        let_go = sum(steps.get("let_go", {}).values())
        mistakes = _mistakes(counts, readings[batch], rejects[batch], let_go)
        if mistakes:
            wrong += 1
            yield Finding("ledger", f"batch {batch}", False, f"{writer}: {mistakes}", SETTLED, {"batch": batch})
    strangers = sorted((readings.keys() | rejects.keys()) - after.keys())
    if strangers:
        wrong += 1
        some = ", ".join(map(str, strangers[:5])) + (" ..." if len(strangers) > 5 else "")
        yield Finding(
            "ledger", f"batches {some}", False, f"{len(strangers)} batches are in the record, and not in the ledger",
            "The database is older than the record: `barograph drain` and `barograph rejects replay` adopt theirs.",
            {"batches": strangers},
        )  # fmt: skip
    if not wrong:
        told = ", ".join(f"{count:,} {name}" for name, count in sums.items() if count or name != "replayed")
        yield Finding("ledger", f"{len(before):,} batches", True, f"all balance: {told}", "", dict(sums))


SETTLED = "Pause ingest, keep the data folder as it is, and see docs/runbook.md#ingest--drain."


def _mistakes(counts: Mapping[str, int], readings: int, rejects: int, let_go: int) -> str:
    told = {name: counts.get(name, 0) for name in ("read", "stored", "duplicate", "rejected")}
    found = []
    if told["read"] != told["stored"] + told["duplicate"] + told["rejected"]:
        found.append("read {read} is not stored {stored} + duplicate {duplicate} + rejected {rejected}".format(**told))
    if readings != told["stored"] + told["duplicate"]:
        found.append(f"the record has {readings} readings of {told['stored'] + told['duplicate']}")
    if rejects + let_go != told["rejected"]:
        found.append(f"the record has {rejects} rejects of {told['rejected'] - let_go}")
    return "; ".join(found)


def _counted(archive: Archive, table: str) -> Counter[int]:
    """Rows by batch; what replays noted about rejects is about rows that are counted already."""
    counted: Counter[int] = Counter()
    if table not in archive.versions:
        return counted
    dataset = DeltaTable(archive.path(table), version=archive.versions[table]).to_pyarrow_dataset()
    own = pc.field("stage") != "replay" if table == "rejects" else None
    for batch in dataset.to_batches(columns=["batch"], filter=own):
        for each in pc.value_counts(batch["batch"]):
            counted[each["values"].as_py()] += each["counts"].as_py()
    return counted


def _days(settings: Settings, archive: Archive, progress: Progress) -> Iterator[Finding]:
    """What was settled of each day, against the record: as it was then, and what came since."""
    if "days" not in archive.versions:
        return
    try:
        places = places_of(settings, registry.read_sites(settings.sites_folder))
    except DocumentError as error:
        yield Finding("days", "all", None, f"not compared: {error}", "`barograph check`")
        return
    sums = DeltaTable(archive.path("days"), version=archive.versions["days"]).to_pyarrow_table().to_pylist()
    refined = {}
    if "refined" in archive.versions:
        settled = files.parts(DeltaTable(archive.path("refined"), version=archive.versions["refined"]))
        refined = {(part.keys["site"], part.keys["day"]): part.rows for part in settled}
    wrong = 0
    for day in sorted(sums, key=lambda day: (day["site"], day["day"])):
        name = f"{day['site']} {day['day']}"
        again = f"barograph settle --site {day['site']} --day {day['day']}"
        progress(f"day {name}")
        came = archive.came(Window(day["start"], day["end"]))
        ours = [row for row in came if places.of(row["device"]).site == day["site"]]
        then = sum(row["count"] for row in ours if row["batch"] in set(day["batches"]))
        since = sum(row["count"] for row in ours) - then
        rows = refined.get((day["site"], day["day"].isoformat()), 0)
        if then != day["stored"] + day["duplicate"]:
            wrong += 1
            settled_then = day["stored"] + day["duplicate"]
            said = f"the record has {then:,} readings of its batches, and {settled_then:,} were settled"
            yield Finding("days", name, False, said, f"Were devices moved to another site? `{again}`")
        elif rows != day["stored"]:
            wrong += 1
            yield Finding("days", name, False, f"{rows:,} refined readings of {day['stored']:,}", f"`{again}`")
        elif since:
            yield Finding("days", name, None, f"{since:,} readings came since it was settled", f"`{again}`")
    if not wrong:
        duplicate = sum(day["duplicate"] for day in sums)
        yield Finding("days", f"{len(sums):,} settled", True, f"as the record had them; {duplicate:,} duplicates")
