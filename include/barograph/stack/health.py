"""How the stack is: a list of answers, each of which says why where it cannot say how. Works while things are down."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from barograph import kafka, registry
from barograph.collector import health as collector
from barograph.errors import BarographError, DocumentError
from barograph.influx.load import in_doubt, refused
from barograph.notify import health as notifier
from barograph.rules.book import FILE
from barograph.rules.checking import read_checked
from barograph.settings import PORT_OFFSETS, PostgresSettings, Settings
from barograph.stack import services
from barograph.stack.airflow_api import Airflow
from barograph.state import engine, outbox, stale, tables
from barograph.state.ledger import Ledger
from barograph.state.targets import Positions
from barograph.windows import iso

RUNS_SHOWN = 3
STALE_SHOWN = 3
DAY = timedelta(days=1)
OLD_IN_SPOOL = 10.0
"""Seconds; younger frames are on their way."""
MANY_WAITING = 5
"""Ingest intervals' worth of runs without a batch, until the lag counts as a fault."""


@dataclass(frozen=True)
class Answer:
    """One line of `barograph status`. `ok` is None where it cannot be known, and `found` says why."""

    part: str
    name: str
    ok: bool | None
    found: str
    facts: dict[str, Any] = field(default_factory=dict)


def look(settings: Settings, now: datetime) -> list[Answer]:
    """All that can be said about this deployment."""
    answers: list[Answer] = []
    for part, ask in PARTS.items():
        try:
            answers += ask(settings, now)
        except (BarographError, SQLAlchemyError, OSError) as error:
            answers.append(Answer(part, part, None, f"unknown: {str(error).splitlines()[0]}"))
    return answers


def healthy(answers: list[Answer]) -> bool:
    return all(answer.ok for answer in answers)


def lag(settings: Settings) -> int:
    """Messages that Kafka has and no finished batch holds. Raises ServiceUnavailable."""
    ledger = Ledger(engine.connect(settings), "drain")
    planned = ledger.positions()
    unfinished = sum(part.messages for batch in ledger.unfinished() for part in batch.plan)
    return unfinished + sum(_behind(log, planned) for log in kafka.offsets(settings, settings.kafka.topics))


def _behind(log: kafka.PartitionOffsets, planned: dict[tuple[str, int], tuple[str, int]]) -> int:
    topic_id, end = planned.get((log.topic, log.partition), ("", 0))
    return max(0, log.end - max(log.beginning, end if topic_id == log.topic_id else 0))


def _processes(settings: Settings, now: datetime) -> Iterator[Answer]:
    if all(server.elsewhere for server in servers(settings)):
        # Docker Compose, or whatever else starts them there, watches them too.
        return
    for process in services.state(settings):
        restarts = f", restarted {process.restarts} times" if process.restarts else ""
        facts = {"pid": process.pid, "restarts": process.restarts, "seconds": round(process.seconds)}
        if process.enabled:
            yield Answer("process", process.name, process.ready, process.word + restarts, facts)
        elif services.first_run_is_over(settings):
            advice = f"not running; barograph stack start {process.name}"
            yield Answer("process", process.name, False, advice)


def _servers(settings: Settings, now: datetime) -> Iterator[Answer]:
    for server in servers(settings):
        try:
            socket.create_connection((server.host, server.port), timeout=2).close()
            problem = ""
        except OSError as error:
            problem = "no machine of that name" if isinstance(error, socket.gaierror) else "nobody listens"
        facts = {"host": server.host, "port": server.port}
        yield Answer("port", server.name, not problem, f"{server}: {problem}" if problem else str(server), facts)


@dataclass(frozen=True)
class Server:
    """Where one server is asked: on a port of ours, or `elsewhere` as the settings say."""

    name: str
    host: str
    port: int
    elsewhere: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.elsewhere else str(self.port)


def servers(settings: Settings) -> list[Server]:
    """All servers that this deployment needs; in containers and clusters each has a host of its own."""
    kafka_, postgres, spark = settings.kafka, settings.postgres, settings.spark
    said: dict[str, list[str]] = {
        "spark_live": [spark.live],
        "spark_history": [spark.history],
        "airflow": [settings.airflow_url],
        "influxdb": [settings.influx.url],
        "kafka": [f"kafka://{broker}" for broker in settings.brokers] if kafka_.brokers else [],
        "postgres": [f"postgresql://{postgres.host}:{settings.postgres_port}"] if postgres != _ON_LOOPBACK else [],
    }
    found = []
    for name in PORT_OFFSETS:
        if name == "collector":
            continue  # its port can be another or none: it says so itself
        urls = [urlsplit(url) for url in said.get(name, ()) if url]
        found += [
            Server(name, url.hostname or "", url.port or DEFAULT_PORTS.get(url.scheme, 0), elsewhere=True)
            for url in urls
        ]
        if not urls and (name != "kafka_controller" or not kafka_.brokers):
            found.append(Server(name, settings.host, settings.port(name), elsewhere=False))
    return found


