"""Days that were settled anew, numbered, and how far each further target is with them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("create sequence resettlements")
    op.create_table(
        "resettled_days",
        sa.Column("site", sa.String, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True, comment="the local day of the site"),
        sa.Column(
            "number", sa.BigInteger, nullable=False, unique=True, comment="of its last settlement, in their order"
        ),
        sa.Column("batch", sa.BigInteger, nullable=False, comment="the last that was finished when it was settled"),
    )
    op.add_column(
        "target_positions",
        sa.Column(
            "resettled",
            sa.BigInteger,
            nullable=False,
            server_default="0",
            comment="the last number of a day that was delivered whole",
        ),
    )
    op.add_column("target_positions", sa.Column("day", sa.BigInteger, comment="the number of the one under way"))
    op.add_column(
        "target_positions",
        sa.Column("day_until", sa.DateTime(timezone=True), comment="up to which event time it was delivered already"),
    )


def downgrade() -> None:
    for column in ("resettled", "day", "day_until"):
        op.drop_column("target_positions", column)
    op.drop_table("resettled_days")
    op.execute("drop sequence resettlements")
