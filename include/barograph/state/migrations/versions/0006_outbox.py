"""Who is to be told what, on which channel, and what came of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "notifier_position",
        sa.Column("notifier", sa.String, primary_key=True),
        sa.Column("change", sa.BigInteger, nullable=False, comment="the last change of an alarm that was looked at"),
    )
    op.create_table(
        "outbox",
        sa.Column("message", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("identity", sa.String, nullable=False, unique=True, comment="the same on every attempt"),
        sa.Column("contact", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("thread", sa.String, nullable=False, comment="the identity of the first message about the same"),
        sa.Column("facts", JSONB, nullable=False, comment="what it says"),
        sa.Column("state", sa.String, nullable=False, server_default="waiting", comment="waiting, sent, refused, late"),
        sa.Column("composed", MOMENT, nullable=False),
        sa.Column("due", MOMENT, nullable=False, comment="of the next attempt"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempted", MOMENT, comment="when the last attempt began"),
        sa.Column("leased", MOMENT, comment="until then an attempt is under way, unless its notifier is gone"),
        sa.Column("error", sa.String, comment="why the last attempt came to nothing"),
    )
    # One at a time: what is told later waits, and joins what else there is to tell by then.
    op.create_index(
        "outbox_waiting", "outbox", ["contact", "channel"], unique=True, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index("outbox_by_channel", "outbox", ["contact", "channel", "composed"])
    op.create_table(
        "notices",
        sa.Column("notice", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("alarm", sa.BigInteger, sa.ForeignKey("alarms.alarm"), nullable=False),
        sa.Column("contact", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column(
            "kind",
            sa.String,
            nullable=False,
            comment="opened, raised, reopened, cleared, withdrawn, repeated, escalated",
        ),
        sa.Column("number", sa.Integer, nullable=False, comment="how many of its kind came before it"),
        sa.Column("severity", sa.String, nullable=False, comment="of the alarm, then"),
        sa.Column("noted", MOMENT, nullable=False),
        sa.Column("due", MOMENT, nullable=False),
        sa.Column("message", sa.BigInteger, sa.ForeignKey("outbox.message"), comment="that says it; null: not yet"),
        sa.Column("dropped", sa.String, comment="why nobody is told"),
        sa.UniqueConstraint("alarm", "contact", "channel", "kind", "number"),
    )
    op.create_index(
        "notices_pending",
        "notices",
        ["contact", "channel", "due"],
        postgresql_where=sa.text("message is null and dropped is null"),
    )
    op.create_index("notices_by_message", "notices", ["message"])


def downgrade() -> None:
    op.drop_table("notices")
    op.drop_table("outbox")
    op.drop_table("notifier_position")
