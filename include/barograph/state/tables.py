"""The tables of the `barograph` database. Times are UTC. Migrations in migrations/ build the same."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Sequence,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

batch_ids = Sequence("batch_ids", metadata=metadata)
resettlements = Sequence("resettlements", metadata=metadata)
"""One sequence for all writers: a lower batch is an earlier one, whoever wrote it."""

batches = Table(
    "batches",
    metadata,
    Column("batch", BigInteger, primary_key=True),
    Column("writer", String, nullable=False, comment="txnAppId in the record: drain, import:<id>, replay:<id>"),
    Column("dag_id", String, nullable=False),
    Column("run_id", String, nullable=False),
    Column("horizon", DateTime(timezone=True), nullable=False, comment="when it was planned"),
    Column("plan", JSONB, nullable=False, comment="[{topic, topic_id, partition, start, end}], end not included"),
    Column("gaps", JSONB, nullable=False, server_default="[]", comment="offsets that Kafka no longer had"),
    Column("expected", JSONB, comment="counts of what was read: {messages, frames, read, readings, rejected}"),
    Column("counts", JSONB, comment="{messages, frames, read, stored, duplicate, rejected} as found in the record"),
    Column("touched", JSONB, comment="[[start, end], ...] of event time"),
    Column("steps", JSONB, nullable=False, server_default="{}", comment="step -> what it did; absent is not done"),
    Column("done", Boolean, nullable=False, server_default="false"),
    Column("adopted", Boolean, nullable=False, server_default="false", comment="found in the record, not planned here"),
    UniqueConstraint("writer", "dag_id", "run_id"),
)

fold_states = Table(
    "fold_states",
    metadata,
    Column("batch", ForeignKey("batches.batch"), primary_key=True),
    Column("horizon", DateTime(timezone=True), nullable=False),
    Column("state", JSONB, nullable=False, comment="what judge remembers after this batch"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("alarm", BigInteger, Identity(), primary_key=True),
    Column("site", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("rule_version", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("device", String, nullable=False),
    Column("metric", String, nullable=False),
    Column("kind", String, nullable=False, server_default="limit", comment="of the rule"),
    Column("limit", Double, comment="that was crossed; of kinds that count, how much is too much"),
    Column("value", Double, comment="the worst value while it was open"),
    Column("started", DateTime(timezone=True), nullable=False, comment="the first reading beyond the limit"),
    Column("opened", DateTime(timezone=True), nullable=False, comment="when it had held long enough"),
    Column("cleared", DateTime(timezone=True)),
    Column("state", String, nullable=False, comment="open, cleared, withdrawn, suppressed"),
    Column("historical", Boolean, nullable=False, comment="recorded; nobody was notified"),
    Column("message", String, nullable=False, server_default=""),
    Column("thresholds", JSONB, nullable=False, server_default="{}", comment="the rule in force, and what it found"),
    Column("root", ForeignKey("alarms.alarm"), comment="the alarm that this one is folded under"),
    Column("provisional", Boolean, nullable=False, server_default="false", comment="not yet seen by the batch lane"),
    Column("change", BigInteger, nullable=False, comment="numbered by a trigger: it is news again"),
    UniqueConstraint("rule", "device", "metric", "opened"),
)
Index("alarms_by_time", alarms.c.opened)
Index("alarms_by_change", alarms.c.change)
Index("alarms_by_point", alarms.c.rule, alarms.c.device, alarms.c.metric)

alarm_events = Table(
    "alarm_events",
    metadata,
    Column("event", BigInteger, Identity(), primary_key=True),
    Column("rule", String, nullable=False),
    Column("device", String, nullable=False),
    Column("metric", String, nullable=False),
    Column("transition", String, nullable=False, comment="opened, escalated, downgraded, cleared"),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("value", Double),
    Column("batch", BigInteger, nullable=False, comment="the batch that told us first"),
    Column("withdrawn", BigInteger, comment="the batch whose late data took it back"),
    Column("severity", String),
    Column("details", JSONB, nullable=False, server_default="{}", comment="why, where no reading says it"),
    UniqueConstraint("rule", "device", "metric", "transition", "time"),
)
Index("alarm_events_by_time", alarm_events.c.time)

rule_books = Table(
    "rule_books",
    metadata,
    Column("site", String, primary_key=True),
    Column("version", String, primary_key=True, comment="a hash of the text"),
    Column("text", String, nullable=False, comment="rules.yaml, as it was when all was right with it"),
    Column("since", DateTime(timezone=True), nullable=False, comment="the horizon of its first batch"),
)

alarm_actions = Table(
    "alarm_actions",
    metadata,
    Column("action", BigInteger, Identity(), primary_key=True),
    Column("alarm", ForeignKey("alarms.alarm"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String, nullable=False),
    Column("verb", String, nullable=False, comment="acknowledge, comment, assign, shelve, unshelve, close, reopen"),
    Column("comment", String, nullable=False, server_default=""),
    Column("assignee", String, comment="of assign; null: nobody any more"),
    Column("until", DateTime(timezone=True), comment="of shelve: when it ends"),
)
"""Append-only, which a trigger holds."""
Index("alarm_actions_by_alarm", alarm_actions.c.alarm)

reports = Table(
    "reports",
    metadata,
    Column("site", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("fingerprint", String, nullable=False, comment="of everything the report was made from"),
    Column("inputs", JSONB, nullable=False),
    Column("folder", String, nullable=False, comment="below the reports folder"),
    Column("made", DateTime(timezone=True), nullable=False),
)

signoffs = Table(
    "signoffs",
    metadata,
    Column("signoff", BigInteger, Identity(), primary_key=True),
    Column("site", String, nullable=False),
    Column("day", Date, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("who", String, nullable=False, comment="as he is logged in"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("comment", String, nullable=False, server_default=""),
)
Index("signoffs_by_day", signoffs.c.site, signoffs.c.day)

report_deliveries = Table(
    "report_deliveries",
    metadata,
    Column("site", String, primary_key=True),
    Column("day", String, primary_key=True, comment="as in reports"),
    Column("revision", Integer, primary_key=True),
    Column("recipient", String, primary_key=True, comment="reports.deliver: name"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("refused", String, nullable=False, server_default="", comment="why it will never get it"),
)

stale_days = Table(
    "stale_days",
    metadata,
    Column("site", String, primary_key=True),
    Column("day", Date, primary_key=True, comment="the local day of the site"),
    Column("why", String, primary_key=True),
    Column("batch", BigInteger, nullable=False, comment="the last that touched it"),
    Column("settled", Boolean, nullable=False, server_default="false", comment="only the report is still of before"),
)

resettled_days = Table(
    "resettled_days",
    metadata,
    Column("site", String, primary_key=True),
    Column("day", Date, primary_key=True, comment="the local day of the site"),
    Column("number", BigInteger, nullable=False, unique=True, comment="of its last settlement, in their order"),
    Column("batch", BigInteger, nullable=False, comment="the last that was finished when it was settled"),
)

target_positions = Table(
    "target_positions",
    metadata,
    Column("target", String, primary_key=True),
    Column("batch", BigInteger, nullable=False, comment="the last that was delivered whole"),
    Column("until", DateTime(timezone=True), comment="up to which event time the next one was delivered already"),
    Column("change", BigInteger, nullable=False, comment="the last change of an alarm that was delivered"),
    Column(
        "resettled",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="the last number of a day that was delivered whole",
    ),
    Column("day", BigInteger, comment="the number of the one under way"),
    Column("day_until", DateTime(timezone=True), comment="up to which event time it was delivered already"),
    Column("error", String, comment="why the last attempt came to nothing"),
    Column("stopped", Boolean, nullable=False, server_default="false", comment="until a person has looked"),
)

notifier_position = Table(
    "notifier_position",
    metadata,
    Column("notifier", String, primary_key=True),
    Column("change", BigInteger, nullable=False, comment="the last change of an alarm that was looked at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("message", BigInteger, Identity(), primary_key=True),
    Column("identity", String, nullable=False, unique=True, comment="the same on every attempt"),
    Column("contact", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("thread", String, nullable=False, comment="the identity of the first message about the same"),
    Column("facts", JSONB, nullable=False, comment="what it says"),
    Column("state", String, nullable=False, server_default="waiting", comment="waiting, sent, refused, late"),
    Column("composed", DateTime(timezone=True), nullable=False),
    Column("due", DateTime(timezone=True), nullable=False, comment="of the next attempt"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("attempted", DateTime(timezone=True), comment="when the last attempt began"),
    Column(
        "leased", DateTime(timezone=True), comment="until then an attempt is under way, unless its notifier is gone"
    ),
    Column("error", String, comment="why the last attempt came to nothing"),
)
Index("outbox_waiting", outbox.c.contact, outbox.c.channel, unique=True, postgresql_where=outbox.c.state == "waiting")
Index("outbox_by_channel", outbox.c.contact, outbox.c.channel, outbox.c.composed)

notices = Table(
    "notices",
    metadata,
    Column("notice", BigInteger, Identity(), primary_key=True),
    Column("alarm", ForeignKey("alarms.alarm"), nullable=False),
    Column("contact", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("kind", String, nullable=False, comment="one of notify.news.Kind"),
    Column("number", Integer, nullable=False, comment="how many of its kind came before it"),
    Column("severity", String, nullable=False, comment="of the alarm, then"),
    Column("noted", DateTime(timezone=True), nullable=False),
    Column("due", DateTime(timezone=True), nullable=False),
    Column("message", ForeignKey("outbox.message"), comment="that says it; null: not yet"),
    Column("dropped", String, comment="why nobody is told"),
    UniqueConstraint("alarm", "contact", "channel", "kind", "number"),
)
Index(
    "notices_pending",
    notices.c.contact,
    notices.c.channel,
    notices.c.due,
    postgresql_where=notices.c.message.is_(None) & notices.c.dropped.is_(None),
)
Index("notices_by_message", notices.c.message)

backups = Table(
    "backups",
    metadata,
    Column("snapshot", String, primary_key=True),
    Column("taken", DateTime(timezone=True), nullable=False),
    Column("contents", JSONB, nullable=False),
)
