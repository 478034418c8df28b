"""A release is of one set, by one person or two; holds remember whose runs made them what they are."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of earlier holds no set is known: the next settlement finds it, and what was released and not yet settled is held
    again."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("holds", sa.Column("digest", sa.String(length=64), server_default="", nullable=False))
    op.add_column("holds", sa.Column("approvals", sa.Integer(), server_default="1", nullable=False))
    op.add_column("holds", sa.Column("changed_by", sa.JSON(), server_default="[]", nullable=False))
    op.create_table(
        "approvals",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("hold_id", number, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("void_at", sa.DateTime()),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_approvals_hold_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    op.create_index(op.f("ix_approvals_hold_id"), "approvals", ["hold_id"])
    # A checkpoint that is gone on from would look at no hold again.
    op.execute("DELETE FROM checkpoints")
