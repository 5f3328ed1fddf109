"""The registry: which devices stand where, what they measure, and how often. One validated folder per site.

A site's folder holds site.yaml (this), rules.yaml (barograph.rules.model) and formats/ (barograph.collector).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from barograph import documents
from barograph.documents import Strict as Strict
from barograph.errors import DocumentError
from barograph.points import Point as Point

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.:\-]{0,99}$")]
"""A name that people type: letters, digits, space and `_ . : -`."""

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]{0,49}$")]
"""A name that also stands in paths and addresses."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("is not a time zone. Use a name such as Europe/Berlin") from error
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
"""A time zone by its name: Europe/Berlin."""

UNREGISTERED = "unregistered"
"""The zone of a device that sends without being in the registry."""


Measure = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
"""On a site's plan, in whatever unit its author counts: metres, tiles, squares of paper."""


class Spot(Strict):
    """Where a device hangs on the plan, from its upper left corner."""

    x: Measure
    y: Measure


class Room(Spot):
    """A zone on the plan: a rectangle, and where its upper left corner lies."""

    width: Annotated[Measure, Field(gt=0)]
    height: Annotated[Measure, Field(gt=0)]

    def holds(self, spot: Spot) -> bool:
        return self.x <= spot.x <= self.x + self.width and self.y <= spot.y <= self.y + self.height


class Device(Strict):
    """One sensor board. `cadence` is the seconds between its frames."""

    device: Name
    name: str = ""
    zone: Slug
    kind: Slug = "sensor"
    cadence: float = Field(default=30.0, gt=0, le=86_400)
    points: dict[Name, Point] = {}
    spot: Spot | None = None
    """Unless said, it is drawn in a row with the others of its zone."""
    since: date | None = None
    until: date | None = None

    @property
    def label(self) -> str:
        return self.name or self.device


SCHEMES = {
    "usb": "usb:0403:6001 or usb:0403:6001:SERIAL, the adapter's ids, wherever it is plugged in",
    "usb-path": "usb-path:1-1.2, whatever is plugged into that socket",
    "by-id": "by-id:usb-FTDI_..., a name of /dev/serial/by-id",
    "socket": "socket://host:port, a converter on the network",
    "rfc2217": "rfc2217://host:port, the same with remote line settings",
    "sim": "sim://fridge?seed=7, a simulated device",
    "file": "file://recording.bin?pace=10x, a recording",
}


class Poll(Strict):
    """Requests to a line that only speaks when it is asked, several devices on one line one after the other."""

    request: str = Field(min_length=1, max_length=512)
    """Text with YAML escapes, or `hex:01 03 00 00 00 02 c4 0b`; `{address}` in it is each device's own."""
    devices: dict[Name, str] = Field(default={}, max_length=247)
    """Device -> address, as it stands in the request: `{cold-1: "01", cold-2: "02"}`. Empty: one request as it is."""
    every: float = Field(default=10.0, gt=0, le=86_400)
    """Seconds between two rounds."""
    timeout: float = Field(default=1.0, gt=0, le=60)
    """Seconds that an answer may take."""
    gap: float = Field(default=0.05, ge=0, le=60)
    """Seconds of rest between an answer and the next request."""
    checksum: Literal["crc16-modbus"] | None = None
    """What is added to each request."""

    @model_validator(mode="after")
    def _addressed(self) -> Poll:
        if bool(self.devices) != ("{address}" in self.request):
            raise ValueError("needs both `devices` and {address} in `request`, or neither")
        return self


class Port(Strict):
    """A serial port by URL, and the declared format of what comes out of it.

    A `url` without a scheme that is not absolute lies in the data folder: `run/ports/cold-wall`.
    """

    port: Slug
    url: str = Field(min_length=1)
    format: Slug
    baud: int = Field(default=9600, ge=50, le=4_000_000)
    bits: Literal[5, 6, 7, 8] = 8
    parity: Literal["none", "even", "odd", "mark", "space"] = "none"
    stop: float = 1
    """Stop bits: 1, 1.5 or 2."""
    flow: Literal["none", "rtscts", "dsrdtr", "xonxoff"] = "none"
    exclusive: bool = True
    """Nobody else may open it."""
    dtr: bool | None = None
    """The line at opening; null: up, as drivers do it. Some boards start anew when it rises."""
    rts: bool | None = None
    poll: Poll | None = None
    """For lines that only speak when they are asked."""
    silence: Literal["log", "reopen", "toggle_dtr"] = "log"
    """What to do when the whole port is silent, beside saying so."""
    device: Name | None = None
    """The device of a port on which the frames do not say who sent them."""
    max_line: int = Field(default=4096, ge=16, le=2_000_000)
    """The longest line in bytes; what is longer is rejected as `too_long`."""
    max_skew: float | None = Field(default=86_400.0, gt=0)
    """Seconds that a device's own clock may differ from ours; null trusts any clock (replay of old recordings)."""

    @field_validator("stop")
    @classmethod
    def _known_stop(cls, bits: float) -> float:
        if bits not in (1, 1.5, 2):
            raise ValueError("must be 1, 1.5 or 2")
        return bits

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        scheme = url.split(":", 1)[0]
        if url.startswith("/") or ":" not in url:
            return url
        if scheme not in SCHEMES:
            raise ValueError(f"no port begins with `{scheme}:`. There are /dev/..., {'; '.join(SCHEMES.values())}")
        if scheme == "usb" and not re.fullmatch(r"usb:[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}(:.+)?", url):
            raise ValueError("must be usb:VID:PID or usb:VID:PID:SERIAL with four hexadecimal digits each")
        if scheme == "sim" and not url.startswith("sim://"):
            raise ValueError("must be sim://, then what is simulated: sim://fridge?seed=7")
        return url

    @property
    def bits_per_byte(self) -> float:
        """On the wire: a start bit, the data, parity, and the stop bits."""
        return 1.0 + self.bits + int(self.parity != "none") + self.stop


