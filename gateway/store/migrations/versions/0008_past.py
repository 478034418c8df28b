"""Departures, cases and read-backs keep their past; a run says when it settled."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What stands now is the beginning of the past that is kept; when it began is not known."""
    op.add_column("runs", sa.Column("settled_at", sa.DateTime()))
    op.execute("UPDATE runs SET settled_at = ended_at")
    op.add_column("departures", sa.Column("since", sa.DateTime()))
    _past_departures()
    _case_states()
    _readbacks()
    op.execute(
        "INSERT INTO case_states (case_id, person_key, state) "
        "SELECT id, person_key, state FROM cases WHERE person_key IS NOT NULL AND state <> 'closed'"
    )
    op.execute(
        "INSERT INTO readbacks (person_key, use, list_id, at) "
        "SELECT person_key, use, list_id, confirmed_at FROM confirmed WHERE origin = 'readback'"
    )


def _past_departures() -> None:
    op.create_table(
        "past_departures",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("delivery", _ID, nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("person_key", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("left_out", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime()),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name=op.f("fk_past_departures_delivery")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_departures")),
    )
    op.create_index(op.f("ix_past_departures_person_key"), "past_departures", ["person_key"])


def _case_states() -> None:
    op.create_table(
        "case_states",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("case_id", _ID, nullable=False),
        sa.Column("person_key", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", sa.DateTime()),
        sa.Column("until", sa.DateTime()),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_states_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_states")),
    )
    op.create_index(op.f("ix_case_states_case_id"), "case_states", ["case_id"])
    op.create_index(op.f("ix_case_states_person_key"), "case_states", ["person_key"])


def _readbacks() -> None:
    op.create_table(
        "readbacks",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("person_key", sa.BigInteger(), nullable=False),
        sa.Column("use", sa.String(length=1), nullable=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_readbacks_list_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readbacks")),
    )
    op.create_index(op.f("ix_readbacks_person_key"), "readbacks", ["person_key"])
