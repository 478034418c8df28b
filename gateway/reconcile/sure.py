"""The sure rules over all claims and buckets: most claims have number and name of one person letter by letter.

Takes claims part by part, and the roster's buckets. Gives the claims that are plain, in a few narrow columns, and of
the rest everything that is looked at closely. Refuses nothing.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import polars as pl

from gateway.model.buckets import by_number
from gateway.model.frames import VERDICTS
from gateway.model.verdicts import WHO, who_says
from gateway.model.written import own_number
from gateway.reconcile import residue
from gateway.reconcile.exact import CLAIM, PLAIN, SEEN, is_plain, no_roster, plain_pass, with_digits

Frames = Iterator[pl.DataFrame]
Buckets = Callable[[], Frames]
Parts = Callable[[], Frames]
T = TypeVar("T")

#: Columns of entries that linking reads; with them come `instance` and `delivery`, that is, who said it and where.
CLAIMS = (*residue.OF_ROW[1:], "instance", "delivery", "raw_household", "raw_source_id")
#: Source numbers that led to one person.
KNOWN = pl.Schema({"instance": pl.String, "raw_source_id": pl.String, "person_key": pl.Int64})
#: Buckets, or slices of claims, that are worked on side by side: two cores take two at a time.
_AT_ONCE = 2
#: Claims of such a slice: a city's list is six.
_ROWS_AT_ONCE = 250_000
_KEYS = pl.Schema({"claim": pl.UInt32(), "digits": pl.Int64(), "name_key": pl.String()})
_DECIDED = pl.Schema({"claim": pl.UInt32(), **{name: VERDICTS[name] for name in ("same", "excluded", "nobody")}})
_MEMBERS = pl.Schema({"delivery": pl.Int64, "raw_household": pl.String, "village": pl.String})


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Claims cut for the buckets. Claims are numbered through all parts."""

    #: The first claim of each part, and the end.
    starts: list[int]
    #: By bucket, claim, digits and name_key of the claims that may be plain; taken out by who works on them.
    keys: dict[int, list[pl.DataFrame]]
    #: Hashes of the other claims' numbers.
    others: pl.Series
    #: claim, same, excluded, nobody: of the claims about which a person decided.
    decided: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Rest:
    """The claims that are not plain, and what the plain ones say for them."""

    #: `claim` and CLAIMS columns.
    claims: pl.DataFrame
    #: `KNOWN` of the plain claims, one row per claim.
    sources: pl.DataFrame
    #: `residue.HOUSEHOLD` and village of plain claims in households of the rest.
    members: pl.DataFrame


def cut(parts: Parts, verdicts: pl.DataFrame) -> Cut:
    """The claims of all parts (CLAIMS columns), cut."""
    starts, keys, others, decided = [0], dict[int, list[pl.DataFrame]](), [], [pl.DataFrame(schema=_DECIDED)]
    for part in parts():
        claims = part.with_row_index("claim", starts[-1])
        starts.append(starts[-1] + part.height)
        decided.append(_decided(claims, verdicts))
        told = decided[-1]["claim"].implode()
        slices = claims.select("claim", *CLAIM).iter_slices(_ROWS_AT_ONCE)
        for hashes, mine in side_by_side(partial(_cut_rows, told), slices):
            others.append(hashes)
            for bucket, frame in mine.items():
                keys.setdefault(bucket, []).append(frame)
    hashes = pl.concat([pl.Series([], dtype=pl.UInt64), *others]).unique()
    return Cut(starts=starts, keys=keys, others=hashes, decided=pl.concat(decided))


def _cut_rows(told: pl.Series, _at: int, rows: pl.DataFrame) -> tuple[pl.Series, dict[int, pl.DataFrame]]:
    """(hashes of the numbers of claims that are not plain, `_KEYS` of the plain ones by bucket). `told`: claims about
    which a person decided."""
    number = pl.col("number")
    claims = with_digits(rows)
    plain = claims.select(is_plain() & ~pl.col("claim").is_in(told)).to_series()
    hashes = claims.filter(~plain).select(number.drop_nulls().hash()).to_series()
    mine = claims.filter(plain).select(*_KEYS, bucket=by_number(number))
    cut = mine.partition_by("bucket", as_dict=True, include_key=False)
    return hashes, {int(bucket): keys for (bucket,), keys in cut.items()}


