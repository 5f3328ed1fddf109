"""The first start on an empty data folder: a demo shop with a week behind it, so that a newcomer sees a river.

Every step is named, timed and remembered in first_run.json: a second start goes on where the first one stopped.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from barograph.registry import read_site, read_sites
from barograph.settings import CHECKOUT, Settings
from barograph.stack import health, services
from barograph.stack.airflow_api import Airflow
from barograph.stack.show import Show
from barograph.windows import Window, iso, utc

DEMO = CHECKOUT / "include" / "sites" / "demo"
DAYS = 7
SEED = 7
"""Also that of `barograph demo sensors`: history and live are one shop."""

PARALLEL_DAYS = 2
HISTORY = "spark-history"


@dataclass
class Plan:
    """The marker file: when the first run began, and what is done."""

    path: Path
    began: datetime
    steps: dict[str, float] = field(default_factory=dict)
    finished: datetime | None = None
    days: int = DAYS
    """Whole days of history."""

    @classmethod
    def load(cls, settings: Settings, now: datetime, days: int = DAYS) -> Plan:
        path = settings.path("first_run.json")
        if not path.exists():
            return cls(path, now, days=days)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        finished = utc(found["finished"]) if "finished" in found else None
        return cls(path, utc(found["began"]), found["steps"], finished, found.get("days", DAYS))

    def save(self) -> None:
        facts: dict[str, Any] = {"began": iso(self.began), "days": self.days, "steps": self.steps}
        facts |= {"finished": iso(self.finished)} if self.finished else {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".tmp")
        beside.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        beside.replace(self.path)

    def history(self, zone: str) -> tuple[Window, list[date]]:
        """Whole local days and today's so far, as seen when it began: a resumed run publishes the same."""
        today = next(Window(self.began, self.began + timedelta(seconds=1)).local_days(zone))
        days = [today - timedelta(days=back) for back in range(self.days, 0, -1)]
        return Window(Window.local_day(days[0], zone).start, self.began), days


Step = Callable[[Settings, Plan, Show], str]


def run(settings: Settings, now: Callable[[], datetime], show: Show | None = None, days: int = DAYS) -> float:
    """Do what is left of the first run and return the seconds it took. Every step is safe to repeat."""
    show = show or Show()
    plan = Plan.load(settings, now(), days)
    plan.save()
    began = time.monotonic()
    for name, (title, step) in STEPS.items():
        # The servers have to be started again after every stop; what they made is still there.
        if name in plan.steps and name != "start":
            continue
        show.begin(title)
        started = time.monotonic()
        fact = step(settings, plan, show)
        seconds = time.monotonic() - started
        plan.steps[name] = round(seconds, 1)
        plan.save()
        show.end(title, seconds, fact)
    plan.finished = now()
    plan.save()
    return time.monotonic() - began


def copy_site(settings: Settings, plan: Plan, show: Show) -> str:
    """Before anything starts: the DAGs read the sites. A folder that is there is the user's."""
    target = settings.sites_folder / "demo"
    if not target.exists():
        beside = target.with_name(".demo-copy")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(DEMO, beside)
        beside.rename(target)
    return f"{len(read_site(target).devices)} sensors, in {target}"


def start_servers(settings: Settings, plan: Plan, show: Show) -> str:
    # Only the backfill needs the second Spark server: it warms up while the first one drains.
    servers = [name for name in services.SERVERS if name != HISTORY]
    services.up(settings, servers, watch=show.watch)
    services.start(settings, HISTORY)
    return f"{len(services.SERVERS)} processes"


def publish(settings: Settings, plan: Plan, show: Show) -> str:
    """Repeated, it adds nothing: frames that are there already count as duplicates."""
    from barograph.collector.simulation.shop import publish_history

    site = read_site(settings.sites_folder / "demo")
    window, _ = plan.history(site.timezone)
    told = partial(show.progress, unit="frames")
    return f"{publish_history(settings, site, window, SEED, told):,} frames"


def drain(settings: Settings, plan: Plan, show: Show, timeout: float = 900) -> str:
    """Let `ingest` run until Kafka holds nothing that the record lacks."""
    whole = waiting = health.lag(settings)
    deadline = time.monotonic() + timeout
    with Airflow.of(settings) as airflow:
        airflow.wait_for_dag("ingest")
        airflow.unpause("ingest")
        while waiting:
            active = [run for run in airflow.runs("ingest", limit=5) if run["state"] in ("queued", "running")]
            run_id = active[0]["dag_run_id"] if active else airflow.trigger("ingest")
            airflow.wait("ingest", run_id, timeout=max(1, deadline - time.monotonic()))
            waiting = health.lag(settings)
            show.progress(whole - waiting, whole, "messages")
    return f"{whole:,} messages"


def backfill(settings: Settings, plan: Plan, show: Show) -> str:
    """Settle and report the week, by the same backfill that the UI offers.

    The DAG is still paused when its runs are made, so that its own first run finds yesterday taken.
    """
    services.wait(settings, [HISTORY])
    zone = settings.reports.timezone or read_sites(settings.sites_folder)[0].timezone
    _, days = plan.history(zone)
    first, last = (Window.local_day(day, zone).start for day in (days[0], days[-1]))
    with Airflow.of(settings) as airflow:
        airflow.wait_for_dag("daily")
        runs = airflow.runs_between("daily", first, last)
        if len(runs) < len(days) or any(run["state"] == "failed" for run in runs):
            airflow.backfill("daily", first, last, PARALLEL_DAYS)
        airflow.unpause("daily")
        told = partial(show.progress, unit="days")
        airflow.wait_for_days("daily", first, last, len(days), progress=told)
    return f"{len(days)} days settled and reported"


def begin_input(settings: Settings, plan: Plan, show: Show) -> str:
    """From here on it is live: the sensors, the collector, and every DAG on its schedule."""
    services.start(settings, *services.INPUT)
    services.wait(settings, services.INPUT)
    with Airflow.of(settings) as airflow:
        for dag in airflow.dags():
            if dag["is_paused"]:
                airflow.unpause(dag["dag_id"])
    return "sensors and collector"


STEPS: dict[str, tuple[str, Step]] = {
    "site": ("Set up the demo shop", copy_site),
    "start": ("Start the servers", start_servers),
    "publish": ("Publish a week of its history", publish),
    "drain": ("Drain it into the record", drain),
    "backfill": ("Settle and report each day", backfill),
    "input": ("Start the collector", begin_input),
}
