"""What the bytes of a port mean, declared: a site's `formats/<name>.yaml`, or one that we ship.

Read by decoding, and by the simulator. docs/formats.md describes the language.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from barograph import documents
from barograph.collector.formats.base import Payload, TextPayload
from barograph.collector.formats.binary import BinaryField, BinaryFormat, Part, TaggedFormat
from barograph.collector.formats.choice import (
    KINDS,
    AnyFormat,
    By,
    BytesFormat,
    ChoiceFormat,
    Like,
    Nmea0183Format,
    Nothing,
    PluginFormat,
    RecordsFormat,
    Sentence,
    SeveralFormat,
)
from barograph.collector.formats.fields import Column, TimeField, Unit, UnitOf
from barograph.collector.formats.text import (
    ColumnsFormat,
    DelimitedFormat,
    JsonFormat,
    PairsFormat,
    Place,
    RegexFormat,
)
from barograph.errors import DocumentError
from barograph.registry import Slug

__all__ = [
    "KINDS",
    "BinaryField",
    "BinaryFormat",
    "By",
    "BytesFormat",
    "ChoiceFormat",
    "Column",
    "ColumnsFormat",
    "DelimitedFormat",
    "Format",
    "JsonFormat",
    "Like",
    "Nmea0183Format",
    "Nothing",
    "PairsFormat",
    "Part",
    "Payload",
    "Place",
    "PluginFormat",
    "RecordsFormat",
    "RegexFormat",
    "Sentence",
    "SeveralFormat",
    "TaggedFormat",
    "TextPayload",
    "TimeField",
    "Unit",
    "UnitOf",
    "as_format",
    "read_format",
    "read_format_file",
    "shipped",
]

Format = AnyFormat

SHIPPED = Path(__file__).resolve().parents[1] / "shipped"


def shipped() -> dict[str, Path]:
    """The formats that come with us, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def read_format(folder: Path, name: Slug) -> Format:
    """Read `folder`/formats/`name`.yaml, or the shipped format of that name. Raises DocumentError."""
    path = folder / "formats" / f"{name}.yaml"
    if path.exists():
        return read_format_file(path)
    ours = shipped()
    if name in ours:
        return read_format_file(ours[name])
    there = ", ".join(sorted(found.stem for found in path.parent.glob("*.yaml"))) or "none yet"
    raise DocumentError(
        f"{path}: a port of {folder / 'site.yaml'} declares format {name}. Formats there: {there}. "
        f"`barograph decode --list` shows those that come with us."
    )


def read_format_file(path: Path) -> Format:
    """Raises DocumentError that lists every problem, a line each."""
    return as_format(documents.load(path))


def as_format(document: documents.Document) -> Format:
    """Raises DocumentError that lists every problem, a line each."""
    kind = document.data.get("kind") if isinstance(document.data, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise DocumentError(document.problem(("kind",), f"must be one of {', '.join(KINDS)} (found {kind!r})."))
    model = KINDS[kind]
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        placed = cast(ValidationError, _Placed(error, document))
        raise DocumentError("\n".join(documents.describe(document, model, placed))) from error


class _Placed:
    """Pydantic's errors at the places of the file: without the kinds that it puts into a path."""

    def __init__(self, error: ValidationError, document: documents.Document) -> None:
        self._error = error
        self._document = document

    def errors(self) -> list[dict[str, Any]]:
        return [{**found, "loc": tuple(self._place(found["loc"]))} for found in self._error.errors()]

    def _place(self, loc: tuple[int | str, ...]) -> Iterator[int | str]:
        here = self._document.data
        so_far: documents.Place = ()
        for place, step in enumerate(loc):
            if isinstance(here, list) and isinstance(step, int) and step < len(here):
                here = here[step]
                so_far = (*so_far, step)
                yield step
            elif isinstance(here, dict) and step in here:
                here = here[step]
                so_far = (*so_far, self._written(so_far, step))
                yield so_far[-1]
            elif place == len(loc) - 1 and step not in KINDS and step not in ("one", "many", "list", "dict"):
                yield step

    def _written(self, around: documents.Place, key: int | str) -> str:
        """A key as it stands in the file: 0x52 is 82 by now."""
        if isinstance(key, int):
            for place in self._document.lines:
                if place[:-1] == around and place and _is_number(str(place[-1]), key):
                    return str(place[-1])
        return str(key)


def _is_number(text: str, number: int) -> bool:
    try:
        return int(text, 0) == number
    except ValueError:
        return False
