"""Who may do what."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ROLES = "role IN ('sysadmin', 'security', 'auditor', 'clerk', 'approver')"
_STATES = "state IN ('asked', 'granted', 'rejected', 'revoked')"


def upgrade() -> None:
    """Nobody may do anything yet."""
    op.create_table(
        "grants",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("county", sa.String(length=6), nullable=False),
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date()),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("decided_by", sa.String(length=64)),
        sa.Column("decided_at", sa.DateTime()),
        sa.Column("decided_note", sa.String(length=500), server_default="", nullable=False),
        sa.Column("revoked_by", sa.String(length=64)),
        sa.Column("revoked_at", sa.DateTime()),
        sa.Column("revoked_note", sa.String(length=500), server_default="", nullable=False),
        sa.CheckConstraint(_ROLES, name=op.f("ck_grants_role")),
        sa.CheckConstraint(_STATES, name=op.f("ck_grants_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_index(op.f("ix_grants_person"), "grants", ["person"])
