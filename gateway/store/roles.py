"""The ledger's table of who may do what."""

import sqlalchemy as sa

from gateway.store.base import id_column as _id
from gateway.store.base import metadata

# Asked for by one, approved by another. Nothing is deleted.
grants = sa.Table(
    "grants",
    metadata,
    _id(),
    # The operating system's name of who holds it.
    sa.Column("person", sa.String(64), nullable=False, index=True),
    sa.Column("role", sa.String(16), nullable=False),
    # "" = all of them.
    sa.Column("county", sa.String(6), nullable=False),
    sa.Column("instance", sa.String(64), nullable=False),
    # The days on which it counts; NULL = without an end.
    sa.Column("first", sa.Date, nullable=False),
    sa.Column("last", sa.Date),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("asked_by", sa.String(64), nullable=False),
    sa.Column("asked_at", sa.DateTime, nullable=False),
    sa.Column("note", sa.String(500), nullable=False),
    sa.Column("decided_by", sa.String(64)),
    sa.Column("decided_at", sa.DateTime),
    sa.Column("decided_note", sa.String(500), nullable=False, server_default=""),
    sa.Column("revoked_by", sa.String(64)),
    sa.Column("revoked_at", sa.DateTime),
    sa.Column("revoked_note", sa.String(500), nullable=False, server_default=""),
    sa.CheckConstraint("role IN ('sysadmin', 'security', 'auditor', 'clerk', 'approver')", name="role"),
    sa.CheckConstraint("state IN ('asked', 'granted', 'rejected', 'revoked')", name="state"),
)
