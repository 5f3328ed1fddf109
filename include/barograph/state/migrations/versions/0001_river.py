"""The river's first tables: ledger, alarms, reports, backups"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("batch_ids")))
    op.create_table(
        "batches",
        sa.Column("batch", sa.BigInteger, primary_key=True),
        sa.Column(
            "writer", sa.String, nullable=False, comment="txnAppId in the record: drain, import:<id>, replay:<id>"
        ),
        sa.Column("dag_id", sa.String, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("horizon", MOMENT, nullable=False, comment="when it was planned"),
        sa.Column(
            "plan", JSONB, nullable=False, comment="[{topic, topic_id, partition, start, end}], end not included"
        ),
        sa.Column("gaps", JSONB, nullable=False, server_default="[]", comment="offsets that Kafka no longer had"),
        sa.Column("expected", JSONB, comment="counts of what was read: {messages, frames, read, readings, rejected}"),
        sa.Column(
            "counts",
            JSONB,
            comment="{messages, frames, read, stored, duplicate, rejected} as found in the record",
        ),
        sa.Column("touched", JSONB, comment="[[start, end], ...] of event time"),
        sa.Column(
            "steps", JSONB, nullable=False, server_default="{}", comment="step -> what it did; absent is not done"
        ),
        sa.Column("done", sa.Boolean, nullable=False, server_default="false"),
        sa.Column(
            "adopted",
            sa.Boolean,
            nullable=False,
            server_default="false",
            comment="found in the record, not planned here",
        ),
        sa.UniqueConstraint("writer", "dag_id", "run_id"),
    )
    op.create_table(
        "fold_states",
        sa.Column("batch", sa.BigInteger, sa.ForeignKey("batches.batch"), primary_key=True),
        sa.Column("horizon", MOMENT, nullable=False),
        sa.Column("state", JSONB, nullable=False, comment="what judge remembers after this batch"),
    )
    op.create_table(
        "alarms",
        sa.Column("alarm", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("site", sa.String, nullable=False),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("rule_version", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("limit", sa.Double, nullable=False),
        sa.Column("value", sa.Double, comment="the worst value while it was open"),
        sa.Column("started", MOMENT, nullable=False, comment="the first reading beyond the limit"),
        sa.Column("opened", MOMENT, nullable=False, comment="when it had held long enough"),
        sa.Column("cleared", MOMENT),
        sa.Column("state", sa.String, nullable=False, comment="open, cleared, withdrawn"),
        sa.Column("historical", sa.Boolean, nullable=False, comment="recorded; nobody was notified"),
        sa.Column("message", sa.String, nullable=False, server_default=""),
        sa.UniqueConstraint("rule", "device", "metric", "opened"),
    )
    op.create_index("alarms_by_time", "alarms", ["opened"])
    op.create_table(
        "alarm_events",
        sa.Column("event", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("transition", sa.String, nullable=False, comment="opened, cleared"),
        sa.Column("time", MOMENT, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("batch", sa.BigInteger, nullable=False, comment="the batch that told us first"),
        sa.Column("withdrawn", sa.BigInteger, comment="the batch whose late data took it back"),
        sa.UniqueConstraint("rule", "device", "metric", "transition", "time"),
    )
    op.create_table(
        "reports",
        sa.Column("site", sa.String, primary_key=True),
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("fingerprint", sa.String, nullable=False, comment="of everything the report was made from"),
        sa.Column("inputs", JSONB, nullable=False),
        sa.Column("folder", sa.String, nullable=False, comment="below the reports folder"),
        sa.Column("made", MOMENT, nullable=False),
    )
    op.create_table(
        "backups",
        sa.Column("snapshot", sa.String, primary_key=True),
        sa.Column("taken", MOMENT, nullable=False),
        sa.Column("contents", JSONB, nullable=False),
    )
