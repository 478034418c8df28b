"""Holds say why, and may hold one identity's departures in one county."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATE = "state IN ('open', 'released', 'cancelled', 'void')"


def upgrade() -> None:
    """Holds keep what they have: all of them are of whole scopes, or of whole lists that were mostly unusable."""
    if op.get_bind().dialect.name != "sqlite":  # there the table is made anew, and loses its check
        op.drop_constraint(op.f("ck_holds_state"), "holds")
    with op.batch_alter_table("holds") as holds:
        holds.add_column(sa.Column("kind", sa.String(length=32), server_default="scope", nullable=False))
        holds.add_column(sa.Column("identity", sa.String(length=32), server_default="", nullable=False))
        holds.add_column(sa.Column("county", sa.String(length=6), server_default="", nullable=False))
        holds.drop_constraint(op.f("uq_holds_delivery_id"), type_="unique")
        columns = ["delivery_id", "scope", "identity", "county"]
        holds.create_unique_constraint(op.f("uq_holds_delivery_id"), columns)
        holds.create_check_constraint(op.f("ck_holds_state"), _STATE)
    op.execute("UPDATE holds SET kind = 'mostly_unusable' WHERE scope = '*'")
