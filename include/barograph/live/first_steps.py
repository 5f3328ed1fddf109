"""What a newcomer does after the demo: connect a sensor, describe the site, set rules, choose who is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from barograph.settings import CHECKOUT, Settings

DEMO = CHECKOUT / "include" / "sites" / "demo"
"""What is as it was shipped is not yet somebody's own."""


@dataclass(frozen=True)
class Step:
    name: str
    done: str
    """What shows that it is done: a file, a device; empty where it is not."""


def first_steps(settings: Settings, heard: Iterable[str], known: Iterable[str]) -> list[Step]:
    """`heard` are devices that spoke lately, `known` those of sites as they were shipped."""
    strangers = sorted(set(heard) - set(known))
    return [
        Step("sensor", ", ".join(strangers[:3])),
        *(Step(name, _own(settings.sites_folder, file)) for name, file in FILES.items()),
    ]


FILES = {"site": "site.yaml", "rules": "rules.yaml", "contacts": "contacts.yaml"}


def shipped(folder: Path) -> bool:
    """Whether a site's folder is described as the demo is."""
    return _same(folder / "site.yaml", DEMO / "site.yaml")


def all_done(steps: Sequence[Step]) -> bool:
    return all(step.done for step in steps)


def _own(sites: Path, file: str) -> str:
    """The first file of that name that somebody wrote."""
    own = [path for path in sorted(sites.glob(f"*/{file}")) if not _same(path, DEMO / file)]
    return str(own[0].relative_to(sites.parent)) if own else ""


def _same(path: Path, other: Path) -> bool:
    try:
        return path.read_bytes() == other.read_bytes()
    except OSError:
        return False
