"""An attempt to deliver, and what becomes of it."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from tests.unit.notify.people import MINUTE, NOON, Row, a_book, an_alarm

from barograph.errors import DeliveryError, DeliveryRefused
from barograph.notify import channels, delivery
from barograph.notify.channels import chat, webhook
from barograph.notify.channels.redaction import redacted
from barograph.notify.composing import composition
from barograph.notify.contacts import AppriseChannel, WebhookChannel
from barograph.settings import Settings
from barograph.state.outbox import Message

TOKEN = "AAF-9sT0pSecr3tTokenOfABot12345678901"


def a_message(**facts):
    made = composition("anna", a_book(), [Row(1)], {1: an_alarm()}, {}, NOON, "5f0c")
    usual = {"message": 1, "identity": "5f0c", "contact": "anna", "channel": "desk", "thread": "5f0c"}
    return Message(**{**usual, "facts": made.message.facts, "composed": NOON, "due": NOON, "attempts": 0, **facts})


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "secrets").mkdir()
    for name, text in {"key": "sesame-sesame", "chat": f"tgram://123456789:{TOKEN}/4567890/"}.items():
        (tmp_path / "secrets" / name).write_text(text)
        (tmp_path / "secrets" / name).chmod(0o600)
    return Settings(home=tmp_path)


def a_letter(settings, **facts):
    return delivery.letter(settings, a_message(**facts), NOON, with_chart=False)


@contextmanager
def answering(reply):
    """A server that reads a request and says `reply`, as it is, to whoever comes."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(_request(connection))
                    connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _request(connection):
    said = b""
    while b"\r\n\r\n" not in said:
        said += connection.recv(65536)
    head, _, body = said.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    headers = {name.lower(): value for name, value in headers.items()}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return headers, body


def hook(url, **facts):
    return WebhookChannel(channel="hook", kind="webhook", url=url, secret="key", **facts)


def test_pauses_grow_to_an_hour_and_differ():
    """Channels that failed together must not come back together."""
    middle = [delivery.pause(n, lambda: 0.5).total_seconds() for n in (1, 2, 3, 8, 9, 500)]

    assert [15, 30, 60, 1920, 3600, 3600] == middle
    assert timedelta(seconds=7.5) == delivery.pause(1, lambda: 0.0)
    assert delivery.pause(1, lambda: 0.99) < timedelta(seconds=22.5)


@pytest.mark.parametrize(
    ("error", "composed", "state"),
    [
        (DeliveryError("down"), NOON, "waiting"),
        (DeliveryError("down"), NOON - timedelta(hours=80), "late"),
        (DeliveryRefused("no"), NOON, "refused"),
        (RuntimeError(TOKEN), NOON, "waiting"),
        (None, NOON, "sent"),
    ],
)
def test_what_comes_of_an_attempt(settings, monkeypatch, error, composed, state):
    """What nobody foresaw is tried again, and its words, which may hold a secret, go nowhere."""
    noted = []

    def send(*_):
        if error:
            raise error

    monkeypatch.setattr(channels, "send", send)
    monkeypatch.setattr(delivery.outbox, "begin", lambda *_: True)
    monkeypatch.setattr(delivery.outbox, "note", lambda *facts: noted.append(facts[2:]))

    outcome = delivery.deliver(settings, None, a_book(), a_message(composed=composed), lambda: NOON)

    assert state == outcome.state == noted[0][0]
    assert (outcome.due > NOON) == (state == "waiting")
    assert TOKEN not in (outcome.error or "")


