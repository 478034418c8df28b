"""The ledger's tables. Alembic's migrations make them; a test holds both against each other."""

import sqlalchemy as sa

from gateway.store.base import Canonical as Canonical
from gateway.store.base import Id as _Id
from gateway.store.base import Key as _Key
from gateway.store.base import id_column as _id
from gateway.store.base import metadata as metadata
from gateway.store.roles import grants as grants
from gateway.store.sending import OVER as OVER
from gateway.store.sending import REFUSED as REFUSED
from gateway.store.sending import UNDER_WAY as UNDER_WAY
from gateway.store.sending import changes as changes
from gateway.store.sending import messages as messages
from gateway.store.sending import withdrawals as withdrawals
from gateway.store.sending import withdrawn as withdrawn

OUTCOMES = ("matched", "no_identity", "duplicate", "review", "unmatched", "invalid", "deceased")

runs = sa.Table(
    "runs",
    metadata,
    _id(),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("today", sa.Date, nullable=False),
    # A scheduled slot runs once, whoever wakes up for it: instance and planned time.
    sa.Column("slot", sa.String(96), unique=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("ended_at", sa.DateTime),
    sa.Column("detail", sa.JSON, nullable=False),
    # When it wrote down what is believed.
    sa.Column("settled_at", sa.DateTime),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    _id(),
    sa.Column("instance", sa.String(64), nullable=False, index=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("mode", sa.String(8)),
    sa.Column("business_date", sa.Date),
    sa.Column("sequence", sa.Integer),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("content_digest", sa.String(64), nullable=False),
    sa.Column("manifest_digest", sa.String(64), nullable=False),
    sa.Column("landing", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("code", sa.String(32), nullable=False, server_default=""),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sa.Column("arrived_at", sa.DateTime, nullable=False),
    sa.Column("applied_at", sa.DateTime),
    sa.Column("entries_file", sa.String(80)),
    sa.Column("resolutions_file", sa.String(80)),
    # Which rows may come to something else: others are another receipt. `receipt_digest`: what the department has.
    sa.Column("review_digest", sa.String(64), nullable=False, server_default=""),
    sa.Column("receipt_digest", sa.String(64), nullable=False, server_default=""),
    sa.Column("receipt_at", sa.DateTime),
    sa.Column("rows", sa.Integer, nullable=False, server_default="0"),
    *(sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in OUTCOMES),
    sa.UniqueConstraint("instance", "content_digest"),
    # Law 1: every row of an applied delivery came to exactly one outcome.
    sa.CheckConstraint("state <> 'applied' OR rows = " + " + ".join(OUTCOMES), name="rows_add_up"),
    sa.CheckConstraint("state IN ('landed', 'waiting', 'held', 'refused', 'applied')", name="state"),
)

findings = sa.Table(
    "findings",
    metadata,
    _id(),
    sa.Column("delivery_id", _Id, sa.ForeignKey("deliveries.id"), nullable=False, index=True),
    sa.Column("code", sa.String(32), nullable=False),
    sa.Column("detail", sa.String(200), nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.UniqueConstraint("delivery_id", "code", "detail"),
)

holds = sa.Table(
    "holds",
    metadata,
    _id(),
    sa.Column("delivery_id", _Id, sa.ForeignKey("deliveries.id"), nullable=False),
    sa.Column("scope", sa.String(12), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    # Why: model.holds.Breach. Of departures of one identity in one county both are given.
    sa.Column("kind", sa.String(32), nullable=False, server_default="scope"),
    sa.Column("identity", sa.String(32), nullable=False, server_default=""),
    sa.Column("county", sa.String(6), nullable=False, server_default=""),
    sa.Column("leaving", sa.Integer, nullable=False),
    sa.Column("holding", sa.Integer, nullable=False),
    # model.holds.set_digest of what a release lets through, and how many people must approve it.
    sa.Column("digest", sa.String(64), nullable=False, server_default=""),
    sa.Column("approvals", sa.Integer, nullable=False, server_default="1"),
    sa.Column("opened_at", sa.DateTime, nullable=False),
    sa.Column("opened_by", sa.String(64), nullable=False),
    # Whose runs made another set of it since.
    sa.Column("changed_by", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("decided_at", sa.DateTime),
    sa.Column("decided_by", sa.String(64)),
    sa.Column("note", sa.String(500), nullable=False, server_default=""),
    sa.UniqueConstraint("delivery_id", "scope", "identity", "county"),
    sa.CheckConstraint("state IN ('open', 'released', 'cancelled', 'void')", name="state"),
)

# Who let which set of a hold through. Nothing is deleted: an approval of a set that changed is void.
approvals = sa.Table(
    "approvals",
    metadata,
    _id(),
    sa.Column("hold_id", _Id, sa.ForeignKey("holds.id"), nullable=False, index=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("note", sa.String(500), nullable=False),
    sa.Column("void_at", sa.DateTime),
)

cases = sa.Table(
    "cases",
    metadata,
    _id(),
    # What the case is about: a keyed digest of who a row says it is, or a person and use. One open case each.
    sa.Column("subject", sa.String(80), nullable=False, unique=True),
    sa.Column("instance", sa.String(64), nullable=False),
    sa.Column("code", sa.String(32), nullable=False),
    sa.Column("delivery_id", _Id, sa.ForeignKey("deliveries.id")),
    sa.Column("row", sa.Integer),
    sa.Column("person_key", _Key),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("opened_at", sa.DateTime, nullable=False),
    sa.Column("closed_at", sa.DateTime),
    # Six digits, whose clerks look at it; "" = unknown.
    sa.Column("county", sa.String(6), nullable=False, server_default=""),
    # On this day a case that was put off is open again.
    sa.Column("later_until", sa.Date),
    sa.CheckConstraint("state IN ('open', 'later', 'closed')", name="state"),
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    _id(),
    sa.Column("case_id", _Id, sa.ForeignKey("cases.id"), nullable=False, index=True),
    # Keyed digest of who the row says it is; what it says is sealed, since the ledger names nobody.
    sa.Column("digest", _Key, nullable=False),
    sa.Column("sealed_claim", sa.LargeBinary, nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("person_key", _Key),
    # Person keys of whom the row is not about.
    sa.Column("excluded", sa.JSON, nullable=False),
    sa.Column("until", sa.Date),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("note", sa.String(500), nullable=False),
    sa.Column("undone_at", sa.DateTime),
    sa.Column("undone_by", sa.String(64)),
    sa.CheckConstraint("verdict IN ('same', 'different', 'nobody', 'later')", name="verdict"),
)

worklists = sa.Table(
    "worklists",
    metadata,
    _id(),
    sa.Column("county", sa.String(6), nullable=False),
    # The one clerk who may answer.
    sa.Column("clerk", sa.String(64), nullable=False),
    sa.Column("exported_at", sa.DateTime, nullable=False),
    sa.Column("exported_by", sa.String(64), nullable=False),
    # SM3 of the file under its password, to tell one file from another.
    sa.Column("file_digest", sa.String(64), nullable=False),
    # Case -> keyed digest of what was shown of it.
    sa.Column("cases", sa.JSON, nullable=False),
)

takebacks = sa.Table(
    "takebacks",
    metadata,
    _id(),
    # The run that found that the row means somebody else, or nobody.
    sa.Column("run_id", _Id, sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("found_at", sa.DateTime, nullable=False),
    # The recognition that was never true, as it was believed.
    sa.Column("instance", sa.String(64), nullable=False),
    sa.Column("person_key", _Key, nullable=False, index=True),
    sa.Column("identity", sa.String(32), nullable=False),
    sa.Column("level", sa.String(4), nullable=False),
    sa.Column("first", sa.Date, nullable=False),
    sa.Column("last", sa.Date),
    sa.Column("delivery", _Id, sa.ForeignKey("deliveries.id"), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    # Where a person decided it; a changed roster has none.
    sa.Column("case_id", _Id, sa.ForeignKey("cases.id")),
    # The run from which on it is believed again, since a decision was undone.
    sa.Column("restored_run", _Id, sa.ForeignKey("runs.id")),
)

recognitions = sa.Table(
    "recognitions",
    metadata,
    _id(),
    sa.Column("instance", sa.String(64), nullable=False),
    sa.Column("scope", sa.String(12), nullable=False),
    sa.Column("person_key", _Key, nullable=False, index=True),
    sa.Column("identity", sa.String(32), nullable=False),
    sa.Column("level", sa.String(4), nullable=False),
    sa.Column("first", sa.Date, nullable=False),
    sa.Column("last", sa.Date),
    sa.Column("delivery", _Id, sa.ForeignKey("deliveries.id"), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("ended_by", sa.String(16), nullable=False),
    # Which run believed it first, and which no longer did.
    sa.Column("known_from", _Id, sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("known_to", _Id, sa.ForeignKey("runs.id")),
)
# Nearly every row is believed still: an index of those that are not costs nothing while the others are written.
_ended = recognitions.c.known_to.is_not(None)
sa.Index("ix_recognitions_known_to", recognitions.c.known_to, sqlite_where=_ended, postgresql_where=_ended)

departures = sa.Table(
    "departures",
    metadata,
    _id(),
    sa.Column("delivery", _Id, sa.ForeignKey("deliveries.id"), nullable=False, index=True),
    sa.Column("scope", sa.String(12), nullable=False),
    sa.Column("person_key", _Key, nullable=False, index=True),
    sa.Column("identity", sa.String(32), nullable=False),
    sa.Column("last", sa.Date, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("left_out", sa.Boolean, nullable=False),
    sa.CheckConstraint("state IN ('released', 'waiting', 'held', 'cancelled')", name="state"),
    # NULL = since before the past was kept.
    sa.Column("since", sa.DateTime),
)

past_departures = sa.Table(
    "past_departures",
    metadata,
    _id(),
    sa.Column("delivery", _Id, sa.ForeignKey("deliveries.id"), nullable=False),
    sa.Column("scope", sa.String(12), nullable=False),
    sa.Column("person_key", _Key, nullable=False, index=True),
    sa.Column("identity", sa.String(32), nullable=False),
    sa.Column("last", sa.Date, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("left_out", sa.Boolean, nullable=False),
    sa.Column("since", sa.DateTime),
    sa.Column("until", sa.DateTime, nullable=False),
)

# Whom a case that is not closed was about, and how it stood, and when.
case_states = sa.Table(
    "case_states",
    metadata,
    _id(),
    sa.Column("case_id", _Id, sa.ForeignKey("cases.id"), nullable=False, index=True),
    sa.Column("person_key", _Key, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("since", sa.DateTime),
    sa.Column("until", sa.DateTime),
)

adopted = sa.Table(
    "adopted",
    metadata,
    _id(),
    sa.Column("person_key", _Key, nullable=False, index=True),
    sa.Column("use", sa.String(1), nullable=False),
    sa.Column("code", sa.String(8), nullable=False),
    sa.Column("level", sa.String(4), nullable=False),
    sa.Column("first", sa.Date, nullable=False),
    sa.Column("last", sa.Date, nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
)

# The text of a list, once: in a city two million lists have some ten thousand texts. None is ever taken away.
lists = sa.Table("lists", metadata, _id(), sa.Column("records", sa.Text, nullable=False, unique=True))

confirmed = sa.Table(
    "confirmed",
    metadata,
    sa.Column("person_key", _Key, primary_key=True, autoincrement=False),
    sa.Column("use", sa.String(1), primary_key=True),
    sa.Column("list_id", _Id, sa.ForeignKey("lists.id"), nullable=False),
    # receipt: the platform accepted it from us; readback: L202 showed it before our first upload.
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("change_id", _Id),
    sa.Column("confirmed_at", sa.DateTime, nullable=False),
)

# What L202 showed before our first upload, or when what stands there was taken for what is confirmed; a later receipt
# takes its place in `confirmed`.
readbacks = sa.Table(
    "readbacks",
    metadata,
    _id(),
    sa.Column("person_key", _Key, nullable=False, index=True),
    sa.Column("use", sa.String(1), nullable=False),
    sa.Column("list_id", _Id, sa.ForeignKey("lists.id"), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
)

rosters = sa.Table(
    "rosters",
    metadata,
    _id(),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("files", sa.JSON, nullable=False),
    sa.Column("pulled_on", sa.Date, nullable=False),
    sa.Column("pulled_at", sa.DateTime, nullable=False),
    # The sealed file of those whom the ledger names and the roster has no more; NULL = nobody.
    sa.Column("former", sa.String(80)),
)

# Under which key of the blind index all keyed digests are: one row. `since`: NULL = since the ledger is there.
index_key = sa.Table(
    "index_key",
    metadata,
    sa.Column("key_id", sa.String(16), primary_key=True),
    sa.Column("since", sa.DateTime),
)

# The audit chain: what people and the gateway did, one entry after another without a gap. Written by `audit.append` and
# nowhere else; the database itself refuses to change or delete an entry or a checkpoint.
acts = sa.Table(
    "acts",
    metadata,
    # The entry's number.
    sa.Column("id", _Id, primary_key=True, autoincrement=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("act", sa.String(32), nullable=False),
    sa.Column("detail", Canonical, nullable=False),
    # SM3 of its line (`audit.form`), in which is the digest of the entry before.
    sa.Column("hash", sa.String(64), nullable=False),
)
sa.Index("ix_acts_act", acts.c.act, acts.c.id)

# Signatures over all entries up to one of them: `audit.form.Checkpoint`.
audit_checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("number", _Id, primary_key=True, autoincrement=False),
    # No foreign key: a transaction that began before the entry came sees it only where it signs.
    sa.Column("seq", _Id, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
)

# How far checkpoints have left the house. One that could not leave is sent with the next.
audit_anchors = sa.Table(
    "audit_anchors",
    metadata,
    # As `gateway.toml` names it.
    sa.Column("place", sa.String(200), primary_key=True),
    # The last checkpoint that left for there; 0 = none.
    sa.Column("number", _Id, nullable=False),
    # When that was, or when it first failed since; and why it failed, "" = it did not.
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("fault", sa.String(200), nullable=False),
)

# How far settling has come, so that the next one need not begin at the first delivery. Never the truth: whoever deletes
# these rows makes the next settlement slower, and no different.
checkpoints = sa.Table(
    "checkpoints",
    metadata,
    # "" = of the whole site.
    sa.Column("instance", sa.String(64), primary_key=True),
    sa.Column("detail", sa.JSON, nullable=False),
)

# Who works for the site: one row, taken in turn. `serial` counts the takings.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    # The host, and where on it; "" = nobody.
    sa.Column("holder", sa.String(160), nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
)

# Until when the holder holds without another sign of life, by the database's clock.
heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("name", sa.String(16), sa.ForeignKey("leases.name"), primary_key=True),
    sa.Column("until", sa.DateTime, nullable=False),
)
