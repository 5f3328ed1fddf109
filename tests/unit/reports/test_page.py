"""What a person reads at six in the morning, and that nobody can write something else into it."""

import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest

from barograph.archive import Archive
from barograph.readings import FAIL
from barograph.registry import Device, Point
from barograph.reports.changes import Since
from barograph.reports.contents import contents
from barograph.reports.findings import judge
from barograph.reports.gallery import chart_name
from barograph.reports.gather import gather
from barograph.reports.page import page
from barograph.reports.periods import Period
from barograph.testing import a_site, an_alarm, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}'
FRIDGE = Device(
    device="fridge-1", name="Dairy fridge", zone="cold-wall", cadence=60, points={"temperature": Point(high=8)}
)
ROOM = Device(device="room-1", name="Bakery", zone="rooms", cadence=60, points={"temperature": Point()})
SITE = a_site(FRIDGE, ROOM)
NO_BREAK = str.maketrans({"\N{NARROW NO-BREAK SPACE}": " ", "\N{WORD JOINER}": ""})


def at(hours):
    return WINDOW.start + timedelta(hours=hours)


def a_day():
    return [row for name in ("fridge-1", "room-1") for row in readings(name, "temperature", WINDOW, 5.0, 60)]


def gathered(tmp_path, rows, alarms=(), site=SITE, **facts):
    settled_day(tmp_path, site, DAY, rows, **facts)
    return gather(Archive(str(tmp_path)), site, Period.of("day", DAY), alarms=alarms)


def said(data):
    findings = judge(data)
    lines = [str(finding).translate(NO_BREAK) for finding in (*findings.wrong, *findings.notes)]
    return findings.verdict, findings.headline.translate(NO_BREAK), lines


NOTHING = Since()


def html(data, since=NOTHING):
    glance = dict.fromkeys(("charts/overview", "charts/overview-narrow"), (b"<svg/>", b"")) if data.rows else {}
    return page(contents(data, judge(data), [], glance, 1, since)).decode().translate(NO_BREAK)


class Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset")]
        assert not [name for name, _ in attrs if name.startswith("on")]


def test_a_good_day_is_all_fine(tmp_path):
    data = gathered(tmp_path, a_day())

    assert ("fine", "All fine", []) == said(data)
    assert "2 of 2 devices reported, 2 880 readings. No alarms." in html(data)


def test_one_alarm_is_the_headline(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: 14.2 if at(3) <= t < at(4.2) else 5.0, 60)
    rows += readings("room-1", "temperature", WINDOW, 20.0, 60)

    data = gathered(tmp_path, rows, [an_alarm(at(3), at(4.2), message="Check the door.")])

    verdict, headline, lines = said(data)
    assert ("events", "Dairy fridge was too warm for 1 h 12 min") == (verdict, headline)
    assert ["Dairy fridge was too warm for 1 h 12 min: above 8 °C 03:00–04:12, 14.2 °C at worst"] == lines
    assert "Check the door." in html(data)


def test_an_alarm_over_midnight_says_since_when_and_that_it_is_not_over(tmp_path):
    data = gathered(tmp_path, a_day(), [an_alarm(at(-3))])

    assert "and still was at midnight: above 8 °C 00:00–24:00 (since 16 Jun 21:00)" in said(data)[2][0]
    assert "16 Jun 21:00, still open" in html(data)


def test_a_rule_that_fired_often_is_one_line(tmp_path):
    alarms = [an_alarm(at(hour), at(hour + 0.5)) for hour in (1, 5, 9, 13)]

    (line,) = said(gathered(tmp_path, a_day(), alarms))[2]

    assert line.startswith("Dairy fridge was too warm 4 times, 2 h in all: above 8 °C 01:00–01:30, 05:00–05:30,")


def test_silence_of_one_device_is_its_own_line(tmp_path):
    rows = [row for row in a_day() if not (row["device"] == "room-1" and at(13) < row["time"] < at(15))]

    verdict, headline, lines = said(gathered(tmp_path, rows))

    assert "incomplete" == verdict
    assert "No alarms, but Bakery: no readings for 2 h" == headline
    assert ["Bakery: no readings for 2 h, 13:00–15:00"] == lines


