"""The texts of lists are kept once; indexes hold only the rows for which somebody asks."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATE = "state = 'queued' OR state = 'sending' OR state = 'done' OR state = 'refused' OR state = 'superseded'"


def upgrade() -> None:
    """Every text gets a number; the rows that had it name it by that."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "lists",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("records", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lists")),
        sa.UniqueConstraint("records", name=op.f("uq_lists_records")),
    )
    op.execute("INSERT INTO lists (records) SELECT records FROM changes UNION SELECT records FROM confirmed ORDER BY 1")
    for name in ("uq_changes_waiting", "ix_changes_msgid", "ix_changes_person_key"):
        op.drop_index(name, "changes")
    if op.get_bind().dialect.name != "sqlite":  # there the table is made anew, and loses its check
        op.drop_constraint(op.f("ck_changes_state"), "changes")
    for name in ("changes", "confirmed"):
        op.add_column(name, sa.Column("list_id", number, nullable=True))
        op.execute(f"UPDATE {name} SET list_id = (SELECT id FROM lists WHERE lists.records = {name}.records)")
        with op.batch_alter_table(name) as table:
            table.drop_column("records")
            table.alter_column("list_id", existing_type=number, nullable=False)
            table.create_foreign_key(op.f(f"fk_{name}_list_id"), "lists", ["list_id"], ["id"])
            if name == "changes":
                table.create_check_constraint(op.f("ck_changes_state"), _STATE)
    waits, over = "state IN ('queued', 'sending')", "state NOT IN ('queued', 'sending')"
    _index("uq_changes_waiting", "changes", ["person_key", "use", "state"], waits, unique=True)
    _index("ix_changes_over", "changes", ["person_key"], over)
    _index("ix_changes_refused", "changes", ["settled_at"], "state = 'refused'")
    _index("ix_changes_msgid", "changes", ["msgid"], "msgid IS NOT NULL")
    op.drop_index("ix_recognitions_known_to", "recognitions")
    _index("ix_recognitions_known_to", "recognitions", ["known_to"], "known_to IS NOT NULL")


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    """An index of some rows."""
    some = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=some, postgresql_where=some)
