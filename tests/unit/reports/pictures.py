"""A small zone on a bad day, drawn: what `test_pictures.py` compares with `baselines/`.

    .venv/bin/python -m tests.unit.reports.pictures

draws the baselines anew. Look at each of them before it is committed: `git diff` shows old and new.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from barograph.archive import Archive
from barograph.readings import FAIL
from barograph.registry import Device, Point
from barograph.reports import canvas
from barograph.reports.gallery import CHARTS, jobs
from barograph.reports.gather import gather
from barograph.reports.periods import Period
from barograph.testing import Row, a_curve, a_site, an_alarm, readings, settled_day
from barograph.windows import Window

BASELINES = Path(__file__).parent / "baselines"
DOTS = 80
"""A inch: enough to see a letter or a line that is gone, and a few kilobytes."""

DAY = date(2026, 6, 17)
ZONE = "Europe/Berlin"
CADENCE = 300.0
SITE = a_site(
    *(
        Device(
            device=device, name=name, zone="cold", cadence=CADENCE, points={"temperature": Point(low=0, high=8), **more}
        )
        for device, name, more in (
            ("fridge-1", "Dairy fridge", {"door": Point()}),
            ("fridge-2", "Meat fridge", {}),
            ("fridge-3", "Fish counter", {}),
        )
    )
)
WANTED = {
    "line-alarm": ("line", "fridge-1"),
    "line-gap": ("line", "fridge-2"),
    "range": ("range", None),
    "days": ("days", None),
    "hours": ("hours", None),
}
"""Picture -> chart, device; a chart of a zone is of none. `days` is of the week, the others of the day."""


def pictures(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name, PNG. `folder` is for an archive."""
    window = Window.local_day(DAY, ZONE)
    for back in range(8):
        day = DAY - timedelta(days=back)
        settled_day(folder, SITE, day, list(_rows(Window.local_day(day, ZONE), back)), cadence=CADENCE)
    alarm = an_alarm(window.start + timedelta(hours=14), window.start + timedelta(hours=17), limit=8.0)
    found = {
        kind: {
            (job.chart, job.view.members[0].series.device if job.of == "device" else None): job
            for job in jobs(gather(Archive(str(folder)), SITE, Period.of(kind, DAY), alarms=[alarm]), CHARTS)
            if job.metric == "temperature"
        }
        for kind in ("day", "week")
    }
    before, canvas.PIXELS_PER_INCH = canvas.PIXELS_PER_INCH, DOTS
    try:
        with canvas.style():
            for name, (chart, device) in WANTED.items():
                job = found["week" if name == "days" else "day"][chart, device]
                yield name, canvas.png(CHARTS[chart].draw(job.view))
    finally:
        canvas.PIXELS_PER_INCH = before


def _rows(window: Window, back: int) -> Iterator[Row]:
    def hour(time: datetime) -> float:
        return (time - window.start) / timedelta(hours=1)

    def warm(time: datetime) -> float:
        return 10.5 if back == 0 and 14 <= hour(time) < 17 else 4.0

    curve = a_curve(0.0)
    for row in readings("fridge-1", "temperature", window, lambda time: warm(time) + curve(time), CADENCE):
        yield {**row, "value": 25.0, "flag": FAIL} if 6 <= hour(row["time"]) < 6.3 else row
    yield from readings("fridge-1", "door", window, lambda time: float(13.5 <= hour(time) < 14.5), CADENCE)
    for row in readings("fridge-2", "temperature", window, a_curve(2.0 + 0.3 * back), CADENCE):
        if back or not 8 <= hour(row["time"]) < 11:
            yield row
    yield from readings("fridge-3", "temperature", window, a_curve(0.5), CADENCE)


def main() -> None:
    BASELINES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, png in pictures(Path(folder)):
            (BASELINES / f"{name}.png").write_bytes(png)


if __name__ == "__main__":
    main()
