"""Sites, rules and formats, read together: each file for itself, and what they say about each other.

A mistake is what would not work. A note is what works and is probably not meant: it fails nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from barograph import documents
from barograph.collector.decoding import decoder
from barograph.collector.formats import Format, read_format_file, shipped
from barograph.collector.formats.walking import devices, metrics
from barograph.collector.polling import requests
from barograph.documents import Document, Place
from barograph.errors import BarographError, DocumentError
from barograph.metrics import BY_NAME, known
from barograph.registry import Device, Port, Site
from barograph.rules import checking
from barograph.rules.checking import near, outside, valid


@dataclass
class Findings:
    """A line each: file:line: field: what, and what to try."""

    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)

    def add(self, error: BarographError) -> None:
        self.mistakes += [line for line in str(error).splitlines() if line not in self.mistakes]


def check(folder: Path) -> Findings:
    """All that is wrong in one site's folder, or in a folder of sites. Raises DocumentError where there is no site."""
    found = Findings()
    folders = [folder] if (folder / "site.yaml").exists() else sorted(p.parent for p in folder.glob("*/site.yaml"))
    if not folders:
        raise DocumentError(
            f"{folder}: no site here. Make a folder with a site.yaml in it; include/sites/demo is an example."
        )
    owners: dict[str, Path] = {}
    ports: dict[str, Path] = {}
    for one in folders:
        _Site(one, found).check(owners, ports)
    return found


