"""Recognitions that were found to be somebody else's."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "takebacks",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("run_id", number, nullable=False),
        sa.Column("found_at", sa.DateTime(), nullable=False),
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("person_key", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=4), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=True),
        sa.Column("delivery", number, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("case_id", number, nullable=True),
        sa.Column("restored_run", number, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_takebacks_case_id")),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name=op.f("fk_takebacks_delivery")),
        sa.ForeignKeyConstraint(["restored_run"], ["runs.id"], name=op.f("fk_takebacks_restored_run")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_takebacks_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takebacks")),
    )
    op.create_index(op.f("ix_takebacks_person_key"), "takebacks", ["person_key"], unique=False)
