"""sql: questions in Spark SQL about all that the archive and the ledger hold. A question changes nothing.

Spark's own grammar decides what a question is: it is put into brackets, where nothing but one query can stand. Then its
plan is looked at, for the two ways in which a query can start a program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession
from sqlalchemy import Engine, select

from barograph import schemas
from barograph import spark as edge
from barograph.archive import Archive
from barograph.errors import QuestionError
from barograph.settings import Settings
from barograph.state.engine import connect
from barograph.state.tables import batches

BATCHES = """
    batch BIGINT, writer STRING, dag_id STRING, run_id STRING, horizon TIMESTAMP, messages BIGINT, frames BIGINT,
    read BIGINT, stored BIGINT, duplicate BIGINT, rejected BIGINT, replayed BIGINT, gaps INT, done BOOLEAN,
    adopted BOOLEAN
"""
"""The ledger as a view: one row a batch, read = stored + duplicate + rejected."""

VIEWS = (*schemas.TABLES, "batches")

STARTS_A_PROGRAM = re.compile(r"\bScriptTransformation\b|\b(reflect|java_method|try_reflect)\(")
"""In a plan: TRANSFORM ... USING, and functions that call any method of the JVM."""


@contextmanager
def sql(settings: Settings, question: str) -> Iterator[DataFrame]:
    """The answer to a question, not yet computed. Raises QuestionError for what is no single query, BarographError."""
    with edge.session(settings, "history") as spark:
        views(spark, Archive.of(settings), connect(settings))
        yield checked(spark, question)


def views(spark: SparkSession, archive: Archive, engine: Engine) -> None:
    """Name what can be asked about, and nothing else can be; a table that nobody wrote yet is empty."""
    for table, columns in schemas.TABLES.items():
        there = archive.version(table) is not None
        rows = spark.read.format("delta").load(archive.path(table)) if there else spark.createDataFrame([], columns)
        rows.createOrReplaceTempView(table)
    spark.createDataFrame(_ledger(engine)).createOrReplaceTempView("batches")
    # Only now: no path can be read but those of the views, and a plan shows all of its functions.
    spark.conf.set("spark.sql.runSQLOnFiles", "false")
    spark.conf.set("spark.sql.debug.maxToStringFields", "100000")


def checked(spark: SparkSession, question: str) -> DataFrame:
    """The question as Spark understands it. Nothing runs before it is known to be one query that only reads."""
    # Whatever it is: between brackets stands a query, or Spark's grammar refuses it.
    bracketed = f"SELECT * FROM (\n{question.strip().rstrip(';')}\n)"  # noqa: S608
    try:
        answer = spark.sql(bracketed)
        [row] = spark.sql(f"EXPLAIN EXTENDED {bracketed}").collect()
    except ParseException as error:
        raise QuestionError(
            f"This is not one query: {_first_line(error)} "
            "`barograph sql` only reads: one SELECT, WITH, VALUES or TABLE."
        ) from error
    except AnalysisException as error:
        raise QuestionError(f"{_first_line(error)} There are the views {', '.join(VIEWS)}.") from error
    if found := STARTS_A_PROGRAM.search(row[0]):
        raise QuestionError(f"A question cannot start programs, and this one does ({found[0].rstrip('(')}).")
    return answer


def _ledger(engine: Engine) -> pa.Table:
    whole = ("messages", "frames", "read", "stored", "duplicate", "rejected", "replayed")
    with engine.connect() as connection:
        rows = [
            {
                **{name: row[name] for name in ("batch", "writer", "dag_id", "run_id", "horizon", "done", "adopted")},
                **{name: (row["counts"] or {}).get(name) for name in whole},
                "gaps": len(row["gaps"]),
            }
            for row in connection.execute(select(batches).order_by(batches.c.batch)).mappings()
        ]
    kinds = {
        "BIGINT": pa.int64(), "STRING": pa.string(), "TIMESTAMP": pa.timestamp("us", "UTC"), "INT": pa.int32(),
        "BOOLEAN": pa.bool_(),
    }  # fmt: skip
    return pa.Table.from_pylist(rows, pa.schema([(n, kinds[k]) for n, k in (c.split() for c in BATCHES.split(","))]))


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0].split(" SQLSTATE:")[0].rstrip(".;") + "."
