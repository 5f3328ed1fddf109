"""How messages read: in two languages, with hostile names, and with a user's own templates."""

from __future__ import annotations

import pytest
from tests.unit.notify.people import MINUTE, NOON, Row, a_book, a_contact, an_alarm

from barograph.notify.composing import composition
from barograph.notify.rendering import problems, render

PAGES = "https://shop.example"


def facts_of(*alarms, language="en", kind="opened", threads=None):
    rows = [Row(n, alarm=alarm["alarm"], kind=kind) for n, alarm in enumerate(alarms)]
    book = a_book(a_contact(language=language))
    return composition("anna", book, rows, {a["alarm"]: a for a in alarms}, threads or {}, NOON, "x").message.facts


def test_a_mail_says_what_a_person_needs_at_night():
    """What, where, how bad, since when, and where to look."""
    told = render(facts_of(an_alarm()), PAGES, NOON)

    assert "[Corner shop] Alarm: Dairy fridge, Temperature 9.5 °C (major)" == told.subject
    for text in (told.text, told.html):
        for fact in ("Dairy fridge", "9.5 °C", "limit 8 °C", "2026-11-27 12:55:00 CET", "5 min", "The goods spoil."):
            assert fact in text
        assert "https://shop.example/barograph/alarms/1" in text


@pytest.mark.parametrize(("kind", "state"), [("cleared", "cleared"), ("withdrawn", "withdrawn"), ("opened", "open")])
def test_every_fact_has_a_line_of_its_own(kind, state):
    """A template's line that ends with a tag swallows the break behind it."""
    before = {} if kind == "opened" else {1: ["x"]}
    ended = NOON if state == "cleared" else None

    told = render(facts_of(an_alarm(state=state, cleared=ended), kind=kind, threads=before), PAGES, NOON)

    lines = told.text.splitlines()
    assert "  Site: Corner shop, cold-wall; Rule: warm" in lines
    assert "  Temperature 9.5 °C, limit 8 °C" in lines
    for text in (told.text, told.chat):
        assert [f"{PAGES}/barograph/alarms/1"] == [line.strip() for line in text.splitlines() if "https" in line]


def test_the_same_in_chinese():
    told = render(facts_of(an_alarm(), language="zh"), PAGES, NOON)

    assert "[Corner shop] 告警: Dairy fridge, 温度 9.5 °C (重要)" == told.subject
    assert "限值 8 °C" in told.text
    assert "5 分钟" in told.html


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("kind", "alarm", "threads"),
    [
        ("opened", {}, {}),
        ("opened", {"state": "cleared", "cleared": NOON, "limit": None, "value": None}, {}),
        ("opened", {"state": "cleared", "cleared": NOON, "opened": NOON}, {}),
        ("cleared", {"state": "cleared", "cleared": NOON}, {1: ["x"]}),
        ("withdrawn", {"state": "withdrawn"}, {1: ["x"]}),
        ("raised", {"severity": "critical"}, {1: ["x"]}),
        ("repeated", {"severity": "of another version", "metric": "unheard of"}, {1: ["x"]}),
        ("escalated", {"provisional": True}, {}),
        ("opened", {"site": "", "device": "ingest", "rule": "ingest-stopped", "metric": "heartbeat"}, {}),
        ("opened", {"acknowledged": True}, {}),
    ],
)
def test_every_kind_can_be_said(language, kind, alarm, threads):
    """Templates are strict: a word that is missing would be an error here, and not at night."""
    one = facts_of(an_alarm(**alarm), language=language, kind=kind, threads=threads)
    two = facts_of(an_alarm(1, **alarm), an_alarm(2, **alarm), language=language, kind=kind,
                   threads=threads and {1: ["x"], 2: ["x"]})  # fmt: skip

    for facts in (one, two):
        told = render(facts, PAGES, NOON, chart=True)
        assert told.subject and told.chat.strip() and told.text.strip()


