"""One settings object: frozen, typed, read once at an entry point, then passed on.

Only this module reads the environment.
A setting comes from, first found wins: an environment variable (`BAROGRAPH_KAFKA__BROKERS`), the data folder's
settings.yaml (`kafka: {brokers: ...}`), the default here. Secrets are files of mode 0600 in one folder.
"""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from barograph import documents
from barograph.destinations import Recipients, Target, checked
from barograph.errors import SettingsError
from barograph.registry import Slug

PREFIX = "BAROGRAPH_"
CHECKOUT = Path(__file__).resolve().parents[2]

PORT_OFFSETS = {
    "spark_live": 2,
    "spark_history": 3,
    "collector": 64,
    "airflow": 80,
    "influxdb": 86,
    "kafka": 92,
    "kafka_controller": 93,
    "postgres": 432,
}
"""Where each server listens on loopback: `port_base` plus this."""

WhenFull = Literal["refuse_newest", "drop_oldest", "thin_out"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(Section):
    brokers: str = ""
    """Comma-separated host:port; empty means the local stack's."""
    topics: list[str] = ["readings"]
    """Topics with readings. The collector writes the first; drain reads all of them."""
    rejects: str = "rejects"
    """What the collector could not decode, byte for byte, with the reason."""
    operations: str = "operations"
    """The collector's metrics and events, on their way to InfluxDB's bucket of that name."""
    alarms: str = "alarms-fast"
    """Provisional alarms of the collectors' fast lanes, on their way to `ingest`."""
    operations_hours: int = Field(default=48, ge=1)
    """How long Kafka keeps those."""
    partitions: int = Field(default=4, ge=1)
    """Of topics with readings, when they are created: how many can be read side by side."""
    retention_hours: int = Field(default=24 * 7, ge=1)
    """How long Kafka keeps readings and rejects: the longest time that `ingest` may stand still."""
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How brokers are spoken to: SSL encrypts, SASL logs in with `username` and the secret `kafka_password`."""
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    """How to log in with SASL."""
    username: str = ""
    """Who logs in with SASL."""
    cafile: str = ""
    """PEM file of the authority that signed the brokers' certificates; empty means those that the machine trusts."""
    certfile: str = ""
    """PEM file with our own certificate, for brokers that ask for one; `keyfile` has its key."""
    keyfile: str = ""
    """PEM file with the key of `certfile`, without a passphrase."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.security.startswith("SASL") and not self.username:
            raise ValueError(f"security {self.security} needs a username")
        if self.security == "SASL_PLAINTEXT" and self.mechanism == "PLAIN":
            raise ValueError("mechanism PLAIN sends the password as it is: it needs security SASL_SSL")
        if bool(self.certfile) != bool(self.keyfile):
            raise ValueError("certfile and keyfile go together")
        if (self.cafile or self.certfile) and not self.encrypted:
            raise ValueError(f"cafile and certfile need security SSL or SASL_SSL, not {self.security}")
        return self

    @property
    def encrypted(self) -> bool:
        return self.security in ("SSL", "SASL_SSL")

    @property
    def logs_in(self) -> bool:
        return self.security in ("SASL_PLAINTEXT", "SASL_SSL")


class InfluxSettings(Section):
    url: str = ""
    """Where InfluxDB answers; empty means the local stack's."""
    org: str = "barograph"
    """The organisation that our buckets belong to."""
    readings: str = "readings"
    """Bucket with one point for each reading."""
    windows: str = "windows"
    """Bucket with sliding windows."""
    rollups: str = "rollups"
    """Bucket with statistics by hour and day."""
    operations: str = "operations"
    """Bucket with what the pipeline says of itself."""
    windows_days: int = Field(default=7, ge=1)
    """Retention of the windows bucket; readings and rollups are kept for ever."""
    lines_per_request: int = Field(default=5_000, ge=1, le=50_000)
    """Points that are written at once: fewer take less memory, more go faster."""
    compress: int | None = Field(default=None, ge=0, le=9)
    """gzip's level of what is sent, 0 is none; unless said, none to this machine and 1 to others."""
    timeout: float = 30.0
    """Seconds until a request counts as failed."""
    patience: float = 120.0
    """Seconds to go on trying while InfluxDB answers 429 or 5xx, or not at all."""


class PostgresSettings(Section):
    host: str = "127.0.0.1"
    """Where PostgreSQL runs."""
    port: int = 0
    """0 means the local stack's."""
    database: str = "barograph"
    """With the ledger, alarms and reports."""
    user: str = "barograph"
    """Who logs in, with the secret `postgres_barograph`."""


class SparkSettings(Section):
    live: str = ""
    """Spark Connect URL of the server that serves `ingest` alone; empty means the local stack's."""
    history: str = ""
    """Spark Connect URL of the server for settling, imports and questions; may be the same one. Empty likewise."""


class IngestSettings(Section):
    interval: int = Field(default=60, ge=10, le=3600)
    """Seconds between runs of `ingest`."""
    max_messages: int = Field(default=200_000, ge=1)
    """Most Kafka messages in one batch; the rest waits for the next."""
    max_ahead: float = 86_400.0
    """Seconds a reading may lie ahead of Kafka's timestamp before it is rejected as clock_ahead."""
    live_hours: float = 24.0
    """Older readings are left to `daily`: ingest records and judges them, but neither refines nor loads them."""
    default_cadence: float = 10.0
    """Seconds between frames of a device that is not registered."""
    historical_after: float = 3600.0
    """An alarm found so many seconds after it opened is history, unless it is open still: nobody is notified."""


class WindowSettings(Section):
    """What readings are summed up over; docs/windows.md. Days settled before a change keep what they have until they
    are settled again."""

    size: int = Field(default=60, ge=1, le=3600)
    """Seconds of a sliding window. A device with a longer cadence has windows of one cadence."""
    slide: int = Field(default=5, ge=1, le=3600)
    """Seconds between the ends of two windows; divides `size`, at most 60 times. A device with a cadence of more than
    two slides has windows that slide by its cadence."""
    rollups: list[Literal["minute", "hour", "day"]] = ["minute", "hour", "day"]
    """Longer periods; `day` is the site's local day, which reports need. By minute only devices with a cadence of at
    most 20 s: three readings."""
    statistics_of: Literal["good", "good_and_suspect"] = "good"
    """Whose values enter minimum, mean and the like. Values that fail never do."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.size % self.slide or self.size // self.slide > 60:
            raise ValueError(
                f"slide ({self.slide}) must divide size ({self.size}), at most 60 times: "
                "every reading lies in size / slide windows"
            )
        if "day" not in self.rollups:
            raise ValueError("rollups needs day: reports are made of it")
        if len(set(self.rollups)) < len(self.rollups):
            raise ValueError("rollups names a period twice")
        return self


class ReportSettings(Section):
    timezone: str = ""
    """Reporting time zone of this deployment, which schedules `daily`; empty means the first site's."""
    grace: int = Field(default=900, ge=0)
    """Seconds that a scheduled `daily` waits for late readings; reports call readings late that came after so long."""
    language: Literal["en", "zh"] = "en"
    """What reports speak: English or Chinese."""
    units: dict[str, str] = {}
    """What reports say instead of a unit: `{"°C": "°F"}`, as Barograph knows units. Alarms and the record keep ours."""
    promise: float = Field(default=60.0, gt=0)
    """Seconds from the measurement within which Kafka should have 95 of 100 readings."""
    own: Path = Path("report")
    """Templates and charts that win over ours (docs/report.md); a relative path starts in the data folder."""
    processes: int = Field(default=0, ge=0, le=64)
    """That draw the charts of a large site; 0 means one for each core."""
    deliver: Recipients = Field(default=[], max_length=100)
    """Folders and webhooks that get reports, docs/report.md; people stand in contacts.yaml."""


class CollectorSettings(Section):
    spool_megabytes: int = Field(default=512, ge=1)
    """Quota of the on-disk spool; beyond it readings are lost, counted and shown."""
    spool_days: float | None = Field(default=None, gt=0)
    """Older readings are dropped from the spool, counted and shown, by the machine's clock; no limit unless said."""
    when_full: WhenFull = "refuse_newest"
    """What is lost at the quota: what comes, the oldest, or every second frame of the older half."""
    keep_acked: float = 60.0
    """Seconds that acknowledged entries stay spooled: one broker's acks are page cache."""
    reopen: float = 2.0
    """Seconds between attempts to open a lost port."""
    name: str = ""
    """What it is called in metrics, which tells several collectors apart; empty means the machine's name."""
    metrics_port: int | Literal["auto"] | None = Field(default="auto", union_mode="left_to_right")
    """Where Prometheus finds its metrics on loopback: a port, or `auto` for `port_base` + 64; 0 or null for nowhere."""

    @field_validator("metrics_port", mode="before")
    @classmethod
    def _is_port(cls, port: object) -> object:
        if port in (None, "auto") or (str(port).isdecimal() and int(str(port)) < 65_536):
            return port
        raise ValueError("a port is a number from 1 to 65535, `auto`, or 0 for none")


class BackupSettings(Section):
    repository: str = ""
    """A restic repository: a folder, or what restic calls a backend. Empty means `backups` in the data folder."""
    keep_daily: int = 14
    """So many days keep their last backup; older ones are forgotten."""
    keep_weekly: int = 8
    """So many weeks likewise."""
    keep_monthly: int = 12
    """So many months likewise."""


class MaintenanceSettings(Section):
    keep_rejects_days: int | None = Field(default=None, ge=1)
    """Rejects published longer ago are deleted by `maintenance`, and the ledger notes it; kept for ever unless said."""


class MailSettings(Section):
    host: str = ""
    """The SMTP server that mail is handed to; empty means that no mail can be sent."""
    port: int = Field(default=587, ge=1, le=65_535)
    """Where it listens."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls` refuses a server that does not offer it, `tls` is encrypted from the first byte."""
    username: str = ""
    """Who logs in, with the secret `mail_password`; empty means that nobody does."""
    sender: str = ""
    """What stands in From: `Barograph <barograph@shop.example>`."""
    cafile: str = ""
    """PEM file of the authority that signed its certificate; empty means those that the machine trusts."""
    timeout: float = Field(default=20.0, gt=0, le=120)
    """Seconds until an answer counts as none; a whole mail may take four times as long."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.host and not self.sender:
            raise ValueError("host needs a sender")
        if self.username and self.security == "none":
            raise ValueError("a password is not sent unencrypted: security starttls or tls")
        return self


class NotifySettings(Section):
    pages: str = ""
    """Where people reach Airflow's pages, for links in messages: `https://shop.example`; empty means `airflow_url`."""
    turn: float = Field(default=1.0, ge=0.1, le=60)
    """Seconds between two looks for news."""
    patience_hours: float = Field(default=72.0, gt=0)
    """How long a message is tried again before it is given up."""
    missed_runs: int = Field(default=5, ge=2)
    """So many intervals without a finished run of `ingest` open the alarm `ingest-stopped`; two minutes at least."""
    collector_silent: float = Field(default=60.0, ge=15)
    """So many seconds without a sign of life of the collector open the alarm `collector-stopped`."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid")

    home: Path
    """The data folder: all that is kept, and nothing else."""
    port_base: int = Field(default=28_000, ge=1024, le=60_000)
    """The servers of the local stack listen on this plus a fixed number: InfluxDB on 28086, Kafka on 28092."""
    host: str = "127.0.0.1"
    """Where the local stack is looked for, and the address that it listens on."""
    sites: Path = Path("sites")
    """The folder with a folder for each site; a relative path starts in the data folder."""
    archive: str = ""
    """Where the record and the derived tables lie: a folder or an object store's URL; empty means the data folder."""
    secrets: Path = Path("secrets")
    """The folder with passwords and tokens; a relative path starts in the data folder."""
    default_site: Slug | None = None
    """The site of devices that are not registered; the first one unless said."""
    airflow_url: str = ""
    """Where Airflow answers; empty means the local stack's."""

    kafka: KafkaSettings = KafkaSettings()
    influx: InfluxSettings = InfluxSettings()
    postgres: PostgresSettings = PostgresSettings()
    spark: SparkSettings = SparkSettings()
    ingest: IngestSettings = IngestSettings()
    windows: WindowSettings = WindowSettings()
    reports: ReportSettings = ReportSettings()
    collector: CollectorSettings = CollectorSettings()
    backups: BackupSettings = BackupSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    mail: MailSettings = MailSettings()
    notify: NotifySettings = NotifySettings()
    targets: list[Target] = []
    """Where refined readings, windows and alarms go besides InfluxDB; docs/targets.md."""

    @model_validator(mode="after")
    def _targets_apart(self) -> Self:
        ours = {*self.kafka.topics, self.kafka.rejects, self.kafka.operations, self.kafka.alarms}
        checked(self.targets, self.kafka.brokers, ours)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    def port(self, server: str) -> int:
        return self.port_base + PORT_OFFSETS[server]

    def path(self, *parts: str) -> Path:
        return self.home.joinpath(*parts)

    @property
    def sites_folder(self) -> Path:
        return self.home / self.sites

    @property
    def secrets_folder(self) -> Path:
        return self.home / self.secrets

    @property
    def reports_folder(self) -> Path:
        return self.home / "reports"

    @property
    def own_report_folder(self) -> Path:
        return self.home / self.reports.own

    @property
    def archive_root(self) -> str:
        return self.archive or str(self.home)

    @property
    def brokers(self) -> list[str]:
        return (self.kafka.brokers or f"{self.host}:{self.port('kafka')}").split(",")

    @property
    def influx_url(self) -> str:
        return self.influx.url or f"http://{self.host}:{self.port('influxdb')}"

    @property
    def airflow_address(self) -> str:
        return self.airflow_url or f"http://{self.host}:{self.port('airflow')}"

    @property
    def postgres_port(self) -> int:
        return self.postgres.port or self.port("postgres")

    @property
    def restic_repository(self) -> str:
        return self.backups.repository or str(self.path("backups"))

    @property
    def collector_name(self) -> str:
        return self.collector.name or socket.gethostname()

    @property
    def metrics_port(self) -> int | None:
        """Where the collector serves its metrics; None where it does not."""
        port = self.collector.metrics_port
        return self.port("collector") if port == "auto" else port or None

    def spark_url(self, server: str) -> str:
        """The Spark Connect URL of `live` or `history`, with its token."""
        configured = self.spark.live if server == "live" else self.spark.history
        if configured:
            return configured
        # By the name localhost only: with a token and 127.0.0.1 the client speaks TLS, and the server does not.
        return f"sc://localhost:{self.port(f'spark_{server}')}/;token={self.secret('spark_token')}"

    def secret(self, name: str) -> str:
        """Read one secret. Raises SettingsError if it is missing, or if others than its owner can read it."""
        path = self.secrets_folder / name
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                f"No secret {name} in {self.secrets_folder} ({error.strerror}). "
                "`barograph stack up` makes them on the first run; set BAROGRAPH_SECRETS if they lie elsewhere."
            ) from error
        if stat.S_IMODE(mode) & 0o077 and not self._mounted_secret:
            raise SettingsError(f"{path} can be read by others. Run: chmod 600 {path}")
        return text

    @cached_property
    def _mounted_secret(self) -> bool:
        return str(self.secrets_folder).startswith("/run/secrets")


