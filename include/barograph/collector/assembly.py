"""The lines that the files of the sites ask for: at the start, and again when they were edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from barograph.collector.formats import read_format
from barograph.collector.line import Line, Numbers
from barograph.collector.polling import requests
from barograph.collector.publisher import Topics
from barograph.collector.simulation.live import check_port
from barograph.errors import DocumentError
from barograph.registry import Port, Site, read_sites
from barograph.settings import Settings


@dataclass(frozen=True)
class Assembly:
    lines: list[Line]
    cadences: Mapping[str, float]
    """Of all registered devices, in seconds."""
    sites: Sequence[Site] = ()


def assembled(settings: Settings, name: str | None, boot: str, topics: Topics, numbers: Numbers) -> Assembly:
    """A line for each port of a site, or of all. Raises DocumentError for whatever is wrong in their files."""
    folders = sorted(path.parent for path in settings.sites_folder.glob("*/site.yaml"))
    sites = read_sites(settings.sites_folder)
    chosen = [(folder, site) for folder, site in zip(folders, sites, strict=True) if name in (None, site.site)]
    if not chosen:
        raise DocumentError(f"There is no site {name}. Sites here: {', '.join(site.site for site in sites)}.")
    lines: list[Line] = []
    for folder, site in chosen:
        for port in site.ports:
            if any(line.port.port == port.port for line in lines):
                raise DocumentError(f"Two sites have a port {port.port}: rename one, or collect one site alone.")
            _check_poll(folder, port)
            declared = read_format(folder, port.format)
            if port.url.startswith("sim:"):
                check_port(port, declared, folder)
            lines.append(Line(port, declared, boot, topics, numbers))
    if not lines:
        raise DocumentError(f"No site in {settings.sites_folder} has a port. Add `ports:` to a site.yaml.")
    cadences = {device.device: device.cadence for _, site in chosen for device in site.devices}
    numbers.register(frozenset(cadences))
    return Assembly(lines, cadences, [site for _, site in chosen])


def _check_poll(folder: Path, port: Port) -> None:
    """Raises DocumentError for requests that cannot be said."""
    try:
        requests(port.poll) if port.poll else []
    except ValueError as error:
        raise DocumentError(f"{folder / 'site.yaml'}: poll of port {port.port}: its request {error}") from error
