"""From a run's context to a stage's arguments, and from its summary to a few facts for XCom.

Stages are imported where they are called: they bring Spark and Matplotlib, and a DAG file is parsed every minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from barograph import registry
from barograph.errors import DocumentError
from barograph.registry import Site
from barograph.reports.periods import Kind, Period
from barograph.settings import Settings
from barograph_airflow.schedules import zone
from barograph_airflow.windows import day_of, horizon_of, period_of

if TYPE_CHECKING:
    from barograph.archive import Archive

COUNTS = ("read", "stored", "duplicate", "rejected")

STALE_AT_ONCE = 31
"""Stale days that one night makes anew, the newest ones; the others follow in the nights after."""

UNDER_WAY = timedelta(hours=12)
"""So long after midnight `daily` may still settle the day before."""

LocalDay = dict[str, str]
"""{"site": "demo", "day": "2026-11-22"}; with "period": "week" or "month", the one that begins on that day."""


def days(settings: Settings, context: Any, sites: list[str]) -> list[LocalDay]:
    """The run's own day of each site; one that was not asked for a day also makes anew what became stale."""
    from barograph.history import mark_changed
    from barograph.state import stale
    from barograph.state.engine import connect

    own = day_of(context, zone())
    found = [(name, own) for name in sites]
    if context["dag_run"].run_type in ("scheduled", "manual") and not context["params"].get("day"):
        mark_changed(settings)
        marks = [(each.site, each.day) for each in stale.marked(connect(settings)) if each.site in sites]
        found += [each for each in dict.fromkeys(marks) if each not in found and each[1] < own][:STALE_AT_ONCE]
    return [{"site": name, "day": day.isoformat()} for name, day in found]


def periods(settings: Settings, context: Any, sites: list[str], kind: Kind) -> list[LocalDay]:
    """The run's own week or month of each site; unless by hand, only of sites of which some day of it is settled."""
    from barograph.archive import Archive

    own, archive = period_of(context, zone(), kind), Archive.of(settings)
    by_hand = context["dag_run"].run_type == "manual"
    found = [name for name in sites if by_hand or len(_settled(archive, name, own.first, own.last)) > 0]
    return [{"site": name, "day": own.first.isoformat(), "period": kind} for name in found]


def settled(settings: Settings, context: Any, local: LocalDay, now: datetime) -> bool:
    """Whether nobody need wait for the last day of a site's week or month.

    Only a scheduled run waits, whose `daily` is still under way: one that comes half a day late takes what there is.
    """
    from barograph.archive import Archive

    run, last = context["dag_run"], _period(local).last
    if run.run_type != "scheduled" or now - run.data_interval_end > UNDER_WAY:
        return True
    return len(_settled(Archive.of(settings), local["site"], last, last)) > 0


def ingest(settings: Settings, context: Any, _: None) -> dict[str, Any]:
    from barograph.ingest.run import ingest

    run = context["dag_run"]
    done = ingest(settings, run.dag_id, run.run_id, horizon_of(context), context["params"].get("max_messages"))
    sums = {name: sum(summary.counts.get(name, 0) for summary in done) for name in COUNTS}
    return {"batches": [summary.batch for summary in done], **sums}


def settle(settings: Settings, context: Any, local: LocalDay) -> dict[str, Any]:
    from barograph.settle import settle

    summary = settle(settings, _site(settings, local["site"]), date.fromisoformat(local["day"]))
    return {**local, **summary.counts}


def report(settings: Settings, context: Any, local: LocalDay) -> dict[str, Any]:
    """Make a report and deliver it; after a day that was stale, also those of the weeks and months that it lies in.

    These wait for the last of their stale days, and a backfill leaves them alone: each has one revision, not thirty.
    """
    from barograph.notify.readers import readers
    from barograph.reports.delivery import deliver
    from barograph.reports.publish import find, report
    from barograph.reports.shelf import around
    from barograph.state import stale
    from barograph.state.engine import connect

    run, site, period = context["dag_run"], _site(settings, local["site"]), _period(local)
    # When it really runs: a backfill's reports of last year are no news, whatever its intervals say.
    at = getattr(run, "start_date", None) or horizon_of(context)
    engine = connect(settings)
    made = report(settings, site, period)
    alone = period.kind != "day" or run.run_type == "backfill"
    longer = [] if alone else around(settings, site.site, made.day, at.astimezone(ZoneInfo(site.timezone)).date())
    waiting = {mark.day for mark in stale.marked(engine, site.site)} if longer else set()
    for each in longer:
        if made.changed and waiting.isdisjoint(each):
            report(settings, site, each)
    published = [find(settings, site.site, each.first, key=each.key) for each in (period, *longer)]
    told = readers(settings)
    took = [name for one in published for name in deliver(settings, one, told, engine, at)]
    return {
        "site": made.site,
        "day": made.day.isoformat(),
        "key": made.key,
        "revision": made.revision,
        "changed": made.changed,
        "verdict": made.verdict,
        "headline": made.headline,
        "delivered_to": list(dict.fromkeys(took)),
    }


