"""What is sealed under which epoch's key, and how all of it passes to the newest.

Takes an open site. Which file and which value is under which key stands in each seal, so whoever is killed in between
leaves nothing behind: the next pass looks again and goes on. Runs go on meanwhile; what a run may be writing at this
moment, a part of a download or the input of an open message, is left for a later pass or one under the site's lock.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import SealBroken
from gateway.pipeline import push, verdicts
from gateway.pipeline.known import on_disk
from gateway.site import Site
from gateway.store import sealed
from gateway.store.ledger import Tx
from gateway.store.sealed import SealedValue
from gateway.vault.rewrap import Rewrapped, header_of, rewrap
from gateway.vault.seal import value_key_id

#: Values that are sealed anew in one transaction: others wait for it.
AT_ONCE = 200

Tell = Callable[[int], object]
Replace = Callable[[Tx, Mapping[int | str, bytes]], None]


@dataclass(kw_only=True)
class Passed:
    """What one pass came to."""

    #: Files and values that passed to the newest epoch.
    files: int = 0
    values: int = 0
    #: Left for another pass, since somebody works on them.
    left: int = 0
    #: Names of files, and keys of values, that no key of the site opens.
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Key id -> how many files and values need it to open."""

    files: Mapping[str, int]
    values: Mapping[str, int]
    #: What no key of the site opens.
    broken: tuple[str, ...]

    def needs(self, key_id: str) -> int:
        """How much does not open without this key."""
        return self.files.get(key_id, 0) + self.values.get(key_id, 0)


def sealed_files(site: Site) -> Iterator[Path]:
    """Every sealed file of the site, partial downloads too. What is being written for the first time has no name."""
    yield from sorted(site.archive.glob("*.sealed"))
    yield from sorted(site.frames.glob("*.sealed"))
    yield from sorted((site.settings.var / "incoming").glob("*/*.part"))


def usage(site: Site) -> Usage:
    """Which key everything that is sealed needs. Every header is opened, and every value."""
    files: Counter[str] = Counter()
    values: Counter[str] = Counter()
    broken: list[str] = []
    epochs = site.keyring.sealer.epochs
    with on_disk():
        for path in sealed_files(site):
            try:
                files[header_of(epochs, path).epoch.key_id] += 1
            except FileNotFoundError:  # swept, or finished, since it was listed
                continue
            except SealBroken:
                broken += _names(site, path)
    for one, purpose in _all_values(site):
        try:
            site.keyring.sealer.open_bytes(one.sealed, purpose)
            values[value_key_id(one.sealed)] += 1
        except SealBroken:
            broken.append(f"{purpose} {one.key}")
    return Usage(files=files, values=values, broken=tuple(broken))


def pass_on(site: Site, tell: Tell = lambda _files: None, *, alone: bool = False) -> Passed:
    """One pass over everything: what is not under the newest epoch's key passes to it.

    `alone`: the caller has the site's lock, and what a run works on passes too. `tell` hears the number of files looked
    at. Raises DiskFault, StoreFault; what was done until then stays.
    """
    passed = Passed()
    with on_disk():
        for number, path in enumerate(sealed_files(site), 1):
            _pass_file(site, path, passed)
            tell(number)
    _pass_values(site, sealed.claims, sealed.replace_claims, verdicts.PURPOSE, passed)
    if alone:
        _pass_values(site, sealed.inputs, sealed.replace_inputs, push.PURPOSE, passed)
    else:
        with site.ledger.begin() as tx:
            passed.left += len(_older(site, sealed.inputs(tx)))
    return passed


def _pass_file(site: Site, path: Path, passed: Passed) -> None:
    try:
        done = rewrap(site.keyring.sealer.epochs, path)
    except FileNotFoundError:
        return
    except SealBroken:
        passed.broken += _names(site, path)
        return
    passed.files += done is Rewrapped.DONE
    passed.left += done is Rewrapped.BUSY


def _names(site: Site, path: Path) -> list[str]:
    """A part of a download that has no header yet is no loss: it begins again."""
    return [] if path.suffix == ".part" else [str(path.relative_to(site.settings.var))]


def _pass_values(
    site: Site, read: Callable[[Tx], list[SealedValue]], replace: Replace, purpose: str, passed: Passed
) -> None:
    with site.ledger.begin() as tx:
        older = _older(site, read(tx))
    for some in (older[at : at + AT_ONCE] for at in range(0, len(older), AT_ONCE)):
        anew: dict[int | str, bytes] = {}
        for one in some:
            try:
                anew[one.key] = site.keyring.sealer.reseal(one.sealed, purpose)
            except SealBroken:
                passed.broken.append(f"{purpose} {one.key}")
        with site.ledger.begin() as tx:
            replace(tx, anew)
        passed.values += len(anew)


def _older(site: Site, values: Iterable[SealedValue]) -> list[SealedValue]:
    newest = site.keyring.sealer.key_id
    return [one for one in values if value_key_id(one.sealed) != newest]


def _all_values(site: Site) -> Iterator[tuple[SealedValue, str]]:
    with site.ledger.begin() as tx:
        said, waiting = sealed.claims(tx), sealed.inputs(tx)
    yield from ((one, verdicts.PURPOSE) for one in said)
    yield from ((one, push.PURPOSE) for one in waiting)
