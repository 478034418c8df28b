"""What all tables of the ledger share: the names of constraints, and the columns of keys."""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: SQLite counts rows only in INTEGER columns; elsewhere keys are 64 bits.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Key = sa.BigInteger()


def id_column() -> sa.Column[int]:
    """A table's own key."""
    return sa.Column("id", Id, primary_key=True, autoincrement=True)
