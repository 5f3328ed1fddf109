"""Alarms: which there are, what was measured around one, and what people do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import AlarmError, BarographError
from barograph.registry import read_sites
from barograph.rules.readings import FRAMES
from barograph.settings import Settings
from barograph.state import alarm_lists
from barograph.state.alarm_lists import SEVERITIES, TOLD, Handled, Moment, Wanted
from barograph.state.alarms import SHARED_ID
from barograph.state.handling import LARGEST, STATES, Action, Verb, act, length
from barograph.windows import Window
from barograph_airflow.ui import guard
from barograph_airflow.ui.alarm_chart import Chart, chart_of
from barograph_airflow.ui.alarm_frames import MOST as DRAWN
from barograph_airflow.ui.alarm_frames import Frames, devices_of, frames_of, step_of
from barograph_airflow.ui.pages import Pages, zone_of

SHOWN = 100
"""Alarms on one page."""
RECENT = timedelta(days=1)
BEFORE, AFTER, MOST = timedelta(hours=2), timedelta(hours=1), timedelta(days=2)
"""How much of the readings is drawn before an alarm, after it, and at all."""
SHELVES = {"1h": "an hour", "8h": "8 hours", "1d": "a day", "7d": "a week"}

VIEWS: Mapping[str, tuple[str, ...]] = {
    "now": TOLD,
    "open": ("open",),
    "acknowledged": ("acknowledged",),
    "cleared": ("cleared",),
    "closed": ("closed",),
    "suppressed": ("suppressed",),
    "withdrawn": ("withdrawn",),
    "all": STATES,
}
"""View -> the states that it shows. The first is what somebody who is called wants to see: open ones and today's."""


def _printable(text: str) -> str:
    """A database takes no NUL, and nothing that anybody looks for has other such characters."""
    return "".join(character for character in text.strip() if character.isprintable())


Text = Annotated[str, AfterValidator(_printable)]


class Filters(BaseModel):
    """What stands in the address of a list. Fields of a form that nobody filled in are there, and empty."""

    view: Literal["now", "open", "acknowledged", "cleared", "closed", "suppressed", "withdrawn", "all"] = "now"
    severity: Literal["", "critical", "major", "minor", "warning"] = ""
    site: Text = ""
    device: Text = ""
    first: date | Literal[""] = ""
    last: date | Literal[""] = ""
    before: int | None = Field(default=None, ge=1, le=LARGEST)

    def query(self, **others: Any) -> dict[str, Any]:
        """The same as an address, with other words for some; without what is not said."""
        facts = {**self.model_dump(mode="json"), **others}
        return {
            name: fact for name, fact in facts.items() if fact not in ("", None) and (name, fact) != ("view", "now")
        }

    def wanted(self, zone: str, now: datetime) -> Wanted:
        device = self.device if not self.device or set(self.device) & set("*?") else f"*{self.device}*"
        return Wanted(
            states=VIEWS[self.view],
            severities=(self.severity,) if self.severity else (),
            site=self.site or None,
            device=device or None,
            since=Window.local_day(self.first, zone).start if self.first else None,
            until=Window.local_day(self.last, zone).end if self.last else None,
            open_or_since=None if self.view != "now" or self.first or self.last else now - RECENT,
        )


@dataclass(frozen=True)
class Board:
    """One page of the list."""

    at: datetime
    zone: str
    filters: Filters
    alarms: list[Handled]
    older: int | None
    """The next page begins below this number."""

    @property
    def waiting(self) -> int:
        return sum(each.standing.wants_somebody for each in self.alarms)


@dataclass(frozen=True)
class Told:
    """An alarm with all that is known of it, and what came of the last thing somebody did."""

    at: datetime
    zone: str
    handled: Handled
    moments: list[Moment]
    folded: int = 0
    """Alarms that stand under this one."""
    said: str = ""
    refused: bool = False
    typed: str = ""
    """The comment that somebody wrote, where it was not taken: nobody writes twice."""

    @property
    def alarm(self) -> Mapping[str, Any]:
        return self.handled.alarm

    @property
    def shows(self) -> Literal["curve", "frames", ""]:
        """What is drawn: what was measured, when frames came, or nothing, where it is about Barograph itself."""
        if self.alarm["kind"] == "missing" or self.alarm["rule"] == SHARED_ID:
            return "frames"
        return "curve" if self.alarm["site"] else ""

    @property
    def around(self) -> Window:
        """The stretch of time that is drawn."""
        start = self.alarm["started"] - BEFORE
        end = min((self.alarm["cleared"] or self.at) + AFTER, self.at, self.alarm["started"] + MOST)
        return Window(start, max(end, self.alarm["started"] + timedelta(minutes=1)))

    @property
    def lasted(self) -> timedelta:
        until: datetime = self.alarm["cleared"] or self.at
        return until - self.alarm["started"]


