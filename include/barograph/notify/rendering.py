"""Messages from facts, by templates: a user's own in `templates` of the data folder win over ours.

    subject.txt       one line            chat.txt    short, for chats and telephones
    mail.html         with the chart      mail.txt    the same for those who read plain text

`mail.zh.html` is for Chinese alone, `mail.html` for all languages. A template of the user's that breaks costs its
looks, never the message: ours is taken, and the log says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from jinja2 import BaseLoader, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from barograph.notify import words
from barograph.notify.contacts import Language
from barograph.windows import utc

OURS = Path(__file__).parent / "templates"
LINE = 150
"""Characters of a subject."""
SIGNATURE = "-- "
"""What mail programs hide when somebody answers."""
CHART = "chart"
"""The chart's name in mails: `cid:chart`."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Rendered:
    subject: str
    chat: str
    text: str
    html: str


@dataclass(frozen=True)
class Letter:
    """All that a channel needs to send a message."""

    identity: str
    thread: str
    references: tuple[str, ...]
    facts: Mapping[str, Any]
    rendered: Rendered
    chart: bytes | None = None
    links: Mapping[str, str] = field(default_factory=dict)


def render(
    facts: Mapping[str, Any], pages: str, at: datetime, folder: Path | None = None, chart: bool = False
) -> Rendered:
    """`at` is when it is sent. `pages` is where people reach the pages; `folder` has the user's own templates."""
    own = _environment(FileSystemLoader(folder)) if folder and folder.is_dir() else None
    ours = _environment(FileSystemLoader(OURS))
    context = _context(facts, pages, at, chart)

    def written(name: str) -> str:
        if own is not None:
            for candidate in (_for_language(name, facts["language"]), name):
                try:
                    return own.get_template(candidate).render(context)
                except TemplateNotFound as error:
                    if error.name != candidate:
                        log.error("template_broken", template=candidate, error=f"it needs {error.name}")
                except Exception as error:
                    # A template can raise anything, and whoever waits for an alarm did not write it.
                    log.error("template_broken", template=candidate, error=f"{type(error).__name__}: {error}")
        return ours.get_template(name).render(context)

    subject = " ".join(written("subject.txt").split())
    return Rendered(
        subject if len(subject) <= LINE else subject[: LINE - 1] + "…",
        _tidy(written("chat.txt")),
        _tidy(written("mail.txt")),
        written("mail.html"),
    )


def link(pages: str, alarm: int | None = None) -> str:
    """The page of an alarm, or that of all."""
    return f"{pages.rstrip('/')}/barograph/alarms" + (f"/{alarm}" if alarm is not None else "")


def problems(folder: Path) -> list[str]:
    """What is wrong with the user's own templates, without rendering them."""
    found = []
    environment = _environment(FileSystemLoader(folder))
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        try:
            environment.get_template(path.name)
        except (TemplateError, UnicodeDecodeError) as error:
            found.append(f"{path}:{getattr(error, 'lineno', None) or 1}: (whole file): {error}. Ours is taken instead.")
    return found


def _environment(loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _for_language(name: str, language: str) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{language}.{suffix}"


def _context(facts: Mapping[str, Any], pages: str, at: datetime, chart: bool) -> dict[str, Any]:
    language, timezone = facts["language"], facts["timezone"]
    now = utc(facts["as_of"])
    when: Callable[[str], str] = lambda moment: words.local(utc(moment), timezone)  # noqa: E731
    return {
        "t": words.words(language),
        "language": language,
        "contact": facts["contact"],
        "test": bool(facts.get("test")),
        "as_of": when(facts["as_of"]),
        "late": (at - now).total_seconds() > 600,
        "counts": facts["counts"],
        "more": facts["counts"]["alarms"] - len(facts["entries"]),
        "entries": [_entry(one, language, pages, now, when) for one in facts["entries"]],
        "pages": link(pages),
        "chart": f"cid:{CHART}" if chart else "",
    }


def _entry(
    one: Mapping[str, Any], language: Language, pages: str, now: datetime, when: Callable[[str], str]
) -> dict[str, Any]:
    ended = utc(one["cleared"]) if one["cleared"] else now
    t = words.words(language)
    return {
        **one,
        "headline": getattr(t, one["said"]),
        "severity_word": getattr(t, one["severity"], one["severity"]),
        "metric_name": words.measure(one, language),
        "measured": words.measured(one, one["value"], language),
        "limit_said": words.limited(one, language),
        "since": when(one["started"]),
        "until": when(one["cleared"]) if one["cleared"] else "",
        "lasted": "" if one["said"] == "withdrawn" else words.duration(ended - utc(one["started"]), language),
        "system": not one["site"],
        "link": link(pages, one["alarm"]),
        "why": getattr(t, f"{one['said']}_why", ""),
    }


def _tidy(text: str) -> str:
    lines = [line if line == SIGNATURE else line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(line for place, line in enumerate(lines) if line or lines[place - 1]) + "\n"
