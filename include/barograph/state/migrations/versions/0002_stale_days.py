"""Which settled days have to be made again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "stale_days",
        sa.Column("site", sa.String, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True, comment="the local day of the site"),
        sa.Column("why", sa.String, primary_key=True),
        sa.Column("batch", sa.BigInteger, nullable=False, comment="the last that touched it"),
        sa.Column(
            "settled", sa.Boolean, nullable=False, server_default="false", comment="only the report is still of before"
        ),
    )


def downgrade() -> None:
    op.drop_table("stale_days")