def plain(cut: Cut, roster: Buckets) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(`PLAIN` in the order of the claims, everybody who has a number of one of the other claims)."""

    def meet(bucket: int, people: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        claims = pl.concat([pl.DataFrame(schema=_KEYS), *cut.keys.pop(bucket, [])])
        people = with_digits(people.select(SEEN))
        found = plain_pass(claims, people)
        open_ = claims.join(found, on="claim", how="anti")["digits"]
        wanted = pl.col("digits").is_in(open_.implode()) | pl.col("number").hash().is_in(cut.others.implode())
        return found, people.filter(people.select(wanted).to_series()).drop("digits")

    pairs = list(side_by_side(meet, roster()))
    found = pl.concat([pl.DataFrame(schema=PLAIN), *(one for one, _people in pairs)])
    return found.sort("claim"), pl.concat([no_roster(), *(people for _one, people in pairs)])


def rest(parts: Parts, starts: list[int], plain: pl.DataFrame) -> Rest:
    """What remains of the parts that were cut so."""
    claims, sources, members = [], [pl.DataFrame(schema=KNOWN)], [pl.DataFrame(schema=_MEMBERS)]
    for start, part in zip(starts, parts(), strict=False):
        found = between(plain, start, start + part.height)
        said = part.select(CLAIMS).with_columns(pl.col("delivery").cast(pl.Int64)).with_row_index("claim", start)
        others = said.filter(~pl.col("claim").is_in(found["claim"].implode()))
        claims.append(others.with_columns(own_number("raw_household"), own_number("raw_source_id")))
        sources.append(_sources(said.drop_nulls("raw_source_id").join(found, on="claim")))
        members.append(_members(said, claims[-1], found))
    return Rest(claims=pl.concat(claims), sources=pl.concat(sources), members=pl.concat(members))


def _sources(said: pl.DataFrame) -> pl.DataFrame:
    written = said.drop_nulls("raw_source_id").with_columns(own_number("raw_source_id")).drop_nulls("raw_source_id")
    return written.select(pl.col(n).cast(t) for n, t in KNOWN.items())


def _members(said: pl.DataFrame, others: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Of the plain rows, those of households of the others."""
    homes = others.select(residue.HOUSEHOLD).drop_nulls().unique()
    household = pl.col("raw_household").str.strip_chars().alias("raw_household")
    near = said.select("claim", "delivery", household)
    near = near.filter(pl.col("raw_household").hash().is_in(homes["raw_household"].hash().implode()))
    members = near.join(homes, on=residue.HOUSEHOLD, how="semi").join(found, on="claim")
    return members.select(pl.col(n).cast(t) for n, t in _MEMBERS.items())


def between(frame: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """Of a frame in the order of `claim`, the claims from `start` to before `end`."""
    first = int(frame["claim"].search_sorted(start, side="left"))
    return frame.slice(first, int(frame["claim"].search_sorted(end, side="left")) - first)


def sure_sources(claims: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """`KNOWN` of the rows (SOURCE columns) that number and name made sure; `links`: `LINKS` of the same rows."""
    rows = claims.select("instance", "raw_source_id").with_columns(links["person_key"], links["rule"])
    return _sources(rows.drop_nulls("raw_source_id").filter(pl.col("rule") == "number+name")).unique()


def side_by_side(work: Callable[[int, pl.DataFrame], T], buckets: Frames) -> Iterator[T]:
    """What each bucket, or slice, comes to, in their order: one is read while the one before is worked on, and no more
    than two are in memory."""
    begun: deque[Future[T]] = deque()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for bucket, people in enumerate(buckets):
            begun.append(pool.submit(work, bucket, people))
            del people
            if len(begun) == _AT_ONCE:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def _decided(claims: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """claim, same, excluded, nobody: of the claims about which a person decided."""
    near = claims.filter(pl.col("number").hash().is_in(verdicts["number"].hash().implode()))
    named = near.join(verdicts, on=["number", "name_key"], how="semi", nulls_equal=True)
    keyed = named.select("claim", *who_says(pl.col("instance")))
    joined = keyed.join(verdicts, on=list(WHO), how="inner", nulls_equal=True)
    return joined.select(_DECIDED.names())