DEFAULT_PORTS = {"sc": 15002, "http": 80, "https": 443, "kafka": 9092}

_ON_LOOPBACK = PostgresSettings()


def _lag(settings: Settings, now: datetime) -> Iterator[Answer]:
    waiting = lag(settings)
    latest = Ledger(engine.connect(settings), "drain").latest()
    patience = settings.ingest.interval * MANY_WAITING
    stuck = waiting > 0 and (latest is None or (now - latest.horizon).total_seconds() > patience)
    yield Answer("kafka", "lag", not stuck, f"{waiting:,} messages not in the record yet", {"messages": waiting})


def _collector(settings: Settings, now: datetime) -> Iterator[Answer]:
    status = collector.read(settings.path("run", "collector.json"))
    if status is None:
        yield Answer("collector", "collector", None, "unknown: it has not written run/collector.json yet")
        return
    facts = status.model_dump(mode="json")
    if not status.running(now):
        yield Answer("collector", "collector", False, f"silent since {iso(status.updated)}", facts)
        return
    yield Answer(
        "collector",
        "collector",
        status.broker_up is not False and status.spool_lost == 0,
        _flow(status),
        facts,
    )
    if status.metrics_error:
        yield Answer("collector", "metrics", False, status.metrics_error)
    for name, port in status.ports.items():
        rejected = sum(port.rejects.values())
        said = f"{port.frames:,} frames, {rejected:,} rejected" if port.connected else port.error or "not open"
        if port.connected:
            said += f", {port.overruns:,} bytes overrun" if port.overruns else ""
            said += f", {port.clock_off:,} with a clock far off" if port.clock_off else ""
        silent = sorted(device for device, its in port.devices.items() if its.state == "silent")
        if port.connected and port.state == "silent":
            said = f"the whole port is silent; {said}"
        elif silent:
            said = f"{said}; silent: {', '.join(silent)}"
        # A silent device is about the goods, a silent port about us.
        yield Answer("collector", name, port.connected and port.state != "silent", said)


def _flow(status: collector.Status) -> str:
    """Where what was read is."""
    age = f" for {status.spool_age:.0f} s" if status.spool_age >= OLD_IN_SPOOL else ""
    took = f", 99 % within {status.latency_p99:.2g} s" if status.latency_p99 is not None else ""
    lost = f"{status.spool_lost:,} lost"
    return f"{status.published:,} published{took}, {status.spool_depth:,} spooled{age}, {lost}"


def _batch(settings: Settings, now: datetime) -> Iterator[Answer]:
    latest = Ledger(engine.connect(settings), "drain").latest()
    if latest is None:
        yield Answer("ingest", "last batch", None, "unknown: none yet")
        return
    age = round((now - latest.horizon).total_seconds())
    counts = latest.counts or {}
    facts = {"batch": latest.batch, "age": age, "done": latest.done, "counts": counts, "gaps": latest.gaps}
    balanced = not counts or counts["read"] == counts["stored"] + counts["duplicate"] + counts["rejected"]
    late = age > settings.ingest.interval * MANY_WAITING
    told = ", ".join(
        f"{counts[name]:,} {name}" for name in ("read", "stored", "duplicate", "rejected") if name in counts
    )
    state = "done" if latest.done else "not done"
    found = f"{latest.batch} of {age} s ago, {state}: {told or 'no counts'}"
    yield Answer("ingest", "last batch", balanced and not late and not latest.gaps, found, facts)


def _targets(settings: Settings, now: datetime) -> Iterator[Answer]:
    for target in settings.targets:
        positions = Positions(engine.connect(settings))
        place = positions.of(target.name)
        if place is None:
            yield Answer("target", target.name, None, "unknown: it has not begun; the next `ingest` begins it")
            continue
        batches, changes = positions.behind(place)
        days = len(positions.days(place.resettled))
        found = f"{batches:,} batches and {changes:,} alarms behind" + (f", {days:,} days settled anew" if days else "")
        if place.error:
            then = f"; then: barograph distribute --target {target.name}" if place.stopped else ""
            found = f"{'stopped' if place.stopped else 'down'}, {found}: {place.error}{then}"
        facts = {"batch": place.batch, "batches": batches, "alarms": changes, "days": days, "stopped": place.stopped}
        yield Answer("target", target.name, not place.error, found, facts)


def _dags(settings: Settings, now: datetime) -> Iterator[Answer]:
    with Airflow.of(settings) as airflow:
        for problem in airflow.import_errors():
            yield Answer("airflow", "import error", False, problem)
        for dag in sorted(airflow.dags(), key=lambda dag: str(dag["dag_id"])):
            name = dag["dag_id"]
            runs = airflow.runs(name, limit=RUNS_SHOWN)
            states = [run["state"] for run in runs]
            ended = next((state for state in states if state in ("success", "failed")), None)
            found = ("paused; " if dag["is_paused"] else "") + (", ".join(states) or "no run yet")
            yield Answer("airflow", name, ended != "failed" and not dag["is_paused"], found, {"runs": states})


