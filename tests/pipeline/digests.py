"""What a site says under whichever key of the blind index, and where digests stand."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import sqlalchemy as sa

from gateway.acts import cases
from gateway.acts.explain import explain
from gateway.acts.sides import CaseDetail
from gateway.bootstrap import open_site
from gateway.model.verdicts import Verdict
from gateway.pipeline import roster
from gateway.site import Site
from gateway.store import decisions, deliveries, indexkeys
from gateway.store import tables as t
from tests.pipeline.rig import Rig

#: Where the audit chain keeps what nobody may change.
CHAIN = {"acts", "audit_checkpoints", "audit_anchors"}


def leave_the_roster(rig: Rig, *psn_no: str) -> None:
    """From the next pull on these people are not insured here."""
    file = rig.peers.workdir / "platform" / "roster.csv.gz"
    rows = pl.read_csv(gzip.decompress(file.read_bytes()), infer_schema=False)
    file.write_bytes(gzip.compress(rows.filter(~pl.col("psn_no").is_in(psn_no)).write_csv().encode()))


def lived(rig: Rig) -> str:
    """Three days with their cases, some decided, one reported, and an open hold; then somebody who has a flag leaves
    the roster. Who that is."""
    for day in (1, 2, 3):
        rig.peers.stage(day)
        rig.run(day)
    gone = sorted({record[0] for record in rig.records() if record[-1] == "civil_affairs" and record[5] > "2027"})
    origin = explain(rig.site, gone[1], actor="clerk").believed[-1].origin
    cases.report(rig.site, origin.delivery, origin.row, note="来电反映", actor="clerk")
    today = date(2026, 11, 3)
    for case, verdict in zip(open_cases(rig.site), (Verdict.NOBODY, Verdict.DIFFERENT, Verdict.LATER), strict=False):
        person = str(case.candidates[0].person_key) if verdict is Verdict.DIFFERENT else None
        answer = {"note": "核对过户口簿", "actor": "clerk", "day": today}
        cases.decide(rig.site, case.id, verdict, person=person, **answer)  # type: ignore[arg-type]  # as they are named
    leave_the_roster(rig, gone[0])
    rig.run(4)
    return gone[0]


def open_cases(site: Site) -> list[CaseDetail]:
    with site.ledger.begin() as tx:
        rows = decisions.cases(tx, limit=None)
    found = [cases.case(site, row["id"], actor="clerk") for row in rows if row["code"] != "reported"]
    return [case for case in found if case.candidates]


def numbers(site: Site) -> dict[int, str]:
    """Person key -> psn_no, of all who are or were on the roster."""
    whole = pl.concat([roster.people(site, ["person_key", "psn_no"]), roster.former(site)])
    return dict(whole.iter_rows())


def told(rig: Rig) -> dict[str, Any]:
    """What the ledger says, in words that have no digest in them."""
    known = numbers(rig.site)
    with rig.site.ledger.begin() as tx:
        rows = {table.name: tx.execute(sa.select(table)).mappings().all() for table in _tables()}
        files = {row.id: row.resolutions_file for row in deliveries.select(tx) if row.resolutions_file}
    said = {name: sorted(str(sorted(_spoken(dict(row), known).items())) for row in rows[name]) for name in rows}
    texts = {str(key): number for key, number in known.items()}
    for number, file in files.items():
        frame = rig.site.read_frame(file)
        ones = [frame[name].cast(pl.String).replace(texts) for name in ("person_key", "candidate", "kept")]
        many = pl.element().cast(pl.String).replace(texts)
        lists = [frame["candidates"].list.eval(many), frame["ruled_out"].list.eval(many.sort())]
        said[f"resolutions {number}"] = [str(row) for row in frame.with_columns(*ones, *lists).rows()]
    return said


def _tables() -> list[sa.Table]:
    without = CHAIN | {"index_key", "checkpoints", "leases", "heartbeats", "rosters"}
    return [table for table in t.metadata.sorted_tables if table.name not in without]


def _spoken(row: dict[str, Any], known: dict[int, str]) -> dict[str, Any]:
    for name in ("digest", "resolutions_file", "sealed_claim"):
        row.pop(name, None)
    if row.get("person_key") is not None:
        row["person_key"] = known[row["person_key"]]
    if "excluded" in row:
        row["excluded"] = sorted(known[key] for key in row["excluded"])
    if "subject" in row:
        kind, _colon, rest = row["subject"].partition(":")
        row["subject"] = known[int(rest.split(":")[0])] if kind == "item" else f"{kind} {rest.split(':')[-1]}"
    return row


def old_keys(site: Site) -> set[int]:
    """Every keyed digest that stands in the ledger, and every person key of the roster."""
    with site.ledger.begin() as tx:
        people = indexkeys.people(tx).to_list()
        decided = [row["digest"] for row in indexkeys.verdicts(tx)]
        parts = [part for row in indexkeys.cases(tx) for part in row["subject"].split(":")]
    return {*people, *decided, *numbers(site), *(int(part) for part in parts if len(part) > 1 and part.isdigit())}


def found_in_ledger(site: Site, among: set[int]) -> set[str]:
    """Tables in which one of these numbers stands somewhere, the audit chain left out."""
    found = set()
    with site.ledger.begin() as tx:
        for table in t.metadata.sorted_tables:
            words = set(re.findall(r"\d+", " ".join(str(row) for row in tx.execute(sa.select(table)))))
            found |= {table.name} if words & set(map(str, among)) else set()
    return found - CHAIN


def found_in_frames(site: Site, among: set[int]) -> set[str]:
    """Sealed frames in which one of these person keys stands."""
    found = set()
    for path in site.frames.glob("*.sealed"):
        frame = site.read_frame(path.name)
        columns = [column.explode() if isinstance(column.dtype, pl.List) else column for column in frame.get_columns()]
        keys = {key for column in columns if column.dtype == pl.Int64 for key in column.to_list()}
        found |= {path.name} if keys & among else set()
    return found


def found_on_disk(site: Site, among: set[int]) -> set[str]:
    """Files of the ledger in whose bytes one of these numbers stands, as SQLite writes them."""
    files = {path.name: path.read_bytes() for path in site.settings.var.glob("ledger.db*")}
    assert files
    return {name for name, content in files.items() if any(one.to_bytes(8, "big") in content for one in among)}


def lived_a_day(rig: Rig) -> None:
    rig.peers.stage(1)
    rig.run()


@contextmanager
def reopened(rig: Rig) -> Iterator[Rig]:
    """The same site, as another process opens it."""
    site = open_site(rig.site.settings.root)
    try:
        yield replace(rig, site=site)
    finally:
        site.ledger.close()
