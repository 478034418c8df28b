"""How far settling has come; the roster is cut another way."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "checkpoints",
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("instance", name=op.f("pk_checkpoints")),
    )
    # Its files are cut otherwise from now on; the next run pulls it anew.
    op.execute("DELETE FROM rosters")
