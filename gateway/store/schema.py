"""The database's schema, brought to the newest.

Nearly every process finds it there. Alembic, and all that ever changed, take a quarter of a second to load.
"""

from pathlib import Path

import sqlalchemy as sa

from gateway.errors import StoreFault
from gateway.words import _

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: sa.Connection) -> None:
    """Brings the database to the newest schema, in the transaction that is open; does nothing where it is. Raises
    StoreFault where a newer program has made it."""
    if _is_newest(connection):
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as fault:  # a step that this program does not know
        what, step = _("台账数据库的版本比本程序新"), _("请安装建立它的那个版本,或更新的版本")
        raise StoreFault(what, next_step=step) from fault


def _is_newest(connection: sa.Connection) -> bool:
    """Whether the database says that it has the last of the migrations, which are named by their numbers."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    newest = max(path.name for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    versions = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    return versions == [newest.partition("_")[0]]