def test_a_webhook_is_signed_with_its_time(settings):
    """An old POST cannot be played again: the receiver looks at the time, and the time is signed."""
    with answering(b"HTTP/1.1 204 Gone well\r\n\r\n") as (url, heard):
        webhook.send(settings, hook(url), a_letter(settings), NOON)

    headers, body = heard[0]
    seconds, signed = headers["barograph-signature"].removeprefix("t=").split(",v1=")
    expected = hmac.new(b"sesame-sesame", f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert (str(int(NOON.timestamp())), expected) == (seconds, signed)
    assert "5f0c" == headers["barograph-id"] == json.loads(body)["id"]
    assert "Dairy fridge" == json.loads(body)["alarms"][0]["label"]


def test_a_second_attempt_has_the_same_body(settings):
    later = delivery.letter(settings, a_message(attempts=3), NOON + MINUTE, with_chart=False)

    assert webhook.body(a_letter(settings)) == webhook.body(later)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", DeliveryError),
        (b"HTTP/1.1 429 Slowly\r\nContent-Length: 0\r\n\r\n", DeliveryError),
        (b"HTTP/1.1 302 There\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", DeliveryError),
        (b"HTTP/1.1 400 No\r\nContent-Length: 13\r\n\r\nsesame-sesame", DeliveryRefused),
        (b"", DeliveryError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", DeliveryError),
    ],
)
def test_what_a_webhook_answers(settings, reply, error):
    """A redirect is not followed, and what comes back is told without the secret that it quotes."""
    with answering(reply) as (url, heard), pytest.raises(DeliveryError) as found:
        webhook.send(settings, hook(url, timeout=5), a_letter(settings), NOON)

    assert error is type(found.value)
    assert 1 == len(heard)
    assert "sesame" not in str(found.value)


def test_a_name_that_leads_where_webhooks_may_not_go_gets_nothing(settings, monkeypatch):
    """The address that was looked at is the one that is connected to: a name cannot change its mind in between."""
    monkeypatch.setattr(webhook.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("169.254.169.254", 80))])

    with pytest.raises(DeliveryRefused, match="webhooks do not go there"):
        webhook.send(settings, hook("http://board.example/in"), a_letter(settings), NOON)


def test_a_byte_now_and_then_is_no_answer(settings, monkeypatch):
    """A limit of time for each byte would never be reached."""
    times = iter(range(1000))
    monkeypatch.setattr(webhook.time, "monotonic", lambda: next(times))
    with answering(b"HTTP/1.1 200 Fine\r\nX: " + b"x" * 50_000) as (url, _), pytest.raises(DeliveryError):
        webhook.send(settings, hook(url, timeout=5), a_letter(settings), NOON)


def test_a_chat_is_told_through_apprise(settings):
    (settings.secrets_folder / "chat").write_text("")
    with answering(b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n") as (url, heard):
        (settings.secrets_folder / "chat").write_text(url.replace("http://", "json://"))
        chat.send(settings, AppriseChannel(channel="phone", kind="apprise", secret="chat"), a_letter(settings))

    body = json.loads(heard[0][1])
    assert "[Corner shop] Alarm: Dairy fridge, Temperature 9.5 °C (major)" == body["title"]
    assert "limit 8 °C" in body["message"]


def test_a_chat_that_is_down_says_so_without_its_token(settings):
    with answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n") as (url, _):
        (settings.secrets_folder / "chat").write_text(url.replace("http://", "json://user:pass-word@") + "/hidden-path")

        with pytest.raises(DeliveryError) as found:
            chat.send(settings, AppriseChannel(channel="phone", kind="apprise", secret="chat"), a_letter(settings))

    assert "500" in str(found.value)
    assert not {"pass-word", "hidden-path"} & set(str(found.value).replace("/", " ").split())


@pytest.mark.parametrize(
    "secret", ["", "nothing", "mailto://a:b@c.example", "dbus://", "json://a\njson://b", "file:///etc"]
)
def test_a_secret_that_is_no_service_is_refused_and_not_shown(settings, secret):
    (settings.secrets_folder / "chat").write_text(secret)

    with pytest.raises(DeliveryRefused) as found:
        chat.send(settings, AppriseChannel(channel="phone", kind="apprise", secret="chat"), a_letter(settings))

    assert not secret or secret not in str(found.value)


def test_no_part_of_a_url_that_lets_somebody_in_is_told():
    """Libraries quote URLs, whole and in parts, and percent signs as letters."""
    url = f"tgram://123456789:{TOKEN}/4567890/?x=se%2Fcret"
    said = f"HTTPSConnectionPool: Max retries exceeded with url: /bot123456789:{TOKEN}/send, se/cret"

    assert "HTTPSConnectionPool: Max retries exceeded with url: /bot***:***/send, ***" == redacted(said, url)
