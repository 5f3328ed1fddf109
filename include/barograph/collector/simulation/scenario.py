"""A scenario: devices behind ports, how fast they live, and what goes wrong with them when. See docs/simulator.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from barograph import documents
from barograph.collector.formats import Format, read_format
from barograph.collector.simulation.climate import CABINETS
from barograph.collector.simulation.faults import FAULTS, Fault, Seconds, Some, Spells
from barograph.errors import DocumentError
from barograph.registry import Name, Poll, Port, Slug, Strict, Zone
from barograph.windows import utc

Kind = Literal["fridge", "freezer", "room", "outdoor", "dock", "counter", "any"]

KINDS: dict[str, tuple[str, ...]] = {
    "fridge": ("temperature", "humidity", "door"),
    "freezer": ("temperature", "door"),
    "room": ("temperature", "humidity", "light", "co2"),
    "outdoor": ("temperature", "humidity", "pressure", "light"),
    "dock": ("temperature", "humidity", "door", "voltage"),
    "counter": ("count",),
    "any": (),
}
"""What each kind measures, as far as its format can say it; `any` says all that its format can."""

ABOUT = {
    "fridge": "4 °C, swinging with its compressor, opened by customers in opening hours",
    "freezer": "-19.5 °C, with a defrost every eight hours",
    "room": "warm and busy by day; its `zone` (sales, storage, office, kitchen) makes it another one",
    "outdoor": "seasons, days and weather",
    "dock": "nearly outdoors, with a door and a battery",
    "counter": "0, 1, 2 ... 999 and again: a frame that is lost shows",
    "any": "whatever its format can say, as slow waves",
}


def _pace(given: object) -> object:
    """`60x`, or 60."""
    return given.strip().removesuffix("x") if isinstance(given, str) else given


def _moment(given: object) -> object:
    if isinstance(given, str | datetime):
        try:
            return utc(str(given))
        except ValueError as error:
            raise ValueError("must be a time such as 2026-11-22T08:00:00Z") from error
    return given


Speed = Annotated[float, BeforeValidator(_pace), Field(gt=0, le=1e6, allow_inf_nan=False)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class Playback(Strict):
    """A CSV file with a header, said row by row: a column of times, and one of values for each metric."""

    file: str = Field(min_length=1)
    """Beside the scenario, unless absolute."""
    time: str = ""
    """The column of times, ISO 8601 or seconds since 1970; the first one unless said."""
    zone: Zone = "UTC"
    """Of times without an offset."""
    values: dict[str, Name] = {}
    """Column -> metric; unless said, each column is a metric of its name."""
    units: dict[str, str] = {}
    """Column -> its unit, such as degF, to be converted into that of the metric."""
    every: Some | None = None
    """Seconds between two rows; unless said, those that lie between their times."""


class Breakdown(Strict):
    """Its compressor stands still for a while: it is warm, and says so. Nothing is wrong with the sensor."""

    at: Seconds
    """Since the scenario's start."""
    length: Some = Field(alias="for")
    tau: Some = 3000.0
    """After so long it is two thirds of the way to the warmth of the room."""


class Simulated(Strict):
    device: Name
    port: Slug | None = None
    """May be left out where there is one port."""
    kind: Kind | None = None
    csv: Playback | None = None
    cadence: Some = 1.0
    zone: Slug = "sales"
    metrics: list[Name] = Field(default=[], max_length=1000)
    """Instead of those of its kind."""
    fails: list[Breakdown] = []
    """When a fridge or a freezer does not cool."""

    @model_validator(mode="after")
    def _one_source(self) -> Simulated:
        if (self.kind is None) == (self.csv is None):
            raise ValueError(f"needs a `kind` ({', '.join(KINDS)}) or a `csv`")
        if self.fails and self.kind not in CABINETS:
            raise ValueError(f"`fails` is of a {' or a '.join(CABINETS)}")
        return self


class Outlet(Strict):
    """A simulated port, in the words of site.yaml."""

    port: Slug
    format: Slug
    url: str = ""
    """The name of its pty: a path, in the data folder unless absolute; run/ports/<port> unless said."""
    baud: int = Field(default=9600, ge=50, le=4_000_000)
    device: Name | None = None
    poll: Poll | None = None
    """Who asks here, and how: then its devices speak when they are asked."""

    @model_validator(mode="after")
    def _a_path(self) -> Outlet:
        if "://" in self.url:
            raise ValueError("`url` of a simulated port must be a path: there it will be found by other programs")
        return self

    @property
    def as_port(self) -> Port:
        url = self.url or f"run/ports/{self.port}"
        return Port(
            port=self.port, url=url, format=self.format, baud=self.baud, device=self.device, poll=self.poll
        )  # fmt: skip


