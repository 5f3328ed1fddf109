"""Every error Barograph raises on purpose. The message says what happened, to what, and what to try.

A library's exception becomes one of these once, at its edge, with ``from``.
"""


class BarographError(Exception):
    """Something a person can act on; the CLI prints it without a traceback."""

    exit_code = 1


class DocumentError(BarographError):
    """A settings, site or rules file is wrong; every problem names file, line, field and a hint."""

    exit_code = 2


class SettingsError(BarographError):
    """The environment or the secrets folder does not allow a start."""

    exit_code = 2


class PortError(BarographError):
    """A serial port cannot be opened, or was lost."""


class FrameError(BarographError):
    """A frame that cannot be decoded; `reason` is one of readings.REASONS and goes to `rejects`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class SpoolFull(BarographError):
    """The spool has reached its quota; what comes now is counted as lost."""


class ServiceUnavailable(BarographError):
    """A server (Kafka, PostgreSQL, InfluxDB, Spark, Airflow) does not answer."""


class JobFailed(BarographError):
    """Spark gave up on a query; the message is its own first line, the server's log has the rest."""


class WriterBusy(BarographError):
    """Another process holds the lock of this writer of the record."""


class LedgerError(BarographError):
    """What was counted does not agree with what was stored: stop loudly, never guess."""


class ArchiveError(BarographError):
    """A table of the archive is not as this version needs it, or a file of it is gone or damaged."""


class QuestionError(BarographError):
    """A question to the archive that cannot be asked: it is no query, it names what is not there, or it would write."""

    exit_code = 2


class SinkError(BarographError):
    """InfluxDB refused or did not take points; nothing already sent is harmed by sending again."""


class TargetError(BarographError):
    """A further target does not take what it is sent now: its position stays, and it is caught up later."""


class TargetRefused(TargetError):
    """A further target will never take it as it is: it is stopped until a person has looked."""


class AlarmError(BarographError):
    """What was asked about an alarm cannot be done, or there is no such alarm."""


class AlreadyDone(AlarmError):
    """Somebody did it before: nothing was changed, and the message says who and when."""


class DeliveryError(BarographError):
    """A message did not reach a channel: it is tried again later."""


class DeliveryRefused(DeliveryError):
    """A channel will never take this message as it is."""


class MailUnavailable(DeliveryError):
    """The mail server does not take mail now."""


class MailRefused(DeliveryRefused):
    """The mail server will never take this mail."""


class ReportError(BarographError):
    """A report cannot be made or found."""


class BackupError(BarographError):
    """A backup or restore failed; the previous backups are untouched."""
