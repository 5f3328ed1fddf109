"""Days that no one planned for: each has a page that can be read."""

from datetime import date, timedelta

import pytest

from barograph.archive import Archive
from barograph.readings import FAIL
from barograph.registry import Device, Point
from barograph.reports import canvas
from barograph.reports.changes import Since
from barograph.reports.contents import TABLED, contents
from barograph.reports.drawing import pictures
from barograph.reports.findings import judge
from barograph.reports.gallery import CHARTS, jobs
from barograph.reports.gather import gather
from barograph.reports.overview import WIDE, overview
from barograph.reports.page import page
from barograph.reports.pdf import pdf
from barograph.reports.periods import Period, Scope
from barograph.testing import a_curve, a_site, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
POINTS = {"temperature": Point(low=0, high=8)}
FRIDGE = Device(device="fridge-1", name="Dairy fridge", zone="cold", cadence=600, points=POINTS)
SITE = a_site(FRIDGE)


def at(hours):
    return WINDOW.start + timedelta(hours=hours)


def told(tmp_path, rows, site=SITE, day=DAY, scope=None, settled=True):
    """The page's text and the paper, with every chart."""
    if settled:
        settled_day(tmp_path, site, day, rows)
    data = gather(Archive(str(tmp_path)), site, Period.of("day", day), scope or Scope())
    drawn = list(pictures(list(jobs(data, CHARTS)))) if data.rows else []
    glance = {}
    if data.rows:
        with canvas.style():
            glance = {name: (canvas.svg(overview(data, WIDE)), b"") for name in ("charts/overview", "charts/narrow")}
    said = contents(data, judge(data), drawn, glance, 1, Since())
    assert pdf(said).startswith(b"%PDF")
    return page(said).decode(), drawn


def test_one_reading_is_a_page(tmp_path):
    text, drawn = told(
        tmp_path, [{"device": "fridge-1", "metric": "temperature", "time": at(12), "value": 4.0, "flag": 1}]
    )

    assert "no readings for" in text
    assert ["line"] == [picture.job.chart for picture in drawn]


def test_a_day_of_nothing_but_bad_readings_is_a_page(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, -127.0, 600, flag=FAIL)

    text, drawn = told(tmp_path, rows)

    assert "144 readings doubtful" in text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "no usable readings" in text
    assert ["line"] == [picture.job.chart for picture in drawn]


@pytest.mark.parametrize("settled", [True, False])
def test_a_day_of_nothing_is_a_page(tmp_path, settled):
    text, drawn = told(tmp_path, [], settled=settled)

    assert "barograph status" in text or "barograph settle" in text
    assert [] == drawn


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_of_23_or_25_hours_is_a_page(tmp_path, day, hours):
    rows = readings("fridge-1", "temperature", Window.local_day(day, "Europe/Berlin"), a_curve(4), 600)

    text, drawn = told(tmp_path, rows, day=day)

    assert f"{hours * 6} readings" in text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "CES" in text or "CET" in text
    assert "All fine" in text
    assert len(drawn) >= 2


def test_a_device_that_was_moved_says_so(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, a_curve(4), 600)
    for row in rows:
        row["zone"] = "cold" if row["time"] < at(12) else "<yard>"

    text, _ = told(tmp_path, rows)

    assert "was moved: Cold 00:00 → &lt;yard&gt; 12:00" in text


def test_a_part_of_the_site_that_is_not_there_is_an_empty_page(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, 4.0, 600)

    text, drawn = told(tmp_path, rows, scope=Scope(zone="<nowhere>"))

    assert "&lt;nowhere&gt;" in text
    assert [] == drawn


def test_ten_thousand_devices_are_a_page_of_some_megabytes(tmp_path):
    """Those that need a look are on it, the others are in the files beside it."""
    devices = [Device(device=f"fridge-{place}", zone=f"hall-{place % 50}", cadence=43_200, points=POINTS)
               for place in range(10_000)]  # fmt: skip
    site = a_site(*devices)
    rows = [
        {"device": device.device, "metric": "temperature", "time": at(hour), "value": 4.0, "flag": 1}
        for device in devices
        for hour in (0, 12)
    ]
    rows[-1]["value"] = rows[-2]["value"] = 19.0
    settled_day(tmp_path, site, DAY, rows)

    data = gather(Archive(str(tmp_path)), site, Period.of("day", DAY))
    said = contents(data, judge(data), [], {}, 1, Since())
    text = page(said)

    assert 10_000 == len(data.devices)
    assert TABLED == sum(len(zone.rows) for zone in said.zones)
    assert b">fridge-9999<" in text
    assert len(text) < 3_000_000
    assert 2_000 == len([job for job in jobs(data, CHARTS) if job.of == "device"])
