"""Alarms of every kind: with the rule that was in force, folded under a root, provisional; and rules that were good."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

# As before; another severity, and another root, is news too.
NUMBERED = """
create or replace function number_alarm_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT'
       or (new.state, new.started, new.cleared, new.severity, new.root, new.provisional)
          is distinct from (old.state, old.started, old.cleared, old.severity, old.root, old.provisional) then
        new.change := nextval('alarm_changes');
    end if;
    return new;
end
$$
"""


def upgrade() -> None:
    op.add_column("alarms", sa.Column("kind", sa.String, nullable=False, server_default="limit", comment="of the rule"))
    told = "the rule in force, and what it found"
    op.add_column("alarms", sa.Column("thresholds", JSONB, nullable=False, server_default="{}", comment=told))
    told = "the alarm that this one is folded under"
    op.add_column("alarms", sa.Column("root", sa.BigInteger, sa.ForeignKey("alarms.alarm"), comment=told))
    told = "not yet seen by the batch lane"
    op.add_column("alarms", sa.Column("provisional", sa.Boolean, nullable=False, server_default="false", comment=told))
    told = "that was crossed; of kinds that count, how much is too much"
    op.alter_column("alarms", "limit", nullable=True, comment=told)
    op.alter_column("alarms", "state", comment="open, cleared, withdrawn, suppressed")
    op.alter_column("alarms", "change", comment="numbered by a trigger: it is news again")
    op.create_index("alarms_by_point", "alarms", ["rule", "device", "metric"])
    op.add_column("alarm_events", sa.Column("severity", sa.String))
    told = "why, where no reading says it"
    op.add_column("alarm_events", sa.Column("details", JSONB, nullable=False, server_default="{}", comment=told))
    op.alter_column("alarm_events", "transition", comment="opened, escalated, downgraded, cleared")
    op.create_index("alarm_events_by_time", "alarm_events", ["time"])
    op.execute(NUMBERED)
    op.create_table(
        "rule_books",
        sa.Column("site", sa.String, primary_key=True),
        sa.Column("version", sa.String, primary_key=True, comment="a hash of the text"),
        sa.Column("text", sa.String, nullable=False, comment="rules.yaml, as it was when all was right with it"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, comment="the horizon of its first batch"),
    )
