"""What the buttons do: they start runs in Airflow, as the visitor who pressed them.

They go through Airflow's own API with the visitor's own token: Airflow decides once more, and its audit log names him.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from fastapi import Request

from barograph.settings import Settings
from barograph.stack.airflow_api import Airflow
from barograph.windows import Window

AT_ONCE = 2
"""Days of a backfill that are worked on side by side; the pool `history` keeps `ingest` out of their way."""


class Actions:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def make_day(self, request: Request, site: str, day: date, note: str) -> str:
        """Settle and report a day anew; the run's id. Raises ServiceUnavailable."""
        with self._airflow(request) as airflow:
            return airflow.trigger("daily", {"day": day.isoformat(), "sites": [site]}, note)

    def backfill(self, request: Request, first: date, last: date, zone: str, anew: bool) -> int:
        """Run `daily` for a range of days, both included. Raises ServiceUnavailable."""
        start, end = (Window.local_day(day, zone).start.astimezone(UTC) for day in (first, last))
        with self._airflow(request) as airflow:
            return airflow.backfill("daily", start, end, AT_ONCE, "completed" if anew else "failed")

    def _airflow(self, request: Request) -> Airflow:
        bearer = request.headers.get("Authorization", "").partition("Bearer ")[2]
        return Airflow(self._settings.airflow_address, token=bearer or request.cookies.get("_token", ""))


def local_today(at: datetime, zone: str) -> date:
    from zoneinfo import ZoneInfo

    return at.astimezone(ZoneInfo(zone)).date()
