"""Late data: which days a batch reaches back into, and how late its readings were."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from barograph.archive import Archive
from barograph.transforms.places import Places
from barograph.windows import EPOCH, TICK, Window, merged

MINUTE = timedelta(minutes=1)
"""No zone has its midnight between two full minutes."""


def days_behind(archive: Archive, places: Places, batch: int, horizon: datetime) -> set[tuple[str, date]]:
    """The (site, local day)s that were over at the batch's horizon, and have readings of it all the same.

    Or are settled, and may have another flag because of it: a spike before midnight is one by the reading after it.
    """
    rows = archive.rows_of("readings", batch, ["device", "time"])
    minutes = pc.divide(rows["time"].cast(pa.int64()), MINUTE // TICK)
    seen = pa.table({"device": rows["device"], "minute": minutes}).group_by(["device", "minute"]).aggregate([])
    touched: dict[tuple[str, str], set[int]] = {}
    for device, minute in zip(seen["device"].to_pylist(), seen["minute"].to_pylist(), strict=True):
        place = places.of(device)
        touched.setdefault((place.site, place.timezone), set()).add(minute)
    behind: set[tuple[str, date]] = set()
    for (site, zone), minutes in touched.items():
        for stretch in merged(Window(EPOCH + n * MINUTE, EPOCH + (n + 1) * MINUTE) for n in minutes):
            own = set(stretch.local_days(zone))
            beside = set(places.reach.changed_by(stretch).local_days(zone)) - own
            over = {day for day in own | beside if Window.local_day(day, zone).end <= horizon}
            behind |= {(site, day) for day in over & own}
            if over & beside:
                behind |= {(site, day) for day in over & beside & archive.settled(site)}
    return behind


def lateness(archive: Archive, batch: int) -> dict[str, float]:
    """Seconds from event time to Kafka's time over a batch's live readings: the median and the worst."""
    rows = archive.rows_of("readings", batch, ["time", "published", "historical"])
    rows = rows.filter(pc.invert(rows["historical"].cast(pa.bool_()).fill_null(False)))
    if not rows.num_rows:
        return {}
    passed = pc.subtract(rows["published"].cast(pa.int64()), rows["time"].cast(pa.int64()))
    seconds = pc.divide(passed.cast(pa.float64()), 1e6)
    [median] = pc.quantile(seconds, 0.5).to_pylist()
    return {"late_median": round(median, 3), "late_worst": round(pc.max(seconds).as_py(), 3)}
