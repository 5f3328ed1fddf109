"""A report comes to those who want it, each revision once; who was away gets it later, and nobody gets a script."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from barograph.errors import DeliveryError, DeliveryRefused
from barograph.mail import message
from barograph.reports import canvas, delivery, gallery
from barograph.reports.delivery import Reader, deliver, identity, mail
from barograph.reports.periods import Period
from barograph.reports.publish import find, report
from barograph.settings import MailSettings, Settings
from barograph.testing import MemoryCatalogue, a_site, an_alarm, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
MORNING = datetime(2026, 6, 18, 5, tzinfo=UTC)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
OWNER = Reader("contact owner", ("owner@shop.example",), {"day": "always", "week": "not_fine"}, ["shop"])
SHARE = {"kind": "folder", "name": "share", "folder": "out"}
HOSTILE = "<script>x</script>\r\nBcc: eve@evil.example"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(canvas, "PIXELS_PER_INCH", 30)
    monkeypatch.setattr(gallery, "CHARTS", {"line": gallery.CHARTS["line"]})


@pytest.fixture
def noted(monkeypatch):
    """What PostgreSQL would know."""
    known = {}
    monkeypatch.setattr(delivery.deliveries, "done", lambda engine, *which: dict(known.get(which, {})))

    def note(engine, site, key, revision, recipient, at, refused=""):
        known.setdefault((site, key, revision), {})[recipient] = refused

    monkeypatch.setattr(delivery.deliveries, "note", note)
    return known


def published(tmp_path, *places, alarms=(), name="Corner shop", value=5.0, kind="day"):
    settings = Settings(home=tmp_path, reports={"deliver": list(places)})
    site = a_site(name=name)
    settled_day(tmp_path, site, DAY, readings("fridge-1", "temperature", WINDOW, value, 30))
    made = report(settings, site, Period.of(kind, DAY), MemoryCatalogue(alarms))
    return settings, find(settings, "shop", made.day, key=made.key)


def sent(settings, found, readers=(OWNER,), at=MORNING, failing=None):
    """Who was sent what now."""
    told = []

    def send(settings, recipient, published, at):
        if failing:
            raise failing
        told.append((recipient.name, identity(published)))

    deliver(settings, found, readers, None, at, send)
    return told


def test_each_revision_comes_once(tmp_path, noted):
    settings, first = published(tmp_path)

    assert [("contact owner", "report.shop.2026-06-17.r1")] == sent(settings, first)
    assert [] == sent(settings, first)
    settings, second = published(tmp_path, value=6.0)
    orphaned = second.revision
    assert [("contact owner", f"report.shop.2026-06-17.r{orphaned}")] == sent(settings, second)


def test_who_was_away_gets_it_later_and_the_others_only_once(tmp_path, noted):
    settings, found = published(tmp_path, SHARE)

    with pytest.raises(DeliveryError, match="contact owner: away"):
        sent(settings, found, failing=DeliveryError("away"))
    assert ["contact owner", "share"] == [name for name, _ in sent(settings, found)]


def test_what_is_refused_for_good_is_not_tried_again(tmp_path, noted):
    settings, found = published(tmp_path)

    assert [] == sent(settings, found, failing=DeliveryRefused("no such mailbox"))
    assert [] == sent(settings, found)
    assert {"contact owner": "no such mailbox"} == noted["shop", "2026-06-17", 1]


def test_who_wants_only_what_was_not_fine_gets_nothing_of_a_fine_day(tmp_path, noted):
    careful, share = replace(OWNER, when={"day": "not_fine"}), {**SHARE, "when": "not_fine"}
    alarms = [an_alarm(WINDOW.start)]

    assert [] == sent(*published(tmp_path / "fine", share), [careful])
    assert ["contact owner", "share"] == [
        name for name, _ in sent(*published(tmp_path / "bad", share, alarms=alarms), [careful])
    ]


def test_a_week_comes_to_who_wants_weeks_and_its_age_is_counted_from_its_end(tmp_path, noted):
    """Six of its days have no data: not fine. A place that takes reports takes all of them."""
    settings, week = published(tmp_path, SHARE, kind="week")
    days_only = replace(OWNER, name="contact days", when={"day": "always", "week": "never"})
    sunday_evening = datetime(2026, 6, 28, 20, tzinfo=UTC)

    assert [("contact owner", "report.shop.week-2026-W25.r1"), ("share", "report.shop.week-2026-W25.r1")] == sent(
        settings, week, [OWNER, days_only], sunday_evening
    )
    assert mail(["x@shop.example"], week, MORNING).subject.startswith("… Corner shop, Week 25, 15 Jun – 21 Jun 2026: ")


@pytest.mark.parametrize(
    ("reader", "place"), [(replace(OWNER, sites=["mill"]), {**SHARE, "sites": ["mill"]}), (OWNER, SHARE)]
)
def test_other_sites_and_days_long_ago_are_no_news(tmp_path, noted, reader, place):
    settings, found = published(tmp_path, place)
    at = MORNING + timedelta(days=3 if "mill" in reader.sites else 8)

    assert [] == sent(settings, found, [reader], at=at)


def test_a_mail_has_the_headline_two_charts_and_the_paper(tmp_path):
    alarm = an_alarm(WINDOW.start + timedelta(hours=3), WINDOW.start + timedelta(hours=4), message="Check the door.")
    _, found = published(tmp_path, alarms=[alarm])

    made = mail(["owner@shop.example"], found, MORNING)
    whole = message(MailSettings(host="mail.example", sender="shop@shop.example"), made)

    assert "! Corner shop, 2026-06-17: Dairy fridge was too warm for 1\N{NARROW NO-BREAK SPACE}h" == made.subject
    assert ["glance", "worst"] == list(made.pictures)
    assert all(png.startswith(b"\x89PNG") for png in made.pictures.values())
    assert "Check the door." in made.html
    assert ["shop-2026-06-17-r1.pdf"] == [part.get_filename() for part in whole.iter_attachments()]


def test_a_hostile_name_starts_no_header_and_is_no_markup(tmp_path):
    _, found = published(tmp_path, name=HOSTILE)

    made = mail(["owner@shop.example"], found, MORNING)
    whole = message(MailSettings(host="mail.example", sender="shop@shop.example"), made)

    assert whole["Bcc"] is None
    assert "<script" not in made.html


def test_a_folder_gets_page_and_paper_whole(tmp_path, noted):
    settings, found = published(tmp_path, SHARE)

    assert ["share"] == deliver(settings, found, [], None, MORNING)
    assert ["shop-2026-06-17-r1.html", "shop-2026-06-17-r1.pdf"] == sorted(
        path.name for path in (tmp_path / "out").iterdir()
    )
    assert found.page.read_bytes() == (tmp_path / "out/shop-2026-06-17-r1.html").read_bytes()


def test_a_folder_that_cannot_be_written_waits(tmp_path, noted):
    (tmp_path / "out").write_text("a file")

    with pytest.raises(DeliveryError, match="cannot be written"):
        deliver(*published(tmp_path, SHARE), [], None, MORNING)


def test_two_places_of_one_name_are_refused():
    with pytest.raises(ValueError, match="share stands there twice"):
        Settings(home="/x", reports={"deliver": [SHARE, SHARE]})


def test_a_person_in_the_settings_is_told_where_he_belongs():
    """Who is told stands in one file; what stood here before says how it is written there."""
    person = {"kind": "mail", "name": "owner", "to": ["owner@shop.example"], "when": "not_fine"}

    with pytest.raises(ValueError, match=r"owner: people are told by contacts.yaml.*reports: \{daily: not_fine\}"):
        Settings(home="/x", reports={"deliver": [person]})
