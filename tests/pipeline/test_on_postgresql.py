"""What an operator looks at, with the ledger in PostgreSQL."""

import pytest
import sqlalchemy as sa

from gateway.store import tables as t
from tests.acts.lived import here
from tests.conftest import on_both_databases
from tests.pipeline.rig import Rig

COMMANDS = (
    "status",
    "runs",
    "deliveries",
    "cases list",
    "holds list",
    "takebacks list",
    "sources",
    "outbox list",
    "resync civil_affairs --dry-run",
    "verify",
)


@on_both_databases
@pytest.mark.slow
def test_commands_show_the_ledger(civil_rig: Rig) -> None:
    """Every command that looks at the ledger finds there what it asks for, whatever database it is in."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    with civil_rig.site.ledger.begin() as tx:
        person = tx.execute(sa.select(sa.func.min(t.recognitions.c.person_key))).scalar_one()
    told = {words: here(civil_rig.site.settings.root, *words.split()) for words in (*COMMANDS, f"explain {person}")}
    assert {} == {words: done for words, done in told.items() if done.code or not done.out}
