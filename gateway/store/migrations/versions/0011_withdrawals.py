"""What people cancelled of the outbox, or undid of what was pushed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Nothing is cancelled or undone yet."""
    op.create_table(
        "withdrawals",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("run_id", _ID),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("decided_at", sa.DateTime()),
        sa.Column("decided_by", sa.String(length=64)),
        sa.Column("decided_note", sa.String(length=500), server_default="", nullable=False),
        sa.Column("queued", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("kind IN ('cancel', 'undo')", name=op.f("ck_withdrawals_kind")),
        sa.CheckConstraint("state IN ('open', 'released', 'rejected')", name=op.f("ck_withdrawals_state")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_withdrawals_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawals")),
    )
    _withdrawn()


def _withdrawn() -> None:
    op.create_table(
        "withdrawn",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("withdrawal_id", _ID, nullable=False),
        sa.Column("person_key", sa.BigInteger(), nullable=False),
        sa.Column("use", sa.String(length=1), nullable=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.Column("instead_id", _ID),
        sa.Column("ended_at", sa.DateTime()),
        sa.ForeignKeyConstraint(["withdrawal_id"], ["withdrawals.id"], name=op.f("fk_withdrawn_withdrawal_id")),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_withdrawn_list_id")),
        sa.ForeignKeyConstraint(["instead_id"], ["lists.id"], name=op.f("fk_withdrawn_instead_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawn")),
    )
    op.create_index(op.f("ix_withdrawn_withdrawal_id"), "withdrawn", ["withdrawal_id"])
    open_still = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_withdrawn_in_force", "withdrawn", ["person_key"], sqlite_where=open_still, postgresql_where=open_still
    )
