"""What a simulation says it sent, a JSON line each: to be compared with what arrived.

    {"at": "2026-11-22T08:00:03.000000Z", "port": "wall", "device": "fridge-1", "number": 3, "fate": "damaged",
     "values": {"temperature": 4.2}, "faults": ["noise"], "hex": "7b22696422..."}

whole      went out as it should: it must arrive, exactly once
exposed    the same, right behind bytes without an end: what has no start mark or checksum may take it for their rest
damaged    not all of it, or not so: it must not arrive as something else
dropped    did not go out, or random bytes in its place
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from barograph.errors import DocumentError


class Facts(Protocol):
    def facts(self) -> dict[str, Any]: ...


class Ledger:
    """Counts, and writes if it has a path. A file that is there is replaced: it is of another run."""

    def __init__(self, path: Path | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._file = None
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                # By line: whoever follows it sees whole ones.
                self._file = path.open("w", encoding="utf-8", buffering=1)
            except OSError as error:
                raise DocumentError(f"The ledger {path} cannot be written: {error.strerror}.") from error

    def note(self, act: Facts, **more: Any) -> None:
        facts = {**act.facts(), **more}
        self.counts[facts.get("fate", "events")] += 1
        self.counts["unheard"] += "unheard" in facts.get("faults", ())
        if self._file:
            self._file.write(json.dumps(facts, separators=(",", ":"), ensure_ascii=False) + "\n")

    def close(self) -> None:
        if self._file:
            self._file.close()


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """All lines but one that is being written."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[-1] == "\n"]
