"""Refine and load any window again: InfluxDB is a view, and this is how a piece of it is made anew."""

from __future__ import annotations

from barograph import registry
from barograph import spark as edge
from barograph.archive import Archive
from barograph.ingest.drain import WRITER
from barograph.ingest.refine import load, looked_at, places_of, refine
from barograph.settings import Settings
from barograph.state.engine import connect
from barograph.state.ledger import Ledger
from barograph.windows import Window


def refine_again(settings: Settings, window: Window) -> int:
    """Returns how many readings were loaded. Windows past their bucket's retention are left out."""
    newest = Ledger(connect(settings), WRITER).latest()
    if newest is None:
        return 0
    archive = Archive.of(settings)
    places = places_of(settings, registry.read_sites(settings.sites_folder))
    with (
        edge.session(settings, "history") as spark,
        refine(spark, archive, places, [window]) as (readings, windows),
    ):
        rows, uncounted = looked_at(readings, newest, places.summing)
        load(spark, settings, newest, [window], readings, windows, uncounted)
        return rows
