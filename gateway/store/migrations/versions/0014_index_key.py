"""Which key the blind index's digests are under, and who has left the roster."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whoever opens the site next says which key it is: there has been one so far. Who left before is not known."""
    op.create_table(
        "index_key",
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("since", sa.DateTime()),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_index_key")),
    )
    op.execute("INSERT INTO index_key VALUES ('', NULL)")
    op.add_column("rosters", sa.Column("former", sa.String(length=80)))