class _Site:
    """One site's folder."""

    def __init__(self, folder: Path, found: Findings) -> None:
        self._folder = folder
        self._found = found
        self._formats = self._read_formats()
        self._site = self._read_site()

    def check(self, owners: dict[str, Path], ports: dict[str, Path]) -> None:
        """`owners` and `ports` are those of the sites before this one."""
        if self._site is None:
            self._check_rules(None)
            return
        document, site = self._site
        self._found.sites.append(site)
        for place, device in enumerate(site.devices):
            self._device(document, ("devices", place), device)
            self._once(document, ("devices", place, "device"), f"device {device.device}", device.device, owners)
        for place, port in enumerate(site.ports):
            self._port(document, ("ports", place), port, site)
            self._once(document, ("ports", place, "port"), f"port {port.port}", port.port, ports)
        self._never_said(document, site)
        self._unused(site)
        self._check_rules(site)

    # Each file for itself

    def _read_site(self) -> tuple[Document, Site] | None:
        try:
            document = documents.load(self._folder / "site.yaml")
            return document, documents.validated(document, Site)
        except DocumentError as error:
            self._found.add(error)
            return None

    def _read_formats(self) -> dict[str, Format | None]:
        """None is one that has mistakes."""
        formats: dict[str, Format | None] = {}
        for path in sorted((self._folder / "formats").glob("*.yaml")):
            formats[path.stem] = None
            try:
                formats[path.stem] = declared = read_format_file(path)
                decoder(declared)
                self._unknown_metrics(documents.load(path), metrics(declared))
            except DocumentError as error:
                self._found.add(error)
        return formats

    def _check_rules(self, site: Site | None) -> None:
        path = self._folder / "rules.yaml"
        if path.exists():
            try:
                _, listing = checking.looked_through(documents.load(path), site, self._measured())
            except DocumentError as error:
                self._found.add(error)
            else:
                self._found.mistakes += listing.mistakes
                self._found.notes += listing.notes

    def _measured(self) -> set[str]:
        """The metrics of all formats of the site."""
        return {name for declared in self._formats.values() if declared is not None for name in metrics(declared)}

    # What they say about each other

    def _port(self, document: Document, place: Place, port: Port, site: Site) -> None:
        declared = self._format_of(document, place, port)
        if port.poll is not None:
            try:
                requests(port.poll)
            except ValueError as error:
                self._mistake(document, (*place, "poll", "request"), str(error))
        spoken = [port.device] if port.device else list(port.poll.devices) if port.poll else []
        if declared is not None and not spoken and not devices(declared, None):
            self._mistake(
                document,
                (*place, "device"),
                f"the frames of format {port.format} do not say who sends them. Give the port a `device`"
                f"{', or its poll `devices`' if port.poll else ''}.",
            )
        for name in spoken:
            if site.device(name) is None:
                like = near(name, [device.device for device in site.devices])
                where = (*place, "device") if port.device else (*place, "poll", "devices", name)
                self._note(document, where, f"{name} is not registered under `devices`: nothing watches it.{like}")

    def _format_of(self, document: Document, place: Place, port: Port) -> Format | None:
        if port.format in self._formats:
            return self._formats[port.format]
        if port.format in shipped():
            try:
                return read_format_file(shipped()[port.format])
            except DocumentError as error:
                self._found.add(error)
                return None
        like = near(port.format, [*self._formats, *shipped()])
        self._mistake(
            document,
            (*place, "format"),
            f"there is no format {port.format}, neither in {self._folder / 'formats'} nor among those that come "
            f"with us.{like} `barograph decode --list` shows ours; `barograph sniff` makes a first one.",
        )
        return None

    def _device(self, document: Document, place: Place, device: Device) -> None:
        for name, point in device.points.items():
            where = (*place, "points", name)
            self._unknown_metric(document, where, name)
            low, high = valid(name, point)
            if low > high:
                self._mistake(document, where, f"valid_min ({low:g}) must be below valid_max ({high:g}).")
                continue
            for limit in ("low", "high"):
                value = getattr(point, limit)
                if value is not None and not low <= value <= high:
                    self._mistake(
                        document, (*where, limit), outside(value, name, low, high, "Or give valid_min and valid_max.")
                    )

    def _never_said(self, document: Document, site: Site) -> None:
        """Devices whose name no port can say: a slip of the pen, or they send to Kafka themselves."""
        if not site.ports:
            return
        said = []
        for port in site.ports:
            declared = self._formats.get(port.format) or self._shipped(port.format)
            spoken = [port.device] if port.device else list(port.poll.devices) if port.poll else [None]
            for name in spoken:
                if declared is None:
                    return  # Whatever that one says: its mistake is told already.
                said += devices(declared, name)
        for place, device in enumerate(site.devices):
            if not any(pattern.fullmatch(device.device) for pattern in said):
                names = [port.device for port in site.ports if port.device]
                names += [name for port in site.ports if port.poll for name in port.poll.devices]
                self._note(
                    document,
                    ("devices", place, "device"),
                    f"no port of this site can say {device.device}: it will be silent, unless it sends to Kafka by "
                    f"itself.{near(device.device, names)}",
                )

    def _shipped(self, name: str) -> Format | None:
        return read_format_file(shipped()[name]) if name in shipped() and name not in self._formats else None

    def _unused(self, site: Site) -> None:
        used = {port.format for port in site.ports}
        for name in self._formats.keys() - used:
            path = self._folder / "formats" / f"{name}.yaml"
            self._found.notes.append(f"{path}:1: (whole file): no port of site {site.site} uses it.")

    def _unknown_metrics(self, document: Document, names: Iterable[str]) -> None:
        for name in names:
            self._unknown_metric(document, _where(document, name), name)

    def _unknown_metric(self, document: Document, place: Place, name: str) -> None:
        if known(name.replace("{n}", "1")) is None:
            self._note(
                document,
                place,
                f"{name} is not among the known metrics (barograph/metrics.py): without unit, range and label."
                f"{near(name, list(BY_NAME))}",
            )

    def _once(self, document: Document, place: Place, what: str, name: str, seen: dict[str, Path]) -> None:
        if name in seen and seen[name] != document.path:
            self._mistake(document, place, f"{what} is also in {seen[name]}. Rename one of them.")
        seen.setdefault(name, document.path)

    def _mistake(self, document: Document, place: Place, message: str) -> None:
        self._found.mistakes.append(document.problem(place, message))

    def _note(self, document: Document, place: Place, message: str) -> None:
        self._found.notes.append(document.problem(place, message))


def _where(document: Document, name: str) -> Place:
    """Where a metric is named in a format."""
    found = [place for place in document.lines if _at(document, place) == name]
    return next((place for place in found if place[-1:] == ("metric",)), found[0] if found else ())


def _at(document: Document, place: Place) -> object:
    here = document.data
    for step in place:
        if isinstance(here, dict):
            here = next((each for key, each in here.items() if str(key) == str(step)), None)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            return None
    return here
