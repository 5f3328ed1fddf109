"""Silence that a port or a collector explains stands under the alarm of that: state `suppressed`, and its `root`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from barograph.rules import roots
from barograph.state.tables import alarms


def fold(connection: Connection, horizon: datetime, touched: Collection[int] = ()) -> None:
    """Look again at all silences that are open, and at those alarms that were touched."""
    silent = alarms.c.kind == "missing", alarms.c.state != "withdrawn"
    live = or_(alarms.c.state.in_(["open", "suppressed"]), alarms.c.alarm.in_(touched))
    rows = {row.alarm: row for row in connection.execute(select(alarms).where(*silent, live))}
    if not rows:
        return
    since = min(row.opened for row in rows.values())
    ends = or_(alarms.c.cleared.is_(None), alarms.c.cleared >= since)
    above = or_(*(alarms.c.device.like(f"{kind}:%") for kind in roots.KINDS))
    rows |= {row.alarm: row for row in connection.execute(select(alarms).where(*silent, ends, above))}
    under = roots.folded(map(_silent, rows.values()), horizon)
    changed: dict[tuple[int | None, str], list[int]] = defaultdict(list)
    for number, row in rows.items():
        root, own = under.get(number), "open" if row.cleared is None else "cleared"
        state = "suppressed" if root else own
        if (row.root, row.state) != (root, state):
            changed[root, state].append(number)
    for (root, state), numbers in changed.items():
        connection.execute(update(alarms).where(alarms.c.alarm.in_(numbers)).values(root=root, state=state))


def _silent(row: Row[Any]) -> roots.Silent:
    told = row.thresholds
    allowed = told.get("rule", {}).get("least") or 0.0
    return roots.Silent(
        row.alarm, row.rule, row.device, row.opened, row.cleared, allowed, told.get("port"), row.site
    )  # fmt: skip
