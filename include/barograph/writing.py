"""Tables as files for other programs: CSV, JSON lines, Parquet, Arrow. A file is there when it is whole."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from barograph.errors import SettingsError
from barograph.windows import iso

FORMULA = ("=", "+", "-", "@", "\t", "\r")

Write = Callable[[pa.Table], None]


def safe(text: str) -> str:
    """Outside text as a CSV cell: a spreadsheet must not take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def format_of(path: Path | None, said: str | None) -> str:
    """The format that was asked for, or that the file's name tells. Raises SettingsError."""
    chosen = said or (path.suffix.lstrip(".").lower() if path else "")
    chosen = {"jsonl": "json", "ndjson": "json", "feather": "arrow"}.get(chosen, chosen)
    if chosen not in WRITERS:
        raise SettingsError(f"{chosen or path} is none of the formats {', '.join(WRITERS)}. Say --format.")
    return chosen


@contextmanager
def whole_file(path: Path, format_: str, schema: pa.Schema) -> Iterator[Write]:
    """Write tables of one schema to a file that appears when all of it is written. Raises SettingsError."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with half.open("wb") as out, WRITERS[format_](out, schema) as write:
            yield write
        half.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}. Give another --output.") from error
    finally:
        half.unlink(missing_ok=True)


@contextmanager
def as_csv(out: BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    names = [safe(name) for name in schema.names]
    told = pa.schema([(name, _cells(pa.nulls(0, field.type)).type) for name, field in zip(names, schema, strict=True)])
    with csv.CSVWriter(out, told, write_options=csv.WriteOptions(quoting_style="needed")) as writer:

        def write(table: pa.Table) -> None:
            writer.write_table(pa.table([_cells(column) for column in table.columns], told))

        yield write


@contextmanager
def as_json(out: BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    def write(table: pa.Table) -> None:
        for batch in table.to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                out.write(json.dumps(plain(row), ensure_ascii=False).encode("utf-8", "replace") + b"\n")

    yield write


@contextmanager
def as_parquet(out: BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        yield writer.write_table


@contextmanager
def as_arrow(out: BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    with pa.ipc.new_file(out, schema) as writer:
        yield writer.write_table


WRITERS = {"csv": as_csv, "json": as_json, "parquet": as_parquet, "arrow": as_arrow}


def _cells(column: Any) -> Any:
    """A column as CSV has it: times as ISO 8601, bytes as hex, lists as JSON, and no text that begins a formula."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        told = [None if cell is None else cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
                for cell in (plain(cell) for cell in column.to_pylist())]  # fmt: skip
        column, kind = pa.array(told, pa.string()), pa.string()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        begins = pc.match_substring_regex(column, r"^[=+\-@\t\r]")
        return pc.if_else(begins, pc.binary_join_element_wise("'", column, ""), column)
    return column


def plain(fact: Any) -> Any:
    """A cell as JSON has it: times as ISO 8601, bytes as hex, no number that is none."""
    match fact:
        case bytes():
            return fact.hex()
        case datetime():
            return iso(fact) if fact.tzinfo else fact.isoformat()
        case date():
            return fact.isoformat()
        case float() if not math.isfinite(fact):
            return None
        case Mapping():
            return {str(name): plain(inner) for name, inner in fact.items()}
        case list() | tuple():
            return [plain(inner) for inner in fact]
        case None | bool() | int() | float() | str():
            return fact
    return str(fact)
