"""Nothing half-written is ever seen, a revision never changes, and nobody reads outside of the reports folder."""

import csv
import io
import json
import os
import re
import shutil
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from barograph.errors import ReportError, WriterBusy
from barograph.registry import Device, Point
from barograph.reports import canvas, gallery, publish
from barograph.reports.periods import Period, Scope
from barograph.reports.publish import find, listing, report
from barograph.reports.shelf import digest
from barograph.settings import Settings
from barograph.state.signoffs import Signoff
from barograph.testing import MemoryCatalogue, a_site, an_alarm, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
SITE = a_site(Device(device="fridge-1", zone="cold", cadence=3600, points={"temperature": Point(high=8)}))
WINDOW = Window.local_day(DAY, SITE.timezone)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """One chart, few pixels, paper of one line: what is published whole is in test_paper.py."""
    monkeypatch.setattr(canvas, "PIXELS_PER_INCH", 30)
    monkeypatch.setattr(gallery, "CHARTS", {"line": gallery.CHARTS["line"]})
    monkeypatch.setattr(publish, "pdf", lambda said: f"%PDF {said.findings.headline}".encode())


def settle(settings, value=5.0, site=SITE, day=DAY, device="fridge-1"):
    rows = readings(device, "temperature", Window.local_day(day, site.timezone), value, 3600)
    settled_day(settings.home, site, day, rows)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def table(made, name):
    return list(csv.DictReader(io.StringIO((made.folder / name).read_bytes().decode(), newline="")))


def test_a_report_is_a_folder_with_page_charts_and_figures(settings):
    settle(settings)

    made = report(settings, SITE, DAY, MemoryCatalogue())

    assert (1, True, "fine") == (made.revision, made.changed, made.verdict)
    assert settings.reports_folder / "shop/2026-06-17/r1" == made.folder
    names = set(contents(made.folder))
    assert {"index.html", "report.pdf", "report.json", "readings.csv", "summary.csv", "charts/overview.svg"} < names
    assert {".svg", ".png"} == {Path(name).suffix for name in names if name.startswith("charts/")}
    assert "r1" == str((made.folder.parent / "latest").readlink())


def test_the_same_data_is_the_same_report_byte_for_byte(settings, tmp_path):
    settle(settings)
    first = contents(report(settings, SITE, DAY, MemoryCatalogue()).folder)
    shutil.rmtree(settings.reports_folder)

    assert first == contents(report(settings, SITE, DAY, MemoryCatalogue()).folder)


def test_the_same_data_again_is_nothing_new(settings):
    settle(settings)
    catalogue = MemoryCatalogue()
    report(settings, SITE, DAY, catalogue)

    again = report(settings, SITE, DAY, catalogue)

    assert (1, False) == (again.revision, again.changed)
    assert 1 == len(catalogue.entries)


def test_other_data_is_the_next_revision_and_the_old_one_stays(settings):
    catalogue = MemoryCatalogue()
    settle(settings)
    first = report(settings, SITE, DAY, catalogue)
    before = contents(first.folder)
    settle(settings, value=6.0)

    second = report(settings, SITE, DAY, catalogue)

    assert (2, True) == (second.revision, second.changed)
    assert before == contents(first.folder)
    assert 2 == find(settings, "shop", DAY).revision
    assert [1, 2] == find(settings, "shop", DAY).revisions
    assert ["shop/2026-06-17/r1", "shop/2026-06-17/r2"] == [entry.folder for entry in catalogue.entries]


