"""What is drawn, in numbers; and that the same data is the same picture, byte for byte."""

import xml.etree.ElementTree as ET
from datetime import date, timedelta

import numpy as np
import pytest

from barograph.archive import Archive
from barograph.readings import FAIL
from barograph.registry import Device, Point
from barograph.reports import canvas, charts
from barograph.reports.data import micros
from barograph.reports.gather import gather
from barograph.reports.overview import LANES, NARROW, WIDE, overview
from barograph.reports.periods import Period
from barograph.reports.view import Member, View
from barograph.testing import a_curve, a_site, an_alarm, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
HOSTILE = '</text><script>alert("$x^2_{")</script> & \u202e\x1b[31m'


def site(name="Dairy fridge", cadence=60.0, count=1):
    point = {"temperature": Point(low=0, high=8)}
    return a_site(*(Device(device=f"fridge-{place}", name=name, zone="cold", cadence=cadence, points=point)
                    for place in range(1, count + 1)))  # fmt: skip


def gathered(tmp_path, rows, day=DAY, alarms=(), of=None):
    of = of or site()
    settled_day(tmp_path, of, day, rows)
    return gather(Archive(str(tmp_path)), of, Period.of("day", day), alarms=alarms)


def view(data, alarms=(), **facts):
    device = data.devices[0]
    members = (Member(device.label, device.series[0]),)
    return View(voice=data.voice, zone="Cold", metric=device.series[0].metric, members=members, alarms=alarms,
                shades=device.shades, **facts)  # fmt: skip


def drawn(data, alarms=(), **facts):
    with canvas.style():
        return charts.line(view(data, alarms, **facts))


def line(figure, gid):
    (found,) = [line for line in figure.axes[0].lines if line.get_gid() == gid]
    return found


def at(hours):
    return WINDOW.start + timedelta(hours=hours)


def test_a_gap_is_a_gap(tmp_path):
    """The line breaks where the readings do, at the hour at which they did."""
    rows = [row for row in readings("fridge-1", "temperature", WINDOW, a_curve(4), 60)
            if not at(8) < row["time"] < at(9)]  # fmt: skip

    figure = drawn(gathered(tmp_path, rows))
    hours = line(figure, "curve").get_xdata()
    (hole,) = np.flatnonzero(np.isnan(hours))

    assert (8.0, 9.0) == (hours[hole - 1], hours[hole + 1])
    (band,) = [patch for patch in figure.axes[0].patches if patch.get_gid() == "gap"]
    assert (8.0, 1.0) == (band.get_x(), band.get_width())


def test_thinning_keeps_every_peak_and_the_ends():
    rng = np.random.default_rng(1)
    times = micros(WINDOW.start) + np.arange(86_400, dtype=np.int64) * 1_000_000
    values = rng.normal(5, 1, 86_400)
    values[4711] = 99.0

    hours, thin = charts.thinned(times, values, 3.0, WINDOW)

    assert len(thin) <= 2 * charts.COLUMNS + 2
    assert (values.min(), 99.0) == (thin.min(), thin.max())
    assert (0.0, 4711 / 3600) == (hours[0], hours[thin.argmax()])


def test_limits_are_lines_and_what_lies_beyond_is_shaded(tmp_path):
    figure = drawn(gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, a_curve(4), 60)))
    low, high = figure.axes[0].get_ylim()

    limits = [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_gid() == "limit"]
    beyond = [patch for patch in figure.axes[0].patches if patch.get_gid() == "beyond"]

    assert [0, 8] == limits
    assert low < 0 < 8 < high
    assert 2 == len(beyond)


def test_alarms_are_spans(tmp_path):
    alarm = an_alarm(at(3), at(4.5))
    data = gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, a_curve(4), 60), alarms=[alarm])

    (span,) = [patch for patch in drawn(data, data.alarms).axes[0].patches if patch.get_gid() == "alarm"]

    assert (3.0, 1.5) == (span.get_x(), span.get_width())


