"""What starting the servers tells while it works. Silent by default; the command line prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from barograph.stack.supervisor import Process


class Show:
    def watch(self, processes: list[Process], seconds: float) -> None:
        """All processes, a few times a second, and the seconds since the start."""

    def begin(self, title: str) -> None: ...

    def progress(self, done: int, total: int, unit: str) -> None: ...

    def end(self, title: str, seconds: float, fact: str) -> None: ...
