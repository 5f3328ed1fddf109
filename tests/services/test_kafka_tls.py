"""Kafka elsewhere: encrypted, with a password or a certificate, by an authority of our own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.net.transport import KafkaSSLTransport
from tests.unit.collector.fakes import eventually

from barograph import kafka
from barograph.collector.publisher import Publisher, Topics
from barograph.collector.spool import Entry, Spool
from barograph.errors import ServiceUnavailable
from barograph.kafka.access import quoted
from barograph.settings import KafkaSettings, Settings
from barograph.windows import utc

NOON = utc("2026-11-22T12:00:00Z")
PASSWORDS = {"SCRAM-SHA-512": "pass word", "PLAIN": 'pass"word\\of one'}
"""The second with all that a quoted string of Java would trip over."""


class Authority:
    """Signs certificates for 127.0.0.1, with OpenSSL's own tool."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        self._run("req", "-x509", "-days", "2", "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def sign(self, name: str) -> tuple[Path, Path]:
        """A certificate and its key, as PKCS #8."""
        certificate, key, request = (self._folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        self._run("req", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        names = self._folder / "names"
        names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        signing = ["-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-days", "2", "-extfile", names]
        subprocess.run(["openssl", "x509", "-req", "-in", request, "-out", certificate, *signing], check=True)
        return certificate, key

    def _run(self, *command: object) -> None:
        subprocess.run(["openssl", *map(str, command), "-newkey", "rsa:2048", "-nodes"], check=True)


class SecureKafka:
    """A broker with three doors: SASL_SSL, SSL with a certificate of the client's own, and none for anybody else."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        tools = json.loads((Path(sys.prefix) / "tools.json").read_text())
        self.java = [tools["java"], "-Xmx384m", "-cp", f"{tools['kafka_jars']}/*"]
        self._folder = folder
        self.login, self.mutual, internal, controller = (free_port() for _ in range(4))
        certificate, key = authority.sign("broker")
        (folder / "broker-store.pem").write_text(key.read_text() + certificate.read_text())
        said = _as_property(quoted(PASSWORDS["PLAIN"]))
        (folder / "server.properties").write_text(
            f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=LOGIN://127.0.0.1:{self.login},MUTUAL://127.0.0.1:{self.mutual},INTERNAL://127.0.0.1:{internal},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=LOGIN://127.0.0.1:{self.login},MUTUAL://127.0.0.1:{self.mutual},INTERNAL://127.0.0.1:{internal}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listener.security.protocol.map=LOGIN:SASL_SSL,MUTUAL:SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.login.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_collector={said};
ssl.keystore.type=PEM
ssl.keystore.location={folder / "broker-store.pem"}
ssl.truststore.type=PEM
ssl.truststore.location={authority.certificate}
listener.name.mutual.ssl.client.auth=required
log.dirs={folder / "data"}
log.cleaner.enable=false
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""
        )
        scram = f'SCRAM-SHA-512=[name=collector,password="{PASSWORDS["SCRAM-SHA-512"]}"]'
        storage = [*self.java, "kafka.tools.StorageTool", "format", "-c", "server.properties", "-t"]
        made = subprocess.run(
            [*storage, "MkU3OEVBNTcwNTJENDM2Qg", "--add-scram", scram], cwd=folder, capture_output=True, text=True
        )
        assert made.returncode == 0, made.stdout + made.stderr
        with (folder / "kafka.log").open("ab") as log:
            command = [*self.java, "kafka.Kafka", "server.properties"]
            self._process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        if not eventually(self._answers, within=60):
            self.close()
            pytest.fail((folder / "kafka.log").read_text()[-3000:])

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.login)) == 0

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    if not shutil.which("openssl"):
        pytest.skip("no openssl here to sign certificates with")
    return Authority(tmp_path_factory.mktemp("authority"), "ca")


@pytest.fixture(scope="module")
def broker(authority, tmp_path_factory) -> Iterator[SecureKafka]:
    folder = tmp_path_factory.mktemp("secure-kafka")
    running = SecureKafka(folder, authority)
    yield running
    running.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(broker, authority, tmp_path):
    """A data folder of this test's own, which reaches the broker with a password unless said otherwise."""

    def made(password="", **how) -> Settings:
        right = PASSWORDS[how.get("mechanism", "SCRAM-SHA-512")]
        (tmp_path / "secrets").mkdir(exist_ok=True)
        (tmp_path / "secrets" / "kafka_password").write_text(password or right)
        (tmp_path / "secrets" / "kafka_password").chmod(0o600)
        facts = {"security": "SASL_SSL", "username": "collector", "cafile": str(authority.certificate), **how}
        return Settings(home=tmp_path, kafka=KafkaSettings(brokers=f"127.0.0.1:{broker.login}", **facts))

    return made


def published(settings: Settings, count: int) -> list[int]:
    """Send frames by spool and publisher, and read the topic."""
    kafka.create_topics(settings)
    spool = Spool(settings.path("spool.db"), quota=10_000_000, keep_acked=60.0)
    publisher = Publisher(spool, partial(kafka.Producer, settings), Topics("readings", "rejects"))
    publisher.start()
    spool.append([Entry("readings", b'{"device":"d","seq":%d}' % n, "d") for n in range(count)], NOON)
    publisher.wake()
    try:
        assert eventually(lambda: spool.depth == 0, within=30)
    finally:
        publisher.stop(1.0)
        spool.close()
    ends = {place.partition: place.end for place in kafka.offsets(settings, ["readings"])}
    consumer = KafkaConsumer(bootstrap_servers=settings.brokers, consumer_timeout_ms=10_000, **kafka.security(settings))
    consumer.assign([TopicPartition("readings", partition) for partition in ends])
    consumer.seek_to_beginning()
    contents = [json.loads(next(consumer).value) for _ in range(sum(ends.values()))]
    consumer.close()
    return [frame["seq"] for each in contents for frame in (each if isinstance(each, list) else [each])][-count:]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_the_publisher_delivers_through_tls_with_a_password(settings, mechanism):
    """Topics, offsets, frames and their readers: all of it through the one door that is open."""
    assert [*range(100)] == published(settings(mechanism=mechanism), 100)


def test_the_publisher_delivers_with_a_certificate_of_its_own(settings, broker, authority):
    certificate, key = authority.sign("collector")
    mutual = settings(security="SSL", username="", certfile=str(certificate), keyfile=str(key))
    mutual = mutual.model_copy(
        update={"kafka": mutual.kafka.model_copy(update={"brokers": f"127.0.0.1:{broker.mutual}"})}
    )

    assert [*range(50)] == published(mutual, 50)


@pytest.fixture
def soon(monkeypatch):
    """A refusal is tried again until a broker counts as gone: not for so long here."""
    monkeypatch.setattr("barograph.kafka.connections.BOOTSTRAP", 3.0)


def refusal(settings: Settings) -> str:
    with pytest.raises(ServiceUnavailable) as refused:
        kafka.Producer(settings)
    with pytest.raises(ServiceUnavailable) as also:
        kafka.create_topics(settings)
    assert str(refused.value) == str(also.value)
    return str(refused.value)


def test_another_authority_is_named(settings, soon, tmp_path):
    """Not "no answer": whoever stands between us and the broker must be seen."""
    stranger = Authority(tmp_path, "stranger")

    told = refusal(settings(cafile=str(stranger.certificate)))

    assert "No encrypted connection to Kafka" in told
    assert "certificate verify failed" in told
    assert "kafka.cafile" in told


@pytest.mark.parametrize("slow", [0.0, 0.05])
def test_a_wrong_password_is_named(settings, soon, monkeypatch, slow):
    """Also where we are so slow to listen that the broker's last words and its hanging up are one."""
    heard = KafkaSSLTransport._sock_recv
    monkeypatch.setattr(KafkaSSLTransport, "_sock_recv", lambda transport: time.sleep(slow) or heard(transport))

    told = refusal(settings(password="wrong"))

    assert "does not let collector in" in told
    assert "kafka_password" in told


def test_a_door_that_is_not_ours_is_no_answer(settings, soon, broker):
    """Settings of two brokers mixed up: we do not encrypt, and that one hangs up without a word."""
    plain = settings(security="SASL_PLAINTEXT", cafile="")

    with pytest.raises(ServiceUnavailable, match=str(broker.login)):
        kafka.Producer(plain)


def test_the_outage_of_a_wrong_password_is_over_when_it_is_right(settings, soon, tmp_path):
    """Somebody mends the secret's file; what was read meanwhile is not lost, and nobody starts us again."""
    kafka.create_topics(settings())
    wrong = settings(password="wrong")
    spool = Spool(tmp_path / "spool.db", quota=10_000_000, keep_acked=60.0)
    spool.append([Entry("readings", b'{"device":"d","seq":1}', "d")], NOON)
    publisher = Publisher(spool, partial(kafka.Producer, wrong), Topics("readings", "rejects"), back_off=(0.1, 0.2))
    publisher.start()
    assert eventually(lambda: publisher.up is False, within=20)

    settings()

    assert eventually(lambda: spool.depth == 0, within=20)
    publisher.stop(1.0)


@pytest.mark.parametrize("door", ["SCRAM-SHA-512", "PLAIN", "certificate"])
def test_spark_s_client_gets_in_with_the_same_settings(settings, broker, authority, tmp_path, door):
    """Drain reads with Java's client: the options are its own, and its own tool tries them."""
    published(settings(), 3)
    if door != "certificate":
        made = settings(mechanism=door)
    else:
        certificate, key = authority.sign("drain")
        made = settings(security="SSL", username="", certfile=str(certificate), keyfile=str(key))
        made = made.model_copy(
            update={"kafka": made.kafka.model_copy(update={"brokers": f"127.0.0.1:{broker.mutual}"})}
        )
    options = kafka.spark_options(made)
    servers = options.pop("kafka.bootstrap.servers")
    lines = [f"{name.removeprefix('kafka.')}={_as_property(text)}" for name, text in options.items()]
    (tmp_path / "client.properties").write_text("\n".join(lines))

    tool = [*broker.java, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", servers]
    read = ["--topic", "readings", "--from-beginning", "--max-messages", "3", "--timeout-ms", "20000"]
    config = ["--command-config", str(tmp_path / "client.properties")]
    done = subprocess.run([*tool, *read, *config], capture_output=True, text=True, timeout=60)

    assert done.stdout.count('"device":"d"') >= 3, done.stdout + done.stderr


def _as_property(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
