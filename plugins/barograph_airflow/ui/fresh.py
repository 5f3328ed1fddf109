"""One answer for everybody who asks, made anew in a thread: nobody waits for what takes long.

Who comes when the answer is older than `kept` starts the next one and gets the one that is there; only who comes after
nobody has asked for a while (`too_old`) waits. While nobody asks, nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds to wait for an answer; then there is none yet."""


class Fresh(Generic[T]):
    def __init__(self, make: Callable[[datetime, T | None], T], kept: timedelta, too_old: timedelta) -> None:
        """`make(at, before)` gives the answer at a time, and knows the one before; it raises nothing."""
        self._make = make
        self._kept, self._too_old = kept, too_old
        self._answer: T | None = None
        self._made: datetime | None = None
        self._asked: datetime | None = None
        self._making: Future[None] | None = None
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, "barograph-look")

    def now(self, at: datetime) -> T | None:
        """None where no answer came in PATIENCE seconds, and none ever before."""
        with self._lock:
            due = self._asked is None or at - self._asked >= self._kept
            if due and (self._making is None or self._making.done()):
                self._asked = at
                self._making = self._thread.submit(self._again, at)
            making = self._making
        if making and (self._made is None or at - self._made > self._too_old):
            with suppress(TimeoutError):
                making.result(PATIENCE)
        return self._answer

    def settled(self) -> None:
        """Wait until nothing is being made."""
        if self._making:
            self._making.result()

    def _again(self, at: datetime) -> None:
        self._answer = self._make(at, self._answer)
        self._made = at