def test_silence_of_the_whole_site_is_said_once(tmp_path):
    rows = [row for row in a_day() if not at(13) < row["time"] < at(15)]

    assert ["All devices: no readings for 2 h, 13:00–15:00"] == said(gathered(tmp_path, rows))[2]


def test_a_device_that_never_spoke_is_named(tmp_path):
    data = gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, 5.0, 60))

    assert ["Bakery: no readings all day"] == said(data)[2]
    assert "1 of 2 devices reported" in html(data)


def test_leaving_the_limits_without_an_alarm_is_a_note(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: 9.0 if at(3) <= t < at(3.2) else 5.0, 60)
    rows += readings("room-1", "temperature", WINDOW, 20.0, 60)

    assert ("fine", "All fine", ["Dairy fridge: outside its temperature limits 12 min, no alarm"]) == said(
        gathered(tmp_path, rows)
    )


def test_sums_that_do_not_balance_are_said_aloud(tmp_path):
    data = gathered(tmp_path, a_day(), duplicate=3, rejected=2, unaccounted=1)

    assert "the sums of the day do not balance: 1 reading unaccounted for" in said(data)[2]
    assert "does not balance" in html(data)


def test_the_sums_of_the_day_are_on_the_page(tmp_path):
    text = re.sub(r"<[^>]+>", "", html(gathered(tmp_path, a_day(), duplicate=41, rejected=12)))

    assert "2 933 read = 2 880 stored + 41 duplicate + 12 rejected" in text


@pytest.mark.parametrize("settled", [True, False])
def test_an_empty_day_has_a_page_that_says_so(tmp_path, settled):
    data = gathered(tmp_path, []) if settled else gather(Archive(str(tmp_path)), SITE, Period.of("day", DAY))

    verdict, headline, _ = said(data)

    assert "empty" == verdict
    assert ("No readings arrived on this day" if settled else "This day has no data yet") == headline
    assert ("barograph status" if settled else "barograph settle shop --day 2026-06-17") in html(data)
    assert "data:image" not in html(data)


def test_the_foot_says_what_the_page_was_made_of(tmp_path):
    text = html(gathered(tmp_path, a_day(), batches=[7, 9]))

    for fact in ("2026-06-16 22:00 to 2026-06-17 22:00 UTC", "Europe/Berlin", "2 batches, the last is 9",
                 "barograph report make shop --day 2026-06-17", "<dt>Revision</dt><dd>1</dd>"):  # fmt: skip
        assert fact in text


def test_hostile_names_are_only_text(tmp_path):
    """A device may call itself what it likes; so may whoever writes rules and registry."""
    site = a_site(FRIDGE.model_copy(update={"name": HOSTILE}), name=HOSTILE)
    rows = [*readings("fridge-1", "temperature", WINDOW, 5.0, 60), *readings(HOSTILE, HOSTILE, WINDOW, 5.0, 600)]
    alarms = [an_alarm(at(1), at(2), message=HOSTILE), an_alarm(at(3), device=HOSTILE, metric=HOSTILE)]

    text = html(gathered(tmp_path, rows, alarms, site=site))
    tags = Reader(text).tags

    assert "script" not in tags
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7*7 }}" in text


def test_nothing_comes_from_elsewhere(tmp_path):
    reader = Reader(html(gathered(tmp_path, a_day())))

    assert reader.links
    own = [link for link in reader.links if not link.startswith("data:image/svg+xml")]
    assert ["readings.csv", "summary.csv", "report.json", "report.pdf"] == own


def test_file_names_of_charts_are_plain_and_apart(tmp_path):
    names = ["../../etc/passwd", "..", "a/b", "A B", "a-b", "库房", "x" * 300]
    rows = [row for name in names for row in readings(name, "t", WINDOW, 5.0, 7200)]

    charts = [chart_name(series) for series in gathered(tmp_path, rows, site=a_site()).series]

    assert len(charts) == len(set(charts))
    assert all(re.fullmatch(r"charts/[a-z0-9-]{3,90}", chart) for chart in charts)


def test_what_cannot_be_believed_is_counted(tmp_path):
    rows = a_day()
    for row in rows[100:200]:
        row |= {"value": -127.0, "flag": FAIL}

    assert "Dairy fridge: temperature: 100 readings doubtful" in said(gathered(tmp_path, rows))[2]


