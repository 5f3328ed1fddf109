"""What a notice may say stands in the code alone."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

BEFORE = "opened, raised, reopened, cleared, withdrawn, repeated, escalated"


def upgrade() -> None:
    op.alter_column("notices", "kind", existing_type=sa.String, comment="one of notify.news.Kind")


def downgrade() -> None:
    op.alter_column("notices", "kind", existing_type=sa.String, comment=BEFORE)
