"""Which charts there are, how many are drawn, and that a user's own win over ours."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from barograph.archive import Archive
from barograph.errors import ReportError
from barograph.registry import Device, Point
from barograph.reports.changes import Since
from barograph.reports.contents import contents
from barograph.reports.drawing import pictures
from barograph.reports.findings import judge
from barograph.reports.gallery import CHARTS, DETAILED, MOST_DEVICES, chart_name, charts, jobs, look
from barograph.reports.gather import gather
from barograph.reports.page import page
from barograph.reports.periods import Period
from barograph.testing import a_site, an_alarm, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
OWN = """\
from matplotlib.figure import Figure

def draw(view):
    figure = Figure(figsize=(2, 1))
    figure.text(0, 0.5, "mine: " + view.members[0].label)
    return figure
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "report/charts").mkdir(parents=True)
    return tmp_path / "report"


def gathered(tmp_path, count=1, alarms=()):
    devices = [Device(device=f"fridge-{place}", zone="cold", cadence=3600, points={"temperature": Point()})
               for place in range(count)]  # fmt: skip
    site = a_site(*devices)
    rows = [row for device in devices for row in readings(device.device, "temperature", WINDOW, 4.0, 3600)]
    settled_day(tmp_path, site, DAY, rows)
    return gather(Archive(str(tmp_path)), site, Period.of("day", DAY), alarms=alarms)


def test_a_chart_of_the_user_replaces_ours_of_that_name(tmp_path, folder):
    (folder / "charts/line.py").write_text(OWN)

    (picture,) = [each for each in drawn(tmp_path, folder) if each.job.chart == "line"]

    assert b"mine: fridge-0" in picture.svg


def test_a_new_chart_is_one_function_and_has_a_file_of_its_own(tmp_path, folder):
    (folder / "charts/humidex.py").write_text(OWN)

    names = [each.job.name for each in drawn(tmp_path, folder)]

    assert 1 == sum(name.endswith("-humidex") for name in names)
    assert len(names) == len(set(names))


def drawn(tmp_path, folder):
    return list(pictures(list(jobs(gathered(tmp_path), charts(folder))), folder))


@pytest.mark.parametrize("text", ["def draw(:", "x = 1", "raise SystemError('no')"])
def test_a_chart_that_cannot_be_read_is_named(folder, text):
    (folder / "charts/mine.py").write_text(text)

    with pytest.raises(ReportError, match=r"mine\.py"):
        charts(folder)


def test_a_chart_that_fails_is_named(tmp_path, folder):
    (folder / "charts/mine.py").write_text("def draw(view):\n    return 1 / 0\n")

    with pytest.raises(ReportError, match="The chart mine of temperature in cold cannot be drawn"):
        drawn(tmp_path, folder)


def test_what_the_user_changes_changes_the_look(folder):
    before = look(folder)
    (folder / "zone.html").write_text("x")

    assert ("", "") == (before, look(None))
    assert look(folder) not in ("", look(None))


def test_of_very_many_devices_those_that_need_a_look_are_on_the_page(tmp_path):
    count = DETAILED + 40
    data = gathered(tmp_path, count, [an_alarm(WINDOW.start, device=f"fridge-{count - 1}")])

    todo = [job for job in jobs(data, CHARTS) if job.of == "device"]

    assert count == len(todo)
    assert DETAILED == sum(job.detailed for job in todo)
    assert todo[-1].detailed
    assert MOST_DEVICES > DETAILED


def test_charts_over_several_processes_are_the_same_and_in_order(tmp_path, monkeypatch):
    """What a worker draws is what we would have drawn."""
    from barograph.reports import drawing

    todo = list(jobs(gathered(tmp_path, 30), {"line": CHARTS["line"]}))
    one = [(picture.job.name, picture.svg, picture.png) for picture in pictures(todo, processes=1)]
    monkeypatch.setattr(drawing, "MANY", 1)

    assert one == [(picture.job.name, picture.svg, picture.png) for picture in pictures(todo, processes=2)]


def test_file_names_of_charts_are_plain_and_apart(tmp_path):
    names = ["../../etc/passwd", "..", "a/b", "A B", "a-b", "库房", "x" * 200, "<script>", "\u202egpj.exe", "🧊", '"']
    rows = [row for name in names for row in readings(name, "t", WINDOW, 5.0, 7200)]
    settled_day(tmp_path, a_site(), DAY, rows)
    data = gather(Archive(str(tmp_path)), a_site(), Period.of("day", DAY))

    files = [job.name for job in jobs(data, CHARTS)]

    assert len(files) == len(set(files))
    assert all(re.fullmatch(r"charts/[a-z0-9-]{3,150}", file) for file in files)
    assert {chart_name(series) for series in data.series if series.statistics.count} <= set(files)
    assert json.dumps(files)


def test_the_worked_example_of_the_documentation_works(tmp_path, folder):
    """Chart and template, as docs/report.md prints them."""
    text = (Path(__file__).parents[3] / "docs/report.md").read_text()
    chart, template = (re.search(rf"```{kind}\n(.*?)```", text, re.S)[1] for kind in ("python", "html"))
    (folder / "charts/humidity_band.py").write_text(chart)
    (folder / "headline.html").write_text(template)
    devices = [
        Device(device=f"room-{place}", zone="rooms", cadence=1800, points={"humidity": Point()}) for place in (1, 2)
    ]
    site = a_site(*devices)
    rows = [row for place, device in enumerate(devices)
            for row in readings(device.device, "humidity", WINDOW, 40.0 + place, 1800)]  # fmt: skip
    settled_day(tmp_path, site, DAY, rows)
    data = gather(Archive(str(tmp_path)), site, Period.of("day", DAY))

    drawn = list(pictures(list(jobs(data, charts(folder))), folder))
    html = page(contents(data, judge(data), drawn, {}, 1, Since()), folder).decode()

    assert 1 == sum(picture.job.chart == "humidity_band" for picture in drawn)
    assert html.index("Bakery Miller") < html.index('class="verdict')
