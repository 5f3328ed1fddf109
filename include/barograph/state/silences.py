"""Silence that a port or a collector explains stands under the alarm of that: state `suppressed`, and its `root`."""

from __future__ import annotations

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
    for number, row in rows.items():
        root, own = under.get(number), "open" if row.cleared is None else "cleared"
        if (row.root, row.state) != (root, "suppressed" if root else own):
            changed = update(alarms).where(alarms.c.alarm == number)
            connection.execute(changed.values(root=root, state="suppressed" if root else own))


def _silent(row: Row[Any]) -> roots.Silent:
    told = row.thresholds
    allowed = told.get("rule", {}).get("least") or 0.0
    return roots.Silent(
        row.alarm, row.rule, row.device, row.opened, row.cleared, allowed, told.get("port"), row.site
    )  # fmt: skip
