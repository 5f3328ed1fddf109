import pytest

from barograph import kafka
from barograph.errors import SettingsError
from barograph.settings import KafkaSettings, Settings, load_settings


def secured(home, password="secret", **how) -> Settings:
    (home / "secrets").mkdir(exist_ok=True)
    (home / "secrets" / "kafka_password").write_text(password + "\n")
    (home / "secrets" / "kafka_password").chmod(0o600)
    return Settings(home=home, kafka=KafkaSettings(brokers="broker:9093", **how))


def test_without_a_word_nothing_is_encrypted_and_nobody_logs_in(settings):
    """The local stack on loopback."""
    assert {"security_protocol": "PLAINTEXT"} == kafka.security(settings)
    assert {
        "kafka.bootstrap.servers": settings.brokers[0],
        "kafka.security.protocol": "PLAINTEXT",
    } == kafka.spark_options(settings)


def test_a_password_comes_from_a_file_and_never_from_the_settings(tmp_path):
    """Neither `ps` nor a copy of settings.yaml shows it."""
    made = secured(tmp_path, "hush", security="SASL_SSL", username="collector")

    options = kafka.security(made)

    assert ("SASL_SSL", "SCRAM-SHA-512", "collector", "hush") == tuple(
        options[name] for name in ("security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password")
    )
    assert options["ssl_context"].check_hostname
    assert "hush" not in made.model_dump_json()


def test_a_password_cannot_break_out_of_spark_s_options(tmp_path):
    """They are a line of Java's own language."""
    options = kafka.spark_options(secured(tmp_path, 'a"b\\c; evil="', security="SASL_SSL", username="col"))

    assert (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        r'username="col" password="a\"b\\c; evil=\"";'
    ) == options["kafka.sasl.jaas.config"]


def test_certificates_are_handed_to_spark_as_pem(tmp_path):
    for name in ("ca.pem", "own.pem", "own.key"):
        (tmp_path / name).write_text(f"content of {name}")

    options = kafka.spark_options(
        secured(tmp_path, security="SSL", cafile="ca.pem", certfile="own.pem", keyfile="own.key")
    )

    assert str(tmp_path / "ca.pem") == options["kafka.ssl.truststore.location"]
    assert "content of own.pem" == options["kafka.ssl.keystore.certificate.chain"]
    assert "content of own.key" == options["kafka.ssl.keystore.key"]
    assert not [name for name in options if "sasl" in name]


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_an_authority_that_cannot_be_used_is_named(tmp_path, content):
    """At once, and not as an outage that nobody understands."""
    if content:
        (tmp_path / "ca.pem").write_text(content)

    with pytest.raises(SettingsError, match=r"kafka\.cafile ca\.pem cannot be used"):
        kafka.security(secured(tmp_path, security="SSL", cafile="ca.pem"))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("security: SASL_SSL", "needs a username"),
        ("security: SASL_PLAINTEXT\n  username: a\n  mechanism: PLAIN", "sends the password as it is"),
        ("security: SSL\n  certfile: own.pem", "certfile and keyfile go together"),
        ("cafile: ca.pem", "need security SSL or SASL_SSL, not PLAINTEXT"),
        ("security: TLS", "SASL_SSL"),
    ],
)
def test_settings_that_make_no_sense_together_are_refused_where_they_stand(tmp_path, lines, problem):
    (tmp_path / "settings.yaml").write_text(f"kafka:\n  {lines}\n")

    with pytest.raises(SettingsError, match=rf"settings.yaml:\d+: kafka.*{problem}"):
        load_settings(tmp_path)
