"""Who is told, of what, on which channels and when: contacts.yaml in a site's folder. docs/notify.md."""

from __future__ import annotations

import ipaddress
import re
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from barograph.destinations import When
from barograph.documents import Strict
from barograph.notify.news import rank
from barograph.notify.quiet import Quiet
from barograph.registry import Slug
from barograph.rules.levels import Severity

Language = Literal["en", "zh"]


def _address(text: str) -> str:
    """No line break, no second recipient, no display name: it goes into SMTP's envelope as it is."""
    if (
        len(text) > 254
        or not re.fullmatch(r"[^\s@<>,;:\"()\\\[\]]+@[^\s@<>,;:\"()\\\[\]]+", text)
        or not text.isprintable()
    ):
        raise ValueError("is no mail address. Write it alone: night@shop.example")
    return text


def web_address(url: str) -> str:
    """A URL that we may call. Raises ValueError with a hint."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("its port is no port") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not url.isprintable() or " " in url:
        raise ValueError("must begin with http:// or https:// and name a machine")
    if parts.username or parts.password:
        raise ValueError("must not hold a password: put the whole URL into a secret and name it as url_secret")
    if forbidden(parts.hostname):
        raise ValueError("is an address that nothing of yours listens on: clouds keep their machines' secrets there")
    return url


def forbidden(host: str) -> bool:
    """Whether no webhook may reach it: link-local addresses, where clouds answer, multicast, and no address at all."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_link_local or address.is_multicast or address.is_unspecified


Address = Annotated[str, AfterValidator(_address)]
Url = Annotated[str, AfterValidator(web_address)]


class Channel(Strict):
    """What all channels have in common."""

    channel: Slug
    """What it is called: `mail`, `phone`."""
    per_hour: int = Field(default=30, ge=1, le=3600)
    """Most messages in an hour; what comes beyond waits and is told together."""
    timeout: float = Field(default=20.0, gt=0, le=120)
    """Seconds that sending may take in all."""

    def secrets(self) -> list[str]:
        """The secrets that it needs."""
        return []


class MailChannel(Channel):
    kind: Literal["mail"]
    """Through the SMTP server of `mail` in the settings."""
    to: list[Address] = Field(min_length=1, max_length=50)


class WebhookChannel(Channel):
    kind: Literal["webhook"]
    """A signed POST of JSON."""
    url: Url | None = None
    url_secret: Slug | None = None
    """The secret with the URL, where the URL itself lets everybody in."""
    secret: Slug
    """The secret with the key of the signature."""

    @model_validator(mode="after")
    def _one_url(self) -> WebhookChannel:
        if (self.url is None) == (self.url_secret is None):
            raise ValueError("give exactly one of `url` and `url_secret`")
        return self

    def secrets(self) -> list[str]:
        return [self.secret, *([self.url_secret] if self.url_secret else [])]


class AppriseChannel(Channel):
    kind: Literal["apprise"]
    """Slack, Teams, Telegram, ntfy, SMS and a hundred others: https://appriseit.com/services."""
    secret: Slug
    """The secret with Apprise's URL, one a line: it holds the token."""

    def secrets(self) -> list[str]:
        return [self.secret]


class LogChannel(Channel):
    kind: Literal["log"]
    """The notifier's own log: to try things out."""


AnyChannel = Annotated[MailChannel | WebhookChannel | AppriseChannel | LogChannel, Field(discriminator="kind")]


class Wanted(Strict):
    """Which alarms somebody wants."""

    severity: Severity = Field(default="warning", alias="from")
    """This and worse."""
    sites: list[str] = []
    """Of these sites, `["*"]` for all; the site of the file unless said."""
    zones: list[str] = []
    """Only of devices in these zones."""
    rules: list[str] = Field(default=["*"], min_length=1)
    """Shell patterns."""
    devices: list[str] = Field(default=["*"], min_length=1)
    """Shell patterns."""
    system: bool = True
    """Also those about Barograph itself, which are of no site: `ingest-stopped`, `kafka-gap`."""
    escalations_only: bool = False
    """Nothing but what others left unacknowledged."""


class ReportsWanted(Strict):
    """Which reports somebody gets by mail, each revision once."""

    daily: When = "never"
    """`not_fine`: only one that says that something was not."""
    weekly: When = "never"
    monthly: When = "never"
    sites: list[str] = []
    """Of these sites, `["*"]` for all; the site of the file unless said."""


class Escalation(Strict):
    after: float = Field(gt=0, le=7 * 86_400)
    """Seconds without an acknowledgement."""
    to: Slug
    """The contact who is told then."""


class Contact(Strict):
    """A person, a team, or a machine that is told."""

    contact: Slug
    name: str = Field(default="", max_length=100)
    language: Language = "en"
    channels: list[AnyChannel] = Field(min_length=1)
    """All of them are told."""
    alarms: Wanted = Wanted()
    reports: ReportsWanted | None = None
    """On his mail channels."""
    quiet: list[Quiet] = Field(default=[], max_length=20)
    group: float = Field(default=30.0, ge=0, le=86_400)
    """Seconds that a first alarm waits for others: what comes within is told together."""
    repeat: float | None = Field(default=None, ge=60)
    """Seconds until an open alarm that nobody acknowledged is told again, and again."""
    escalate: list[Escalation] = []
    resolved: bool = True
    """Whether the end of an alarm is told too."""

    @model_validator(mode="after")
    def _apart(self) -> Contact:
        names = [channel.channel for channel in self.channels]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"channel {', '.join(twice)} stands here twice")
        if any(step.to == self.contact for step in self.escalate):
            raise ValueError("escalates to itself; use `repeat`")
        if self.reports and not any(isinstance(channel, MailChannel) for channel in self.channels):
            raise ValueError("wants reports, which come by mail, and has no channel of kind mail")
        return self

    def channel(self, name: str) -> AnyChannel | None:
        return next((channel for channel in self.channels if channel.channel == name), None)


class Contacts(Strict):
    """As in contacts.yaml."""

    contacts: list[Contact] = []


class Placed(Strict):
    """A contact, and the site whose file names it."""

    site: str
    timezone: str
    contact: Contact

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Sited(Strict):
    """What messages say about a site and its devices."""

    name: str
    timezone: str
    devices: dict[str, tuple[str, str]] = {}
    """Device -> its name, its zone."""


class Book(Strict):
    """All contacts of all sites, and what routing and wording need of the registry."""

    contacts: dict[str, Placed] = {}
    sites: dict[str, Sited] = {}

    @property
    def people(self) -> dict[str, Contact]:
        return {name: placed.contact for name, placed in self.contacts.items()}

    def zone_of(self, device: str) -> str | None:
        return next((site.devices[device][1] for site in self.sites.values() if device in site.devices), None)

    def wants(self, name: str, site: str, rule: str, device: str, severity: str) -> bool:
        """Whether a contact is told about such an alarm, unasked."""
        placed = self.contacts[name]
        wanted = placed.contact.alarms
        if wanted.escalations_only or rank(severity) < rank(wanted.severity):
            return False
        if not any(fnmatchcase(rule, pattern) for pattern in wanted.rules):
            return False
        if not site:
            return wanted.system
        if not any(fnmatchcase(site, pattern) for pattern in wanted.sites or [placed.site]):
            return False
        if wanted.zones and self.zone_of(device) not in wanted.zones:
            return False
        return any(fnmatchcase(device, pattern) for pattern in wanted.devices)