def _alarms(settings: Settings, now: datetime) -> Iterator[Answer]:
    """An open alarm is about the goods: the pipeline that found it is well."""
    wanted = select(tables.alarms).where(tables.alarms.c.state == "open").order_by(tables.alarms.c.opened.desc())
    with engine.connect(settings).connect() as connection:
        rows = connection.execute(wanted).mappings().all()
    for row in rows:
        found = f"{row['severity']}: {row['message'] or row['rule']} since {iso(row['started'])}, worst {row['value']}"
        facts = {name: row[name] for name in ("site", "rule", "severity", "device", "metric", "value")}
        yield Answer("alarm", f"{row['device']} {row['metric']}", True, found, facts)
    if not rows:
        yield Answer("alarm", "open alarms", True, "none")


def _notifier(settings: Settings, now: datetime) -> Iterator[Answer]:
    status = notifier.read(notifier.status_path(settings))
    if status is None or not status.running(now):
        since = f"silent since {iso(status.updated)}" if status else "unknown: it has not written run/notifier.json yet"
        yield Answer("notifier", "notifier", False if status else None, f"{since}; nobody is told of alarms")
        return
    people = len(status.contacts)
    found = f"{people} contacts" if people else "nobody to tell: docs/notify.md says how to name contacts"
    trouble = status.error or (f"contacts refused, the last good ones hold: {status.refused}" if status.refused else "")
    if not status.leads:
        found = "stands by: another notifier of this database leads"
    yield Answer("notifier", "notifier", not trouble, trouble or found, status.model_dump(mode="json"))
    for name in status.stopped:
        yield Answer("notifier", name, False, f"{name} has stopped; docs/runbook.md#component-notifier")
    waiting = {(row.contact, row.channel): row.notices for row in outbox.pending(engine.connect(settings))}
    for row in outbox.channels(engine.connect(settings)):
        left = waiting.get((row.contact, row.channel), 0)
        found = f"{row.state} {iso(row.attempted or row.composed)}, {left} notices wait"
        if row.error:
            found = f"{row.state} after {row.attempts} attempts, {left} notices wait: {row.error}"
        facts = {"state": row.state, "attempts": row.attempts, "notices": left}
        yield Answer("notifier", f"{row.contact}/{row.channel}", not row.error, found, facts)


def _rules(settings: Settings, now: datetime) -> Iterator[Answer]:
    """A file with mistakes is not in force, and nobody sees that where nothing is wrong yet."""
    for site in registry.read_sites(settings.sites_folder):
        try:
            rules, _ = read_checked(settings.sites_folder / site.site / FILE, site)
        except DocumentError as error:
            mistakes = str(error).splitlines()
            found = (
                f"{len(mistakes)} mistakes, the last good rules are in force; barograph check says more: {mistakes[0]}"
            )
            yield Answer("rules", site.site, False, found, {"mistakes": mistakes})
        else:
            yield Answer("rules", site.site, True, f"{len(rules.rules)} rules")


def _report(settings: Settings, now: datetime) -> Iterator[Answer]:
    newest = select(tables.reports).order_by(tables.reports.c.day.desc(), tables.reports.c.revision.desc()).limit(1)
    with engine.connect(settings).connect() as connection:
        row = connection.execute(newest).mappings().first()
    if row is None:
        yield Answer("report", "latest report", None, "unknown: none yet")
        return
    folder = settings.reports_folder / row["folder"]
    facts = {"site": row["site"], "day": row["day"], "revision": row["revision"], "folder": str(folder)}
    found = f"{row['site']} {row['day']}, revision {row['revision']}: {folder}"
    yield Answer("report", "latest report", folder.exists(), found, facts)
    days = {(mark.site, mark.day): mark for mark in stale.marked(engine.connect(settings))}
    for mark in list(days.values())[:STALE_SHOWN]:
        # No fault: the next night makes it anew.
        yield Answer("report", "stale", True, f"{mark.site} {mark.day}: {mark.why}; the next `daily` makes it anew")
    if len(days) > STALE_SHOWN:
        yield Answer("report", "stale", True, f"and {len(days) - STALE_SHOWN} days more")


def _influxdb(settings: Settings, now: datetime) -> Iterator[Answer]:
    if since := in_doubt(settings):
        advice = f"its disk was full: restart it, then `barograph influx rebuild --from {since - DAY:%Y-%m-%d}`"
        yield Answer("influxdb", "view", False, advice, {"since": iso(since)})
    if letters := refused(settings):
        yield Answer("influxdb", "refused", None, f"{letters} lines wait: barograph influx refused", {"lines": letters})


PARTS: dict[str, Callable[[Settings, datetime], Iterator[Answer]]] = {
    "process": _processes,
    "port": _servers,
    "kafka": _lag,
    "collector": _collector,
    "ingest": _batch,
    "influxdb": _influxdb,
    "target": _targets,
    "airflow": _dags,
    "rules": _rules,
    "alarm": _alarms,
    "notifier": _notifier,
    "report": _report,
}
