"""How each kind of channel is spoken to. `send` returns when it was taken, and raises DeliveryError where it was not.

mail       SMTP, through barograph.mail
webhook    a signed POST; its connections go only where webhooks may go
chat       Apprise: Slack, Teams, Telegram, ntfy and a hundred others
log        our own log

What they raise holds no secret: `redacted` takes out what a library may have quoted.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from barograph.mail import Mail
from barograph.mail import send as send_mail
from barograph.notify.contacts import AnyChannel, AppriseChannel, MailChannel, WebhookChannel
from barograph.notify.rendering import CHART, Letter
from barograph.settings import Settings

log = structlog.get_logger()


def send(settings: Settings, channel: AnyChannel, letter: Letter, at: datetime) -> None:
    """Raises DeliveryError, or DeliveryRefused where trying again does not help."""
    match channel:
        case MailChannel():
            send_mail(settings, mail_of(channel, letter, at), timeout=min(channel.timeout, settings.mail.timeout))
        case WebhookChannel():
            from barograph.notify.channels import webhook  # these two cost a tenth of a second each, wanted or not

            webhook.send(settings, channel, letter, at)
        case AppriseChannel():
            from barograph.notify.channels import chat

            chat.send(settings, channel, letter)
        case _:
            log.info("told", identity=letter.identity, subject=letter.rendered.subject, text=letter.rendered.chat)


def mail_of(channel: MailChannel, letter: Letter, at: datetime) -> Mail:
    return Mail(
        to=channel.to,
        subject=letter.rendered.subject,
        text=letter.rendered.text,
        at=at,
        html=letter.rendered.html,
        pictures={CHART: letter.chart} if letter.chart else {},
        identity=letter.identity,
        thread=letter.thread,
        references=letter.references,
        headers={"Barograph-Id": letter.identity},
    )
