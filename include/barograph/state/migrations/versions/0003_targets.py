"""How far each further target is, and alarms numbered in the order in which they changed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# An alarm is news when it begins, ends, is withdrawn, or begins or ends at another time than was said. Its worst value
# alone is not: that grows with every batch. In a trigger, since alarms are written in several places.
NUMBERED = """
create function number_alarm_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT'
       or (new.state, new.started, new.cleared) is distinct from (old.state, old.started, old.cleared) then
        new.change := nextval('alarm_changes');
    end if;
    return new;
end
$$
"""


def upgrade() -> None:
    op.execute("create sequence alarm_changes")
    op.add_column(
        "alarms",
        sa.Column("change", sa.BigInteger, comment="numbered by a trigger: began, state, end or start changed"),
    )
    op.execute(
        "update alarms set change = numbered.change from"
        " (select alarm, nextval('alarm_changes') as change from (select alarm from alarms order by alarm) as them)"
        " as numbered where numbered.alarm = alarms.alarm"
    )
    op.alter_column("alarms", "change", nullable=False)
    op.create_index("alarms_by_change", "alarms", ["change"])
    op.execute(NUMBERED)
    op.execute(
        "create trigger number_alarm_change before insert or update on alarms"
        " for each row execute function number_alarm_change()"
    )
    op.create_table(
        "target_positions",
        sa.Column("target", sa.String, primary_key=True),
        sa.Column("batch", sa.BigInteger, nullable=False, comment="the last that was delivered whole"),
        sa.Column(
            "until",
            sa.DateTime(timezone=True),
            comment="up to which event time the next one was delivered already",
        ),
        sa.Column("change", sa.BigInteger, nullable=False, comment="the last change of an alarm that was delivered"),
        sa.Column("error", sa.String, comment="why the last attempt came to nothing"),
        sa.Column("stopped", sa.Boolean, nullable=False, server_default="false", comment="until a person has looked"),
    )


def downgrade() -> None:
    op.drop_table("target_positions")
    op.execute("drop trigger number_alarm_change on alarms")
    op.execute("drop function number_alarm_change")
    op.drop_column("alarms", "change")
    op.execute("drop sequence alarm_changes")
