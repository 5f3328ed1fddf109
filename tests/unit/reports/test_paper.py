"""The report on paper, and a report that is whole: every chart, hostile names, byte for byte."""

from datetime import date, timedelta

import pytest

from barograph.readings import FAIL
from barograph.registry import Device, Point
from barograph.reports import canvas, gallery
from barograph.reports.publish import report
from barograph.settings import Settings
from barograph.testing import MemoryCatalogue, a_curve, a_site, an_alarm, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
HOSTILE = '<script>alert("1")</script> ../../x \u202etxt.exe \x07 🧊 {{ 7*7 }} $x^2$ =SUM(A1)'


def a_shop(tmp_path, name="Dairy fridge", language="en"):
    points = {"temperature": Point(low=0, high=8), "humidity": Point(), "door": Point()}
    site = a_site(*(Device(device=f"fridge-{place}", name=name, zone="cold", cadence=600, points=points)
                    for place in (1, 2)), name=name)  # fmt: skip
    rows = [row for device in site.devices for metric in points for row in
            readings(device.device, metric, WINDOW, a_curve(4) if metric != "door" else 0.0, 600)]  # fmt: skip
    rows[40] |= {"value": 99.0, "flag": FAIL}
    rows += readings(name[:90], name[:60], WINDOW, 5.0, 3600)
    settled_day(tmp_path, site, DAY, rows)
    seen = {"message": name, "acknowledged": name, "state": "open", "rule": name}
    alarms = [an_alarm(WINDOW.start + timedelta(hours=3), WINDOW.start + timedelta(hours=4), **seen)]
    settings = Settings(home=tmp_path, reports={"language": language})
    return settings, site, MemoryCatalogue(alarms)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    settings, site, catalogue = a_shop(tmp_path_factory.mktemp("whole"))
    return contents(report(settings, site, DAY, catalogue).folder)


def test_the_whole_report_is_the_same_byte_for_byte(whole, tmp_path):
    settings, site, catalogue = a_shop(tmp_path)

    assert whole == contents(report(settings, site, DAY, catalogue).folder)


def test_paper_is_a_pdf_with_searchable_text_and_without_a_time_of_making(whole):
    paper = whole["report.pdf"]

    assert paper.startswith(b"%PDF-1.")
    assert b"/CreationDate (D:20260617220000Z" in paper
    assert b"/Subtype /Image" not in paper
    assert b"/ToUnicode" in paper


@pytest.mark.parametrize(("font", "language"), [(None, "en"), ("Noto Sans CJK SC", "zh")])
def test_a_language_without_letters_here_is_no_boxes(tmp_path, monkeypatch, font, language):
    """Without a font the report is in English and says what to do; with one, the next run makes a Chinese revision."""
    monkeypatch.setattr(gallery, "CHARTS", {"line": gallery.CHARTS["line"]})
    settings, site, catalogue = a_shop(tmp_path, language="zh")
    monkeypatch.setattr(canvas, "chinese_font", lambda: None)
    first = report(settings, site, DAY, catalogue)
    monkeypatch.setattr(canvas, "chinese_font", lambda: font)

    again = report(settings, site, DAY, catalogue)

    page = again.page.read_text()
    assert f'<html lang="{language}">' in page
    assert ("apt install fonts-noto-cjk" in page) == (font is None)
    assert (first.fingerprint == again.fingerprint) == (font is None)


def test_chinese_names_without_letters_here_are_ids(tmp_path, monkeypatch):
    """In an English report too: five boxes in a row are no name."""
    monkeypatch.setattr(gallery, "CHARTS", {"line": gallery.CHARTS["line"]})
    monkeypatch.setattr(canvas, "chinese_font", lambda: None)
    settings, site, catalogue = a_shop(tmp_path, name="一号冷柜")

    made = report(settings, site, DAY, catalogue)

    assert made.unwritten
    assert made.headline.startswith("fridge-1 was too warm")
    assert "apt install fonts-noto-cjk" in made.page.read_text()
    assert ">fridge-1</text>" in (made.folder / "charts/overview.svg").read_text()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_names_are_text_in_every_file(tmp_path, monkeypatch, language):
    """Page, paper, charts, CSV and JSON; and no file has a name that one of them chose."""
    monkeypatch.setattr(gallery, "CHARTS", {name: gallery.CHARTS[name] for name in ("line", "range")})
    monkeypatch.setattr(canvas, "writes", lambda language: True)
    settings, site, catalogue = a_shop(tmp_path, HOSTILE, language)

    files = contents(report(settings, site, DAY, catalogue).folder)

    page = files["index.html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not [name for name in files if "<" in name or ".." in name or "script>" in name]
    for name, content in files.items():
        if name.endswith(".svg"):
            assert b"<script" not in content
        if name.endswith(".csv"):
            assert not [
                cell for line in content.decode().split("\n") for cell in line.split(",") if cell.startswith("=")
            ]
    assert b"\x07" not in files["charts/overview.svg"]
