"""A river of its own for a test: topics, database, archive and site, on the session's servers."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from kafka import KafkaProducer
from sqlalchemy import text

from barograph import kafka
from barograph.archive import Archive
from barograph.ingest.run import BatchSummary, ingest
from barograph.settings import Settings
from barograph.state import engine

NOW = datetime.now(UTC).replace(microsecond=0)
"""A test's own present: InfluxDB refuses what is older than a bucket keeps."""

# Fridges of tests jump from cold to warm in one reading: nobody is to doubt that.
SITE = """\
site: {name}
name: A shop
timezone: Europe/Berlin
devices:
  - device: {name}-fridge
    zone: wall
    cadence: 30
    points: {{temperature: {{low: 0, high: 7, rate: off, spike: off}}}}
"""
RULES = """\
rules:
  - {{rule: {name}-warm, metric: temperature, devices: ["{name}-*"], above: 8, hold: 60, severity: critical}}
"""


BLANK = "blank"


@dataclass(frozen=True)
class River:
    name: str
    settings: Settings

    @property
    def fridge(self) -> str:
        return f"{self.name}-fridge"

    @property
    def archive(self) -> Archive:
        return Archive.of(self.settings)

    def send(self, *messages: dict[str, Any] | list[dict[str, Any]] | bytes) -> None:
        """Put messages into Kafka as a stranger would: no key, no time but what they say."""
        producer = KafkaProducer(bootstrap_servers=self.settings.brokers)
        for message in messages:
            content = message if isinstance(message, bytes) else json.dumps(message).encode()
            producer.send(self.settings.kafka.topics[0], content).get(timeout=30)
        producer.close()

    def frame(self, seconds: float, value: float | None, seq: int, **facts: Any) -> dict[str, Any]:
        """A frame of the fridge, `seconds` before now."""
        return {
            "device": self.fridge,
            "boot": "b",
            "seq": seq,
            "time": (NOW - timedelta(seconds=seconds)).isoformat(),
            "values": {"temperature": value},
            **facts,
        }

    def ingest(self, run: str = "run", **options: Any) -> list[BatchSummary]:
        return ingest(self.settings, "ingest", run, NOW + timedelta(minutes=1), **options)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with engine.connect(self.settings).connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def record(self, table: str = "readings") -> list[dict[str, Any]]:
        """What the record holds, without the batch numbers, which depend on what else the database did."""
        found = self.archive._table(table)
        rows = found.to_pyarrow_table().to_pylist() if found else []
        kept = [{name: fact for name, fact in row.items() if name not in ("batch", "published")} for row in rows]
        return sorted(kept, key=str)

    def points(self, bucket: str, metric: str = "temperature") -> list[dict[str, Any]]:
        """All points of our devices in a bucket, by InfluxQL."""
        return influxql(self.settings, bucket, f'SELECT * FROM "{metric}" WHERE device =~ /^{self.name}/ ORDER BY time')

    def alarms(self) -> list[tuple[Any, ...]]:
        return self.sql(
            "select rule, device, started, opened, cleared, value, state, historical from alarms order by opened"
        )


def influxql(settings: Settings, bucket: str, query: str) -> list[dict[str, Any]]:
    """Ask as any InfluxQL user would, with the token that can only read."""
    asked = urllib.parse.urlencode({"db": bucket, "q": query, "epoch": "u"})
    request = urllib.request.Request(
        f"{settings.influx_url}/query?{asked}", headers={"Authorization": f"Token {settings.secret('influx_reader')}"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        result = json.load(reply)["results"][0]
    assert "error" not in result, result
    every = ((series["columns"], row) for series in result.get("series", []) for row in series["values"])
    return [dict(zip(columns, row, strict=True)) for columns, row in every]


def blank_archive(shared: Settings) -> Archive:
    """Tables without a row, copied for each river: making them takes seconds of Spark."""
    return Archive.of(shared.model_copy(update={"archive": str(shared.home / "rivers" / BLANK)}))


def _blank_database(shared: Settings) -> None:
    """Tables without a row, copied for each river."""
    with as_superuser(shared) as connection:
        if connection.scalar(text("select 1 from pg_database where datname = :name"), {"name": BLANK}):
            return
        connection.execute(text(f"create database {BLANK} owner barograph"))
    blank = shared.model_copy(update={"postgres": shared.postgres.model_copy(update={"database": BLANK})})
    engine.migrate(blank)
    engine.connect(blank).dispose()


@contextmanager
def opened(shared: Settings) -> Iterator[River]:
    name = f"t{uuid4().hex[:8]}"
    settings = shared.model_copy(
        update={
            "archive": str(shared.home / "rivers" / name),
            "sites": shared.home / "rivers" / name / "sites",
            "kafka": shared.kafka.model_copy(
                update={
                    "topics": [f"{name}-readings"],
                    "rejects": f"{name}-rejects",
                    "operations": f"{name}-operations",
                    "alarms": f"{name}-alarms-fast",
                    "partitions": 2,
                }
            ),
            "postgres": shared.postgres.model_copy(update={"database": name}),
        }
    )
    place = Path(settings.sites_folder) / name
    place.mkdir(parents=True)
    (place / "site.yaml").write_text(SITE.format(name=name))
    (place / "rules.yaml").write_text(RULES.format(name=name))
    kafka.create_topics(settings)
    _blank_database(shared)
    with as_superuser(shared) as connection:
        connection.execute(text(f"create database {name} template {BLANK} owner barograph"))
    if Path(blank := blank_archive(shared).root).is_dir():
        shutil.copytree(blank, settings.archive_root, dirs_exist_ok=True)
    try:
        yield River(name, settings)
    finally:
        engine.connect(settings).dispose()


@contextmanager
def as_superuser(settings: Settings) -> Iterator[Any]:
    from sqlalchemy import create_engine

    address = engine.url(settings).set(
        username="postgres", password=settings.secret("postgres_superuser"), database="postgres"
    )
    server = create_engine(address, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        yield connection
    server.dispose()
