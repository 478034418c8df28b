"""Cases as lines of a worklist: what a clerk sees of them, and how a line is known again when it comes back.

Takes cases of the ledger. Gives lines in Chinese, for each a digest of what was shown, which the ledger keeps, and a
mark, which goes with the line and which only the site's key can make.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from gateway.acts import sheets
from gateway.acts.sheets import Filled
from gateway.acts.sides import FIELDS, Candidate, CaseDetail, details
from gateway.plugin.forms import CHINA
from gateway.site import Site
from gateway.words import in_chinese

#: Worklist, case, and the keyed digest of both with what is shown.
_MARK = re.compile(r"([0-9]{1,15})-([0-9]{1,15})-([0-9a-f]{16})")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A case as it stands, and as a clerk sees it."""

    case: CaseDetail
    line: sheets.Line
    #: Person keys, in the order in which the line has them.
    people: Sequence[int]


def lines_of(site: Site, rows: Sequence[Mapping[str, Any]]) -> list[Shown]:
    """Of each case (as `store.decisions.cases` gives them) its line, in the clear; of the candidates those on the
    roster, the likeliest first. Raises SealBroken."""
    with in_chinese():
        return _lines_of(site, details(site, rows, clear=True))


def _lines_of(site: Site, cases: Sequence[CaseDetail]) -> list[Shown]:
    titles = {instance: _title(site, instance) for instance in {case.instance for case in cases}}
    people = [[person for person in case.candidates if person.on_roster][: sheets.CANDIDATES] for case in cases]
    raw = [
        [_listed(case, titles[case.instance]), *map(_person, beside)]
        for case, beside in zip(cases, people, strict=True)
    ]
    safe = iter(sheets.safe([text for line in raw for cells in line for text in cells]))
    lines = [[[next(safe) for _text in cells] for cells in line] for line in raw]
    return [
        Shown(
            case=case,
            line=sheets.Line(
                case=case.id,
                cells=cells,
                people=[sheets.Person(cells=c, marks=_marks_of(p)) for c, p in zip(others, beside, strict=True)],
            ),
            people=[person.person_key for person in beside],
        )
        for case, beside, (cells, *others) in zip(cases, people, lines, strict=True)
    ]


def _listed(case: CaseDetail, title: str) -> list[str]:
    """As `sheets.ROW`."""
    category = case.origin.category if case.origin else ""
    listed = [case.listed[name] for name in FIELDS]
    return [*listed, category, title, case.reason, china(case.opened_at).isoformat()]


def _person(person: Candidate) -> list[str]:
    """As `sheets.PERSON`."""
    state = "已死亡" if person.dead else "参保" if person.covered else "停保"
    return [*(one.text for one in person.fields), state, person.psn_no]


def _marks_of(person: Candidate) -> list[str]:
    return [*(one.agreement.value for one in person.fields), "", ""]


def _title(site: Site, instance: str) -> str:
    """What the list is called; an instance that is no longer configured has its name only."""
    configured = site.settings.sources.get(instance)
    return site.mappings.list_mapping(configured.settings.plugin).title if configured else instance


def china(at: datetime) -> date:
    """The day in China of a time of the ledger."""
    return (at + (CHINA.utcoffset(None) or timedelta())).date()


def digests(site: Site, shown: Sequence[Shown]) -> list[int]:
    """Of each case what the clerk saw, and whom the candidates are: other evidence is another digest."""
    keys = [",".join(map(str, one.people)) for one in shown]
    return site.keyring.person_digest(
        f"worklist-shown|{key}|{one.line.shown()}" for key, one in zip(keys, shown, strict=True)
    )


def marks(site: Site, number: int, shown: Sequence[Shown]) -> list[str]:
    """Of each line its mark in the worklist of this number."""
    made = site.keyring.person_digest(_marked(number, one.line.case, one.line.shown()) for one in shown)
    return [f"{number}-{one.line.case}-{digest:016x}" for one, digest in zip(shown, made, strict=True)]


def _marked(number: int, case: int, shown: str) -> str:
    return f"worklist-line|{number}|{case}|{shown}"


def genuine(site: Site, filled: Sequence[Filled]) -> dict[int, tuple[int, int]]:
    """Line -> (worklist, case), of those lines that stand as the site wrote them."""
    found = {one.line: (one, mark) for one in filled if (mark := _MARK.fullmatch(one.mark))}
    numbers = [(int(mark[1]), int(mark[2])) for _one, mark in found.values()]
    texts = [_marked(*pair, one.shown) for pair, (one, _mark) in zip(numbers, found.values(), strict=True)]
    made = site.keyring.person_digest(texts)
    checked = zip(found.items(), numbers, made, strict=True)
    return {line: pair for (line, (_one, mark)), pair, digest in checked if int(mark[3], 16) == digest}
