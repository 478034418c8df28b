"""How rows come to be spoilt: the kinds of dirt that departments really send, and what each does to a
row.

Takes clean rows, an amount (1.0 is usual, 0 is none) and a random source; gives the rows with `noise`,
`name` and `number` set, and rows doubled or contradicted at the end. The same row keeps its dirt from day
to day, as in life. Refuses nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from random import Random

from gateway.demo import names
from gateway.demo.city import City, Person
from gateway.demo.rows import CIVIL, DISABLED, RURAL, Row

#: Spoilt beyond certainty: the person is found or a case opens, never anybody else.
DOUBTFUL = frozenset({"id_typo", "id_swap", "id_missing", "id_excel"})
#: A person must decide.
DISPUTED = frozenset({"stranger_name", "head_id", "conflict"})
#: Either of the two: the row may name somebody, and nobody knows yet whom.
UNSETTLED = DOUBTFUL | DISPUTED
#: Not usable at all.
UNUSABLE = frozenset({"bad_date", "bad_category", "bad_level", "no_identity", "lost"})

#: Lists shorter than this are spoilt by share alone; longer ones have each kind at least once.
_LEAST_ROWS = 50
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
_X_FORMS = ("x", "Ｘ", "Ⅹ", "Х", "×", "*")
_SEPARATORS = "•．・‧."


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of dirt."""

    name: str
    #: Of a thousand rows, at amount 1.
    per_thousand: float
    #: Whether it can befall this row.
    fits: Callable[[Row, City], bool]
    #: The row, spoilt; `noise` is set by the caller.
    spoil: Callable[[Random, Row, City], Row]


def spoil(rows: list[Row], city: City, amount: float, rng: Random) -> list[Row]:
    """Spoil a list; rows about people whom no roster knows become `outside`, and stay clean but for that."""
    spoilt = [
        replace(row, noise="outside") if row.person.index in city.roster.absent else row for row in rows
    ]
    pool = [place for place, row in enumerate(spoilt) if _may_spoil(row, city)]
    rng.shuffle(pool)
    for kind in KINDS:
        wanted = _wanted(kind.per_thousand * amount, len(rows))
        pool = _befall(kind, wanted, spoilt, pool, city, rng)
    return spoilt + _again(spoilt, pool, amount, rng)


def _may_spoil(row: Row, city: City) -> bool:
    return row.noise == "clean" and row.person.index not in city.roster.misnumbered


def _wanted(per_thousand: float, rows: int) -> int:
    exact = per_thousand * rows / 1000
    return ceil(exact) if rows >= _LEAST_ROWS else int(exact)


def _befall(kind: Kind, wanted: int, rows: list[Row], pool: list[int], city: City, rng: Random) -> list[int]:
    """Spoil the first `wanted` rows of the pool that fit, and take them out of it."""
    left = []
    for place in pool:
        if wanted > 0 and kind.fits(rows[place], city):
            wanted -= 1
            rows[place] = replace(kind.spoil(rng, rows[place], city), noise=kind.name)
        else:
            left.append(place)
    return left


def _again(rows: list[Row], pool: list[int], amount: float, rng: Random) -> list[Row]:
    """Rows to add at the end: copies of clean rows, and copies that contradict the row they copy."""
    usable = [place for place in pool if rows[place].source != DISABLED and rows[place].action == ""]
    copies = _wanted(5 * amount, len(rows)) if usable else 0
    conflicts = _wanted(0.5 * amount, len(rows)) if usable else 0
    extra = [replace(rows[place], noise="doubled") for place in usable[:copies]]
    for place in usable[copies : copies + conflicts]:
        rows[place] = replace(rows[place], noise="conflict")
        extra.append(_contradict(rows[place], rng))
    return extra


def _contradict(row: Row, rng: Random) -> Row:
    """The same person and category from another day, still after the birth."""
    return replace(row, first=row.first - timedelta(days=7))


# ── kinds of dirt ─────────────────────────────────────────────────────────────────────────────────


def _anybody(row: Row, city: City) -> bool:
    return True


def _unlike(one: str, other: str) -> bool:
    """Two names nobody would take for one: first and last characters differ, and the last also in sound."""
    tails = names.SYLLABLE_OF.get(one[-1]), names.SYLLABLE_OF.get(other[-1])
    return one[0] != other[0] and None not in tails and tails[0] != tails[1]


