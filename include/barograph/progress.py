"""How far a long step is: count, rate and time to go, as a line of the log now and then. Short steps say nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic as system_monotonic

import structlog

log = structlog.get_logger()

EVERY = 10.0
"""Seconds between two lines, and before the first."""


class Progress:
    def __init__(
        self, step: str, facts: Mapping[str, object], monotonic: Callable[[], float] = system_monotonic
    ) -> None:
        """`facts` stand in each line: which batch, which day."""
        self._step = step
        self._facts = dict(facts)
        self._monotonic = monotonic
        self._began = self._said = monotonic()

    def reached(self, count: int, of: int, unit: str, **facts: object) -> None:
        """So much is done of what is known so far."""
        now = self._monotonic()
        if now - self._said < EVERY:
            return
        self._said = now
        seconds = now - self._began
        to_go = {"eta_seconds": round(seconds * (of - count) / count)} if count else {}
        told = {**self._facts, unit: count, "of": of, "per_second": round(count / seconds, 2), **to_go, **facts}
        log.info("progress", step=self._step, **told, seconds=round(seconds))
