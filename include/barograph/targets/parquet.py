"""A target of kind `parquet`: `<folder>/<what>/<batch>-<stretch>.parquet`, there when it is whole, and once.

A file that is written again overwrites itself. Names that begin with a dot are not finished: Spark, pyarrow and DuckDB
pass over them.
"""

from __future__ import annotations

import os
from pathlib import Path

from barograph.destinations import ParquetTarget
from barograph.errors import SettingsError, TargetError
from barograph.settings import Settings
from barograph.targets.parcels import Parcel
from barograph.writing import whole_file


class ParquetSender:
    def __init__(self, settings: Settings, target: ParquetTarget) -> None:
        self._folder = settings.home / target.folder

    def send(self, parcel: Parcel) -> None:
        path = self._folder / parcel.what / f"{parcel.name}.parquet"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for half in path.parent.glob(f".{path.name}.*"):
                half.unlink()  # of a process that was killed
            if not parcel.table.num_rows:
                path.unlink(missing_ok=True)
                return
            with whole_file(path, "parquet", parcel.table.schema) as write:
                write(parcel.table)
            # The position is noted after this: by then it must have survived a loss of power.
            _to_disk(path)
            _to_disk(path.parent)
        except (OSError, SettingsError) as error:
            raise TargetError(f"{path} cannot be written: {error}") from error

    def close(self) -> None:
        pass


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
