"""Send a mail through the SMTP server of the settings: text, HTML, inline pictures, attachments. Only home of smtplib.

    send(settings, Mail(to=("owner@shop.example",), subject="...", text="...", html="...", pictures={"chart": png}))

`https://...` in HTML is never fetched by us; a picture is shown where the HTML says `<img src="cid:chart">`. What comes
from outside stands in a subject or a name as text: a line break in it starts no header.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from barograph.errors import MailRefused, MailUnavailable, SettingsError
from barograph.settings import MailSettings, Settings

LATER = range(400, 500)
"""SMTP's answers that mean: not now."""
WHOLE = 4
"""A whole conversation may take so many times what one answer may: a server could say a byte whenever that is up."""


@dataclass(frozen=True)
class Attachment:
    name: str
    content: bytes
    kind: str = "application/octet-stream"
    """As in Content-Type: `application/pdf`, `text/csv`."""


@dataclass(frozen=True)
class Mail:
    to: Sequence[str]
    subject: str
    text: str
    at: datetime
    """What stands in Date."""
    html: str = ""
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    """PNGs of the HTML, by the name in `cid:name`."""
    attachments: Sequence[Attachment] = ()
    identity: str = ""
    """What Message-ID is made of: the same again, where a mail is sent again."""
    thread: str = ""
    """The identity of the mail that this one answers."""
    references: Sequence[str] = ()
    """Identities of earlier mails of the thread."""
    headers: Mapping[str, str] = field(default_factory=dict)


def message(settings: MailSettings, mail: Mail) -> EmailMessage:
    """The mail as it goes out."""
    made = EmailMessage()
    name, address = parseaddr(settings.sender)
    made["From"] = Address(_line(name), addr_spec=address)
    made["To"] = [Address(addr_spec=one) for one in mail.to]
    made["Subject"] = _line(mail.subject)
    made["Date"] = format_datetime(mail.at)
    domain = address.rpartition("@")[2] or "localhost"
    if mail.identity:
        made["Message-ID"] = f"<{mail.identity}@{domain}>"
    if mail.thread and mail.thread != mail.identity:
        made["In-Reply-To"] = f"<{mail.thread}@{domain}>"
    if earlier := [one for one in dict.fromkeys([mail.thread, *mail.references]) if one and one != mail.identity]:
        made["References"] = " ".join(f"<{one}@{domain}>" for one in earlier)
    # Nobody's holiday is told to a machine.
    made["Auto-Submitted"] = "auto-generated"
    for header, value in mail.headers.items():
        made[header] = _line(value)
    made.set_content(mail.text)
    if mail.html:
        made.add_alternative(mail.html, subtype="html")
        page = made.get_payload()[-1]  # type: ignore[index]
        for picture, png in mail.pictures.items():
            page.add_related(png, "image", "png", cid=f"<{picture}>", filename=f"{picture}.png", disposition="inline")  # type: ignore[union-attr]
    for each in mail.attachments:
        major, _, minor = each.kind.partition("/")
        made.add_attachment(each.content, maintype=major, subtype=minor, filename=_line(each.name))
    return made


def send(settings: Settings, mail: Mail, timeout: float | None = None) -> None:
    """Hand a mail to the server. Raises MailUnavailable where trying again may help, MailRefused where it does not.

    To several people it is one mail. Where the server takes some of them and not others, the others are named in the
    error, and the mail counts as sent to nobody: a repeat carries the same Message-ID.
    """
    server = settings.mail
    if not server.host:
        raise MailUnavailable("No mail server: name one in settings.yaml, mail: {host: ..., sender: ...}.")
    where = f"{server.host}:{server.port}"
    try:
        made = message(server, mail)
        with _connected(settings, timeout or server.timeout) as smtp:
            refused = smtp.send_message(made, from_addr=parseaddr(server.sender)[1], to_addrs=list(mail.to))
    except smtplib.SMTPRecipientsRefused as error:
        raise _said(where, error.recipients) from error
    except smtplib.SMTPResponseException as error:
        # A password that is wrong today may be put right tomorrow, without a new mail.
        later = error.smtp_code in LATER or isinstance(error, smtplib.SMTPAuthenticationError)
        what = MailUnavailable if later else MailRefused
        raise what(f"The mail server {where} says {error.smtp_code} {_text(error.smtp_error)}.") from error
    except (smtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise MailUnavailable(f"The mail server {where} does not answer ({type(error).__name__}: {error}).") from error
    except (ValueError, UnicodeError, IndexError) as error:
        raise MailRefused(f"This is no mail: {error}.") from error
    if refused:
        raise _said(where, refused)


class _Plain(smtplib.SMTP):
    """A conversation that ends in time, whoever says what: its socket's own timeout begins anew with every byte."""

    _wire: socket.socket | None = None
    _timer: threading.Timer | None = None
    _over = False

    def ends_within(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._wire is not None:
            self._wire.close()
        super().close()

    def _end(self) -> None:
        self._over = True
        if self._wire is not None:
            with contextlib.suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        # Of its own: what wraps the socket for TLS takes the other one away.
        self._wire = made.dup()
        if self._over:
            made.close()
            raise TimeoutError("timed out")
        return made


class _Tls(smtplib.SMTP_SSL, _Plain):
    """SMTP_SSL asks `_Plain` for the socket that it wraps."""


def _connected(settings: Settings, timeout: float) -> smtplib.SMTP:
    server = settings.mail
    context = ssl.create_default_context(cafile=server.cafile or None)
    smtp: _Plain
    if server.security == "tls":
        smtp = _Tls(timeout=timeout, context=context, local_hostname=_own_name())
    else:
        smtp = _Plain(timeout=timeout, local_hostname=_own_name())
    try:
        # Whose certificate it must be: smtplib notes it only where it connects at once.
        smtp._host = server.host  # type: ignore[attr-defined]
        smtp.ends_within(WHOLE * timeout)
        smtp.connect(server.host, server.port)
        if server.security == "starttls":
            smtp.starttls(context=context)
        if server.username:
            try:
                smtp.login(server.username, settings.secret("mail_password"))
            except SettingsError as error:
                raise MailUnavailable(str(error)) from error
    except BaseException:
        smtp.close()
        raise
    return smtp


def _own_name() -> str:
    """Without asking the network for it: that can take half a minute where there is none."""
    name = socket.gethostname()
    return name if name.isascii() and " " not in name else "localhost"


def _said(where: str, refused: Mapping[str, tuple[int, bytes]]) -> MailUnavailable | MailRefused:
    words = "; ".join(f"{to}: {code} {_text(said)}" for to, (code, said) in refused.items())
    what = MailUnavailable if any(code in LATER for code, _ in refused.values()) else MailRefused
    return what(f"The mail server {where} does not take it for {words}.")


def _text(said: bytes | str) -> str:
    return (said.decode("utf-8", "replace") if isinstance(said, bytes) else said).strip()[:300]


def _line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
