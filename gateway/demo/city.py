"""The people of an invented city: households, numbers, insurance relations, and two rosters of them.

Takes a number of insured people and a random source; gives a `City`. Nobody in it is real: a number is an
area, a birth day and a sequence drawn at random, with the check character of GB 11643. Refuses nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from gateway.demo import names

COUNTIES: dict[str, str] = {
    "451002": "右江区", "451003": "田阳区", "451022": "田东县", "451024": "德保县", "451026": "那坡县",
    "451027": "凌云县", "451028": "乐业县", "451029": "田林县", "451030": "西林县",
    "451031": "隆林各族自治县",
    "451081": "靖西市", "451082": "平果市",
}  # fmt: skip

#: Area codes of Baise that were withdrawn; people numbered before 2002 keep them.
OLD_AREAS = ("452601", *(str(code) for code in range(452621, 452633)), "451021", "451023", "451025")
#: Area codes of other provinces, for those who moved here.
FAR_AREAS = ("450103", "450981", "522327", "532626", "150724", "430102", "330602", "440306")
OLD_AREA_ENDS = 2002
OLD_AREA_SHARE = 0.75
FAR_SHARE = 0.06
#: Share of the people called as somebody else in their village.
NAMESAKE_SHARE = 0.01

TODAY = date(2026, 11, 1)
YOUNGEST = date(2026, 8, 15)
_DAY = timedelta(days=1)
#: GB 11643: weight of position i counted from the right is 2^(i-1) mod 11.
_WEIGHTS = tuple(2 ** (17 - i) % 11 for i in range(17))
_CHECKS = "10X98765432"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One invented person, as they truly are; what rosters and lists make of them may differ."""

    #: Place in `City.people`.
    index: int
    #: 18 characters, sound.
    number: str
    #: As the roster writes it.
    name: str
    male: bool
    born: date
    #: 12-digit code of the home village.
    village: str
    #: Place in `City.households`.
    household: int
    #: `index` of the head of household.
    head: int
    #: To the head, in civil affairs' words.
    relation: str
    #: `01` resident ID, `04` residence permit, `07` foreigners' card.
    cert_type: str = "01"
    #: (insutype, psn_insu_stas) of each insurance relation.
    relations: tuple[tuple[str, str], ...] = (("390", "1"),)
    #: insu_admdvs, 6 digits.
    insured_in: str
    ethnicity: str

    @property
    def psn_no(self) -> str:
        """The platform's key, 26 digits."""
        return f"4510000000000000001{self.index:07d}"

    @property
    def second_psn_no(self) -> str:
        """The other key of somebody who stands twice on the roster."""
        return f"4510900000000000001{self.index:07d}"

    @property
    def county(self) -> str:
        """6-digit code of the home county."""
        return self.village[:6]


@dataclass(frozen=True, kw_only=True, slots=True)
class Roster:
    """What the platform's roster of one day says otherwise than `City.people`; sets hold `Person.index`."""

    #: Not on the roster at all.
    absent: frozenset[int] = frozenset()
    #: surv_stas 3.
    dead: frozenset[int] = frozenset()
    #: On it twice, under two psn_no.
    twofold: frozenset[int] = frozenset()
    #: On it under another number than their own.
    misnumbered: dict[int, str] = field(default_factory=dict)
    #: On it with the 15-digit form of their number.
    fifteen: frozenset[int] = frozenset()

    def is_odd(self, index: int) -> bool:
        """Whether a sound row about somebody still can't be settled: not on it, twice on it, or wrongly
        numbered.
        """
        return index in self.absent or index in self.twofold or index in self.misnumbered

    def may_hold(self, index: int) -> bool:
        """Whether somebody can have records: known for sure, and alive."""
        return not self.is_odd(index) and index not in self.dead


@dataclass(frozen=True, kw_only=True, slots=True)
class City:
    """Everybody there is, on the roster or not, and the roster of the first day."""

    people: list[Person]
    households: list[list[int]]
    roster: Roster


def check_character(seventeen: str) -> str:
    """The 18th character of an identity number (GB 11643, ISO 7064 MOD 11-2)."""
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(seventeen, _WEIGHTS, strict=True)) % 11]


