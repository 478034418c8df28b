"""What is said of a person: every step, and never who they are."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from gateway.acts import cases, look
from gateway.acts.explain import Explanation, explain
from gateway.errors import NotFound
from gateway.site import Site
from tests import ledgers
from tests.acts.lived import HELD, Lived, opened
from tests.ledgers import ask


def text_of(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def held_by_civil(lived: Lived, site: Site) -> tuple[int, dict[str, str]]:
    """Person key and roster row of somebody alive with a whole number of their own, of whom the platform was told, whom
    the third day's list left out."""
    told = "SELECT person_key FROM confirmed WHERE origin = 'receipt'"
    left_out = f"SELECT person_key FROM departures WHERE delivery = {HELD} AND left_out AND person_key IN ({told})"
    keys = {key for (key,) in ask(lived.site, left_out)}
    people = lived.people()
    often = Counter(person["certno"] for person in people)
    whole = [person for person in people if len(person["certno"]) == 18 and often[person["certno"]] == 1]
    digests = site.keyring.person_digest([person["psn_no"] for person in whole])
    return next((key, person) for key, person in zip(digests, whole, strict=True) if key in keys)


def test_a_step_names_line_rule_change_and_receipt(lived: Lived) -> None:
    """A record is traced from the line of the delivery through rule and change to the platform's receipt."""
    with opened(lived.site) as site:
        seen = explain(site, str(held_by_civil(lived, site)[0]), actor="clerk")
    believed = next(b for b in seen.believed if b.origin.instance == "civil_affairs" and b.to_run is None)
    row = ask(lived.site, "SELECT name FROM deliveries WHERE id = ?", believed.origin.delivery)
    assert [(believed.origin.name,)] == row
    assert "matched" == believed.origin.outcome
    assert believed.origin.rule in ("number+name", "number+name_form", "weighed")
    assert believed.origin.evidence
    assert believed.origin.line is not None
    held = ask(lived.site, f"SELECT {HELD}")[0][0]
    assert ["held"] == [d.state for d in seen.departures if d.delivery == held]
    done = [sent for sent in seen.changes if sent.state == "done"]
    assert all(sent.msgid and sent.at and sent.result == 0 for sent in done)
    newest = {sent.use: list(sent.records) for sent in done}
    assert newest == {c.use: list(c.records) for c in seen.confirmed if c.origin == "receipt"}
    assert believed.identity in {record.identity for records in newest.values() for record in records}


def test_the_three_ways_to_name_a_person_lead_to_the_same(lived: Lived) -> None:
    """Person number, identity number and person key explain the same person."""
    with opened(lived.site) as site:
        key, row = held_by_civil(lived, site)
        by_key, by_psn, by_number = (
            explain(site, who, actor="clerk") for who in (str(key), row["psn_no"], f" {row['certno']} ")
        )
    assert asdict(by_key) == asdict(by_psn) == asdict(by_number)


def test_nobody_is_shown(lived: Lived) -> None:
    """No explanation and no case holds a number or a whole name of anybody on the roster."""
    people = lived.people()
    numbers = {p["certno"] for p in people} | {p["psn_no"] for p in people}
    names = {p["psn_name"] for p in people if len(p["psn_name"]) >= 3}
    with opened(lived.site) as site:
        keys = [row[0] for row in ask(lived.site, "SELECT DISTINCT person_key FROM recognitions LIMIT 40")]
        seen: list[Explanation | cases.CaseDetail] = [explain(site, str(key), actor="clerk") for key in keys]
        seen += [cases.case(site, c.id, actor="clerk") for c in look.cases(site, state=None, actor="clerk")[0]]
    shown = text_of([asdict(one) for one in seen])
    assert [] == [1 for number in numbers if number in shown]
    assert [] == [1 for name in names if name in shown]
    assert len(keys) == len([one for one in seen if isinstance(one, Explanation) and one.name.endswith("*")])


def test_who_is_nobody_is_not_found(lived: Lived) -> None:
    """Whoever is on no roster and in no ledger is not found, whatever was typed."""
    with opened(lived.site) as site:
        for who in ("P0", "", "9" * 19, "9" * 30, "证件", "-1"):
            with pytest.raises(NotFound):
                explain(site, who, actor="clerk")
        with pytest.raises(NotFound):
            cases.case(site, 1_000_000, actor="clerk")


def test_explaining_a_person_opens_one_roster_bucket(lived: Lived, tmp_path: Path) -> None:
    """By identity number or by key, one bucket of each cut of the roster is opened, and none of the other thirty."""
    root = ledgers.copied(lived.site, tmp_path / "site")
    with opened(lived.site) as site:
        key, person = held_by_civil(lived, site)
        number = person["certno"]
    files = json.loads(ask(root, "SELECT files FROM rosters")[0][0])
    for at, name in enumerate(files):
        if at not in (int(number[14:17]) % 16, 16 + key % 16):
            (root / "var" / "frames" / name).unlink(missing_ok=True)
    with opened(root) as site:
        assert key == explain(site, number, actor="clerk").person_key
        assert explain(site, str(key), actor="clerk").on_roster
