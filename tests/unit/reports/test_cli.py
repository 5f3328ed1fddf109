"""`barograph report` reads what was published; `make` itself is tested on real servers."""

import json
from datetime import date

import pytest
import typer
from typer.testing import CliRunner

from barograph.cli import report as command
from barograph.errors import ReportError
from barograph.reports.publish import report
from barograph.settings import Settings
from barograph.testing import MemoryCatalogue, a_site, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
SITE_FILE = """\
site: shop
name: Corner shop
timezone: Europe/Berlin
devices:
  - {device: fridge-1, name: "Dairy [bold]fridge", zone: cold, cadence: 3600, points: {temperature: {high: 8}}}
"""


@pytest.fixture
def published(tmp_path, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))
    folder = tmp_path / "sites/shop"
    folder.mkdir(parents=True)
    (folder / "site.yaml").write_text(SITE_FILE)
    site = a_site()
    rows = readings("fridge-1", "temperature", Window.local_day(DAY, site.timezone), 5.0, 30)
    settled_day(tmp_path, site, DAY, rows)
    return report(Settings(home=tmp_path), site, DAY, MemoryCatalogue())


def run(*words):
    app = typer.Typer()
    command.register(app)
    app.callback()(lambda: None)
    result = CliRunner().invoke(app, ["report", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_list_shows_day_and_headline(published):
    assert "2026-06-17  shop  ✓  All fine" in run("list")
    (row,) = json.loads(run("list", "--json"))
    assert ("2026-06-17", "fine", str(published.page)) == (row["day"], row["verdict"], row["page"])


def test_show_says_what_the_page_says_and_where_it_is(published):
    output = run("show", "--day", "2026-06-17")

    assert "2880 read = 2880 stored + 0 duplicate + 0 rejected" in output
    assert str(published.page) in output
    assert "shop" == json.loads(run("show", "shop", "--day", "2026-06-17", "--json"))["site"]


def test_a_site_that_is_not_there_is_named_with_those_that_are(published):
    with pytest.raises(ReportError, match=r"There is no site mill\. There are shop"):
        run("show", "mill", "--day", "2026-06-17")


def test_no_reports_yet_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))

    assert "barograph report make" in run("list")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--day", "2026-06-17", "--until", "2026-06-10"], "cannot end"),
        (["--day", "2026-06-17", "--zone", "a", "--device", "b"], "one of --zone and --device"),
    ],
)
def test_what_cannot_be_asked_for_is_said(published, words, said):
    with pytest.raises(ReportError, match=said):
        run("show", *words)


def test_a_week_that_was_not_made_is_named(published):
    with pytest.raises(ReportError, match="There is no report of shop, 2026-06-15"):
        run("show", "--day", "2026-06-17", "--period", "week")
