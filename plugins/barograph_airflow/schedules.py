"""When the DAGs run, and what their forms ask. Only interval timetables: a run is about a stretch of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    CronDataIntervalTimetable,
    DeadlineAlert,
    DeadlineReference,
    DeltaDataIntervalTimetable,
    Param,
    SyncCallback,
)

from barograph import registry
from barograph.settings import load_settings
from barograph.stack.pools import HISTORY as HISTORY
from barograph_airflow import callbacks

DEFAULTS: dict[str, Any] = {
    "catchup": False,
    # Backfill reaches back to here.
    "start_date": datetime(2000, 1, 1, tzinfo=UTC),
    "default_args": {
        "owner": "barograph",
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=5),
        "on_failure_callback": callbacks.failed,
        "on_success_callback": callbacks.worked,
    },
}

LIVE, NIGHT, BY_HAND = "live", "night", "by hand"
"""When people look for a DAG: a tag of each, beside `river`."""


def tagged(*tags: str) -> dict[str, Any]:
    """The defaults of a DAG that is found under these tags."""
    return {**DEFAULTS, "tags": ["river", *tags]}


NO_BACKFILL: dict[str, Any] = {"allowed_run_types": ["scheduled", "manual", "asset_materialization"]}

ON_REQUEST: dict[str, Any] = {"schedule": None, "allowed_run_types": ["manual"]}


def done_within(hours: float) -> DeadlineAlert:
    """A scheduled run that is not done by then opens an alarm: one that hangs does not fail."""
    late = SyncCallback(callbacks.late, kwargs={"hours": hours})
    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=hours), late, name="late")


def zone() -> str:
    """The reporting time zone of this deployment. Raises DocumentError, which Airflow shows as an import error."""
    settings = load_settings()
    return settings.reports.timezone or registry.read_sites(settings.sites_folder)[0].timezone


def every_interval() -> DeltaDataIntervalTimetable:
    return DeltaDataIntervalTimetable(timedelta(seconds=load_settings().ingest.interval))


def every_hour() -> CronDataIntervalTimetable:
    """Between the full hours, at which much begins."""
    return CronDataIntervalTimetable("20 * * * *", timezone=zone())


def local_day() -> CronDataIntervalTimetable:
    """The interval is the local day, from midnight to midnight."""
    return CronDataIntervalTimetable("0 0 * * *", timezone=zone())


def local_week() -> CronDataIntervalTimetable:
    """The interval is the local week, from Monday to Monday."""
    return CronDataIntervalTimetable("0 0 * * MON", timezone=zone())


def local_month() -> CronDataIntervalTimetable:
    """The interval is the local month, from the first to the first."""
    return CronDataIntervalTimetable("0 0 1 * *", timezone=zone())


def nightly() -> CronDataIntervalTimetable:
    """After `daily` has published, so that the backup has last night's reports."""
    return CronDataIntervalTimetable("30 3 * * *", timezone=zone())


def before_dawn() -> CronDataIntervalTimetable:
    """After the night's backup, so that files it has seen are not deleted under its hands."""
    return CronDataIntervalTimetable("30 4 * * *", timezone=zone())


def at_most() -> dict[str, Param]:
    return {
        "max_messages": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="At most this many messages",
            description="The rest waits for the next run. Empty: as the settings say.",
        ),
    }


def day_and_sites() -> dict[str, Param]:
    return _asked(
        "Day",
        f"One day, in {zone()}. Empty: the day of the run, which is yesterday for one started by hand, "
        "and the days that late data or the registry made stale. For many days use Backfill.",
    )


def week_and_sites() -> dict[str, Param]:
    return _asked("Any day of the week", "Empty: the week of the run; for one started by hand the last whole one.")


def month_and_sites() -> dict[str, Param]:
    return _asked("Any day of the month", "Empty: the month of the run; for one started by hand the last whole one.")


def _asked(title: str, description: str) -> dict[str, Param]:
    names = {site.site: site.name for site in registry.read_sites(load_settings().sites_folder)}
    return {
        "day": Param(None, type=["null", "string"], format="date", title=title, description=description),
        "sites": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            examples=list(names),
            values_display=names,
            title="Sites",
            description="Only these. Empty: all.",
        ),
    }


def rules_and_days() -> dict[str, Param]:
    names = [site.site for site in registry.read_sites(load_settings().sites_folder)]
    return {
        "rules": Param(
            None,
            type=["null", "string"],
            format="multiline",
            maxLength=500_000,
            title="Rules",
            description="As they would stand in the site's rules.yaml. Empty: the rules in force.",
        ),
        "site": Param(None, type=["null", "string"], examples=names, title="Site", description="Empty: the only one."),
        "first": Param(
            None, type=["null", "string"], format="date", title="First day", description="Empty: 30 days in all."
        ),
        "last": Param(
            None, type=["null", "string"], format="date", title="Last day", description="Empty: the day before the run."
        ),
        "per_day": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            title="Alarms a day",
            description="Suggest limits at which each rule fires at most so often. Empty: none.",
        ),
    }