@pytest.mark.parametrize(
    ("alarm", "said"),
    [
        ({"kind": "missing", "metric": "frames", "value": 754.0, "limit": 300.0}, "Silence 12 min 34 s, limit 5 min"),
        ({"kind": "cumulative", "value": 5400.0, "limit": 3600.0},
         "Temperature, time beyond the limit 1 h 30 min, limit 1 h"),
        ({"kind": "rate", "value": 1.25, "limit": 1.0}, "Temperature, change per minute 1.25 °C/min, limit 1 °C/min"),
        ({"kind": "deviation", "value": -3.04, "limit": -2.0}, "Temperature, deviation −3.0 °C, limit −2 °C"),
        ({"kind": "quality", "value": 0.25, "limit": 0.2}, "Temperature, share of bad readings 25%, limit 20%"),
        ({"kind": "n_of_m", "value": 3.0, "limit": 3.0}, "Temperature, readings beyond the limit 3, limit 3"),
        ({"kind": "error_code", "value": 1.0, "limit": None, "thresholds": {"code": -127.0}},
         "Temperature, error code -127"),
        ({"kind": "mkt", "value": 25.31, "limit": 25.0}, "Temperature, mean kinetic temperature 25.3 °C, limit 25 °C"),
    ],
)  # fmt: skip
def test_a_value_is_what_the_rules_kind_measures(alarm, said):
    """Seconds of silence are no degrees."""
    assert f"  {said}\n" in render(facts_of(an_alarm(**alarm)), PAGES, NOON).text


def test_a_silent_port_is_a_port():
    assert (
        "port cold-wall, Silence"
        in render(facts_of(an_alarm(device="port:cold-wall", kind="missing")), PAGES, NOON).subject
    )


def test_names_are_text():
    """A device may be called anything: it can neither act in a page nor begin a header."""
    wild = "<script>alert(1)</script>\r\nBcc: all@shop.example {{ 7 * 7 }}"

    told = render(facts_of(an_alarm(device=wild, site="elsewhere", message=wild)), PAGES, NOON)

    assert "<script>" not in told.html
    assert "\n" not in told.subject
    assert "\r" not in told.subject
    assert "49" not in told.subject


def test_a_message_that_comes_late_says_so():
    assert "Sent late" not in render(facts_of(an_alarm()), PAGES, NOON + 9 * MINUTE).text
    assert "Sent late" in render(facts_of(an_alarm()), PAGES, NOON + 11 * MINUTE).text


def test_a_users_template_wins_and_one_of_a_language_wins_over_it(tmp_path):
    (tmp_path / "subject.txt").write_text("Hello {{ entries[0].label }}")
    (tmp_path / "subject.zh.txt").write_text("你好 {{ entries[0].label }}")

    assert "Hello Dairy fridge" == render(facts_of(an_alarm()), PAGES, NOON, tmp_path).subject
    assert "你好 Dairy fridge" == render(facts_of(an_alarm(), language="zh"), PAGES, NOON, tmp_path).subject


@pytest.mark.parametrize(
    "template",
    [
        "{% if %}",
        "{{ nothing.of.that.name }}",
        "{{ 1 / 0 }}",
        "{% include 'elsewhere.txt' %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ entries.clear() }}",
    ],
)
def test_a_template_that_breaks_or_breaks_out_costs_only_its_looks(tmp_path, template):
    (tmp_path / "subject.txt").write_text(template)

    assert "[Corner shop] Alarm" in render(facts_of(an_alarm()), PAGES, NOON, tmp_path).subject


def test_a_broken_template_is_named_before_it_is_needed(tmp_path):
    (tmp_path / "mail.html").write_text("fine\n{% if %}")

    assert [f"{tmp_path}/mail.html:2: (whole file)"] == [line[: line.index(")") + 1] for line in problems(tmp_path)]


def test_times_are_those_of_the_site_and_tell_the_two_hours_apart():
    """At 02:30 in the night when clocks go back, CEST or CET is all that says which."""
    twice = an_alarm(started=NOON.replace(month=10, day=25, hour=1, minute=30))

    assert "2026-10-25 02:30:00 CET" in render(facts_of(twice), PAGES, NOON).text
