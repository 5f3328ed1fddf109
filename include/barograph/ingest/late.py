"""Late data: which days a batch reaches back into, and how late its readings were."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from barograph.archive import Archive
from barograph.transforms.places import Places
from barograph.windows import EPOCH, Window

QUARTER = timedelta(minutes=15)
"""No zone has its midnight between two quarters of an hour."""


def days_behind(archive: Archive, places: Places, batch: int, horizon: datetime) -> set[tuple[str, date]]:
    """The (site, local day)s that were over at the batch's horizon, and have readings of it all the same."""
    rows = archive.rows_of("readings", batch, ["device", "time"])
    quarters = pc.divide(rows["time"].cast(pa.int64()), QUARTER // timedelta(microseconds=1))
    seen = pa.table({"device": rows["device"], "quarter": quarters}).group_by(["device", "quarter"]).aggregate([])
    found = {
        (place.site, place.timezone, quarter)
        for device, quarter in zip(seen["device"].to_pylist(), seen["quarter"].to_pylist(), strict=True)
        for place in [places.of(device)]
    }
    days = {
        (site, zone, (EPOCH + quarter * QUARTER).astimezone(ZoneInfo(zone)).date()) for site, zone, quarter in found
    }
    return {(site, day) for site, zone, day in days if Window.local_day(day, zone).end <= horizon}


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