@pytest.mark.parametrize("name", ["index.html", "report.pdf", "report.json", "charts/overview.svg"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_damaged_files_are_rebuilt_in_place(settings, name, damage):
    settle(settings)
    catalogue = MemoryCatalogue()
    made = report(settings, SITE, DAY, catalogue)
    before = contents(made.folder)
    damage(made.folder / name)

    again = report(settings, SITE, DAY, catalogue)

    assert (1, False) == (again.revision, again.changed)
    assert before == contents(made.folder)
    assert ["latest", "r1"] == sorted(path.name for path in made.folder.parent.iterdir())


def test_a_lost_folder_is_rebuilt(settings):
    settle(settings)
    catalogue = MemoryCatalogue()
    made = report(settings, SITE, DAY, catalogue)
    before = contents(made.folder)
    shutil.rmtree(settings.reports_folder)

    assert not report(settings, SITE, DAY, catalogue).changed
    assert before == contents(made.folder)


def test_what_cannot_be_rebuilt_byte_for_byte_is_a_new_revision(settings, monkeypatch):
    """After an upgrade the same data may look otherwise: a published revision still never changes."""
    settle(settings)
    catalogue = MemoryCatalogue()
    first = report(settings, SITE, DAY, catalogue)
    (first.folder / "index.html").unlink()
    monkeypatch.setattr(publish, "page", lambda *_: b"another version")

    second = report(settings, SITE, DAY, catalogue)

    assert (2, True) == (second.revision, second.changed)
    assert not (first.folder / "index.html").exists()


def test_what_was_published_but_not_registered_is_adopted(settings):
    """The process ended between the two, or the database was restored from yesterday."""
    settle(settings)
    made = report(settings, SITE, DAY, MemoryCatalogue())
    before = contents(made.folder)
    forgetful = MemoryCatalogue()

    again = report(settings, SITE, DAY, forgetful)

    assert 1 == again.revision
    assert [1] == [entry.revision for entry in forgetful.entries]
    assert before == contents(made.folder)


def test_a_revision_that_the_database_forgot_is_never_overwritten(settings):
    settle(settings)
    first = report(settings, SITE, DAY, MemoryCatalogue())
    before = contents(first.folder)
    settle(settings, value=6.0)

    assert 2 == report(settings, SITE, DAY, MemoryCatalogue()).revision
    assert before == contents(first.folder)


class Died(BaseException):
    """What a kill looks like from inside."""


def test_killed_at_any_step_the_previous_revision_can_be_read(settings, monkeypatch):
    """Every write, sync, rename and link in turn is the last thing that happens; then the next run ends the work."""
    steps = [(Path, name) for name in ("mkdir", "write_bytes", "rename", "replace", "symlink_to")]
    originals = {name: getattr(Path, name) for _, name in steps} | {"fsync": os.fsync, "add": MemoryCatalogue.add}
    left = 0

    def dying(name):
        def step(*args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                raise Died(name)
            return originals[name](*args, **kwargs)

        return step

    catalogue = MemoryCatalogue()
    settle(settings)
    report(settings, SITE, DAY, catalogue)
    settle(settings, value=6.0)
    fatal, survived, known = 0, False, 1
    while not survived:
        if len(catalogue.entries) > known:  # it died after it had registered: only turning the link was left
            known = len(catalogue.entries)
            settle(settings, value=6.0 + known)
        with monkeypatch.context() as patched:
            for owner, name in [*steps, (os, "fsync"), (MemoryCatalogue, "add")]:
                patched.setattr(owner, name, dying(name))
            left = fatal
            try:
                report(settings, SITE, DAY, catalogue)
                survived = True
            except Died:
                pass
        readable = find(settings, "shop", DAY)
        assert readable.intact(digest((readable.folder / "report.json").read_bytes()))
        fatal += 1
    assert fatal > 20

    settle(settings, value=4.0)
    report(settings, SITE, DAY, catalogue)
    folder = settings.reports_folder / "shop/2026-06-17"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert 4.0 == find(settings, "shop", DAY).summary["series"][0]["mean"]


def test_of_two_copies_at_once_one_publishes(settings):
    settle(settings)
    catalogue, outcomes = MemoryCatalogue(), []

    def run():
        try:
            outcomes.append(report(settings, SITE, DAY, catalogue).changed)
        except WriterBusy:
            outcomes.append("busy")

    copies = [threading.Thread(target=run) for _ in range(2)]
    [copy.start() for copy in copies]
    [copy.join() for copy in copies]

    assert 1 == outcomes.count(True)
    assert [1] == [entry.revision for entry in catalogue.entries]


def test_an_empty_day_is_published_too(settings):
    made = report(settings, SITE, DAY, MemoryCatalogue())

    assert "empty" == made.verdict
    assert "This day has no data yet" in made.page.read_text()
    assert not list(made.folder.glob("charts/*"))


def test_the_manifest_vouches_for_every_file(settings):
    settle(settings)
    made = report(settings, SITE, DAY, MemoryCatalogue())
    written = contents(made.folder)

    said = json.loads(written.pop("report.json"))

    assert {name: digest(content) for name, content in written.items()} == said["files"]
    assert (made.fingerprint, 1, "fine") == (said["fingerprint"], said["revision"], said["verdict"])
    assert {"read": 24, "stored": 24, "duplicate": 0, "rejected": 0} == said["ledger"]
    assert [[5.0] * 24] == said["series"][0]["hours"]


@pytest.mark.parametrize(("day", "offsets"), [(date(2026, 3, 29), ["+01:00", "+02:00"]), (DAY, ["+02:00"])])
def test_readings_csv_has_both_clocks(settings, day, offsets):
    settle(settings, day=day)
    made = report(settings, SITE, day, MemoryCatalogue())

    rows = table(made, "readings.csv")

    assert (23 if len(offsets) == 2 else 24) == len(rows)
    assert offsets == sorted({row["time_local"][-6:] for row in rows})
    assert f"{day}T00:00:00.000000{offsets[0]}" == rows[0]["time_local"]
    assert ("fridge-1", "temperature", "5", "°C", "good") == tuple(
        rows[0][name] for name in ("device", "metric", "value", "unit", "flag")
    )


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_a_formula_and_numbers_stay_numbers(settings, name):
    settle(settings, value=-5.0, device=name)
    made = report(settings, SITE, DAY, MemoryCatalogue())

    rows = table(made, "readings.csv")
    summary = table(made, "summary.csv")[-1]

    assert {f"'{name}"} == {row["device"] for row in rows}
    assert {"-5"} == {row["value"] for row in rows}
    assert (f"'{name}", "-5.0") == (summary["device"], summary["mean"])


@pytest.mark.parametrize("site", ["..", "../shop", "shop/..", "/etc", "", "Shop", "shop\0", "a" * 60])
def test_a_site_is_a_name_not_a_path(settings, site):
    settle(settings)
    report(settings, SITE, DAY, MemoryCatalogue())

    with pytest.raises(ReportError):
        find(settings, site, DAY)


@pytest.mark.parametrize(
    "name",
    [
        "../r1/index.html",
        "../../../../settings.yaml",
        "/etc/passwd",
        "charts",
        "",
        "charts/../../latest",
        "x\0",
        "a" * 300,
    ],
)
def test_a_file_is_one_of_the_report(settings, name):
    settle(settings)
    (settings.home / "settings.yaml").write_text("{}")
    report(settings, SITE, DAY, MemoryCatalogue())

    found = find(settings, "shop", DAY)

    assert found.file("charts/overview.svg").is_file()
    if name == "../r1/index.html":  # roundabout, and still inside
        assert found.page == found.file(name)
        return
    with pytest.raises(ReportError):
        found.file(name)


def test_links_out_of_the_reports_are_not_followed(settings, tmp_path):
    settle(settings)
    made = report(settings, SITE, DAY, MemoryCatalogue())
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "index.html").write_text("secret")
    (made.folder / "leak.html").symlink_to(secret / "index.html")
    (made.folder.parent / "r7").symlink_to(secret)
    (settings.reports_folder / "other").symlink_to(secret)

    with pytest.raises(ReportError, match="leads out"):
        find(settings, "shop", DAY).file("leak.html")
    with pytest.raises(ReportError, match="leads out"):
        find(settings, "shop", DAY, revision=7)
    assert ["shop"] == [found.site for found in listing(settings)]


def test_what_is_not_there_is_said_with_what_to_do(settings):
    with pytest.raises(ReportError, match="barograph report make shop --day 2026-06-17"):
        find(settings, "shop", DAY)
    settle(settings)
    report(settings, SITE, DAY, MemoryCatalogue())
    with pytest.raises(ReportError, match="no revision 9"):
        find(settings, "shop", DAY, revision=9)


def test_the_listing_is_newest_first_and_shows_latest_revisions(settings):
    catalogue = MemoryCatalogue()
    for day, value in ((date(2026, 6, 16), 5.0), (DAY, 5.0), (DAY, 6.0)):
        settle(settings, value=value, day=day)
        report(settings, SITE, day, catalogue)
    (settings.reports_folder / "shop/notes").mkdir()

    assert [(DAY, 2), (date(2026, 6, 16), 1)] == [(found.day, found.revision) for found in listing(settings)]


def test_without_its_link_the_latest_revision_is_the_highest(settings):
    settle(settings)
    made = report(settings, SITE, DAY, MemoryCatalogue())
    (made.folder.parent / "latest").unlink()

    assert 1 == find(settings, "shop", DAY).revision


def test_a_week_or_a_zone_is_published_beside_the_days(settings):
    settle(settings)
    catalogue = MemoryCatalogue()

    week = report(settings, SITE, Period.of("week", DAY), catalogue)
    zone = report(settings, SITE, DAY, catalogue, Scope(zone="cold"))

    assert "week-2026-W25" == week.folder.parent.name
    assert re.fullmatch(r"2026-06-17\.zone-cold-[0-9a-f]{8}", zone.folder.parent.name)
    assert [] == listing(settings)
    assert week.folder == find(settings, "shop", date(2026, 6, 15), key="week-2026-W25").folder
    assert not (week.folder / "readings.csv").exists()


@pytest.mark.parametrize("key", ["..", "../..", "a/b", "2026-06-17/../x", "x" * 99, ".zone-x", "2026-06-17\n"])
def test_a_reports_key_is_a_name_not_a_path(settings, key):
    with pytest.raises(ReportError):
        find(settings, "shop", DAY, key=key)


def test_the_next_revision_says_what_changed_since_the_last(settings):
    catalogue = MemoryCatalogue()
    settle(settings)
    report(settings, SITE, DAY, catalogue)
    settle(settings, value=6.0)
    catalogue.known.append(an_alarm(WINDOW.start + timedelta(hours=3)))

    second = report(settings, SITE, DAY, catalogue)
    since = find(settings, "shop", DAY).summary["since"]

    assert 1 == since["revision"]
    assert "alarm gained: fridge-1, fridge-warm, 03:00" in since["changes"]
    assert "fridge-1, temperature: Mean 5.0 became 6.0" in since["changes"]
    assert "What changed since revision 1" in second.page.read_text()


def test_a_revision_says_whose_signature_it_came_after_and_is_rebuilt_with_it(settings):
    """A signature makes no revision by itself; the next one tells of it, also when it is built again."""
    catalogue = MemoryCatalogue()
    settle(settings)
    report(settings, SITE, DAY, catalogue)
    at = datetime(2026, 6, 18, 7, 30, tzinfo=UTC)
    catalogue.signed.append(Signoff("shop", DAY, 1, "Ana <b>", at, "seen"))

    assert not report(settings, SITE, DAY, catalogue).changed
    settle(settings, value=6.0)
    second = report(settings, SITE, DAY, catalogue)
    before = contents(second.folder)
    catalogue.signed.clear()
    (second.folder / "index.html").unlink()

    assert not report(settings, SITE, DAY, catalogue).changed
    assert before == contents(second.folder)
    assert "revision 1 was signed off by Ana &lt;b&gt; on 2026-06-18 07:30 UTC. “seen”" in second.page.read_text()


def test_a_changed_template_of_the_user_is_a_new_revision(settings):
    settle(settings)
    catalogue = MemoryCatalogue()
    report(settings, SITE, DAY, catalogue)
    (settings.home / "report").mkdir()
    (settings.home / "report/glance.html").write_text("<p>ours: {{ data.site }}</p>")

    second = report(settings, SITE, DAY, catalogue)

    assert (2, True) == (second.revision, second.changed)
    assert "<p>ours: shop</p>" in second.page.read_text()


def test_a_template_that_is_wrong_is_named(settings):
    settle(settings)
    (settings.home / "report").mkdir()
    (settings.home / "report/glance.html").write_text("{{ nonsense }}")

    with pytest.raises(ReportError, match=r"A template of .*report cannot be used"):
        report(settings, SITE, DAY, MemoryCatalogue())
