"""What all tables of the ledger share: the names of constraints, the columns of keys, and one form of JSON."""

import json
from typing import Any

import sqlalchemy as sa

from gateway.audit.form import canonical

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


class Canonical(sa.types.TypeDecorator[dict[str, Any]]):
    """A JSON object as the very text that was digested: databases write JSON of their own each in another way."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | str | None, dialect: sa.Dialect) -> str:
        """What the database keeps; a text is that text."""
        return value if isinstance(value, str) else canonical(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> dict[str, Any]:
        """What was written."""
        said: dict[str, Any] = json.loads(value or "{}")
        return said
