"""Airflow's pools: how many tasks of a kind run at a time. A task whose pool is not there would wait for ever."""

from __future__ import annotations

from sqlalchemy import create_engine, text

from barograph.settings import Settings
from barograph.stack.databases import url

HISTORY = "history"
"""Of what works on days that are over. Airflow runs four tasks at a time here: two are always free for `ingest`."""

POOLS = {HISTORY: (2, "Settling, reports, maintenance: a backfill never takes the place of ingest.")}
"""Name -> slots and what it is for."""


def make_pools(settings: Settings) -> list[str]:
    """Make the pools that are missing; one that somebody has changed stays as it is. Returns what was changed."""
    entered = text(
        "insert into slot_pool (pool, slots, description, include_deferred) values (:pool, :slots, :what, false)"
        " on conflict (pool) do nothing"
    )
    engine = create_engine(url(settings, "airflow", "postgres_airflow"))
    try:
        with engine.begin() as connection:
            rows = [{"pool": name, "slots": slots, "what": what} for name, (slots, what) in POOLS.items()]
            return [f"pool {row['pool']}" for row in rows if connection.execute(entered, row).rowcount]
    finally:
        engine.dispose()
