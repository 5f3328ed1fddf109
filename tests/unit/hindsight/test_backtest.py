"""Rules over past days: what would have fired, against the rules in force. Nothing of now is touched."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from barograph.archive import Archive
from barograph.cli import make_app
from barograph.errors import DocumentError, QuestionError, ReportError
from barograph.hindsight import backtest as testing
from barograph.hindsight import readings as past
from barograph.hindsight import suggest
from barograph.hindsight.backtest import Asked, backtest, days_of
from barograph.registry import Device, Point
from barograph.reports import backtest_page, backtest_shelf
from barograph.rules import backtest as judging
from barograph.rules.readings import Judged
from barograph.settings import Settings
from barograph.testing import a_site, readings, settled_day
from barograph.windows import Window, microseconds

HOSTILE = "fridge <script>"
SITE = a_site(
    *(
        Device(device=name, zone="cold", kind="fridge", points={"temperature": Point()})
        for name in ("fridge-1", "fridge-2")
    ),
    timezone="Europe/Berlin",
)
FIRST, LAST = date(2026, 11, 20), date(2026, 11, 23)
NOW = datetime(2026, 11, 24, tzinfo=UTC)

PRESENT = "rules: [{rule: warm, metric: temperature, devices: ['fridge*'], above: 8, hold: 600}]"
LATER = "rules: [{rule: warm, metric: temperature, devices: ['fridge*'], above: 8, hold: 1200}]"
STRICTER = "rules: [{rule: warm, metric: temperature, devices: ['fridge*'], above: 9, hold: 600}]"
OTHER = "rules: [{rule: cold, metric: temperature, devices: ['fridge*'], below: 3.5, hold: 60}]"


def course(at: datetime) -> float:
    """Every day an hour at 9.5 from noon (UTC), and half an hour at 8.5 from three."""
    return 9.5 if at.hour == 12 else 8.5 if at.hour == 3 and at.minute < 30 else 4.0


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Four settled days."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(4):
        day = FIRST + timedelta(days=number)
        window = Window.local_day(day, SITE.timezone)
        rows = [*readings("fridge-1", "temperature", window, course, cadence=60),
                *readings("fridge-2", "temperature", window, 4.0, cadence=60)]  # fmt: skip
        settled_day(folder, SITE, day, rows)
    return folder


def asked(tried: str, first=FIRST + timedelta(days=1), last=LAST, present=PRESENT, **more) -> Asked:
    read = (testing.read(Path("rules.yaml"), text, SITE) for text in (tried, present))
    return Asked(SITE, days_of(SITE, first, last), *read, **more)


def run_over(root, *args, **more):
    return backtest(Archive(str(root)), asked(*args, **more))


def test_the_rules_in_force_compared_with_themselves_change_nothing(root):
    found = run_over(root, PRESENT)

    assert (6, 6, 6) == (len(found.before), len(found.after), found.difference.same)
    assert 2.0 == found.per_day(found.after)
    assert [(day, 2, 2) for day in found.settled] == found.by_day()


def test_a_longer_hold_shifts_the_alarms(root):
    """Ten minutes later each; they clear when they did."""
    found = run_over(root, LATER)

    assert ([], [], 6) == (found.difference.gained, found.difference.lost, len(found.difference.shifted))
    delays = {pair.after.opened - pair.before.opened for pair in found.difference.shifted}
    assert {timedelta(minutes=10)} == delays
    assert all(pair.after.cleared == pair.before.cleared for pair in found.difference.shifted)


def test_a_higher_limit_loses_the_smaller_excursions(root):
    found = run_over(root, STRICTER)

    assert (3, 3) == (len(found.after), len(found.difference.lost))
    assert {8.5} == {each.value for each in found.difference.lost}


def test_other_rules_gain_and_lose_everything(root):
    """The rule that is not in the file is in the table all the same: it is what is lost."""
    found = run_over(root, OTHER)

    assert [("cold", 0, 0), ("warm", 6, 0)] == [(line.rule, line.before, line.after) for line in found.lines]
    assert 6 == len(found.difference.lost)


def test_a_shop_without_rules_has_no_alarms(root):
    found = run_over(root, "rules: []", present="rules: []")

    assert ([], [], []) == (found.before, found.after, found.lines)


def test_what_began_before_the_range_is_known_and_does_not_count(root):
    """The first day is read for the rules' memory: an alarm that opened then is not one of these days."""
    long = "rules: [{rule: mild, metric: temperature, devices: [fridge-2], above: 3, hold: 3600}]"

    assert [] == run_over(root, long).after
    assert 1 == len(run_over(root, long, first=FIRST).after)


