"""Bring a published report to those who want it: each revision once to each, by mail, into a folder, to a webhook.

People are in contacts.yaml (`notify/readers.py`), folders and webhooks in `reports.deliver`.

A recipient is noted after it took the report, so one that was away gets it with the next attempt, under the same
identity: what comes twice can be known. What is refused for good is noted too, and not tried again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine

from barograph.destinations import FolderRecipient, WebhookRecipient, WebhookTarget, When, news
from barograph.errors import DeliveryError, DeliveryRefused, ReportError, TargetError, TargetRefused
from barograph.mail import Attachment, Mail
from barograph.mail import send as send_mail
from barograph.reports.page import mail_page
from barograph.reports.periods import Period
from barograph.reports.shelf import Published
from barograph.reports.words import Voice
from barograph.settings import Settings
from barograph.state import deliveries
from barograph.targets.webhook import WebhookSender

log = structlog.get_logger()

LATELY = 7
"""Days: people are not sent reports that ended longer ago; a backfill of years is no news."""

MARKS = {"fine": "✓", "events": "!", "incomplete": "…", "empty": "∅"}


@dataclass(frozen=True)
class Reader:
    """A person who gets reports by mail."""

    name: str
    """Under which it is noted what was delivered."""
    to: tuple[str, ...]
    when: Mapping[str, When]
    """A report's period -> whether it is wanted: {"day": "not_fine", "week": "always"}."""
    sites: Sequence[str]
    """Shell patterns."""

    def wants(self, site: str, period: str, verdict: str, age: timedelta) -> bool:
        """`age`: from the beginning of the last day that it is about."""
        ours = any(fnmatchcase(site, each) for each in self.sites)
        return ours and news(self.when.get(period, "never"), verdict, age, LATELY)


AnyRecipient = Reader | FolderRecipient | WebhookRecipient
Send = Callable[[Settings, AnyRecipient, Published, datetime], None]


def deliver(
    settings: Settings,
    published: Published,
    readers: Iterable[Reader],
    engine: Engine,
    at: datetime,
    send: Send | None = None,
) -> list[str]:
    """Those who got it now. Raises DeliveryError that names those who have to wait, after all others got theirs."""
    site, key, revision = published.site, published.key, published.revision
    said = published.summary
    last = date.fromisoformat(said.get("until") or published.day.isoformat())
    about = site, str(said.get("period", "day")), str(said.get("verdict", ""))
    age = at - datetime.combine(last, time.min, tzinfo=at.tzinfo)
    wanted = [each for each in (*readers, *settings.reports.deliver) if each.wants(*about, age)]
    before = deliveries.done(engine, site, key, revision) if wanted else {}
    took, waiting = [], []
    for recipient in wanted:
        if recipient.name in before:
            continue
        try:
            (send or _send)(settings, recipient, published, at)
        except DeliveryRefused as error:
            log.error("report_refused", recipient=recipient.name, site=site, day=key, why=str(error))
            deliveries.note(engine, site, key, revision, recipient.name, at, refused=str(error))
        except DeliveryError as error:
            waiting.append(f"{recipient.name}: {error}")
        else:
            deliveries.note(engine, site, key, revision, recipient.name, at)
            took.append(recipient.name)
    if waiting:
        raise DeliveryError(f"The report of {site}, {key} could not be delivered. {' '.join(waiting)}")
    return took


def identity(published: Published) -> str:
    """The same whenever this revision is sent."""
    return f"report.{published.site}.{published.key}.r{published.revision}"


def _send(settings: Settings, recipient: AnyRecipient, published: Published, at: datetime) -> None:
    match recipient:
        case Reader():
            send_mail(settings, mail(recipient.to, published, at))
        case FolderRecipient():
            _copy(settings.home / recipient.folder, published)
        case WebhookRecipient():
            _post(settings, recipient, published)


def mail(to: Iterable[str], published: Published, at: datetime) -> Mail:
    """The headline, the day at a glance, the chart of what was worst, and the PDF."""
    said = published.summary
    title = f"{said['name']}, {_when(said)}"
    lines = [finding["text"] for finding in (*said["wrong"], *said["notes"])]
    pictures = {
        name: content
        for name, file in (("glance", "charts/overview.png"), ("worst", worst(said)))
        if file and (content := _bytes(published, file))
    }
    paper = _bytes(published, "report.pdf")
    return Mail(
        to=tuple(to),
        subject=f"{MARKS.get(said['verdict'], '')} {title}: {said['headline']}",
        text="\n".join([title, said["headline"], "", *lines[:20], ""]),
        html=mail_page(title, said, list(pictures)),
        at=at,
        pictures=pictures,
        attachments=[Attachment(f"{_name(published)}.pdf", paper, "application/pdf")] if paper else [],
        identity=identity(published),
    )


def _when(said: Mapping[str, Any]) -> str:
    """What it is about, as people say it; days are numbers, for a list of subjects is read down."""
    first, last = (date.fromisoformat(said[name]) for name in ("day", "until"))
    if first == last:
        return str(said["day"])
    period = Period(said["period"], first, last)
    return Voice(period, said["timezone"], said["language"]).named(period)


def worst(said: Mapping[str, Any]) -> str:
    """The file of the chart that a person would open first."""
    alarmed = [(alarm["device"], alarm["metric"]) for alarm in said["alarms"]]
    drawn = [row for row in said["series"] if row.get("chart") and row["count"]]
    first = max(
        drawn, key=lambda row: ((row["device"], row["metric"]) in alarmed, row["outside_seconds"]), default=None
    )
    return f"{first['chart']}.png" if first else ""


def _name(published: Published) -> str:
    return f"{published.site}-{published.key}-r{published.revision}"


def _bytes(published: Published, file: str) -> bytes:
    try:
        return published.file(file).read_bytes()
    except (ReportError, OSError):
        return b""


def _copy(folder: Path, published: Published) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, ending in (("index.html", "html"), ("report.pdf", "pdf")):
            half = folder / f".{_name(published)}.{ending}.{os.getpid()}"
            half.write_bytes(published.file(file).read_bytes())
            half.replace(folder / f"{_name(published)}.{ending}")
    except OSError as error:
        raise DeliveryError(f"{folder} cannot be written: {error.strerror or error}.") from error


def _post(settings: Settings, recipient: WebhookRecipient, published: Published) -> None:
    said = published.summary
    names = (
        "site",
        "name",
        "day",
        "until",
        "period",
        "revision",
        "fingerprint",
        "verdict",
        "headline",
        "wrong",
        "notes",
    )
    told = {"id": identity(published), "what": "report", **{name: said.get(name) for name in names}}
    target = WebhookTarget(
        kind="webhook", name=recipient.name, what=["alarms"], url=recipient.url, secret=recipient.secret
    )
    try:
        sender = WebhookSender(settings, target)
        try:
            sender.post(identity(published), json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"))
        finally:
            sender.close()
    except TargetRefused as error:
        raise DeliveryRefused(str(error)) from error
    except TargetError as error:
        raise DeliveryError(str(error)) from error