def test_who_has_seen_an_alarm_stands_on_the_first_screen(tmp_path):
    seen = {"state": "acknowledged", "acknowledged": "Ana <b>", "acknowledged_at": at(3.5)}
    data = gathered(tmp_path, a_day(), [an_alarm(at(3), at(4), **seen)])

    text = html(data)

    assert "acknowledged by Ana &lt;b&gt; at 03:30" in text[: text.index("The day at a glance")]


def test_an_alarm_says_what_it_cost_and_how_long_nobody_came(tmp_path):
    """An hour at two degrees above the limit, less the last minute, of which nothing is known yet."""
    rows = a_day()
    for row in rows:
        if row["metric"] == "temperature" and at(3) <= row["time"] <= at(4):
            row["value"] = 10.0
    seen = {"state": "cleared", "acknowledged": "Ana", "acknowledged_at": at(3.5), "waited": 1500.0, "high": 8.0}
    data = gathered(tmp_path, rows, [an_alarm(at(3), at(4), **seen)])

    text = html(data)

    assert "1.97 °C·h beyond the limit" in text.translate(NO_BREAK)
    assert "Ana, 03:30, after 25 min" in text


def test_an_alarm_that_nobody_has_seen_says_so(tmp_path):
    assert "nobody acknowledged it" in html(gathered(tmp_path, a_day(), [an_alarm(at(3), at(4), state="open")]))


def test_a_later_revision_says_what_moved_and_who_had_signed(tmp_path):
    since = Since(2, ("Dairy fridge, temperature: Max 5.0 became 9.5",), ("after revision 2 was signed off by <Ana>",))

    text = html(gathered(tmp_path, a_day()), since)

    assert "What changed since revision 2" in text
    assert "Max 5.0 became 9.5" in text
    assert "signed off by &lt;Ana&gt;" in text


def test_figures_stand_in_a_table_with_their_times(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: 7.5 if t == at(14) else 5.0, 60)
    text = html(gathered(tmp_path, rows))

    assert ">7.5<small>14:00</small>" in text
    assert "≤ 8" in text


def test_a_state_is_counted_not_averaged(tmp_path):
    rows = readings("fridge-1", "door", WINDOW, lambda t: float(at(9) <= t < at(9.5)), 60)

    assert "Door open: 1 time, 30 min in all" in html(gathered(tmp_path, rows)) or "for 30 min" in html(
        gathered(tmp_path, rows)
    )


def test_latency_is_measured_against_the_promise(tmp_path):
    from dataclasses import replace

    from barograph.reports.data import Arrivals

    data = gathered(tmp_path, a_day())
    slow = replace(data, quality=replace(data.quality, arrivals=Arrivals(2880, 1.5, 75.0, 4000.0, 12)))

    text = html(slow)

    assert "half came within 1.5 s, 95 of 100 within 1 min; promised are 1 min: not kept" in text
    assert "12 readings came more than 15 min late, the latest after 1 h 7 min" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_day_can_be_told_in_every_language(tmp_path, language):
    """What is fine, an alarm, silence and bad readings, without a word left over from the code."""
    from dataclasses import replace

    rows = [row for row in a_day() if not (row["device"] == "room-1" and at(13) < row["time"] < at(15))]
    for row in rows[100:200]:
        row |= {"value": -127.0, "flag": FAIL}
    data = gathered(tmp_path, rows, [an_alarm(at(3), at(4)), an_alarm(at(-1), device="room-1", above=False)])

    text = html(replace(data, language=language))

    assert f'<html lang="{language}">' in text
    assert ("过热" in text) == ("too warm" not in text) == (language == "zh")


@pytest.mark.parametrize(
    ("kind", "said_"),
    [
        ("missing", "Dairy fridge was silent for 1 h: 03:00–04:00"),
        ("rate", "Dairy fridge had temperature changing too fast for 1 h: 03:00–04:00"),
        ("n_of_m", "Dairy fridge was too warm for 1 h: 03:00–04:00"),
        ("a_new_one", "Dairy fridge had an alarm of temperature for 1 h: 03:00–04:00"),
    ],
)
def test_an_alarm_of_any_kind_of_rule_says_what_it_is_about(tmp_path, kind, said_):
    data = gathered(tmp_path, a_day(), [an_alarm(at(3), at(4), kind=kind, limit=8.0)])

    assert said(data)[2][0].startswith(said_)
