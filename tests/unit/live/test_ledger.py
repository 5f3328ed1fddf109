from __future__ import annotations

from types import SimpleNamespace

import pytest

from barograph.live import ledger
from barograph.live.ledger import balanced
from barograph.settings import Settings


def test_lag_is_what_no_batch_has_planned(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A partition never planned counts from its beginning, and so does one that was recreated."""

    def part(number: int, beginning: int, end: int, topic_id: str = "a") -> SimpleNamespace:
        return SimpleNamespace(topic="readings", topic_id=topic_id, partition=number, beginning=beginning, end=end)

    planned = {("readings", 0): ("a", 90), ("readings", 1): ("a", 10), ("readings", 2): ("a", 500)}
    held = [part(0, 0, 100), part(1, 40, 50), part(2, 0, 7, topic_id="b"), part(3, 5, 9)]
    monkeypatch.setattr("barograph.state.ledger.Ledger.positions", lambda _: planned)
    monkeypatch.setattr("barograph.kafka.offsets", lambda *_: held)

    assert 10 + 10 + 7 + 4 == ledger.lag(Settings(home=tmp_path), None)  # type: ignore[arg-type]


def test_nothing_may_be_read_without_being_counted():
    assert balanced({"read": 10, "stored": 7, "duplicate": 2, "rejected": 1})
    assert not balanced({"read": 10, "stored": 7, "duplicate": 2, "rejected": 0})