class Scenario(Strict):
    about: str = Field(default="", max_length=1000)
    seed: int = 7
    start: Moment | None = None
    """What time it is when it begins; now unless said. Device clocks and the weather follow it."""
    speed: Speed = 1.0
    length: Some | None = None
    """Until it is stopped, unless said."""
    timezone: Zone = "UTC"
    """Of the opening hours."""
    ports: list[Outlet] = Field(min_length=1)
    devices: list[Simulated] = Field(min_length=1)
    faults: list[Fault] = []


@dataclass(frozen=True)
class Prepared:
    """A scenario with the formats of its ports."""

    scenario: Scenario
    formats: dict[str, Format]
    """By port."""
    folder: Path
    """Where its files are."""

    def outlet(self, device: Simulated) -> Outlet:
        wanted = device.port or self.scenario.ports[0].port
        return next(outlet for outlet in self.scenario.ports if outlet.port == wanted)


def read_scenario(path: Path) -> Prepared:
    """Read and check; its formats are in `formats/` beside it, or shipped. Raises DocumentError."""
    document = documents.load(path)
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        placed = cast(ValidationError, _Placed(error))
        raise DocumentError("\n".join(documents.describe(document, Scenario, placed))) from error
    problems = [document.problem(place, message) for place, message in _misfits(scenario)]
    if problems:
        raise DocumentError("\n".join(problems))
    formats = {outlet.port: read_format(path.parent, outlet.format) for outlet in scenario.ports}
    return Prepared(scenario, formats, path.parent)


def changed(prepared: Prepared, what: str, **changes: Any) -> Prepared:
    """The same with other settings, in the words of the file. Raises DocumentError; `what` names it there."""
    told = prepared.scenario.model_dump(mode="python", by_alias=True, exclude_none=True)
    try:
        return replace(prepared, scenario=Scenario.model_validate({**told, **changes}))
    except ValidationError as error:
        found = error.errors()[0]
        message = found["msg"].removeprefix("Value error, ")
        raise DocumentError(
            f"{what}: {found['loc'][0]}: {message} (found {found.get('input')!r})."
        ) from error  # fmt: skip


def _misfits(scenario: Scenario) -> Iterator[tuple[documents.Place, str]]:
    """What is right by itself and does not go together."""
    ports = [outlet.port for outlet in scenario.ports]
    devices = [device.device for device in scenario.devices]
    for what, names in (("ports", ports), ("devices", devices)):
        for number, name in enumerate(names):
            if name in names[:number]:
                yield (what, number), f"{name} is here twice."
    for number, device in enumerate(scenario.devices):
        if device.port is None and len(ports) > 1:
            yield ("devices", number), f"needs a `port`: one of {', '.join(ports)}."
        elif device.port is not None and device.port not in ports:
            yield ("devices", number, "port"), f"there is no port {device.port}. Ports here: {', '.join(ports)}."
    for number, fault in enumerate(scenario.faults):
        told: Spells = fault
        for what, wanted, known in (("device", told.device, devices), ("port", told.port, ports)):
            if wanted is not None and wanted not in known:
                yield ("faults", number, what), f"there is no {what} {wanted}. Here are: {', '.join(known)}."


class _Placed:
    """Pydantic's errors at the places of the file: without the kind of a fault, which it puts into the path."""

    def __init__(self, error: ValidationError) -> None:
        self._error = error

    def errors(self) -> list[dict[str, Any]]:
        return [{**found, "loc": tuple(self._place(found["loc"]))} for found in self._error.errors()]

    def _place(self, loc: tuple[int | str, ...]) -> Iterator[int | str]:
        for place, step in enumerate(loc):
            if not (place == 2 and loc[0] == "faults" and step in FAULTS):
                yield step


__all__ = ["ABOUT", "KINDS", "Outlet", "Playback", "Prepared", "Scenario", "Seconds", "Simulated", "read_scenario"]
