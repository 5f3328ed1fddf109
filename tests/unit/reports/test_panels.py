"""What the charts of a zone show, in numbers; and that nothing is drawn where there is nothing to compare."""

from datetime import date, timedelta

import numpy as np
import pytest

from barograph.archive import Archive
from barograph.registry import Device, Point
from barograph.reports import canvas, panels
from barograph.reports.gallery import CHARTS, jobs
from barograph.reports.gather import gather
from barograph.reports.periods import Period
from barograph.testing import a_curve, a_site, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
POINTS = {"temperature": Point(low=0, high=8)}


def at(hours):
    return WINDOW.start + timedelta(hours=hours)


def shop(count=3, metrics=POINTS):
    return a_site(
        *(Device(device=f"fridge-{place}", zone="cold", cadence=300, points=metrics) for place in range(count))
    )


def zone(tmp_path, site=None, days=1, value=lambda place, time: 4.0 + place, period="day"):
    """The view of the zone's first metric."""
    site = site or shop()
    for back in range(days):
        day = DAY - timedelta(days=back)
        window = Window.local_day(day, site.timezone)
        rows = [
            row
            for place, device in enumerate(site.devices)
            for name in device.points
            for row in readings(device.device, name, window, lambda time, place=place: value(place, time), 300)
        ]
        settled_day(tmp_path, site, day, rows)
    data = gather(Archive(str(tmp_path)), site, Period.of(period, DAY))
    return next(job.view for job in jobs(data, CHARTS) if job.of == "zone")


def drawn(view, chart):
    with canvas.style():
        figure = getattr(panels, chart)(view)
        assert figure is None or canvas.svg(figure)
        return figure


def named(figure, gid):
    return [
        each
        for axes in figure.axes
        for each in (*axes.lines, *axes.patches, *axes.collections)
        if each.get_gid() == gid
    ]


def test_ranges_go_from_lowest_to_highest_with_the_time_outside_beside(tmp_path):
    view = zone(tmp_path, value=lambda place, time: 9.0 if place == 1 and at(3) <= time < at(4) else 4.0 + place)

    figure = drawn(view, "ranges")

    assert [(4.0, 4.0), (5.0, 9.0), (6.0, 6.0)] == [tuple(line.get_xdata()) for line in named(figure, "range")]
    assert [60.0] == [bar.get_width() for bar in named(figure, "outside")]


def test_a_histogram_is_of_all_readings(tmp_path):
    figure = drawn(zone(tmp_path, value=lambda place, time: 4.0 + place), "histogram")

    heights = [bar.get_height() for bar in figure.axes[0].patches if bar.get_height()]

    assert [pytest.approx(100 / 3)] * 3 == heights


def test_bars_are_as_wide_as_a_whole_number_of_steps(tmp_path):
    """Else every third bar would hold two of the sensor's steps, and the chart a comb that is not in the data."""
    view = zone(tmp_path, value=lambda place, time: round(4 + (time.minute % 25) / 10, 1))

    widths = {round(bar.get_width(), 6) for bar in drawn(view, "histogram").axes[0].patches}

    assert {0.1} == widths


def test_hours_by_day_are_where_they_were(tmp_path):
    view = zone(tmp_path, days=8, value=lambda place, time: 10.0 if at(14) <= time < at(15) else 4.0)

    (mesh,) = named(drawn(view, "hours"), "hours")
    cells = np.asarray(mesh.get_array()).reshape(8, 24)

    assert (7, 14) == np.unravel_index(cells.argmax(), cells.shape)
    assert "Wed 17 Jun" == drawn(view, "hours").axes[0].get_yticklabels()[-1].get_text()


def test_a_day_is_compared_with_the_same_weekday_of_last_week(tmp_path):
    view = zone(tmp_path, days=8, value=lambda place, time: float(time.astimezone(WINDOW.start.tzinfo).day))

    (own,), (earlier,) = (named(drawn(view, "comparison"), gid) for gid in ("own", "earlier"))

    assert (17.0, 10.0) == (own.get_ydata()[12], earlier.get_ydata()[12])


def test_days_of_a_week_go_from_lowest_to_highest_with_the_time_outside_below(tmp_path):
    view = zone(
        tmp_path, days=4, value=lambda place, time: 9.0 if at(3) <= time < at(4) else 4.0 + place, period="week"
    )

    figure = drawn(view, "days")

    assert [(4.0, 2.0), (4.0, 2.0), (4.0, 5.0)] == [(bar.get_y(), bar.get_height()) for bar in named(figure, "day")]
    assert [3.0] == [bar.get_height() for bar in named(figure, "outside")]


def test_a_week_is_compared_with_the_week_before(tmp_path):
    view = zone(tmp_path, days=14, value=lambda place, time: 4.0 if time >= at(-48) else 6.0, period="week")

    own, earlier = (named(drawn(view, "comparison"), gid)[0].get_ydata() for gid in ("own", "earlier"))

    assert (4.0, 6.0) == (np.nanmean(own), np.nanmean(earlier))


def test_two_metrics_stand_against_each_other_once(tmp_path):
    both = {"temperature": Point(), "humidity": Point()}
    curve = a_curve(5)
    view = zone(tmp_path, shop(2, both), value=lambda place, time: curve(time))

    (dots,) = named(drawn(view, "scatter"), "dots")

    assert 2 * 96 == len(dots.get_offsets())
    assert ["humidity"] * 2 == [member.series.metric.name for member in view.others]


def test_one_metric_stands_against_its_neighbours(tmp_path):
    view = zone(tmp_path, value=lambda place, time: 4.0 + place + time.hour / 10)

    (dots,) = named(drawn(view, "scatter"), "dots")

    assert {0.5, 1.5, -1.5, 0.0, -0.0} >= {round(float(y - x), 6) for x, y in dots.get_offsets()}


@pytest.mark.parametrize("chart", ["ranges", "days", "histogram", "hours", "comparison", "scatter"])
def test_nothing_is_drawn_of_nothing(tmp_path, chart):
    """One device, one reading, first day: no chart, and no error."""
    site = shop(1)
    settled_day(
        tmp_path, site, DAY, [{"device": "fridge-0", "metric": "temperature", "time": at(3), "value": 4.0, "flag": 1}]
    )
    data = gather(Archive(str(tmp_path)), site, Period.of("day", DAY))
    view = next(job.view for job in jobs(data, CHARTS) if job.of == "zone")

    assert drawn(view, chart) is None
