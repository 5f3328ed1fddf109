"""What happens to the collector, said once: in the log, in the counters, and on the way to the bucket `operations`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

log = structlog.get_logger()


@dataclass(frozen=True)
class Event:
    time: datetime
    name: str
    level: str
    facts: dict[str, object] = field(default_factory=dict)


class Tell(Protocol):
    """How whoever notices something says it: its name, how bad it is (info, warning, error), and the facts."""

    def __call__(self, name: str, level: str = "info", /, **facts: object) -> None: ...


def told(name: str, level: str = "info", /, **facts: object) -> None:
    """To the log alone."""
    getattr(log, level)(name, **facts)


class Events:
    """A `Tell` for all threads. `keep` gets each event after it was logged and counted."""

    def __init__(self, clock: Callable[[], datetime], keep: Callable[[Event], None]) -> None:
        self._clock = clock
        self._keep = keep
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def __call__(self, name: str, level: str = "info", /, **facts: object) -> None:
        told(name, level, **facts)
        with self._lock:
            self._counts[name] += 1
        self._keep(Event(self._clock(), name, level, facts))

    @property
    def counts(self) -> Counter[str]:
        """How often each was told since the start."""
        with self._lock:
            return self._counts.copy()
