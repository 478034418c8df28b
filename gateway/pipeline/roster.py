"""The roster pulled for the day, cut into sealed buckets.

What linking reads is cut by number, what the platform is told by person key, and a bucket is sorted by what it is cut
by: who looks up one person opens a few blocks of one bucket of each.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date

import polars as pl

from gateway.errors import PeerBroken, TryLater
from gateway.model.buckets import BUCKETS, by_key, by_number
from gateway.model.frames import FORMER, ROSTER
from gateway.normalise import normalise_roster
from gateway.normalise.cells import mend
from gateway.normalise.numbers import CLEAN, CLEANING, eighteen
from gateway.pipeline.platform import PlatformChannel
from gateway.reconcile import SEEN
from gateway.site import Site
from gateway.store import indexkeys, rosters
from gateway.vault.blind import BlindIndex
from gateway.vault.sm import sm3_hex
from gateway.words import _

#: People whom a roster may lose, or give another number, whatever the share; the share is a setting of the site.
SHRINK_NUMBER = 20
#: Buckets that are sealed or opened side by side: two cores.
BUCKETS_AT_ONCE = 2
#: What the platform is told of a person, sorted by key.
PAPERS = ("person_key", "psn_no", "name", "certno")
#: What linking reads, sorted by number.
_BY_NUMBER = ("number", *(name for name in SEEN if name != "number"))
#: People who are looked up by their papers' number; for more, what linking reads is opened whole.
FEW = 16
#: A roster of so many people is held as a whole, about 150 bytes each; a larger one is opened bucket by bucket.
HELD_PEOPLE = 6_000_000
#: Person numbers that are Python's at once: four million of them would be 600 MB.
DIGESTS_AT_ONCE = 100_000


def refresh_roster(site: Site, channel: PlatformChannel, today: date) -> None:
    """Pulls the roster once a day. Where the platform does not give it, the roster in force stays, and the fault is
    raised."""
    with site.ledger.begin() as tx:
        newest = rosters.newest(tx)
    if newest is not None and newest.pulled_on == today:
        return
    content = channel.export("roster")
    digest = sm3_hex(content)
    if newest is not None and newest.digest == digest:
        with site.ledger.begin() as tx:
            rosters.touch(tx, newest.id, today)
        return
    people = normalise_roster(content)
    del content  # half a gigabyte
    people = _with_keys(site, people)
    gone = pl.DataFrame(schema=FORMER) if newest is None else _gone(site, newest, people)
    files, left = _seal(site, people), _seal_former(site, _left(site, people, gone))
    with site.ledger.begin() as tx:
        rosters.add(tx, digest=digest, people=people.height, files=files, pulled_on=today, former=left)


def former(site: Site) -> pl.DataFrame:
    """`FORMER`: those who were on a roster before. Their numbers are kept, so that they are found by them still, and
    under another key of the blind index too."""
    newest = _newest(site)
    return site.read_frame(newest.former) if newest and newest.former else pl.DataFrame(schema=FORMER)


def _left(site: Site, people: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """`FORMER`, once these people are the roster. `gone`: of the one before."""
    left = pl.concat([former(site), gone]).join(people, on="psn_no", how="anti")
    with site.ledger.begin() as tx:
        named = indexkeys.named(tx, left["person_key"])
    return left.join(named.to_frame(), on="person_key", how="semi").unique("person_key")


def _seal_former(site: Site, left: pl.DataFrame) -> str | None:
    return site.write_frame(left.sort("person_key")) if left.height else None


def rekeyed(site: Site, keys: Callable[[pl.Series], pl.Series]) -> tuple[list[str], str | None]:
    """The files of the roster in force, and of those who left, with other person keys; of no roster none."""
    newest = _newest(site)
    if newest is None:
        return [], None

    def passed(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(keys(frame["person_key"]).alias("person_key"))

    seen = [site.write_frame(passed(site.read_frame(name))) for name in newest.files[:BUCKETS]]
    papers = passed(_papers(site, PAPERS, None))
    return seen + _seal_cut(site, papers, by_key(pl.col("person_key"))), _seal_former(site, passed(former(site)))


def _seal(site: Site, people: pl.DataFrame) -> list[str]:
    """The sealed files, first all that linking reads. What compresses and seals them lets the other thread run."""
    cuts = ((_BY_NUMBER, by_number(pl.col("number"))), (PAPERS, by_key(pl.col("person_key"))))
    return [name for columns, cut in cuts for name in _seal_cut(site, people.select(columns), cut)]


def _seal_cut(site: Site, people: pl.DataFrame, cut: pl.Expr) -> list[str]:
    """One sealed file for each bucket, sorted by its first column."""
    bucket = people.select(cut).to_series()

    def sealed(number: int) -> str:
        return site.write_frame(people.filter(bucket == number).sort(people.columns[0]))

    with ThreadPoolExecutor(BUCKETS_AT_ONCE) as pool:
        return list(pool.map(sealed, range(BUCKETS)))


def _gone(site: Site, newest: rosters.RosterVersion, people: pl.DataFrame) -> pl.DataFrame:
    """`FORMER` of those of the roster in force who are not among these people. Raises PeerBroken where that is many, or
    many have other people's numbers now."""
    bucket_of = people.select(by_key(pl.col("person_key"))).to_series()
    now = people.select("person_key", now="certno", here=pl.lit(value=True))
    # One that was not known may come, and none may go.
    other = pl.col("certno").is_not_null() & pl.col("certno").ne_missing(pl.col("now"))

    def compared(bucket: int) -> tuple[pl.DataFrame, int]:
        before = site.read_frame(newest.files[BUCKETS + bucket], [*FORMER, "certno"])
        both = before.join(now.filter(bucket_of == bucket), on="person_key", how="left")
        differ = both.filter("here", other)
        # The same number may be written in another way.
        moved = numbers_of(differ["certno"]).ne_missing(numbers_of(differ["now"]))
        return both.filter(pl.col("here").is_null()).select(FORMER.names()), int(moved.sum())

    with ThreadPoolExecutor(BUCKETS_AT_ONCE) as pool:
        found = list(pool.map(compared, range(BUCKETS)))
    gone = pl.concat([some for some, _moved in found])
    _check(newest.people, gone.height, sum(moved for _some, moved in found), site.settings.site.roster_shrink)
    return gone


