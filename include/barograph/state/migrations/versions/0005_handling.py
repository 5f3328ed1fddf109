"""What people do about alarms."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# What somebody did stays done: it is answered by another action, never changed.
KEPT = """
create function keep_alarm_actions() returns trigger language plpgsql as $$
begin
    raise exception 'alarm_actions is append-only';
end
$$
"""


def upgrade() -> None:
    op.create_table(
        "alarm_actions",
        sa.Column("action", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("alarm", sa.BigInteger, sa.ForeignKey("alarms.alarm"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column(
            "verb",
            sa.String,
            nullable=False,
            comment="acknowledge, comment, assign, shelve, unshelve, close, reopen",
        ),
        sa.Column("comment", sa.String, nullable=False, server_default=""),
        sa.Column("assignee", sa.String, comment="of assign; null: nobody any more"),
        sa.Column("until", sa.DateTime(timezone=True), comment="of shelve: when it ends"),
    )
    op.create_index("alarm_actions_by_alarm", "alarm_actions", ["alarm"])
    op.execute(KEPT)
    op.execute(
        "create trigger keep_alarm_actions before update or delete on alarm_actions"
        " for each row execute function keep_alarm_actions()"
    )


def downgrade() -> None:
    op.drop_table("alarm_actions")
    op.execute("drop function keep_alarm_actions")