class Alarms:
    def __init__(self, pages: Pages) -> None:
        self._settings: Settings = pages.settings
        self._clock = pages.clock

    def board(self, filters: Filters) -> Board:
        at, zone = self._clock(), zone_of(self._settings)
        with _database(self._settings) as engine:
            found = alarm_lists.listed(engine, filters.wanted(zone, at), at, SHOWN + 1, filters.before)
        older = found[SHOWN - 1].alarm["alarm"] if len(found) > SHOWN else None
        return Board(at, zone, filters, found[:SHOWN], older)

    def sites(self) -> list[str]:
        with _database(self._settings) as engine:
            return alarm_lists.sites(engine)

    def one(self, number: int) -> Told:
        at, zone = self._clock(), zone_of(self._settings)
        with _database(self._settings) as engine:
            handled = alarm_lists.alarm(engine, number, at)
            return Told(at, zone, handled, alarm_lists.history(engine, handled), alarm_lists.folded(engine, number))

    def act(self, number: int, verb: Verb, who: str, comment: str, assignee: str, lasting: str) -> Told:
        """Do it, and tell how the alarm stands now and what came of it."""
        now = self._clock()
        try:
            until = now + length(lasting) if verb == "shelve" else None
            with _database(self._settings) as engine:
                act(engine, Action(number, now, who, verb, comment, assignee.strip() or None, until))
        except AlarmError as error:
            return replace(self.one(number), said=str(error), refused=True, typed=comment)
        return replace(self.one(number), said=f"{DONE[verb]}.")

    def chart(self, told: Told) -> Chart:
        """The readings around an alarm. Raises ServiceUnavailable."""
        from barograph.influx.around import readings

        alarm = told.alarm
        found = readings(self._settings, alarm["device"], alarm["metric"], told.around)
        return chart_of(alarm, told.handled.standing, found, told.around, told.zone)

    def frames(self, told: Told) -> Frames:
        """When each device came that is behind an alarm about silence. Raises ServiceUnavailable."""
        from barograph.influx.around import heard

        alarm, window = told.alarm, told.around
        with _database(self._settings) as engine:
            folded = alarm_lists.folded_devices(engine, alarm["alarm"])
        devices = devices_of(alarm, read_sites(self._settings.sites_folder), folded)
        metric = alarm["metric"] if alarm["metric"] not in (FRAMES, "identity") else None
        found = heard(self._settings, devices[:DRAWN], metric, window, step_of(window)) if devices else {}
        return frames_of(alarm, devices, found, window, told.zone)


DONE = {
    "acknowledge": "Acknowledged",
    "comment": "Noted",
    "assign": "Assigned",
    "shelve": "Shelved",
    "unshelve": "Taken off the shelf",
    "close": "Closed",
    "reopen": "Reopened",
}


class Unreadable(BarographError):
    """The database does not answer; the page says so."""


FiltersDep = Annotated[Filters, Query()]


def routes(pages: Pages) -> APIRouter:
    router = APIRouter()
    alarms = Alarms(pages)

    @router.get("/alarms", name="alarms")
    def show_alarms(request: Request, filters: FiltersDep) -> HTMLResponse:
        try:
            board, sites = alarms.board(filters), alarms.sites()
        except Unreadable as error:
            return pages.show(request, "alarms-unreadable.html", status=503, why=str(error))
        return pages.show(request, "alarms.html", board=board, sites=sites, severities=SEVERITIES, views=VIEWS)

    @router.get("/alarms/list", name="alarm_list")
    def show_list(request: Request, filters: FiltersDep) -> HTMLResponse:
        try:
            return pages.show(request, "alarm-list.html", board=alarms.board(filters))
        except Unreadable as error:
            return _problem(request, error)

    @router.get("/alarms/{number:int}", name="alarm")
    def show_alarm(request: Request, number: int) -> HTMLResponse:
        return _one(request, "alarm.html", number)

    @router.get("/alarms/{number:int}/now", name="alarm_now")
    def show_now(request: Request, number: int) -> HTMLResponse:
        return _one(request, "alarm-now.html", number)

    @router.get("/alarms/{number:int}/chart", name="alarm_chart")
    def show_chart(request: Request, number: int) -> HTMLResponse:
        try:
            told = alarms.one(number)
            if told.shows == "frames":
                return pages.show(request, "alarm-frames.html", frames=alarms.frames(told))
            return pages.show(request, "alarm-chart.html", chart=alarms.chart(told))
        except BarographError as error:
            return pages.show(request, "alarm-undrawn.html", why=str(error))

    @router.post("/alarms/{number:int}/{verb}", name="alarm_act", dependencies=[guard.OPERATE])
    def do(
        request: Request,
        visitor: guard.VisitorDep,
        number: int,
        verb: Verb,
        comment: Annotated[str, Form()] = "",
        assignee: Annotated[str, Form()] = "",
        lasting: Annotated[str, Form()] = "",
    ) -> HTMLResponse:
        try:
            told = alarms.act(number, verb, visitor.name, comment, assignee, lasting)
        except (AlarmError, Unreadable) as error:
            return _problem(request, error)
        status = 409 if told.refused else 200
        return pages.show(request, "alarm-whole.html", status=status, told=told, shelves=SHELVES)

    def _one(request: Request, template: str, number: int) -> HTMLResponse:
        try:
            return pages.show(request, template, told=alarms.one(number), shelves=SHELVES)
        except (AlarmError, Unreadable) as error:
            if template != "alarm.html":
                return _problem(request, error)
            return pages.show(request, "alarms-unreadable.html", status=_status(error), why=str(error))

    def _problem(request: Request, error: BarographError) -> HTMLResponse:
        """In place of a part; one that was only looked at tries again by itself."""
        again = address(request) if request.method == "GET" else ""
        return pages.show(request, "alarm-problem.html", status=_status(error), why=str(error), again=again)

    return router


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    """Raises Unreadable where it does not answer, whatever the reason."""
    from barograph.state.engine import connect

    try:
        yield connect(settings)
    except AlarmError:
        raise
    except (BarographError, SQLAlchemyError) as error:
        raise Unreadable(str(error).partition("\n")[0]) from error


def address(request: Request) -> str:
    """Where a request was sent to, from the root of the host."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _status(error: Exception) -> int:
    return 404 if isinstance(error, AlarmError) else 503
