"""The rules that a batch is judged by: those of the sites' files, or the last good ones where a file has mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Engine

from barograph.errors import DocumentError
from barograph.registry import Site
from barograph.rules.book import FILE, Rules
from barograph.rules.checking import in_force_instead, read_checked
from barograph.rules.watches import Watches
from barograph.settings import Settings
from barograph.state import books
from barograph.state.ledger import first_horizon
from barograph.windows import microseconds

log = structlog.get_logger()


def watches(settings: Settings, engine: Engine, sites: Sequence[Site], horizon: datetime) -> Watches:
    """The rules in force, ready to judge. A good file is kept in SQL, for the day when the next one is not good."""
    rules = {site.site: in_force(settings.sites_folder / site.site / FILE, site, engine, horizon) for site in sites}
    began = first_horizon(engine)
    return Watches(
        sites,
        rules,
        settings.default_site or sites[0].site,
        settings.ingest.default_cadence,
        None if began is None else microseconds(began),
    )


def in_force(path: Path, site: Site, engine: Engine, horizon: datetime) -> Rules:
    try:
        rules, text = read_checked(path, site)
    except DocumentError as error:
        last = books.newest(engine, site.site)
        instead, name = in_force_instead(path, last and last.text)
        log.error("bad_rules", site=site.site, mistakes=str(error).splitlines(), in_force=name)
        return instead
    books.keep(engine, site.site, text, horizon)
    return rules
