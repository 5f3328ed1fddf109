"""A format that is proposed, and its YAML: what is a guess says so, beside the field that it is about."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from barograph import documents
from barograph.collector.formats import Format, as_format

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*( [A-Za-z0-9_.-]+)*|[a-z]+:[0-9a-f]{2}( [0-9a-f]{2})*")
NO_TEXT = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n", "none", "nan"))
LONGEST = 110


@dataclass(frozen=True)
class Noted:
    """A part of a format, and what is to be said about it."""

    what: Any
    note: str = ""


@dataclass(frozen=True)
class Draft:
    wire: list[str]
    """What was heard, as it stands on top of the file."""
    body: dict[str, Any]
    """The format: plain data, with a Noted where something is to be said."""
    why: str
    """How it was found, in a few words."""
    hopes: float = 0.9
    """How sure the way is by which it was found; what is read of the bytes comes on top."""
    notes: list[str] = field(default_factory=list)

    def yaml(self) -> str:
        lines = [f"# {line}".rstrip() for line in [*self.wire, *self.notes]]
        for name, given in self.body.items():
            lines += _entry(name, given)
        return "\n".join(lines) + "\n"

    def format(self) -> Format:
        """Checked like any file of a site. Raises DocumentError."""
        return as_format(documents.parse(Path("sniffed.yaml"), self.yaml()))


def _entry(name: str, given: Any) -> list[str]:
    note = ""
    if isinstance(given, Noted):
        given, note = given.what, given.note
    before = [f"# {line}" for line in note.split("\n") if line]
    if isinstance(given, list) and any(isinstance(each, dict | Noted) for each in given):
        return [*before, f"{name}:", *(f"  - {line}" for line in _beside(given))]
    if isinstance(given, dict) and (_deep(given) or any(_deep(each) for each in given.values())):
        inner = [line for key, each in given.items() for line in _entry(_scalar(key), each)]
        return [*before, f"{name}:", *(f"  {line}" for line in inner)]
    if isinstance(given, dict) and (len(flow(given)) > LONGEST or any(isinstance(v, Noted) for v in given.values())):
        named = [(f"{_scalar(key)}: ", each) for key, each in given.items()]
        return [*before, f"{name}:", *(f"  {line}" for line in _beside([each for _, each in named], named))]
    return [*before, f"{name}: {flow(given)}"]


def _deep(given: Any) -> bool:
    """Whether it has lists with notes, which need lines of their own."""
    given = given.what if isinstance(given, Noted) else given
    if not isinstance(given, dict):
        return False
    return any(isinstance(each, list) and any(isinstance(one, Noted) for one in each) for each in given.values())


def _beside(items: list[Any], named: list[tuple[str, Any]] | None = None) -> list[str]:
    """Each on a line of its own with its note behind it, notes under each other."""
    names = [name for name, _ in named] if named else [""] * len(items)
    said = [
        name + flow(each.what if isinstance(each, Noted) else each) for name, each in zip(names, items, strict=True)
    ]
    notes = [each.note if isinstance(each, Noted) else "" for each in items]
    width = min(60, max((len(text) for text, note in zip(said, notes, strict=True) if note), default=0))
    return [f"{text:<{width}}  # {note}" if note else text for text, note in zip(said, notes, strict=True)]


def flow(given: Any) -> str:
    if isinstance(given, Noted):
        return flow(given.what)
    if isinstance(given, dict):
        return "{" + ", ".join(f"{_scalar(name)}: {flow(each)}" for name, each in given.items()) + "}"
    if isinstance(given, list | tuple):
        return "[" + ", ".join(flow(each) for each in given) + "]"
    return _scalar(given)


def _scalar(given: Any) -> str:
    if isinstance(given, str):
        plain = PLAIN.fullmatch(given) and given.lower() not in NO_TEXT
        return given if plain else json.dumps(given, ensure_ascii=not given.isprintable())
    return json.dumps(given)


def shown(raw: bytes) -> str:
    """A frame as a comment can hold it."""
    text = raw.decode("utf-8", "replace").strip("\r\n")
    if all(letter.isprintable() or letter == "\t" for letter in text):
        return text[:LONGEST].replace("\t", "⇥")
    return raw[:32].hex(" ") + (" …" if len(raw) > 32 else "")
