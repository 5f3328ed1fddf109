"""contacts.yaml: every mistake of all files in one listing, with file, line, field and what to try."""

from __future__ import annotations

import pytest

from barograph.errors import DocumentError
from barograph.notify import reading
from barograph.notify.contacts import forbidden
from barograph.settings import MailSettings, Settings

SITE = """\
site: {name}
name: Shop
devices:
  - {{device: {name}-fridge, zone: cold-wall}}
"""
WRONG = """\
contacts:
  - contact: anna
    channels:
      - {channel: phone, kind: apprise, secret: nowhere}
      - {channel: hook, kind: webhook, url: "ftp://board.example", secret: key}
  - contact: berta
    channels:
      - {channel: hook, kind: webhook, url: "http://169.254.169.254/latest", secret: key}
"""
MISSING = """\
contacts:
  - contact: anna
    alarms: {zones: [cold-wal], rules: [ingest-stoped], from: minor}
    escalate: [{after: 60, to: ana}]
    channels:
      - {channel: phone, kind: apprise, secret: nowhere}
      - {channel: hook, kind: webhook, url: "https://board.example/x", secret: key}
      - {channel: mail, kind: mail, to: [anna@shop.example]}
"""


@pytest.fixture
def shop(tmp_path):
    def made(**files):
        for name, text in files.items():
            folder = tmp_path / "sites" / name
            folder.mkdir(parents=True)
            (folder / "site.yaml").write_text(SITE.format(name=name))
            (folder / "contacts.yaml").write_text(text)
        (tmp_path / "secrets").mkdir(exist_ok=True)
        secret(tmp_path, "key", "sesame")
        return Settings(home=tmp_path)

    return made


def secret(home, name, text, mode=0o600):
    path = home / "secrets" / name
    path.write_text(text)
    path.chmod(mode)


def whole(settings):
    with pytest.raises(DocumentError) as found:
        reading.read_book(settings)
    return str(found.value).splitlines()


def test_what_the_files_say_wrong_is_said_together(shop):
    """Of two sites, in one go: nobody wants to be told the next mistake after mending the first."""
    listing = "\n".join(whole(shop(one=WRONG, two="contacts:\n  - {contact: carl, chanels: []}\n")))

    assert "contacts.0.channels.1.url: must begin with http:// or https:// and name a machine" in listing
    assert "clouds keep their machines' secrets there" in listing
    assert "contacts.yaml:2: contacts.0.chanels: is not a known field. Did you mean `channels`?" in listing


def test_what_files_name_and_is_not_there_is_said_with_a_hint(shop):
    lines = [line.rpartition("/")[2] for line in whole(shop(one=MISSING))]

    assert [
        "contacts.yaml:4: contacts.0.escalate.0.to: there is no contact ana. Did you mean `anna`?",
        "contacts.yaml:3: contacts.0.alarms.zones.0: there is no zone cold-wal. Did you mean `cold-wall`?",
        "contacts.yaml:3: contacts.0.alarms.rules.0: there is no rule ingest-stoped. Did you mean `ingest-stopped`?",
    ] == lines[:3]
    assert any("contacts.0.channels.2.kind: settings.yaml names no mail server" in line for line in lines)


def test_one_mistake_hides_no_other(shop):
    """A field that is wrong, and a name that is not there, in one contact: both are said, each on its own line."""
    text = """\
contacts:
  - contact: anna
    quiett: []
    escalate:
      - after: 60
        to: ana
    channels:
      - channel: hook
        kind: webhook
        url: https://user:sesame@board.example
        secret: nowhere
"""
    lines = [line.partition("contacts.yaml:")[2] for line in whole(shop(one=text))]

    assert {("3", "quiett"), ("6", "to"), ("10", "url"), ("11", "secret")} == {
        (line.split(":")[0], line.split(": ")[1].rpartition(".")[2]) for line in lines
    }
    assert "sesame" not in "".join(lines)


def test_secrets_that_are_missing_or_open_to_others_are_refused(shop, tmp_path):
    settings = shop(one=MISSING)
    assert any("there is no secret nowhere. Put it into" in line for line in whole(settings))

    secret(tmp_path, "nowhere", "json://host", mode=0o644)

    assert any("chmod 600" in line for line in whole(settings))
    assert not any("json://host" in line for line in whole(settings))


def test_names_are_of_all_sites(shop):
    """An escalation names a contact, not a site."""
    text = "contacts: [{contact: anna, channels: [{channel: desk, kind: log}]}]\n"

    assert any("anna is there already" in line for line in whole(shop(one=text, two=text)))


def test_what_is_right_is_read(shop, tmp_path):
    text = MISSING.replace("cold-wal]", "cold-wall]").replace("stoped", "stopped").replace("to: ana}", "to: carl}")
    text += "  - {contact: carl, channels: [{channel: desk, kind: log}]}\n"
    settings = shop(one=text).model_copy(update={"mail": MailSettings(host="localhost", sender="shop@shop.example")})
    secret(tmp_path, "nowhere", "json://localhost")

    book = reading.read_book(settings)

    assert {"anna", "carl"} == book.contacts.keys()
    assert "cold-wall" == book.zone_of("one-fridge")


def test_what_was_good_last_survives_a_restart(shop, tmp_path):
    """And it holds no secret."""
    settings = shop(one="contacts: [{contact: anna, channels: [{channel: hook, kind: webhook, "
                        'url: "https://board.example", secret: key}]}]\n')  # fmt: skip
    book = reading.read_book(settings)

    reading.remember(tmp_path / "contacts.json", book)

    assert book == reading.remembered(tmp_path / "contacts.json")
    assert "sesame" not in (tmp_path / "contacts.json").read_text()
    assert 0o600 == (tmp_path / "contacts.json").stat().st_mode & 0o777
    assert reading.remembered(tmp_path / "nothing.json") is None


@pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:169.254.169.254"])
def test_no_webhook_goes_where_clouds_keep_secrets(host):
    assert forbidden(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.20", "board.example", "2001:db8::1"])
def test_ones_own_network_is_allowed(host):
    """A shop's display is a machine in the shop."""
    assert not forbidden(host)


@pytest.mark.parametrize("address", ["a@b\r\nBcc: c@d.example", "a@b, c@d.example", "Anna <a@b.example>", "a@", "@b"])
def test_a_mail_address_is_one_address(shop, address):
    """What stands in a file must not add recipients or headers."""
    text = f"contacts: [{{contact: anna, channels: [{{channel: m, kind: mail, to: [{address!r}]}}]}}]\n"

    with pytest.raises(DocumentError):
        reading.read_book(shop(one=text))
