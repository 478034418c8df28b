"""All keyed digests of a site pass to another key of the blind index: person keys, and what cases and decisions are of.

Takes an open site under its lock, and the new key's id. Roster and resolutions are sealed anew beside the old ones,
then the ledger is rewritten in one transaction, which names the new files and the new key: before it commits nothing
has changed, afterwards everything. Whoever is killed on the way leaves files that nobody names, and begins again.

A person is worked out from their number, as the roster has it, or kept it when they left. Of whom no number is known,
since they had left before any was kept, the new key is made from the old one: their history goes on under it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from gateway.errors import NotAllowed, StoreFault, TryLater
from gateway.logs import log
from gateway.model.frames import ENTRIES, FORMER, RESOLUTIONS, PersonKeys
from gateway.model.holds import LEAVES, WHOLE, set_digest
from gateway.pipeline import heldset, roster, verdicts
from gateway.pipeline.known import on_disk
from gateway.pipeline.settlement import settle_dry
from gateway.pipeline.work import claim_texts
from gateway.site import Site
from gateway.store import Tx, checkpoints, decisions, deliveries, indexkeys
from gateway.store.decisions import HoldRow
from gateway.store.ledger import now, record_act
from gateway.vault.blind import BlindIndex
from gateway.words import _

Tell = Callable[[int], object]
#: kind: row | pay | told; instance; digest of who the row says it is; code.
_OF_ROW = re.compile(r"(row|pay|told):(.+):(\d+):([^:]+)")
_OF_PERSON = re.compile(r"item:(\d+):(.+)")
#: `numberless`: made from the old key, since nobody knows the number.
_PASSING = pl.Schema({"old": pl.Int64(), "new": pl.Int64(), "numberless": pl.Boolean()})
_LISTS = [name for name, kind in RESOLUTIONS.items() if kind == PersonKeys]
_KEYS = ("person_key", "candidate", "kept")


@dataclass(frozen=True, kw_only=True)
class Reindexed:
    """What it came to."""

    key_id: str
    #: People whom the ledger names; of them those whose number nobody knows any more.
    people: int
    numberless: int
    #: Files that were sealed anew.
    files: int


@dataclass(kw_only=True)
class Passing:
    """From old digests to new ones."""

    old: BlindIndex
    new: BlindIndex
    #: `_PASSING`: of all whose number is known, and of whoever else was met.
    known: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_PASSING))

    def people(self, keys: pl.Series) -> pl.Series:
        """The new person keys, in their order; null stays null."""
        frame = keys.alias("old").to_frame()
        strangers = frame.drop_nulls().unique().join(self.known, on="old", how="anti")["old"]
        if strangers.len():
            made = pl.Series("new", self._made(strangers.to_list()), pl.Int64)
            self.known = pl.concat([self.known, pl.DataFrame([strangers, made]).with_columns(numberless=True)])
        return frame.join(self.known, on="old", how="left", maintain_order="left")["new"].alias(keys.name)

    def lists(self, keys: pl.Series) -> pl.Series:
        """The same for lists of them."""
        rows = keys.alias("keys").to_frame().with_row_index("at")
        some = rows.filter(pl.col("keys").list.len() > 0).explode("keys")
        passed = some.with_columns(self.people(some["keys"])).group_by("at", maintain_order=True).agg("keys")
        both = rows.join(passed, on="at", how="left", suffix="_new", maintain_order="left")
        return both.select(pl.coalesce("keys_new", "keys")).to_series().alias(keys.name)

    def text(self, digest: int, text: str | None) -> int:
        """The new digest of a text; where that is not what was digested, or is gone, one made from the old digest."""
        if text is not None and self.old.digests([text]) == [digest]:
            return self.new.digests([text])[0]
        return self._made([digest])[0]

    def _made(self, digests: Iterable[int]) -> list[int]:
        return self.new.digests(f"former|{digest}" for digest in digests)


def reindex(site: Site, key_id: str, *, tell: Tell, allowed: Callable[[Tx], None], actor: str) -> Reindexed:
    """Passes everything to that key of the ring, and works under it. Under the site's lock.

    `allowed` is asked in the transaction that does it; `tell` hears the number of files. Raises what `allowed` does,
    TryLater where two people would have one key, DiskFault, SealBroken, StoreFault: then nothing has changed.
    """
    index = site.keyring.index
    passing = Passing(old=index.under(index.key_id), new=index.under(key_id))
    with on_disk(), roster.held():
        passing.known = _known(site, passing.new)
        subjects, held = _Subjects(site, passing), _held(site, passing)
        files, former = roster.rekeyed(site, passing.people)
        resolved = _resolutions(site, passing, tell)
        with site.ledger.begin() as tx:
            subjects.of(tx)  # most of them before others have to wait
    with site.ledger.begin(turn=True, alone=True) as tx:
        allowed(tx)
        people = indexkeys.people(tx)
        passing.people(people)
        passed = passing.known.join(people.to_frame("old"), on="old", how="semi")
        distinct(passing.known)
        indexkeys.pass_people(tx, passed)
        indexkeys.set_subjects(tx, subjects.of(tx))
        indexkeys.set_verdicts(tx, [_verdict(site, passing, row) for row in indexkeys.verdicts(tx)])
        indexkeys.set_hold_digests(tx, held)
        indexkeys.set_resolutions(tx, resolved)
        indexkeys.set_roster(tx, files, former)
        checkpoints.clear(tx)
        indexkeys.set_in_force(tx, key_id, now())
        told = {"people": passed.height, "numberless": int(passed["numberless"].sum())}
        record_act(tx, actor=actor, act="keys.rotate.index", key=key_id, before=index.key_id, **told)
    index.use(key_id)
    site.ledger.index_key = key_id
    _scrub(site)
    return Reindexed(key_id=key_id, files=len(files) + len(resolved), **told)


def _scrub(site: Site) -> None:
    """Where somebody is reading for so long that it cannot be done, the end of the old key does it."""
    try:
        site.ledger.scrub()
    except StoreFault as fault:
        log(_("台账文件稍后清理:{fault}").format(fault=fault), action="keys.scrub_later")


def _known(site: Site, new: BlindIndex) -> pl.DataFrame:
    """`_PASSING` of all whose number the roster has, or kept."""
    numbers = pl.concat([roster.people(site, list(FORMER)), roster.former(site)]).unique("person_key")
    made = roster.digests(new, numbers["psn_no"]).alias("new")
    return numbers.select(old="person_key").with_columns(made, numberless=pl.lit(value=False))


def distinct(known: pl.DataFrame) -> None:
    """No two people come to have one key, and nobody the one that was somebody's. Raises TryLater."""
    if known["new"].n_unique() != known.height or known.join(known, left_on="new", right_on="old", how="semi").height:
        what = _("两个人员编号的摘要相同,无法区分")
        raise TryLater(what, next_step=_("什么也没有改变;请用 gateway keys destroy 去掉新的索引密钥,再重新更换"))


