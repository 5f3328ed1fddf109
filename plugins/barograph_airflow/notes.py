"""The headline that stands beside a run in Airflow's lists: what came out, without opening anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from barograph.errors import BarographError
from barograph.settings import Settings
from barograph.stack.airflow_api import Airflow

Facts = Mapping[str, Any]

ASKED = "Asked for"
"""How a note begins that says who started the run: it stays, below the headline."""
LONGEST = 900
"""Airflow takes a thousand characters."""
PATIENCE = 5.0

log = structlog.get_logger()


def _ingest(facts: Facts) -> str:
    """Every minute has a run: only what is out of the ordinary is a headline."""
    odd = [f"{facts[name]:,} {name}" for name in ("rejected", "duplicate") if facts.get(name)]
    return f"{facts['read']:,} read, {', '.join(odd)}" if odd else ""


def _report(facts: Facts) -> str:
    changed = f"revision {facts['revision']}" if facts["changed"] else "nothing new"
    return f"{facts['site']}, {facts['key']}: {facts['headline']} ({changed})"


HEADLINES: dict[str, Callable[[Facts], str]] = {
    "ingest": _ingest,
    "report": _report,
    "backup": lambda facts: f"Snapshot {facts['snapshot'][:8]}, {facts['bytes_added'] / 1e6:,.1f} MB added",
    "maintain": lambda facts: (
        f"{facts['files_before']:,} files became {facts['files']:,}, {facts['megabytes']:,} MB; "
        f"{facts['files_deleted']:,} deleted"
    ),
}
"""Step -> what its facts say in a line; empty: nothing worth a line."""


def leave(settings: Settings, context: Any, step: str, facts: Facts) -> None:
    """Note the headline at the run; one that cannot be noted fails nothing."""
    headline = HEADLINES[step](facts) if step in HEADLINES else ""
    if not headline:
        return
    run = context["dag_run"]
    if getattr(context.get("ti"), "map_index", 0) > 0:
        # One run of many days: the first says its own, the others are in their reports.
        return
    try:
        with Airflow.of(settings, timeout=PATIENCE) as airflow:
            before = str(airflow.run(run.dag_id, run.run_id).get("note") or "")
            asked = [line for line in before.splitlines() if line.startswith(ASKED)]
            airflow.note(run.dag_id, run.run_id, "\n".join([headline[:LONGEST], *asked]))
    except BarographError as error:
        log.info("no_note", why=str(error).partition("\n")[0])
