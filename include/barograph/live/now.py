"""How every measuring point is now: its last reading, its last hours, and whether an alarm is open there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Engine, select

from barograph import registry
from barograph.errors import BarographError
from barograph.metrics import METRICS, Metric, metric
from barograph.readings import FAIL, SUSPECT
from barograph.registry import UNREGISTERED, Device, Site
from barograph.settings import Settings
from barograph.state.tables import alarms
from barograph.windows import EPOCH, Window

if TYPE_CHECKING:
    from barograph.influx.series import Newest

REACH = timedelta(days=7)
"""What was silent for longer is shown as never heard."""
COURSE = timedelta(hours=6)
STEP = timedelta(minutes=7, seconds=30)
"""Of the small course beside each value: 48 means."""

State = Literal["alarm", "bad", "silent", "doubt", "fine"]
STATES: tuple[State, ...] = ("alarm", "bad", "silent", "doubt", "fine")
"""Worst first."""

RANK = {known.name: place for place, known in enumerate(METRICS)}

Course = tuple[float | None, ...]


@dataclass(frozen=True)
class OpenAlarm:
    severity: str
    message: str
    since: datetime


@dataclass(frozen=True)
class Place:
    """One measuring point. Names are outside text."""

    site: str
    zone: str
    device: str
    label: str
    metric: Metric
    value: float | None
    """None where the last reading was measured badly, or where none is known."""
    flag: int
    time: datetime | None
    """Of the last reading; None: none in the last week."""
    low: float | None
    high: float | None
    course: Course
    alarm: OpenAlarm | None
    state: State

    @property
    def key(self) -> tuple[str, str, str]:
        return self.site, self.device, self.metric.name


@dataclass(frozen=True)
class Snapshot:
    """All measuring points, by site, zone and name."""

    at: datetime
    places: tuple[Place, ...]
    names: Mapping[str, str]
    """Site -> what people call it."""
    timezone: str

    @property
    def states(self) -> Counter[State]:
        return Counter(place.state for place in self.places)

    @property
    def newest(self) -> datetime | None:
        return max((place.time for place in self.places if place.time), default=None)


def look(settings: Settings, engine: Engine, sites: Sequence[Site], at: datetime) -> Snapshot:
    """Ask InfluxDB and SQL once for everything. Raises ServiceUnavailable, SQLAlchemyError."""
    from barograph.influx import series

    end = EPOCH + ((at - EPOCH) // STEP + 1) * STEP
    newest = series.newest(settings, Window(at - REACH, at + timedelta(seconds=settings.ingest.max_ahead)))
    means = series.means(settings, Window(end - COURSE, end), STEP)
    courses = {key: tuple(None if mean != mean else float(mean) for mean in course) for key, course in means.items()}
    return joined(settings, sites, newest, courses, open_alarms(engine), at)


def joined(
    settings: Settings,
    sites: Sequence[Site],
    newest: Mapping[tuple[str, str], Newest],
    courses: Mapping[tuple[str, str], Course],
    opened: Mapping[tuple[str, str], OpenAlarm],
    at: datetime,
) -> Snapshot:
    """Every point that the registry knows or that was heard, each once."""
    known = {device.device: (site, device) for site in sites for device in site.devices}
    registered = {(name, point) for name, (_, device) in known.items() for point in device.points}
    found = []
    for device, name in registered | set(newest):
        last = newest.get((device, name))
        site, told = known.get(device, (None, None))
        point = told.points.get(name) if told else None
        value, time, flag = (last.value, last.time, last.flag) if last else (None, None, 0)
        alarm = opened.get((device, name))
        found.append(
            Place(
                site=site.site if site else last.site if last else "",
                zone=told.zone if told else last.zone if last else UNREGISTERED,
                device=device,
                label=told.label if told else device,
                metric=metric(name),
                value=value,
                flag=flag,
                time=time,
                low=point.low if point else None,
                high=point.high if point else None,
                course=courses.get((device, name), ()),
                alarm=alarm,
                state=_state(value, flag, time, alarm, at - patience(settings, told)),
            )
        )
    found.sort(key=_order)
    timezone = settings.reports.timezone or (sites[0].timezone if sites else "UTC")
    return Snapshot(at, tuple(found), {site.site: site.name for site in sites}, timezone)


def _order(place: Place) -> tuple[object, ...]:
    """By site, zone and name; what a device measures, as metrics.py has it: the temperature first."""
    name = place.metric.name
    return place.site, place.zone, place.label.casefold(), place.device, RANK.get(name, len(RANK)), name


def patience(settings: Settings, device: Device | None) -> timedelta:
    """After so long without a reading a device counts as silent: five of its own beats, and two runs of `ingest`."""
    cadence = device.cadence if device else settings.ingest.default_cadence
    return timedelta(seconds=5 * cadence + 2 * settings.ingest.interval)


def _state(value: float | None, flag: int, time: datetime | None, alarm: OpenAlarm | None, least: datetime) -> State:
    if alarm:
        return "alarm"
    if time is None or time < least:
        return "silent"
    if value is None or flag == FAIL:
        return "bad"
    return "doubt" if flag == SUSPECT else "fine"


def open_alarms(engine: Engine) -> dict[tuple[str, str], OpenAlarm]:
    """The worst open alarm of each measuring point."""
    wanted = select(alarms).where(alarms.c.state == "open").order_by(alarms.c.opened)
    order = {"critical": 0, "major": 1, "minor": 2, "warning": 3}
    found: dict[tuple[str, str], OpenAlarm] = {}
    with engine.connect() as connection:
        for row in connection.execute(wanted):
            key, before = (row.device, row.metric), found.get((row.device, row.metric))
            if before is None or order.get(row.severity, 9) < order.get(before.severity, 9):
                found[key] = OpenAlarm(row.severity, row.message or row.rule, row.started)
    return found


class Sites:
    """The registry as it is on the disk; read again only when a file has changed: a thousand devices take seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: tuple[tuple[tuple[Path, int], ...], list[Site]] = ((), [])

    def now(self) -> list[Site]:
        """Raises DocumentError."""
        state = tuple((path, path.stat().st_mtime_ns) for path in sorted(self._folder.glob("*/site.yaml")))
        if state != self._read[0] or not state:
            self._read = state, registry.read_sites(self._folder)
        return self._read[1]

    def known(self) -> list[Site]:
        """As it was when it could last be read: a slip of the pen in a file takes no page away."""
        try:
            return self.now()
        except BarographError:
            return self._read[1]


def by_zone(places: Iterable[Place]) -> dict[tuple[str, str], list[Place]]:
    """(site, zone) -> its places, in their order."""
    zones: dict[tuple[str, str], list[Place]] = {}
    for place in places:
        zones.setdefault((place.site, place.zone), []).append(place)
    return zones