def _resolutions(site: Site, passing: Passing, tell: Tell) -> dict[int, str]:
    """Delivery -> the new file of its resolutions."""
    with site.ledger.begin() as tx:
        rows = [row for row in deliveries.select(tx) if row.resolutions_file]
    files = {}
    for number, row in enumerate(rows, 1):
        frame = site.read_frame(row.resolutions_file or "")
        keys = [passing.people(frame[name]) for name in _KEYS]
        files[row.id] = site.write_frame(frame.with_columns(*keys, *(passing.lists(frame[name]) for name in _LISTS)))
        tell(number)
    return files


def _verdict(site: Site, passing: Passing, row: Mapping[str, Any]) -> dict[str, Any]:
    """A decision's columns under the new key."""
    excluded = pl.Series("excluded", row["excluded"], pl.Int64)
    (digest,) = passing.new.digests([verdicts.sealed_text(site, row["sealed_claim"])])
    return {"id": row["id"], "digest": digest, "excluded": passing.people(excluded).to_list()}


class _Subjects:
    """What cases are about, under the new key."""

    def __init__(self, site: Site, passing: Passing) -> None:
        self._site, self._passing = site, passing
        self._known: dict[str, str] = {}

    def of(self, tx: Tx) -> dict[int, str]:
        """Case -> its subject. Raises SealBroken."""
        cases = indexkeys.cases(tx)
        fresh = [case for case in cases if case["subject"] not in self._known]
        entries = self._entries(tx, fresh)
        for case in fresh:
            self._known[case["subject"]] = self._one(case, entries.get((case["delivery_id"], case["row"])))
        return {case["id"]: self._known[case["subject"]] for case in cases}

    def _one(self, case: Mapping[str, Any], entry: pl.DataFrame | None) -> str:
        if person := _OF_PERSON.fullmatch(case["subject"]):
            (key,) = self._passing.people(pl.Series([int(person[1])], dtype=pl.Int64))
            return f"item:{key}:{person[2]}"
        row = _OF_ROW.fullmatch(case["subject"])
        assert row is not None, case["id"]
        text = _claim(entry, row[1], case["instance"]) if entry is not None else None
        return f"{row[1]}:{row[2]}:{self._passing.text(int(row[3]), text)}:{row[4]}"

    def _entries(self, tx: Tx, cases: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int], pl.DataFrame]:
        """(delivery, row) -> that entry; of rows that ended there is none."""
        wanted: dict[int, list[int]] = {}
        for case in cases:
            if case["delivery_id"] and case["row"]:
                wanted.setdefault(case["delivery_id"], []).append(case["row"])
        found: dict[tuple[int, int], pl.DataFrame] = {}
        for number, lines in wanted.items():
            delivery = deliveries.get(tx, number)
            if delivery is not None and delivery.entries_file and not delivery.ended:
                some = self._site.read_rows(delivery.entries_file, pl.Series(lines, dtype=ENTRIES["row"]))
                found |= {(number, int(one["row"][0])): one for one in some.iter_slices(1)}
        return found