def _check(before: int, lost: int, moved: int, share: float) -> None:
    """A roster that lost many people overnight, or that has other people's numbers for many, is rather a broken export;
    the one in force stays."""
    if max(lost, moved) <= max(SHRINK_NUMBER, share * before):
        return
    what = _("参保人名册与原名册相差过大:原 {before} 人中 {lost} 人不在新名册中,{moved} 人的证件号码换成了别的,未采用")
    step = _("沿用原名册;请向平台方核实,确属正常时调高 gateway.toml 中 [site] 的 roster_shrink,运行后改回")
    raise PeerBroken(what.format(before=before, lost=lost, moved=moved), where=_("医保平台 L101"), next_step=step)


def _with_keys(site: Site, people: pl.DataFrame) -> pl.DataFrame:
    """With person keys. Two people of one key would be flagged as one: such a roster is refused."""
    keyed = people.with_columns(person_key=digests(site.keyring.index, people["psn_no"]))
    keyed = keyed.select(pl.col(n).cast(t) for n, t in ROSTER.items())
    if keyed["person_key"].n_unique() != keyed.height:
        what = _("两个人员编号的摘要相同,无法区分")
        raise PeerBroken(what, where=_("参保人名册"), next_step=_("请联系维护人员更换索引密钥"))
    return keyed


def digests(index: BlindIndex, numbers: pl.Series) -> pl.Series:
    """Person keys of person numbers, in their order."""
    slices = (numbers.slice(at, DIGESTS_AT_ONCE) for at in range(0, numbers.len(), DIGESTS_AT_ONCE))
    made = (pl.Series(index.digests(some.to_list()), dtype=pl.Int64) for some in slices)
    return pl.concat([pl.Series([], dtype=pl.Int64), *made])


_held: ContextVar[dict[str, pl.DataFrame] | None] = ContextVar("held", default=None)


@contextmanager
def held() -> Iterator[None]:
    """While this lasts, what linking reads of the roster is opened once, and kept in memory unless it is too large."""
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def needed(site: Site) -> None:
    """Raises TryLater where no roster came yet."""
    if _newest(site) is None:
        what, step = _("还没有参保人名册,无法核对人员"), _("等医保平台可用后再运行 gateway run")
        raise TryLater(what, where=_("参保人名册"), next_step=step)