def test_a_hole_between_settled_days_is_no_silence(root, tmp_path):
    """What nobody settled is not known: no alarm about missing data comes of it."""
    for day in (FIRST, FIRST + timedelta(days=3)):
        window = Window.local_day(day, SITE.timezone)
        settled_day(tmp_path, SITE, day, readings("fridge-1", "temperature", window, 4.0, cadence=60))
    missing = (
        "rules: [{rule: gone, kind: missing, metric: temperature, devices: [fridge-1], least: 1800, roots: false}]"
    )

    found = run_over(tmp_path, missing, first=FIRST)

    assert 2 == len(found.settled)
    assert [] == found.after


def test_a_limit_is_suggested_for_a_wanted_rate(root):
    """Two a day at 8 become one a day from 8.5 on, and none from 9.5 on."""
    (one,) = run_over(root, PRESENT, per_day=1.0).lines
    (none,) = run_over(root, PRESENT, per_day=0.1).lines

    assert (8.5, 9.5) == (one.suggested, none.suggested)
    assert None is run_over(root, PRESENT).lines[0].suggested


RISING = [(60 * n, 5 + (n % 60) / 10 * (n // 60 % 4)) for n in range(1440)]
"""Each hour it goes up to 5, 10.9, 16.8 or 22.7, and at once down again."""


def suggested(rule, per_day):
    [rule] = testing.read(Path("r.yaml"), f"rules: [{{rule: x, metric: temperature, {rule}}}]", SITE).rules
    sample = suggest.Sample(SITE, testing.Rules(rules=[rule]), Window.local_day(FIRST, "UTC"), per_day)
    start = microseconds(Window.local_day(FIRST, "UTC").start)
    sample.keep([Judged(start + seconds * 1_000_000, "fridge-1", "temperature", value) for seconds, value in RISING])
    return sample.suggested()["x"]


@pytest.mark.parametrize(
    ("rule", "per_day", "expected"),
    [
        ("above: 8", 12, 10.9),
        ("above: 8", 6, 16.8),
        ("above: 8, hold: 600", 12, 9.9),
        ("outside: [0, 10], clear: [1, 9]", 6, (-6.8, 16.8)),
        ("inside: [14, 22]", 6, (16.9, 19.1)),
        ("kind: rate, above: 0.05, over: 600", 6, 0.2),
        ("kind: deviation, reference: 5.0, above: 1", 6, 11.8),
    ],
)
def test_a_limit_is_one_of_what_the_rule_measures(rule, per_day, expected):
    """Of a change a minute, of what lies between two limits, of a value that must last: each by the judge itself."""
    assert pytest.approx(expected, abs=0.011) == suggested(rule, per_day)


@given(
    st.lists(st.sampled_from([4.0, 7.9, 8.0, 8.3, 8.6, 9.1, 12.0]), min_size=5, max_size=60),
    st.sampled_from([0, 60, 150]),
    st.sampled_from(["", ", clear: 7.5", ", levels: [{above: 9, severity: critical}]"]),
)
def test_readings_that_are_fine_between_others_that_are_change_nothing(values, hold, more):
    """The search leaves them out, and counts the same alarms."""
    rules = f"rules: [{{rule: warm, metric: temperature, above: 8, hold: {hold}{more}}}]"
    (rule,) = testing.read(Path("r.yaml"), rules, SITE).rules
    heard = [Judged((60 * n + 5000 * (n > 30)) * 1_000_000, "fridge-1", "temperature", v) for n, v in enumerate(values)]
    near = suggest._near(rule, np.array(values))

    whole, part = (
        judging.backtest(some, suggest.watches_of(SITE, testing.Rules(rules=[rule]), None), 0, 10**10)
        for some in (heard, [heard[place] for place in near])
    )

    assert suggest._near_only(rule)
    assert whole.alarms == part.alarms


def test_more_readings_than_can_be_looked_through_are_said_to_be_so(root, monkeypatch):
    """Where opening hours or doors have a say, every reading has to be heard for each limit that is tried."""
    monkeypatch.setattr(suggest, "MOST", 100)

    found = run_over(root, PRESENT.replace("hold: 600", "hold: 600, clear_hold: 60"), per_day=1.0)

    assert ["warm"] == found.unlooked
    assert None is found.lines[0].suggested


def test_days_that_nobody_settled_are_no_answer(root):
    with pytest.raises(QuestionError, match="has no settled day"):
        run_over(root, PRESENT, first=date(2025, 1, 1), last=date(2025, 1, 2))
    with pytest.raises(QuestionError, match="is before"):
        days_of(SITE, LAST, FIRST)


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{rule: warm}]",
        "rules: [{rule: warm, metric: temperature, abov: 8}]",
        "rules: *x",
        "- !!python/object:os {}",
    ],
)
def test_bad_rules_are_refused_with_file_and_line(text):
    with pytest.raises(DocumentError, match=r"draft.yaml:1"):
        testing.read(Path("draft.yaml"), text, SITE)


