"""Who works for the site, and until when."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody holds the lease."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.String(length=160), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["name"], ["leases.name"], name=op.f("fk_heartbeats_name")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )
    op.execute("INSERT INTO leases VALUES ('run', '', 0)")
    op.execute("INSERT INTO heartbeats VALUES ('run', '1970-01-01 00:00:00.000000')")
