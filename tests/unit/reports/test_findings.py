"""The headline, and how a time is said: the first words that anybody reads must be true and short."""

from datetime import UTC, date, datetime, timedelta

from barograph.archive import Archive
from barograph.registry import Device, Point
from barograph.reports.findings import judge
from barograph.reports.gather import gather
from barograph.reports.periods import Period
from barograph.reports.words import Voice
from barograph.testing import a_site, an_alarm, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
POINTS = {"temperature": Point(high=8), "humidity": Point(high=60)}
SITE = a_site(
    *(Device(device=name, name=name.title(), zone="cold", cadence=600, points=POINTS) for name in ("dairy", "meat"))
)


def at(hours):
    return WINDOW.start + timedelta(hours=hours)


def headline(tmp_path, *alarms, silent=False):
    rows = [
        row
        for device in SITE.devices
        for metric in POINTS
        for row in readings(device.device, metric, WINDOW, 5.0, 600)
        if not (silent and at(3) < row["time"] < at(6))
    ]
    settled_day(tmp_path, SITE, DAY, rows)
    return judge(gather(Archive(str(tmp_path)), SITE, Period.of("day", DAY), alarms=alarms)).headline


def test_two_alarms_of_one_device_are_one_device(tmp_path):
    """An office that was too warm and too damp is not two places."""
    warm, damp = an_alarm(at(3), at(5), device="dairy"), an_alarm(at(3), at(4), device="dairy", metric="humidity")

    assert headline(tmp_path, warm, damp).replace("\N{NARROW NO-BREAK SPACE}", " ") == (
        "Dairy was too warm for 2 h, and had other alarms"
    )


def test_alarms_of_two_devices_name_the_worst(tmp_path):
    warm, meat = an_alarm(at(3), at(4), device="dairy"), an_alarm(at(3), at(5), device="meat")

    assert "2 devices had alarms; the worst: Meat" == headline(tmp_path, warm, meat)


def test_what_all_devices_did_goes_on_in_its_sentence(tmp_path):
    said = headline(tmp_path, silent=True).replace("\N{NARROW NO-BREAK SPACE}", " ")

    assert said.startswith("No alarms, but all devices: no readings for 3 h")


def test_a_span_within_a_day_says_its_date_once():
    week = Voice(Period.of("week", DAY), "Europe/Berlin")
    start = datetime(2026, 6, 18, 12, 19, tzinfo=UTC)

    assert "18 Jun 14:19–15:58" == week.span(Window(start, start + timedelta(minutes=99)))
    assert "18 Jun 14:19–19 Jun 14:19" == week.span(Window(start, start + timedelta(days=1)))
    assert "21 Jun 20:00–24:00" == week.span(Window(week.window.end - timedelta(hours=4), week.window.end))
    assert "6月18日 14:19–15:58" == Voice(week.period, week.timezone, "zh").span(
        Window(start, start + timedelta(minutes=99))
    )