def _id_format(rng: Random, row: Row, city: City) -> Row:
    number = row.person.number
    spaced = f"{number[:6]} {number[6:14]} {number[14:]}"
    forms = [number.translate(_FULL_WIDTH), spaced, f"'{number}"]
    return replace(row, number=rng.choice(forms if row.source == DISABLED else [*forms, f"{number}\t"]))


def _id_invisible(rng: Random, row: Row, city: City) -> Row:
    number = row.person.number
    return replace(row, number=number[:6] + rng.choice("\u00a0\u200b") + number[6:])


def _id_x(rng: Random, row: Row, city: City) -> Row:
    return replace(row, number=row.person.number[:17] + rng.choice(_X_FORMS))


def _id_15(rng: Random, row: Row, city: City) -> Row:
    return replace(row, number=row.person.number[:6] + row.person.number[8:17])


def _id_certificate(rng: Random, row: Row, city: City) -> Row:
    reissue = f"B{rng.choice('12')}" if rng.random() < 0.2 else ""
    return replace(row, number=f"{row.person.number}{rng.choice('1234567')}{rng.choice('1234')}{reissue}")


def _id_excel(rng: Random, row: Row, city: City) -> Row:
    number = row.person.number
    if row.source == CIVIL and rng.random() < 0.5:
        return replace(row, number=f"{int(number):.5E}".replace("e", "E"))
    return replace(row, number=number[:15] + "000")


def _id_missing(rng: Random, row: Row, city: City) -> Row:
    return replace(row, number=rng.choice(("", "-", "无", "暂无")))


def _id_typo(rng: Random, row: Row, city: City) -> Row:
    number, place = row.person.number, rng.randrange(17)
    digit = rng.choice([char for char in "0123456789" if char != number[place]])
    return replace(row, number=number[:place] + digit + number[place + 1 :])


def _id_swap(rng: Random, row: Row, city: City) -> Row:
    number = row.person.number
    place = rng.choice([place for place in range(16) if number[place] != number[place + 1]])
    return replace(row, number=number[:place] + number[place + 1] + number[place] + number[place + 2 :])


def _stranger_name(rng: Random, row: Row, city: City) -> Row:
    while True:
        other = rng.choice(city.people)
        if other.household != row.person.household and _unlike(other.name, row.person.name):
            return replace(row, name=other.name)


def _has_namable_tail(row: Row, city: City) -> bool:
    return row.person.name[-1] in names.SYLLABLE_OF


def _fits_head(row: Row, city: City) -> bool:
    head: Person = city.people[row.person.head]
    if row.source == DISABLED or head is row.person:
        return False
    return city.roster.may_hold(head.index) and _tails_differ(head, row)


def _tails_differ(head: Person, row: Row) -> bool:
    one, other = names.SYLLABLE_OF.get(head.name[-1]), names.SYLLABLE_OF.get(row.person.name[-1])
    return one is not None and other is not None and one != other


def _head_id(rng: Random, row: Row, city: City) -> Row:
    return replace(row, number=city.people[row.person.head].number)


def _name_format(rng: Random, row: Row, city: City) -> Row:
    name = row.person.name
    if "·" in name:
        return replace(row, name=name.replace("·", rng.choice(_SEPARATORS)))
    return replace(row, name=f"{name[0]}\u3000{name[1]}" if len(name) == 2 else f" {name} ")


def _fits_variant(row: Row, city: City) -> bool:
    name = row.person.name
    return any(char in names.TRADITIONAL for char in name) or bool(names.homophones(name[-1]))


def _name_variant(rng: Random, row: Row, city: City) -> Row:
    name = row.person.name
    traditional = "".join(names.TRADITIONAL.get(char, char) for char in name)
    others = names.homophones(name[-1])
    if others and (traditional == name or rng.random() < 0.5):
        return replace(row, name=name[:-1] + rng.choice(others))
    return replace(row, name=traditional)


def _name_rare(rng: Random, row: Row, city: City) -> Row:
    name = row.person.name
    rare = [place for place, char in enumerate(name) if char in names.RARE]
    place = rare[0] if rare else rng.choice([at for at, char in enumerate(name) if at > 0 and char != "·"])
    marks = ["?", "□", "*", chr(0xE100 + rng.randrange(0x400))]
    if name[place] in names.SYLLABLE_OF:
        marks.append(names.SYLLABLE_OF[name[place]])
    return replace(row, name=name[:place] + rng.choice(marks) + name[place + 1 :])


