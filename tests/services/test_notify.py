"""People are told, on real servers that fail: nothing is lost, and what comes twice has one id."""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from sqlalchemy import insert, text, update
from tests.services.river import NOW, opened

from barograph.state import engine, outbox
from barograph.state.tables import alarms

KEY = b"a key of the test"
BAROGRAPH = Path(sys.executable).with_name("barograph")


class Receiver:
    """A webhook whose faults are scripted by path: what is done to its POSTs, in turn; then all are taken."""

    def __init__(self):
        told = self
        self.posts, self.faults, self.killed = [], {}, []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seconds, _, signed = self.headers["Barograph-Signature"].removeprefix("t=").partition(",v1=")
                assert signed == hmac.new(KEY, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
                fault = next(told.faults.get(self.path, iter(())), 204)
                told.posts.append((self.path, self.headers["Barograph-Id"], json.loads(body), fault))
                if callable(fault):
                    fault()
                elif fault == "slow":
                    time.sleep(2)
                elif fault != "hang up":
                    self.send_response(fault)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ids(self, path):
        return Counter(identity for where, identity, _, _ in self.posts if where == path)


@contextmanager
def mailbox(folder):
    folder.mkdir()
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("mailbox.py")), str(folder)])
    try:
        until((folder / "port").exists)
        yield int((folder / "port").read_text())
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def shop(servers, receiver, tmp_path):
    """A data folder with contacts on every channel, each of which fails in its own way."""
    with opened(servers.settings) as river, mailbox(tmp_path / "mails") as smtp:
        settings = river.settings
        key = settings.secrets_folder / f"{river.name}-hook"
        key.write_bytes(KEY)
        key.chmod(0o600)
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "settings.yaml").write_text(
            yaml.safe_dump(
                {
                    "port_base": settings.port_base,
                    "secrets": str(settings.secrets_folder),
                    "sites": str(settings.sites_folder),
                    "postgres": {"database": river.name},
                    "mail": {
                        "host": "127.0.0.1",
                        "port": smtp,
                        "security": "none",
                        "sender": "Shop <shop@shop.example>",
                    },
                    "notify": {"turn": 0.1},
                }
            )
        )
        contacts = [
            person(name, {"kind": "mail", "to": [f"{name}@shop.example"]}) for name in ("plain", "later", "lost")
        ]
        contacts += [person("never", {"kind": "mail", "to": ["never@shop.example"]})]
        for name in ("busy", "rude", "slow", "killer"):
            url = f"http://127.0.0.1:{receiver.port}/{name}"
            hook = {"kind": "webhook", "url": url, "secret": key.name, "timeout": 1}
            contacts.append(person(name, hook))
        place = settings.sites_folder / river.name / "contacts.yaml"
        place.write_text(yaml.safe_dump({"contacts": contacts}))
        yield river, tmp_path


def person(name, channel):
    return {"contact": name, "group": 0, "channels": [{"channel": "only", **channel}]}


@contextmanager
def running(home):
    """The real process; it is asked to stop at the end, if it still runs."""
    environment = {**os.environ, "BAROGRAPH_HOME": str(home)}
    with (home / "notifier.log").open("ab") as out:
        process = subprocess.Popen([BAROGRAPH, "notify", "run"], env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def until(found, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return result


def an_alarm(river, **facts):
    row = {
        "site": river.name, "rule": "warm", "rule_version": "1", "severity": "critical", "device": river.fridge,
        "metric": "temperature", "limit": 8.0, "value": 9.5, "started": NOW, "opened": NOW, "state": "open",
        "historical": False, "message": "The goods spoil.", **facts,
    }  # fmt: skip
    with engine.connect(river.settings).begin() as connection:
        return connection.scalar(insert(alarms).values(**row).returning(alarms.c.alarm))


def mails(folder, name):
    parse = email.message_from_bytes
    return [parse(path.read_bytes(), policy=email.policy.default) for path in sorted(folder.glob(f"*-{name}.eml"))]


def hurried(river):
    """Nobody waits for a back-off in a test: what waits is due now."""
    with engine.connect(river.settings).begin() as connection:
        connection.execute(text("update outbox set due = now() where state = 'waiting' and error is not null"))


def settled(river):
    hurried(river)
    found = outbox.messages(engine.connect(river.settings))
    return (
        found
        if all(one.state != "waiting" for one in found) and not outbox.pending(engine.connect(river.settings))
        else []
    )


def test_people_are_told_by_servers_that_fail_and_a_notifier_that_is_killed(shop, receiver):
    """None is lost, none comes twice but where an answer was lost, and then with the same id."""
    river, folder = shop
    home, inbox = folder / "home", folder / "mails"

    receiver.faults["/busy"] = iter([503, 429])
    receiver.faults["/rude"] = iter(["hang up"])
    receiver.faults["/slow"] = iter(["slow"])
    with running(home) as first:
        receiver.faults["/killer"] = iter([lambda: os.kill(first.pid, signal.SIGKILL)])
        until((home / "run" / "notifier.json").exists)
        with running(home):
            number = an_alarm(river)
            # It took what killed the notifier, and nobody marked that: the one that stood by says it again.
            until(lambda: first.poll() is not None)
            until(lambda: settled(river))
            with engine.connect(river.settings).begin() as connection:
                ended = update(alarms).where(alarms.c.alarm == number)
                connection.execute(ended.values(state="cleared", cleared=NOW))
            told = until(lambda: len(found := settled(river)) == 16 and found)

    assert {"sent", "refused"} == {one.state for one in told}
    assert {"never"} == {one.contact for one in told if one.state == "refused"}
    # Whatever was under way when the notifier was killed may have come once more.
    for path, attempts in (("/busy", 3), ("/rude", 2), ("/slow", 2), ("/killer", 2)):
        first_told, then_told = receiver.ids(path).values()
        assert attempts <= first_told <= attempts + 1
        assert 1 == then_told
    assert {"/busy", "/rude", "/slow", "/killer"} == {path for path, *_ in receiver.posts}
    for name, copies in (("plain", 1), ("later", 1), ("lost", 2)):
        *firsts, last = mails(inbox, name)
        assert copies <= len(firsts) <= copies + 1
        assert 1 == len({mail["Message-ID"] for mail in firsts})
        assert firsts[0]["Message-ID"] == last["In-Reply-To"]
    assert [] == mails(inbox, "never")
