"""What a revision says about those before it: which figures moved, which alarms came and went, who had signed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from barograph.reports.data import ReportData
from barograph.reports.words import count, number, share
from barograph.state.signoffs import Signoff
from barograph.windows import utc

MOST = 12
"""Changes that are told one by one."""


@dataclass(frozen=True)
class Since:
    """Lines of text, outside text in them. Kept with the revision, which says the same when it is built again."""

    revision: int = 0
    """The one before; 0: there was none."""
    changes: tuple[str, ...] = ()
    signoffs: tuple[str, ...] = ()

    def kept(self) -> dict[str, Any]:
        return {"revision": self.revision, "changes": list(self.changes), "signoffs": list(self.signoffs)}

    @classmethod
    def read(cls, kept: Mapping[str, Any] | None) -> Since:
        if not kept:
            return cls()
        return cls(int(kept["revision"]), tuple(kept["changes"]), tuple(kept["signoffs"]))


def since(
    before: Mapping[str, Any] | None, revision: int, data: ReportData, rows: Iterable[Mapping[str, Any]],
    alarms: Iterable[Mapping[str, Any]], signoffs: Iterable[Signoff],
) -> Since:  # fmt: skip
    """Compare with the report.json of the revision before; `rows` and `alarms` are what the new one will say."""
    say = data.voice.say
    signed = tuple(
        say(
            "This revision came after revision {revision} was signed off by {who} on {when}.",
            revision=one.revision,
            who=one.who,
            when=f"{one.at:%Y-%m-%d %H:%M} UTC",
        )
        + (f" “{one.comment}”" if one.comment else "")
        for one in signoffs
    )
    if before is None:
        return Since(revision, (), signed)
    found = [*_alarms(data, before.get("alarms", ()), alarms), *_figures(data, before.get("series", ()), rows)]
    if not found:
        same = before.get("ledger") == (_sums(data) if data.ledger else None)
        why = say("other words or charts") if same else say("the record has other readings")
        found = [say("Nothing that is shown; {why}", why=why)]
    if len(found) > MOST:
        found = [*found[:MOST], say("and {count} more, see below", count=count(len(found) - MOST))]
    return Since(revision, tuple(found), signed)


def _sums(data: ReportData) -> dict[str, int]:
    assert data.ledger
    return {name: value for name, value in asdict(data.ledger).items() if name != "batches"}


def _alarms(data: ReportData, before: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    def key(alarm: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(str(alarm.get(name)) for name in ("rule", "device", "metric", "started"))

    old, new = {key(alarm): alarm for alarm in before}, {key(alarm): alarm for alarm in now}
    for place in sorted(new.keys() - old.keys()):
        yield data.voice.say("alarm gained: {alarm}", alarm=_alarm(data, new[place]))
    for place in sorted(old.keys() - new.keys()):
        yield data.voice.say("alarm lost: {alarm}", alarm=_alarm(data, old[place]))


def _alarm(data: ReportData, alarm: Mapping[str, Any]) -> str:
    device = data.device(alarm["device"])
    return f"{device.label if device else alarm['device']}, {alarm['rule']}, {data.voice.clock(utc(alarm['started']))}"


def _figures(data: ReportData, before: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    voice = data.voice
    old = {(row["device"], row["metric"]): row for row in before}
    new = {(row["device"], row["metric"]): row for row in now}
    known = {(series.device, series.metric.name): series.metric for series in data.series}
    names = {"min": "Min", "mean": "Mean", "median": "Median", "max": "Max"}
    for place, row in new.items():
        metric = known[place]
        where = f"{row['label']}, {voice.in_words(metric)}"
        was = old.get(place)
        if was is None:
            yield voice.say("{place} is new", place=where)
            continue
        moved = []
        if was["count"] != row["count"]:
            moved.append((voice.say("readings"), count(was["count"]), count(row["count"])))
        for name, word in names.items():
            former, latter = (number(each[name], metric) for each in (was, row))
            if former != latter:
                moved.append((voice.say(word), former, latter))
        shares = share(was["completeness"]), share(row["completeness"])
        if shares[0] != shares[1]:
            moved.append((voice.say("Complete"), *shares))
        for figure, former, latter in moved:
            text = "{place}: {figure} {before} became {after}"
            yield voice.say(text, place=where, figure=figure, before=former, after=latter)
    for place in old.keys() - new.keys():
        yield voice.say("{place} is gone", place=f"{old[place]['label']}, {place[1]}")
