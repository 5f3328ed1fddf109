"""Upkeep beside the river: what reads and writes meanwhile must not notice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.services.river import NOW, River, opened

from barograph import schemas
from barograph import spark as edge
from barograph.backups import record
from barograph.maintenance import files, upkeep
from barograph.maintenance.upkeep import compact, maintain
from barograph.maintenance.verify import sound, verify
from barograph.registry import choose_site
from barograph.settle import settle
from barograph.state import engine

DAY = (datetime.now(UTC) - timedelta(days=2)).date()


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        yield own


def old(river: River, n: int):
    """A frame at noon of DAY."""
    time_ = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC) + timedelta(seconds=30 * n)
    return river.frame(0, 4.0 + n / 10, seq=n, time=time_.isoformat(), historical=True)


@pytest.fixture
def _processes(monkeypatch):
    """Threads that have their own connections, as `ingest`, `settle` and `maintenance` do: two for each of them."""
    connected = engine._engine.__wrapped__
    known = {}

    def own(address):
        name = threading.current_thread().name
        key = (name if name in ("settle", "maintenance") else "", str(address))
        return known[key] if key in known else known.setdefault(key, connected(address))

    monkeypatch.setattr(engine, "_engine", own)
    yield
    for each in known.values():
        each.dispose()


@pytest.mark.usefixtures("_processes")
def test_ingest_settle_and_maintenance_at_once_all_end_well(river, monkeypatch):
    """Compaction of the very days that are written and settled, over and over, costs nobody a row or a failure."""
    monkeypatch.setattr(files, "FEW", 1)
    site = choose_site(river.settings.sites_folder, None)
    river.send(old(river, 0))
    river.ingest("first")
    stop, failures = threading.Event(), []

    def kept_up():
        while not stop.is_set():
            compact(river.settings)
            maintain(river.settings, NOW)

    def guarded(work):
        try:
            work()
        except Exception as error:
            failures.append(error)

    works = {"maintenance": kept_up, "settle": lambda: settle(river.settings, site, DAY)}
    maintenance, settling = (
        threading.Thread(target=guarded, args=(work,), name=name) for name, work in works.items()
    )  # fmt: skip
    maintenance.start()
    settling.start()
    try:
        for n in range(1, 3):
            river.send(old(river, n), river.frame(60 - n, 4.0, seq=100 + n), b"rubbish")
            river.ingest(f"run {n}")
    finally:
        settling.join()
        stop.set()
        maintenance.join()

    assert [] == failures
    assert 5 == len(river.record())
    assert 2 == len(river.record("rejects"))
    done = {one.table: one for one in maintain(river.settings, NOW)}
    assert {"readings", "rejects", "refined", "windows", "rollups", "days"} == done.keys()
    assert [] == [over for one in done.values() for over in one.over]
    findings = verify(river.settings, deep=True)
    assert sound(findings), findings
    # The next batch goes on from where the last one ended, and a backup of it is whole.
    river.send(river.frame(5, 4.0, seq=999))
    assert 1 == river.ingest("after")[0].counts["stored"]
    staged = record.stage(Path(river.archive.path("readings")), river.settings.home / f"staged-{river.name}")
    assert 6 == staged.rows


def test_an_hourly_compaction_leaves_the_night_its_work(river):
    """Both at once is nobody's failure: the night does all that the hour would have done."""
    river.send(river.frame(60, 4.0, seq=1))
    river.ingest()

    with engine.writer_lock(engine.connect(river.settings), upkeep.WRITER):
        assert [] == compact(river.settings)

    assert {"readings", "rejects"} == {one.table for one in compact(river.settings)}


def test_old_and_new_rows_are_read_together_after_a_column_was_added(river, monkeypatch):
    """An upgrade brings a column: the record stays one table, through Spark and without it."""
    monkeypatch.setitem(schemas.TABLES, "readings", schemas.READINGS.replace("raw STRING, ", ""))
    river.send(river.frame(60, 4.0, seq=1, raw="old"))
    river.ingest("old")
    monkeypatch.undo()
    river.send(river.frame(30, 5.0, seq=2, raw="new"))

    river.ingest("new")

    expected = [(4.0, None), (5.0, "new")]
    assert expected == sorted((row["value"], row["raw"]) for row in river.record())
    with edge.session(river.settings, "history") as spark:
        rows = spark.read.format("delta").load(river.archive.path("readings")).select("value", "raw").collect()
        assert expected == sorted((row.value, row.raw) for row in rows)


def test_rejects_go_when_the_settings_say_so_and_the_ledger_knows(river):
    """Kept for ever unless said; what goes is accounted for."""
    river.send(b"rubbish", b"more rubbish", river.frame(30, 4.0, seq=1))
    river.ingest()
    maintain(river.settings, NOW + timedelta(days=400))
    assert 2 == len(river.record("rejects"))
    short = river.settings.maintenance.model_copy(update={"keep_rejects_days": 30})
    settings = river.settings.model_copy(update={"maintenance": short})

    done = {one.table: one for one in maintain(settings, NOW + timedelta(days=40))}

    assert 2 == done["rejects"].let_go
    assert [] == river.record("rejects")
    assert sound(verify(settings))


def test_verify_names_the_batch_that_does_not_balance(river):
    """Somebody changed the ledger, or the record: which batch, and what to do."""
    river.send(river.frame(30, 4.0, seq=1))
    [batch] = river.ingest()
    with engine.connect(river.settings).begin() as connection:
        connection.execute(text('update batches set counts = counts || \'{"read": 2, "stored": 2}\''))

    [wrong] = [finding for finding in verify(river.settings) if finding.ok is False]

    assert f"batch {batch.batch}" == wrong.what
    assert "the record has 1 readings of 2" in wrong.found
    assert "runbook" in wrong.try_