def test_readings_come_in_the_order_of_time_with_their_sources(root):
    heard = past.of_day(Archive(str(root)), SITE, FIRST, lambda device, _: device == "fridge-1")

    assert 1440 == len(heard)
    assert heard == sorted(heard)
    assert {"fridge-1"} == {each.device for each in heard}


def test_a_page_says_what_changed_and_the_same_question_has_the_same_page(root, tmp_path):
    settings = Settings(home=tmp_path)

    first = backtest_page.publish(settings, run_over(root, STRICTER), NOW)
    again = backtest_page.publish(settings, run_over(root, STRICTER), NOW + timedelta(hours=1))
    other = backtest_page.publish(settings, run_over(root, LATER), NOW + timedelta(hours=2))

    assert first.key == again.key != other.key
    assert [other.key, again.key] == [each.key for each in backtest_shelf.shelf(settings)]
    page = first.page.read_text()
    assert "Back-test of" in page
    assert "<script" not in page
    assert 3 == len(backtest_shelf.find(settings, first.key).facts["lost"])


def test_names_of_strangers_are_text_on_the_page(tmp_path):
    window = Window.local_day(FIRST, SITE.timezone)
    settled_day(tmp_path, SITE, FIRST, readings(HOSTILE, "temperature", window, course, cadence=60))

    found = run_over(tmp_path, PRESENT, first=FIRST, last=FIRST)

    assert 2 == len(found.after)
    assert "&lt;script&gt;" in backtest_page.page(found, NOW)
    assert "<script" not in backtest_page.page(found, NOW)


@pytest.mark.parametrize("key", ["", "..", "../../secret", "0" * 20, "A" * 20, "0" * 21])
def test_nothing_but_a_back_test_is_found_by_a_key(tmp_path, key):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "result.json").write_text("{}")

    with pytest.raises(ReportError):
        backtest_shelf.find(Settings(home=tmp_path), key)


def test_neither_state_nor_anybodys_inbox_is_touched(root, tmp_path, monkeypatch):
    """There is no database, no Kafka and no InfluxDB here, and whoever asks for one would be told off."""
    sites = tmp_path / "sites" / "shop"
    sites.mkdir(parents=True)
    (sites / "site.yaml").write_text(
        "site: shop\\nname: Shop\\ntimezone: Europe/Berlin\\ndevices:\\n".replace("\\n", "\n")
        + "".join(
            f"- {{device: fridge-{n}, zone: cold, kind: fridge, points: {{temperature: {{}}}}}}\n" for n in (1, 2)
        )
    )
    (sites / "rules.yaml").write_text(PRESENT)
    (tmp_path / "draft.yaml").write_text(STRICTER)
    settings = Settings(home=tmp_path, archive=str(root))
    monkeypatch.setattr("barograph.settings.load_settings", lambda *_: settings)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def touched(*_, **__):
        raise AssertionError("a back-test looks at the archive alone")

    for name in (
        "barograph.state.engine.connect",
        "sqlalchemy.create_engine",
        "influxdb_client.InfluxDBClient.__init__",
    ):
        monkeypatch.setattr(name, touched)
    words = ["alarms", "backtest", str(tmp_path / "draft.yaml"), "--from", str(FIRST), "--to", str(LAST), "--json"]
    result = CliRunner().invoke(make_app(), words)

    assert 0 == result.exit_code, result.output
    assert 4 == len(json.loads(result.stdout)["lost"])
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert not list(tmp_path.glob("reports/*"))