def data_folder(environment: dict[str, str] | None = None) -> Path:
    """Where the data folder is: BAROGRAPH_HOME, or `.barograph` in the checkout."""
    environment = dict(os.environ) if environment is None else environment
    return Path(environment.get(f"{PREFIX}HOME") or CHECKOUT / ".barograph").expanduser().absolute()


def is_submitted() -> bool:
    """Whether spark-submit started this process: then its JVM waits at the port that it says here."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


@dataclass(frozen=True)
class Service:
    """What systemd tells a service of Type=notify: where to speak, and within how many seconds again and again."""

    notify: str | None = None
    watchdog: float | None = None


def service(environment: dict[str, str] | None = None) -> Service:
    """From NOTIFY_SOCKET and WATCHDOG_USEC; nothing where nobody asked, or asked another process."""
    environment = dict(os.environ) if environment is None else environment
    microseconds = environment.get("WATCHDOG_USEC", "")
    ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    watchdog = int(microseconds) / 1e6 if ours and microseconds.isdigit() else 0.0
    return Service(environment.get("NOTIFY_SOCKET") or None, watchdog or None)


def load_settings(home: Path | None = None) -> Settings:
    """Read settings.yaml and the environment. Raises DocumentError or SettingsError that names every mistake."""
    home = home.absolute() if home else data_folder()
    path = home / "settings.yaml"
    document = documents.load(path) if path.exists() else documents.Document(path, {}, {})
    if not isinstance(document.data, dict):
        raise SettingsError(f"{path}:1: must be a mapping such as `ingest: {{interval: 10}}`.")
    try:
        # An explicit folder wins over BAROGRAPH_HOME, which pydantic would otherwise prefer.
        return Settings(**{**document.data, "home": home}).model_copy(update={"home": home})
    except ValidationError as error:
        raise SettingsError("\n".join(_problems(document, error))) from error


def _problems(document: documents.Document, error: ValidationError) -> list[str]:
    found: list[Any] = list(documents.describe(document, Settings, error))
    return [
        _in_environment(problem, place) if place not in document.lines else problem
        for problem, place in zip(found, (item["loc"] for item in error.errors()), strict=True)
    ]


def _in_environment(problem: str, place: tuple[int | str, ...]) -> str:
    variable = PREFIX + "__".join(str(part) for part in place).upper()
    return f"{variable} in the environment: {problem.split(': ', 2)[-1]}" if variable in os.environ else problem