def _as_it_is(rng: Random, row: Row, city: City) -> Row:
    return row


def _is_list(row: Row, city: City) -> bool:
    return row.source != DISABLED


def _has_level(row: Row, city: City) -> bool:
    return row.level != ""


def _ends_in_x(row: Row, city: City) -> bool:
    return row.person.number.endswith("X")


def _fits_excel(row: Row, city: City) -> bool:
    return row.source != DISABLED and not row.person.number.endswith("X")


def _fits_15(row: Row, city: City) -> bool:
    return row.source != DISABLED and row.person.born.year < 2000 and row.person.cert_type == "01"


def _has_separator(row: Row, city: City) -> bool:
    return "·" in row.person.name


def _has_rare(row: Row, city: City) -> bool:
    return any(char in names.RARE for char in row.person.name)


#: Rarest conditions first, so that each kind finds rows that fit. The same name twice is one kind in two
#: places.
KINDS: tuple[Kind, ...] = (
    Kind(name="name_rare", per_thousand=0.8, fits=_has_rare, spoil=_name_rare),
    Kind(name="name_format", per_thousand=1, fits=_has_separator, spoil=_name_format),
    Kind(name="id_x", per_thousand=2, fits=_ends_in_x, spoil=_id_x),
    Kind(name="bad_level", per_thousand=0.3, fits=_has_level, spoil=_as_it_is),
    Kind(name="id_15", per_thousand=2.5, fits=_fits_15, spoil=_id_15),
    Kind(name="head_id", per_thousand=0.5, fits=_fits_head, spoil=_head_id),
    Kind(name="id_certificate", per_thousand=3.5, fits=_is_list, spoil=_id_certificate),
    Kind(name="id_excel", per_thousand=1, fits=_fits_excel, spoil=_id_excel),
    Kind(name="id_missing", per_thousand=6, fits=_is_list, spoil=_id_missing),
    Kind(name="id_typo", per_thousand=10, fits=_anybody, spoil=_id_typo),
    Kind(name="id_swap", per_thousand=2.5, fits=_anybody, spoil=_id_swap),
    Kind(name="stranger_name", per_thousand=3, fits=_has_namable_tail, spoil=_stranger_name),
    Kind(name="bad_date", per_thousand=0.5, fits=_is_list, spoil=_as_it_is),
    Kind(name="bad_category", per_thousand=0.3, fits=_is_list, spoil=_as_it_is),
    Kind(name="id_format", per_thousand=22, fits=_anybody, spoil=_id_format),
    Kind(name="id_invisible", per_thousand=3, fits=_anybody, spoil=_id_invisible),
    Kind(name="name_format", per_thousand=13, fits=_anybody, spoil=_name_format),
    Kind(name="name_variant", per_thousand=4, fits=_fits_variant, spoil=_name_variant),
    Kind(name="name_rare", per_thousand=2, fits=_anybody, spoil=_name_rare),
)

_BY_NAME = {kind.name: kind for kind in KINDS}


def damage(row: Row, kind: str, city: City, rng: Random) -> Row:
    """One row spoilt in one way, as when a row that was sound yesterday comes damaged today."""
    if kind == "lost":
        return replace(row, noise="lost")
    return replace(_BY_NAME[kind].spoil(rng, row, city), noise=kind)


def nameless(rows: list[Row], city: City, amount: float, rng: Random) -> list[Row]:
    """Rows with neither number nor name, about people who stand on no other row; at the end of a list."""
    if amount <= 0 or not rows or rows[0].source not in (CIVIL, RURAL):
        return []
    named = {row.person.index for row in rows}
    free = [index for index in sorted(city.roster.absent) if index not in named]
    count = min(len(free), _wanted(0.5 * amount, len(rows)))
    return [
        replace(rows[0], person=city.people[index], noise="no_identity") for index in rng.sample(free, count)
    ]


def may_befall(kind: str, row: Row) -> bool:
    """Whether a row can be damaged this way (for the kinds that ask the row alone)."""
    needs = {
        "id_excel": not row.person.number.endswith("X"),
        "stranger_name": row.person.name[-1] in names.SYLLABLE_OF,
    }
    return needs.get(kind, True)