class Site(Strict):
    """One shop, plant or house."""

    site: Slug
    name: str
    timezone: Zone = "UTC"
    plan: dict[Slug, Room] = Field(default={}, max_length=500)
    """Zone -> its room on the page Now. Zones without one are drawn beneath."""
    devices: list[Device] = []
    ports: list[Port] = []

    @model_validator(mode="after")
    def _unique(self) -> Site:
        for kind, names in (
            ("device", [device.device for device in self.devices]),
            ("port", [port.port for port in self.ports]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{kind} {', '.join(sorted(twice))} is registered twice")
        return self

    @model_validator(mode="after")
    def _calibrated_in_order(self) -> Site:
        """Only here is it known when a local day begins."""
        zone = ZoneInfo(self.timezone)
        for device in self.devices:
            for metric, point in device.points.items():
                for before, after in pairwise(point.calibration):
                    if before.moment(zone) >= after.moment(zone):
                        raise ValueError(
                            f"{device.device}, {metric}: the calibration since {after.since} must be later than the "
                            f"one before it, since {before.since}"
                        )
        return self

    @model_validator(mode="after")
    def _on_the_plan(self) -> Site:
        """What rooms and spots say about each other, each mistake at its own field."""
        mistakes = [
            InitErrorDetails(type=PydanticCustomError("plan", "{why}", {"why": why}), loc=place, input={})
            for place, why in _misplaced(self)
        ]
        if mistakes:
            raise ValidationError.from_exception_data("Site", mistakes)
        return self

    def device(self, name: str) -> Device | None:
        return next((device for device in self.devices if device.device == name), None)

    def point(self, device: str, metric: str) -> Point:
        found = self.device(device)
        return found.points.get(metric, Point()) if found else Point()


def _misplaced(site: Site) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """(field, what is wrong there). A room without devices is none: it may be the way between two that have some."""
    zones = {device.zone for device in site.devices}
    for zone in sorted(site.plan.keys() - zones):
        meant = difflib.get_close_matches(zone, sorted(zones - site.plan.keys()), n=1)
        if meant:
            yield ("plan", zone), f"no device is in this zone. Did you mean `{meant[0]}`?"
    for number, device in enumerate(site.devices):
        room = site.plan.get(device.zone)
        if device.spot and room is None:
            yield ("devices", number, "spot"), f"is nowhere: `plan` has no room for zone {device.zone}. Add one there."
        elif device.spot and room and not room.holds(device.spot):
            across = f"x from {room.x:g} to {room.x + room.width:g}"
            down = f"y from {room.y:g} to {room.y + room.height:g}"
            yield ("devices", number, "spot"), f"is outside of its zone {device.zone}, which has {across} and {down}."


def read_site(folder: Path) -> Site:
    """Read and check `folder`/site.yaml. Raises DocumentError."""
    return documents.read(folder / "site.yaml", Site)


def read_sites(folder: Path) -> list[Site]:
    """All sites below `folder`, sorted by name. Raises DocumentError, also where two sites claim one device."""
    folders = sorted(path.parent for path in folder.glob("*/site.yaml"))
    if not folders:
        raise DocumentError(
            f"{folder}: no site here. Make a folder with a site.yaml in it; include/sites/demo is an example."
        )
    sites = [read_site(path) for path in folders]
    owner: dict[str, str] = {}
    for path, site in zip(folders, sites, strict=True):
        for device in site.devices:
            if device.device in owner:
                raise DocumentError(
                    f"{path / 'site.yaml'}: device {device.device} already belongs to site {owner[device.device]}. "
                    "A device is at one site: rename one of them."
                )
            owner[device.device] = site.site
    return sites


def choose_site(folder: Path, name: str | None) -> Site:
    """The named site, or the only one. Raises DocumentError."""
    sites = read_sites(folder)
    chosen = [site for site in sites if name in (None, site.site)]
    if len(chosen) != 1:
        raise DocumentError(
            f"{f'No site {name}' if name else 'Which site?'} Choose one of: {', '.join(site.site for site in sites)}."
        )
    return chosen[0]