def buckets(site: Site) -> Iterator[pl.DataFrame]:
    """The roster's buckets, cut by number, one after the other: what linking reads (`reconcile.SEEN`)."""
    newest = _newest(site)
    kept = _held.get()
    names = newest.files[:BUCKETS] if newest else []
    if newest is None or kept is None or newest.people > HELD_PEOPLE:
        yield from (site.read_frame(name, list(SEEN)) for name in names)
        return
    if names and names[0] not in kept:
        with ThreadPoolExecutor(BUCKETS_AT_ONCE) as pool:
            kept.update(zip(names, pool.map(lambda name: site.read_frame(name, list(SEEN)), names), strict=True))
    yield from (kept[name] for name in names)


def people(site: Site, columns: Sequence[str], keys: pl.Series | None = None) -> pl.DataFrame:
    """Roster columns of all people, or of those with these keys."""
    seen = [name for name in columns if name in SEEN and name != "person_key"]
    papers = [name for name in columns if name in PAPERS]
    few = keys is not None and keys.len() <= FEW
    if not seen:
        return _papers(site, columns, keys)
    if papers in ([], ["person_key"]) and not few:
        return _of(keys, (part.select(columns) for part in buckets(site)), columns)
    told = _papers(site, list(dict.fromkeys(["person_key", *papers, *(["certno"] if few else [])])), keys)
    known = _of_papers(site, told, seen) if few else people(site, ["person_key", *seen], told["person_key"])
    return told.join(known, on="person_key").select(columns)


def _of_papers(site: Site, told: pl.DataFrame, seen: Sequence[str]) -> pl.DataFrame:
    """person_key and columns of `SEEN` of people whose papers (person_key, certno) are known."""
    numbers = numbers_of(told["certno"]).unique()
    return _of(told["person_key"], (of_number(site, n, ["person_key", *seen]) for n in numbers), ["person_key", *seen])


def numbers_of(texts: pl.Series) -> pl.Series:
    """Identity numbers, however they are typed, as the roster's `number` has them; null = nothing is left of it."""
    return mend(texts, *CLEANING, eighteen, clean=CLEAN)


def of_number(site: Site, number: str | None, columns: Sequence[str]) -> pl.DataFrame:
    """Columns of `SEEN` of the people who have this cleaned number; None = of those who have none."""
    newest, place = _newest(site), pl.select(by_number(pl.lit(number, pl.String))).item()
    asked = pl.Series([number], dtype=pl.String)
    return site.read_rows(newest.files[place], asked, list(columns)) if newest else _nobody(columns)


def _of(keys: pl.Series | None, parts: Iterable[pl.DataFrame], columns: Sequence[str]) -> pl.DataFrame:
    if keys is not None:
        wanted = keys.unique().to_frame("person_key")
        parts = [part.join(wanted, on="person_key", how="semi") for part in parts]
    return pl.concat([_nobody(columns), *parts])


def _papers(site: Site, columns: Sequence[str], keys: pl.Series | None) -> pl.DataFrame:
    """Columns of `PAPERS`. Opens only the buckets into which one of the keys falls, and there what may have one."""
    newest = _newest(site)
    if newest is None:
        return _nobody(columns)
    asked: dict[int, pl.Series | None] = dict.fromkeys(range(BUCKETS))
    if keys is not None:
        cut = keys.to_frame("key").with_columns(bucket=by_key(pl.col("key"))).partition_by("bucket", as_dict=True)
        asked = {bucket: part["key"] for (bucket,), part in sorted(cut.items())}

    def opened(bucket: int) -> pl.DataFrame:
        name, wanted = newest.files[BUCKETS + bucket], asked[bucket]
        return site.read_frame(name, list(columns)) if wanted is None else site.read_rows(name, wanted, list(columns))

    with ThreadPoolExecutor(BUCKETS_AT_ONCE) as pool:
        return pl.concat([_nobody(columns), *pool.map(opened, asked)])


def _nobody(columns: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(schema={name: ROSTER[name] for name in columns})


def _newest(site: Site) -> rosters.RosterVersion | None:
    with site.ledger.begin() as tx:
        return rosters.newest(tx)
