"""A small site with its peers, for runs that go wrong on purpose."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

from gateway import pipeline
from gateway.acts.rights import REFUSED
from gateway.acts.runs import Patience
from gateway.bootstrap import open_site
from gateway.errors import ExitCode, GatewayError
from gateway.pipeline import RunReport
from gateway.settings import FILE
from gateway.site import Site
from gateway.store import decisions, deliveries
from gateway.store.deliveries import DeliveryRow
from gateway.store.ledger import acts
from gateway.testing.carried import Carried
from gateway.testing.city import CityPeers
from gateway.testing.site import new_site, staff, write_site
from tests import ledgers

PLATFORM = "insurance_platform"
#: Seconds that a site waits for its peers where a test makes one stall. All others wait as long as a real site: how
#: busy the machine is must not decide how a run ends.
IMPATIENT = 1.0
#: A list of seventy rows is judged as one of thousands would be.
SMALL = "identity_number = 2, mix_number = 5, unusable_number = 5, arrivals_number = 5"
#: What a record says; its evidence number and time differ from run to run.
SAYS = ("psn_no", "idet_use", "psn_idet_type", "psn_type_lv", "begntime", "endtime", "src_dept")

Records = list[tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Rig:
    """One open site and its peers."""

    peers: CityPeers
    site: Site

    @property
    def outbox(self) -> Path:
        """Where civil affairs puts its deliveries."""
        return self.peers.workdir / "mz" / "outbox"

    @property
    def rural(self) -> Path:
        """Where rural revitalization puts its folders."""
        return self.peers.workdir / "xczx" / "outbox"

    def run(self, day: int = 1, only: Sequence[str] | None = None) -> RunReport:
        """A run on that day of November."""
        names = list(self.site.settings.sources) if only is None else list(only)
        report = pipeline.run(self.site, names, date(2026, 11, day), actor="test")
        assert report is not None
        return report

    def told(self, day: int = 1) -> tuple[ExitCode, str]:
        """A run's exit code and all that it says of faults, also where it could not even write itself down."""
        try:
            report = self.run(day)
        except GatewayError as fault:
            return fault.exit_code, str(fault)
        said = [*report.faults, *(f for one in report.instances.values() for f in one.faults)]
        return report.exit_code, "\n".join(said)

    def rows(self, name: str = "") -> list[DeliveryRow]:
        """Deliveries as the ledger shows them, all or those of a name."""
        with self.site.ledger.begin() as tx:
            return [row for row in deliveries.select(tx) if name in ("", row.name)]

    def row(self, name: str) -> DeliveryRow:
        """The newest delivery of that name."""
        return self.rows(name)[-1]

    def findings(self, name: str) -> list[tuple[str, str, int]]:
        """What is told of the newest delivery of that name."""
        number = self.row(name).id
        with self.site.ledger.begin() as tx:
            return deliveries.findings_of(tx, number)

    def open_holds(self) -> list[tuple[str, str]]:
        """(delivery, scope) of what waits for a person."""
        with self.site.ledger.begin() as tx:
            return [(hold.name, hold.scope) for hold in decisions.holds(tx, state="open")]

    def originals(self, name: str) -> dict[str, bytes]:
        """The sealed originals of the newest delivery of that name, opened."""
        kept = {}
        for file in self.row(name).landing["files"]:
            with self.site.keyring.sealer.open(self.site.archive / file["sealed"]) as reader:
                kept[file["name"]] = reader.read()
        return kept

    def records(self) -> Records:
        """What the platform holds."""
        return [tuple(record[field] for field in SAYS) for record in self.peers.platform_records()]

    def uploads(self) -> list[dict[str, Any]]:  # Any: JSON
        """The platform's log of uploads."""
        return [entry for entry in self.peers.log(PLATFORM) if entry.get("infno") == "L201"]

    def applied_twice(self) -> list[str]:
        """Message numbers under which the platform changed something more than once."""
        return [msgid for msgid, times in self.peers.servers[PLATFORM].applied.items() if times > 1]

    def applied_otherwise(self) -> list[str]:
        """Message numbers of which the platform carried an item out that it had carried out with another content."""
        carried: Carried = self.peers.servers[PLATFORM].carried
        return carried.otherwise()

    def changed(self) -> int:
        """Items that changed something at the platform, over all uploads."""
        return sum(entry.get("changed", 0) for entry in self.uploads() if not entry.get("repeated"))


