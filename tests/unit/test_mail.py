"""Mail on its way to a server: whole, in threads, encrypted, and with nothing in it that acts."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from barograph.errors import MailRefused, MailUnavailable
from barograph.mail import Attachment, Mail, message, send
from barograph.settings import MailSettings, Settings

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"


def a_mail(**facts):
    usual = {"to": ("anna@shop.example",), "subject": "Alarm", "text": "Too warm.\n", "at": NOON, "identity": "5f0c"}
    return Mail(**{**usual, **facts})


def made(**facts):
    server = MailSettings(host="localhost", sender="Barograph <shop@shop.example>")
    return email.message_from_bytes(bytes(message(server, a_mail(**facts))), policy=email.policy.default)


class Box:
    """Takes what comes, or answers as it is told to."""

    def __init__(self):
        self.taken, self.answer = [], "250 it has it"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.answer.startswith("2"):
            self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return self.answer


@contextmanager
def server(context=None, **options):
    """(box, port) of a server on loopback; with `context` it speaks TLS from the first byte."""
    box, loop = Box(), asyncio.new_event_loop()

    def speak():
        return SMTP(box, hostname="test", loop=loop, **options)

    made_ = loop.run_until_complete(loop.create_server(speak, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield box, made_.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        made_.close()
        loop.close()


@pytest.fixture
def settings(tmp_path):
    def with_server(port, **facts):
        usual = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "shop@shop.example", "timeout": 5}
        return Settings(home=tmp_path, mail=MailSettings(**{**usual, **facts}))

    return with_server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) of a server on loopback."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    built = built.add_extension(address, critical=False).add_extension(x509.BasicConstraints(True, None), critical=True)
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    return folder / "cert.pem", folder / "key.pem"


def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_a_mail_has_text_page_picture_and_attachment():
    mail = made(
        html='<img src="cid:chart">', pictures={"chart": PNG}, attachments=[Attachment("day.csv", b"a,b", "text/csv")]
    )

    assert "Too warm.\n" == mail.get_body(("plain",)).get_content()
    assert "cid:chart" in mail.get_body(("html",)).get_content()
    kinds = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert ["text/plain", "text/html", "image/png", "text/csv"] == kinds
    assert ["day.csv"] == [part.get_filename() for part in mail.iter_attachments()]
    assert "<chart>" in [part["Content-ID"] for part in mail.walk()]


def test_mails_of_a_thread_answer_its_first():
    first, later = made(), made(identity="77aa", thread="5f0c", references=("5f0c", "66ff"))

    assert "<5f0c@shop.example>" == first["Message-ID"]
    assert first["In-Reply-To"] is None
    assert first["Message-ID"] == later["In-Reply-To"]
    assert "<5f0c@shop.example> <66ff@shop.example>" == later["References"]


def test_a_line_break_starts_no_header():
    """A device can be called anything."""
    mail = made(subject="Alarm\r\nBcc: all@shop.example", attachments=[Attachment("a\r\nX: y", b"")])

    assert mail["Bcc"] is None
    assert "Alarm Bcc: all@shop.example" == mail["Subject"]


def test_letters_of_all_languages_arrive(settings):
    with server() as (box, port):
        send(settings(port), a_mail(subject="告警 ❄", text="冷库温度过高。\n"))

    mail = email.message_from_bytes(box.taken[0][2], policy=email.policy.default)
    assert ("告警 ❄", "冷库温度过高。") == (mail["Subject"], mail.get_content().strip())
    assert ("shop@shop.example", ["anna@shop.example"]) == box.taken[0][:2]


@pytest.mark.parametrize(("answer", "error"), [("451 later", MailUnavailable), ("550 never", MailRefused)])
def test_what_a_server_answers_tells_whether_to_try_again(settings, answer, error):
    with server() as (box, port):
        box.answer = answer
        with pytest.raises(error) as found:
            send(settings(port), a_mail())

    assert type(found.value) is error
    assert answer in str(found.value)


def test_a_server_that_is_not_there_is_tried_again(settings):
    with pytest.raises(MailUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
        send(settings(1), a_mail())


def test_starttls_is_insisted_on(settings):
    """Whoever sits in between could leave it out."""
    with server() as (box, port), pytest.raises(MailUnavailable, match="STARTTLS"):
        send(settings(port, security="starttls"), a_mail())

    assert [] == box.taken


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_tls_to_whom_we_trust(settings, certificate, security):
    logins = []

    def authenticate(_server, _session, _envelope, mechanism, data):
        logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"sesame", handled=False)

    options = {"authenticator": authenticate, "auth_required": True}
    context = tls(certificate)
    # With TLS from the first byte it does not see that it speaks TLS.
    options |= {"tls_context": context} if security == "starttls" else {"context": context, "auth_require_tls": False}
    with server(**options) as (box, port):
        trusting = settings(port, security=security, username="shop", cafile=str(certificate[0]))
        trusting.secrets_folder.mkdir()
        secret = trusting.secrets_folder / "mail_password"
        secret.touch(mode=0o600)
        secret.write_text("wrong-one")
        with pytest.raises(MailUnavailable) as found:
            send(trusting, a_mail())
        secret.write_text("sesame")
        send(trusting, a_mail())
        with pytest.raises(MailUnavailable, match="certificate"):
            send(settings(port, security=security, username="shop"), a_mail())

    assert 1 == len(box.taken)
    assert "wrong-one" not in str(found.value)
    assert {(b"shop", b"wrong-one"), (b"shop", b"sesame")} == set(logins)


@contextmanager
def trickling(first=b""):
    """The port of a server that says a byte, and another, and never comes to an end."""
    ended = threading.Event()

    def speak():
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(first)
            while not ended.wait(0.02):
                connection.sendall(b"2")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=speak)
        thread.start()
        yield listening.getsockname()[1]
        ended.set()
        thread.join()


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("first", [b"", b"220 test\r\n250-test\r\n"])
def test_a_server_that_says_a_byte_now_and_then_holds_nobody(settings, security, first):
    """Each byte is in time; the whole is not, and the channel's next message must not wait for ever."""
    with trickling(first) as port, pytest.raises(MailUnavailable, match="does not answer"):
        send(settings(port, security=security), a_mail(), timeout=0.1)
