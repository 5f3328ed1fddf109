"""Which revision of a report was delivered to whom."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "report_deliveries",
        sa.Column("site", sa.String, primary_key=True),
        sa.Column("day", sa.String, primary_key=True, comment="as in reports"),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("recipient", sa.String, primary_key=True, comment="reports.deliver: name"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused", sa.String, nullable=False, server_default="", comment="why it will never get it"),
    )


def downgrade() -> None:
    op.drop_table("report_deliveries")