@contextmanager
def later(**passed: float) -> Iterator[None]:
    """The clocks of the site and of its peers go on from so much later."""
    with time_machine.travel(datetime.now(UTC) + timedelta(**passed), tick=True):
        yield


@contextmanager
def open_rig(city: Path, folder: Path, *sources: str, database: str = "") -> Iterator[Rig]:
    """A new site with these sources (all where none is named), and its peers; nothing is staged yet."""
    root = folder / "site"
    public = new_site(root)
    with CityPeers(city, folder / "peers", gateway_public_hex=public) as peers:
        wanted = {*(sources or peers.addresses), PLATFORM}
        write_site(root, {name: peers.addresses[name] for name in peers.addresses if name in wanted})
        ledgers.place(root, database)
        site = open_site(root)
        staff(site)
        try:
            yield Rig(peers=peers, site=site)
        finally:
            site.ledger.close()
            if not database:
                ledgers.gone(root)


def limited(rig: Rig, limits: str) -> Rig:
    """The same site with these limits for civil affairs."""
    file = rig.site.settings.root / FILE
    kept = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("limits =")]
    text = "\n".join(kept).replace("[sources.civil_affairs]", f"[sources.civil_affairs]\nlimits = {{ {limits} }}")
    file.write_text(text, "utf-8")
    return replace(rig, site=open_site(rig.site.settings.root))


@contextmanager
def fork(rig: Rig, folder: Path) -> Iterator[Rig]:
    """The same site and its peers once more, as they are now: from here each goes its own way. Nobody may be in the
    first one's ledger meanwhile."""
    with rig.peers.again(folder / "peers") as peers:
        root = ledgers.copied(rig.site.settings.root, folder / "site")
        text = (root / FILE).read_text("utf-8")
        for name, before in rig.peers.addresses.items():
            for key in before:
                text = text.replace(_line(key, before[key]), _line(key, peers.addresses[name][key]))
        (root / FILE).write_text(text, "utf-8")
        site = open_site(root)
        try:
            yield Rig(peers=peers, site=site)
        finally:
            site.ledger.close()
            ledgers.gone(root)


def _line(key: str, value: str | int) -> str:
    return f"\n{key} = {value}\n" if isinstance(value, int) else f'\n{key} = "{value}"\n'


@contextmanager
def overtaken(site: Site, meanwhile: Callable[[], object]) -> Iterator[Patience]:
    """Another run goes on; while somebody waits for its end with this patience, that happens."""
    with ExitStack() as another_run:
        another_run.enter_context(site.lock())

        def wait(_seconds: float) -> bool:
            another_run.close()
            meanwhile()
            return False

        yield Patience(longest=60.0, wait=wait)


@contextmanager
def impatient(rig: Rig, seconds: float = IMPATIENT) -> Iterator[Rig]:
    """The same site while it waits for its peers no longer than that, also in other processes."""
    root = rig.site.settings.root
    with waiting(root, seconds):
        site = open_site(root)
        try:
            yield replace(rig, site=site)
        finally:
            site.ledger.close()


@contextmanager
def waiting(root: Path, seconds: float) -> Iterator[None]:
    """Whoever opens that site meanwhile waits for its peers no longer than that."""
    file = root / FILE
    usual = file.read_text("utf-8")
    file.write_text(usual.replace("\nplugin =", f"\ntimeout = {seconds}\nplugin ="), "utf-8")
    try:
        yield
    finally:
        file.write_text(usual, "utf-8")


def refused(rig: Rig) -> list[tuple[str, str]]:
    """Who was refused what, as the chain tells it."""
    with rig.site.ledger.begin() as tx:
        return [(act.actor, act.detail["wanted"]) for act in acts(tx, REFUSED)]


def flagged(rig: Rig, who: str) -> bool:
    """The platform holds records of that person that are open."""
    return any(record[0] == who and record[5] > "2027" for record in rig.records())