def build(people: int, rng: Random) -> City:
    """A city of `people` insured and about two in a hundred more whom no roster knows."""
    maker = _Maker(rng)
    while len(maker.people) < people:
        maker.household(people - len(maker.people))
    absent = max(12, people // 50)
    while len(maker.people) < people + absent:
        maker.household(people + absent - len(maker.people))
    return City(
        people=maker.people, households=maker.households, roster=_first_roster(maker.people, people, rng)
    )


def _first_roster(everybody: list[Person], insured: int, rng: Random) -> Roster:
    """Who is dead, twofold, wrongly numbered or still under 15 digits on the first day."""
    picks = iter(rng.sample(range(insured), min(insured, max(24, insured // 50))))

    def some(per_thousand: float, least: int) -> list[int]:
        return [
            index
            for _, index in zip(range(max(least, int(insured * per_thousand / 1000))), picks, strict=False)
        ]

    taken = {person.number for person in everybody}
    dead, twofold, wrong = some(3.3, 4), some(0.7, 3), some(0.5, 3)
    old = (person.index for person in everybody[:insured] if _has_fifteen(person))
    return Roster(
        absent=frozenset(range(insured, len(everybody))),
        dead=frozenset(dead),
        twofold=frozenset(twofold),
        misnumbered={index: _misnumber(everybody[index], taken, rng) for index in wrong},
        fifteen=frozenset(index for index in old if rng.random() < 0.008) - frozenset(wrong),
    )


def _has_fifteen(person: Person) -> bool:
    return person.born.year < OLD_AREA_ENDS - 10 and person.cert_type == "01"


def _misnumber(person: Person, taken: set[str], rng: Random) -> str:
    """A sound number of the same area and birth day with quite another sequence, and nobody's."""
    while True:
        order = (int(person.number[14:17]) + 300 + rng.randrange(400)) % 1000
        seventeen = f"{person.number[:14]}{order:03d}"
        number = seventeen + check_character(seventeen)
        if number not in taken:
            return number


class _Maker:
    """Grows the city household by household; keeps every number unique."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.people: list[Person] = []
        self.households: list[list[int]] = []
        self._numbers: set[str] = set()
        self._called: dict[str, str] = {}
        self._counties = list(COUNTIES)

    def household(self, room: int) -> None:
        """One household of at most `room` people, the head first."""
        rng, start = self.rng, len(self.people)
        county = self._counties[int(rng.random() * len(self._counties))]
        village = f"{county}{100 + int(rng.random() * 15)}{200 + int(rng.random() * 40)}"
        family = names.surname(rng)
        for relation, born, male in list(_members(rng))[:room]:
            twin = relation == "twin"
            self._add(village, family, start, relation, born, male, self.people[-1] if twin else None)
        self.households.append(list(range(start, len(self.people))))

    def _add(
        self,
        village: str,
        family: str,
        head: int,
        relation: str,
        born: date,
        male: bool,
        sibling: Person | None,
    ) -> None:
        rng = self.rng
        if sibling is not None:
            born, male = sibling.born, sibling.male
            relation = "子" if male else "女"
        cert_type, number = self._number(village, born, male, sibling)
        relations, insured_in = _insurance(rng, village, born)
        own = relation in ("本人", "子", "女", "父", "孙子", "孙女")
        fresh = self._name(village, family if own else names.surname(rng))
        person = Person(
            index=len(self.people),
            number=number,
            name=fresh if sibling is None else names.alike(rng, sibling.name),
            male=male,
            born=born,
            village=village,
            household=len(self.households),
            head=head,
            relation=relation,
            cert_type=cert_type,
            relations=relations,
            insured_in=insured_in,
            ethnicity=("01", "03", "04", "08")[int(rng.random() * 4)],
        )
        self.people.append(person)

    def _name(self, village: str, family: str) -> str:
        """A name; now and then that of somebody else in the village."""
        namesake = self._called.get(village)
        if namesake is not None and self.rng.random() < NAMESAKE_SHARE:
            return namesake
        self._called[village] = names.full_name(self.rng, family)
        return self._called[village]

    def _number(self, village: str, born: date, male: bool, sibling: Person | None) -> tuple[str, str]:
        """(cert type, a number nobody has yet); a twin's follows the sibling's."""
        rng, draw = self.rng, self.rng.random()
        cert_type, area = "01", _area(rng, village, born)
        if sibling is not None:
            area, order = sibling.number[:6], int(sibling.number[14:17])
        elif draw < 0.001:
            cert_type, area = "04", ("810000", "820000", "830000")[int(rng.random() * 3)]
        elif draw < 0.0016:
            cert_type, area = "07", f"9{11 + int(rng.random() * 50)}{100 + int(rng.random() * 800)}"
        while True:
            order = (order + 2) % 1000 if sibling is not None else int(rng.random() * 500) * 2 + male
            seventeen = f"{area}{born:%Y%m%d}{order:03d}"
            number = seventeen + check_character(seventeen)
            if number not in self._numbers:
                self._numbers.add(number)
                return cert_type, number


def _members(rng: Random) -> Iterator[tuple[str, date, bool]]:
    """(relation to the head, birth day, male) of a household, the head first; `twin` repeats the one
    before.
    """
    age, male = 24 + int(rng.random() * 62), rng.random() < 0.75
    yield "本人", _birth(rng, age), male
    if rng.random() < 0.7:
        yield "配偶", _birth(rng, max(20, age + int(rng.random() * 9) - 4)), not male
    if age < 70 and rng.random() < 0.35:
        parent_male = rng.random() < 0.4
        yield (
            ("父" if parent_male else "母"),
            _birth(rng, min(99, age + 21 + int(rng.random() * 12))),
            parent_male,
        )
    for _ in range(int(rng.random() * 3.4) if age < 75 else 0):
        boy = rng.random() < 0.52
        yield ("子" if boy else "女"), _birth(rng, max(0, age - 22 - int(rng.random() * 14))), boy
        if rng.random() < 0.012:
            yield "twin", TODAY, boy


def _birth(rng: Random, age: int) -> date:
    """A birth day at which somebody is about `age` years old today; now and then 29 February."""
    year = TODAY.year - age
    if year % 4 == 0 and year != 1900 and rng.random() < 0.004:
        return date(year, 2, 29)
    return min(date(year, 1, 1) + int(rng.random() * 365) * _DAY, YOUNGEST)


def _area(rng: Random, village: str, born: date) -> str:
    draw = rng.random()
    if draw < FAR_SHARE:
        return FAR_AREAS[int(rng.random() * len(FAR_AREAS))]
    if born.year < OLD_AREA_ENDS and draw < OLD_AREA_SHARE:
        return OLD_AREAS[int(rng.random() * len(OLD_AREAS))]
    return village[:6]


def _insurance(rng: Random, village: str, born: date) -> tuple[tuple[tuple[str, str], ...], str]:
    """(relations, insu_admdvs): residents mostly, some employees, some in both, some stopped."""
    draw, county = rng.random(), village[:6]
    employable = 1962 < born.year < 2005
    if employable and draw < 0.16:
        place = "451099" if rng.random() < 0.3 else county
        return ((("310", "1"), ("390", "2")) if draw < 0.004 else (("310", "1"),)), place
    if draw > 0.983:
        return (("390", "2"),), county
    return (("390", "1"),), "451099" if draw > 0.95 else county
