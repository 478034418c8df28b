"""The roster pulled for the day, cut into sealed buckets."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import polars as pl

from gateway.errors import PeerBroken
from gateway.model.buckets import BUCKETS, by_number
from gateway.model.frames import ROSTER
from gateway.normalise import normalise_roster
from gateway.pipeline.platform import PlatformChannel
from gateway.site import Site
from gateway.store import rosters
from gateway.vault.sm import sm3_hex
from gateway.words import _

#: People that a roster may lose whatever the share; the share is a setting of the site.
SHRINK_NUMBER = 20
#: Buckets that are sealed side by side: two cores.
BUCKETS_AT_ONCE = 2
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
    if newest is not None:
        _check_size(newest.people, people.height, site.settings.site.roster_shrink)
    files = _seal(site, people)
    with site.ledger.begin() as tx:
        rosters.add(tx, digest=digest, people=people.height, files=files, pulled_on=today)


def _seal(site: Site, people: pl.DataFrame) -> list[str]:
    """The buckets' sealed files. What compresses and seals them lets the other thread run."""
    bucket = people.select(by_number(pl.col("number"))).to_series()
    with ThreadPoolExecutor(BUCKETS_AT_ONCE) as pool:
        return list(pool.map(lambda b: site.write_frame(people.filter(bucket == b)), range(BUCKETS)))


def _check_size(before: int, after: int, share: float) -> None:
    """A roster that lost many people overnight is rather a broken export; the one in force stays."""
    if before - after > SHRINK_NUMBER and before - after > share * before:
        what = _("参保人名册人数骤减:原 {before} 人,现 {after} 人,未采用").format(before=before, after=after)
        step = _("沿用原名册;请向平台方核实,确属正常时调高 gateway.toml 中 [site] 的 roster_shrink,运行后改回")
        raise PeerBroken(what, where=_("医保平台 L101"), next_step=step)


def _with_keys(site: Site, people: pl.DataFrame) -> pl.DataFrame:
    """With person keys. Two people of one key would be flagged as one: such a roster is refused."""
    slices = (part["psn_no"].to_list() for part in people.select("psn_no").iter_slices(DIGESTS_AT_ONCE))
    digests = (pl.Series(site.keyring.person_digest(numbers), dtype=pl.Int64) for numbers in slices)
    keys = pl.concat([pl.Series("person_key", [], pl.Int64), *digests])
    keyed = people.with_columns(keys).select(pl.col(n).cast(t) for n, t in ROSTER.items())
    if keyed["person_key"].n_unique() != keyed.height:
        what = _("两个人员编号的摘要相同,无法区分")
        raise PeerBroken(what, where=_("参保人名册"), next_step=_("请联系维护人员更换索引密钥"))
    return keyed


def buckets(site: Site) -> Iterator[pl.DataFrame]:
    """The roster's buckets, one after the other, cut by number."""
    with site.ledger.begin() as tx:
        newest = rosters.newest(tx)
    for name in newest.files if newest else ():
        yield site.read_frame(name)


def people(site: Site, columns: list[str], keys: pl.Series | None = None) -> pl.DataFrame:
    """Roster columns of all people, or of those with these keys."""
    parts = [part.select(columns) for part in buckets(site)]
    if keys is not None:
        wanted = keys.unique().to_frame("person_key")
        parts = [part.join(wanted, on="person_key", how="semi") for part in parts]
    return pl.concat(parts) if parts else pl.DataFrame(schema={c: ROSTER[c] for c in columns})
