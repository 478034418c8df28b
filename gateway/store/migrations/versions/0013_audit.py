"""What was done becomes a chain, signed from time to time, that the database itself does not let anybody change."""


import sqlalchemy as sa
from alembic import op

from gateway.audit import ORIGIN, entry_line, hash_of
from gateway.audit.form import canonical
from gateway.store.dialect import append_only

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What was written down before begins the chain, in its order."""
    op.rename_table("acts", "acts_before")
    if op.get_bind().dialect.name != "sqlite":  # there a table's name is not its key's
        op.execute("ALTER TABLE acts_before RENAME CONSTRAINT pk_acts TO pk_acts_before")
    acts = op.create_table(
        "acts",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acts")),
    )
    _chain(acts)
    op.drop_table("acts_before")
    op.create_index("ix_acts_act", "acts", ["act", "id"])
    op.create_table(
        "audit_checkpoints",
        sa.Column("number", _ID, autoincrement=False, nullable=False),
        sa.Column("seq", _ID, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_checkpoints")),
    )
    op.create_table(
        "audit_anchors",
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("number", _ID, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("fault", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_audit_anchors")),
    )
    append_only(op.get_bind(), "acts", "id")
    append_only(op.get_bind(), "audit_checkpoints", "number")


def _chain(acts: sa.Table) -> None:
    before = sa.table(
        "acts_before",
        sa.column("id"),
        sa.column("at", sa.DateTime()),
        sa.column("actor"),
        sa.column("act"),
        sa.column("detail", sa.JSON()),
    )
    rows, digest = [], ORIGIN
    for seq, row in enumerate(op.get_bind().execute(sa.select(before).order_by(before.c.id)).all(), 1):
        detail, at = canonical(row.detail), f"{row.at:%Y-%m-%dT%H:%M:%S.%fZ}"
        line = entry_line(seq=seq, at=at, actor=row.actor, act=row.act, detail=detail, previous=digest)
        digest = hash_of(line)
        rows.append({"id": seq, "at": row.at, "actor": row.actor, "act": row.act, "detail": detail, "hash": digest})
    if rows:
        op.bulk_insert(acts, rows)
