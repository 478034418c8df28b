"""The audit chain: to read, to export, to verify, and the alarm where its checkpoints do not leave the house.

Verifying an export needs no site: only the file, the key's fingerprint and, to find out that its end is missing, what
was kept outside.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.acts.files import new_file, outside
from gateway.acts.rights import acting
from gateway.audit import Anchor, Checked, anchors_in, check, fingerprint
from gateway.errors import NotFound
from gateway.pipeline import anchors
from gateway.pipeline.audit import seal
from gateway.site import Site
from gateway.store import audit
from gateway.store.audit import ActEntry, Anchored
from gateway.store.ledger import record_act
from gateway.words import _

_KEY = re.compile(r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{64})(?![0-9a-fA-F])")
#: Bytes of a file that is to hold a key.
_KEY_FILE = 10_000


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export holds."""

    entries: int
    checkpoints: int
    #: Fingerprint of the key with which it is signed: what to tell whoever verifies it, by another way than the file.
    fingerprint: str


@contextmanager
def sealing(site: Site) -> Iterator[None]:
    """While a command does its work: what it recorded is signed at its end, also where it was refused."""
    try:
        yield
    finally:
        if site.ledger.appended():
            seal(site)


def listed(site: Site, *, act: str = "", by: str = "", limit: int = 100, actor: str) -> list[ActEntry]:
    """The newest entries, newest first; of acts that begin so, by this one. Raises NotAllowed."""
    with acting(site, actor, "audit.list") as may, site.ledger.begin() as tx:
        may(tx)
        return audit.entries(tx, act=act, actor=by, limit=limit)


def export(site: Site, out: Path, *, actor: str) -> Exported:
    """Writes the whole chain, signed to its end, into a new file. Raises NotAllowed, DiskFault."""
    with acting(site, actor, "audit.export") as may:
        outside(site, out)
        with new_file(out) as file:
            with site.ledger.begin() as tx:
                may(tx)
                record_act(tx, actor=actor, act="audit.export")
            seal(site)
            with site.ledger.begin() as tx:
                signed, checkpoints = audit.signed_to(tx)
            for line in audit.lines(site.ledger.begin, signed):
                file.write(line)
    return Exported(entries=signed, checkpoints=checkpoints, fingerprint=own_fingerprint(site))


def own_fingerprint(site: Site) -> str:
    """Of the key with which this site signs."""
    return fingerprint(site.keyring.signing_key.public.hex)


def own_fingerprints(site: Site) -> set[str]:
    """Of that key and of those with which the site signed before, which its ring still knows."""
    return {own_fingerprint(site), *(fingerprint(one.public_key) for one in site.keyring.ring.file.signing)}


def verify_export(file: Path, keys: Sequence[str], kept: Sequence[Path]) -> Checked:
    """Checks an export. `keys`: each a public key, its fingerprint, or a file with either; `kept`: files of anchors.

    Raises NotFound for a file that cannot be read, and for a key that is none.
    """
    trusted = {_fingerprint(key) for key in keys}
    known = [anchor for path in kept for anchor in _kept(path)]
    try:
        with file.open("rb") as lines:
            return check(lines, trusted=trusted, anchors=known)
    except OSError as fault:
        raise _unreadable(file) from fault


def verify_ledger(site: Site, keys: Sequence[str], kept: Sequence[Path], *, actor: str) -> Checked:
    """Checks the chain as it stands in the ledger, with the site's own keys, and with its file of anchors where that is
    set. `keys`: earlier keys that its ring does not know, else as `verify_export`. Raises NotAllowed, NotFound."""
    with acting(site, actor, "audit.verify") as may:
        with site.ledger.begin() as tx:
            may(tx)
        for path in kept:
            outside(site, path)
        return checked(site, keys, kept)


def checked(site: Site, keys: Sequence[str] = (), kept: Sequence[Path] = ()) -> Checked:
    """The same for the program itself, which shows nobody what is in it."""
    trusted = own_fingerprints(site) | {_fingerprint(key) for key in keys}
    with site.ledger.begin() as tx:
        last, digest = audit.tip(tx)
        sent = {one.place for one in audit.anchored(tx) if one.number}
    own = site.settings.audit.file
    files = [Path(own), *kept] if f"file:{own}" in sent else kept
    known = [anchor for path in files for anchor in _kept(path)]
    return check(audit.lines(site.ledger.begin, last), trusted=trusted, anchors=known, tip=digest)


def kept_at(site: Site) -> list[str]:
    """The places outside that are set."""
    return anchors.places(site.settings.audit)


def alarms(site: Site) -> list[tuple[Anchored, str]]:
    """Places outside that do not have the newest checkpoint, each with a sentence."""
    with site.ledger.begin() as tx:
        newest, known = audit.newest_checkpoint(tx), {one.place: one for one in audit.anchored(tx)}
    found = []
    for place in anchors.places(site.settings.audit) if newest else ():
        one = known.get(place)
        if one and one.fault:
            text = _("审计检查点自 {at} 起未能存到 {place}:{fault}").format(at=one.at, place=place, fault=one.fault)
            found.append((one, text))
    return found


def _fingerprint(key: str) -> str:
    """Of a public key, a fingerprint, or a file with one of them."""
    text, path = key.strip(), Path(key)
    what, step = _("不是公钥(128 位十六进制)或指纹(64 位),也不是写有其一的文件"), _("请用 gateway keys list 核对")
    if not _KEY.fullmatch(text):
        try:
            with path.open("rb") as file:
                text = file.read(_KEY_FILE).decode("ascii", "replace")
        except OSError as fault:
            raise NotFound(what, where="--key", next_step=step) from fault
    found = _KEY.findall(text)
    if len(found) != 1:
        raise NotFound(what, where="--key", next_step=step)
    (said,) = found
    return fingerprint(said.lower()) if len(said) == 128 else said.lower()


def _kept(path: Path) -> list[Anchor]:
    try:
        return anchors_in(anchors.kept(path), path.name)
    except OSError as fault:
        raise _unreadable(path) from fault


def _unreadable(path: Path) -> NotFound:
    return NotFound(_("读不到这个文件"), where=str(path), next_step=_("请核对路径和权限"))
