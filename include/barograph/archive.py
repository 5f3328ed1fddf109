"""The record and the derived tables, as Delta tables. Only home of delta and deltalake.

record/readings, record/rejects   append-only, by UTC day; written by writers (drain, import:<id>, replay:<id>)
derived/*                         one whole (site, local day) at a time, by settle alone
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError
from pyarrow.dataset import ParquetReadOptions
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from barograph import schemas
from barograph.errors import ArchiveError
from barograph.settings import Settings
from barograph.transforms import identities, refusals
from barograph.windows import Window, iso, merged

DUPLICATE_REACH = timedelta(hours=1)
"""How far in event time the original of a duplicate is looked for. Copies have one identity and nearly one time."""

PROPERTIES = {
    # A commit leaves four files: without these the log grows until an append takes seconds.
    "delta.logRetentionDuration": "interval 2 days",
    "delta.deletedFileRetentionDuration": "interval 2 days",
    "delta.checkpointInterval": "100",
    # Delta's memory of batch ids; older ones are found by their rows, see `rows_of`.
    "delta.setTransactionRetentionDuration": "interval 30 days",
}


@dataclass(frozen=True)
class Archive:
    root: str
    """A folder or an object store's URL; record/ and derived/ lie in it."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Tables that are read as they were at a version."""

    @classmethod
    def of(cls, settings: Settings) -> Archive:
        return cls(settings.archive_root)

    def path(self, table: str) -> str:
        return f"{self.root}/{'record' if table in schemas.RECORD else 'derived'}/{table}"

    def version(self, table: str) -> int | None:
        """The table's latest version, or None where nobody wrote it yet."""
        found = self._table(table)
        return None if found is None else found.version()

    def pinned(self, *tables: str) -> Archive:
        """The same, with these tables read as they are now however often: their writers may go on meanwhile."""
        now = {table: found for table in tables if (found := self.version(table)) is not None}
        return replace(self, versions=now)

    def create(self, spark: SparkSession) -> None:
        """Make the tables that are not there yet, and the columns that tables of an older version lack.

        Nothing is dropped, and no type changes: raises ArchiveError.
        """
        for table, columns in schemas.TABLES.items():
            if DeltaTable.is_deltatable(self.path(table)):
                self._evolve(spark, table)
            else:
                partitions = "day" if table in schemas.RECORD else "site, day"
                properties = ", ".join(f"'{name}' = '{value}'" for name, value in PROPERTIES.items())
                spark.sql(
                    f"CREATE TABLE IF NOT EXISTS delta.`{self.path(table)}` ({columns}) USING delta "
                    f"PARTITIONED BY ({partitions}) TBLPROPERTIES ({properties})"
                )

    def _evolve(self, spark: SparkSession, table: str) -> None:
        missing = self.missing(table)
        if not missing:
            return
        added = ", ".join(f"`{name}` {kind}" for name, kind in missing.items())
        try:
            spark.sql(f"ALTER TABLE delta.`{self.path(table)}` ADD COLUMNS ({added})")
        except PySparkException:
            # `ingest` and `settle` may both be the first of a new version; one of them added the columns.
            if self.missing(table):
                raise

    def missing(self, table: str) -> dict[str, str]:
        """Columns that this version has and the table lacks. Raises ArchiveError where a type is another one."""
        found = DeltaTable(self.path(table))
        kinds = {field["name"]: _word(field["type"]) for field in json.loads(found.schema().to_json())["fields"]}
        wanted = schemas.columns(table)
        for name, kind in wanted.items():
            if kinds.get(name, kind) != kind:
                raise ArchiveError(
                    f"{self.path(table)}: column {name} is {kinds[name]}, and this version of Barograph needs {kind}. "
                    "A column never changes its type: go back to the version that wrote the table."
                )
        return {name: kind for name, kind in wanted.items() if name not in kinds}

    def append(self, rows: DataFrame, table: str, writer: str, batch: int, facts: dict[str, Any]) -> None:
        """Add a batch to the record. Delta skips it, without an error, if `batch` is not above the writer's last."""
        (
            _shaped(rows, table)
            .write.format("delta")
            .mode("append")
            .option("txnAppId", writer)
            .option("txnVersion", str(batch))
            .option("userMetadata", json.dumps({"writer": writer, "batch": batch, **facts}))
            .save(self.path(table))
        )

    def rows_of(self, table: str, batch: int, columns: Sequence[str] = ("batch",)) -> pa.Table:
        """What the record holds of one batch, without Spark; Delta's statistics lead to its files."""
        found = self._table(table)
        if found is None:
            return pa.table({column: [] for column in columns})
        return found.to_pyarrow_dataset().to_table(columns=list(columns), filter=pc.field("batch") == batch)

    def said_by(self, device: str, window: Window) -> pa.Table:
        """A device's readings of a short window as they came, without Spark; copies too."""
        columns = ["time", "metric", "value", "port", "seq", "boot", "raw", "topic", "partition", "offset", "frame"]
        found = self._table("readings")
        if found is None:
            return pa.table({column: [] for column in columns})
        time = pc.field("time")
        days = pc.field("day").isin(window.utc_days())
        inside = days & (pc.field("device") == device) & (time >= window.start) & (time < window.end)
        return found.to_pyarrow_dataset().to_table(columns=columns, filter=inside)

    def near(self, spark: SparkSession, windows: Sequence[Window]) -> DataFrame:
        """The record's readings as they came, of these windows and of all around that may be a copy of them."""
        reach = merged(window.widened(DUPLICATE_REACH, DUPLICATE_REACH) for window in windows)
        days = [f"day between '{part.utc_days()[0]}' and '{part.utc_days()[-1]}'" for part in reach]
        table = spark.read.format("delta")
        if "readings" in self.versions:
            table = table.option("versionAsOf", self.versions["readings"])
        # With the partitions named, Delta reads nothing else.
        return table.load(self.path("readings")).where(" or ".join(days) or "false").where(inside(reach))

    def replace_day(self, rows: DataFrame, table: str, site: str, day: date) -> None:
        """Put one whole (site, day) in the place of what was there."""
        (
            _shaped(rows, table)
            .write.format("delta")
            .mode("overwrite")
            .option("replaceWhere", f"site = '{site}' and day = '{day.isoformat()}'")
            .save(self.path(table))
        )

    def replace_sums(self, sums: dict[str, Any]) -> None:
        """Put the sums of one (site, day) in the place of what stood in `days`."""
        table = DeltaTable(self.path("days"))
        write_deltalake(
            table,
            pa.Table.from_pylist([sums], pa.schema(table.schema().to_arrow())),
            mode="overwrite",
            predicate=f"site = '{sums['site']}' and day = '{sums['day'].isoformat()}'",
        )

    def commits(self, table: str, writer: str) -> list[dict[str, Any]]:
        """What the commits of a writer say about themselves, oldest first, as far back as the log is kept."""
        found = self._table(table)
        history = found.history() if found else []
        told = [json.loads(commit["userMetadata"]) for commit in history if commit.get("userMetadata")]
        return [facts for facts in reversed(told) if facts.get("writer") == writer]

    def positions(self, writer: str, above: int) -> list[dict[str, Any]]:
        """Of each batch of a writer above a number: topic, partition, first and last offset, rows, last `published`.

        From the rows alone, for when Delta's log has forgotten the commits. Without Spark, one piece at a time.
        """
        keys = ["batch", "topic", "partition"]
        wanted = (pc.field("writer") == writer) & (pc.field("batch") > above)
        pieces = [
            piece.append_column("table", pa.repeat(pa.scalar(name), piece.num_rows))
            .group_by([*keys, "table"])
            .aggregate([("offset", "min"), ("offset", "max"), ("published", "max"), ([], "count_all")])
            for name in schemas.RECORD
            if (found := self._table(name))
            for piece in _pieces(found, [*keys, "offset", "published"], wanted)
        ]
        if not pieces:
            return []
        sums = [("offset_min", "min"), ("offset_max", "max"), ("published_max", "max"), ("count_all", "sum")]
        told = pa.concat_tables(pieces).group_by([*keys, "table"]).aggregate(sums)
        names = [*keys, "table", "first", "last", "published", "rows"]
        rows: list[dict[str, Any]] = told.rename_columns(names).to_pylist()
        return rows

    def latest_batch(self, writer: str) -> int | None:
        """The highest batch of a writer that the record knows, or None."""
        tables = [self._table(table) for table in schemas.RECORD]
        versions = [table.transaction_version(writer) for table in tables if table]
        return max((version for version in versions if version is not None), default=None)

    def highest_batch(self) -> int | None:
        """The highest batch in the record, whoever wrote it; from Delta's statistics, without opening a file."""
        found = [table for name in schemas.RECORD if (table := self._table(name))]
        told = [pa.table(table.get_add_actions(flatten=True)) for table in found]
        tops = [pc.max(each["max.batch"]).as_py() for each in told if "max.batch" in each.column_names]
        return max((top for top in tops if top is not None), default=None)

    def writers(self, kind: str) -> dict[int, tuple[str, int]]:
        """Of each batch of the writers `<kind>:...`: its writer, and how many rows the record has that it read."""
        told: dict[int, tuple[str, int]] = {}
        for name in schemas.RECORD:
            if not (found := self._table(name)):
                continue
            columns = ["writer", "batch", *(["stage"] if name == "rejects" else [])]
            for piece in _pieces(found, columns, pc.starts_with(pc.field("writer"), f"{kind}:")):
                for row in piece.to_pylist():
                    _, read = told.get(row["batch"], ("", 0))
                    told[row["batch"]] = (row["writer"], read + (row.get("stage") != refusals.REPLAY))
        return told

    def came(self, window: Window) -> list[dict[str, Any]]:
        """How many readings the record has in a window, duplicates too: device, batch, count."""
        keys = ["device", "batch"]
        return _grouped(self._of("readings", "time", window, keys), keys)

    def refused(self, window: Window) -> list[dict[str, Any]]:
        """How much of each device was rejected, and still is, of what a window published: device (or None), count."""
        rows = self._of("rejects", "published", window, ["device", *refusals.NEEDED])
        return _grouped(refusals.outstanding(rows), ["device"])

    def heard(self, window: Window) -> pa.Table:
        """Who said something in a window, and where it came from (identities.NEEDED); without Spark."""
        return self._of("readings", "time", window, list(identities.NEEDED))

    def arrivals(self, window: Window, devices: Sequence[str]) -> Iterator[pa.Table]:
        """When readings of a window were measured, and when Kafka had them, piece by piece: time, published."""
        found = self._table("readings")
        wanted = _inside("time", window) & pc.field("device").isin(list(devices))
        return _pieces(found, ["time", "published"], wanted, few=True) if found else iter(())

    def rejects(self, since: datetime, until: datetime, bytes_of: Sequence[int] | None = None) -> pa.Table:
        """The rows of rejects that a stretch of time published; with their bytes only those of these offsets."""
        columns = [name for name in schemas.columns("rejects") if bytes_of is not None or name != "raw"]
        some = None if bytes_of is None else pc.field("offset").isin(list(bytes_of))
        return self._of("rejects", "published", Window(since, until), columns, some)

    def _of(
        self, table: str, clock: str, window: Window, columns: list[str], some: pc.Expression | None = None
    ) -> pa.Table:
        """Rows of the record with a time in a window, without Spark; no rows where there is no table."""
        found = self._table(table)
        if found is None:
            return pa.table({name: [] for name in columns})
        inside = _inside(clock, window)
        return found.to_pyarrow_dataset().to_table(columns=columns, filter=inside if some is None else inside & some)

    def days(self) -> list[date]:
        """The UTC days of which the record has readings."""
        found = self._table("readings")
        return sorted(date.fromisoformat(part["day"]) for part in found.partitions()) if found else []

    def settled(self, site: str) -> set[date]:
        """The local days of a site that are settled."""
        found = self._table("days")
        parts = found.partitions() if found else []
        return {date.fromisoformat(part["day"]) for part in parts if part["site"] == site}

    def derived(
        self,
        table: str,
        site: str,
        day: date,
        columns: list[str] | None = None,
        metric: str | None = None,
        until: date | None = None,
        some: pc.Expression | None = None,
    ) -> pa.Table:
        """One settled (site, day) of a derived table, or all `until` another; empty where nothing was settled."""
        found = self._table(table)
        if found is None:
            return pa.table({})
        last = day if until is None else until
        chosen = (pc.field("site") == site) & (pc.field("day") >= day) & (pc.field("day") <= last)
        if some is not None:
            chosen &= some
        if metric is not None:
            chosen &= pc.field("metric") == metric
        return found.to_pyarrow_dataset().to_table(columns=columns, filter=chosen)

    def derived_pieces(
        self, table: str, site: str, day: date, columns: list[str], some: pc.Expression | None = None
    ) -> Iterator[pa.Table]:
        """The same of one day, piece by piece: a large site's day need not fit into memory as a table."""
        found = self._table(table)
        chosen = (pc.field("site") == site) & (pc.field("day") == day)
        return _pieces(found, columns, chosen if some is None else chosen & some, few=True) if found else iter(())

    def over_days(self, table: str, columns: list[str], wanted: pc.Expression | None = None) -> list[dict[str, Any]]:
        """Rows of a derived table over all settled days."""
        found = self._table(table)
        if found is None:
            return []
        rows: list[dict[str, Any]] = found.to_pyarrow_dataset().to_table(columns=columns, filter=wanted).to_pylist()
        return rows

    def _table(self, table: str) -> DeltaTable | None:
        try:
            return DeltaTable(self.path(table), version=self.versions.get(table))
        except TableNotFoundError:
            return None


