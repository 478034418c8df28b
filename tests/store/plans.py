"""How a database would go about what it was asked."""

import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from gateway.store import Tx

#: A statement, and the parameters as the driver gets them.
Asked = tuple[str, Any]
_INDEX = re.compile(r"(?:USING (?:COVERING )?INDEX|Scan (?:Backward )?using|Bitmap Index Scan on) (\w+)")
_WHOLE = re.compile(r"Seq Scan on changes|SCAN changes(?! USING)")


def asked(tx: Tx, ask: Callable[[], object]) -> list[Asked]:
    """What is asked of the changes while that is done."""
    heard: list[Asked] = []

    def hear(*said: Any) -> None:  # SQLAlchemy's event
        heard.append((said[2], said[3]))

    sa.event.listen(tx, "before_cursor_execute", hear)
    ask()
    sa.event.remove(tx, "before_cursor_execute", hear)
    return [(query, given) for query, given in heard if query.startswith("SELECT") and "FROM changes" in query]


def indexes(tx: Tx, query: Asked) -> set[str]:
    """The indexes by which the database finds changes; «changes» where it reads them all."""
    if tx.dialect.name == "sqlite":
        steps = [row[3] for row in tx.exec_driver_sql("EXPLAIN QUERY PLAN " + query[0], query[1])]
    else:
        # Of a few rows it would read all, whatever indexes there are.
        tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
        steps = [row[0] for row in tx.exec_driver_sql("EXPLAIN " + query[0], query[1])]
    found = {name for step in steps for name in _INDEX.findall(step) if "_changes" in name}
    return found | {"changes" for step in steps if _WHOLE.search(step)}