def test_the_worst_value_of_an_alarm_stands_on_it(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: 12.5 if at(3) <= t < at(4) else 4.0, 60)
    data = gathered(tmp_path, rows, alarms=[an_alarm(at(3), at(4))])

    (text,) = [text for text in drawn(data, data.alarms).axes[0].texts if text.get_gid() == "worst"]

    assert ("12.5\N{NARROW NO-BREAK SPACE}°C", 3.5) == (text.get_text(), text.get_position()[0])


def test_worst_values_do_not_lie_upon_each_other(tmp_path):
    """Two alarms an hour apart: the longer one's is written, and one at noon beside it."""
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: 12.5 if t < at(4) else 9.5, 60)
    alarms = [an_alarm(at(2), at(3)), an_alarm(at(3.5), at(5.5)), an_alarm(at(12), at(12.5))]
    data = gathered(tmp_path, rows, alarms=alarms)

    said = [text for text in drawn(data, data.alarms).axes[0].texts if text.get_gid() == "worst"]

    assert [4.5, 12.25] == [text.get_position()[0] for text in said]


def test_bad_readings_are_marks_and_do_not_stretch_the_chart(tmp_path):
    """A sensor that says -127 for a minute must not flatten the day."""
    rows = readings("fridge-1", "temperature", WINDOW, a_curve(4), 60)
    rows[600] |= {"value": -127.0, "flag": FAIL}

    figure = drawn(gathered(tmp_path, rows))
    marks = [place for mark in figure.axes[0].lines if mark.get_gid() == "bad" for place in mark.get_xdata()]

    assert [10.0] == marks
    assert figure.axes[0].get_ylim()[0] > -5
    assert -127.0 not in line(figure, "curve").get_ydata()


def test_missing_values_are_ticks(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, a_curve(4), 60)
    rows[300] |= {"value": None, "flag": 9}

    assert [5.0] == list(line(drawn(gathered(tmp_path, rows)), "missing").get_xdata())


@pytest.mark.parametrize(
    ("day", "places"),
    [
        (DAY, [0, 6, 12, 18, 24]),
        (date(2026, 3, 29), [0, 5, 11, 17, 23]),
        (date(2026, 10, 25), [0, 7, 13, 19, 25]),
    ],
)
def test_the_axis_is_the_local_clock(tmp_path, day, places):
    """Six o'clock is five hours after midnight when the clocks went on, seven when they went back."""
    window = Window.local_day(day, "Europe/Berlin")
    axes = drawn(gathered(tmp_path, readings("fridge-1", "temperature", window, 4.0, 60), day=day)).axes[0]

    assert places == list(axes.get_xticks())
    assert ["00:00", "06:00", "12:00", "18:00", "24:00"] == [label.get_text() for label in axes.get_xticklabels()]
    assert (0, window.length / timedelta(hours=1)) == axes.get_xlim()
    change = [line.get_xdata()[0] for line in axes.lines if line.get_gid() == "clocks-change"]
    assert ([] if day == DAY else [2.0] if day.month == 3 else [3.0]) == change


@pytest.mark.parametrize("rows", [[], [{"value": None, "flag": 9}], [{"value": 1e300, "flag": FAIL}], [{"value": 0.0}]])
def test_a_day_of_nothing_or_of_one_reading_is_drawn(tmp_path, rows):
    base = {"device": "fridge-1", "metric": "temperature", "time": at(12), "flag": 1}

    data = gathered(tmp_path, [base | row for row in rows])

    with canvas.style():
        assert canvas.png(charts.line(view(data))).startswith(b"\x89PNG")


def test_the_same_data_is_the_same_picture(tmp_path):
    data = gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, a_curve(4), 60))

    def pictures():
        with canvas.style():
            return [
                draw(figure())
                for figure in (lambda: charts.line(view(data)), lambda: overview(data))
                for draw in (canvas.svg, canvas.png)
            ]

    assert pictures() == pictures()


