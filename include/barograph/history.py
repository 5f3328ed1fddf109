"""What the record holds, day by day: for rebuilding what was made from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from barograph import registry
from barograph.archive import Archive
from barograph.registry import Site
from barograph.settings import Settings
from barograph.windows import Window


def days_of_record(settings: Settings) -> Iterator[tuple[Site, date]]:
    """Every (site, local day) that a UTC day of the record touches, oldest first."""
    days = Archive.of(settings).days()
    for site in registry.read_sites(settings.sites_folder):
        local = {here for day in days for here in Window.local_day(day, "UTC").local_days(site.timezone)}
        for day in sorted(local):
            yield site, day
