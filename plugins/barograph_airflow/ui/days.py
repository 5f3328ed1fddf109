"""What SQL and the registry know of a site's days: since when there is data, what is stale, who signed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import BarographError, ServiceUnavailable
from barograph.live.now import Sites
from barograph.settings import Settings

if TYPE_CHECKING:
    from barograph.state.signoffs import Signoff

KEPT = 300.0
"""Seconds: the beginning of all data hardly moves, and is a question to every batch there was."""
FURTHEST = timedelta(days=730)
"""A board with a dead clock says 1999; nobody wants reports of that."""


@dataclass(frozen=True)
class Known:
    """What is known of a site's days; nothing but `problem` where SQL does not answer."""

    first: date = date.max
    """The day of the first reading of all; the last of all days where there is none."""
    stale: Mapping[date, str] = field(default_factory=dict)
    """Day -> why its report is of before."""
    signed: Sequence[Signoff] = ()
    """In the order in which they were made."""
    problem: str = ""


class Days:
    def __init__(self, settings: Settings, sites: Sites) -> None:
        self._settings = settings
        self._sites = sites
        self._first: tuple[float, date] | None = None

    def sites(self) -> dict[str, str]:
        """Site -> its name, as the registry has them."""
        return {site.site: site.name for site in self._sites.known()}

    def zone(self, site: str) -> str:
        return next((one.timezone for one in self._sites.known() if one.site == site), self.reporting_zone())

    def reporting_zone(self) -> str:
        """As `daily` is scheduled."""
        sites = self._sites.known()
        return self._settings.reports.timezone or (sites[0].timezone if sites else "UTC")

    def known(self, site: str, reported: Iterable[date] = ()) -> Known:
        """`reported`: the days whose sign-offs are asked for."""
        try:
            return Known(self._since(), self._marks(site), self._signoffs(site, reported))
        except (BarographError, SQLAlchemyError) as error:
            return Known(problem=str(error).partition("\n")[0])

    def sign(self, site: str, day: date, revision: int, who: str, at: datetime, comment: str) -> None:
        """Raises ReportError, ServiceUnavailable."""
        from barograph.state import signoffs
        from barograph.state.engine import connect

        try:
            signoffs.sign(connect(self._settings), site, day, revision, who, at, comment)
        except SQLAlchemyError as error:
            raise ServiceUnavailable(f"Nothing was signed: {str(error).partition(chr(10))[0]}") from error

    def _since(self) -> date:
        if self._first is None or time.monotonic() - self._first[0] > KEPT:
            self._first = time.monotonic(), self._earliest() or date.max
        return self._first[1]

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

    def _signoffs(self, site: str, days: Iterable[date]) -> Sequence[Signoff]:
        from barograph.state import signoffs
        from barograph.state.engine import connect

        wanted = list(days)
        return signoffs.of(connect(self._settings), site, wanted) if wanted else ()
