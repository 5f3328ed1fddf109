"""Where refined readings, windows, alarms and reports can go: the settings of further targets and of recipients."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from barograph.documents import Strict
from barograph.registry import Slug

What = Literal["readings", "windows", "alarms"]
When = Literal["always", "not_fine", "never"]


class Destination(Strict):
    """What all kinds of further targets have in common; docs/targets.md."""

    name: Slug
    """Its place is remembered under this name: another name is a new target."""
    what: list[What] = Field(min_length=1)
    """What it gets."""
    begin: Literal["now", "first"] = "now"
    """Whether a new target gets what comes from now on, or all that the ledger has."""


class KafkaTarget(Destination):
    kind: Literal["kafka"]
    """A JSON message for each reading, window or alarm; the device is the key."""
    brokers: str = ""
    """Comma-separated host:port; empty means those of `kafka`. They are spoken to as those are."""
    topics: dict[What, Annotated[str, Field(pattern=r"^[A-Za-z0-9._\-]{1,200}$")]] = {}
    """Topics that are not called `refined` (readings), `windows` and `alarms`."""

    def topic(self, what: What) -> str:
        return self.topics.get(what, "refined" if what == "readings" else what)


class ParquetTarget(Destination):
    kind: Literal["parquet"]
    """Files that appear when they are whole, in a folder for each of `what`."""
    folder: Path
    """Where; a relative path starts in the data folder."""


class WebhookTarget(Destination):
    kind: Literal["webhook"]
    """A signed POST of JSON for up to 500 readings or windows, or for one alarm."""
    url: str
    """http or https, without a password in it."""
    secret: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]{0,49}$")]
    """The secret with the key of the signature: a file of that name in the secrets folder."""
    timeout: float = Field(default=5.0, gt=0, le=30)
    """Seconds until an answer counts as none."""

    @field_validator("url")
    @classmethod
    def _is_web(cls, url: str) -> str:
        return _web(url)


def _web(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("must begin with http:// or https:// and name a machine")
    if parts.username or parts.password:
        raise ValueError("must not hold a password: settings are shown")
    return url


Target = Annotated[KafkaTarget | ParquetTarget | WebhookTarget, Field(discriminator="kind")]


class Recipient(Strict):
    """A place that gets reports, each revision once; docs/report.md."""

    name: Slug
    """Under which it is noted what was delivered."""
    when: Literal["always", "not_fine"] = "always"
    """`not_fine`: only reports that say that something was not."""
    sites: list[str] = Field(default=["*"], min_length=1)
    """Shell patterns."""
    days: int = Field(default=7, ge=1, le=366)
    """Only reports that ended within so many last days: a backfill of years is no news."""

    def wants(self, site: str, period: str, verdict: str, age: timedelta) -> bool:
        """`age`: from the beginning of the last day that it is about."""
        return any(fnmatchcase(site, each) for each in self.sites) and news(self.when, verdict, age, self.days)


def news(when: When, verdict: str, age: timedelta, days: int) -> bool:
    """Whether somebody wants a report of this verdict, whose last day began so long ago."""
    wanted = when == "always" or (when == "not_fine" and verdict != "fine")
    return wanted and age <= timedelta(days=days + 1)


class FolderRecipient(Recipient):
    kind: Literal["folder"]
    """Page and PDF as files, there when they are whole: a share, or what something else uploads."""
    folder: Path
    """A relative path starts in the data folder."""


class WebhookRecipient(Recipient):
    kind: Literal["webhook"]
    """A signed POST of JSON: what the report says, not its pictures."""
    url: str
    """http or https, without a password in it."""
    secret: Slug
    """The secret with the key of the signature."""

    @field_validator("url")
    @classmethod
    def _is_web(cls, url: str) -> str:
        return _web(url)


AnyRecipient = Annotated[FolderRecipient | WebhookRecipient, Field(discriminator="kind")]


def _no_mail(raw: Any) -> Any:
    for each in raw if isinstance(raw, list) else ():
        if isinstance(each, dict) and each.get("kind") == "mail":
            raise ValueError(
                f"{each.get('name')}: people are told by contacts.yaml now. Make it a contact with a mail channel and "
                f"`reports: {{daily: {each.get('when', 'always')}}}`; docs/notify.md"
            )
    return raw


def _apart(recipients: list[AnyRecipient]) -> list[AnyRecipient]:
    names = [each.name for each in recipients]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} stands there twice")
    return recipients


Recipients = Annotated[list[AnyRecipient], BeforeValidator(_no_mail), AfterValidator(_apart)]
"""Of `reports.deliver`."""


def checked(targets: Sequence[Target], brokers: str, ours: Collection[str]) -> None:
    """What they say about each other, and about topics that are ours. Raises ValueError."""
    names = [target.name for target in targets]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"targets: {', '.join(twice)} stands there twice, and both would have one place.")
    for target in targets:
        if isinstance(target, KafkaTarget) and target.brokers in ("", brokers):
            for topic in sorted({target.topic(what) for what in target.what} & set(ours)):
                raise ValueError(f"targets: {target.name} would write to {topic}, which is ours; name another topic.")
