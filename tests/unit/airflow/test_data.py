from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.airflow.shops import Pressed, a_health, seen
from tests.unit.airflow.visitors import visit

from barograph.live.ledger import BatchRow, Flow, Gap, TableSize
from barograph.settings import load_settings
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.days import Days
from barograph_airflow.ui.live import Watch

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SUMS = {"read": 100, "stored": 95, "duplicate": 3, "rejected": 2, "late": 1, "batches": 9}


@pytest.fixture
def page(tmp_path: Path, airflow_lets_in: pytest.MonkeyPatch) -> Callable[..., str]:
    airflow_lets_in.setattr(Days, "_earliest", lambda _: date(2026, 11, 18))
    airflow_lets_in.setattr(Days, "_marks", lambda *_: {date(2026, 11, 10): "late data"})
    (tmp_path / "sites" / "demo").mkdir(parents=True)
    (tmp_path / "sites" / "demo" / "site.yaml").write_text("site: demo\nname: Demo\ntimezone: Europe/Berlin\n")
    watch = Watch(lambda at: seen(at), lambda: NOON)

    def opened(flow: Flow, who: str = "operator") -> str:
        app = create_app(load_settings(tmp_path), lambda: NOON, watch, Pressed(), a_health, lambda at: flow)
        return visit(app, who).get("/data").text

    return opened


def a_flow(*batches: BatchRow, **facts: object) -> Flow:
    usual = {"sums": dict.fromkeys(("hour", "day", "week"), SUMS), "waiting": 7, "refused": {}, "tables": []}
    return Flow(NOON, batches=batches, **(usual | facts))  # type: ignore[arg-type]


def row(batch: int, stored: int = 95, **facts: object) -> BatchRow:
    counts = {"read": 100, "stored": stored, "duplicate": 3, "rejected": 2}
    usual = {"lost": 0, "done": True} | facts
    return BatchRow(batch, NOON - timedelta(minutes=2), "ingest", "x", counts, **usual)  # type: ignore[arg-type]


def test_without_a_database_it_says_so(page):
    assert "The ledger cannot be read" in page(Flow(NOON, problem="nobody listens"))


def test_batches_add_up_or_stand_out(page):
    text = page(a_flow(row(2), row(1, stored=94)))

    assert 1 == text.count(">no<")
    assert 4 == text.count("✓ yes")
    assert "2 min ago" in text


def test_what_waits_what_was_refused_lost_and_late_and_how_large_it_is(page):
    gap = Gap(NOON, "readings-0", 20, "<b>retention</b>")
    table = TableSize("readings", 12_345, 2_500_000, 8)
    text = page(a_flow(row(1, late=7200.0, lost=20), refused={"bad_checksum": 4}, tables=[table], gaps=[gap]))

    for word in ("20 messages lost", "bad checksum", "12,345 rows", "2.5 MB", "&lt;b&gt;retention&lt;/b&gt;", "2 h"):
        assert word in text


def test_what_cannot_be_known_says_why(page):
    text = page(a_flow(waiting=None, why_waiting="Kafka <b>away</b>", tables=None, why_size="no disk", refused=None))

    assert "Kafka &lt;b&gt;away&lt;/b&gt;" in text
    assert "no disk" in text


def test_days_without_a_report_are_one_click_from_it(page):
    """Four days that follow each other are one backfill; a stale one is made anew."""
    text = page(a_flow())

    assert "Wednesday, 18 November 2026 to Saturday, 21 November 2026" in text
    assert "Tuesday, 10 November 2026" in text
    assert 2 == text.count("Plan backfill")
    assert 1 == text.count('name="anew"')
    assert "Plan backfill" not in page(a_flow(), "viewer")
