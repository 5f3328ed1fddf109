"""How far a backfill is, as Airflow's own tables say it, and what the page Reports makes of that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.common.db.common import _get_session
from airflow.models.backfill import Backfill, BackfillDagRun
from airflow.models.dagrun import DagRun
from sqlalchemy import create_engine, insert, update
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool
from tests.unit.airflow.shops import Pressed, a_health, seen
from tests.unit.airflow.visitors import visit

from barograph.settings import Settings, load_settings
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.days import Days
from barograph_airflow.ui.live import Watch
from barograph_airflow.ui.runs import last_backfill
from barograph_airflow.ui.shelf import Shelf

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAYS = [date(2026, 10, 23) + timedelta(days=number) for number in range(30)]
"""The last of them is yesterday."""
MINUTE = timedelta(minutes=1)


class Airflow:
    """Its tables of backfills and runs, with one backfill of thirty days that began at noon."""

    def __init__(self, session: Session) -> None:
        self.session = session
        backfill = {"from_date": NOON - timedelta(days=30), "to_date": NOON, "reprocess_behavior": "none",
                    "max_active_runs": 2, "created_at": NOON, "updated_at": NOON}  # fmt: skip
        session.execute(insert(Backfill.__table__).values(id=1, dag_id="another", **backfill))
        session.execute(insert(Backfill.__table__).values(id=2, dag_id="daily", **backfill))
        for number, day in enumerate(DAYS):
            run = {"dag_id": "daily", "run_id": f"backfill__{day}", "run_type": "backfill", "run_after": NOON,
                   "clear_number": 0, "span_status": "not_started", "state": "queued",
                   "log_template_id": None}  # fmt: skip
            session.execute(insert(DagRun.__table__).values(id=number + 1, **run))
            each = {"backfill_id": 2, "dag_run_id": number + 1, "sort_ordinal": number}
            session.execute(insert(BackfillDagRun.__table__).values(id=number + 1, **each))
        session.commit()

    def ends(self, first: int, last: int, at: datetime, state: str = "success") -> None:
        self._become(first, last, state=state, end_date=at)

    def runs(self, first: int, last: int) -> None:
        self._become(first, last, state="running")

    def _become(self, first: int, last: int, **what: Any) -> None:
        table = DagRun.__table__
        self.session.execute(update(table).where(table.c.id > first, table.c.id <= last).values(**what))
        self.session.commit()


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    for model in (Backfill, BackfillDagRun, DagRun):
        model.__table__.create(engine)
    with Session(engine) as session:
        yield Airflow(session)


def test_thirty_days_are_counted_and_their_pace_is_what_was_done_since_they_began(airflow: Airflow):
    before = last_backfill(airflow.session, "daily", NOON)
    airflow.ends(0, 11, NOON + 4 * MINUTE)
    airflow.ends(11, 12, NOON + 4 * MINUTE, "failed")
    airflow.runs(12, 14)
    going = last_backfill(airflow.session, "daily", NOON)

    assert before
    assert going
    assert (30, 0, None) == (before.days, before.done, before.pace(NOON + MINUTE))
    assert (30, 12, {"success": 11, "failed": 1, "running": 2, "queued": 16}) == (going.days, going.done, going.states)
    assert 3.0 == going.pace(NOON + 4 * MINUTE)
    assert 6 * MINUTE == going.left(NOON + 4 * MINUTE)


def test_when_it_is_over_its_pace_stands_still_and_after_a_while_it_is_not_shown(airflow: Airflow):
    airflow.ends(0, 30, NOON + 10 * MINUTE)

    over = last_backfill(airflow.session, "daily", NOON)

    assert over
    assert over.over
    assert [3.0, 3.0] == [over.pace(NOON + minutes * MINUTE) for minutes in (10, 25)]
    assert over.left(NOON + 25 * MINUTE) is None
    assert last_backfill(airflow.session, "daily", NOON + 11 * MINUTE) is None


def publish(settings: Settings, day: date) -> None:
    folder = settings.reports_folder / "demo" / day.isoformat() / "r1"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<p>the report</p>")
    (folder / "report.json").write_text(json.dumps({"name": "Demo", "verdict": "fine", "headline": "x", "files": {}}))


def test_a_backfill_of_thirty_days_lights_up_the_calendar_day_by_day(
    airflow: Airflow, tmp_path: Path, airflow_lets_in: pytest.MonkeyPatch
):
    """Each answer says how far it is and how fast, and makes the calendar ask again; nobody loads the page."""
    (tmp_path / "sites" / "demo").mkdir(parents=True)
    (tmp_path / "sites" / "demo" / "site.yaml").write_text("site: demo\nname: Demo\ntimezone: Europe/Berlin\n")
    for name, answer in {"_earliest": lambda _: DAYS[0], "_marks": lambda *_: {}, "_signoffs": lambda *_: []}.items():
        airflow_lets_in.setattr(Days, name, answer)
    look = Shelf._listing
    airflow_lets_in.setattr(Shelf, "_listing", lambda shelf, kept=0.0: look(shelf, kept=0.0))
    settings, clock = load_settings(tmp_path), [NOON]
    app = create_app(settings, lambda: clock[0], Watch(lambda at: seen(at), lambda: clock[0]), Pressed(), a_health)  # type: ignore[arg-type]
    app.dependency_overrides[_get_session] = lambda: airflow.session
    client = visit(app, "viewer")

    told = []
    for made in (0, 10, 20, 30):
        clock[0] = NOON + timedelta(minutes=made / 2.5)
        for day in DAYS[max(0, made - 10) : made]:
            publish(settings, day)
        airflow.ends(max(0, made - 10), made, clock[0])
        bar = client.get("/backfill")
        calendar = client.get("/reports").text
        lit = len(re.findall(r'class="day fine" href', calendar))
        told.append((lit, bar.headers.get("HX-Trigger"), "every 3s" in bar.text))
        assert f'<progress max="30" value="{made}">' in bar.text or made == 30
        assert f"{made} of 30" in bar.text
        assert made == 0 or "2.5 " in bar.text, "days a minute"

    assert 'hx-trigger="days from:body"' in calendar
    assert [(0, None, True), (10, "days", True), (20, "days", True), (30, "days", False)] == told
