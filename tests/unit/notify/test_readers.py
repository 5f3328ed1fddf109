"""Who gets reports stands with who is told of alarms."""

from __future__ import annotations

from pathlib import Path

import pytest

from barograph.errors import DocumentError
from barograph.notify import reading
from barograph.notify.readers import readers
from barograph.settings import Settings

SITE = "site: {0}\nname: {0}\ntimezone: Europe/Berlin\n"
ANNA = """\
contacts:
  - contact: anna
    channels:
      - {channel: mail, kind: mail, to: [anna@shop.example, shop@shop.example]}
      - {channel: home, kind: mail, to: [anna@home.example, shop@shop.example]}
      - {channel: desk, kind: log}
    reports: {daily: not_fine, monthly: always}
"""
BERT = """\
contacts:
  - contact: bert
    channels: [{channel: mail, kind: mail, to: [bert@mill.example]}]
    reports: {weekly: always, sites: ["*"]}
  - contact: carl
    channels: [{channel: desk, kind: log}]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for site, contacts in (("mill", BERT), ("shop", ANNA)):
        folder = tmp_path / "sites" / site
        folder.mkdir(parents=True)
        (folder / "site.yaml").write_text(SITE.format(site))
        (folder / "contacts.yaml").write_text(contacts)
    return Settings(home=tmp_path, mail={"host": "mail.example", "sender": "shop@shop.example"})


def test_a_contact_gets_the_reports_it_wants_at_all_its_addresses_once(settings: Settings):
    anna, bert = readers(settings)

    assert ("contact anna", ("anna@shop.example", "shop@shop.example", "anna@home.example")) == (anna.name, anna.to)
    assert {"day": "not_fine", "week": "never", "month": "always"} == dict(anna.when)
    assert ("contact bert", ["*"]) == (bert.name, bert.sites)


def test_reports_are_of_the_contacts_own_site_unless_said(settings: Settings):
    anna, _ = readers(settings)

    assert ["shop"] == anna.sites


def test_contacts_with_a_mistake_do_not_keep_a_report_from_the_last_good_ones(settings: Settings):
    good = reading.good(settings)
    good.parent.mkdir(parents=True)
    reading.remember(good, reading.read_book(settings))
    (settings.sites_folder / "shop/contacts.yaml").write_text("contacts: [{contact: anna}]\n")

    assert ["contact anna", "contact bert"] == [reader.name for reader in readers(settings)]


@pytest.mark.parametrize(
    ("reports", "problem"),
    [
        ("{daily: sometimes}", r"reports\.daily"),
        ("{daily: always, sites: [shpo]}", r"reports\.sites.*there is no site shpo\. Did you mean `shop`"),
    ],
)
def test_what_cannot_be_wanted_is_named(settings: Settings, reports: str, problem: str):
    path = settings.sites_folder / "shop/contacts.yaml"
    path.write_text(ANNA.replace("{daily: not_fine, monthly: always}", reports))

    with pytest.raises(DocumentError, match=problem):
        reading.read_book(settings)


def test_reports_need_a_channel_they_can_come_by(settings: Settings):
    (settings.sites_folder / "mill/contacts.yaml").write_text(BERT + "    reports: {daily: always}\n")

    with pytest.raises(DocumentError, match="has no channel of kind mail"):
        reading.read_book(settings)
