"""What it takes to be let in: encryption, certificates, a login; for kafka-python, and for Spark's Java client."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from barograph.errors import SettingsError
from barograph.settings import Settings

PASSWORD = "kafka_password"  # noqa: S105
"""The secret with the password for SASL."""


def security(settings: Settings) -> dict[str, Any]:
    """What kafka-python's clients, consumers too, need to be let in. Raises SettingsError."""
    kafka = settings.kafka
    options: dict[str, Any] = {"security_protocol": kafka.security}
    if kafka.encrypted:
        options["ssl_context"] = _tls(settings)
    if kafka.logs_in:
        options |= {
            "sasl_mechanism": kafka.mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": settings.secret(PASSWORD),
        }
    return options


def spark_options(settings: Settings) -> dict[str, str]:
    """The same for Spark's Kafka source, whose Java client wants an own certificate's key as PKCS #8."""
    kafka = settings.kafka
    options = {"kafka.bootstrap.servers": ",".join(settings.brokers), "kafka.security.protocol": kafka.security}
    if kafka.cafile:
        options |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.location": str(_file(settings, "cafile"))}
    if kafka.certfile:
        options |= {
            "kafka.ssl.keystore.type": "PEM",
            "kafka.ssl.keystore.certificate.chain": _file(settings, "certfile").read_text(),
            "kafka.ssl.keystore.key": _file(settings, "keyfile").read_text(),
        }
    if kafka.logs_in:
        module = "plain.Plain" if kafka.mechanism == "PLAIN" else "scram.Scram"
        user, password = (quoted(text) for text in (kafka.username, settings.secret(PASSWORD)))
        options |= {
            "kafka.sasl.mechanism": kafka.mechanism,
            "kafka.sasl.jaas.config": f"org.apache.kafka.common.security.{module}LoginModule required "
            f"username={user} password={password};",
        }
    return options


def _tls(settings: Settings) -> ssl.SSLContext:
    kafka = settings.kafka
    name = "cafile"
    try:
        context = ssl.create_default_context(cafile=str(_file(settings, name)) if kafka.cafile else None)
        name = "certfile"
        if kafka.certfile:
            context.load_cert_chain(_file(settings, name), _file(settings, "keyfile"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"kafka.{name} {getattr(kafka, name)} cannot be used ({error}). It must be a readable PEM file"
            f"{', and keyfile the key that belongs to it, without a passphrase' if name == 'certfile' else ''}."
        ) from error
    return context


def _file(settings: Settings, name: str) -> Path:
    """A relative path starts in the data folder."""
    return settings.home / str(getattr(settings.kafka, name))


def quoted(text: str) -> str:
    """As a value in a line of Java's login options."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
