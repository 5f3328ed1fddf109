"""One run of `ingest`: drain -> refine -> load -> judge, each step logged, timed and resumable by the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from pyspark.sql import SparkSession
from sqlalchemy import Engine

from barograph import kafka, registry
from barograph import spark as edge
from barograph.archive import Archive
from barograph.ingest import late
from barograph.ingest.annotate import annotate
from barograph.ingest.distribute import begin, distribute
from barograph.ingest.drain import WRITER, adopt, drain, planned, topics
from barograph.ingest.fast import provisional_alarms
from barograph.ingest.identify import identify
from barograph.ingest.judge import judge
from barograph.ingest.operations import operations
from barograph.ingest.refine import changed, live, load, looked_at, places_of, refine
from barograph.ingest.rules import watches
from barograph.rules.watches import Watches
from barograph.settings import Settings
from barograph.state import stale
from barograph.state.engine import connect, writer_lock
from barograph.state.ledger import Batch, Ledger
from barograph.transforms.places import Places

log = structlog.get_logger()


@dataclass(frozen=True)
class BatchSummary:
    batch: int
    counts: dict[str, int]
    seconds: float
    steps: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Work:
    """What every step needs."""

    settings: Settings
    spark: SparkSession
    archive: Archive
    ledger: Ledger
    engine: Engine
    places: Places
    rules: Watches


def ingest(
    settings: Settings, dag_id: str, run_id: str, horizon: datetime, max_messages: int | None = None
) -> list[BatchSummary]:
    """Complete what earlier runs left unfinished, then this run's batch. Raises BarographError.

    A run that is cleared redoes its own batch and plans nothing. `horizon`: up to when this batch can judge; the
    ledger keeps that of the first attempt.
    """
    most = max_messages or settings.ingest.max_messages
    engine = connect(settings)
    archive = Archive.of(settings)
    ledger = Ledger(engine, WRITER)
    sites = registry.read_sites(settings.sites_folder)
    rules = watches(settings, engine, sites, horizon)
    with writer_lock(engine, WRITER), edge.session(settings, "live", lasting=WRITER) as spark:
        archive.create(spark)
        adopt(settings, ledger, archive, horizon)
        work = _Work(settings, spark, archive, ledger, engine, places_of(settings, sites), rules)
        begin(settings, engine)
        own = ledger.of_run(dag_id, run_id)
        summaries = [_complete(work, batch) for batch in ledger.unfinished() if own is None or batch.batch < own.batch]
        if own is None:
            own = planned(settings, ledger, dag_id, run_id, horizon, most)
        summaries.append(_complete(work, own))
        _backlog(work, own, summaries[-1].seconds, most)
        return summaries


def _complete(work: _Work, batch: Batch) -> BatchSummary:
    """Every step of a batch. All are safe to repeat; `batches.steps` says what each did."""
    started = time.monotonic()
    steps: dict[str, Any] = {}
    with _step(work, batch, steps, "drain") as facts:
        batch = drain(work.spark, work.settings, work.archive, work.ledger, batch)
        edge.expect(work.spark, (batch.counts or {}).get("read", 0))
        # Before the batch counts as done: a mark that is set twice is one mark.
        behind = late.days_behind(work.archive, work.places, batch.batch, batch.horizon)
        facts.update(batch.counts or {}, **late.lateness(work.archive, batch.batch))
        facts["stale_days"] = stale.mark(work.engine, behind, stale.LATE, batch.batch)
    touched = changed(work.places, live(work.settings, batch))
    if touched:
        with refine(work.spark, work.archive, work.places, touched) as (readings, windows):
            with _step(work, batch, steps, "refine") as facts:
                rows, uncounted = looked_at(readings, batch, work.places.summing)
                facts.update(ranges=len(touched), readings=rows)
            with _step(work, batch, steps, "load"):
                load(work.spark, work.settings, batch, touched, readings, windows, uncounted)
    fast = provisional_alarms(work.settings, work.ledger, batch, work.rules)
    with _step(work, batch, steps, "judge") as facts:
        facts.update({f"fast_{name}": count for name, count in fast.items()})
        facts.update(
            judge(work.spark, work.settings, work.archive, work.places, work.rules, work.engine, batch)
        )  # fmt: skip
        facts.update(identify(work.archive, work.places, work.engine, batch, touched))
    work.ledger.note(batch.batch, done=True)
    if work.settings.targets:
        with _step(work, batch, steps, "distribute") as facts:
            facts.update(distribute(work.settings, work.spark, work.archive, work.places, work.engine))
    annotate(work.settings, work.engine, work.ledger, batch)
    operations(work.settings, work.ledger, batch, steps)
    return BatchSummary(batch.batch, batch.counts or {}, round(time.monotonic() - started, 3), steps)


@contextmanager
def _step(work: _Work, batch: Batch, steps: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Time a step, log what it did and how fast, and mark it in the ledger."""
    facts: dict[str, Any] = {}
    started = time.monotonic()
    with edge.watched(work.spark, name, batch=batch.batch):
        yield facts
    seconds = round(time.monotonic() - started, 3)
    read = facts.get("read") or facts.get("readings")
    rate = {"per_second": round(read / seconds)} if read and seconds else {}
    steps[name] = {**facts, "seconds": seconds, **rate}
    work.ledger.step(batch.batch, name, steps[name])
    log.info(name, batch=batch.batch, **steps[name])


def _backlog(work: _Work, batch: Batch, seconds: float, most: int) -> None:
    """After a full batch there is more: say how much, and how long it takes at this rate."""
    messages = sum(part.messages for part in batch.plan)
    if messages < most:
        return
    ends = {(part.topic, part.partition): part.end for part in batch.plan}
    now = kafka.offsets(work.settings, topics(work.settings))
    waiting = sum(part.end - ends.get((part.topic, part.partition), part.end) for part in now)
    rate = messages / max(seconds, 0.001)
    log.info("backlog", waiting=waiting, per_second=round(rate), eta_seconds=round(waiting / rate))
