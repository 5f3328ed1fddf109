"""Chats and telephones through Apprise. Only home of Apprise.

The URL of a service holds its token, so it is a secret: a file with one URL, for what one service took
must not be sent again because another is down. Apprise says little about why
something did not arrive; what it logs is caught, without the tokens, and becomes the error.
"""

from __future__ import annotations

import logging

import apprise
from apprise.attachment.memory import AttachMemory

from barograph.errors import DeliveryError, DeliveryRefused, SettingsError
from barograph.notify.channels.redaction import redacted
from barograph.notify.contacts import AppriseChannel
from barograph.notify.rendering import Letter
from barograph.settings import Settings

WORDS = 300
LOCAL = {"dbus", "glib", "gio", "gnome", "kde", "macosx", "qt", "syslog", "windows", "mailto", "mailtos"}
"""Not through here: what shows something on this machine's screen, and mail, which has a channel of its own."""

logging.getLogger("apprise").propagate = False


def send(settings: Settings, channel: AppriseChannel, letter: Letter) -> None:
    """Raises DeliveryError with what the service said, or DeliveryRefused if there is no such service."""
    try:
        secret = settings.secret(channel.secret)
    except SettingsError as error:
        raise DeliveryError(str(error)) from error
    services = service(secret, channel)
    attached = None
    if letter.chart:
        attached = AttachMemory(content=letter.chart, name="chart.png", mimetype="image/png")
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:
        try:
            arrived = bool(services.notify(title=letter.rendered.subject, body=letter.rendered.chat, attach=attached))
        except Exception as error:
            # A plugin can raise anything, and its words may hold the URL.
            arrived = False
            said.write(f"{type(error).__name__}: {error}")
        words = redacted(" ".join(said.getvalue().split()), secret)[:WORDS]
    if not arrived:
        raise DeliveryError(f"Apprise could not deliver it: {words or 'it does not say why'}.")


def service(secret: str, channel: AppriseChannel) -> apprise.Apprise:
    """Raises DeliveryRefused that names the secret, never what it holds."""
    asset = apprise.AppriseAsset(
        app_id="Barograph", app_desc="Barograph", app_url="", async_mode=False, secure_logging=True, plugin_paths=[],
        http_redirects=False,
    )  # fmt: skip
    made = apprise.Apprise(asset=asset)
    url, *more = secret.split() or [""]
    if more or url.partition("://")[0].lower() in LOCAL or not made.add(_limited(url, channel.timeout)):
        raise DeliveryRefused(
            f"The secret {channel.secret} does not hold one URL of Apprise that is used here: "
            "https://appriseit.com/services shows them."
        )
    return made


def _limited(url: str, seconds: float) -> str:
    """The URL with a limit of time: to connect, and to hear an answer."""
    times = f"cto={seconds / 2:g}&rto={seconds / 2:g}"
    missing = [each for each in times.split("&") if f"{each.partition('=')[0]}=" not in url]
    return url + ("&" if "?" in url else "?") + "&".join(missing) if missing else url
