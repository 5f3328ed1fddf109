"""How we log: an event and its facts, one line each, on stderr. Only place where structlog is configured."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

NOISY = {"kafka": logging.CRITICAL}
"""Libraries that shout about what we report ourselves."""


def configure(*, as_json: bool = False, level: int = logging.INFO) -> None:
    """Send our events and the libraries' warnings to stderr: as `event key=value` lines, or as JSON."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=True) if as_json else render
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quiet in NOISY.items():
        logging.getLogger(name).setLevel(quiet)


def render(_: WrappedLogger, __: str, event: EventDict) -> str:
    """Write one line: what came from outside can neither break it nor talk to the terminal.

    2026-11-22T08:00:00.123456Z info  port_opened port=cold-wall url=run/ports/cold-wall
    """
    facts = dict(event)
    moment, level, name = (facts.pop(key, "") for key in ("timestamp", "level", "event"))
    trace = facts.pop("exception", None)
    line = f"{moment} {level:<7} {plain(name)}"
    line += "".join(f" {plain(key)}={quoted(value)}" for key, value in facts.items())
    return line if trace is None else line + "\n" + printable(str(trace), keep="\n")


def quoted(value: Any) -> str:
    """A value as it stands in a log line: bare where that is unambiguous, else in double quotes."""
    if isinstance(value, bool | int | float) or value is None:
        return str(value)
    text = value if isinstance(value, str) else str(value)
    if text and not any(letter in ' "=\\' for letter in text):
        return plain(text)
    return printable(json.dumps(text, ensure_ascii=False))


def plain(text: Any) -> str:
    return printable(str(text))


def printable(text: str, keep: str = "") -> str:
    """Escape control characters, separators other than a space, and direction marks: no letter is lost, none acts."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in keep else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text
    )
