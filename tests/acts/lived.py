"""A site of a tiny city after three days, made once a process: what acts, commands and the daemon are tried on.

The third day's civil list leaves out half of its people, so one hold is open. Tests that change something take a copy.
"""

import csv
import ctypes
import gzip
import io
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import structlog

from gateway import cli, pipeline
from gateway.acts import people
from gateway.bootstrap import open_site
from gateway.demo.generate import generate
from gateway.model.roles import Grant, Role
from gateway.model.verdicts import who_says
from gateway.site import Site
from gateway.store import deliveries, grants
from gateway.testing.city import CityPeers
from gateway.testing.site import APPROVERS, new_site, staff, write_site
from tests import ledgers

PEOPLE, SEED, DAYS = 800, 7, 3
#: The list whose departures are held; departments are visited side by side, so its number differs.
HELD = "(SELECT delivery_id FROM holds)"
#: Whose runs opened the hold; an approver, but not of that.
OPENER = "opener"
#: Seconds for one command.
PATIENCE = 120


@dataclass(frozen=True, kw_only=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Lived:
    """The city, its servers, the site after three days, and the same site before its first run."""

    city: Path
    peers: CityPeers
    site: Path
    fresh: Path

    def people(self) -> list[dict[str, str]]:
        """The city's roster, one row a relation."""
        with gzip.open(self.city / "platform_and_tax" / "roster.csv.gz", "rt", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def records(self) -> set[tuple[str, ...]]:
        """What the platform holds now."""
        return {tuple(row.values()) for row in self.peers.platform_records()}


_made: list[Lived] = []
_offices = itertools.count(1)


def lived(config: pytest.Config, factory: pytest.TempPathFactory) -> Lived:
    """The one of this process."""
    if not _made:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        _made.append(_live(factory.mktemp("lived"), stack))
    return _made[0]


def _live(root: Path, stack: ExitStack) -> Lived:
    generate(root / "city", PEOPLE, SEED)
    public = new_site(root / "site")
    peers = stack.enter_context(CityPeers(root / "city", root / "peers", gateway_public_hex=public))
    write_site(root / "site", peers.addresses)
    ledgers.place(root / "site")
    with opened(root / "site") as site:
        staff(site, approvers=[*APPROVERS, OPENER])
    ledgers.copied(root / "site", root / "fresh")
    with opened(root / "site") as site:
        for day in range(1, DAYS + 1):
            peers.stage(day)
            pipeline.run(site, list(site.settings.sources), date(2026, 11, day), actor=OPENER)
    return Lived(city=root / "city", peers=peers, site=root / "site", fresh=root / "fresh")


def copy(site: Path, to: Path) -> Path:
    """A copy of a site, keys and ledger included, of an office of its own: two sites of one office that talk to one
    platform within a second draw the same message numbers."""
    ledgers.copied(site, to / "site")
    file = to / "site" / "gateway.toml"
    text = file.read_text("utf-8")
    office = re.search(r'org_code = "(\w{8})\w{4}"', text)
    assert office
    file.write_text(text.replace(office[0], f'org_code = "{office[1]}{next(_offices):04d}"'), "utf-8")
    return to / "site"


def edit(site: Path, old: str, new: str) -> Path:
    """Replaces text in the site's configuration; the text must be there."""
    file = site / "gateway.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    return site


@contextmanager
def opened(root: Path) -> Iterator[Site]:
    site = open_site(root)
    try:
        yield site
    finally:
        site.ledger.close()


def moved(site: Site, person: str, role: Role | None) -> None:
    """Somebody who had other roles has this one from now on, or none."""
    with site.ledger.begin() as tx:
        former = [row.id for row in grants.of_person(tx, person)]
    for number in former:
        people.revoke(site, number, note="moved", actor="system")
    if role is not None:
        granted(site, person, role)


def granted(site: Site, person: str, role: Role, *, county: str = "", instance: str = "") -> int:
    """Asked for and approved; its number."""
    wanted = Grant(person=person, role=role, county=county, instance=instance, first=date(2020, 1, 1))
    number = people.grant(site, wanted, note="moved", actor="system")
    return people.approve(site, number, note="moved", actor="security").id


def plainly_meant(site: Site, instance: str) -> set[int]:
    """Person keys whom one row of each of the instance's lists means, always in the same words: what is decided about
    that row is decided about the person."""
    with site.ledger.begin() as tx:
        rows = [row for row in deliveries.select(tx, instance=instance) if row.entries_file and row.resolutions_file]
    said = pl.concat(
        site.read_frame(row.entries_file or "").select("row", who=pl.concat_str(_words(instance), separator="|"))
        .join(site.read_frame(row.resolutions_file or "", ["row", "person_key"]), on="row")
        .with_columns(delivery=row.id)
        for row in rows
    ).drop_nulls("person_key")  # fmt: skip
    lists, words = pl.col("delivery").n_unique(), pl.col("who").n_unique()
    counted = said.group_by("person_key").agg(plain=(lists == pl.len()) & (words == 1))
    return set(counted.filter("plain")["person_key"])


def _words(instance: str) -> list[pl.Expr]:
    return [expression.cast(pl.String).fill_null("") for expression in who_says(pl.lit(instance))]


def command(site: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "gateway.cli", "--site", str(site), *words]


def environment() -> dict[str, str]:
    """Without what a developer's shell may have set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "COLUMNS"))}
    return {**kept, "PYTHONUTF8": "1"}


def here(site: Path, *words: str) -> Done:
    """`gateway --site SITE WORDS` in this process, through the same door: for many small commands."""
    before, out, err = sys.argv, io.StringIO(), io.StringIO()
    sys.argv = ["gateway", "--site", str(site), *words]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            cli.main()
        code: object = 0
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = before
        structlog.reset_defaults()
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # what a command gives up, the tests still need of their own process
    assert isinstance(code, int)
    return Done(code=code, out=out.getvalue(), err=err.getvalue())


def gateway(site: Path, *words: str, language: str = "") -> Done:
    """`gateway --site SITE WORDS` as a process."""
    env = {**environment(), "GATEWAY_LANG": language}
    done = subprocess.run(
        command(site, *words), capture_output=True, encoding="utf-8", timeout=PATIENCE, env=env, check=False
    )
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)
