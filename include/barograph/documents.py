"""Read YAML files so that every mistake is named by file, line and field. Only home of PyYAML."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from barograph.errors import DocumentError

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same in C, six times as fast, where PyYAML was built with it."""


class Strict(BaseModel):
    """What people write: frozen, and a field that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Document:
    """A parsed file: its data, and the line on which each field stands."""

    path: Path
    data: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest thing around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def problem(self, place: Place, message: str) -> str:
        field = ".".join(str(part) for part in place) or "(whole file)"
        return f"{self.path}:{self.line(place)}: {field}: {message}"


def load(path: Path) -> Document:
    """Read one YAML file. Raises DocumentError if it is not there, or is not plain YAML without repeated keys."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: cannot be read ({error}). Is the path right, and the file UTF-8?") from error
    return parse(path, text)


def parse(path: Path, text: str) -> Document:
    """The same for what would stand in the file. Raises DocumentError."""
    try:
        _without_aliases(path, text)
        node = yaml.compose(text, Loader=LOADER)
        data = yaml.load(text, Loader=LOADER)  # noqa: S506
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        what = getattr(error, "problem", None) or error
        raise DocumentError(f"{path}:{line}: not YAML: {what}. Check indentation and quotes near this line.") from error

    lines: dict[Place, int] = {}
    repeated: list[str] = []
    for place, found in _walk(node, ()):
        if place in lines and place:
            repeated.append(f"{path}:{found}: {place[-1]}: stands here twice. Keep one of them.")
        lines[place] = found
    if repeated:
        raise DocumentError("\n".join(repeated))
    return Document(path, {} if data is None else data, lines)


def read(path: Path, model: type[Model]) -> Model:
    """Load and validate a file. Raises DocumentError that lists every problem, a line each."""
    return validated(load(path), model)


def validated(document: Document, model: type[Model]) -> Model:
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise DocumentError("\n".join(describe(document, model, error))) from error


def describe(document: Document, model: type[BaseModel], error: ValidationError) -> Iterator[str]:
    """One line for each thing pydantic found, with a hint where a name looks like a slip of the pen."""
    for found in error.errors():
        place = _in_document(document, found["loc"])
        message = found["msg"].removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            message = f"is not a known field.{_hint(str(place[-1]), model)}"
        elif found["type"] == "missing":
            message = "is missing."
        elif "input" in found and not isinstance(found["input"], dict | list):
            message = f"{message} (found {found['input']!r})."
        yield document.problem(place, message)


def _in_document(document: Document, found: Place) -> Place:
    """Where a mistake stands: pydantic also names the kind that it took a union's member for."""
    place: Place = ()
    for index, part in enumerate(found):
        is_a_kind = (*place, part) not in document.lines and (*place, *found[index + 1 : index + 2]) in document.lines
        place = place if is_a_kind and index + 1 < len(found) else (*place, part)
    return place


def _without_aliases(path: Path, text: str) -> None:
    """An alias can stand for itself or unfold to gigabytes; nothing we read needs one."""
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise DocumentError(f"{path}:{line}: *{event.anchor}: aliases are not allowed. Write the value out.")


def _walk(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, int]]:
    if node is None:
        return
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            deeper = _walk(value, inner)
            next(deeper, None)
            yield inner, key.start_mark.line + 1
            yield from deeper
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*place, index))


def _hint(name: str, model: type[BaseModel]) -> str:
    close = difflib.get_close_matches(name, sorted(_field_names(model)), n=1)
    return f" Did you mean `{close[0]}`?" if close else ""


def _field_names(model: type[BaseModel], seen: frozenset[type] = frozenset()) -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        names.add(field.alias or name)
        for inner in _models_in(field.annotation):
            if inner not in seen:
                names |= _field_names(inner, seen | {model})
    return names


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)
