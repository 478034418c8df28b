"""The ledger's tables of what is sent to the platform: changes, messages, and what people withdrew of them."""

import sqlalchemy as sa

from gateway.store.base import Id as _Id
from gateway.store.base import Key as _Key
from gateway.store.base import id_column as _id
from gateway.store.base import metadata

changes = sa.Table(
    "changes",
    metadata,
    _id(),
    sa.Column("person_key", _Key, nullable=False),
    sa.Column("use", sa.String(1), nullable=False),
    sa.Column("list_id", _Id, sa.ForeignKey("lists.id"), nullable=False),
    # Not indexed by itself: a planner would take that index where the msgid leads to a hundred rows at once.
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_try", sa.DateTime),
    sa.Column("msgid", sa.String(30)),
    sa.Column("seq", sa.Integer),
    sa.Column("result", sa.Integer),
    sa.Column("run_id", _Id, sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("settled_at", sa.DateTime),
    # SQLite makes a table of its own of an IN list of three, for each row that it checks: as dear as writing the row.
    sa.CheckConstraint(
        "state = 'queued' OR state = 'sending' OR state = 'done' OR state = 'refused' OR state = 'superseded'",
        name="state",
    ),
)
# A query finds what waits, is over, or was refused by its index where it says so in these very words.
UNDER_WAY, OVER, REFUSED = "state IN ('queued', 'sending')", "state NOT IN ('queued', 'sending')", "state = 'refused'"
# Per person and use at most one change waits and at most one is in flight.
sa.Index(
    "uq_changes_waiting",
    changes.c.person_key,
    changes.c.use,
    changes.c.state,
    unique=True,
    sqlite_where=sa.text(UNDER_WAY),
    postgresql_where=sa.text(UNDER_WAY),
)
sa.Index("ix_changes_over", changes.c.person_key, sqlite_where=sa.text(OVER), postgresql_where=sa.text(OVER))
_refused = sa.text(REFUSED)
sa.Index("ix_changes_refused", changes.c.settled_at, sqlite_where=_refused, postgresql_where=_refused)
_sent = changes.c.msgid.is_not(None)
sa.Index("ix_changes_msgid", changes.c.msgid, sqlite_where=_sent, postgresql_where=_sent)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("msgid", sa.String(30), primary_key=True),
    sa.Column("infno", sa.String(8), nullable=False),
    sa.Column("sealed_input", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("answered_at", sa.DateTime),
    sa.Column("infcode", sa.String(16)),
)

# What people decided not to send, or to take back: cancelled changes of the queue, and undone runs.
withdrawals = sa.Table(
    "withdrawals",
    metadata,
    _id(),
    sa.Column("kind", sa.String(8), nullable=False),
    # The run whose changes are undone.
    sa.Column("run_id", _Id, sa.ForeignKey("runs.id")),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("asked_at", sa.DateTime, nullable=False),
    sa.Column("asked_by", sa.String(64), nullable=False),
    sa.Column("note", sa.String(500), nullable=False),
    sa.Column("decided_at", sa.DateTime),
    sa.Column("decided_by", sa.String(64)),
    sa.Column("decided_note", sa.String(500), nullable=False, server_default=""),
    # The new changes of a released undo are in the queue.
    sa.Column("queued", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint("kind IN ('cancel', 'undo')", name="kind"),
    sa.CheckConstraint("state IN ('open', 'released', 'rejected')", name="state"),
)

withdrawn = sa.Table(
    "withdrawn",
    metadata,
    _id(),
    sa.Column("withdrawal_id", _Id, sa.ForeignKey("withdrawals.id"), nullable=False, index=True),
    sa.Column("person_key", _Key, nullable=False),
    sa.Column("use", sa.String(1), nullable=False),
    # What must not be sent.
    sa.Column("list_id", _Id, sa.ForeignKey("lists.id"), nullable=False),
    # What is to stand in its place; NULL = whatever stands.
    sa.Column("instead_id", _Id, sa.ForeignKey("lists.id")),
    # Something else was believed since, or a person gave it back: it is over for good.
    sa.Column("ended_at", sa.DateTime),
)
_in_force = withdrawn.c.ended_at.is_(None)
sa.Index(
    "ix_withdrawn_in_force", withdrawn.c.person_key, sqlite_where=_in_force, postgresql_where=_in_force
)