def _claim(entry: pl.DataFrame, kind: str, instance: str) -> str:
    if kind == "told":
        return verdicts.claim_text(entry, instance)
    return str(claim_texts(entry, payments=kind == "pay")[0])


def _held(site: Site, passing: Passing) -> dict[int, tuple[str, str]]:
    """Hold -> the digest of its set before and now, where it is known whom the digest is of. Of another set than the
    one that stands there nothing was approved, and nothing comes to be: the next settlement says what it is."""
    with site.ledger.begin() as tx:
        holds = [hold for hold in decisions.holds(tx) if hold.state in ("open", "released") and hold.digest]
    sets = _Sets(site)
    found = {}
    for hold in holds:
        for rows in sets.of(hold):
            if set_digest(hold.place, rows) == hold.digest:
                keys = passing.people(rows["person_key"])
                found[hold.id] = (hold.digest, set_digest(hold.place, rows.with_columns(keys)))
    return found


class _Sets:
    """What holds may hold."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def of(self, hold: HoldRow) -> list[pl.DataFrame]:
        """The sets that the hold's digest may be of; one that was released and settled needs none any more."""
        if hold.scope == WHOLE:
            return self._whole.get(hold.delivery_id, [])
        states = ("held",) if hold.state == "open" else ("held", "released")
        return [heldset.leaving(self._site, hold, state).select(LEAVES) for state in states]

    @cached_property
    def _whole(self) -> dict[int, list[pl.DataFrame]]:
        settled = settle_dry(self._site, heldset.Nobody())
        return {one.row.id: [one.lets_through()] for one in settled.work}


def proved(site: Site) -> dict[str, int]:
    """Works every person's key and every decision's digest out under the key in force; how many. Under the site's lock.

    Raises NotAllowed where one is another than what stands there, or where a file of before is left.
    """
    index = site.keyring.index
    numbers = pl.concat([roster.people(site, list(FORMER)), roster.former(site)])
    wrong = int((roster.digests(index, numbers["psn_no"]) != numbers["person_key"]).sum())
    with site.ledger.begin() as tx:
        decided = indexkeys.verdicts(tx)
    texts = [verdicts.sealed_text(site, row["sealed_claim"]) for row in decided]
    wrong += sum(one != row["digest"] for one, row in zip(index.digests(texts), decided, strict=True))
    if wrong:
        what = _("有 {n} 项摘要不是用正在使用的索引密钥算出的,没有销毁").format(n=wrong)
        raise NotAllowed(what, next_step=_("请联系维护人员"))
    return {"people": numbers.height, "decisions": len(decided)}