def _inside(clock: str, window: Window) -> pc.Expression:
    """Rows of the record with a time in a window, and the partitions where they can be."""
    first, last = (moment.astimezone(UTC).date() for moment in (window.start, window.end))
    day, moment = pc.field("day"), pc.field(clock)
    return (day >= first) & (day <= last) & (moment >= window.start) & (moment < window.end)


def _pieces(table: DeltaTable, columns: list[str], wanted: pc.Expression, few: bool = False) -> Iterator[pa.Table]:
    """`few`: with only the next one read ahead, and names as dictionaries, where there may be millions of rows."""
    names = {"device", "zone", "metric"}.intersection(columns) if few else set()
    rows = table.to_pyarrow_dataset(parquet_read_options=ParquetReadOptions(dictionary_columns=names))
    ahead = {"batch_readahead": 1, "fragment_readahead": 1, "memory_pool": pa.system_memory_pool()} if few else {}
    batches = rows.to_batches(columns=columns, filter=wanted, **ahead)
    return (pa.Table.from_batches([batch]) for batch in batches if batch.num_rows)


def _grouped(rows: pa.Table, keys: list[str]) -> list[dict[str, Any]]:
    counted: list[dict[str, Any]] = rows.select(keys).group_by(keys).aggregate([([], "count_all")]).to_pylist()
    return [{"count": row.pop("count_all"), **row} for row in counted]


def _word(kind: Any) -> str:
    """Delta's word for a type in Spark's words, as schemas.py has them."""
    if isinstance(kind, dict):
        return f"ARRAY<{_word(kind['elementType'])}>" if kind["type"] == "array" else str(kind["type"]).upper()
    return {"long": "BIGINT", "integer": "INT"}.get(kind, str(kind).upper())


def _shaped(rows: DataFrame, table: str) -> DataFrame:
    """Exactly the table's columns, in its order and types."""
    return rows.to(StructType.fromDDL(schemas.TABLES[table]))


def inside(windows: Sequence[Window], starts: str = "time", ends: str = "time") -> str:
    """A condition: the time of a row lies in one of these windows; with two names, its stretch of time touches one."""
    after = ">=" if starts == ends else ">"
    conditions = [
        f"({starts} < timestamp '{iso(window.end)}' and {ends} {after} timestamp '{iso(window.start)}')"
        for window in windows
        if window.length
    ]
    return " or ".join(conditions) or "false"
