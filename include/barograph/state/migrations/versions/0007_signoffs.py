"""Who stands for which revision of a day's report."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

APPEND_ONLY = """
create function signoffs_stand() returns trigger language plpgsql as $$
begin
    raise exception 'a sign-off is never changed or taken back: sign a later revision instead';
end $$;
create trigger signoffs_stand before update or delete on signoffs
for each row execute function signoffs_stand();
"""


def upgrade() -> None:
    op.create_table(
        "signoffs",
        sa.Column("signoff", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("site", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("who", sa.String, nullable=False, comment="as he is logged in"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("comment", sa.String, nullable=False, server_default=""),
    )
    op.create_index("signoffs_by_day", "signoffs", ["site", "day"])
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    op.drop_table("signoffs")
    op.execute("drop function signoffs_stand()")
