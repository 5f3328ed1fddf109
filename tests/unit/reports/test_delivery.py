"""A report comes to those who want it, each revision once; who was away gets it later, and nobody gets a script."""

from datetime import UTC, date, datetime, timedelta

import pytest

from barograph.errors import DeliveryError, DeliveryRefused
from barograph.mail import message
from barograph.reports import canvas, delivery, gallery
from barograph.reports.delivery import deliver, identity, mail
from barograph.reports.publish import find, report
from barograph.settings import MailSettings, Settings
from barograph.testing import MemoryCatalogue, a_site, an_alarm, readings, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
MORNING = datetime(2026, 6, 18, 5, tzinfo=UTC)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
OWNER = {"kind": "mail", "name": "owner", "to": ["owner@shop.example"]}
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


def published(tmp_path, *recipients, alarms=(), name="Corner shop", value=5.0):
    settings = Settings(home=tmp_path, reports={"deliver": list(recipients or [OWNER])})
    site = a_site(name=name)
    settled_day(tmp_path, site, DAY, readings("fridge-1", "temperature", WINDOW, value, 30))
    report(settings, site, DAY, MemoryCatalogue(alarms))
    return settings, find(settings, "shop", DAY)


def sent(settings, found, at=MORNING, failing=None):
    """Who was sent what now."""
    told = []

    def send(settings, recipient, published, at):
        if failing:
            raise failing
        told.append((recipient.name, identity(published)))

    deliver(settings, found, None, at, send)
    return told


def test_each_revision_comes_once(tmp_path, noted):
    settings, first = published(tmp_path)

    assert [("owner", "report.shop.2026-06-17.r1")] == sent(settings, first)
    assert [] == sent(settings, first)
    settings, second = published(tmp_path, value=6.0)
    orphaned = second.revision
    assert [("owner", f"report.shop.2026-06-17.r{orphaned}")] == sent(settings, second)


def test_who_was_away_gets_it_later_and_the_others_only_once(tmp_path, noted):
    settings, found = published(tmp_path, OWNER, {"kind": "folder", "name": "share", "folder": "out"})

    with pytest.raises(DeliveryError, match="owner: away"):
        sent(settings, found, failing=DeliveryError("away"))
    assert ["owner", "share"] == [name for name, _ in sent(settings, found)]


def test_what_is_refused_for_good_is_not_tried_again(tmp_path, noted):
    settings, found = published(tmp_path)

    assert [] == sent(settings, found, failing=DeliveryRefused("no such mailbox"))
    assert [] == sent(settings, found)
    assert {"owner": "no such mailbox"} == noted["shop", "2026-06-17", 1]


def test_who_wants_only_what_was_not_fine_gets_nothing_of_a_fine_day(tmp_path, noted):
    careful = {**OWNER, "when": "not_fine"}

    assert [] == sent(*published(tmp_path / "fine", careful))
    assert ["owner"] == [
        name for name, _ in sent(*published(tmp_path / "bad", careful, alarms=[an_alarm(WINDOW.start)]))
    ]


@pytest.mark.parametrize("recipient", [{**OWNER, "sites": ["mill"]}, {**OWNER, "days": 1}])
def test_other_sites_and_days_long_ago_are_no_news(tmp_path, noted, recipient):
    settings, found = published(tmp_path, recipient)

    assert [] == sent(settings, found, at=MORNING + timedelta(days=3))


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
    settings, found = published(tmp_path, {"kind": "folder", "name": "share", "folder": "out"})

    assert ["share"] == deliver(settings, found, None, MORNING)
    assert ["shop-2026-06-17-r1.html", "shop-2026-06-17-r1.pdf"] == sorted(
        path.name for path in (tmp_path / "out").iterdir()
    )
    assert found.page.read_bytes() == (tmp_path / "out/shop-2026-06-17-r1.html").read_bytes()


def test_a_folder_that_cannot_be_written_waits(tmp_path, noted):
    (tmp_path / "out").write_text("a file")

    with pytest.raises(DeliveryError, match="cannot be written"):
        deliver(*published(tmp_path, {"kind": "folder", "name": "share", "folder": "out"}), None, MORNING)


def test_two_recipients_of_one_name_are_refused():
    with pytest.raises(ValueError, match="owner stands there twice"):
        Settings(home="/x", reports={"deliver": [OWNER, OWNER]})
