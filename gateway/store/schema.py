"""The database's schema, brought to the newest.

Nearly every process finds it there. Alembic, and all that ever changed, take a quarter of a second to load.
"""

from pathlib import Path

import sqlalchemy as sa

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: sa.Connection) -> None:
    """Brings the database to the newest schema, in the transaction that is open; does nothing where it is."""
    if _is_newest(connection):
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_newest(connection: sa.Connection) -> bool:
    """Whether the database says that it has the last of the migrations, which are named by their numbers."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    newest = max(path.name for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    versions = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    return versions == [newest.partition("_")[0]]