def test_a_picture_says_nothing_of_when_and_how_it_was_made(tmp_path):
    data = gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, a_curve(4), 60))

    with canvas.style():
        figure = charts.line(view(data))
        svg, png = canvas.svg(figure), canvas.png(figure)

    assert b"dc:date" not in svg
    assert b"atplotlib v" not in svg
    assert b"DOCTYPE" not in svg
    assert b"Software" not in png


def test_a_hostile_name_is_only_text(tmp_path):
    """In a picture too: no markup, no mathematics, no letters that XML forbids."""
    data = gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, 4.0, 600), of=site(HOSTILE, 600))

    with canvas.style():
        for draw in (lambda: drawn(data), lambda: overview(data, WIDE), lambda: overview(data, NARROW)):
            figure = draw()
            root = ET.fromstring(canvas.svg(figure))
            assert not [node for node in root.iter() if "script" in node.tag]
            assert any('<script>alert("' in (node.text or "") for node in root.iter())
            assert canvas.png(figure)


def test_of_very_many_devices_the_overview_shows_those_with_something_to_see(tmp_path):
    many = site(cadence=3600, count=LANES + 20)
    rows = [row for device in many.devices for row in readings(device.device, "temperature", WINDOW, 4.0, 3600)]
    data = gathered(tmp_path, rows, of=many, alarms=[an_alarm(at(3), at(4), device=f"fridge-{LANES + 20}")])

    with canvas.style():
        texts = [text.get_text() for text in overview(data).texts]
        lanes = [text.get_text() for text in overview(data).axes[0].texts]

    assert "and 20 devices more" in texts
    assert any(text.startswith("alarm 1") for text in lanes)


def test_an_open_door_is_shaded_in_the_charts_of_its_device(tmp_path):
    of = a_site(Device(device="fridge-1", zone="cold", cadence=60, points={"temperature": Point(), "door": Point()}))
    rows = readings("fridge-1", "temperature", WINDOW, a_curve(4), 60)
    rows += readings("fridge-1", "door", WINDOW, lambda t: float(at(9) <= t < at(9.5)), 60)

    figure = drawn(gathered(tmp_path, rows, of=of))
    (door,) = [each for each in figure.axes[0].collections if each.get_gid() == "door"]
    (path,) = door.get_paths()

    assert (9.0, 9.5) == (path.vertices[:, 0].min(), path.vertices[:, 0].max())


def test_charts_of_a_zone_share_their_scale(tmp_path):
    data = gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, a_curve(4), 60))

    assert (-20, 40) == drawn(data, extent=(-20, 40)).axes[0].get_ylim()


@pytest.mark.parametrize(("kind", "marks"), [("week", 7), ("month", 5), ("year", 12)])
def test_longer_times_have_an_axis_of_days(tmp_path, kind, marks):
    rows = readings("fridge-1", "temperature", WINDOW, a_curve(4), 600)
    settled_day(tmp_path, site(cadence=600), DAY, rows)

    data = gather(Archive(str(tmp_path)), site(cadence=600), Period.of(kind, DAY))

    assert marks == len(drawn(data).axes[0].get_xticks())
    assert canvas.svg(drawn(data))


def test_of_a_long_time_every_peak_is_kept(tmp_path):
    """A minute of a month is less than a pixel; the warmest one must show all the same."""
    peak = at(11.5)
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: 19.0 if t == peak else 5.0, 60)
    settled_day(tmp_path, site(), DAY, rows)

    data = gather(Archive(str(tmp_path)), site(), Period.of("month", DAY))

    assert 19.0 == np.nanmax(line(drawn(data), "curve").get_ydata())


def test_charts_have_no_ground_of_their_own(tmp_path):
    """A dark page turns their colours around: a white ground would be a black hole in it."""
    data = gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, a_curve(4), 60))

    with canvas.style():
        for figure in (lambda: charts.line(view(data)), lambda: overview(data)):
            assert b"fill: #ffffff" not in canvas.svg(figure())
