"""What SQL and the registry know of a site's days: since when there is data, and which reports are stale."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import BarographError
from barograph.live.now import Sites
from barograph.registry import Site
from barograph.settings import Settings

T = TypeVar("T")

KEPT = 300.0
"""Seconds: the beginning of all data hardly moves, and is a question to every batch there was."""
FURTHEST = timedelta(days=730)
"""A board with a dead clock says 1999; nobody wants reports of that."""


class Days:
    def __init__(self, settings: Settings, sites: Sites) -> None:
        self._settings = settings
        self._sites = sites
        self._first: tuple[float, date | None] | None = None
        self.problem = ""
        """Why SQL does not answer."""

    def sites(self) -> dict[str, str]:
        """Site -> its name, as the registry has them."""
        return {site.site: site.name for site in self._registered()}

    def zone(self, site: str) -> str:
        return next((one.timezone for one in self._registered() if one.site == site), self.reporting_zone())

    def reporting_zone(self) -> str:
        """As `daily` is scheduled."""
        sites = self._registered()
        return self._settings.reports.timezone or (sites[0].timezone if sites else "UTC")

    def first(self) -> date:
        """The day of the first reading of all; the last of all days where there is none."""
        if self._first is None or time.monotonic() - self._first[0] > KEPT:
            self._first = time.monotonic(), self._asked(self._earliest, None)
        return self._first[1] or date.max

    def stale(self, site: str) -> dict[date, str]:
        """Day -> why its report is of before."""
        return self._asked(lambda: self._marks(site), {})

    def _earliest(self) -> date | None:
        from barograph.state.engine import connect
        from barograph.state.ledger import Ledger

        ledger = Ledger(connect(self._settings), "drain")
        latest = ledger.latest()
        earliest = ledger.touched_from(0, 2**62)
        if earliest is None or latest is None:
            return None
        zone = ZoneInfo(self.reporting_zone())
        return max(earliest, latest.horizon - FURTHEST).astimezone(zone).date()

    def _marks(self, site: str) -> dict[date, str]:
        from barograph.state import stale
        from barograph.state.engine import connect

        return {mark.day: mark.why for mark in stale.marked(connect(self._settings), site)}

    def _asked(self, ask: Callable[[], T], otherwise: T) -> T:
        try:
            found = ask()
        except (BarographError, SQLAlchemyError) as error:
            self.problem = str(error).partition("\n")[0]
            return otherwise
        self.problem = ""
        return found

    def _registered(self) -> list[Site]:
        try:
            return self._sites.now()
        except BarographError:
            return []