def backup(settings: Settings, context: Any, _: None) -> dict[str, Any]:
    from barograph.backups import backup

    summary = backup(settings, taken=horizon_of(context))
    return {"snapshot": summary.snapshot, "bytes_added": summary.bytes_added}


def compact(settings: Settings, context: Any, _: None) -> dict[str, Any]:
    from barograph.maintenance.upkeep import compact

    done = compact(settings)
    _none_crowded(done)
    return {
        "files": sum(one.files[1] for one in done),
        "files_before": sum(one.files[0] for one in done),
        "compacted": [f"{one.table} {day}" for one in done for day in one.compacted],
    }


def _none_crowded(done: Sequence[Any]) -> None:
    from barograph.errors import ArchiveError

    if crowded := [f"{one.table} {over}" for one in done for over in one.over]:
        raise ArchiveError(f"Too many files still, after compaction: {'; '.join(crowded)}. Clear the task.")


def maintain(settings: Settings, context: Any, _: None) -> dict[str, Any]:
    from barograph.maintenance.upkeep import maintain

    done = maintain(settings, horizon_of(context))
    _none_crowded(done)
    return {
        "files": sum(one.files[1] for one in done),
        "files_before": sum(one.files[0] for one in done),
        "megabytes": round(sum(one.bytes[1] for one in done) / 1e6, 1),
        "files_deleted": sum(one.vacuumed for one in done),
        "rejects_deleted": sum(one.let_go for one in done),
    }


def verify(settings: Settings, context: Any, _: None) -> dict[str, Any]:
    from barograph.errors import LedgerError
    from barograph.maintenance.verify import verify

    findings = verify(settings)
    wrong = [f"{finding.part}, {finding.what}: {finding.found}" for finding in findings if finding.ok is False]
    if wrong:
        raise LedgerError(f"The archive is not whole. {'; '.join(wrong[:10])}. Run: barograph archive verify")
    return {"checked": len(findings), "notes": sum(finding.ok is None for finding in findings)}


def backtest(settings: Settings, context: Any, _: None) -> dict[str, Any]:
    from barograph.archive import Archive
    from barograph.hindsight import backtest as testing
    from barograph.reports import backtest_page
    from barograph.rules.book import FILE, read_rules

    asked = context["params"]
    site = registry.choose_site(settings.sites_folder, asked["site"] or None)
    path = settings.sites_folder / site.site / FILE
    present = read_rules(path.parent)
    now = horizon_of(context)
    last = _day(asked["last"]) or now.astimezone(ZoneInfo(site.timezone)).date() - timedelta(days=1)
    first = _day(asked["first"]) or last - timedelta(days=29)
    rules = testing.read(path, asked["rules"], site) if asked["rules"] else present
    found = testing.backtest(
        Archive.of(settings),
        testing.Asked(site, testing.days_of(site, first, last), rules, present, asked["per_day"]),
    )
    published = backtest_page.publish(settings, found, now)
    difference = found.difference
    return {
        "site": site.site,
        "backtest": published.key,
        "days": len(found.settled),
        "alarms": len(found.after),
        "in_force": len(found.before),
        "gained": len(difference.gained),
        "lost": len(difference.lost),
        "shifted": len(difference.shifted),
    }


def tell(settings: Settings, step: str, facts: Mapping[str, Any], context: Any) -> None:
    """Put how long a step took, and its counts, into the bucket `operations`; it fails for nothing.

    At the end of its day, or of its run: who does it again says it again at the same place.
    """
    from barograph.ingest import operations

    day, site = facts.get("day"), facts.get("site")
    over = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC) if day else horizon_of(context)
    tags = {"dag": context["dag_run"].dag_id} | ({"site": site} if site else {})
    operations.tell(settings, {step: facts}, tags, over)


def _settled(archive: Archive, site: str, first: date, last: date) -> Any:
    return archive.derived("days", site, first, ["day"], until=last)


def _period(local: LocalDay) -> Period:
    return Period.of(cast(Kind, local.get("period", "day")), date.fromisoformat(local["day"]))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _site(settings: Settings, name: str) -> Site:
    for site in registry.read_sites(settings.sites_folder):
        if site.site == name:
            return site
    raise DocumentError(f"{settings.sites_folder}: site {name} is gone. Clear the run's `days` task to choose anew.")
